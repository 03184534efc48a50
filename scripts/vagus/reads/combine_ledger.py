"""Join the ledgers of all steps into one, and demand that it adds up."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from vagus.ledger import check_ledger, read_ledger, write_ledger
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def combine_ledgers(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Join ledgers and check them as one.

    Parameters
    ----------
    paths
        TSVs written by `vagus.ledger.write_ledger`.

    Returns
    -------
    pandas.DataFrame
        With the ledger's columns.

    Raises
    ------
    VagusError
        If a read is not accounted for.
    """
    frame = pd.concat([read_ledger(path) for path in paths], ignore_index=True)
    check_ledger(frame)
    return frame


def main(paths: list[str], output: str) -> None:
    """Write the whole ledger."""
    write_ledger(combine_ledgers(paths), output)


if "snakemake" in globals():
    run_step(lambda: main(list(snakemake.input), snakemake.output[0]), snakemake.log[0])

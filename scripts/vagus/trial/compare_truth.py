"""Known effects of a simulated trial beside their estimates."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.steps import run_step
from vagus.trial.adjust import family_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

KEYS = ["profile", "feature", "contrast"]
COLUMNS = [
    *KEYS,
    "visit",
    "truth",
    "estimate",
    "ci_low",
    "ci_high",
    "covered",
    "q_value",
    "found",
    "unit",
    "status",
]


def read_truth(path: str | Path) -> pd.DataFrame:
    """Read the known effects of a simulation.

    Parameters
    ----------
    path
        TSV with the columns profile, feature, contrast, truth and, if wanted, unit; an effect may stand once
        in each of several units.

    Returns
    -------
    DataFrame
        One row per known effect; unit is "" when not given.

    Raises
    ------
    VagusError
        If the file is missing, a column is missing, a truth is not a number or an effect stands twice.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, comment=None)
    except FileNotFoundError:
        raise VagusError(
            f"config: truth names {path}, which does not exist; fix: correct the path or set it to ''"
        ) from None
    for column in [*KEYS, "truth"]:
        if column not in table:
            raise VagusError(f"{path}: column {column!r} is missing; needed: {', '.join([*KEYS, 'truth'])}")
    numbers = pd.to_numeric(table["truth"], errors="coerce")
    if numbers.isna().any():
        row = int(numbers.isna().to_numpy().argmax())
        raise VagusError(
            f"{path}, row {row + 2}, column 'truth': {table['truth'].iloc[row]!r} is not a number; "
            "fix: give the effect, 0 for none"
        )
    unit = table.get("unit", pd.Series("", index=table.index))
    twice = table[KEYS].assign(unit=unit).duplicated().to_numpy()
    if twice.any():
        raise VagusError(
            f"{path}, row {int(twice.argmax()) + 2}: this effect stands twice; fix: keep one row"
        )
    return table[KEYS].assign(truth=numbers, unit=unit)


def compare_truth(truth: pd.DataFrame, effects: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Set every known effect beside its estimate.

    Parameters
    ----------
    truth
        From `read_truth`.
    effects
        Rows of `arm_effects`, of one or more profiles.
    design
        The checked trial; its families give the alpha.

    Returns
    -------
    DataFrame
        `COLUMNS`, one row per known effect and visit. covered: the interval holds the truth. found: the
        adjusted p-value is at most alpha and the sign is right; where the truth is 0, a false finding. Both
        are empty without an estimate or when truth and estimate have different units; status says so.
    """
    kept = effects[[*KEYS, "visit", "estimate", "ci_low", "ci_high", "q_value", "unit", "status"]]
    table = truth.rename(columns={"unit": "truth_unit"}).merge(kept, how="left", on=KEYS)
    # Of the units in which a truth is known, the one of the estimate.
    fits = (table["truth_unit"] == table["unit"]).groupby([table[k] for k in KEYS]).transform("any")
    table = table[(table["truth_unit"] == table["unit"]) | ~fits].drop_duplicates([*KEYS, "visit"])
    numbers = ["estimate", "ci_low", "ci_high", "q_value"]
    table[numbers] = table[numbers].astype(float)
    table["status"] = table["status"].fillna("no such row in arm_effects")
    table["unit"] = table["unit"].fillna(table["truth_unit"])
    other = (table["truth_unit"] != "") & (table["truth_unit"] != table["unit"])
    table.loc[other, "status"] = "truth in another unit: " + table.loc[other, "truth_unit"]
    usable = ((table["status"] == "ok") & table["estimate"].notna()).to_numpy()
    covered = (table["ci_low"] <= table["truth"]) & (table["truth"] <= table["ci_high"])
    # A closed gate leaves no q, and with it no finding.
    alpha = table["profile"].map(lambda name: family_of(name, design.plan)[1])
    right = (table["truth"] == 0) | (table["truth"] * table["estimate"] > 0)
    found = (table["q_value"] <= alpha) & right
    table["covered"] = covered.astype(object).where(usable)
    table["found"] = found.astype(object).where(usable)
    return table[COLUMNS]


def main(truth: str, effects: Sequence[str], design: str, output: str) -> None:
    """Read the truth and the tables of arm effects, write them side by side."""
    known = read_truth(truth)
    text = dict.fromkeys([*KEYS, "visit", "unit", "status"], str)
    # "NA" may be the name of a feature or an arm; only an empty cell is missing.
    tables = [pd.read_csv(e, sep="\t", dtype=text, keep_default_na=False, na_values=[""]) for e in effects]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    table = compare_truth(known, rows, load_design(design))
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    covered = sum(value is True for value in table["covered"])
    print(f"{len(table)} rows of known effects, {covered} of them inside their interval")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.truth, snakemake.input.effects, snakemake.input.design, snakemake.output[0]
        ),
        snakemake.log[0],
    )

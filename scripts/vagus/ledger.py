"""The ledger: for every sample and step, how many reads came in, went out and were lost, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vagus.errors import VagusError

LEDGER_COLUMNS = ["sample", "run", "step", "reads_in", "reads_out", "lost", "status", "reason"]
STEPS = [
    "raw",
    "primers",
    "quality",
    "duplicates",
    "host",
    "phix",
    "filter",
    "denoise",
    "merge",
    "chimera",
    "decontam",
]
MERGED_RUN = "all"


def ledger_row(
    sample: str, run: str, step: str, reads_in: int, reads_out: int, reason: str = ""
) -> dict[str, Any]:
    """One row of the ledger; a sample that ends here gets the status `empty`.

    Parameters
    ----------
    sample, run
        Sample id and sequencing run (`all` once the runs of a sample are merged).
    step
        One of `STEPS`.
    reads_in, reads_out
        Read pairs for paired-end data, reads for single-end.
    reason
        Why the sample ended or what is odd; a default is given when nothing is left.

    Returns
    -------
    dict
        With the keys of `LEDGER_COLUMNS`.
    """
    status = "empty" if reads_out == 0 else ("warning" if reason else "pass")
    if reads_out == 0 and not reason:
        reason = f"no reads left after {step}" if reads_in else f"no reads came into {step}"
    return {
        "sample": sample,
        "run": run,
        "step": step,
        "reads_in": int(reads_in),
        "reads_out": int(reads_out),
        "lost": int(reads_in) - int(reads_out),
        "status": status,
        "reason": reason,
    }


def write_ledger(rows: Iterable[Mapping[str, Any]] | pd.DataFrame, path: str | Path) -> None:
    """Write ledger rows as TSV, ordered by sample, run and step.

    Parameters
    ----------
    rows
        Rows with `LEDGER_COLUMNS`.
    path
        TSV to write.
    """
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows), columns=LEDGER_COLUMNS)
    order = frame["step"].map({step: i for i, step in enumerate(STEPS)})
    last = (frame["run"] == MERGED_RUN).astype(int)
    frame = frame.assign(_last=last, _order=order).sort_values(
        ["sample", "_last", "run", "_order"], kind="stable"
    )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    frame[LEDGER_COLUMNS].to_csv(path, sep="\t", index=False)


def read_ledger(path: str | Path) -> pd.DataFrame:
    """Read a ledger; ids stay text.

    Parameters
    ----------
    path
        TSV written by `write_ledger`.

    Returns
    -------
    pandas.DataFrame
        With `LEDGER_COLUMNS`.
    """
    text = {"sample": str, "run": str, "step": str, "status": str, "reason": str}
    return pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False)


def check_ledger(frame: pd.DataFrame) -> None:
    """Demand that every read is accounted for: in = out + lost, and each step starts where the last ended.

    Parameters
    ----------
    frame
        Ledger with `LEDGER_COLUMNS`.

    Raises
    ------
    VagusError
        Naming the first sample, run and step whose numbers do not add up.
    """
    frame = frame.reset_index(drop=True)
    unknown = frame[~frame["step"].isin(STEPS)]
    if len(unknown):
        row = unknown.iloc[0]
        raise VagusError(
            f"ledger: sample {row['sample']}, run {row['run']}: step {row['step']!r} is unknown; "
            f"allowed: {', '.join(STEPS)}"
        )
    twice = frame[frame.duplicated(["sample", "run", "step"])]
    if len(twice):
        row = twice.iloc[0]
        raise VagusError(f"ledger: sample {row['sample']}, run {row['run']}: step {row['step']} stands twice")
    bad = frame[(frame["reads_in"] != frame["reads_out"] + frame["lost"]) | (frame["lost"] < 0)]
    if len(bad):
        row = bad.iloc[0]
        raise VagusError(
            f"ledger: sample {row['sample']}, run {row['run']}, step {row['step']}: "
            f"{row['reads_in']} reads in, {row['reads_out']} out, {row['lost']} lost do not add up"
        )
    rank = frame["step"].map({step: i for i, step in enumerate(STEPS)})
    merged = frame["run"] == MERGED_RUN
    rows = frame.assign(_rank=rank, _merged=merged).sort_values(
        ["sample", "_merged", "run", "_rank"], kind="stable"
    )
    # One pass over all rows, for ten thousand samples: what the step before left, within sample and run.
    left = rows.groupby(["sample", "run"], sort=False)["reads_out"].shift()
    # Where the runs of a sample are merged, what came before is the sum of where its runs ended.
    ends = rows[~rows["_merged"]].groupby(["sample", "run"], sort=False)["reads_out"].last()
    first = rows["_merged"] & left.isna()
    left = left.where(~first, rows["sample"].map(ends.groupby("sample").sum()))
    broken = rows[left.notna() & (rows["reads_in"] != left)]
    if len(broken):
        row = broken.iloc[0]
        raise VagusError(
            f"ledger: sample {row['sample']}, run {row['run']}, step {row['step']}: {row['reads_in']} reads "
            f"in, but the step before left {int(left[broken.index[0]])}"
        )

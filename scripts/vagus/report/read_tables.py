"""Read the tables of the floors below, and say which column is missing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vagus.errors import VagusError

# A square table of 10,000 samples would be read for minutes to draw dots nobody can tell apart.
MAX_ORDINATION = 600


def read_table(path: Path, needed: list[str]) -> pd.DataFrame:
    """Read a TSV whose ids stay text.

    Parameters
    ----------
    path
        The table.
    needed
        Columns that must be there; those not about numbers are read as text.

    Raises
    ------
    VagusError
        Naming the missing columns.
    """
    text = [
        "level",
        "id",
        "participant",
        "arm",
        "visit",
        "assay",
        "status",
        "step",
        "reason",
        "profile",
        "feature",
        "contrast",
        "estimand",
        "model",
        "unit",
        "sample",
        "compound",
        "measure",
        "comparison",
        "verdict",
        "note",
        "module",
        "axis",
        "tier",
        "test",
        "distance",
        "scheme",
        "moderator",
        "other_level",
    ]
    try:
        frame = pd.read_csv(
            path, sep="\t", dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""]
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=needed)
    missing = [c for c in needed if c not in frame.columns]
    if missing:
        raise VagusError(f"report: {path} has no column {', '.join(missing)}; rebuild it")
    for column in text:
        if column in frame.columns:
            frame[column] = frame[column].fillna("").astype(object)
    for column in frame.columns.difference(text):
        if needed and column in needed:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
    return frame


def read_distances(path: Path, limit: int = MAX_ORDINATION) -> tuple[pd.DataFrame, int]:
    """Read a square distance table, evenly thinned above `limit` samples.

    Returns
    -------
    tuple
        The square table, and how many samples the file holds.
    """
    with path.open(encoding="utf-8") as handle:
        samples = handle.readline().rstrip("\n").split("\t")[1:]
    total = len(samples)
    if total <= limit:
        frame = pd.read_csv(path, sep="\t", index_col=0, dtype={0: str})
    else:
        keep = sorted({round(i * (total - 1) / (limit - 1)) for i in range(limit)})
        rows = set(keep)
        frame = pd.read_csv(
            path,
            sep="\t",
            header=0,
            index_col=0,
            usecols=[0, *(k + 1 for k in keep)],
            skiprows=[i + 1 for i in range(total) if i not in rows],
        )
    frame.index = frame.index.astype(str)
    return frame, total


def stack_tables(paths: list[Path], columns: list[str]) -> pd.DataFrame:
    """Put tables with the same columns below each other.

    Parameters
    ----------
    paths
        The tables; those without rows are left out.
    columns
        Columns that every one must have, and those of the result where nothing is left.
    """
    frames = [f for f in (read_table(p, columns) for p in paths) if len(f)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)

"""Join the samples' small tables into one sparse profile; memory grows with what is there, not with zeros."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.model import Design
from vagus.errors import VagusError
from vagus.shotgun.tables import read_stats

STATS_END = ".stats.json"


def find_samples(groups: Sequence[str | Path]) -> dict[str, Path]:
    """Find the samples in the folders of an engine.

    Parameters
    ----------
    groups
        Folders with `<sample>.stats.json` and tables.

    Returns
    -------
    dict
        Sample -> its folder, in the order of folders and names.

    Raises
    ------
    VagusError
        If a sample stands in two folders.
    """
    found: dict[str, Path] = {}
    for group in map(Path, groups):
        for path in sorted(group.glob(f"*{STATS_END}")):
            sample = path.name.removesuffix(STATS_END)
            if sample in found:
                raise VagusError(
                    f"sample {sample} stands in {found[sample]} and {group}; "
                    "fix: remove the folder that is not of this run"
                )
            found[sample] = group
    return found


class TableBuilder:
    """A features x samples table, filled sample by sample.

    Parameters
    ----------
    dtype
        Of the values; 32 bits hold seven digits, more than any of these measurements has.
    """

    def __init__(self, dtype: Any = np.float32) -> None:
        self.rows: dict[str, int] = {}
        self.samples: list[str] = []
        self._dtype = dtype
        self._indices: list[np.ndarray] = []
        self._values: list[np.ndarray] = []

    def add(self, sample: str, values: Iterable[tuple[str, float]]) -> None:
        """Add a sample; a feature that stands twice is summed."""
        index, data = [], []
        for feature, value in values:
            index.append(self.rows.setdefault(feature, len(self.rows)))
            data.append(value)
        self.samples.append(sample)
        self._indices.append(np.array(index, dtype=np.int32))
        self._values.append(np.array(data, dtype=self._dtype))

    def finish(self) -> tuple[sparse.csr_array, list[str]]:
        """Return the table with its features sorted by name, and these; what was added is given up.

        Rows are filled sample by sample, and each sample is let go once it stands in them: a table without
        zeros costs its own size twice, not six times as when it is turned from columns to rows as a whole.
        """
        names = sorted(self.rows)
        place = np.empty(len(names), dtype=np.int32)
        place[[self.rows[name] for name in names]] = np.arange(len(names), dtype=np.int32)
        shape = (len(names), len(self._indices))
        counts = np.zeros(len(names) + 1, dtype=np.int64)
        for i, (index, values) in enumerate(zip(self._indices, self._values, strict=True)):
            column = sparse.csc_array((values, place[index], [0, len(index)]), shape=(len(names), 1))
            column.sum_duplicates()
            self._indices[i], self._values[i] = column.indices.astype(np.int32, copy=False), column.data
            counts[1:][column.indices] += 1
        indptr = np.cumsum(counts)
        # 32 bits hold the places of every table that has fewer than 2^31 values.
        wide = np.int32 if indptr[-1] <= np.iinfo(np.int32).max else np.int64
        indices = np.empty(indptr[-1], dtype=wide)
        data = np.empty(indptr[-1], dtype=np.float64)  # as a profile has it, so that it is not copied there
        free = indptr[:-1].copy()
        self._indices.reverse()
        self._values.reverse()
        for sample in range(shape[1]):
            rows, values = self._indices.pop(), self._values.pop()
            indices[free[rows]] = sample
            data[free[rows]] = values
            free[rows] += 1
        return sparse.csr_array((data, indices, indptr.astype(wide)), shape=shape), names


def usable_samples(
    design: Design, folders: Mapping[str, Path]
) -> Iterator[tuple[str, Path, dict[str, Any], str]]:
    """Yield the stool samples of the shotgun assay with their facts, and why one is left out.

    Parameters
    ----------
    design
        The trial.
    folders
        Of `find_samples`.

    Yields
    ------
    tuple
        Sample, folder, stats, and the reason for leaving it out of the profile ("" keeps it).
    """
    for sample in design.stool_samples("shotgun"):
        folder = folders.get(sample.sample)
        if folder is None:
            continue
        stats = read_stats(folder, sample.sample)
        reason = ""
        if not stats.get("reads"):
            reason = "no reads after cleaning"
        elif str(stats.get("status", "ok")) != "ok":
            reason = str(stats.get("reason") or stats["status"])
        yield sample.sample, folder, stats, reason


def common_facts(stats: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
    """Return what the engine said alike of all samples; where they differ, the values joined by ` | `."""
    facts: dict[str, Any] = {}
    for key in keys:
        seen = list(dict.fromkeys(s[key] for s in stats if s.get(key) is not None))
        if seen:
            facts[key] = seen[0] if len(seen) == 1 else " | ".join(map(str, seen))
    return facts


def write_samples(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: str | Path) -> None:
    """Write the facts about the samples as TSV."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    frame.to_csv(path, sep="\t", index=False, float_format="%.6g")

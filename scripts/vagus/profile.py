"""The profile: the one shape in which every engine ends and from which every analysis starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from biom import Table, load_table
from scipy import sparse

from vagus import __version__
from vagus.errors import VagusError

KINDS = ("counts", "relative", "copies_per_genome", "intensity", "score")
# BIOM readers drop blank ranks, which would move the ranks below them up; a blank is written like this.
BLANK_RANK = "__"
# Values that are turned from rows to columns at a time.
BLOCK = 5_000_000


@dataclass
class Profile:
    """Features by samples, with what is known about them.

    Parameters
    ----------
    name
        `<assay>.<level>`, for example `amplicon.genus`.
    table
        Values, features x samples.
    features, samples
        Row and column ids.
    taxonomy
        Lineage per feature; may be empty.
    meta
        kind, unit, engine, engine_version, reference, reference_sha256, inferred, and what the engine adds.
    """

    name: str
    table: sparse.csr_array
    features: list[str]
    samples: list[str]
    taxonomy: dict[str, list[str]] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = sparse.csr_array(self.table).astype(np.float64, copy=False)
        if self.table.shape != (len(self.features), len(self.samples)):
            raise VagusError(
                f"profile {self.name}: table of shape {self.table.shape} for {len(self.features)} features "
                f"and {len(self.samples)} samples"
            )

    @property
    def kind(self) -> str:
        """What the numbers are: one of `KINDS`."""
        return str(self.meta.get("kind", ""))

    def to_frame(self) -> pd.DataFrame:
        """Return samples x features as a dense frame."""
        return pd.DataFrame(self.table.toarray().T, index=self.samples, columns=self.features)

    def subset(self, samples: Sequence[str], drop_absent: bool = True) -> Profile:
        """Return the profile of some samples, in that order.

        Parameters
        ----------
        samples
            Ids to keep.
        drop_absent
            Leave out features that are zero in all of them.

        Raises
        ------
        VagusError
            If a sample is not in the profile.
        """
        place = {s: i for i, s in enumerate(self.samples)}
        unknown = [s for s in samples if s not in place]
        if unknown:
            raise VagusError(f"profile {self.name} has no sample {', '.join(unknown[:5])}")
        table = self.table[:, [place[s] for s in samples]]
        features = self.features
        if drop_absent:
            table.eliminate_zeros()
            keep = np.flatnonzero(np.diff(table.indptr))
            table, features = table[keep], [features[i] for i in keep]
        taxonomy = {f: self.taxonomy[f] for f in features if f in self.taxonomy}
        return Profile(self.name, table, features, list(samples), taxonomy, dict(self.meta))

    def need_counts(self, method: str) -> None:
        """Refuse a profile without counts.

        Raises
        ------
        VagusError
            Naming the method and what the profile holds.
        """
        if self.kind != "counts":
            raise VagusError(
                f"{method} needs counts, but profile {self.name} holds {self.kind or 'an unknown kind'}; "
                f"fix: bring the table of read counts along as {self.name} (kind: counts), or leave {method} "
                "out; the effects of the arms are estimated from any kind"
            )


def meta_path(biom_path: str | Path) -> Path:
    """Return the path of the meta file that stands beside a profile."""
    path = Path(biom_path)
    return path.with_name(path.name.removesuffix(".biom") + ".meta.json")


def write_profile(profile: Profile, biom_path: str | Path) -> None:
    """Write BIOM 2.1 (HDF5) and the meta file beside it.

    Parameters
    ----------
    profile
        What to write.
    biom_path
        Ends in `.biom`; `<stem>.meta.json` is written next to it.

    Raises
    ------
    VagusError
        If the kind is unknown.
    """
    if profile.kind not in KINDS:
        raise VagusError(f"profile {profile.name}: kind {profile.kind!r}; allowed: {', '.join(KINDS)}")
    path = Path(biom_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lineage: list[Mapping[str, Any]] | None = None
    if profile.taxonomy:
        width = max(len(t) for t in profile.taxonomy.values())
        # BIOM's HDF5 writer wants one width for all lineages.
        lineage = [
            {"taxonomy": [r or BLANK_RANK for r in (profile.taxonomy.get(f, []) + [""] * width)[:width]]}
            for f in profile.features
        ]
    table = Table(
        sparse.csr_matrix(profile.table.shape),
        profile.features,
        profile.samples,
        observation_metadata=lineage,
        table_id=profile.name,
        type="Taxon table" if lineage else "Function table",
    )
    with h5py.File(path, "w") as handle:
        table.to_hdf5(handle, generated_by=f"vagus {__version__}")
        _write_values(profile.table, handle)
    meta = {"name": profile.name, "inferred": False, **profile.meta}
    meta_path(path).write_text(json.dumps(meta, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_values(table: sparse.csr_array, handle: h5py.File) -> None:
    """Put the values into a BIOM file that was written without; BIOM's own writer holds them four times."""
    if not table.data.all():
        table = table.copy()
        table.eliminate_zeros()
    handle.attrs["nnz"] = table.nnz
    for axis, ends in (("observation", table.indptr), ("sample", _column_ends(table))):
        matrix = handle[axis]["matrix"]
        for name, size, dtype in (
            ("data", table.nnz, np.float64),
            ("indices", table.nnz, np.int32),
            ("indptr", len(ends), np.int32),
        ):
            del matrix[name]
            matrix.create_dataset(name, shape=(size,), dtype=dtype, compression="gzip")
        matrix["indptr"][:] = ends
        start = 0
        for block in [table] if axis == "observation" else _column_blocks(table, ends):
            matrix["data"][start : start + block.nnz] = block.data
            matrix["indices"][start : start + block.nnz] = block.indices
            start += block.nnz


def _column_ends(table: sparse.csr_array) -> np.ndarray:
    counts = np.zeros(table.shape[1], np.int64)
    for start in range(0, table.nnz, BLOCK):
        counts += np.bincount(table.indices[start : start + BLOCK], minlength=table.shape[1])
    return np.concatenate([[0], np.cumsum(counts)])


def _column_blocks(table: sparse.csr_array, ends: np.ndarray) -> Iterator[sparse.csc_array]:
    """Yield the columns in blocks of about `BLOCK` values, each block by columns."""
    start = 0
    while start < table.shape[1]:
        end = max(start + 1, int(np.searchsorted(ends, ends[start] + BLOCK, side="right")) - 1)
        yield sparse.csc_array(table[:, start:end])
        start = end


def read_profile(biom_path: str | Path) -> Profile:
    """Read a profile and its meta file.

    Parameters
    ----------
    biom_path
        BIOM 2.1 written by `write_profile`.

    Returns
    -------
    Profile
        As it was written; all lineages have the width of the widest, blank ranks being "".

    Raises
    ------
    VagusError
        If the table or its meta file is missing.
    """
    path = Path(biom_path)
    beside = meta_path(path)
    for needed in (path, beside):
        if not needed.exists():
            raise VagusError(f"profile file {needed} is missing; rebuild it with `snakemake profiles`")
    meta = json.loads(beside.read_text(encoding="utf-8"))
    table = load_table(str(path))
    features = [str(i) for i in table.ids("observation")]
    known = table.metadata(axis="observation")
    taxonomy: dict[str, list[str]] = {}
    if known is not None:
        taxonomy = {
            f: ["" if x == BLANK_RANK else str(x) for x in m["taxonomy"]]
            for f, m in zip(features, known, strict=True)
            if m is not None and m.get("taxonomy") is not None
        }
    return Profile(
        meta["name"],
        sparse.csr_array(table.matrix_data),
        features,
        [str(i) for i in table.ids()],
        taxonomy,
        meta,
    )

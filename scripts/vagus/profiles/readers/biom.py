"""BIOM 1.0 (JSON) and 2.1 (HDF5)."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from scipy import sparse

from vagus.errors import Problem, VagusError
from vagus.profiles.readers.table import Table
from vagus.profiles.readers.taxonomy import add_taxonomy, clean_rank, split_lineage

HDF5 = b"\x89HDF\r\n\x1a\n"


def read_biom(path: str | Path, taxonomy: str | Path | None = None) -> Table:
    """Read BIOM 1.0 (JSON) or 2.1 (HDF5).

    Parameters
    ----------
    path
        BIOM file, with or without a `taxonomy` of the observations.
    taxonomy
        Second file with lineages, see `taxonomy.read_taxonomy`.

    Returns
    -------
    Table
        As written.

    Raises
    ------
    VagusError
        If the file is not BIOM.
    """
    return add_taxonomy(parse_biom(Path(path).read_bytes(), str(path)), taxonomy)


def parse_biom(data: bytes, where: str) -> Table:
    """Read a BIOM file that is in memory; see `read_biom`."""
    import biom
    import h5py

    try:
        # biom would take any text for a table of its own older kind.
        if data.startswith(HDF5):
            with h5py.File(io.BytesIO(data), "r+") as handle:
                # Some programs leave out groups that would be empty and write numbers of things as floats;
                # the library wants neither.
                for size in ("nnz", "shape"):
                    handle.attrs[size] = np.asarray(handle.attrs[size]).ravel().astype(np.int64)
                handle.attrs["nnz"] = int(handle.attrs["nnz"][0])
                sizes = {axis: handle[axis]["matrix"]["data"].size for axis in ("observation", "sample")}
                if len(set(sizes.values())) > 1:
                    print(f"NOTE: {where}: copies by feature and by sample differ; by sample is taken")
                for axis in ("observation", "sample"):
                    for group in ("metadata", "group-metadata"):
                        handle.require_group(f"{axis}/{group}")
                table = biom.Table.from_hdf5(handle)
        elif data.lstrip().startswith(b"{"):
            table = biom.Table.from_json(json.loads(data))
        else:
            raise ValueError("neither HDF5 nor JSON")
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = Problem(where, f"not a BIOM file ({said})", "give BIOM 1.0 or 2.1, or set format: tsv")
        raise VagusError(str(problem)) from None
    features = [str(i) for i in table.ids("observation")]
    lineages = {}
    for feature, known in zip(features, table.metadata(axis="observation") or [], strict=False):
        lineage = (known or {}).get("taxonomy")
        if lineage is not None:
            ranks = split_lineage(lineage) if isinstance(lineage, str) else [clean_rank(r) for r in lineage]
            lineages[feature] = ranks
    values = sparse.csr_array(table.matrix_data).astype(np.float64)
    return Table(values, features, [str(i) for i in table.ids()], lineages)

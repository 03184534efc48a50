"""Samples in rows and features in columns, as MaAsLin takes them."""

from __future__ import annotations

from pathlib import Path

from scipy import sparse

from vagus.profiles.readers.grid import read_grid
from vagus.profiles.readers.table import Table
from vagus.profiles.readers.taxonomy import add_taxonomy


def read_samples_in_rows(path: str | Path, taxonomy: str | Path | None = None, encoding: str = "") -> Table:
    """Read samples in rows and features in columns.

    Parameters
    ----------
    path, encoding
        See `grid.read_grid`.
    taxonomy
        Second file with lineages, see `taxonomy.read_taxonomy`.

    Raises
    ------
    VagusError
        Naming the cell that is no number: columns that are no features have to be taken out.
    """
    grid = read_grid(path, encoding)
    table = Table(sparse.csr_array(grid.values.T.tocsr()), grid.columns, grid.rows)
    return add_taxonomy(table, taxonomy, encoding)

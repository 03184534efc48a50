"""Pairs of tables as phyloseq holds them: `otu_table` and `tax_table`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from scipy import sparse

from vagus.profiles.readers.grid import read_grid
from vagus.profiles.readers.table import Table
from vagus.profiles.readers.taxonomy import add_taxonomy


def read_phyloseq(
    path: str | Path, taxonomy: str | Path, known: Collection[str] = (), encoding: str = ""
) -> Table:
    """Read an OTU table, in either direction, and its taxonomy.

    Parameters
    ----------
    path, encoding
        See `grid.read_grid`.
    taxonomy
        See `taxonomy.read_taxonomy`.
    known
        Ids of samples: the side on which more of them stand is that of the samples.

    Raises
    ------
    VagusError
        If either table is damaged, or they do not belong together.

    References
    ----------
    McMurdie PJ, Holmes S (2013) PLoS One 8:e61217, doi:10.1371/journal.pone.0061217
    """
    grid = read_grid(path, encoding)
    in_rows = sum(name in known for name in grid.rows)
    in_columns = sum(name in known for name in grid.columns)
    table = Table(grid.values, grid.rows, grid.columns)
    if in_rows > in_columns:
        table = Table(sparse.csr_array(grid.values.T.tocsr()), grid.columns, grid.rows)
    return add_taxonomy(table, taxonomy, encoding)

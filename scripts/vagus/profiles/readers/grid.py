"""Tables in either direction, between tabs, commas or semicolons, with quotes or without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scipy import sparse

from vagus.profiles.readers.table import RowBuilder
from vagus.profiles.readers.text import check_width, find_delimiter, parse_row, read_lines, split_rows


@dataclass
class Grid:
    """Rows and columns by their ids, as written."""

    rows: list[str]
    columns: list[str]
    values: sparse.csr_array


def read_grid(path: str | Path, encoding: str = "") -> Grid:
    """Read a table with a header and the rows' ids in the first column.

    Parameters
    ----------
    path
        Plain or gzipped. The delimiter is told from the header. A header that is one cell shorter than the
        rows has no name for the first column, as R writes it. Between semicolons a comma is a decimal point.
    encoding
        "" is UTF-8.

    Raises
    ------
    VagusError
        Naming the cell that is no number, or the row of another length.
    """
    lines = read_lines(path, encoding)
    delimiter = find_delimiter(lines[0][1])
    rows = list(split_rows(lines, delimiter, quoted=True))
    columns = rows[0][1]
    columns = columns if len(rows) > 1 and len(rows[1][1]) == len(columns) + 1 else columns[1:]
    table = RowBuilder[int](len(columns))
    names: list[str] = []
    for number, cells in rows[1:]:
        check_width(cells, len(columns) + 1, str(path), number)
        table.add(len(names), parse_row(cells[1:], str(path), number, columns, delimiter == ";"))
        names.append(cells[0])
    return Grid(names, columns, table.finish()[0])

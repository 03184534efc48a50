"""Text tables: lines whatever the compression, cells, and numbers that are named where they are none."""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vagus.errors import Problem, VagusError
from vagus.reads.fastq import is_gzip

BLANKS = frozenset({"", "NA", "NaN", "nan"})
DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons"}


def read_lines(path: str | Path, encoding: str = "") -> list[tuple[int, str]]:
    """Read the lines of a plain or gzipped text file.

    Parameters
    ----------
    path
        The file.
    encoding
        As Python names it; "" is UTF-8.

    Returns
    -------
    list
        Number, from 1, and text of each line that is not blank.

    Raises
    ------
    VagusError
        If it is damaged, in another encoding, or empty.
    """
    try:
        data = Path(path).read_bytes()
        data = gzip.decompress(data) if is_gzip(path) else data
        lines = re.split(r"\r\n|\r|\n", data.decode(encoding or "utf-8-sig"))
    except (EOFError, OSError, zlib.error) as error:
        raise VagusError(
            str(Problem(str(path), f"cannot be read ({error})", "give the whole file"))
        ) from None
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        byte = data[error.start : error.start + 1]
        fix = "name its encoding in the entry, for example encoding: latin-1, or save the table as UTF-8"
        what = f"not {encoding or 'UTF-8'} text"
        problem = Problem(str(path), what, fix, row, value=f"{byte[0]:#04x}" if byte else None)
        raise VagusError(str(problem)) from None
    except LookupError:
        fix = "write one that Python knows"
        problem = Problem(
            str(path), "unknown encoding", fix, None, "encoding", encoding, "utf-8, latin-1, ..."
        )
        raise VagusError(str(problem)) from None
    kept = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
    if not kept:
        fix = "give features in rows, samples in columns"
        raise VagusError(str(Problem(str(path), "the table is empty", fix)))
    return kept


def find_delimiter(header: str) -> str:
    """Tell the delimiter of a table from its header: the commonest of `DELIMITERS` outside of quotes."""
    bare = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def split_rows(
    lines: Sequence[tuple[int, str]], delimiter: str = "\t", quoted: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Split lines into cells, the blanks around them taken off.

    Parameters
    ----------
    lines
        As `read_lines` gives them.
    delimiter
        Between cells.
    quoted
        Cells may stand in double quotes; a quoted cell must end on its line.
    """
    texts = (line for _, line in lines)
    rows = (
        csv.reader(texts, delimiter=delimiter)
        if quoted
        else csv.reader(texts, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    )
    for (number, _), row in zip(lines, rows, strict=False):
        yield number, [cell.strip() for cell in row]


def parse_row(
    cells: Sequence[str], where: str, number: int, names: Sequence[str], comma: bool = False
) -> npt.NDArray[np.float64]:
    """Turn the cells of a row into numbers.

    Parameters
    ----------
    cells
        Of the row, without its name.
    where, number
        File and line, for messages.
    names
        Of the columns.
    comma
        Decimals have a comma, as in tables between semicolons.

    Returns
    -------
    numpy.ndarray
        One number a cell; blank cells, NA and NaN are NaN.

    Raises
    ------
    VagusError
        If the count of the cells is another, or naming the cell that is no number.
    """
    check_width(["", *cells], len(names) + 1, where, number)
    if comma:
        cells = [cell.replace(",", ".") for cell in cells]
    try:
        values = np.array(cells, dtype=np.float64)
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass
    values = np.empty(len(cells))
    for j, cell in enumerate(cells):
        values[j] = parse_number(cell, where, number, names[j])
    return values


def check_width(cells: Sequence[str], width: int, where: str, row: int) -> None:
    """Refuse a row that has another number of cells than the header."""
    if len(cells) != width:
        what = f"{len(cells)} cells where the header has {width}"
        raise VagusError(str(Problem(where, what, "give one cell per column", row)))


def parse_number(cell: str, where: str, row: int, column: str) -> float:
    """Turn a cell into a number, NaN where it is blank; `VagusError` naming the cell if it is none."""
    try:
        value = math.nan if cell in BLANKS else float(cell)
        if cell in BLANKS or math.isfinite(value):
            return value
    except ValueError:
        pass
    fix = "write a number, or leave the cell blank"
    raise VagusError(str(Problem(where, "not a number", fix, row, column, cell)))


def need_columns(header: Sequence[str], columns: Sequence[str], where: str, what: str) -> list[int]:
    """Return where the columns stand; `VagusError` naming the first that is absent."""
    for column in columns:
        if column not in header:
            problem = Problem(
                where,
                f"no column '{column}', so it is not {what}",
                "give the table as the program wrote it, or choose another format",
                allowed=", ".join(columns),
            )
            raise VagusError(str(problem))
    return [list(header).index(column) for column in columns]

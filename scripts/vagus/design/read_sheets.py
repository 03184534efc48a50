"""Read the sheets: tab-separated text as people save it, every oddity mended and noted, or refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vagus.design.findings import SHOWN, Findings, did_you_mean, listed, nearest
from vagus.design.schema import describe_allowed, load_schema

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan"})
_ID = re.compile(r"[A-Za-z0-9._-]+")
# Labels may hold letters of any script and blanks, but nothing that a shell or our separators use.
_BAD_LABEL = re.compile(r"[\"'`\\|<>$;&*?!{}\[\]#\x00-\x1f]")


@dataclass
class Row:
    """One row of a sheet.

    Parameters
    ----------
    line
        Line in the file, from 1.
    cells
        Column -> text; missing markers are "".
    """

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass
class Table:
    """A sheet.

    Parameters
    ----------
    file
        As the user named it.
    path
        Where it was found.
    columns
        Header.
    rows
        In the order of the file.
    """

    file: str
    path: Path | None = None
    columns: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def read_table(
    path: Path, file: str, schema_name: str, findings: Findings, may_be_empty: bool = False
) -> Table:
    """Read and check a sheet by itself.

    Parameters
    ----------
    path
        The file.
    file
        Its name for the messages.
    schema_name
        `participants`, `samples` or `measures`.
    findings
        Where problems and notes go.
    may_be_empty
        Whether a header without rows is right.

    Returns
    -------
    Table
        What could be read; rows with a wrong number of fields are left out.
    """
    schema = load_schema(schema_name)
    table = Table(file, path)
    lines = _read_lines(path, file, findings)
    if lines is None:
        return table
    kept = [(n, t) for n, t in lines if t.strip() and not t.lstrip().startswith("#")]
    if not kept:
        findings.problem(file, "the sheet is empty", "fill it in; the header names the columns", row=1)
        return table
    header_line, header = kept[0]
    columns = [_unquote(c).strip() for c in header.split("\t")]
    if not _check_header(columns, header, header_line, schema, file, findings):
        return table
    table.columns = columns
    trimmed: list[int] = []
    for number, text in kept[1:]:
        cells = text.split("\t")
        if len(cells) != len(columns):
            findings.problem(
                file,
                f"{len(cells)} field{'s' if len(cells) != 1 else ''}, but the header has {len(columns)}",
                "separate the fields with single tabs and keep empty ones",
                row=number,
            )
            continue
        plain = [_unquote(c) for c in cells]
        stripped = [c.strip() for c in plain]
        if plain != stripped:
            trimmed.append(number)
        values = ["" if c in MISSING else c for c in stripped]
        table.rows.append(Row(number, dict(zip(columns, values, strict=True))))
    if trimmed:
        findings.note(f"{file}: blanks around values were removed in row {listed(trimmed, SHOWN)}")
    if len(kept) == 1 and not may_be_empty:
        findings.problem(
            file, "the sheet has a header but no rows", "fill in at least one row", row=header_line
        )
    _check_cells(table, schema, findings)
    return table


def _read_lines(path: Path, file: str, findings: Findings) -> list[tuple[int, str]] | None:
    """Return numbered lines, or None if this is no text at all."""
    data = path.read_bytes()
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        findings.problem(file, "this is an Excel workbook", "save it as tab-separated text (UTF-8)")
        return None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        findings.problem(file, "the text is UTF-16", "save it as UTF-8")
        return None
    if b"\x00" in data:
        findings.problem(file, "this is not a text file", "save the sheet as tab-separated text (UTF-8)")
        return None
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            # Latin-1 reads every byte, so the remaining checks still run; which script was meant is a guess.
            text = raw.decode("latin-1")
            column = text[: error.start].count("\t") + 1
            findings.problem(
                file,
                f"field {column} holds bytes that are not UTF-8",
                "save the sheet as UTF-8 (it looks like Latin-1 or Windows-1252)",
                row=number,
                value=text.split("\t")[column - 1],
            )
        lines.append((number, unicodedata.normalize("NFC", text)))
    return lines


def _unquote(cell: str) -> str:
    """Take off the quotes that spreadsheets put around a whole field."""
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _check_header(
    columns: list[str], header: str, line: int, schema: Mapping[str, Any], file: str, findings: Findings
) -> bool:
    known, needed = list(schema["properties"]), schema["required"]
    if len(columns) == 1 and re.search(r"[,;]", header):
        findings.problem(
            file,
            "the columns are not separated by tabs",
            "save it as tab-separated text",
            row=line,
            value=header[:60],
        )
        return False
    missing = [c for c in needed if c not in columns]
    unknown = [c for c in columns if c not in known]
    for column in missing:
        hit = nearest(column, unknown)
        findings.problem(
            file,
            f"column '{column}' is missing",
            f"rename column '{hit}'" if hit else f"add it: {schema['properties'][column]['description']}",
            row=line,
            allowed=f"columns {listed(known)}",
        )
    for column in sorted({c for c in columns if c and columns.count(c) > 1}):
        findings.problem(file, "column named twice", "name every column once", row=line, column=column)
    if "" in columns:
        findings.problem(
            file, f"column {columns.index('') + 1} has no name", "name it or remove it", row=line
        )
    if schema.get("additionalProperties") is False:
        for column in unknown:
            if column and not any(nearest(m, [column]) for m in missing):
                findings.problem(
                    file,
                    f"unknown column '{column}'",
                    did_you_mean(column, known, "remove it"),
                    row=line,
                    allowed=listed(known),
                )
    return not missing and len(set(columns)) == len(columns)


def _check_cells(table: Table, schema: Mapping[str, Any], findings: Findings) -> None:
    """Check what the schema says of single cells, and fill in defaults."""
    for column, spec in schema["properties"].items():
        default = spec.get("default", "")
        allowed = set(spec["enum"]) if "enum" in spec else None
        pattern = re.compile(spec["pattern"]) if "pattern" in spec else None
        lower = column == "consent_report"
        for row in table.rows:
            value = row.cells.setdefault(column, default) or default
            row.cells[column] = value
            if not value and column in schema["required"] and ("minLength" in spec or "enum" in spec):
                findings.problem(
                    table.file, "empty", "fill it in", row.line, column, allowed=describe_allowed(spec)
                )
            elif allowed is not None and (value.lower() if lower else value) not in allowed:
                fix = did_you_mean(value, [str(a) for a in allowed if a], "use one of what is allowed")
                findings.problem(
                    table.file, "not allowed here", fix, row.line, column, value, describe_allowed(spec)
                )
            elif pattern is not None and not pattern.search(value):
                fix, words = {
                    "collected": ("write the date as year-month-day", "a date such as 2026-03-31, or empty"),
                    "dna_conc": ("give the number alone, with a point", "a number of 0 or more, or empty"),
                }.get(column, ("write it in the allowed form", describe_allowed(spec)))
                findings.problem(
                    table.file,
                    f"bad {'date' if column == 'collected' else 'number'}",
                    fix,
                    row.line,
                    column,
                    value,
                    words,
                )


def safe_id(text: str, file: str, row: int, column: str, findings: Findings) -> str:
    """Make an id safe for file names: blanks become '_'; what cannot be mended is a problem.

    Parameters
    ----------
    text
        As written, without blanks around it.
    file, row, column
        Where.
    findings
        Where problems go.

    Returns
    -------
    str
        Safe id.
    """
    safe = re.sub(r"\s+", "_", text)
    allowed = "letters A-Z a-z, digits, '.', '_', '-' (blanks become '_')"
    if not _ID.fullmatch(safe):
        bad = listed(dict.fromkeys(repr(c) for c in safe if not _ID.fullmatch(c)))
        plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode()
        better = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("_-.") or "another name"
        fix = f"rename it, for example to {better}, in every sheet"
        findings.problem(file, f"{column} id with {bad}", fix, row, column, text, allowed)
    elif safe[0] in "-.":
        findings.problem(
            file,
            f"{column} id starts with {safe[0]!r}",
            f"rename it, for example to {safe.lstrip('-.')}",
            row,
            column,
            text,
        )
    elif column in ("sample", "run") and "__" in safe:
        # The files of a library are named <sample>__<run>.
        findings.problem(
            file,
            f"{column} id with '__', which separates sample and run in file names",
            "use one '_'",
            row,
            column,
            text,
        )
    elif column == "run" and safe == "all":
        findings.problem(
            file, "run named 'all', which stands for all runs of a sample", "rename it", row, column, text
        )
    return safe


def check_label(text: str, file: str, row: int | None, column: str, findings: Findings) -> bool:
    """Refuse a name of an arm, visit, measure or column with characters that would break things later.

    Parameters
    ----------
    text
        The name.
    file, row, column
        Where.
    findings
        Where problems go.
    """
    bad = _BAD_LABEL.findall(text)
    if bad or " vs " in text:
        what = f"name with {listed(dict.fromkeys(repr(c) for c in bad))}" if bad else "name with ' vs '"
        findings.problem(
            file,
            what,
            "rename it everywhere",
            row,
            column,
            text,
            "letters, digits, blanks and . _ - + ( ) / % : ,",
        )
        return False
    return True


def to_number(text: str, file: str, row: int, column: str, findings: Findings) -> float | None:
    """Read a number; text that is none is a problem.

    Parameters
    ----------
    text
        The cell; "" is missing.
    file, row, column
        Where.
    findings
        Where problems go.

    Returns
    -------
    float or None
        None when missing or bad.
    """
    if not text:
        return None
    number = parse_number(text)
    if number is None:
        if re.fullmatch(r"[+-]?\d+,\d+", text):
            fix = f"write a decimal point: {text.replace(',', '.')}"
        elif text[0] in "<>":
            fix = "leave the value empty and give the limit of detection in the column 'lod'"
        else:
            fix = "give a number, or leave it empty when missing"
        findings.problem(file, "not a number", fix, row, column, text, "a number or empty")
    return number


def parse_number(text: str) -> float | None:
    """Return a finite number, or None; blanks, underscores and infinities are none."""
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text):
        return None
    number = float(text)
    return number if abs(number) != float("inf") else None

"""Lineages of features, as QIIME 2, phyloseq, mothur and plain tables write them."""

from __future__ import annotations

import re
from pathlib import Path

from vagus.errors import Problem, VagusError
from vagus.profiles.readers.table import Table
from vagus.profiles.readers.text import find_delimiter, read_lines, split_rows
from vagus.shotgun.tables import RANKS

_PREFIX = re.compile(r"^(D_\d+|[a-z]{0,2})__")
_LETTER = re.compile(r"^([dkpcofgs])__")
_LETTERS = {letter: i for i, letter in enumerate("dpcofgs")} | {"k": 0}
_EPITHET = re.compile(r"[a-z][a-z-]+")
_CONFIDENCE = re.compile(r"\(\d+(\.\d+)?\)$")
_NO_NAME = frozenset({"?", "na", "nan", "unassigned", "unclassified", "unknown", ""})
_COLUMNS = {rank: i for i, rank in enumerate(RANKS)} | {"kingdom": 0, "superkingdom": 0}
_LINEAGE_COLUMNS = ("taxon", "taxonomy", "lineage", "classification")


def clean_rank(rank: str) -> str:
    """Return a rank without a prefix such as `g__`; an empty one becomes ""."""
    return _PREFIX.sub("", str(rank).strip(' \t"'))


def split_lineage(text: str) -> list[str]:
    """Return the ranks of a lineage joined by `;` or `|`, without their prefixes."""
    return [clean_rank(rank) for rank in re.split(r"[;|]", text)] if text.strip() else []


def place_lineage(text: str) -> list[str]:
    """Return a lineage in the order of `RANKS`.

    Parameters
    ----------
    text
        Ranks joined by `;`. Where each has a prefix such as `g__`, it tells the place; else the first is the
        domain, the second the phylum, and so on. Confidences as mothur writes them, `(100)`, are taken off.

    Returns
    -------
    list of str
        What has no name, such as `?`, `NA` or `X_unclassified`, is "".
    """
    parts = [_CONFIDENCE.sub("", part.strip()) for part in text.strip().strip(";").split(";")]
    letters = [_LETTER.match(part) for part in parts]
    found = [""] * len(RANKS)
    if all(letters):
        for letter, part in zip(letters, parts, strict=True):
            if letter:
                found[_LETTERS[letter[1]]] = name_or_blank(clean_rank(part))
        return full_species(found)
    return full_species([name_or_blank(clean_rank(part)) for part in parts])


def full_species(lineage: list[str]) -> list[str]:
    """Put the genus before a species that is an epithet only, as Greengenes and DADA2 write it."""
    if len(lineage) == len(RANKS) and lineage[5] and _EPITHET.fullmatch(lineage[6]):
        return [*lineage[:6], f"{lineage[5]} {lineage[6]}"]
    return lineage


def name_or_blank(name: str) -> str:
    """Return a name, "" where it says that there is none."""
    name = name.strip()
    return "" if name.lower() in _NO_NAME or name.endswith("_unclassified") else name


def read_taxonomy(path: str | Path, encoding: str = "") -> dict[str, list[str]]:
    """Read the lineages of features.

    Parameters
    ----------
    path
        A taxonomy artifact of QIIME 2 (.qza); or a table between tabs, commas or semicolons with the feature
        id first and either a column Taxon, Taxonomy or Lineage, or one column a rank (as phyloseq's
        `tax_table`); or mothur's `.cons.taxonomy` and `.taxonomy`.
    encoding
        "" is UTF-8.

    Returns
    -------
    dict
        Feature -> lineage, domain first.

    Raises
    ------
    VagusError
        If it is none of these, or a feature stands twice.
    """
    if Path(path).suffix == ".qza":
        from vagus.profiles.readers.qza import read_taxonomy_artifact

        lines = read_taxonomy_artifact(path)
    else:
        lines = read_lines(path, encoding)
    where = str(path)
    rows = list(split_rows(lines, find_delimiter(lines[0][1]), quoted=True))
    header = [cell.lstrip("#").lower() for cell in rows[0][1]]
    # R leaves out the header of the row names.
    if len(rows) > 1 and len(rows[1][1]) == len(header) + 1:
        header = ["", *header]
    lineage_at = [i for i, name in enumerate(header) if i and name in _LINEAGE_COLUMNS]
    ranks = {i: _COLUMNS[name] for i, name in enumerate(header) if i and name in _COLUMNS}
    has_header = bool(lineage_at or ranks)
    if not has_header and not (len(header) == 2 and ";" in header[1]):
        problem = Problem(
            where,
            "no column of lineages or ranks",
            "give the feature id first, then Taxon, or one column per rank",
            rows[0][0],
            value=", ".join(rows[0][1][:6]),
            allowed=f"Taxon, Taxonomy, Lineage, or {', '.join(RANKS)}",
        )
        raise VagusError(str(problem))
    found: dict[str, list[str]] = {}
    for number, cells in rows[1:] if has_header else rows:
        if len(cells) < len(header):
            what = f"{len(cells)} cells where the header has {len(header)}"
            raise VagusError(str(Problem(where, what, "give one cell per column", number)))
        if cells[0] in found:
            raise VagusError(
                str(Problem(where, "feature stands twice", "keep one row", number, value=cells[0]))
            )
        if ranks and not lineage_at:
            lineage = [""] * len(RANKS)
            for i, place in ranks.items():
                lineage[place] = name_or_blank(clean_rank(cells[i]))
            found[cells[0]] = full_species(lineage)
        else:
            found[cells[0]] = place_lineage(cells[lineage_at[0] if lineage_at else 1])
    return found


def add_taxonomy(table: Table, path: str | Path | None, encoding: str = "") -> Table:
    """Give the features of a table the lineages of a second file; None leaves the table as it is.

    Raises
    ------
    VagusError
        If the file names none of the features.
    """
    if path is None:
        return table
    known = read_taxonomy(path, encoding)
    found = {f: known[f] for f in table.features if f in known}
    if table.features and not found:
        raise VagusError(
            f"{path}: names none of the features, such as {table.features[0]!r}; it names such as "
            f"{next(iter(known), '')!r}; fix: give the taxonomy that belongs to the table"
        )
    table.taxonomy = found
    return table

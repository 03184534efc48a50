"""Reports of Kraken 2 and tables of Bracken, one a sample or combined."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vagus.errors import VagusError
from vagus.profiles.readers.formats import listed_paths
from vagus.profiles.readers.table import Facts, RowBuilder, Table, join_columns
from vagus.profiles.readers.taxa import cut_lineages, rank_depth
from vagus.profiles.readers.text import (
    check_width,
    need_columns,
    parse_number,
    parse_row,
    read_lines,
    split_rows,
)
from vagus.shotgun.kraken2_report import count_nodes, parse_report
from vagus.shotgun.lineages import join_lineage
from vagus.shotgun.metaphlan_taxa import split_clade
from vagus.shotgun.tables import RANKS

SUFFIXES = (
    *(
        ".kreport2",
        ".kreport",
        ".k2report",
        ".kraken2",
        ".kraken",
        ".report",
        "_report",
        ".txt",
        ".tsv",
        ".gz",
    ),
    *(".bracken", "_bracken", ".breport", "_num", "_species", "_genus", ".S", ".G", "_S", "_G"),
)
LETTERS = dict(zip(RANKS, "DPCOFGS", strict=True))
BRACKEN = ("name", "taxonomy_id", "taxonomy_lvl")
FACTS = {"kinds": ("counts",), "unit": "reads", "suffixes": SUFFIXES}


def read_kraken_reports(path: str | Path, level: str) -> Table:
    """Read one rank of Kraken 2's reports.

    Parameters
    ----------
    path
        A folder of reports, one a sample, named by their files; or a list of them, TSV with the columns
        `sample` and `path`; or all in one, made with `kreport2mpa.py` and `combine_mpa.py`.
    level
        Rank that is taken, species or above.

    Returns
    -------
    Table
        Reads at the rank and below. Reads that stop above it are no feature; their share, with that of
        the unclassified, stands in `unclassified`.

    Raises
    ------
    VagusError
        If there is no report, or naming the row that is none.

    References
    ----------
    Wood DE, Lu J, Langmead B (2019) Genome Biol 20:257, doi:10.1186/s13059-019-1891-0
    """
    depth = rank_depth(level, str(path))
    facts = Facts(("counts",), "reads", "kraken2", suffixes=SUFFIXES)
    files = find_reports(path)
    if not files:
        lines = read_lines(path)
        if not lines[0][1].startswith("#Classification"):
            raise VagusError(
                f"{path}: one file, but no list of reports; allowed: a folder of reports, TSV with the "
                "columns sample and path, or a table of combine_mpa.py; fix: name the folder"
            )
        return _read_mpa(lines, str(path), depth, facts)
    columns = []
    for _, file in files:
        texts = (line for _, line in read_lines(file))
        columns.append(count_nodes(parse_report(texts, str(file))))
    return cut_lineages(columns, [sample for sample, _ in files], depth, facts)


def find_reports(path: str | Path) -> list[tuple[str, Path]]:
    """Return sample and file of each report: those of a folder, or of a list; [] for another file."""
    place = Path(path)
    if not place.is_dir():
        return _check_there(listed_paths(place), place)
    found = [(p.name, p) for p in sorted(place.iterdir()) if p.is_file() and not p.name.startswith(".")]
    if not found:
        raise VagusError(f"{path}: the folder holds no file; fix: name the folder of the reports")
    return found


def _check_there(pairs: Iterable[tuple[str, Path]], place: Path) -> list[tuple[str, Path]]:
    found = list(pairs)
    for sample, file in found:
        if not file.is_file():
            raise VagusError(
                f"{place}: file {str(file)!r} of sample {sample} not found; fix: correct its path"
            )
    return found


def _read_mpa(lines: list[tuple[int, str]], where: str, depth: int, facts: Facts) -> Table:
    """Read the rows of one rank of a table of clades `d__Bacteria|p__...`."""
    rows = split_rows(lines)
    _, header = next(rows)
    samples = header[1:]
    table = RowBuilder[str](len(samples))
    letter = LETTERS[RANKS[depth - 1]].lower()
    whole = np.zeros(len(samples))
    for number, cells in rows:
        values = np.nan_to_num(parse_row(cells[1:], where, number, samples))
        parts = cells[0].replace("d__", "k__", 1) if cells[0].startswith("d__") else cells[0]
        last = parts.rsplit("|", 1)[-1][:1]
        whole += values if "|" not in parts else 0
        if last == letter or (letter == "d" and last == "k" and "|" not in parts):
            table.add(join_lineage(split_clade(parts)), values)
    dense, lineages = table.finish()
    columns = [dict(zip(lineages, column.tolist(), strict=True)) for column in dense.toarray().T]
    for column, total in zip(columns, whole, strict=True):
        # What stops above the rank; the table tells nothing of the unclassified.
        column[";" * (len(RANKS) - 1)] = max(0.0, float(total) - sum(column.values()))
    return cut_lineages(columns, samples, depth, facts)


def read_bracken(path: str | Path, level: str) -> Table:
    """Read Bracken's estimates at one rank.

    Parameters
    ----------
    path
        A folder of Bracken's tables (`-o`), one a sample; or a list of them, TSV with the columns `sample`
        and `path`; or all in one, made with `combine_bracken_outputs.py`.
    level
        Rank at which Bracken was run (`-l`).

    Returns
    -------
    Table
        Estimated reads by Bracken's names; it writes no lineages.

    Raises
    ------
    VagusError
        If there is no such table, or Bracken was run at another rank.

    References
    ----------
    Lu J et al. (2017) PeerJ Comput Sci 3:e104, doi:10.7717/peerj-cs.104
    """
    rank_depth(level, str(path))
    facts = Facts(("counts",), "reads", "bracken", suffixes=SUFFIXES)
    files = find_reports(path)
    if files:
        found = [_read_estimates(file, level) for _, file in files]
        values, features = join_columns([column for columns in found for column in columns.values()])
        return Table(values, features, [sample for sample, _ in files], {}, facts)
    combined = _read_estimates(path, level)
    values, features = join_columns(list(combined.values()))
    return Table(values, features, list(combined), {}, facts)


def _read_estimates(path: str | Path, level: str) -> dict[str, dict[str, float]]:
    """Read one table: column of the reads -> name -> reads."""
    where = str(path)
    rows = split_rows(read_lines(path))
    _, header = next(rows)
    name, _, letter = need_columns(header, BRACKEN, where, "a table of Bracken")
    columns = [i for i, c in enumerate(header) if c.endswith("_num") or c == "new_est_reads"]
    if not columns:
        raise VagusError(
            f"{where}: no column 'new_est_reads' or '<sample>_num'; fix: give Bracken's table as it is"
        )
    found: dict[str, dict[str, float]] = {header[i]: {} for i in columns}
    for number, cells in rows:
        check_width(cells, len(header), where, number)
        if cells[letter] != LETTERS[level]:
            raise VagusError(
                f"{where}, row {number}: of rank {cells[letter]!r}, but the profile is of level {level}; "
                f"fix: run Bracken with -l {LETTERS[level]}, or name the profile after its rank"
            )
        for i in columns:
            column = found[header[i]]
            value = parse_number(cells[i], where, number, header[i])
            column[cells[name]] = column.get(cells[name], 0.0) + value
    return found

"""Reports of Kraken 2 and tables of Bracken, read into reads per lineage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vagus.errors import VagusError
from vagus.shotgun.lineages import add_values, clean_name
from vagus.shotgun.tables import RANKS, UNCLASSIFIED

# Kraken's letters of `RANKS`. K (kingdom) is no rank of ours; it stands in where there is no domain above it.
_LETTERS = {"D": 0, "P": 1, "C": 2, "O": 3, "F": 4, "G": 5, "S": 6}
# NCBI's taxonomy of 2025 calls them "domain", which Kraken 2 up to 2.1.3 does not know and writes as R2.
_DOMAINS = frozenset({"Bacteria", "Archaea", "Eukaryota", "Viruses"})
_BLANK = ("",) * len(RANKS)


@dataclass(frozen=True)
class Node:
    """A line of a report: rank code, taxid, lineage, and the reads that stop at it."""

    rank: str
    taxid: str
    lineage: tuple[str, ...]
    reads: int


def parse_report(lines: Iterable[str], where: str) -> list[Node]:
    """Parse a report of Kraken 2.

    Parameters
    ----------
    lines
        With six columns, or eight with minimizer data.
    where
        File, for messages.

    Returns
    -------
    list of Node
        In its order. The lineage of a node is that of the nearest of `RANKS` at or above it; nodes above the
        domain have a blank one, `U` too.

    Raises
    ------
    VagusError
        If a line is no line of a report.
    """
    nodes: list[Node] = []
    # Depth and lineage of the nodes above.
    above: list[tuple[int, tuple[str, ...]]] = []
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t")
        if cells == [""]:
            continue
        if len(cells) not in (6, 8) or not cells[2].strip().isdigit():
            raise VagusError(
                f"{where}, row {number}: not a report of Kraken 2; fix: run kraken2 with --report"
            )
        code, taxid, padded = (c.rstrip() for c in cells[-3:])
        code = code.strip()
        name = padded.lstrip(" ")
        depth = len(padded) - len(name)
        while above and above[-1][0] >= depth:
            above.pop()
        lineage = above[-1][1] if above else _BLANK
        if code != "U":
            lineage = _extend(lineage, code, name)
            above.append((depth, lineage))
        nodes.append(Node(code, taxid.strip(), lineage, int(cells[2])))
    return nodes


def _extend(lineage: tuple[str, ...], code: str, name: str) -> tuple[str, ...]:
    level = _LETTERS.get(code)
    if code.startswith("R") and name in _DOMAINS:
        level = 0
    if code == "K" and not lineage[0]:
        level = 0
    if level is None or any(lineage[level + 1 :]):
        return lineage
    return (*lineage[:level], clean_name(name), *lineage[level + 1 :])


def name_nodes(nodes: Sequence[Node], database: str | Path) -> list[Node]:
    """Take the lineages of the database's own `lineages.tsv` (taxid, lineage), where it has one."""
    sheet = Path(database) / "lineages.tsv"
    if not sheet.exists():
        return list(nodes)
    rows = (line.split("\t") for line in sheet.read_text(encoding="utf-8").splitlines()[1:])
    known = {row[0]: tuple(row[1].split(";")) for row in rows}
    return [replace(n, lineage=known.get(n.taxid, n.lineage)) for n in nodes]


def count_nodes(nodes: Iterable[Node]) -> dict[str, float]:
    """Count the reads of each lineage.

    Parameters
    ----------
    nodes
        As `parse_report` gives them.

    Returns
    -------
    dict
        Lineage -> reads: strains count for their species, reads that stop at a genus for that genus with a
        blank
        species, and so on up to the domain. Reads that stop above it, or are unclassified, are
        `unclassified`.
    """
    counts = add_values(
        (";".join(n.lineage) if any(n.lineage) else UNCLASSIFIED, float(n.reads)) for n in nodes if n.reads
    )
    counts.setdefault(UNCLASSIFIED, 0.0)
    return counts


def parse_bracken(lines: Iterable[str], nodes: Sequence[Node], where: str) -> dict[str, float]:
    """Replace the reads of species, and those Bracken moved down to them, by Bracken's estimates.

    Parameters
    ----------
    lines
        Bracken's table at species level.
    nodes
        Of Kraken's report.
    where
        File, for messages.

    Returns
    -------
    dict
        Lineage -> reads. They add up to the reads that went in: what Bracken spread over species is taken
        from the
        genera they lie in, then from the ranks above.
    """
    rows = [line.rstrip("\n").split("\t") for line in lines if line.strip()]
    header = rows[0] if rows else []
    if "taxonomy_id" not in header or "new_est_reads" not in header:
        raise VagusError(f"{where}: not a table of Bracken; fix: update Bracken, or set shotgun.bracken: off")
    taxid, estimate = header.index("taxonomy_id"), header.index("new_est_reads")
    by_taxid = {n.taxid: ";".join(n.lineage) for n in nodes}
    counts = count_nodes(nodes)
    for row in rows[1:]:
        lineage = by_taxid.get(row[taxid])
        if lineage is None:
            raise VagusError(
                f"{where}: taxid {row[taxid]} is not in Kraken's report; fix: rebuild the database"
            )
        owed = float(row[estimate]) - counts.get(lineage, 0.0)
        names = lineage.split(";")
        counts[lineage] = counts.get(lineage, 0.0)
        for level in range(len(RANKS) - 1, 0, -1):
            upper = ";".join([*names[:level], *_BLANK[level:]])
            taken = min(max(owed, 0.0), counts.get(upper, 0.0)) if upper != lineage else 0.0
            if taken:
                counts[upper] -= taken
                counts[lineage] += taken
                owed -= taken
    return {k: v for k, v in counts.items() if v > 0 or k == UNCLASSIFIED}

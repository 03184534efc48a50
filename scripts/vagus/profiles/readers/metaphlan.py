"""Merged tables of MetaPhlAn 3 and 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vagus.errors import VagusError
from vagus.profiles.readers.table import Facts, RowBuilder, Table
from vagus.profiles.readers.taxa import cut_lineages, rank_depth
from vagus.profiles.readers.text import parse_row, read_lines, split_rows
from vagus.shotgun.lineages import join_lineage
from vagus.shotgun.metaphlan_taxa import UNKNOWN, split_clade
from vagus.shotgun.tables import UNCLASSIFIED

HEADS = ("clade_name", "ID", "SampleID")
TAXIDS = ("NCBI_tax_id", "clade_taxid")
SUFFIXES = ("_profile", ".metaphlan", "_metaphlan", "_metaphlan_bugs_list", ".profile", ".txt", ".tsv")
# Below species MetaPhlAn 4 has SGBs, and none of our ranks.
SGB = "sgb"
LETTERS = dict(zip(("k", "p", "c", "o", "f", "g", "s", "t"), range(1, 9), strict=True))


def read_metaphlan(path: str | Path, level: str) -> Table:
    """Read one rank of a merged table.

    Parameters
    ----------
    path
        Of `merge_metaphlan_tables.py`: an optional comment `#mpa_...`, a header `clade_name` and the samples,
        percent of each clade at every rank.
    level
        Rank that is taken, `species` or above, or `sgb`.

    Returns
    -------
    Table
        Shares of the sample. What has no name at the rank, UNKNOWN or UNCLASSIFIED with it, is no feature;
        its share stands in `unclassified`.

    Raises
    ------
    VagusError
        If it is no such table, has no row at the rank, or does not hold percent.

    References
    ----------
    Blanco-Miguez A et al. (2023) Nat Biotechnol 41:1633, doi:10.1038/s41587-023-01688-w
    """
    where = str(path)
    depth = rank_depth(level, where, (SGB,))
    wanted = 8 if level == SGB else depth
    samples: list[str] = []
    places: list[int] = []
    table = RowBuilder[str](0)
    database = ""
    for number, cells in split_rows(read_lines(path)):
        name = cells[0].lstrip("#").strip()
        if not places and name in HEADS and len(cells) > 1:
            places = [i for i, c in enumerate(cells) if i and c not in TAXIDS]
            samples = [cells[i] for i in places]
            if "relative_abundance" in samples:
                raise VagusError(
                    f"{where}, row {number}: is the profile of one sample; fix: join the samples with "
                    "`merge_metaphlan_tables.py`"
                )
            table.width = len(samples)
            continue
        if cells[0].startswith("#"):
            database = name if name.startswith("mpa_") else database
            continue
        if not places:
            raise VagusError(
                f"{where}, row {number}: no header, so it is no merged table of MetaPhlAn; allowed: "
                "clade_name and the samples; fix: join the samples with `merge_metaphlan_tables.py`"
            )
        last = name.rsplit("|", 1)[-1]
        if last not in UNKNOWN and LETTERS.get(last[:1] if last[1:3] == "__" else "") != wanted:
            continue
        row = np.nan_to_num(parse_row([cells[i] for i in places if i < len(cells)], where, number, samples))
        lineage = join_lineage(split_clade(name))
        if level == SGB and last not in UNKNOWN:
            lineage = lineage.rpartition(";")[0] + ";" + last[3:]
        table.add(UNCLASSIFIED if last in UNKNOWN else lineage, row / 100)
    values, lineages = table.finish()
    if not any(lineage != UNCLASSIFIED for lineage in lineages):
        raise VagusError(
            f"{where}: no row of the level {level}; fix: run MetaPhlAn with --tax_lev a, or name "
            "the profile after a rank that the table has"
        )
    sums = values.sum(axis=0)
    worst = int(np.argmax(sums))
    if sums[worst] > 1.01 or sums[worst] < 0.0101:
        raise VagusError(
            f"{where}: the level {level} adds up to {100 * sums[worst]:g} in sample {samples[worst]!r}; "
            "allowed: percent, at most 100; fix: give the abundances as MetaPhlAn wrote them (`-t rel_ab`)"
        )
    dense = values.toarray()
    columns = []
    for j in range(len(samples)):
        column = {lineage: float(dense[i, j]) for i, lineage in enumerate(lineages) if dense[i, j]}
        # Where clades have no name at this rank, the rank adds up to less than the whole.
        rest = 1 - sum(column.values())
        column[UNCLASSIFIED] = column.get(UNCLASSIFIED, 0.0) + (rest if rest > 1e-3 and column else 0.0)
        columns.append(column)
    facts = Facts(("relative",), "share of the sample", "metaphlan", suffixes=SUFFIXES)
    facts.meta = {"database": database} if database else {}
    return cut_lineages(columns, samples, depth, facts)

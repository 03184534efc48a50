"""Annotations of KofamScan in its four shapes, and tables of gene and KO."""

from __future__ import annotations

import re
from pathlib import Path

from vagus.errors import VagusError
from vagus.profiles.readers.annotations import Annotations, keep_ids, read_genes
from vagus.profiles.readers.function_ids import KO, clean_function
from vagus.profiles.readers.table import Table
from vagus.profiles.readers.text import find_delimiter, read_lines, split_rows

ENDS = (
    ".kofam.txt",
    ".kofam.tsv",
    ".kofamscan.txt",
    ".kofamscan.tsv",
    ".KOfam_anno.txt",
    ".txt",
    ".tsv",
    ".csv",
)
_DETAIL = re.compile(r"^(\*?)\s+(\S+)\s+(K\d{5})\s+(\S+)\s+(\S+)\s+(\S+)")
_HEADS = ("gene", "gene name", "gene_name", "query", "protein", "id")


def read_kofamscan(path: str | Path, level: str = "ko", abundance: str | Path | None = None) -> Table:
    """Read annotations of genes as KOs.

    Parameters
    ----------
    path, abundance
        As in `annotations.read_genes`.
    level
        Of the profile.

    Raises
    ------
    VagusError
        If it is no annotation file of KofamScan.

    References
    ----------
    Aramaki T et al. (2020) Bioinformatics 36:2251, doi:10.1093/bioinformatics/btz859
    """
    return read_genes(path, level, abundance, ENDS, read_kos, "kofamscan")


def read_kos(path: str | Path) -> Annotations:
    """Read one file: gene -> KOs.

    Parameters
    ----------
    path
        `-f detail` or `detail-tsv`, of which only hits above their threshold count (marked `*`); `-f mapper`
        or `mapper-one-line`, or a table of gene and KO between commas, in which every KO counts.

    Returns
    -------
    dict
        A gene without KO has an empty tuple.

    Raises
    ------
    VagusError
        Naming the row that is none of these.
    """
    lines = read_lines(path)
    is_detail = lines[0][1].startswith("#")
    found: dict[str, list[str]] = {}
    for number, line in lines if is_detail else []:
        if line.startswith("#"):
            continue
        hit = _DETAIL.match(line.replace('"', ""))
        if not hit:
            raise VagusError(
                f"{path}, row {number}: no gene, KO, threshold, score and E-value; allowed: the formats "
                "detail, detail-tsv and mapper of KofamScan; fix: give its output as it is"
            )
        found.setdefault(hit[2], []).extend([hit[3]] if hit[1] else [])
    if not is_detail:
        delimiter = find_delimiter(lines[0][1])
        for at, (number, cells) in enumerate(split_rows(lines, delimiter, quoted=True)):
            kos = [clean_function(cell) for cell in cells[1:] if cell]
            if at == 0 and cells[0].lower() in _HEADS:
                continue
            wrong = [ko for ko in kos if not KO.fullmatch(ko)]
            if wrong:
                raise VagusError(
                    f"{path}, row {number}: {wrong[0]!r} is no KO; allowed: a gene and its KOs in each row; "
                    "fix: run KofamScan with -f mapper, or give its detail-tsv with the header"
                )
            found.setdefault(cells[0], []).extend(kos)
    return {gene: keep_ids(kos) for gene, kos in found.items()}

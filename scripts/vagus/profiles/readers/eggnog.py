"""Annotations of eggNOG-mapper 2."""

from __future__ import annotations

from pathlib import Path

from vagus.errors import VagusError
from vagus.profiles.readers.annotations import Annotations, keep_ids, read_genes
from vagus.profiles.readers.function_ids import clean_function
from vagus.profiles.readers.table import Table
from vagus.profiles.readers.text import check_width, need_columns, read_lines, split_rows

ENDS = (".emapper.annotations", ".annotations", ".emapper.annotations.gz", ".annotations.gz")


def read_eggnog(path: str | Path, level: str = "ko", abundance: str | Path | None = None) -> Table:
    """Read annotations of genes as KOs, or as EC numbers in a table that has no KO.

    Parameters
    ----------
    path, abundance
        As in `annotations.read_genes`; files end in `.emapper.annotations`.
    level
        Of the profile; `ec` takes the EC numbers.

    Raises
    ------
    VagusError
        If it is no annotation file of eggNOG-mapper.

    References
    ----------
    Cantalapiedra CP et al. (2021) Mol Biol Evol 38:5825, doi:10.1093/molbev/msab293
    """

    def reader(file: str | Path) -> Annotations:
        return read_annotations(file, level)

    return read_genes(path, level, abundance, ENDS, reader, "eggnog-mapper")


def read_annotations(path: str | Path, level: str = "ko") -> Annotations:
    """Read one file: gene -> KOs; its EC numbers for level `ec`, or where the file has no KO at all."""
    lines = [(i, line) for i, line in read_lines(path) if not line.startswith("##")]
    if not lines or not lines[0][1].lstrip("#").startswith("query"):
        raise VagusError(
            f"{path}: no header '#query', so it is not of eggNOG-mapper 2; fix: give the "
            "file .emapper.annotations"
        )
    rows = split_rows(lines)
    _, header = next(rows)
    header = [header[0].lstrip("#"), *header[1:]]
    gene, ko, ec = need_columns(header, (header[0], "KEGG_ko", "EC"), str(path), "of eggNOG-mapper")
    found: dict[int, Annotations] = {ko: {}, ec: {}}
    for number, cells in rows:
        if cells[0].startswith("#"):
            continue
        check_width(cells, len(header), str(path), number)
        for column in (ko, ec):
            ids = [clean_function(i.strip()) for i in cells[column].split(",")]
            found[column][cells[gene]] = keep_ids(ids)
    use_ec = level.startswith("ec") or not any(found[ko].values())
    return found[ec if use_ec else ko]

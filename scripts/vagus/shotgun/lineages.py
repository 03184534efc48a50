"""The taxonomy sheet of a reference: which lineage each of its genomes has."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from vagus.errors import VagusError
from vagus.shotgun.tables import RANKS

_PREFIX = re.compile(r"^[dkpcofgs]__")
_SUFFIX = re.compile(r"\.(fa|fna|fasta|ffn)(\.gz)?$", re.IGNORECASE)


def clean_name(name: str) -> str:
    """Return a taxon's name without `s__` and the like, and without what would break a lineage."""
    return _PREFIX.sub("", name.strip()).replace(";", ",").replace("\t", " ").strip()


def join_lineage(names: Mapping[str, str]) -> str:
    """Join rank -> name to a lineage of `RANKS`; ranks that are absent are blank."""
    return ";".join(clean_name(names.get(rank) or "") for rank in RANKS)


def read_lineages(path: str | Path) -> dict[str, str]:
    """Read a taxonomy sheet.

    Parameters
    ----------
    path
        TSV with the columns `genome` and `species`, and any of the other `RANKS`.

    Returns
    -------
    dict
        Genome -> lineage. A blank genus is the first word of the species.

    Raises
    ------
    VagusError
        If a column is missing, a row has no genome or species, or a genome stands twice.
    """
    found: dict[str, str] = {}
    with open(path, encoding="utf-8-sig", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [name for name in ("genome", "species") if name not in (rows.fieldnames or [])]
        if missing:
            raise VagusError(
                f"{path}: no column '{missing[0]}'; fix: write a TSV with genome and {', '.join(RANKS)}"
            )
        for line, row in enumerate(rows, 2):
            genome = (row["genome"] or "").strip()
            names = {rank: clean_name(row.get(rank) or "") for rank in RANKS}
            if not genome or not names["species"]:
                raise VagusError(f"{path}, row {line}: no genome or no species; fix: fill in both")
            if genome in found:
                raise VagusError(f"{path}, row {line}: genome {genome} stands twice; fix: keep one row")
            names["genus"] = names["genus"] or names["species"].split()[0]
            found[genome] = join_lineage(names)
    return found


def genome_key(name: str) -> str:
    """Return the name of a genome without folders and without FASTA's suffixes."""
    return _SUFFIX.sub("", name.replace("\\", "/").rsplit("/", 1)[-1])


def find_lineage(name: str, lineages: Mapping[str, str], sheet: str | Path) -> str:
    """Find the lineage of a genome as a tool names it.

    Parameters
    ----------
    name
        Name of a sketch, or path of a genome's FASTA; the whole name, its first word, its base name and its
        base name up to `_genomic` are looked up in turn (`GCF_000005845.2_ASM584v2_genomic.fna.gz`).
    lineages
        As `read_lineages` gives them.
    sheet
        The file, for the message.

    Raises
    ------
    VagusError
        If the sheet has no row for it.
    """
    first = (name.split() or [""])[0]
    base = genome_key(name)
    accession = re.match(r"(GC[AF]_\d+(?:\.\d+)?)", base)
    tries = [name, first, base, genome_key(first), base.removesuffix("_genomic")]
    for key in [*tries, *([accession.group(1)] if accession else [])]:
        if key in lineages:
            return lineages[key]
    raise VagusError(
        f"{sheet}: no row for genome {name!r} of the reference; fix: add it to the taxonomy sheet"
    )


def add_values(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Add up the values of equal keys."""
    total: dict[str, float] = {}
    for key, value in pairs:
        total[key] = total.get(key, 0.0) + value
    return total

"""Bring any taxonomy reference into the two formats that the classifiers read."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.amplicon.sequence_ids import read_fasta
from vagus.errors import VagusError
from vagus.reads.fastq import fastgzip
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

RANKS = ("domain", "phylum", "class", "order", "family", "genus", "species")
# Stands where a lineage skips a rank; both classifiers' answers are cleared of it.
GAP = "unclassified_"
_LETTERS = dict(zip("dpcofgs", RANKS, strict=True)) | {"k": "domain"}
_PREFIX = re.compile(r"^[dkpcofgs]__")
_NUCLEOTIDES = re.compile(r"[ACGTRYSWKMBDHVN]+")
_DNA = str.maketrans("uU", "TT", ".-")
_ALLOWED = (
    "allowed: '>Bacteria;Phylum;Class;Order;Family;Genus;' (DADA2) or "
    "'>id;tax=d:Bacteria,p:Phylum,...;' (SINTAX); fix: take the reference's DADA2 or SINTAX release"
)


@dataclass
class ReferenceSummary:
    """What was found in a reference.

    Parameters
    ----------
    style
        `dada2` or `sintax`.
    records
        Sequences written.
    lowered
        Sequences that were not all in upper case.
    ragged
        Sequences whose lineage skips a rank, and the first of these lineages.
    duplicates
        Sequences that stand there before with the same lineage.
    conflicts
        Sequences that stand there before with another lineage.
    """

    style: str = ""
    records: int = 0
    lowered: int = 0
    ragged: int = 0
    duplicates: int = 0
    conflicts: int = 0
    first_ragged: str = ""
    depths: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        depths = ", ".join(f"{n} to {rank}" for rank, n in self.depths.items())
        text = [
            f"format: {self.style}",
            f"sequences: {self.records} ({depths})",
            f"sequences brought to upper case: {self.lowered}",
            f"lineages that skip a rank: {self.ragged}"
            + (f", first: {self.first_ragged}" if self.ragged else ""),
            f"sequences twice with the same lineage: {self.duplicates}",
            f"sequences twice with different lineages: {self.conflicts}",
        ]
        return "\n".join(text)


def detect_style(header: str) -> str:
    """Tell a header's format.

    Parameters
    ----------
    header
        FASTA header without `>`.

    Returns
    -------
    str
        `dada2`, `sintax`, or empty if it is neither.
    """
    if ";tax=" in header:
        return "sintax"
    if "k__" in header:
        return "dada2"
    first = header.split(";", 1)[0]
    # SILVA's and Greengenes' own releases put an accession before the lineage, with a blank.
    return "dada2" if ";" in header and re.fullmatch(r"[A-Za-z][\w\-\[\]/]*", first) else ""


def parse_lineage(header: str, style: str) -> list[str]:
    """Read a lineage from a header.

    Parameters
    ----------
    header
        FASTA header without `>`.
    style
        `dada2` or `sintax`.

    Returns
    -------
    list of str
        Up to seven names from domain to species; "" where a rank in between is not given.

    Raises
    ------
    VagusError
        If a rank letter is unknown, or there are more than seven ranks.
    """
    names = [""] * len(RANKS)
    if style == "sintax":
        for part in header.split(";tax=", 1)[1].split(";", 1)[0].split(","):
            letter, _, name = part.strip().partition(":")
            if letter not in _LETTERS:
                raise VagusError(f"rank {letter!r} in {header!r}; allowed: {', '.join(_LETTERS)}")
            names[RANKS.index(_LETTERS[letter])] = name.strip()
    else:
        # UNITE writes accessions before the lineage.
        text = header[header.index("k__") :] if "k__" in header else header
        parts = [_PREFIX.sub("", part.strip()) for part in text.rstrip("; \t").split(";")]
        if len(parts) > len(RANKS):
            raise VagusError(f"{len(parts)} ranks in {header!r}; allowed: at most {len(RANKS)}")
        names[: len(parts)] = parts
    while names and not names[-1]:
        names.pop()
    return names


def fill_gaps(lineage: Sequence[str]) -> list[str]:
    """Name skipped ranks after the nearest rank above, because both formats need every rank."""
    filled: list[str] = []
    known = ""
    for name in lineage:
        known = name or known
        filled.append(name or f"{GAP}{known or 'root'}")
    return filled


def clear_gaps(lineage: Sequence[str]) -> list[str]:
    """Undo `fill_gaps` in a classifier's answer and bring it to seven ranks."""
    names = ["" if not name or name.startswith(GAP) else name for name in lineage]
    return (names + [""] * len(RANKS))[: len(RANKS)]


def read_reference(path: str | Path, summary: ReferenceSummary) -> Iterator[tuple[list[str], str]]:
    """Yield lineage and upper-case sequence of every record, counting what is odd.

    Parameters
    ----------
    path
        FASTA, may be gzipped.
    summary
        Filled on the way.

    Raises
    ------
    VagusError
        If the file is no reference in one of the two formats; names the record.
    """
    seen: dict[int, int] = {}
    for number, (header, raw) in enumerate(read_fasta(path), 1):
        summary.style = summary.style or detect_style(header)
        if not summary.style or detect_style(header) != summary.style:
            raise VagusError(
                f"taxonomy.reference {path}, record {number}: no lineage in '>{header[:80]}'; {_ALLOWED}"
            )
        sequence = raw.translate(_DNA)
        upper = sequence.upper()
        if not _NUCLEOTIDES.fullmatch(upper):
            raise VagusError(
                f"taxonomy.reference {path}, record {number} ('>{header[:60]}'): empty, or no nucleotide "
                "sequence; fix: give nucleotides (16S, ITS), not proteins"
            )
        try:
            lineage = parse_lineage(header, summary.style)
        except VagusError as error:
            raise VagusError(f"taxonomy.reference {path}, record {number}: {error}; {_ALLOWED}") from None
        if not lineage:
            continue
        summary.records += 1
        summary.lowered += sequence != upper
        summary.depths[RANKS[len(lineage) - 1]] = summary.depths.get(RANKS[len(lineage) - 1], 0) + 1
        if "" in lineage:
            summary.ragged += 1
            summary.first_ragged = summary.first_ragged or ";".join(lineage)
        key, names = hash(upper), hash(tuple(lineage))
        if key in seen:
            same = seen[key] == names
            summary.duplicates += same
            summary.conflicts += not same
        seen.setdefault(key, names)
        yield fill_gaps(lineage), upper
    if not summary.records:
        raise VagusError(f"taxonomy.reference {path}: no sequence with a lineage; {_ALLOWED}")


def prepare_reference(path: str | Path, dada2: str | Path, sintax: str | Path) -> ReferenceSummary:
    """Write a reference in both formats, in upper case.

    vsearch masks lower-case letters, so a soft-masked reference classifies nothing and says nothing.

    Parameters
    ----------
    path
        Reference in either format.
    dada2, sintax
        Gzipped FASTA files to write.

    Returns
    -------
    ReferenceSummary
        What was found.

    Raises
    ------
    VagusError
        If the file is no reference in one of the two formats.
    """
    if not Path(path).is_file():
        raise VagusError(f"config, 'taxonomy.reference': {path} does not exist; {_ALLOWED}")
    summary = ReferenceSummary()
    letters = "dpcofgs"
    with (
        fastgzip.open(dada2, "wb", compresslevel=1) as by_rank,
        fastgzip.open(sintax, "wb", compresslevel=1) as by_letter,
    ):
        for lineage, sequence in read_reference(path, summary):
            by_rank.write(f">{';'.join(lineage)};\n{sequence}\n".encode())
            # SINTAX separates ranks with commas; a comma within a name would cut it.
            tax = ",".join(f"{a}:{name.replace(',', '_')}" for a, name in zip(letters, lineage, strict=False))
            by_letter.write(f">R{summary.records};tax={tax};\n{sequence}\n".encode())
    return summary


def main(reference: str, dada2: str, sintax: str) -> None:
    """Prepare the reference and say in the log what was found."""
    print(prepare_reference(reference, dada2, sintax))


if "snakemake" in globals():
    run_step(
        lambda: main(snakemake.input[0], snakemake.output.dada2, snakemake.output.sintax), snakemake.log[0]
    )

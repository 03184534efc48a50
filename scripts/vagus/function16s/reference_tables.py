"""References for functions from 16S genes: sequences, 16S copies and gene counts, laid out as by PICRUSt2."""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from vagus.errors import Problem, VagusError

if TYPE_CHECKING:
    from scipy import sparse

SEQUENCE_SUFFIXES = (".fna", ".fasta", ".fa")
TRAITS = ("ko", "ec")
LAYOUT = "<name>_ref/<name>_ref.fna, 16S.txt.gz and ko.txt.gz (or ec.txt.gz), each also without .gz"
# What a column of a table of these is called; PICRUSt2 writes `ko:K00001` and `EC:1.1.1.1` in some files.
COLUMN = {
    "ko": re.compile(r"(?:ko:)?(K\d{5})$"),
    "ec": re.compile(r"(?:EC:)?(\d+\.[\dn-]+\.[\dn-]+\.[\dn-]+)$"),
}


@dataclass(frozen=True)
class FunctionReference:
    """Where the parts of one reference are.

    Parameters
    ----------
    folder
        As given.
    sequences
        FASTA of 16S genes, ids being genomes; gaps are allowed.
    copies
        Table of 16S copies in each genome.
    tables
        `ko`, `ec` -> table of gene counts in each genome.
    """

    folder: Path
    sequences: Path
    copies: Path
    tables: dict[str, Path]


def open_text(path: Path) -> IO[str]:
    """Open a file that may be gzipped, by what is in it."""
    with path.open("rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8")


def find_reference(folder: str | Path) -> FunctionReference:
    """Find the parts of a reference in a folder.

    Parameters
    ----------
    folder
        In the layout of PICRUSt2's `default_files` (one domain), see `LAYOUT`.

    Raises
    ------
    VagusError
        If a part is missing, stands there twice, or its header is not that of such a table.
    """
    root = Path(folder)

    def one(names: Iterable[Path], what: str) -> Path:
        found = sorted(names)
        if len(found) != 1:
            said = f"no {what}" if not found else f"{len(found)} files could be the {what}"
            raise VagusError(
                str(Problem(str(folder), said, "lay the folder out as PICRUSt2 does", allowed=LAYOUT))
            )
        return found[0]

    def table(name: str) -> list[Path]:
        return [p for p in (root / f"{name}.txt", root / f"{name}.txt.gz") if p.is_file()]

    places = [root, *sorted(p for p in root.glob("*_ref") if p.is_dir())]
    sequences = one(
        (
            p
            for place in places
            for p in place.iterdir()
            if p.is_file() and p.name.removesuffix(".gz").endswith(SEQUENCE_SUFFIXES)
        ),
        "FASTA of 16S sequences",
    )
    copies = one(table("16S"), "table of 16S copies (16S.txt.gz)")
    _check_header(copies, "16S")
    tables = {trait: one(table(trait), f"{trait}.txt.gz") for trait in TRAITS if table(trait)}
    if not tables:
        one([], "table of gene counts (ko.txt.gz or ec.txt.gz)")
    for trait, path in tables.items():
        _check_header(path, trait)
    return FunctionReference(root, sequences, copies, tables)


def _check_header(path: Path, trait: str) -> None:
    try:
        with open_text(path) as handle:
            header = handle.readline().rstrip("\r\n").split("\t")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise VagusError(
            str(Problem(str(path), f"cannot be read ({error})", "copy the file again"))
        ) from None
    good = len(header) == 2 if trait == "16S" else any(COLUMN[trait].match(h) for h in header[1:])
    if not good:
        allowed = "two columns, genome and number of 16S copies"
        if trait != "16S":
            allowed = f"genomes in rows, {trait.upper()} numbers in columns"
        value = "\t".join(header[:3])
        problem = Problem(
            str(path), "the header is not that of this table", "give the right file", 1, None, value
        )
        raise VagusError(
            f"{str(problem).partition('; fix: ')[0]}; allowed: {allowed}; fix: give the right file"
        )


def read_copies(path: Path) -> dict[str, float]:
    """Read genome -> number of 16S copies.

    Raises
    ------
    VagusError
        With file and row of a number that is none, or below 1: every genome here was found by its 16S gene.
    """
    copies: dict[str, float] = {}
    with open_text(path) as handle:
        next(handle, None)
        for number, line in enumerate(handle, 2):
            genome, _, text = line.rstrip("\r\n").partition("\t")
            try:
                value = float(text)
            except ValueError:
                value = float("nan")
            # A genome without a counted 16S gene has a fragment of one: take it as one.
            if value == 0:
                value = 1.0
            if not value >= 1:
                raise VagusError(
                    str(Problem(str(path), "not a number of 16S copies", "give a number", number, "2", text))
                )
            copies[genome] = value
    return copies


def read_genes(
    path: Path, trait: str, genomes: Collection[str]
) -> tuple[sparse.csr_array, list[str], list[str]]:
    """Read the gene counts of some genomes.

    Parameters
    ----------
    path
        Genomes in rows, genes in columns; read line by line, rows of other genomes are not parsed.
    trait
        `ko` or `ec`; other columns are left out.
    genomes
        Wanted.

    Returns
    -------
    counts, genes, genomes
        Genes x genomes, only genes that one of them has, genomes in the order of the file.

    Raises
    ------
    VagusError
        With file, row and column of what is no number, or if a genome stands there twice.
    """
    import numpy as np
    from scipy import sparse

    wanted = set(genomes)
    names: list[str] = []
    rows: list[sparse.csr_array] = []
    with open_text(path) as handle:
        header = handle.readline().rstrip("\r\n").split("\t")[1:]
        hits = [COLUMN[trait].match(h) for h in header]
        keep = np.array([i for i, hit in enumerate(hits) if hit], np.intp)
        genes = [hit[1] for hit in hits if hit]
        for number, line in enumerate(handle, 2):
            genome, _, text = line.rstrip("\r\n").partition("\t")
            if genome not in wanted:
                continue
            cells = text.split("\t")
            if len(cells) != len(header):
                what = f"{len(cells)} counts where the header has {len(header)}"
                raise VagusError(str(Problem(str(path), what, "copy the file again", number)))
            try:
                values = np.array(cells, dtype=float)
            except ValueError:
                at = next(i for i, c in enumerate(cells) if not _is_number(c))
                raise VagusError(
                    str(Problem(str(path), "not a number", "give counts", number, header[at], cells[at]))
                ) from None
            names.append(genome)
            rows.append(sparse.csr_array(values[keep][None, :]))
    twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) != len(names) else []
    if twice:
        raise VagusError(str(Problem(str(path), "genome stands twice", "keep one row", value=twice[0])))
    table = sparse.csr_array(sparse.vstack(rows)) if rows else sparse.csr_array((0, len(genes)))
    return _sum_genes(table, genes, names)


def _sum_genes(
    table: sparse.csr_array, genes: Sequence[str], genomes: list[str]
) -> tuple[sparse.csr_array, list[str], list[str]]:
    """Turn genomes x columns into genes x genomes, adding columns of one gene, without genes nobody has."""
    import numpy as np
    from scipy import sparse

    unique = sorted(set(genes))
    place = {g: i for i, g in enumerate(unique)}
    rows = np.array([place[g] for g in genes], np.intp)
    ones = sparse.csr_array((np.ones(len(genes)), (rows, np.arange(len(genes)))), (len(unique), len(genes)))
    summed = sparse.csr_array(ones @ table.T)
    summed.eliminate_zeros()
    has = np.flatnonzero(np.diff(summed.indptr))
    return summed[has], [unique[i] for i in has], genomes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def plain_sequences(references: Sequence[FunctionReference]) -> Iterator[tuple[str, str]]:
    """Yield genome and 16S sequence of all references, without gaps, in upper-case DNA.

    Raises
    ------
    VagusError
        If a genome stands in two references or twice in one.
    """
    from vagus.amplicon.sequence_ids import read_fasta

    seen: dict[str, Path] = {}
    for reference in references:
        for header, sequence in read_fasta(reference.sequences):
            genome = header.split()[0] if header.split() else ""
            if genome in seen:
                where = "twice" if seen[genome] == reference.sequences else f"in {seen[genome]} too"
                raise VagusError(
                    str(
                        Problem(
                            str(reference.sequences),
                            f"genome stands {where}",
                            "keep one sequence of each genome",
                            value=genome,
                        )
                    )
                )
            seen[genome] = reference.sequences
            yield genome, re.sub(r"[^A-Z]", "", sequence.upper()).replace("U", "T")

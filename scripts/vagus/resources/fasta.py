"""FASTA, one sequence at a time, and the one file of all genomes that tools are given."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from vagus.errors import VagusError
from vagus.reads.fastq import open_bytes
from vagus.resources.genome_sheet import Genome


def read_fasta(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """Read FASTA, plain or gzipped, one sequence at a time.

    Parameters
    ----------
    path
        The file.

    Yields
    ------
    tuple
        Header without `>`, and the sequence on one line.

    Raises
    ------
    VagusError
        If the file is damaged, not FASTA or holds no sequence.
    """
    header: str | None = None
    parts: list[bytes] = []
    try:
        with open_bytes(path) as handle:
            for raw in handle:
                line = raw.strip()
                if line.startswith(b">"):
                    if header is not None:
                        yield header, b"".join(parts)
                    header, parts = line[1:].decode("utf-8", "replace").strip(), []
                elif line and header is None:
                    raise VagusError(f"{path}: not FASTA, it does not start with >; fix: give FASTA")
                elif line:
                    parts.append(line)
    except (EOFError, OSError, zlib.error) as error:
        raise VagusError(f"{path}: can not be read to its end ({error}); fix: fetch it again") from None
    if header is None:
        raise VagusError(f"{path}: holds no sequence; fix: give FASTA")
    yield header, b"".join(parts)


def contig_name(header: str, number: int) -> str:
    """Return a contig's name: the first word of its header, or its number; `|` becomes `_`."""
    return (header.split() or [f"contig{number}"])[0].replace("|", "_")


def write_contigs(
    genomes: Iterable[Genome], handle: IO[bytes], prefix: Mapping[str, str] | None = None
) -> int:
    """Write all genomes into one FASTA with headers `<genome>|<contig>`.

    Parameters
    ----------
    genomes
        With their files.
    handle
        Open for writing bytes.
    prefix
        Genome -> what is put before its headers.

    Returns
    -------
    int
        Bases written.

    Raises
    ------
    VagusError
        If a contig's name stands twice in a genome.
    """
    write = handle.write
    bases = 0
    for genome in sorted(genomes, key=lambda g: g.genome):
        seen: set[str] = set()
        before = (prefix or {}).get(genome.genome, "")
        for number, (header, sequence) in enumerate(read_fasta(genome.path), 1):
            name = contig_name(header, number)
            if name in seen:
                raise VagusError(
                    f"genome {genome.genome}: sequence {name} stands twice in {genome.path}; fix: rename one"
                )
            seen.add(name)
            if not sequence:
                continue
            write(f">{before}{genome.genome}|{name}\n".encode())
            # Lower case is a mask to some tools; the genomes go in whole.
            write(sequence.upper())
            write(b"\n")
            bases += len(sequence)
    if not bases:
        raise VagusError("the genomes hold no base; fix: give FASTA with sequences in shotgun.genomes")
    return bases

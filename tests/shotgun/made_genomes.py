"""Random genomes, near-identical ones and reads of them, all from a seed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
_TURN = np.zeros(256, dtype=np.uint8)
_TURN[list(b"ACGT")] = list(b"TGCA")
_NUMBER = np.zeros(256, dtype=np.uint8)
_NUMBER[list(b"ACGT")] = [0, 1, 2, 3]


def random_genome(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return a random genome as bytes in an array."""
    return BASES[rng.integers(0, 4, length)]


def mutate(rng: np.random.Generator, genome: np.ndarray, rate: float) -> np.ndarray:
    """Return a copy in which each base is another with chance `rate`."""
    copy = genome.copy()
    hit = np.flatnonzero(rng.random(len(copy)) < rate)
    copy[hit] = BASES[(_NUMBER[copy[hit]] + rng.integers(1, 4, len(hit))) % 4]
    return copy


def read_genome(path: Path) -> np.ndarray:
    """Read a FASTA, plain or gzipped; contigs are joined by Ns, other letters become N."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as handle:
        parts = handle.read().upper().split(b">")[1:]
    text = (b"N" * 200).join(p.split(b"\n", 1)[1].replace(b"\n", b"").replace(b"\r", b"") for p in parts)
    genome = np.frombuffer(text, dtype=np.uint8).copy()
    genome[~np.isin(genome, BASES)] = ord("N")
    return genome


def write_fasta(path: Path, genome: np.ndarray, name: str = "contig1") -> Path:
    """Write a genome; gzipped if the path ends so."""
    text = b">%s\n%s\n" % (name.encode(), genome.tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text, 1, mtime=0) if path.suffix == ".gz" else text)
    return path


def draw_reads(
    rng: np.random.Generator,
    genome: np.ndarray,
    depth: float,
    read_length: int = 150,
    error: float = 0.005,
    insert: int | None = None,
) -> list[np.ndarray]:
    """Draw reads of a genome.

    Parameters
    ----------
    rng
        Source of chance.
    genome
        Of `random_genome`, `mutate` or `read_genome`; reads with N are left out.
    depth
        Mean times a base is read.
    read_length
        Bases of a read.
    error
        Chance that a base is misread.
    insert
        Length of the fragment of a pair; None draws single reads.

    Returns
    -------
    list of ndarray
        One array of reads x bases, or two of mates.
    """
    span = insert or read_length
    count = round(depth * len(genome) / read_length / (2 if insert else 1))
    starts = rng.integers(0, len(genome) - span + 1, count)
    ends = [genome[starts[:, None] + np.arange(read_length)]]
    if insert:
        ends.append(genome[starts[:, None] + span - read_length + np.arange(read_length)])
    keep = np.all([(e != ord("N")).all(axis=1) for e in ends], axis=0)
    flip = rng.random(int(keep.sum())) < 0.5
    left = ends[0][keep]
    right = _TURN[ends[-1][keep]][:, ::-1]
    first = np.where(flip[:, None], right, left)
    mates = [first, np.where(flip[:, None], left, right)] if insert else [first]
    return [mutate(rng, m.ravel(), error).reshape(m.shape) if m.size else m for m in mates]


def write_reads(path: Path, reads: Sequence[tuple[str, np.ndarray]], mate: str = "") -> int:
    """Write (name, reads x bases) as gzipped FASTQ; return the number of reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with gzip.open(path, "wb", compresslevel=1) as handle:
        for name, block in reads:
            for number, row in enumerate(block):
                handle.write(b"@%s_%d%s\n%s\n+\n" % (name.encode(), number, mate.encode(), row.tobytes()))
                handle.write(b"I" * len(row) + b"\n")
                count += 1
    return count


def write_sample(
    rng: np.random.Generator,
    clean: Path,
    sample: str,
    genomes: Mapping[str, np.ndarray],
    depths: Mapping[str, float],
    insert: int | None = None,
    read_length: int = 150,
    error: float = 0.005,
) -> dict[str, int]:
    """Write the clean reads of a mixture as `<clean>/<sample>__run1_R1.fastq.gz` (and `_R2` with `insert`).

    Returns
    -------
    dict
        Genome -> reads or pairs drawn.
    """
    drawn = {n: draw_reads(rng, genomes[n], d, read_length, error, insert) for n, d in depths.items()}
    for end in range(2 if insert else 1):
        mate = f"/{end + 1}" if insert else ""
        path = clean / f"{sample}__run1_R{end + 1}.fastq.gz"
        write_reads(path, [(n, mates[end]) for n, mates in drawn.items()], mate)
    return {n: len(mates[0]) for n, mates in drawn.items()}


def write_taxonomy(path: Path, species: Mapping[str, str], families: Mapping[str, str] | None = None) -> Path:
    """Write a taxonomy sheet: genome -> species; the genus is its first word."""
    lines = ["genome\tdomain\tfamily\tgenus\tspecies"]
    for genome, name in species.items():
        genus = name.split()[0]
        lines.append(f"{genome}\tBacteria\t{(families or {}).get(genus, genus + 'aceae')}\t{genus}\t{name}")
    path.write_text("\n".join(lines) + "\n")
    return path


def lineage(species: str) -> str:
    """Return the lineage that `write_taxonomy` gives to a species."""
    genus = species.split()[0]
    return f"Bacteria;;;;{genus}aceae;{genus};{species}"

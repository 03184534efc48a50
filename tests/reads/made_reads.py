"""Small made reads for tests: amplicons with primers, in either orientation, paired or single."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable
from pathlib import Path

FORWARD = "GTGYCAGCMGCCGCGGTAA"
REVERSE = "GGACTACNVGGGTWTCTAAT"
FORWARD_READ = "GTGCCAGCAGCCGCGGTAA"
REVERSE_READ = "GGACTACTAGGGTATCTAAT"
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def rc(sequence: str) -> str:
    """Reverse complement."""
    return sequence.translate(_COMPLEMENT)[::-1]


def make_insert(seed: int, length: int = 200) -> str:
    """A random sequence."""
    return "".join(random.Random(seed).choices("ACGT", k=length))


def pair_of(insert: str, length: int = 150, primers: bool = True, turned: bool = False) -> tuple[str, str]:
    """Both reads of a molecule; `turned` starts R1 with the reverse primer."""
    molecule = FORWARD_READ + insert + rc(REVERSE_READ) if primers else insert
    first, second = molecule[:length], rc(molecule)[:length]
    return (second, first) if turned else (first, second)


def write_fastq(path: Path, sequences: Iterable[str], name: str = "read{i}", quality: str = "I") -> Path:
    """Write gzipped FASTQ."""
    with gzip.open(path, "wt") as handle:
        for i, sequence in enumerate(sequences):
            handle.write(f"@{name.format(i=i)}\n{sequence}\n+\n{quality * len(sequence)}\n")
    return path


def read_sequences(path: Path) -> list[str]:
    """Sequences of a gzipped FASTQ."""
    with gzip.open(path, "rt") as handle:
        return [line.strip() for i, line in enumerate(handle) if i % 4 == 1]


def write_pairs(folder: Path, stem: str, pairs: list[tuple[str, str]], **how: str) -> dict[str, str]:
    """Write a unit's files; return its fastq_1 and fastq_2."""
    return {
        f"fastq_{mate}": str(
            write_fastq(folder / f"{stem}_R{mate}.fastq.gz", [p[mate - 1] for p in pairs], **how)
        )
        for mate in (1, 2)
    }

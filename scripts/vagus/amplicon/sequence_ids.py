"""Ids of sequence variants that depend on the sequence alone, and FASTA in and out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vagus.reads.fastq import open_bytes

ID_DIGITS = 10


def asv_id(sequence: str, digits: int = ID_DIGITS) -> str:
    """Return `ASV_` and the first digits of the MD5 of the upper-case sequence."""
    return "ASV_" + hashlib.md5(sequence.upper().encode(), usedforsecurity=False).hexdigest()[:digits]


def assign_ids(sequences: Sequence[str]) -> list[str]:
    """Give each distinct sequence its id.

    Parameters
    ----------
    sequences
        Distinct sequences.

    Returns
    -------
    list of str
        Ids in the same order; those that would clash get six more digits.
    """
    ids = [asv_id(s) for s in sequences]
    often = Counter(ids)
    return [i if often[i] == 1 else asv_id(s, ID_DIGITS + 6) for i, s in zip(ids, sequences, strict=True)]


def read_fasta(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield header (whole line, without `>`) and sequence; the file may be gzipped."""
    header: str | None = None
    parts: list[str] = []
    with open_bytes(path) as handle:
        for raw in handle:
            line = raw.decode("utf-8", errors="replace").strip()
            if line.startswith(">"):
                if header is not None:
                    yield header, "".join(parts)
                header, parts = line[1:], []
            elif line:
                parts.append(line)
    if header is not None:
        yield header, "".join(parts)


def write_fasta(records: Iterable[tuple[str, str]], path: str | Path) -> None:
    """Write records, one line a sequence."""
    with open(path, "w", encoding="utf-8") as handle:
        handle.writelines(f">{name}\n{sequence}\n" for name, sequence in records)

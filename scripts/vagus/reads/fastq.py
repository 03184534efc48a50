"""Small, fast handling of FASTQ files: count, link, empty files, and dropping reads by name."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO

from vagus.errors import VagusError

try:  # several times faster than zlib, but not built for every platform
    from isal import igzip as fastgzip
except ImportError:
    fastgzip = gzip  # type: ignore[misc]

_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


def is_gzip(path: str | Path) -> bool:
    """Tell whether a file starts with gzip's magic bytes."""
    with open(path, "rb") as handle:
        return handle.read(2) == _GZIP_MAGIC


def open_bytes(path: str | Path) -> IO[bytes]:
    """Open a plain or gzipped file for reading bytes."""
    return fastgzip.open(path, "rb") if is_gzip(path) else open(path, "rb")  # type: ignore[return-value]


def is_empty(path: str | Path) -> bool:
    """Tell whether a FASTQ file holds no read, without reading all of it."""
    try:
        with open_bytes(path) as handle:
            return not handle.read(1)
    except (EOFError, OSError, zlib.error) as error:
        raise VagusError(_damaged(path, error)) from None


def count_reads(path: str | Path) -> int:
    """Count the reads of a FASTQ file.

    Parameters
    ----------
    path
        Plain or gzipped FASTQ with four lines a read.

    Returns
    -------
    int
        Number of reads.

    Raises
    ------
    VagusError
        If the file is damaged or ends within a read.
    """
    lines, last = 0, b"\n"
    try:
        with open_bytes(path) as handle:
            while block := handle.read(_BLOCK):
                lines += block.count(b"\n")
                last = block[-1:]
    except (EOFError, OSError, zlib.error) as error:
        raise VagusError(_damaged(path, error)) from None
    lines += last != b"\n"
    if lines % 4:
        raise VagusError(
            f"{path}: {lines} lines are not a multiple of four, the file ends within a read; "
            "fix: fetch it again"
        )
    return lines // 4


def _damaged(path: str | Path, error: Exception) -> str:
    return f"{path}: the file can not be read to its end ({error}); fix: fetch it again and compare checksums"


def write_empty(path: Path) -> None:
    """Write a valid gzip file without content."""
    path.write_bytes(gzip.compress(b"", mtime=0))


def hand_on(source: str | Path, target: Path) -> None:
    """Hand a file on unchanged: a link to a gzipped one, a gzipped copy of a plain one.

    Parameters
    ----------
    source
        FASTQ.
    target
        Ends in `.gz`.
    """
    if is_gzip(source):
        os.symlink(Path(source).resolve(), target)
        return
    with open(source, "rb") as plain, fastgzip.open(target, "wb", compresslevel=1) as packed:
        while block := plain.read(_BLOCK):
            packed.write(block)


def mate_name(name: str) -> str:
    """Return a read's whole name without the /1 or /2 at its end."""
    return name[:-2] if name.endswith(("/1", "/2")) else name


def drop_reads(sources: list[Path], targets: list[Path], names: Collection[str]) -> tuple[int, int]:
    """Write the reads, or read pairs, of which no mate is named.

    Parameters
    ----------
    sources, targets
        One file, or two for pairs; the same order. They must differ.
    names
        Names as `mate_name` gives them.

    Returns
    -------
    tuple of int
        Reads or pairs seen, and kept.
    """
    import dnaio  # only here: steps that merely open files run in environments without it

    seen = kept = 0
    with (
        dnaio.open(*[str(s) for s in sources], open_threads=0) as reader,
        dnaio.open(
            *[str(t) for t in targets], mode="w", fileformat="fastq", compression_level=1, open_threads=0
        ) as writer,
    ):
        for item in reader:
            records = item if isinstance(item, tuple) else (item,)
            seen += 1
            if any(mate_name(record.name) in names for record in records):
                continue
            kept += 1
            writer.write(*records)
    return seen, kept

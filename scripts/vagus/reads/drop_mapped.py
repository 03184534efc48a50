"""Drop the reads that align to something unwanted, streaming the aligner's lines beside the read files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from vagus.errors import VagusError
from vagus.reads.fastq import mate_name
from vagus.reads.tools import find_tool, last_words

_UNMAPPED, _NOT_PRIMARY = 0x4, 0x900


def bowtie2_command(index: str, files: Sequence[Path], threads: int, preset: str) -> list[str]:
    """Return the call that gives one SAM line a read, in the order of the files."""
    for path in files:
        if "," in str(path):
            raise VagusError(f"bowtie2: {path} has a comma in its path; fix: move the results")
    inputs = ["-U", str(files[0])] if len(files) == 1 else ["-1", str(files[0]), "-2", str(files[1])]
    # Memory-mapped: several jobs share one copy of a large index.
    command = ["bowtie2", preset, "--reorder", "--mm", "--no-head", "-p", str(threads)]
    return [*command, "-x", index, *inputs]


def minimap2_command(index: str, files: Sequence[Path], threads: int) -> list[str]:
    """Return the call that gives one primary SAM line a read, in the order of the files."""
    return ["minimap2", "-ax", "sr", "--secondary=no", "-t", str(threads), index, *map(str, files)]


def _primary_lines(stream: IO[bytes]) -> Iterator[tuple[str, bool]]:
    """Yield name and whether it aligned for every read of a SAM stream."""
    header = True
    for line in stream:
        if header and line.startswith(b"@"):
            continue
        header = False
        name, flag, _ = line.split(b"\t", 2)
        bits = int(flag)
        if not bits & _NOT_PRIMARY:
            yield name.decode("utf-8", "replace"), not bits & _UNMAPPED


def _key(name: str) -> str:
    # Aligners cut names at the first blank, at 255 letters, and strip /1 and /2 from mates.
    words = name.split(maxsplit=1)
    return mate_name(words[0])[:200] if words else ""


def drop_mapped(
    command: list[str], files: list[Path], targets: list[Path], log: Path, what: str
) -> tuple[int, int]:
    """Write the reads, or read pairs, of which no mate aligns; memory does not grow with the reads.

    Parameters
    ----------
    command
        Aligner that writes one primary SAM line a read in the order of the files.
    files, targets
        One file, or two mates; they must differ.
    log
        The aligner's words, for MultiQC.
    what
        Step, sample and run, for messages.

    Returns
    -------
    tuple of int
        Reads or pairs seen, and kept.

    Raises
    ------
    VagusError
        If the aligner fails, or its lines are not those of the files.
    """
    tool = Path(command[0]).name
    with log.open("wb") as words:
        run = subprocess.Popen([find_tool(command[0]), *command[1:]], stdout=subprocess.PIPE, stderr=words)
        assert run.stdout is not None
        try:
            seen, kept, complete = _keep_unmapped(run.stdout, files, targets, f"{what}: {tool}")
        except BaseException:
            run.kill()
            raise
        finally:
            run.stdout.close()
            status = run.wait()
    if status != 0:
        said = last_words(log.read_text(encoding="utf-8", errors="replace"))
        raise VagusError(f"{what}: {tool} failed with status {status}: {said}")
    if not complete:
        raise VagusError(f"{what}: {tool} ended after {seen} reads; fix: look into {log}")
    return seen, kept


def _keep_unmapped(
    stream: IO[bytes], files: list[Path], targets: list[Path], what: str
) -> tuple[int, int, bool]:
    """Return reads or pairs seen and kept, and whether the aligner spoke of all of them."""
    import dnaio  # as in vagus.reads.fastq

    lines, seen, kept = _primary_lines(stream), 0, 0
    try:
        with (
            dnaio.open(*map(str, files), open_threads=0) as reader,
            dnaio.open(
                *map(str, targets), mode="w", fileformat="fastq", compression_level=1, open_threads=0
            ) as writer,
        ):
            for item in reader:
                records = item if isinstance(item, tuple) else (item,)
                mapped = False
                for record in records:
                    name, hit = next(lines, (None, False))
                    if name is None:
                        return seen, kept, False
                    if _key(name) != _key(record.name):
                        raise VagusError(
                            f"{what} gives read {name} in place of {record.name}; "
                            "fix: use an index of one part, and reads whose names do not start with a blank"
                        )
                    mapped = mapped or hit
                seen += 1
                if not mapped:
                    kept += 1
                    writer.write(*records)
    except dnaio.FileFormatError as error:
        raise VagusError(f"{what}: {error}; fix: bring both files into one order of the same reads") from None
    if next(lines, None) is not None:
        raise VagusError(f"{what} gives more reads than the files hold; fix: use an index of one part")
    return seen, kept, True

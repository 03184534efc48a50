"""What cleaning 16S and shotgun reads has in common: the units of a batch, their files, and their ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vagus.errors import VagusError
from vagus.ledger import write_ledger
from vagus.reads.fastq import count_reads, is_empty, write_empty


@dataclass(frozen=True)
class UnitFiles:
    """The files of one sample in one run.

    Parameters
    ----------
    sample, run
        As in samples.tsv.
    sources, targets
        Reads that come in and clean reads, one file a mate.
    """

    sample: str
    run: str
    sources: list[Path]
    targets: list[Path]

    @property
    def where(self) -> str:
        """Sample and run, for messages."""
        return f"sample {self.sample}, run {self.run}"

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return f"{self.sample}__{self.run}"


def files_of(unit: Mapping[str, str], paired: bool, clean: Path) -> UnitFiles:
    """Return the files of a unit (sample, run, fastq_1, fastq_2) that is cleaned into the folder `clean`."""
    sources = [Path(unit["fastq_1"]), *([Path(unit["fastq_2"])] if paired else [])]
    stem = f"{unit['sample']}__{unit['run']}"
    targets = [clean / f"{stem}_R{mate}.fastq.gz" for mate in range(1, len(sources) + 1)]
    return UnitFiles(unit["sample"], unit["run"], sources, targets)


def pass_if_empty(files: UnitFiles) -> bool:
    """Write empty targets if the unit holds no reads, and say so; `VagusError` if one mate alone has none."""
    try:
        empty = [is_empty(source) for source in files.sources]
    except VagusError as error:
        raise VagusError(f"raw, {files.where}: {error}") from None
    if any(empty) and not all(empty):
        raise VagusError(
            f"raw, {files.where}: {files.sources[empty.index(True)]} holds no reads but its mate does; "
            "fix: fetch it again"
        )
    if all(empty):
        for target in files.targets:
            write_empty(target)
    return all(empty)


def count_mates(sources: Sequence[Path], where: str) -> int:
    """Count reads or pairs; `VagusError` if the mates' files differ in number or are damaged."""
    try:
        counts = [count_reads(source) for source in sources]
    except VagusError as error:
        raise VagusError(f"raw, {where}: {error}") from None
    if len(set(counts)) > 1:
        raise VagusError(
            f"raw, {where}: {sources[0]} holds {counts[0]} reads and {sources[1]} {counts[1]}; "
            "fix: mates must be of the same reads, fetch both again"
        )
    return counts[0]


def clean_units(
    batch: Mapping[str, Any],
    clean_one: Callable[[Mapping[str, str], bool, int], list[dict[str, Any]]],
    folders: Sequence[Path],
    ledger: Path,
    threads: int,
    one_at_a_time: bool = False,
) -> None:
    """Clean all units of a batch, several at a time, and write their ledger.

    Parameters
    ----------
    batch
        batch, run, paired, and units with sample, run, fastq_1, fastq_2.
    clean_one
        Cleans a unit, given whether it is paired and its threads; returns its ledger rows.
    folders
        Directories to make.
    ledger
        TSV to write.
    threads
        Units cleaned at a time, or the threads for one unit.
    one_at_a_time
        If a tool needs much memory.

    Raises
    ------
    VagusError
        If one sample stands twice in the batch, or a unit fails.
    """
    units = batch["units"]
    stems = [f"{unit['sample']}__{unit['run']}" for unit in units]
    twice = sorted({stem.replace("__", " in run ") for stem in stems if stems.count(stem) > 1})
    if twice:
        raise VagusError(
            f"batch {batch['batch']}: sample {twice[0]} stands twice; "
            "fix: give each lane or library of a sample its own run in samples.tsv, or join its files"
        )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    workers = 1 if one_at_a_time else max(1, min(threads, len(units)))
    each = max(1, threads // workers)
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(clean_one, unit, bool(batch["paired"]), each) for unit in units]
        try:
            rows = [row for job in jobs for row in job.result()]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    write_ledger(rows, ledger)

"""The fast road's filter: merge mates, or cut single reads to one length, and drop reads full of errors."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dnaio
import numpy as np
import pandas as pd

from vagus.errors import VagusError
from vagus.reads.tools import run_tool

# vsearch stops at a quality above its expectation; 93 is the highest that FASTQ can write.
_ANY_QUALITY = ["--fastq_qmax", "93"]
# Mates that disagree in more than a fifth of their overlap are not of one molecule. No absolute number of
# differences: in the long overlap of 2 x 250 V4 it would drop good pairs, and the merged qualities judge
# them anyway.
MAX_DIFFERENCE_PERCENT = 20
MIN_MERGED_LENGTH = 50
_READS_FOR_LENGTH = 1000


@dataclass(frozen=True)
class Unit:
    """Clean reads of one sample in one run; `files` holds one file or two mates."""

    sample: str
    run: str
    files: tuple[Path, ...]
    reads: int


@dataclass(frozen=True)
class FilterSettings:
    """Limits of the filter.

    Parameters
    ----------
    max_ee
        Most expected errors in a merged (or single) read.
    trunc_q
        Reads are cut at the first base of this quality or less.
    min_overlap
        Least overlap of mates, in bases.
    trunc_len
        Lengths to which reads are cut before anything else, shorter ones being dropped; empty cuts nothing.
    length_range
        Least and most length of what is kept, in bases.
    """

    max_ee: float = 2.0
    trunc_q: int = 2
    min_overlap: int = 12
    trunc_len: tuple[int, ...] = ()
    length_range: tuple[int, int] | None = None


def collect_units(clean: Sequence[str | Path], ledgers: Sequence[str | Path]) -> list[Unit]:
    """Find the clean reads of all batches.

    Parameters
    ----------
    clean
        Directories made by the rule clean_reads.
    ledgers
        Their ledgers, in the same order.

    Returns
    -------
    list of Unit
        Ordered by sample and run; a unit without reads is among them with `reads` 0.

    Raises
    ------
    VagusError
        If some units are paired and some are not: their variants would not be the same piece of the gene.
    """
    units = []
    for folder, path in zip(clean, ledgers, strict=True):
        text = {"sample": str, "run": str}
        ledger = pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False)
        for (sample, run), rows in ledger.groupby(["sample", "run"], sort=False):
            mates = [Path(folder) / f"{sample}__{run}_R{mate}.fastq.gz" for mate in (1, 2)]
            files = tuple(m for i, m in enumerate(mates) if i == 0 or m.exists())
            units.append(Unit(str(sample), str(run), files, int(rows["reads_out"].iloc[-1])))
    by_kind = {len(u.files): u for u in units if u.reads}
    if len(by_kind) > 1:
        raise VagusError(
            f"filter: run {by_kind[2].run} is paired-end and run {by_kind[1].run} single-end; their reads "
            "end at different places; fix: leave fastq_2 empty in all rows, or analyse the runs apart"
        )
    return sorted(units, key=lambda u: (u.sample, u.run))


def choose_length(units: Sequence[Unit], max_ee: float, per_unit: int = _READS_FOR_LENGTH) -> int:
    """Choose the length of single-end reads that keeps most bases.

    Parameters
    ----------
    units
        Single-end units.
    max_ee
        Most expected errors in what is kept.
    per_unit
        Reads looked at in each unit.

    Returns
    -------
    int
        The length, in steps of 10 bases, that maximises length x reads that are long and good enough.
        0 if there is nothing to choose from.
    """
    lasting = []
    for unit in units:
        if not unit.reads:
            continue
        with dnaio.open(str(unit.files[0]), open_threads=0) as reader:
            for record in itertools.islice(reader, per_unit):
                scores = np.frombuffer((record.qualities or "").encode(), dtype=np.uint8) - 33.0
                errors = np.cumsum(10 ** (-scores / 10))
                lasting.append(int(np.searchsorted(errors, max_ee, side="right")))
    if not lasting:
        return 0
    reach = np.asarray(lasting)
    lengths = np.arange(10, max(int(reach.max()), 10) + 1, 10)
    kept = [(reach >= length).sum() * length for length in lengths]
    return int(lengths[int(np.argmax(kept))])


def filter_unit(unit: Unit, settings: FilterSettings, folder: Path) -> Counter[str]:
    """Merge or cut the reads of a unit and count its distinct sequences.

    Parameters
    ----------
    unit
        Clean reads.
    settings
        Limits.
    folder
        For temporary files.

    Returns
    -------
    Counter
        Reads per distinct sequence.

    Raises
    ------
    VagusError
        If vsearch fails.

    References
    ----------
    Rognes T et al. (2016) PeerJ 4:e2584, doi:10.7717/peerj.2584
    Edgar RC, Flyvbjerg H (2015) Bioinformatics 31:3476, doi:10.1093/bioinformatics/btv401
    """
    if not unit.reads:
        return Counter()
    where = f"filter, sample {unit.sample}, run {unit.run}"
    least, most = settings.length_range or (MIN_MERGED_LENGTH, 0)
    common = [*_ANY_QUALITY, "--fastq_truncqual", str(settings.trunc_q), "--fastq_maxns", "0"]
    common += ["--fastq_maxee", str(settings.max_ee)]
    common += ["--fasta_width", "0", "--fastaout", "-", "--threads", "1"]
    if len(unit.files) == 1:
        command: list[str | Path] = ["vsearch", "--fastq_filter", unit.files[0], *common]
        command += ["--fastq_minlen", str(least)]
        command += ["--fastq_trunclen", str(settings.trunc_len[0])] if settings.trunc_len else []
        command += ["--fastq_maxlen", str(most)] if most and not settings.trunc_len else []
        return _count_sequences(run_tool(command, where))
    cut = [folder / f"{unit.sample}__{unit.run}_R{mate}.cut.fastq" for mate in (1, 2)]
    files = list(unit.files)
    if settings.trunc_len:
        files = cut if cut_pairs(unit.files, cut, settings.trunc_len) else []
    if not files:
        return Counter()
    command = ["vsearch", "--fastq_mergepairs", files[0], "--reverse", files[1], "--fastq_allowmergestagger"]
    command += ["--fastq_maxdiffs", "1000", "--fastq_maxdiffpct", str(MAX_DIFFERENCE_PERCENT)]
    command += ["--fastq_minovlen", str(max(5, settings.min_overlap)), "--fastq_minmergelen", str(least)]
    command += ["--fastq_maxmergelen", str(most)] if most else []
    counts = _count_sequences(run_tool([*command, *common, "--fastq_qmaxout", "41"], where))
    for path in cut:
        path.unlink(missing_ok=True)
    return counts


def _count_sequences(fasta: str) -> Counter[str]:
    return Counter(line for line in fasta.splitlines() if line and line[0] != ">")


def cut_pairs(sources: Sequence[Path], targets: Sequence[Path], lengths: Sequence[int]) -> int:
    """Cut both mates to given lengths and drop pairs with a shorter mate.

    Parameters
    ----------
    sources, targets
        Two FASTQ files each.
    lengths
        Bases of the forward and of the reverse read.

    Returns
    -------
    int
        Pairs written.
    """
    kept = 0
    with (
        dnaio.open(*[str(s) for s in sources], open_threads=0) as reader,
        dnaio.open(*[str(t) for t in targets], mode="w", fileformat="fastq", open_threads=0) as writer,
    ):
        for first, second in reader:
            if len(first) >= lengths[0] and len(second) >= lengths[1]:
                writer.write(first[: lengths[0]], second[: lengths[1]])
                kept += 1
    return kept

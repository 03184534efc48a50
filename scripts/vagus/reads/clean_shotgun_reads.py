"""Clean the shotgun reads of one batch: fastp, the host, PhiX; every read is accounted for in the ledger."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.ledger import ledger_row
from vagus.reads.batch_units import clean_units, count_mates, files_of, pass_if_empty
from vagus.reads.build_host_index import ALIGNERS, find_index
from vagus.reads.clean_reads import ODD_PHIX
from vagus.reads.drop_mapped import bowtie2_command, drop_mapped, minimap2_command
from vagus.reads.fastq import write_empty
from vagus.reads.tools import run_tool
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

POLY_G = ("auto", "on", "off")
# fastp's sliding window takes no higher mean.
HIGHEST_CUTOFF = 36
# Shares of lost reads at which the ledger says so in words.
ODD_QUALITY = 0.5
ODD_DUPLICATES = 0.5
ODD_HOST = 0.5
_FASTP_LOSSES = {
    "low_quality_reads": "of low quality",
    "too_short_reads": "too short",
    "too_many_N_reads": "with too many N",
}


@dataclass(frozen=True)
class ShotgunSettings:
    """What is to be done to the reads.

    Parameters
    ----------
    adapters
        Find adapters in the reads (by the overlap of mates and by their sequence) and trim them.
    quality_cutoff
        Phred score: a read is cut where the mean of four bases falls below it, and dropped if more than
        40 % of what is left is below it; 0 looks at no quality (and at no N).
    min_length
        Reads shorter than this after trimming are dropped, with their mates.
    poly_g
        Trim tails of G: `auto` where the read names tell of a two-colour sequencer, `on`, `off`.
    deduplicate
        Drop reads (pairs) that stand twice in a library; fastp takes 4 GB for it.
    host_index
        Index of the host for `host_aligner`; None leaves the host in.
    host_aligner
        `bowtie2` or `minimap2`; of made reads of 50 bases with 2 % errors bowtie2 found 99.5 %, minimap2
        76 %, and of 150 bases both all: short or ragged reads want bowtie2.
    phix_index
        Prefix of a bowtie2 index; None leaves PhiX in.

    """

    adapters: bool = True
    quality_cutoff: int = 20
    min_length: int = 50
    poly_g: str = "auto"
    deduplicate: bool = False
    host_index: str | None = None
    host_aligner: str = "bowtie2"
    phix_index: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.quality_cutoff <= HIGHEST_CUTOFF:
            raise VagusError(
                f"quality_cutoff is {self.quality_cutoff}; allowed: 0 to {HIGHEST_CUTOFF}; fix: 20 is usual"
            )
        if self.poly_g not in POLY_G:
            raise VagusError(f"poly_g is {self.poly_g!r}; allowed: {', '.join(POLY_G)}; fix: use auto")
        if self.host_aligner not in ALIGNERS:
            raise VagusError(
                f"host_aligner is {self.host_aligner!r}; allowed: {', '.join(ALIGNERS)}; fix: use bowtie2"
            )

    @property
    def one_at_a_time(self) -> bool:
        """Whether a tool's memory (a host's index, fastp's table of reads) forbids units side by side."""
        return self.deduplicate or self.host_index is not None


def run_fastp(
    files: list[Path], targets: list[Path], settings: ShotgunSettings, report: Path, threads: int, where: str
) -> dict[str, Any]:
    """Trim and filter reads with fastp.

    Parameters
    ----------
    files, targets
        One file, or two mates.
    settings
        What to do.
    report
        JSON report to write, for MultiQC.
    threads
        Threads for fastp.
    where
        Sample and run, for messages.

    Returns
    -------
    dict
        fastp's report.

    Raises
    ------
    VagusError
        If fastp fails.

    References
    ----------
    Chen S et al. (2018) Bioinformatics 34:i884, doi:10.1093/bioinformatics/bty560
    """
    paired = len(files) == 2
    # Which of two duplicates is kept would hang on the threads.
    workers = 1 if settings.deduplicate else min(16, max(1, threads))
    command: list[str | Path] = ["fastp", "-i", files[0], "-o", targets[0], "-w", str(workers), "-z", "1"]
    command += ["-I", files[1], "-O", targets[1]] if paired else []
    command += ["-j", report, "-h", targets[0].with_name("fastp.html")]
    if not settings.adapters:
        command += ["--disable_adapter_trimming"]
    elif paired:
        command += ["--detect_adapter_for_pe"]
    if settings.quality_cutoff > 0:
        cutoff = str(settings.quality_cutoff)
        command += ["--cut_right", "--cut_mean_quality", cutoff, "--qualified_quality_phred", cutoff]
    else:
        command += ["--disable_quality_filtering"]
    command += {"auto": [], "on": ["--trim_poly_g"], "off": ["--disable_trim_poly_g"]}[settings.poly_g]
    # Never hand on reads of length zero: several tools stop at them.
    command += ["--length_required", str(max(1, settings.min_length))]
    command += ["--dedup"] if settings.deduplicate else ["--dont_eval_duplication"]
    run_tool(command, f"quality, {where}")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def fastp_rows(
    report: Mapping[str, Any], mates: int, raw: int, settings: ShotgunSettings, sample: str, run: str
) -> list[dict[str, Any]]:
    """Turn fastp's report into ledger rows.

    Parameters
    ----------
    report
        fastp's JSON; it counts the reads of both mates.
    mates
        1 or 2.
    raw
        Reads or pairs in the files, counted by us.
    settings
        What was done.
    sample, run
        Ids.

    Returns
    -------
    list of dict
        `quality`, and `duplicates` if they were dropped.

    Raises
    ------
    VagusError
        If fastp did not read all reads (it ends without an error at unequal mates), or its numbers do not
        add up.
    """
    where = f"quality, sample {sample}, run {run}"
    seen = int(report["summary"]["before_filtering"]["total_reads"])
    if seen != raw * mates:
        raise VagusError(
            f"{where}: fastp read {seen // mates} of {raw} reads; fix: the files are damaged in the middle, "
            "fetch them again"
        )
    results = {key: int(count) for key, count in report["filtering_result"].items()}
    passed = results.pop("passed_filter_reads")
    left = int(report["summary"]["after_filtering"]["total_reads"])
    if passed + sum(results.values()) != seen or passed % mates or left % mates or left > passed:
        raise VagusError(f"{where}: the numbers of fastp's report do not add up; fix: report this defect")
    lost = raw - passed // mates
    reason = ""
    if lost > ODD_QUALITY * raw:
        parts = {_FASTP_LOSSES.get(key, key): n // mates for key, n in results.items() if n}
        words = [f"{n} {what}" for what, n in sorted(parts.items(), key=lambda item: -item[1])]
        reason = f"{lost} of {raw} reads are lost: {', '.join(words)}"
    rows = [ledger_row(sample, run, "quality", raw, passed // mates, reason)]
    if settings.deduplicate:
        twice = (passed - left) // mates
        odd = twice > ODD_DUPLICATES * max(1, passed // mates)
        reason = f"{twice} of {passed // mates} reads are duplicates" if odd else ""
        rows.append(ledger_row(sample, run, "duplicates", passed // mates, left // mates, reason))
    elif left != passed:
        raise VagusError(f"{where}: fastp passed {passed} reads but wrote {left}; fix: report this defect")
    return rows


def _remove(
    step: str, command: list[str], files: list[Path], targets: list[Path], log: Path, row: Mapping[str, Any]
) -> dict[str, Any]:
    """Remove what aligns; return the ledger row that follows `row`, and leave no trace of the input."""
    sample, run, left = row["sample"], row["run"], int(row["reads_out"])
    what = f"{step}, sample {sample}, run {run}"
    seen, kept = drop_mapped(command, files, targets, log, what)
    if seen != left:
        raise VagusError(f"{what}: {left} reads came in but {seen} were seen; fix: report this defect")
    for path in files:
        path.unlink()
    share, odd = (seen - kept) / max(1, seen), {"host": ODD_HOST, "phix": ODD_PHIX}[step]
    named = {"host": "the host's", "phix": "PhiX"}[step]
    return ledger_row(
        sample, run, step, seen, kept, f"{share:.0%} of the reads are {named}" if share > odd else ""
    )


def clean_unit(
    unit: Mapping[str, str], paired: bool, settings: ShotgunSettings, clean: Path, logs: Path, threads: int
) -> list[dict[str, Any]]:
    """Clean the reads of one sample in one run; the host's reads stay nowhere, not after a failure either.

    Parameters
    ----------
    unit
        sample, run, fastq_1, fastq_2.
    paired
        Whether there are mates.
    settings
        What to do.
    clean, logs
        Directories for the reads and the tools' logs.
    threads
        Threads for one tool.

    Returns
    -------
    list of dict
        Ledger rows: raw, and each step that was active.

    Raises
    ------
    VagusError
        Naming sample, run and step.
    """
    files_in = files_of(unit, paired, clean)
    sample, run, where, stem = files_in.sample, files_in.run, files_in.where, files_in.stem
    sources, targets = files_in.sources, files_in.targets
    if pass_if_empty(files_in):
        return [ledger_row(sample, run, "raw", 0, 0, "the read files hold no reads")]
    # Counted by us: fastp ends without an error where one mate's file is shorter.
    raw = count_mates(sources, where)
    # Inside the output, which Snakemake deletes when the job is killed.
    work = clean / f".{stem}"
    work.mkdir()
    try:
        rows = [ledger_row(sample, run, "raw", raw, raw)]
        files = [work / f"fastp_R{mate}.fastq.gz" for mate in range(1, len(sources) + 1)]
        report = run_fastp(sources, files, settings, logs / f"{stem}.fastp.json", threads, where)
        rows += fastp_rows(report, len(sources), raw, settings, sample, run)
        # A sample ends with the step that left nothing; later steps have nothing to say about it.
        rows = rows[: next((i + 1 for i, row in enumerate(rows) if row["reads_out"] == 0), len(rows))]
        # fastp writes no valid gzip when it keeps nothing.
        if rows[-1]["reads_out"] and count_mates(files, where) != rows[-1]["reads_out"]:
            raise VagusError(f"quality, {where}: fastp wrote other reads than it reports; fix: run it again")
        for step, command in _removals(settings, threads):
            if rows[-1]["reads_out"]:
                kept = [work / f"{step}_R{mate}.fastq.gz" for mate in range(1, len(sources) + 1)]
                rows.append(_remove(step, command(files), files, kept, logs / f"{stem}.{step}.log", rows[-1]))
                files = kept
        for source, target in zip(files, targets, strict=True):
            if rows[-1]["reads_out"]:
                source.replace(target)
            else:
                write_empty(target)
        return rows
    finally:
        shutil.rmtree(work)


def _removals(settings: ShotgunSettings, threads: int) -> list[tuple[str, Callable[[list[Path]], list[str]]]]:
    """Return the steps that remove what aligns, each with its call for given files."""
    steps: list[tuple[str, Callable[[list[Path]], list[str]]]] = []
    host, phix = settings.host_index, settings.phix_index
    if host is not None and settings.host_aligner == "minimap2":
        steps.append(("host", lambda files: minimap2_command(host, files, threads)))
    elif host is not None:
        # End to end: adapters and bad tails are gone, and a short match of a microbe to 3 Gb is no host read.
        steps.append(("host", lambda files: bowtie2_command(host, files, threads, "--very-sensitive")))
    if phix is not None:
        steps.append(("phix", lambda files: bowtie2_command(phix, files, threads, "--very-fast-local")))
    return steps


def clean_batch(
    batch: Mapping[str, Any], settings: ShotgunSettings, clean: Path, ledger: Path, logs: Path, threads: int
) -> None:
    """Clean all units of a batch.

    Parameters
    ----------
    batch
        batch, run, paired, and units with sample, run, fastq_1, fastq_2.
    settings
        What to do.
    clean, logs
        Directories to make.
    ledger
        TSV to write.
    threads
        Units cleaned at a time, or the threads for one unit if a tool needs much memory.

    Raises
    ------
    VagusError
        If one sample stands twice in the batch, or a tool fails.
    """
    clean_units(
        batch,
        lambda unit, paired, each: clean_unit(unit, paired, settings, clean, logs, each),
        [clean, logs],
        ledger,
        threads,
        settings.one_at_a_time,
    )


def main(
    batch: str,
    settings: Mapping[str, Any],
    host_index: str | None,
    phix_index: str | None,
    clean: str,
    ledger: str,
    logs: str,
    threads: int,
) -> None:
    """Hand Snakemake's files and the config's settings to `clean_batch`; the index tells its aligner."""
    aligner, index = find_index(host_index) if host_index else (ALIGNERS[0], None)
    poly_g = settings["poly_g"]
    chosen = ShotgunSettings(
        adapters=bool(settings["adapters"]),
        quality_cutoff=int(settings["quality_cutoff"]),
        min_length=int(settings["min_length"]),
        # YAML reads a bare on and off as true and false.
        poly_g=("on" if poly_g else "off") if isinstance(poly_g, bool) else str(poly_g),
        deduplicate=bool(settings["deduplicate"]),
        host_index=index,
        host_aligner=aligner,
        phix_index=phix_index,
    )
    units = json.loads(Path(batch).read_text(encoding="utf-8"))
    clean_batch(units, chosen, Path(clean), Path(ledger), Path(logs), threads)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.batch,
            snakemake.params.settings,
            next(iter(snakemake.input.get("host", [])), None) or snakemake.params.host or None,
            next((f.removesuffix(".1.bt2") for f in snakemake.input.get("phix", [])), None),
            snakemake.output.clean,
            snakemake.output.ledger,
            snakemake.output.logs,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

"""Clean the reads of one batch: primers, quality, PhiX; every read is accounted for in the ledger."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.ledger import ledger_row
from vagus.reads.batch_units import clean_units, count_mates, files_of, pass_if_empty
from vagus.reads.fastq import drop_reads, hand_on, mate_name
from vagus.reads.primers import PrimerPair, load_primers, primer_arguments
from vagus.reads.tools import run_tool
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Shares of lost reads at which the ledger says so in words.
ODD_UNTRIMMED = 0.5
ODD_PHIX = 0.1


@dataclass(frozen=True)
class CleanSettings:
    """What is to be done to the reads.

    Parameters
    ----------
    primers
        None leaves the reads' ends alone.
    keep_untrimmed
        Keep reads that show no primer.
    primer_error_rate
        Share of mismatches allowed in a primer.
    quality_cutoff
        Phred score for trimming the 3' end; 0 trims nothing.
    min_length
        Reads shorter than this after trimming are dropped; not applied when nothing is trimmed.
    phix_index
        Prefix of a bowtie2 index; None leaves PhiX in.
    """

    primers: PrimerPair | None = None
    keep_untrimmed: bool = False
    primer_error_rate: float = 0.12
    quality_cutoff: int = 0
    min_length: int = 50
    phix_index: str | None = None

    @property
    def trims(self) -> bool:
        """Whether cutadapt has anything to do."""
        return self.primers is not None or self.quality_cutoff > 0


def trim_unit(
    files: list[Path], targets: list[Path], settings: CleanSettings, report: Path, where: str
) -> dict[str, Any]:
    """Trim primers and low-quality ends with cutadapt.

    Parameters
    ----------
    files, targets
        One file, or two mates.
    settings
        What to trim.
    report
        JSON report to write, for MultiQC.
    where
        Sample and run, for messages.

    Returns
    -------
    dict
        `read_counts` of cutadapt's report: pairs, or reads.

    Raises
    ------
    VagusError
        If cutadapt fails, for example on damaged or unequal mates.

    References
    ----------
    Martin M (2011) EMBnet.journal 17:10, doi:10.14806/ej.17.1.200
    """
    command: list[str | Path] = ["cutadapt", "--quiet", "-j", "1", "-Z", "--json", report]
    if settings.primers is not None:
        command += primer_arguments(settings.primers, len(files) == 2, settings.primer_error_rate)
        command += [] if settings.keep_untrimmed else ["--discard-untrimmed"]
    if settings.quality_cutoff > 0:
        command += ["-q", str(settings.quality_cutoff)]
    # Never hand on reads of length zero: several tools stop at them.
    command += ["-m", str(max(1, settings.min_length)), "-o", targets[0]]
    command += ["-p", targets[1]] if len(files) == 2 else []
    run_tool([*command, *files], f"trimming, {where}")
    counts: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["read_counts"]
    return counts


def trim_rows(counts: Mapping[str, Any], settings: CleanSettings, sample: str, run: str) -> list[dict]:
    """Turn cutadapt's counts into ledger rows.

    Parameters
    ----------
    counts
        `read_counts` of its JSON report.
    settings
        What was trimmed.
    sample, run
        Ids.

    Returns
    -------
    list of dict
        `primers` (if primers were given) and `quality`.
    """
    rows, left = [], int(counts["input"])
    if settings.primers is not None:
        lost = int(counts["filtered"]["discard_untrimmed"] or 0)
        reason = ""
        if settings.keep_untrimmed:
            missing = [
                f"{left - counts[key]} R{mate}"
                for mate, key in ((1, "read1_with_adapter"), (2, "read2_with_adapter"))
                if counts.get(key) is not None and counts[key] < left
            ]
            reason = f"kept without a primer: {', '.join(missing)} reads" if missing else ""
        elif lost > ODD_UNTRIMMED * left:
            reason = f"{lost} of {left} reads show no primer: is reads.primers the pair that was used?"
        rows.append(ledger_row(sample, run, "primers", left, left - lost, reason))
        left -= lost
    short = int(counts["filtered"]["too_short"] or 0)
    reason = (
        f"all reads are shorter than {settings.min_length} after trimming" if left and short == left else ""
    )
    rows.append(ledger_row(sample, run, "quality", left, left - short, reason))
    return rows


def find_phix(files: list[Path], index: str, threads: int, log: Path, where: str) -> tuple[set[str], int]:
    """Find the reads that come from PhiX, in either mate.

    Parameters
    ----------
    files
        One file, or two mates.
    index
        Prefix of the bowtie2 index.
    threads
        Threads for bowtie2.
    log
        bowtie2's summary, for MultiQC.
    where
        Sample and run, for messages.

    Returns
    -------
    tuple
        Names (see `mate_name`) and number of alignments.

    References
    ----------
    Langmead B, Salzberg SL (2012) Nat Methods 9:357, doi:10.1038/nmeth.1923
    """
    # Local mode: the bad tails of PhiX reads would fail end to end. Mates go in singly, one hit is enough.
    command = ["bowtie2", "--very-fast-local", "--no-unal", "--no-head", "--sam-no-qname-trunc"]
    command += ["-p", str(threads), "-x", index, "-U", ",".join(_bare(f) for f in files)]
    lines = run_tool(command, f"PhiX removal, {where}", log).splitlines()
    return {mate_name(line.split("\t", 1)[0]) for line in lines if line}, len(lines)


def _bare(path: Path) -> str:
    if "," in str(path):
        raise VagusError(f"PhiX removal: {path} has a comma in its path; fix: move the reads or the results")
    return str(path)


def remove_phix(
    files: list[Path], settings: CleanSettings, threads: int, log: Path, reads: int, where: str
) -> tuple[int, str]:
    """Remove PhiX from cleaned files in place.

    Parameters
    ----------
    files
        Files in the output directory; links are replaced by files only if PhiX was found.
    settings
        With the index.
    threads
        Threads for bowtie2.
    log
        bowtie2's summary.
    reads
        Reads or pairs in the files.
    where
        Sample and run, for messages.

    Returns
    -------
    tuple
        Reads or pairs left, and a reason if their loss is odd.

    Raises
    ------
    VagusError
        If read names are not unique, so that more would be dropped than was found.
    """
    names, hits = find_phix(files, str(settings.phix_index), threads, log, where)
    if not names:
        return reads, ""
    kept_files = [f.with_name(f"kept.{f.name}") for f in files]
    seen, kept = drop_reads(files, kept_files, names)
    if seen - kept > hits:
        raise VagusError(
            f"PhiX removal, {where}: read names are not unique; fix: give every read its own name, "
            "or set reads.phix: false"
        )
    for new, old in zip(kept_files, files, strict=True):
        new.replace(old)
    share = (seen - kept) / max(1, seen)
    return kept, f"{share:.0%} of the reads are PhiX" if share > ODD_PHIX else ""


def clean_unit(
    unit: Mapping[str, str], paired: bool, settings: CleanSettings, clean: Path, logs: Path, threads: int
) -> list[dict[str, Any]]:
    """Clean the reads of one sample in one run.

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
    rows: list[dict[str, Any]] = []
    if settings.trims:
        counts = trim_unit(sources, targets, settings, logs / f"{stem}.cutadapt.json", where)
        raw = int(counts["input"])
        rows = [ledger_row(sample, run, "raw", raw, raw), *trim_rows(counts, settings, sample, run)]
    else:
        raw = count_mates(sources, where)
        rows = [ledger_row(sample, run, "raw", raw, raw)]
        for source, target in zip(sources, targets, strict=True):
            hand_on(source, target)
    left = rows[-1]["reads_out"]
    # A sample ends with the step that left nothing; later steps have nothing to say about it.
    rows = rows[: next((i + 1 for i, row in enumerate(rows) if row["reads_out"] == 0), len(rows))]
    if settings.phix_index is not None and left:
        log = logs / f"{stem}.bowtie2.log"
        kept, reason = remove_phix(targets, settings, threads, log, left, where)
        rows.append(ledger_row(sample, run, "phix", left, kept, reason))
    return rows


def clean_batch(
    batch: Mapping[str, Any], settings: CleanSettings, clean: Path, ledger: Path, logs: Path, threads: int
) -> None:
    """Clean all units of a batch, several at a time.

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
        Units cleaned at a time.

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
    )


def main(
    batch: str,
    reads: Mapping[str, Any],
    primer_table: str | None,
    phix_index: str | None,
    clean: str,
    ledger: str,
    logs: str,
    threads: int,
) -> None:
    """Hand Snakemake's files and the config's `reads` to `clean_batch`."""
    settings = CleanSettings(
        primers=load_primers(reads["primers"], Path(primer_table) if primer_table else None),
        keep_untrimmed=bool(reads["keep_untrimmed"]),
        primer_error_rate=float(reads["primer_error_rate"]),
        quality_cutoff=int(reads["quality_cutoff"]),
        min_length=int(reads["min_length"]),
        phix_index=phix_index,
    )
    units = json.loads(Path(batch).read_text(encoding="utf-8"))
    clean_batch(units, settings, Path(clean), Path(ledger), Path(logs), threads)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.batch,
            snakemake.params.reads,
            next(iter(snakemake.input.get("primer_table", [])), None),
            next((f.removesuffix(".1.bt2") for f in snakemake.input.get("phix", [])), None),
            snakemake.output.clean,
            snakemake.output.ledger,
            snakemake.output.logs,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

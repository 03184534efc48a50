"""Taxonomy of shotgun reads with sylph."""

import csv
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import count_reads
from vagus.reads.tools import run_tool, tool_version
from vagus.shotgun.lineages import add_values, find_lineage, read_lineages
from vagus.shotgun.tables import UNCLASSIFIED, SampleReads, find_sample_reads, write_taxa
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

_COLUMNS = ("Genome_file", "Sequence_abundance", "Eff_cov", "True_cov")


def parse_profile(
    lines: Iterable[str], lineages: Mapping[str, str], sheet: str | Path, where: str
) -> dict[str, float]:
    """Parse the table of `sylph profile --estimate-unknown`.

    Parameters
    ----------
    lines
        TSV of one sample.
    lineages, sheet
        See `find_lineage`.
    where
        File, for messages.

    Returns
    -------
    dict
        Lineage -> share of the reads, and `unclassified`; the sum is 1.

    Raises
    ------
    VagusError
        If it is another table, or of several samples.
    """
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    fields = rows.fieldnames or []
    if not fields:
        return {UNCLASSIFIED: 1.0}
    if any(c not in fields for c in _COLUMNS[:2]):
        raise VagusError(
            f"{where}: not a table of sylph profile (no {_COLUMNS[0]}, {_COLUMNS[1]}); fix: run `profile`"
        )
    if "True_cov" not in fields:
        raise VagusError(
            f"{where}: made without --estimate-unknown, so that shares leave out the unknown; fix: add it"
        )
    table = list(rows)
    if len({row.get("Sample_file") for row in table}) > 1:
        raise VagusError(f"{where}: is of several samples; fix: run sylph once a sample")
    values = add_values(
        (find_lineage(row["Genome_file"], lineages, sheet), float(row["Sequence_abundance"]) / 100)
        for row in table
    )
    total = sum(values.values())
    # Rounding to four digits may push the sum above 1.
    values = {k: v / max(1.0, total) for k, v in values.items() if v > 0}
    values[UNCLASSIFIED] = max(0.0, 1 - sum(values.values()))
    return values


def join_files(sources: Sequence[Path], target: Path) -> Path:
    """Put gzip files one after another, which is a gzip file; one alone is used where it is."""
    if len(sources) == 1:
        return sources[0]
    with target.open("wb") as joined:
        for source in sources:
            with source.open("rb") as handle:
                shutil.copyfileobj(handle, joined)
    return target


def sylph_command(
    reads: SampleReads, database: str | Path, table: Path, scratch: Path, threads: int
) -> list[str | Path]:
    """Return the command; sylph takes each file for a sample, so the runs of one are joined.

    With pairs and single reads in one sample all go in as single reads: sylph knows no mixture.
    """
    command: list[str | Path] = ["sylph", "profile", database, "-t", str(threads), "-u", "-o", table]
    if reads.singles:
        return [*command, join_files(reads.files, scratch / f"{reads.sample}.fastq.gz")]
    first = join_files([p[0] for p in reads.pairs], scratch / f"{reads.sample}_R1.fastq.gz")
    second = join_files([p[1] for p in reads.pairs], scratch / f"{reads.sample}_R2.fastq.gz")
    return [*command, "-1", first, "-2", second]


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    database: str,
    taxonomy: str,
    output: str,
    settings: Mapping[str, Any],
    threads: int,
) -> None:
    """Profile all samples into the folder `output`.

    References
    ----------
    Shaw J, Yu YW (2025) Nat Biotechnol 43:1348, doi:10.1038/s41587-024-02412-y
    """
    lineages = read_lineages(taxonomy)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "engine": "sylph",
        "version": tool_version("sylph"),
        "kind": "relative",
        "unit": "share of the reads",
    }
    for sample in samples:
        reads = find_sample_reads(clean, sample)
        total = sum(count_reads(f) for f in [*(p[0] for p in reads.pairs), *reads.singles])
        values: dict[str, float] = {}
        if total:
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                table = Path(scratch) / "profile.tsv"
                run_tool(
                    sylph_command(reads, database, table, Path(scratch), threads), f"sylph, sample {sample}"
                )
                with table.open(encoding="utf-8", newline="") as handle:
                    values = parse_profile(handle, lineages, taxonomy, str(table))
        stats = {
            "reads": total,
            "unclassified_share": values.get(UNCLASSIFIED),
            # sylph's own limit is one of depth (about 0.01x), which is no share of the reads.
            "detection_limit": None,
            "reference": Path(database).name,
        }
        write_taxa(values, {**head, **stats}, folder, sample)


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            str(snakemake.input.database),
            str(snakemake.input.taxonomy),
            str(snakemake.output[0]),
            snakemake.params.settings,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

"""Index the user's genomes for bowtie2, all in one, with headers `<genome>|<contig>`."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.tools import run_tool, tool_version
from vagus.resources import write_manifest
from vagus.resources.fasta import write_contigs
from vagus.resources.genome_sheet import Genome, genomes_from_rows, write_taxonomy
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SUFFIXES = (".1.bt2", ".2.bt2", ".3.bt2", ".4.bt2", ".rev.1.bt2", ".rev.2.bt2")
# Above this bowtie2 writes its large index, whose files are named otherwise.
MOST_BASES = 4_000_000_000


def build_bowtie2(
    genomes: Sequence[Genome], prefix: Path, taxonomy: Path, manifest: Path, threads: int = 1
) -> None:
    """Build the index.

    Parameters
    ----------
    genomes
        With their files.
    prefix
        Prefix of the index; its files end in `SUFFIXES`.
    taxonomy
        TSV to write: genome and seven ranks.
    manifest
        JSON to write.
    threads
        Threads.

    Raises
    ------
    VagusError
        If there is no genome, there are too many bases, or bowtie2-build fails.

    References
    ----------
    Langmead B, Salzberg SL (2012) Nat Methods 9:357, doi:10.1038/nmeth.1923
    """
    if not genomes:
        raise VagusError("shotgun.genomes names no genome; fix: give one row a genome")
    ordered = sorted(genomes, key=lambda g: g.genome)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix.parent) as scratch:
        fasta = Path(scratch) / "genomes.fasta"
        with fasta.open("wb") as handle:
            bases = write_contigs(ordered, handle)
        if bases > MOST_BASES:
            raise VagusError(
                f"shotgun.genomes: {bases} bases are more than a bowtie2 index holds; allowed: {MOST_BASES}; "
                "fix: leave genomes out, or use another engine for so many"
            )
        made = Path(scratch) / "genomes"
        command = [
            "bowtie2-build",
            "--quiet",
            "--seed",
            "0",
            "--threads",
            str(threads),
            str(fasta),
            str(made),
        ]
        run_tool(command, "building the bowtie2 index")
        for suffix in SUFFIXES:
            made.with_name(made.name + suffix).replace(prefix.with_name(prefix.name + suffix))
    write_taxonomy(ordered, taxonomy)
    write_manifest(
        manifest,
        "bowtie2",
        {"bowtie2": tool_version("bowtie2")},
        {g.genome: g.path for g in ordered},
        {"bases": bases, "lineages": {g.genome: ";".join(g.lineage) for g in ordered}},
    )


def main(
    rows: Sequence[Mapping[str, str]],
    paths: Sequence[str],
    first: str,
    taxonomy: str,
    manifest: str,
    threads: int,
) -> None:
    """Hand Snakemake's files to `build_bowtie2`."""
    prefix = Path(first.removesuffix(SUFFIXES[0]))
    build_bowtie2(genomes_from_rows(rows, paths), prefix, Path(taxonomy), Path(manifest), threads)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.params.genomes,
            list(snakemake.input.genomes),
            snakemake.output.index[0],
            snakemake.output.taxonomy,
            snakemake.output.manifest,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

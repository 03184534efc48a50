"""HUMAnN 3 on the two-species reference: references in the form that it demands, and its calls."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from vagus.reads.tools import run_tool
from vagus.resources.fasta import read_fasta
from vagus.resources.genome_sheet import Genome
from vagus.shotgun.humann_function import humann_command, join_reads, read_humann
from vagus.shotgun.tables import find_sample_reads

SAMPLE = "s"
PROTEINS = "humann2/data/uniref_DEMO/uniref90_demo_prots.faa"
# HUMAnN 3.9 takes no other version of either database, and tells it by the names of the files.
_NUCLEOTIDE, _PROTEIN = "v201901_v31", "v201901b"
_FILTERS = ["--nucleotide-subject-coverage-threshold", "0", "--translated-subject-coverage-threshold", "0"]
# Way to run it -> what is added to the call of the workflow.
WAYS = {
    "humann": [],
    "humann, index kept": ["--bypass-nucleotide-index"],
    "humann, no coverage filter": _FILTERS,
}


def find_humann() -> Path | None:
    """Find HUMAnN by the variable VAGUS_HUMANN, or on PATH."""
    found = os.environ.get("VAGUS_HUMANN") or shutil.which("humann")
    return Path(found) if found and Path(found).is_file() else None


def family_of(header: str) -> tuple[str, str]:
    """Return species and UniRef90 family of a gene of ChocoPhlAn v0.1.1."""
    *_, lineage, family, _, _ = header.split("|")
    return lineage.split(".s__")[1].replace("_", " "), family


def write_catalogues(genomes: Sequence[Genome], folder: Path) -> None:
    """Write the gene catalogues with names and headers as HUMAnN 3.9 reads them; sequences are untouched."""
    folder.mkdir(parents=True)
    for genome in genomes:
        name = f"{genome.path.name.split('.centroids')[0]}.centroids.{_NUCLEOTIDE}.ffn.gz"
        with gzip.open(folder / name, "wt", compresslevel=1) as out:
            for number, (header, dna) in enumerate(read_fasta(genome.path)):
                taxid, lineage, *rest = header.split("|")[-5:]
                out.write(f">{taxid}__g{number}__g{number}|{'|'.join([lineage, *rest])}\n{dna.decode()}\n")


def build(way: str, genomes: Sequence[Genome], folder: Path) -> None:
    """Make HUMAnN's databases."""
    nucleotide, protein = folder / "nucleotide", folder / "protein"
    write_catalogues(genomes, nucleotide)
    protein.mkdir()
    source = genomes[0].path.parents[3] / PROTEINS
    base = protein / f"uniref90_demo_prots_{_PROTEIN}.dmnd"
    run_tool(["diamond", "makedb", "--quiet", "--threads", "1", "--in", source, "--db", base], "benchmark")
    if way == "humann, index kept":
        joined = folder / "all.ffn"
        with joined.open("w") as out:
            for path in sorted(nucleotide.iterdir()):
                with gzip.open(path, "rt") as handle:
                    shutil.copyfileobj(handle, out)
        shutil.rmtree(nucleotide)
        nucleotide.mkdir()
        run_tool(["bowtie2-build", "-q", "-f", joined, nucleotide / "genes"], "benchmark")


def run_step(way: str, step: str, genomes: Sequence[Genome], clean: Path, folder: Path, threads: int) -> None:
    """Build the databases, or run HUMAnN, for a way of `WAYS`."""
    if step == "build":
        build(way, genomes, folder)
        return
    humann = find_humann()
    if humann is None:
        raise FileNotFoundError("HUMAnN is not installed")
    os.environ["PATH"] = f"{humann.parent}{os.pathsep}{os.environ['PATH']}"
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    joined = out / f"{SAMPLE}.fastq.gz"
    join_reads(find_sample_reads([str(clean)], SAMPLE), joined)
    bases = str(folder / "nucleotide"), str(folder / "protein")
    command = humann_command(joined, out, SAMPLE, *bases, None, {"bypass_prescreen": True}, threads)
    run_tool([*command, *WAYS[way]], way)


def read_families(folder: Path) -> dict[str, float]:
    """Return the reads per kilobase of each gene family, over all species."""
    found: dict[str, float] = {}
    for (family, _), value in read_humann(folder / "out" / f"{SAMPLE}_genefamilies.tsv").values.items():
        found[family] = found.get(family, 0.0) + value
    return found

"""The DADA2 road against the plain R script of its documentation: same reads, same cores, one run."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vagus.amplicon.sequence_ids import asv_id
from vagus.profile import read_profile

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
CORES = 2
MOST = 0.5

SNAKEFILE = """
pathvars:
    results="results",
    logs="logs",
    benchmarks="benchmarks",
    resources="resources",

BATCHES = {{"sop.1": {{}}}}
RUNS = {{"sop": ["sop.1"]}}
ENGINE = "dada2"

rule all:
    input:
        "results/amplicon/taxonomy.tsv",
        "results/amplicon/dada2/asv_counts.biom",

include: "{rules}"
"""
CONFIG = {
    "amplicon": {
        "trunc_len": [240, 160],
        "amplicon_length": "auto",
        "max_ee": [2, 2],
        "trunc_q": 2,
        "min_overlap": 12,
        "pool": "none",
        "chimera": "consensus",
        "nbases": 1e8,
        "length_range": [],
    },
    "taxonomy": {"method": "dada2", "min_confidence": 50},
}


def lay_out(folder: Path) -> None:
    """Put the reads where the reads floor leaves them, and the rules of the road into a Snakefile."""
    clean, batches = folder / "results/reads/clean/sop.1", folder / "results/design/batches"
    reference = folder / "results/amplicon/reference"
    for place in (clean, batches, reference):
        place.mkdir(parents=True)
    units = []
    for path in sorted((DATA / "miseq_sop").glob("*_R?_001.fastq.gz")):
        sample, side = path.name.split("_")[0], path.name.split("_")[3]
        (clean / f"{sample}__sop_{side}.fastq.gz").symlink_to(path)
        if side == "R1":
            units.append({"sample": sample, "run": "sop"})
    batch = {"batch": "sop.1", "run": "sop", "paired": True, "units": units}
    (batches / "sop.1.json").write_text(json.dumps(batch))
    (reference / "dada2.fasta.gz").symlink_to(DATA / "rdp_trainset9" / "rdp_trainset9.dada2.fa.gz")
    (folder / "Snakefile").write_text(SNAKEFILE.format(rules=ROOT / "workflow" / "rules" / "dada2.smk"))
    (folder / "config.json").write_text(json.dumps(CONFIG))


def timed(command: list[str], folder: Path) -> float:
    """Run a command on the benchmark's cores and return its wall time in seconds."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    start = time.perf_counter()
    done = subprocess.run(
        ["taskset", "-c", ",".join(map(str, cores)), *command], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return time.perf_counter() - start


@pytest.mark.benchmark
def test_the_road_takes_at_most_half_of_the_tutorial_and_finds_the_same(tmp_path: Path) -> None:
    if not (DATA / "miseq_sop").exists():
        pytest.skip("the MiSeq SOP reads are not there")
    ours = tmp_path / "ours"
    lay_out(ours)
    launch = [sys.executable, "-m", "snakemake", "--cores", str(CORES), "--configfile", "config.json"]
    road = timed(launch, ours)
    script = str(Path(__file__).with_name("dada2_tutorial.R"))
    reference = str(DATA / "rdp_trainset9" / "rdp_trainset9.dada2.fa.gz")
    tutorial = timed(
        ["Rscript", script, str(DATA / "miseq_sop"), reference, str(tmp_path / "peer")], tmp_path
    )
    table = read_profile(ours / "results/amplicon/dada2/asv_counts.biom").to_frame().stack()
    found = {(str(s), str(f)): int(n) for (s, f), n in table.items() if n}
    with (tmp_path / "peer" / "counts.tsv").open() as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        theirs = {(row["sample"], asv_id(row["sequence"])): int(row["count"]) for row in rows}
    print(f"DADA2 road / tutorial script: {road / tutorial:.2f}")
    assert found == theirs
    assert road / tutorial <= MOST

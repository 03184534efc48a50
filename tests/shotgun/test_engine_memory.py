"""Our own code holds no reads: ten times the reads take no more memory, whatever the engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import shotgun_engines as engines
from shotgun.made_genomes import draw_reads, random_genome, write_fasta, write_reads
from shotgun.made_proteins import make_genome, write_proteins

from vagus.reads.tools import run_tool

READS = 25_000
# Of the Python process, in MB: at 250,000 reads their bases alone are 38 MB, as Python objects 100 and more.
MOST_GROWTH = 25.0
PEAK = """
import sys
sys.path[:0] = [{scripts!r}, {tests!r}]
from pathlib import Path
from benchmarks import shotgun_engines as engines
case = engines.Case("", Path({clean!r}))
case.labels, case.proteins = {labels!r}, {labels!r}
engines.run_step({engine!r}, "run", case, Path({folder!r}))
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print("PEAK", int(peak.split()[1]) / 1000)
"""
TOOLS = {"kraken2": "kraken2", "bowtie2": "bowtie2", "diamond": "diamond"}


def peak(engine: str, folder: Path, clean: Path, labels: str) -> float:
    """Run an engine in a process of its own; return its own peak (MB), without that of its tools."""
    tests = str(Path(__file__).parents[1])
    code = PEAK.format(
        scripts=str(engines.ROOT / "scripts"),
        tests=tests,
        clean=str(clean),
        labels=labels,
        engine=engine,
        folder=str(folder),
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout.rsplit("PEAK", 1)[1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc: the peak can not be read")
@pytest.mark.parametrize("engine", ["sourmash", "kraken2", "bowtie2", "sketch", "diamond"])
def test_memory_does_not_grow_with_the_reads(tmp_path: Path, engine: str) -> None:
    if engine in TOOLS and shutil.which(TOOLS[engine]) is None:
        pytest.skip(f"{TOOLS[engine]} is not installed")
    rng = np.random.default_rng(2)
    labels = str(tmp_path / "proteins.faa")
    if engine in ("sketch", "diamond"):
        made = make_genome(rng, "g", "Made alpha", {f"K9{i:04d}": 1 for i in range(60)})
        genome = np.frombuffer(made.dna.encode(), np.uint8)
        write_proteins([made], Path(labels))
    else:
        genome = random_genome(rng, 200_000)
    genomes = [engines.make_genome("g", "Made alpha", write_fasta(tmp_path / "g.fa", genome))]
    case = engines.Case("", tmp_path, genomes, labels=labels, proteins=labels)
    if engine == "diamond":
        run_tool(["diamond", "makedb", "--quiet", "--in", labels, "--db", tmp_path / "proteins.dmnd"], "test")
    elif engine == "sketch":
        from vagus.shotgun import sketch_ko

        sketch_ko.build(labels, None, str(tmp_path / "ko.npz"), {"scaled": 10})
    else:
        engines.run_step(engine, "build", case, tmp_path)
    peaks = {}
    for times in (1, 10):
        clean = tmp_path / f"clean{times}"
        # Without misread bases, so that sourmash's count of distinct k-mers, a given share of which it must
        # hold, is that of the genome.
        reads = draw_reads(rng, genome, times * READS * 150 / len(genome), error=0.0)
        write_reads(clean / f"{engines.SAMPLE}__run_R1.fastq.gz", [("r", reads[0])])
        peaks[times] = peak(engine, tmp_path, clean, labels)
    print(f"{engine}: {peaks[1]:.1f} MB at {READS} reads, {peaks[10]:.1f} MB at {10 * READS}")
    assert peaks[10] - peaks[1] < MOST_GROWTH

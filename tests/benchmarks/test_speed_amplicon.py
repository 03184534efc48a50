"""Both 16S roads against the plain R script of DADA2's documentation: same reads, same cores, one run."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from vagus.amplicon.sequence_ids import asv_id
from vagus.profile import read_profile

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
CORES = 2
MOST = {"dada2": 0.5, "unoise3": 0.15}
# Steps that are a tool's work; what the road takes beyond them is Snakemake's and our own.
TOOL_STEPS = {
    "dada2": ("clean_reads", "filter_reads", "denoise_reads", "classify_dada2"),
    "unoise3": ("clean_reads", "unoise3", "classify_sintax"),
}
MOST_ADDED = 0.10

pytestmark = pytest.mark.benchmark


def timed(command: list[str], folder: Path) -> float:
    """Run a command on the benchmark's cores and return its wall time in seconds."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:CORES]))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.perf_counter()
    done = subprocess.run(
        ["taskset", "-c", cores, *command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return time.perf_counter() - start


def run_road(engine: str, folder: Path) -> float:
    """Take the example from its sheets to sequence variants with names; return the seconds."""
    config = yaml.safe_load((ROOT / "config/examples/miseq_sop/config.yaml").read_text())
    config["amplicon"]["engine"] = engine
    config["taxonomy"] = {
        "method": "dada2" if engine == "dada2" else "sintax",
        "reference": str(DATA / "rdp_trainset9" / "rdp_trainset9.dada2.fa.gz"),
        "min_confidence": 50,
    }
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    targets = ["results/amplicon/taxonomy.tsv", "results/amplicon/asv_counts.biom"]
    launch = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "workflow/Snakefile")]
    return timed([*launch, "--cores", str(CORES), "--configfile", "config.yaml"], folder)


def step_seconds(folder: Path, steps: tuple[str, ...]) -> float:
    """Wall time of some rules, from Snakemake's own benchmark files."""
    total = 0.0
    for step in steps:
        for path in [folder / f"benchmarks/{step}.tsv", *(folder / "benchmarks" / step).glob("*.tsv")]:
            if path.is_file():
                total += float(path.read_text().splitlines()[1].split("\t")[0])
    return total


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, Path]]:
    """Seconds and folder of the two roads and of the tutorial's script."""
    if not (DATA / "miseq_sop").exists():
        pytest.skip("the MiSeq SOP reads are not beside the clone (../shared/data/miseq_sop)")
    base = tmp_path_factory.mktemp("speed")
    script = str(Path(__file__).with_name("dada2_tutorial.R"))
    reference = str(DATA / "rdp_trainset9" / "rdp_trainset9.dada2.fa.gz")
    result = {}
    peer = base / "peer"
    result["tutorial"] = (
        timed(["Rscript", script, str(DATA / "miseq_sop"), reference, str(peer)], base),
        peer,
    )
    for engine in MOST:
        result[engine] = (run_road(engine, base / engine), base / engine)
    print()
    for name, (wall, _) in result.items():
        print(f"{name}: {wall:.1f} s, ratio to the tutorial's script {wall / result['tutorial'][0]:.2f}")
    return result


@pytest.mark.parametrize("engine", list(MOST))
def test_the_road_is_faster_than_the_tutorial(seconds: dict[str, tuple[float, Path]], engine: str) -> None:
    assert seconds[engine][0] / seconds["tutorial"][0] <= MOST[engine]


@pytest.mark.parametrize("engine", list(MOST))
def test_little_is_added_to_the_tools(seconds: dict[str, tuple[float, Path]], engine: str) -> None:
    wall, folder = seconds[engine]
    tools = step_seconds(folder, TOOL_STEPS[engine])
    print(f"{engine}: {wall:.1f} s, of which {tools:.1f} s in the tools' steps: {wall / tools - 1:.0%} added")
    assert wall / tools - 1 <= MOST_ADDED


def test_the_dada2_road_finds_what_the_tutorial_finds(seconds: dict[str, tuple[float, Path]]) -> None:
    table = read_profile(seconds["dada2"][1] / "results/amplicon/asv_counts.biom").to_frame().stack()
    found = {(str(s), str(f)): int(n) for (s, f), n in table.items() if n}
    with (seconds["tutorial"][1] / "counts.tsv").open() as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        theirs = {(row["sample"], asv_id(row["sequence"])): int(row["count"]) for row in rows}
    assert found == theirs

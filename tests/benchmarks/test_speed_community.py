"""PERMANOVA with 9,999 permutations on 400 samples beside vegan's adonis2, in one run on one machine."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from vagus.trial.permanova import Cloud, permanova
from vagus.trial.permutation import Scheme

pytestmark = pytest.mark.benchmark
SAMPLES, FEATURES, PERMUTATIONS = 400, 300, 9999
LARGE, LARGE_FEATURES, MOST_GB = 10_000, 500, 1.5
SCRIPT = """
suppressMessages(library(vegan))
args <- commandArgs(trailingOnly = TRUE)
values <- as.matrix(read.table(args[1]))
arm <- factor(scan(args[2], quiet = TRUE))
site <- factor(scan(args[3], quiet = TRUE))
distance <- dist(values)
control <- how(blocks = site, nperm = 9999)
time <- system.time(fit <- adonis2(distance ~ site + arm, permutations = control, by = "terms"))
cat(time[["elapsed"]], format(fit["arm", "F"], digits = 15), fit["arm", "Pr(>F)"])
"""


def trial(n: int, features: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, arm and site of a trial with a small effect."""
    rng = np.random.default_rng(11)
    site = np.arange(n) % 4
    arm = (np.arange(n) // 4) % 2
    return rng.normal(size=(n, features)) + 0.06 * arm[:, None] + 0.2 * site[:, None], arm, site


def test_not_slower_than_adonis2(tmp_path: Path) -> None:
    has_vegan = (
        shutil.which("Rscript")
        and not subprocess.run(
            ["Rscript", "-e", "library(vegan)"], capture_output=True, check=False
        ).returncode
    )
    if not has_vegan:
        pytest.skip("R with vegan is absent")
    values, arm, site = trial(SAMPLES, FEATURES)
    for name, array in (("values", values), ("arm", arm), ("site", site)):
        np.savetxt(tmp_path / name, array)
    (tmp_path / "run.R").write_text(SCRIPT)
    files = [str(tmp_path / name) for name in ("run.R", "values", "arm", "site")]
    done = subprocess.run(["Rscript", *files], capture_output=True, text=True, check=True)
    theirs, f, p = map(float, done.stdout.split())
    who = [str(i) for i in range(SAMPLES)]
    adjust = (site[:, None] == np.arange(1, 4)).astype(float)
    square = squareform(pdist(values)) ** 2
    seconds = {}
    for kind in ("distances", "coordinates"):
        start = time.perf_counter()
        cloud = Cloud(gram=-0.5 * square) if kind == "distances" else Cloud.of(values)
        found = permanova(cloud, Scheme(arm, site, PERMUTATIONS), who, adjust)
        seconds[kind] = time.perf_counter() - start
        assert found.statistic == pytest.approx(f, rel=1e-8)
        assert abs(found.p_value - p) < 4 * np.sqrt(2 * p * (1 - p) / PERMUTATIONS) + 1e-9
    print(
        f"\nPERMANOVA, {SAMPLES} samples, {PERMUTATIONS} permutations in 4 strata: adonis2 {theirs:.2f} s; "
        + "; ".join(f"{kind} {s:.2f} s (x{theirs / s:.0f})" for kind, s in seconds.items())
    )
    assert max(seconds.values()) <= theirs


def run_large() -> None:
    """Test 10,000 participants by coordinates; print seconds and the peak memory (GB)."""
    values, arm, site = trial(LARGE, LARGE_FEATURES)
    start = time.perf_counter()
    found = permanova(Cloud.of(values), Scheme(arm, site, 999), [str(i) for i in range(LARGE)])
    assert found.status == "ok"
    print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def test_ten_thousand_samples_need_no_square_table() -> None:
    root = Path(__file__).parents[2]
    code = "import benchmarks.test_speed_community as t; t.run_large()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{root / 'scripts'}:{root / 'tests'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seconds, memory = map(float, done.stdout.split())
    print(
        f"\n{LARGE} samples x {LARGE_FEATURES} features, 999 permutations: {seconds:.1f} s, {memory:.2f} GB"
    )
    assert memory <= MOST_GB

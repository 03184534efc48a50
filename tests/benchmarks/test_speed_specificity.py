"""Random modules at the size of a trial: all modules of the file, a hundred draws each."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from modules.made_modules import make_profile
from scipy import sparse

from vagus.modules.module_file import load_modules
from vagus.modules.module_specificity import measure_specificity
from vagus.modules.random_modules import required_kos

pytestmark = pytest.mark.benchmark
SAMPLES, SPECIES, KOS, DRAWS = 300, 300, 8000, 100
MOST_SECONDS, MOST_GB = 60, 4.0


def run_large() -> None:
    """Compare, and print the seconds, the modules found complete and the peak memory (GB)."""
    rng = np.random.default_rng(6)
    modules = load_modules().modules
    own = sorted({ko for module in modules for ko in required_kos(module)})
    names = [*own, *(f"K9{k:04d}" for k in range(KOS - len(own)))]
    # A species holds 1,500 of the KOs on average, common ones more often, and is in a third of the samples.
    common = rng.beta(0.4, 1.7, KOS)
    rows = [(s, k) for s in range(SPECIES) for k in np.flatnonzero(rng.random(KOS) < common)]
    here = {s: np.sort(rng.choice(SAMPLES, SAMPLES // 3, replace=False)) for s in range(SPECIES)}
    columns = np.concatenate([here[s] for s, _ in rows])
    starts = np.arange(len(rows) + 1) * (SAMPLES // 3)
    values = rng.random(len(columns)) + 0.1
    table = sparse.csr_array((values, columns, starts), shape=(len(rows), SAMPLES))
    profile = make_profile(table, [f"{names[k]}|species {s}" for s, k in rows])
    start = time.perf_counter()
    found = measure_specificity(modules, profile, DRAWS)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(seconds, (found["complete"] > 0).sum(), (found["complete_random"] > 0).sum(), peak, table.nnz)


def test_random_modules_within_a_minute_and_four_gigabytes() -> None:
    root = Path(__file__).parents[2]
    paths = [str(root / "scripts"), str(root / "tests")]
    call = "from benchmarks.test_speed_specificity import run_large\nrun_large()"
    code = f"import sys\nsys.path[:0] = {paths!r}\n{call}"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    seconds, complete, random, peak, entries = map(float, said.split())
    print(f"\n{SAMPLES} samples x {SPECIES} species x {KOS} KOs ({entries / 1e6:.0f} million entries)")
    print(f"82 modules x {DRAWS} draws: {seconds:.1f} s, peak {peak:.2f} GB; {complete:.0f} modules complete")
    assert complete > 40
    assert random > 20
    assert seconds < MOST_SECONDS
    assert peak < MOST_GB

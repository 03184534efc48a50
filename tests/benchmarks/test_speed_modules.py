"""The module scorer at the size of a large cohort, and against a plain loop over the same table."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from modules.made_modules import random_modules, random_profile, score_by_loop
from scipy import sparse

from vagus.modules.score_genomes import score_genomes
from vagus.modules.score_modules import score_modules
from vagus.profile import Profile

pytestmark = pytest.mark.benchmark
SAMPLES, TAXA, KOS, MODULES = 1000, 300, 8000, 100
# A sample holds a third of the species, a species a seventh of the KOs.
DENSITY = 0.33 / 7
MOST_SECONDS, MOST_GB = 60, 4.0
# Measured: 22 (2 cores, one run).
LEAST_RATIO = 10
LEAST_RATIO_GENOMES = 5


def large_profile() -> Profile:
    """Return a stratified KO profile; built row by row, for the table is most of the memory."""
    rng = np.random.default_rng(4)
    rows = TAXA * KOS
    per_row = rng.binomial(SAMPLES, DENSITY, rows)
    starts = np.concatenate([[0], np.cumsum(per_row)]).astype(np.int32)
    columns = np.empty(starts[-1], np.int32)
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        step = max(1, SAMPLES // max(1, end - begin))
        columns[begin:end] = np.arange(end - begin) * step % SAMPLES
    values = rng.random(len(columns)) + 0.1
    table = sparse.csr_array((values, columns, starts), shape=(rows, SAMPLES))
    features = [f"K{k:05d}|taxon {t}" for t in range(TAXA) for k in range(KOS)]
    return Profile("shotgun.ko", table, features, [f"S{i}" for i in range(SAMPLES)], {}, {})


def run_large() -> None:
    """Score, and print the seconds, the entries and the peak memory (GB) before and after."""
    profile = large_profile()
    modules = random_modules(np.random.default_rng(1), MODULES, KOS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    scores = score_modules(modules, profile)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (scores.value > 0).any()
    print(seconds, profile.table.nnz, before / 1e6, after / 1e6)


def test_a_thousand_samples_stay_within_a_minute_and_four_gigabytes() -> None:
    root = Path(__file__).parents[2]
    paths = [str(root / "scripts"), str(root / "tests")]
    call = "from benchmarks.test_speed_modules import run_large\nrun_large()"
    code = f"import sys\nsys.path[:0] = {paths!r}\n{call}"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    seconds, entries, before, after = map(float, said.split())
    print(f"\n{SAMPLES} samples x {TAXA} species x {KOS} KOs ({entries / 1e6:.0f} million entries)")
    print(f"{seconds:.1f} s, peak {after:.2f} GB ({before:.2f} GB with the table alone)")
    assert seconds < MOST_SECONDS
    assert after < MOST_GB


def test_genomes_are_scored_once_and_not_in_every_sample() -> None:
    """Samples as mixtures of genomes: the same numbers as of the profile by genome, many times faster."""
    rng = np.random.default_rng(3)
    modules = random_modules(rng, 60, 400)
    kos, genomes, samples = [f"K{k:05d}" for k in range(400)], [f"g{g}" for g in range(150)], 200
    copies = rng.poisson(0.5, (len(kos), len(genomes))).astype(float)
    shares = rng.dirichlet(np.full(len(genomes), 0.2), samples).T
    shares[shares < 1e-4] = 0
    names = [f"S{i}" for i in range(samples)]
    genes = Profile("x.ko", sparse.csr_array(copies), kos, genomes)
    mixed = Profile("x.genome", sparse.csr_array(shares), genomes, names)
    start = time.perf_counter()
    once = score_genomes(modules, genes, mixed)
    fast = time.perf_counter() - start
    whole = sparse.csr_array(np.vstack([np.outer(copies[:, g], shares[g]) for g in range(len(genomes))]))
    stratified = Profile("x.ko", whole, [f"{ko}|{g}" for g in genomes for ko in kos], names)
    start = time.perf_counter()
    each = score_modules(modules, stratified)
    slow = time.perf_counter() - start
    np.testing.assert_allclose(once.value, each.value, rtol=1e-9, atol=1e-12)
    print(f"\nin every sample {slow:.2f} s, once {fast:.3f} s: {slow / fast:.0f} times faster")
    assert slow / fast >= LEAST_RATIO_GENOMES


def test_faster_than_a_plain_loop_with_the_same_numbers() -> None:
    rng = np.random.default_rng(2)
    modules, profile = random_modules(rng, 60, 400), random_profile(rng, 30, 400, 40, 0.3)
    start = time.perf_counter()
    loop = score_by_loop(modules, profile)
    slow = time.perf_counter() - start
    start = time.perf_counter()
    scores = score_modules(modules, profile)
    fast = time.perf_counter() - start
    place = {m: i for i, m in enumerate(scores.modules)}, {s: i for i, s in enumerate(scores.samples)}
    total = np.zeros_like(scores.value)
    for (module, _, sample), (value, _) in loop.items():
        total[place[0][module], place[1][sample]] += value
    np.testing.assert_allclose(scores.value, total, rtol=1e-9)
    print(f"\nloop {slow:.2f} s, vectorised {fast:.3f} s: {slow / fast:.0f} times faster")
    assert slow / fast >= LEAST_RATIO

"""Modules of genomes that are weighed are those of the profile by genome that is never made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from vagus.modules.module_file import load_modules
from vagus.modules.score_genomes import score_genomes
from vagus.modules.score_modules import compile_modules, score_modules
from vagus.profile import Profile

ROOT = Path(__file__).parents[2]
MODULES = load_modules(ROOT / "resources" / "modules" / "neuroactive.yaml").modules


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_scoring_every_genome_in_every_sample(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kos = compile_modules(MODULES).kos
    copies = rng.poisson(1.2, (len(kos), 12)) * (rng.random((len(kos), 12)) < 0.7)
    shares = rng.dirichlet(np.full(12, 0.3), 9).T * (rng.random((12, 9)) < 0.6)
    shares[:, 4] = 0
    genomes, samples = [f"g{i}" for i in range(12)], [f"s{i}" for i in range(9)]
    genes = Profile("amplicon.genome_ko", sparse.csr_array(copies), kos, genomes)
    mixed = Profile("amplicon.genome", sparse.csr_array(shares), genomes, samples)
    fast = score_genomes(MODULES, genes, mixed)
    rows = [f"{ko}|{genome}" for genome in genomes for ko in kos]
    whole = np.vstack([copies[:, [g]] * shares[g] for g in range(12)])
    slow = score_modules(MODULES, Profile("amplicon.ko", sparse.csr_array(whole), rows, samples))
    assert fast.modules == slow.modules
    assert (slow.value > 0).sum() > 100
    for part in ("value", "carriers", "redundancy", "coverage", "unclassified"):
        assert getattr(fast, part) == pytest.approx(getattr(slow, part), rel=1e-9, abs=1e-12), part


def test_a_genome_without_genes_carries_nothing() -> None:
    kos = compile_modules(MODULES).kos
    genes = Profile("x.y", sparse.csr_array(np.ones((len(kos), 1))), kos, ["known"])
    mixed = Profile("x.z", sparse.csr_array([[0.25], [0.75]]), ["unknown", "known"], ["s"])
    scores = score_genomes(MODULES, genes, mixed)
    assert (scores.carriers <= 1).all()
    assert scores.value.max() >= 0.75
    empty = score_genomes(MODULES, genes, Profile("x.z", sparse.csr_array((0, 0)), [], []))
    assert empty.value.shape == (len(scores.modules), 0)

"""Communities whose modules are known, read at any depth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from vagus.modules.module_file import load_modules
from vagus.modules.score_modules import compile_modules, score_block
from vagus.profile import Profile
from vagus.shotgun.genome_size import read_markers

ROOT = Path(__file__).parents[2]
MARKERS = read_markers(ROOT / "resources" / "single_copy_markers.tsv")
MODULES = load_modules(ROOT / "resources" / "modules" / "neuroactive.yaml").modules
COMPILED = compile_modules(MODULES)
KOS = list(dict.fromkeys([*COMPILED.kos, *MARKERS]))
PLACE = {ko: i for i, ko in enumerate(KOS)}
MODULE_ROWS = [PLACE[ko] for ko in COMPILED.kos]
# Pairs that fall into a gene of 1,000 bases of a species, of all pairs of that species: such a gene is a
# fragment of 1,300 bases' room in a genome of 3.3 million, and three quarters of its reads are placed.
PAIRS_PER_GENE = 3e-4


@dataclass(frozen=True)
class Community:
    """Who is there with which genes.

    Parameters
    ----------
    abundance
        Share of the genomes, species x samples.
    genes
        Copies, species x samples x KOs: strains differ between samples.
    length
        Of the genes, in thousands of bases.
    """

    abundance: np.ndarray
    genes: np.ndarray
    length: np.ndarray

    def truth(self) -> np.ndarray:
        """Return modules x samples, in copies per genome."""
        made = [
            score_block(COMPILED, (g * a[:, None]).T[MODULE_ROWS])[0]
            for g, a in zip(self.genes, self.abundance, strict=True)
        ]
        return np.sum(made, axis=0)

    def read(self, rng: np.random.Generator, pairs: float) -> Profile:
        """Return a profile of gene depths from so many pairs a sample."""
        expected = pairs * PAIRS_PER_GENE * self.abundance[:, :, None] * self.genes * self.length
        depth = rng.poisson(expected) / self.length
        table = sparse.csr_array(depth.transpose(0, 2, 1).reshape(-1, self.abundance.shape[1]))
        kept = np.flatnonzero(np.diff(table.indptr))
        features = [f"{KOS[i % len(KOS)]}|species {i // len(KOS)}" for i in kept]
        samples = [f"S{i}" for i in range(self.abundance.shape[1])]
        return Profile(
            "shotgun.ko", table[kept], features, samples, {}, {"kind": "relative", "unit": "depth"}
        )


def make_community(
    rng: np.random.Generator, species: int = 150, samples: int = 24, lost: float = 0.1, spread: float = 2.0
) -> Community:
    """Return a log-normal community.

    Parameters
    ----------
    rng
        Random numbers.
    species, samples
        How many; a species is in half of the samples, the first one in all.
    lost
        Chance that a person's strain lacks a module that its species has, with all genes at once.
    spread
        Standard deviation of log abundance between species; within one it is 1 between samples.
    """
    length = rng.lognormal(0, 0.4, len(KOS))
    level = rng.normal(0, spread, species)[:, None] + rng.normal(0, 1, (species, samples))
    there = rng.random((species, samples)) < 0.5
    there[0] = True
    abundance = np.exp(level) * there
    genes = np.zeros((species, samples, len(KOS)))
    for s in range(species):
        for module in MODULES:
            if module.id == "RIBOSOME":
                continue
            chosen = [step.alternatives[rng.integers(len(step.alternatives))] for step in module.required]
            if rng.random() < (0.9 if module.tier == "C" else 0.3):
                kos = [PLACE[ko] for enzyme in chosen for ko in enzyme]
                genes[s][np.ix_(rng.random(samples) >= lost, kos)] = 1
            else:
                # One that lacks a module has single steps of it.
                some = [enzyme for enzyme in chosen if rng.random() < 0.2]
                genes[s][:, [PLACE[ko] for enzyme in some for ko in enzyme]] = 1
    everywhere = {
        ko for m in MODULES if m.id == "RIBOSOME" for s in m.steps for e in s.alternatives for ko in e
    }
    genes[:, :, [PLACE[ko] for ko in {*everywhere, *MARKERS}]] = 1
    return Community(abundance / abundance.sum(axis=0), genes, length)

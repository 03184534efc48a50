"""Modules, KO tables and a plain loop over them, for tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from vagus.profile import Profile


@dataclass(frozen=True)
class Step:
    alternatives: tuple[tuple[str, ...], ...]
    optional: bool = False
    signature: bool = False
    ec: tuple[str, ...] = ()


@dataclass(frozen=True)
class Module:
    id: str
    steps: tuple[Step, ...]
    coverage: float = 1.0


def random_modules(rng: np.random.Generator, count: int, kos: int) -> list[Module]:
    """Return modules of 1 to 8 steps, 1 to 3 alternatives each, of 1 to 3 subunits."""
    made = []
    for number in range(count):
        steps = tuple(
            Step(
                tuple(
                    tuple(f"K{k:05d}" for k in rng.choice(kos, rng.integers(1, 4), replace=False))
                    for _ in range(rng.integers(1, 4))
                ),
                optional=bool(i and rng.random() < 0.2),
                signature=bool(rng.random() < 0.2),
            )
            for i in range(rng.integers(1, 9))
        )
        made.append(Module(f"M{number}", steps, float(rng.choice([0.5, 2 / 3, 0.667, 0.8, 1.0]))))
    return made


def make_profile(
    table: np.ndarray | sparse.sparray, features: list[str], unit: str = "copies per genome"
) -> Profile:
    """Return a KO profile, features x samples."""
    samples = [f"S{i}" for i in range(table.shape[1])]
    return Profile(
        "shotgun.ko",
        sparse.csr_array(table),
        features,
        samples,
        {},
        {"kind": "copies_per_genome", "unit": unit},
    )


def random_profile(
    rng: np.random.Generator, taxa: int, kos: int, samples: int, density: float, unknown: bool = True
) -> Profile:
    """Return a stratified KO profile; one taxon more is `unclassified`."""
    names = [f"taxon {t}" for t in range(taxa)] + (["unclassified"] if unknown else [])
    features = [f"K{k:05d}|{name}" for name in names for k in range(kos)]
    shape = (len(features), samples)
    table = sparse.random_array(shape, density=density, rng=rng)
    table.data = rng.lognormal(0, 1, len(table.data))
    return make_profile(table, features)


def score_by_loop(modules: list[Module], profile: Profile) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return (module, taxon, sample) -> (value, coverage), one by one, as the rule is written."""
    table = profile.table.toarray()
    held: dict[tuple[str, str], dict[str, float]] = {}
    for row, feature in enumerate(profile.features):
        ko, _, taxon = feature.partition("|")
        for column, sample in enumerate(profile.samples):
            if table[row, column]:
                kos = held.setdefault((taxon, sample), {})
                kos[ko] = kos.get(ko, 0.0) + table[row, column]
    found = {}
    for (taxon, sample), kos in held.items():
        for module in modules:
            values, signed = [], True
            for step in module.steps:
                if step.optional:
                    continue
                value = sum(min(kos.get(ko, 0.0) for ko in enzyme) for enzyme in step.alternatives)
                signed &= value > 0 or not step.signature
                values.append(value)
            seen = [v for v in values if v > 0]
            needed = max(1, math.ceil((module.coverage - 5e-4) * len(values)))
            value = 0.0
            if signed and len(seen) >= needed:
                value = math.exp(sum(map(math.log, seen)) / len(seen))
            found[module.id, taxon, sample] = value, len(seen) / len(values)
    return found

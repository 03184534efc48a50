"""How module values depend on depth, as seen and corrected, against the truth.

Run it from the clone: `PYTHONPATH=scripts:tests python tests/benchmarks/module_depth.py`.
"""

from __future__ import annotations

import numpy as np
from modules.made_communities import MARKERS, MODULES, PLACE, Community, make_community

from vagus.modules.detection import make_corrector
from vagus.modules.module_profiles import count_genomes
from vagus.modules.score_modules import score_modules

DEPTHS = (0.5e6, 1e6, 2e6, 4e6, 5e6, 10e6, 20e6)
RULES = {"as seen": None, "corrected": make_corrector}
RIBOSOME = [m.id for m in MODULES].index("RIBOSOME")


def score(community: Community, rng: np.random.Generator, pairs: float) -> dict[str, np.ndarray]:
    """Return rule -> modules x samples."""
    profile = count_genomes(community.read(rng, pairs), MARKERS)
    return {
        rule: score_modules(MODULES, profile, False, corrector, MARKERS).value
        for rule, corrector in RULES.items()
    }


def bias_and_scatter(value: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return mean relative error over modules, and root mean square of the relative error of one value."""
    some = truth.mean(axis=1) > 0.02
    total = value[some].sum(axis=1) / truth[some].sum(axis=1) - 1
    error = (value[some] - truth[some]) / truth[some].mean(axis=1, keepdims=True)
    return float(total.mean()), float(np.sqrt((error**2).mean()))


def doubling(shallow: np.ndarray, deep: np.ndarray) -> float:
    """Return the mean relative change of the modules from one depth to twice that."""
    some = deep.mean(axis=1) > 0.02
    return float((deep[some].sum(axis=1) / shallow[some].sum(axis=1) - 1).mean())


def lose_in_half(community: Community, rng: np.random.Generator, lost: float) -> Community:
    """Return the community with all modules of the second half of the samples lost at random, by species."""
    genes = community.genes.copy()
    half = genes.shape[1] // 2
    kept = [i for i, module in enumerate(MODULES) if module.tier != "C"]
    own = [sorted({ko for s in MODULES[i].steps for e in s.alternatives for ko in e}) for i in kept]
    ruled = {ko for m in MODULES if m.tier == "C" for s in m.steps for e in s.alternatives for ko in e}
    for kos in own:
        columns = [PLACE[ko] for ko in kos if ko in PLACE and ko not in ruled and ko not in MARKERS]
        gone = rng.random(genes.shape[:2]) < lost
        gone[:, :half] = False
        for species, sample in zip(*np.nonzero(gone), strict=True):
            genes[species, sample, columns] = 0
    return Community(community.abundance, genes, community.length)


def effect(value: np.ndarray, some: np.ndarray) -> float:
    """Return the mean log2 ratio of the second half of the samples to the first."""
    half = value.shape[1] // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log2(value[some, half:].mean(axis=1) / value[some, :half].mean(axis=1))
    return float(ratio[np.isfinite(ratio)].mean())


def main() -> None:
    """Print the tables."""
    for lost, samples in ((0.1, 24), (0.5, 24), (0.1, 6)):
        print(f"\n{samples} samples, {lost:.0%} of the modules lost by strain; three communities")
        found: dict[float, list[dict[str, np.ndarray]]] = {depth: [] for depth in DEPTHS}
        truths = []
        for seed in (1, 2, 3):
            rng = np.random.default_rng(seed)
            community = make_community(rng, samples=samples, lost=lost)
            truths.append(community.truth())
            for depth in DEPTHS:
                found[depth].append(score(community, rng, depth))
        for depth in DEPTHS:
            row = [f"{depth / 1e6:g}"]
            for rule in RULES:
                pairs = [bias_and_scatter(f[rule], t) for f, t in zip(found[depth], truths, strict=True)]
                bias, scatter = np.mean(pairs, axis=0)
                ribosome = np.median([f[rule][RIBOSOME] for f in found[depth]])
                row += [f"{100 * bias:+.1f} %", f"{100 * scatter:.1f} %", f"{ribosome:.3f}"]
                twice = found.get(2 * depth)
                change = [
                    doubling(a[rule], b[rule]) for a, b in zip(found[depth], twice or [], strict=bool(twice))
                ]
                row.append(f"{100 * np.mean(change):+.2f} %" if change else "")
            print(" | ".join(row))
    print("\nhalf of the modules lost in one arm of 24 samples: log2 ratio, truth, as seen, corrected")
    for depth in DEPTHS:
        rows = []
        for seed in (1, 2, 3):
            rng = np.random.default_rng(seed)
            community = lose_in_half(make_community(rng), rng, 0.5)
            truth, values = community.truth(), score(community, rng, depth)
            some = (truth.mean(axis=1) > 0.02) & np.array([m.tier != "C" for m in MODULES])
            rows.append([effect(truth, some), *(effect(values[rule], some) for rule in RULES)])
        print(f"{depth / 1e6:g}", *(f"{x:+.3f}" for x in np.mean(rows, axis=0)), sep=" | ")


if __name__ == "__main__":
    main()

"""Null and shifted trials for the community tests; run as a script it prints the tables of the docs.

`PYTHONPATH=scripts python tests/trial/community_simulation.py 5000` (trials per cell).
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.spatial.distance import pdist, squareform

from vagus.trial.baseline_residual import residual
from vagus.trial.permanova import Cloud, change_gram, dispersion, permanova
from vagus.trial.permutation import Scheme
from vagus.trial.rank_shift import rank_shift, stratum_ranks
from vagus.trial.transform import clr_log2

FEATURES, SHIFTED = 40, 10
PERMUTATIONS = 199
# Ranks have few distinct sums: near 0.05 a coarse p would reject too rarely. Up to 8 + 8 all arrangements
# are gone through, as in a run with the default of 9,999.
RANK_PERMUTATIONS, SMALL = 1999, 16
TESTS = ["change", "residual", "interaction", "dispersion", "within", "volatility"]


def latent(rng, n, icc, visits=2, shift=0.0, arm=None, site=None):
    """Return visits x n x features with unit variance, the given correlation within a participant."""
    own = rng.normal(size=(1, n, FEATURES)) * np.sqrt(icc)
    values = own + rng.normal(size=(visits, n, FEATURES)) * np.sqrt(1 - icc)
    if site is not None:
        # Sites differ, and drift apart over time.
        values += 0.5 * site[None, :, None] * (1 + np.arange(visits)[:, None, None])
    if shift:
        values[1:, :, :SHIFTED] += shift * (arm == 1)[None, :, None]
    return values


def counts_of(rng, values):
    """Draw reads: uneven abundances, overdispersed, depths over a factor of fifty, a quarter of zeros."""
    level = values + rng.normal(0, 2, FEATURES)
    level += rng.normal(0, 0.4, level.shape)
    share = np.exp(level)
    share /= share.sum(axis=-1, keepdims=True)
    depth = np.exp(rng.normal(7, 1, level.shape[:-1])).astype(int) + 100
    return rng.multinomial(depth, share).astype(float)


def arms_of(rng, n, arms, site):
    """Randomise arms of equal size, inside sites when given."""
    arm = np.repeat(np.arange(arms), n)
    if site is None:
        return rng.permutation(arm)
    out = np.empty(len(arm), dtype=np.int64)
    for level in np.unique(site):
        inside = np.flatnonzero(site == level)
        out[inside] = rng.permutation(np.arange(len(inside)) % arms)
    return out


def trial(rng, n, icc, arms=2, strata=False, shift=0.0, reads=True):
    """Return values (visits x participants x features), arm, stratum and Bray-Curtis distances or None."""
    total = n * arms
    site = (np.arange(total) < total // 4).astype(float) if strata else None
    arm = arms_of(rng, n, arms, site)
    values = latent(rng, total, icc, 3, shift, arm, site)
    stratum = np.zeros(total, np.int64) if site is None else site.astype(np.int64)
    if not reads:
        return values, arm, stratum, None
    counts = counts_of(rng, values)
    flat = counts.reshape(-1, FEATURES)
    shares = flat / flat.sum(axis=1, keepdims=True)
    bray = squareform(pdist(shares[: 2 * total], "cityblock") / 2)
    return clr_log2(flat, "counts").reshape(values.shape), arm, stratum, bray


def p_values(rng, values, arm, stratum, bray):
    """Return the p-value of every test for one trial."""
    total = len(arm)
    who = [str(i) for i in range(total)]
    scheme = Scheme(arm, stratum, PERMUTATIONS, (int(rng.integers(1 << 30)),))
    adjust = stratum[:, None].astype(float) if stratum.any() else None
    change = Cloud.of(values[1] - values[0])
    found = {
        "change": permanova(change, scheme, who, adjust).p_value,
        "residual": permanova(Cloud.of(residual(values[0], values[1], adjust)), scheme, who, adjust).p_value,
        "dispersion": dispersion(change, scheme, who).p_value,
    }
    if bray is not None:
        gram = change_gram((bray**2).reshape(2, total, 2, total))
        found["interaction"] = permanova(Cloud(gram=gram), scheme, who, adjust).p_value
    moved = np.linalg.norm(values[1] - values[0], axis=1)
    steps = np.linalg.norm(values[2] - values[1], axis=1)
    fine = Scheme(arm, stratum, RANK_PERMUTATIONS if total > SMALL else 9999, scheme.seed)
    for name, number in (("within", moved), ("volatility", steps)):
        if arm.max() > 1:
            found[name] = permanova(Cloud.of(stratum_ranks(number, stratum)), fine, who).p_value
        else:
            found[name] = rank_shift(number, fine).p_value
    found["post only"] = permanova(Cloud.of(values[1]), scheme, who, adjust).p_value
    return found


def rejections(trials, seed, alpha=0.05, **design):
    """Return the share of trials that each test rejects at alpha."""
    rng = np.random.default_rng(seed)
    hits: dict[str, int] = {}
    for _ in range(trials):
        for name, p in p_values(rng, *trial(rng, **design)).items():
            hits[name] = hits.get(name, 0) + (p <= alpha)
    return {name: hit / trials for name, hit in hits.items()}


def stacked_rejections(trials, seed, n=10, icc=0.6):
    """Return the share of null trials that a PERMANOVA on stacked rows rejects: what Vagus refuses to do."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(trials):
        values, arm, _, _ = trial(rng, n, icc, reads=False)
        rows = values[:2].reshape(-1, FEATURES)
        # Names of rows instead of participants get past the guard.
        names = [str(i) for i in range(len(rows))]
        scheme = Scheme(
            np.tile(arm, 2), np.zeros(len(rows), np.int64), PERMUTATIONS, (int(rng.integers(1 << 30)),)
        )
        hits += permanova(Cloud.of(rows), scheme, names).p_value <= 0.05
    return hits / trials


def main(trials):
    print(f"| n per arm | ICC | arms | strata | {' | '.join(TESTS)} |")
    print("|---" * (4 + len(TESTS)) + "|")
    cells = [(n, icc, 2, s) for s in (False, True) for n in (8, 16, 40) for icc in (0.3, 0.6, 0.8)]
    for n, icc, arms, strata in [*cells, (16, 0.6, 3, True)]:
        # The costly cells get fewer.
        count = trials * 3 // 5 if arms > 2 or (strata and n == 40) else trials
        rate = rejections(count, [n, int(10 * icc), arms, strata], n=n, icc=icc, arms=arms, strata=strata)
        text = " | ".join(f"{rate[t]:.3f}" for t in TESTS)
        print(f"| {n} | {icc} | {arms} | {'site' if strata else 'none'} | {text} |", flush=True)
    print(f"\nstacked rows, 10 + 10, ICC 0.6: {stacked_rejections(trials * 2 // 5, 7):.3f}\n")
    names = ["post only", "change", "residual", "interaction"]
    print(f"| values | ICC | {' | '.join(names)} |")
    print("|---" * (2 + len(names)) + "|")
    for reads in (False, True):
        for icc in (0.3, 0.6, 0.8):
            rate = rejections(trials // 2, [3, int(10 * icc), reads], n=12, icc=icc, shift=0.45, reads=reads)
            text = " | ".join(f"{rate[t]:.2f}" if t in rate else "" for t in names)
            print(f"| {'reads' if reads else 'latent'} | {icc} | {text} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)

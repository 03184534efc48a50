"""False discoveries, type I error and coverage over the features of a composition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from trial.trial_designs import make_design, make_profile, sample_ids

from vagus.trial.adjust import adjust_p
from vagus.trial.arm_effects import arm_effects

FEATURES = 120
# Features with more zeros follow the shift in part only; what is found among the others is told apart.
SEEN = 0.8


def simulate(
    rng: np.random.Generator, per_arm: int, share: float, fold: float, sparse: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Draw counts of one trial and analyse them; return the effects, those without the shift, and the truth.

    Each feature has its own level in a participant and moves from visit to visit; `share` of the features are
    multiplied by `fold` in the arm after baseline. Counts are Poisson over these, so overdispersed between
    participants; depths differ fourfold, and rare features are often zero. `sparse` has more rare features,
    some that a participant does not have at all, negative binomial counts, and depths that differ tenfold.
    """
    people = 2 * per_arm
    design = make_design(arms=("placebo", "probiotic") * per_arm, visits=("v1", "v2"))
    mean = rng.normal(0, 2.2 if sparse else 1.5, FEATURES)
    level = mean + rng.normal(0, 0.8, (people, FEATURES))
    cube = level[:, None, :] + rng.normal(0, 0.5, (people, 2, FEATURES))
    truth = np.zeros(FEATURES)
    truth[rng.choice(FEATURES, round(share * FEATURES), replace=False)] = np.log2(fold)
    cube[1::2, 1, :] += truth * np.log(2)
    shares = np.exp(cube)
    if sparse:
        shares *= rng.random((people, 1, FEATURES)) >= rng.beta(0.5, 3, FEATURES)
        shares *= rng.gamma(2, 0.5, shares.shape)
    shares /= shares.sum(axis=2, keepdims=True)
    least, most = (2_000, 20_000) if sparse else (8_000, 32_000)
    depth = np.exp(rng.uniform(np.log(least), np.log(most), (people, 2, 1)))
    counts = rng.poisson(depth * shares).reshape(2 * people, FEATURES)
    profile = make_profile(counts, sample_ids(design))
    shifted = arm_effects(profile, design)
    return shifted, arm_effects(profile, design, bias="none"), truth


def summarise(
    per_arm: int, share: float, fold: float, runs: int, seed: int, sparse: bool = False
) -> dict[str, float]:
    """Return means over runs of false discovery rate, power, type I error, coverage; and two errors."""
    rng = np.random.default_rng([seed, per_arm, int(100 * share), int(fold)])
    rows = []
    for _ in range(runs):
        shifted, plain, truth = simulate(rng, per_arm, share, fold, sparse)
        row: dict[str, float] = {}
        for name, table in (("", shifted), ("_none", plain)):
            ok = (table["status"] == "ok").to_numpy()
            null = ok & (truth == 0)
            found = ok & (adjust_p(table["p_value"].to_numpy(float), "bh") <= 0.05)
            row[f"fdr{name}"] = (found & null).sum() / max(1, found.sum())
            row[f"type_1{name}"] = (table["p_value"].to_numpy()[null] <= 0.05).mean()
            row[f"power{name}"] = found[ok & (truth != 0)].mean() if (ok & (truth != 0)).any() else np.nan
            held = (table["ci_low"] <= truth) & (truth <= table["ci_high"])
            row[f"covered{name}"] = held.to_numpy()[ok].mean()
            seen = found & (table["prevalence"].to_numpy() >= SEEN)
            row[f"fdr_seen{name}"] = (seen & null).sum() / max(1, seen.sum())
        rows.append(row)
    table = pd.DataFrame(rows)
    errors = {f"{name}_error": table[name].sem() for name in ("fdr", "fdr_seen")}
    return {**table.mean().to_dict(), **errors}


@pytest.mark.slow
@pytest.mark.parametrize(
    "per_arm",
    [pytest.param(8, marks=pytest.mark.xfail(strict=True, reason="HC3 is conservative: 0.038")), 16, 40],
)
def test_no_feature_affected(per_arm: int) -> None:
    found = summarise(per_arm, 0.0, 1.0, 400, 11)
    print(f"\nn = {per_arm}, no effect:", {k: round(v, 4) for k, v in found.items()})
    assert 0.04 <= found["type_1"] <= 0.06
    assert 0.935 <= found["covered"] <= 0.965
    assert found["fdr"] < 0.06 + 2 * found["fdr_error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("per_arm", "share", "fold"), [(n, s, f) for n in (16, 40) for s in (0.1, 0.3) for f in (2.0, 8.0)]
)
def test_spike_ins_in_one_direction(per_arm: int, share: float, fold: float) -> None:
    found = summarise(per_arm, share, fold, 150, 12)
    print(f"\nn = {per_arm}, {share:.0%} x {fold:g}:", {k: round(v, 4) for k, v in found.items()})
    assert found["fdr_seen"] <= 0.06 + 2 * found["fdr_seen_error"]
    if fold > 2:
        # What the shift is for: without it what did not move is found to.
        assert found["fdr"] < 0.5 * found["fdr_none"]
    assert found["fdr"] <= 0.06 + 2 * found["fdr_error"]
    assert found["covered"] > 0.93


@pytest.mark.slow
@pytest.mark.parametrize(
    ("per_arm", "share", "fold"),
    [(n, s, f) for n in (16, 40) for s, f in ((0, 1), (0.1, 8), (0.3, 2), (0.3, 8))],
)
def test_sparse_counts(per_arm: int, share: float, fold: float) -> None:
    found = summarise(per_arm, share, fold, 150, 13, sparse=True)
    print(f"\nsparse, n = {per_arm}, {share:.0%} x {fold:g}:", {k: round(v, 4) for k, v in found.items()})
    assert found["fdr"] <= 0.06 + 2 * found["fdr_error"]
    assert found["covered"] > 0.93


def test_the_shift_finds_what_was_put_in_and_leaves_the_rest() -> None:
    """One trial of each: fast enough for every run."""
    shifted, plain, truth = simulate(np.random.default_rng(5), 40, 0.3, 8.0)
    null = truth == 0
    assert shifted.loc[null, "estimate"].mean() == pytest.approx(0, abs=0.15)
    assert shifted.loc[~null, "estimate"].mean() == pytest.approx(3, abs=0.2)
    assert plain.loc[null, "estimate"].mean() < -0.6
    assert (shifted["unit"] == "log2 fold change against the typical feature").all()
    assert shifted["estimate_clr"].to_numpy() == pytest.approx(plain["estimate"].to_numpy())
    assert shifted["bias_shift"].nunique() == 1

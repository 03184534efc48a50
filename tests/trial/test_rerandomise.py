"""Re-randomisation: the ANCOVA's statistic, arrangements inside strata, and a null that stays null."""

from __future__ import annotations

import numpy as np
import pytest

from vagus.trial.ancova import fit_ancova
from vagus.trial.permutation import Scheme
from vagus.trial.rerandomise import rerandomise


def data(seed: int, n: int, features: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 2 == 0
    stratum = (np.arange(n) // 2) % 2
    base = rng.normal(0, 1, (n, features))
    outcome = 0.5 * base + rng.normal(0, 1, (n, features)) * np.where(treated, 1.6, 1.0)[:, None]
    return outcome, base, treated, stratum, stratum[:, None].astype(float)


def by_loop(outcome, base, treated, stratum, adjust, number, seed) -> np.ndarray:
    """The same by fitting the ANCOVA anew for every arrangement."""
    scheme = Scheme(treated.astype(np.int64), stratum, number, (seed,))
    t = []
    for arms in np.concatenate([scheme.arm[None, :], *scheme.batches()]):
        fit = fit_ancova(outcome, base, arms.astype(np.int64), adjust)
        t.append(np.abs(fit.estimate[0] / fit.std_error[0]))
    beyond = np.array(t) >= t[0] * (1 - 1e-9)
    return beyond[1:].mean(axis=0) if scheme.exact else beyond.mean(axis=0)


@pytest.mark.parametrize(("n", "number"), [(8, 10_000), (20, 60)])
def test_equal_to_fitting_every_arrangement(n: int, number: int) -> None:
    parts = data(n, n, 15)
    done = rerandomise(*parts, number, 3)
    assert done.p_value == pytest.approx(by_loop(*parts, number, 3), abs=1e-12)
    assert ("all 36 arrangements" in done.scheme) == (n == 8)
    assert ("60 random of 6.3e4" in done.scheme or "60 random of 63,504" in done.scheme) == (n == 20)
    named = rerandomise(*parts, number, 3, strata_names=["site"])
    assert named.scheme.startswith("arms permuted among participants inside strata of site; ")


def test_missing_values_are_dealt_without() -> None:
    outcome, base, treated, stratum, adjust = data(5, 16, 6)
    outcome[3, 2] = np.nan
    base[4, 4] = np.nan
    done = rerandomise(outcome, base, treated, stratum, adjust, 200, 1)
    keep = np.arange(16) != 3
    alone = rerandomise(
        outcome[keep][:, [2]], base[keep][:, [2]], treated[keep], stratum[keep], adjust[keep], 200, 1
    )
    assert done.p_value[2] == alone.p_value[0]
    assert np.isfinite(done.p_value).all()


def test_a_constant_feature_has_no_p_value() -> None:
    outcome, base, treated, stratum, adjust = data(6, 16, 3)
    outcome[:, 1] = 2.0
    p = rerandomise(outcome, base, treated, stratum, adjust, 100, 1).p_value
    assert np.isnan(p[1])
    assert np.isfinite(p[[0, 2]]).all()


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("n", [8, 16])
def test_the_null_stays_null(n: int, shift: bool) -> None:
    """Arms dealt at random inside strata, unequal variances: as many small p-values as there should be."""
    rng = np.random.default_rng(n)
    below = []
    for seed in range(150):
        outcome, base, treated, stratum, adjust = data(1000 + seed, 2 * n, 25)
        for s in (0, 1):
            here = np.flatnonzero(stratum == s)
            treated[here] = rng.permutation(treated[here])
        done = rerandomise(outcome, base, treated, stratum, adjust, 200, seed, shift)
        below.append((done.p_value <= 0.05).mean())
    rate, error = np.mean(below), np.std(below) / np.sqrt(len(below))
    assert abs(rate - 0.05) < 4 * max(error, 0.0017), rate


def test_a_large_effect_has_the_least_p_value_there_is() -> None:
    outcome, base, treated, stratum, adjust = data(7, 40, 4)
    outcome[treated, 0] += 8
    p = rerandomise(outcome, base, treated, stratum, adjust, 999, 1).p_value
    assert p[0] == pytest.approx(1 / 1000)

"""Type I error and coverage of the presence model by simulation; figures in resources/docs/calibration.md."""

import numpy as np
import pytest
from scipy.special import expit

from vagus.trial.firth import fit_firth

SIZES = (8, 16, 40)
# Presence at baseline; a carrier of before is a carrier after more often (log odds ratio CARRY).
RARITY = (0.2, 0.5, 0.8)
CARRY = 2.0
PER_CELL = 4000


def simulate(n, prevalence, effect, features, seed, dropout=0.1):
    """Return participants x features after and before, arms, and a stratum that moves presence."""
    rng = np.random.default_rng(seed)
    arm = np.repeat([0, 1], n)
    site = np.tile([0.0, 1.0], n)
    middle = np.log(prevalence / (1 - prevalence))
    before = (rng.random((2 * n, features)) < expit(middle + 0.5 * (site[:, None] - 0.5))) * 1.0
    eta = middle + CARRY * (before - prevalence) + 0.5 * (site[:, None] - 0.5) + effect * arm[:, None]
    after = (rng.random((2 * n, features)) < expit(eta)) * 1.0
    # Drop-out takes a participant's whole sample; at least two of an arm stay.
    for j in (0, 1):
        gone = np.flatnonzero(arm == j)[: int(dropout * n)]
        after[gone] = np.nan
    return after, before, arm, site[:, None]


def rates(n, prevalence, effect):
    """Return share of p < .05, share of intervals that hold the truth, and share with an estimate."""
    fit = fit_firth(*simulate(n, prevalence, effect, PER_CELL, seed=n))
    ok = fit.status[0] == "ok"
    held = (fit.ci_low[0, ok] <= effect) & (effect <= fit.ci_high[0, ok])
    return (fit.p_value[0, ok] < 0.05).mean(), held.mean(), ok.mean()


@pytest.mark.slow
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("prevalence", RARITY)
def test_type_one_error_and_coverage(n, prevalence):
    error, coverage, tested = rates(n, prevalence, 0.0)
    _, coverage_effect, _ = rates(n, prevalence, 1.5)
    # Presence is discrete, and small trials have few tables: the error may lie below its level.
    assert 0.01 < error <= 0.06
    assert coverage == pytest.approx(1 - error, abs=1e-9)
    assert coverage_effect >= 0.93
    assert tested > 0.6


def print_table():
    """Print the figures of the page."""
    print("| n per arm | presence | type I error | coverage, null | coverage, effect | power | tested |")
    print("|---|---|---|---|---|---|---|")
    for n in SIZES:
        for prevalence in RARITY:
            error, coverage, tested = rates(n, prevalence, 0.0)
            power, with_effect, _ = rates(n, prevalence, 1.5)
            cells = [f"{v:.3f}" for v in (error, coverage, with_effect, power, tested)]
            print(f"| {n} | {prevalence} | {' | '.join(cells)} |")


if __name__ == "__main__":
    print_table()

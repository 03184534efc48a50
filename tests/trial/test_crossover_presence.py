"""Presence in a crossover: exact tables, what must not count, and the level of the test."""

import numpy as np
import pytest
from crossover_trial import crossover_design
from trial_designs import make_profile

from vagus.trial.crossover_presence import fit_crossover_presence
from vagus.trial.prevalence_effects import COLUMNS, prevalence_effects


def columns(*tables):
    """Return presence in both periods of features with these counts: up and down of each order, and the rest.

    A table is (up, down) of those with the reference in the second period, then of those with the arm there;
    all others of 12 participants an order kept the feature (half of them) or never had it.
    """
    later = np.repeat([0, 1], 12)
    first, second = np.empty((24, len(tables))), np.empty((24, len(tables)))
    for f, table in enumerate(tables):
        for k in (0, 1):
            up, down = table[2 * k : 2 * k + 2]
            rest = 12 - up - down
            kept = rest // 2
            first[later == k, f] = [0] * up + [1] * down + [1] * kept + [0] * (rest - kept)
            second[later == k, f] = [1] * up + [0] * down + [1] * kept + [0] * (rest - kept)
    return first, second, later


def test_a_saturated_firth_regression_adds_one_half_to_every_cell():
    tables = [(1, 5, 6, 2), (3, 3, 3, 3), (0, 4, 5, 0)]
    fit = fit_crossover_presence(*columns(*tables))
    a, b, c, d = (np.array(tables, dtype=float) + 0.5).T
    np.testing.assert_allclose(fit.estimate, np.log(c * b / (a * d)) / 2, atol=1e-7)
    assert fit.estimate[1] == pytest.approx(0, abs=1e-9)
    assert fit.p_value[1] == pytest.approx(1)
    assert (fit.p_value[[0, 2]] < 0.05).all()
    assert np.isfinite(fit.ci_low).all()
    assert fit.discordant.tolist() == [14, 12, 9]
    assert set(fit.n) == {24}
    # Mean changes: (up - down) / 12 of each order, half their difference.
    np.testing.assert_allclose(fit.risk_difference, [(4 / 12 + 4 / 12) / 2, 0, (5 / 12 + 4 / 12) / 2])
    assert ((fit.rd_low < fit.risk_difference) & (fit.risk_difference < fit.rd_high)).all()


def test_a_period_in_which_everybody_gains_is_no_effect():
    fit = fit_crossover_presence(*columns((9, 1, 9, 1)))
    assert fit.estimate[0] == pytest.approx(0, abs=1e-9)
    assert fit.risk_difference[0] == pytest.approx(0)


def test_the_other_arm_as_reference_flips_the_sign():
    first, second, later = columns((1, 5, 6, 2), (0, 4, 5, 1))
    one, two = fit_crossover_presence(first, second, later), fit_crossover_presence(first, second, 1 - later)
    np.testing.assert_allclose(one.estimate, -two.estimate, atol=1e-8)
    np.testing.assert_allclose(one.ci_low, -two.ci_high, atol=1e-6)
    np.testing.assert_allclose(one.p_value, two.p_value, atol=1e-8)
    np.testing.assert_allclose(one.risk_difference, -two.risk_difference)


def test_what_does_not_change_or_is_missing_has_a_status():
    first, second, later = columns((0, 0, 0, 0), (1, 0, 3, 2), (1, 5, 6, 2))
    second[:11, 2] = np.nan
    fit = fit_crossover_presence(first, second, later)
    assert fit.status.tolist() == ["constant", "too few participants", "too few participants"]
    assert np.isnan(fit.estimate).all()
    assert fit.risk_difference[0] == 0
    assert np.isnan(fit.risk_difference[2])


def test_type_one_error_of_a_null_with_a_drift():
    rng = np.random.default_rng(20)
    n, features = 60, 3000
    own = rng.normal(0, 1.5, (n, features))
    first = (rng.logistic(size=own.shape) < own) * 1.0
    second = (rng.logistic(size=own.shape) < own + 0.8) * 1.0
    later = np.arange(n) % 2
    p = fit_crossover_presence(first, second, later).p_value
    assert 0.04 <= (p < 0.05).mean() <= 0.06


def test_a_known_odds_ratio_is_met_and_covered():
    rng = np.random.default_rng(21)
    n, features, effect = 200, 400, 1.0
    later = np.arange(n) % 2
    own = rng.normal(0, 1.0, (n, features))
    first = (rng.logistic(size=own.shape) < own + effect * (later == 0)[:, None]) * 1.0
    second = (rng.logistic(size=own.shape) < own + 0.5 + effect * (later == 1)[:, None]) * 1.0
    fit = fit_crossover_presence(first, second, later)
    assert fit.estimate.mean() == pytest.approx(effect, abs=0.04)
    assert 0.92 <= ((fit.ci_low < effect) & (effect < fit.ci_high)).mean() <= 0.98


@pytest.mark.parametrize("starts", [True, False])
def test_through_the_table(starts):
    design, ids = crossover_design(n=16, starts=starts)
    rng = np.random.default_rng(3)
    counts = rng.poisson(0.7, (len(ids), 5)).astype(float)
    # f0 is there at the end of every period with the arm, and never with the reference.
    for i, sample in enumerate(ids):
        person, visit = sample.split("_")
        order = design.sequences[design.participants[int(person[1:])].sequence]
        if visit in ("e1", "e2"):
            counts[i, 0] = 5 if order[int(visit[1]) - 1] == "probiotic" else 0
    counts[:, 4] = 9
    table = prevalence_effects(make_profile(counts, ids), design).set_index("feature")
    assert list(table.reset_index()[COLUMNS].columns) == COLUMNS
    row = table.loc["f0"]
    assert row["estimate"] > 2
    assert row["risk_difference"] == 1
    assert (row["n_arm"], row["n_reference"]) == (16, 16)
    assert row["visit"] == "e2"
    assert row["model"].endswith("; 16 of them")
    assert row["gained_arm"] + row["kept_arm"] == (16 if starts else 0)
    assert table.loc["f4", "status"] == "constant"

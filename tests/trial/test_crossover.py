"""Crossover trials; parity with R is in tests/parity."""

import numpy as np
import pytest
from trial_designs import make_design, make_profile

from vagus.design.check_crossover import can_compare_periods
from vagus.trial.arm_effects import arm_effects
from vagus.trial.crossover import carry_over_note, fit_crossover

PERIODS = [{"before": None, "after": "v2"}, {"before": None, "after": "v3"}]
SEQUENCES = {"AB": ["low", "high"], "BA": ["high", "low"]}


def trial(seed, n=20, features=4, effect=0.0, drift=0.0, carry=0.0):
    """Return the values at both period ends, the arms given and the sequences."""
    rng = np.random.default_rng(seed)
    sequence = np.arange(n) % 2
    given = np.stack([sequence, 1 - sequence])
    y = 2 * rng.normal(size=(1, n, features)) + rng.normal(size=(2, n, features))
    y += effect * given[:, :, None] + np.array([0, drift])[:, None, None]
    y[1] += carry * given[0][:, None]
    return y, given, sequence


def test_a_drift_between_the_periods_is_no_effect():
    y, given, sequence = trial(1, 24)
    one, _ = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    y[1] += 5.0
    two, _ = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    np.testing.assert_allclose(one.estimate, two.estimate, atol=1e-12)
    np.testing.assert_allclose(one.std_error, two.std_error)


def test_a_known_effect_is_in_its_interval_and_signs_flip_with_the_reference():
    y, given, sequence = trial(2, 60, 1, effect=1.5, drift=0.7)
    one, _ = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    assert one.ci_low[0, 0] < 1.5 < one.ci_high[0, 0]
    assert one.p_value[0, 0] < 1e-4
    two, _ = fit_crossover(y, None, 1 - given, sequence, ["high", "low"], "v")
    np.testing.assert_allclose(one.estimate, -two.estimate)
    np.testing.assert_allclose(one.p_value, two.p_value)


def test_order_of_participants_does_not_matter_and_one_period_alone_tells_nothing():
    y, given, sequence = trial(3)
    order = np.random.default_rng(0).permutation(20)
    one, _ = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    two, _ = fit_crossover(y[:, order], None, given[:, order], sequence[order], ["low", "high"], "v")
    np.testing.assert_allclose(one.p_value, two.p_value)
    y[1, 0] = np.nan
    gone, _ = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    without, _ = fit_crossover(y[:, 1:], None, given[:, 1:], sequence[1:], ["low", "high"], "v")
    np.testing.assert_allclose(gone.estimate, without.estimate)
    assert gone.n_arm[0, 0] == 19


def test_two_periods_and_the_mixed_model_agree_on_balanced_data():
    y, given, sequence = trial(4, 20, 30)
    exact, _ = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    # A third arm that nobody has sends the same data through the mixed model.
    mixed, carry = fit_crossover(y, None, given, sequence, ["low", "high", "none"], "v")
    assert carry is None
    inner = ~np.array(["variance 0" in m for m in mixed.model[0]])
    assert inner.sum() > 25
    np.testing.assert_allclose(mixed.estimate[0], exact.estimate[0], atol=1e-9)
    np.testing.assert_allclose(mixed.std_error[0, inner], exact.std_error[0, inner], rtol=1e-6)
    np.testing.assert_allclose(mixed.df[0, inner], exact.df[0, inner], rtol=1e-5)
    assert set(mixed.status[1]) == {"too few participants"}


def test_carry_over_is_shown_and_its_line_warns():
    y, given, sequence = trial(5, 60, 2, carry=6.0)
    _, carry = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    assert (carry.p_value < 0.01).all()
    assert carry.estimate == pytest.approx(6.0, abs=3)
    line = carry_over_note(carry, ["f0", "f1"])
    assert "for 2 of 2 features" in line
    assert "must not be used to choose the analysis" in line
    assert "washout" in carry_over_note(None, [])


def test_odd_features_get_a_status():
    y, given, sequence = trial(6, 20, 4)
    y[:, :, 1] = 0.0
    y[1, :, 2] = y[0, :, 2]
    y[:, 2:, 3] = np.nan
    fit, _ = fit_crossover(y, None, given, sequence, ["low", "high"], "v")
    assert list(fit.status[0]) == ["ok", "constant", "no residual variance", "too few participants"]
    assert np.isfinite(fit.p_value[0, 0])
    assert np.isnan(fit.estimate[0, 1:]).all()


def test_through_the_table_with_and_without_period_baselines():
    arms = ("low", "high") * 8
    design = make_design(arms, ("v0", "v2", "v2b", "v3"), "low", design="crossover")
    design.plan.update(arms=["low", "high"], periods=PERIODS, sequences=SEQUENCES)
    for p in design.participants:
        p.sequence = "AB" if p.arm == "low" else "BA"
    design.can_compare_arms = can_compare_periods(design)
    rng = np.random.default_rng(7)
    ids = [f"P{i}|{v}" for v in design.visits for i in range(16)]
    profile = make_profile(rng.normal(size=(64, 3)), ids, "panel.scfa", "score")
    table = arm_effects(profile, design)
    assert set(table["contrast"]) == {"high vs low"}
    assert set(table["visit"]) == {"v3"}
    assert set(table["n_arm"]) == set(table["n_reference"]) == {16}
    assert set(table["df"]) == {14}
    text = "crossover: value ~ period + arm, differences of the two periods inside participants"
    assert set(table["model"]) == {f"{text}; OLS, classical errors"}
    design.plan["periods"] = [{"before": "v0", "after": "v2"}, {"before": "v2b", "after": "v3"}]
    table = arm_effects(profile, design)
    assert set(table["df"]) == {13}
    assert set(table["model"]) == {f"{text} + baseline of each period; OLS, classical errors"}

"""The vectorised model: against a plain loop, against a known truth, and on degenerate data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vagus.errors import VagusError
from vagus.trial.ancova import ALIASED, CONSTANT, FEW, NO_SPREAD, choose_errors, fit_ancova


def plain_loop(y, x, arm, adjust, robust):
    """One feature after the other, by the textbook formula."""
    out = []
    for j in range(y.shape[1]):
        keep = np.isfinite(y[:, j]) & np.isfinite(x[:, j])
        columns = [np.ones(len(arm)), *[(arm == k) * 1.0 for k in range(1, arm.max() + 1)]]
        X = np.column_stack([*columns, adjust, x[:, j]])[keep]
        bread = np.linalg.inv(X.T @ X)
        beta = bread @ X.T @ y[keep, j]
        e = y[keep, j] - X @ beta
        h = np.einsum("ij,jk,ik->i", X, bread, X)
        df = len(X) - X.shape[1]
        meat = X.T @ np.diag((e / (1 - h)) ** 2) @ X if robust == "hc3" else X.T @ X * (e @ e) / df
        se = np.sqrt(np.diag(bread @ meat @ bread))
        out.append(
            [[beta[k], se[k], 2 * stats.t.sf(abs(beta[k] / se[k]), df)] for k in range(1, arm.max() + 1)]
        )
    return np.array(out).transpose(2, 1, 0)


def random_trial(rng, n=30, features=20, arms=2):
    arm = np.arange(n) % arms
    x = rng.normal(3, 2, (n, features))
    y = 0.5 * x + rng.normal(size=(n, features)) * (1 + arm[:, None]) + 0.4 * arm[:, None]
    adjust = np.column_stack([rng.integers(0, 2, n), rng.normal(50, 10, n)])
    return y, x, arm, adjust


@pytest.mark.parametrize("robust", ["hc3", "classical"])
@pytest.mark.parametrize("arms", [2, 3])
def test_all_at_once_equals_a_loop_over_features(robust, arms):
    rng = np.random.default_rng(11)
    y, x, arm, adjust = random_trial(rng, arms=arms)
    y[3, 4:9] = np.nan
    x[7, 2] = np.nan
    fit = fit_ancova(y, x, arm, adjust, robust=robust)
    estimate, error, p = plain_loop(y, x, arm, adjust, robust)
    np.testing.assert_allclose(fit.estimate, estimate, rtol=1e-9)
    np.testing.assert_allclose(fit.std_error, error, rtol=1e-9)
    np.testing.assert_allclose(fit.p_value, p, rtol=1e-8)


def test_null_stays_null_and_intervals_cover():
    rng = np.random.default_rng(5)
    n, features = 32, 2000
    arm = np.repeat([0, 1], 16)
    x = rng.normal(size=(n, features))
    y = 0.6 * x + rng.normal(size=(n, features))
    fit = fit_ancova(y, x, arm)
    assert 0.04 <= np.mean(fit.p_value < 0.05) <= 0.06
    covered = (fit.ci_low <= 0) & (fit.ci_high >= 0)
    assert 0.94 <= covered.mean() <= 0.96


def test_known_effect_is_recovered_under_unequal_variances():
    rng = np.random.default_rng(6)
    n, features, truth = 32, 2000, 1.5
    arm = np.repeat([0, 1], 16)
    x = rng.normal(size=(n, features)) + 0.8 * arm[:, None]  # baseline imbalance
    y = 0.6 * x + truth * arm[:, None] + rng.normal(size=(n, features)) * np.where(arm, 2.0, 1.0)[:, None]
    fit = fit_ancova(y, x, arm)
    monte_carlo = fit.estimate.std() / np.sqrt(features)
    assert abs(fit.estimate.mean() - truth) < 3 * monte_carlo
    covered = (fit.ci_low <= truth) & (fit.ci_high >= truth)
    assert 0.94 <= covered.mean() <= 0.965
    # The error that is printed is the error that the estimates have.
    assert np.sqrt((fit.std_error**2).mean()) == pytest.approx(fit.estimate.std(), rel=0.12)


def test_hc3_holds_where_the_classical_error_fails():
    rng = np.random.default_rng(7)
    arm = np.repeat([0, 1], [26, 8])
    x = rng.normal(size=(34, 2000))
    y = 0.5 * x + rng.normal(size=(34, 2000)) * np.where(arm, 3.0, 1.0)[:, None]
    rates = {r: np.mean(fit_ancova(y, x, arm, robust=r).p_value < 0.05) for r in ("hc3", "classical")}
    assert rates["classical"] > 0.12
    assert rates["hc3"] < 0.08


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_participants_and_features_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    y, x, arm, adjust = random_trial(rng, n=18, features=4, arms=3)
    y[rng.integers(18), 1] = np.nan
    rows, columns = rng.permutation(18), rng.permutation(4)
    fit = fit_ancova(y, x, arm, adjust)
    turned = fit_ancova(y[rows][:, columns], x[rows][:, columns], arm[rows], adjust[rows])
    np.testing.assert_allclose(turned.estimate, fit.estimate[:, columns], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(turned.p_value, fit.p_value[:, columns], rtol=1e-6, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.floats(-1e4, 1e4))
def test_units_of_outcome_and_covariates_do_not_matter(seed, scale, shift):
    rng = np.random.default_rng(seed)
    y, x, arm, adjust = random_trial(rng, n=20, features=3)
    fit = fit_ancova(y, x, arm, adjust)
    other = fit_ancova(y * scale + shift, x * scale + shift, arm, adjust * 1000 + 7)
    np.testing.assert_allclose(other.estimate, fit.estimate * scale, rtol=1e-5, atol=1e-7 * scale)
    np.testing.assert_allclose(other.p_value, fit.p_value, rtol=1e-4, atol=1e-7)


def test_features_without_an_estimate_say_why():
    rng = np.random.default_rng(8)
    arm = np.repeat([0, 1], 5)
    x, y = rng.normal(size=(10, 5)), rng.normal(size=(10, 5))
    y[:, 0] = 3.0  # the same value for all
    y[:, 1] = x[:, 1]  # nobody changed
    y[6:, 2] = np.nan  # one left in the arm
    x[:, 3] = 0.0  # nothing to adjust for
    fit = fit_ancova(y, x, arm)
    assert list(fit.status[0]) == [CONSTANT, NO_SPREAD, FEW, "ok", "ok"]
    assert np.isnan(fit.estimate[0, :3]).all()
    assert np.isnan(fit.p_value[0, :3]).all()
    assert list(fit.baseline_used[3:]) == [False, True]
    assert list(fit.df[0, 3:]) == [8, 7]
    # Without a baseline the model is the difference of two means.
    assert fit.estimate[0, 3] == pytest.approx(y[5:, 3].mean() - y[:5, 3].mean())
    assert list(fit.n_arm[0]) == [5, 5, 1, 5, 5]


def test_an_arm_that_follows_a_stratum_is_not_estimable():
    rng = np.random.default_rng(9)
    arm = np.repeat([0, 1, 2], 5)
    site = (arm == 1).astype(float)[:, None]
    fit = fit_ancova(rng.normal(size=(15, 2)), rng.normal(size=(15, 2)), arm, site)
    assert list(fit.status[:, 0]) == [ALIASED, "ok"]
    assert np.isnan(fit.estimate[0]).all()


def test_redundant_covariates_change_nothing():
    rng = np.random.default_rng(10)
    y, x, arm, adjust = random_trial(rng)
    doubled = np.column_stack([adjust, adjust[:, 0], 2 * adjust[:, 1] + 1])
    one, two = fit_ancova(y, x, arm, adjust), fit_ancova(y, x, arm, doubled)
    np.testing.assert_allclose(two.p_value, one.p_value, rtol=1e-8)
    np.testing.assert_array_equal(two.df, one.df)


def test_a_participant_alone_in_a_stratum_carries_no_weight():
    rng = np.random.default_rng(12)
    y, x, arm, _ = random_trial(rng, n=16, features=6)
    site = np.zeros((16, 1))
    site[3] = 1
    without = np.arange(16) != 3
    alone = fit_ancova(y, x, arm, site)
    left_out = fit_ancova(y[without], x[without], arm[without])
    np.testing.assert_allclose(alone.estimate, left_out.estimate, rtol=1e-9)
    np.testing.assert_allclose(alone.std_error, left_out.std_error, rtol=1e-9)
    np.testing.assert_array_equal(alone.df, left_out.df)


def test_an_arm_of_one_is_left_out_and_the_others_are_untouched():
    rng = np.random.default_rng(13)
    y, x, arm, _ = random_trial(rng, n=12, features=3)
    more = np.vstack([y, y[:1]]), np.vstack([x, x[:1]]), np.append(arm, 2)
    fit, alone = fit_ancova(*more), fit_ancova(y, x, arm)
    assert set(fit.status[1]) == {FEW}
    np.testing.assert_allclose(fit.p_value[0], alone.p_value[0], rtol=1e-10)


def test_no_features_and_no_participants():
    assert fit_ancova(np.empty((4, 0)), np.empty((4, 0)), np.array([0, 0, 1, 1])).estimate.shape == (1, 0)
    empty = fit_ancova(np.empty((0, 3)), np.empty((0, 3)), np.array([], dtype=int), n_arms=1)
    assert set(empty.status[0]) == {FEW}


def test_settings_out_of_range_are_refused():
    y, arm = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    with pytest.raises(VagusError, match="allowed: between 0 and 1"):
        fit_ancova(y, y, arm, confidence=95)
    with pytest.raises(VagusError, match="allowed: auto, hc3, hc2, classical"):
        fit_ancova(y, y, arm, robust="hc0")
    with pytest.raises(VagusError, match="3 baselines"):
        fit_ancova(y, y[:3], arm)


def test_hc2_and_its_degrees_of_freedom_by_their_formulas():
    rng = np.random.default_rng(31)
    n, age = 15, rng.normal(size=15)
    arm = np.array([0] * 9 + [1] * 6)
    start = rng.normal(size=(n, 3))
    later = start + rng.normal(size=(n, 3)) * (1 + arm[:, None])
    fit = fit_ancova(later, start, arm, age[:, None], robust="hc2")
    for j in range(3):
        x = np.column_stack([np.ones(n), arm, age, start[:, j]])
        bread = np.linalg.inv(x.T @ x)
        hat = x @ bread @ x.T
        maker = np.eye(n) - hat
        residual = maker @ later[:, j]
        weight = np.diag((bread @ x.T)[1] ** 2 / (1 - np.diag(hat)))
        middle = maker @ weight @ maker
        assert fit.std_error[0, j] == pytest.approx(np.sqrt(residual @ weight @ residual))
        assert fit.df[0, j] == pytest.approx(np.trace(middle) ** 2 / np.trace(middle @ middle))
        assert fit.df[0, j] < n - 4


@pytest.mark.parametrize(("smallest", "chosen"), [(29, "hc2"), (30, "hc3")])
def test_auto_takes_hc2_in_small_arms(smallest, chosen):
    rng = np.random.default_rng(smallest)
    arm = np.repeat([0, 1, 2], [smallest, 45, 40])
    y, x = rng.normal(size=(2, len(arm), 3))
    # Whoever has no value counts as randomised.
    y[:4, 0] = np.nan
    auto = fit_ancova(y, x, arm, robust="auto")
    other = fit_ancova(y, x, arm, robust=chosen)
    np.testing.assert_array_equal(auto.std_error, other.std_error)
    np.testing.assert_array_equal(auto.df, other.df)
    assert choose_errors("classical", arm) == "classical"
    # The shift of a composition has an error of its own.
    assert choose_errors("auto", arm, composition=True) == "hc3"

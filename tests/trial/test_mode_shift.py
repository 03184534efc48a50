"""The shift of a composition is found and taken out of its effects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vagus.trial.fits import OK, ContrastFit, empty_fit, t_inference
from vagus.trial.mode_shift import LEAST_FEATURES, find_mode, shift_fit


def test_mode_of_a_peak_among_outliers() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(-0.4, 0.1, 700), rng.normal(2.0, 0.5, 300)])
    mode, weights = find_mode(values, 0.1)
    assert mode == pytest.approx(-0.4, abs=0.03)
    assert weights.sum() == pytest.approx(1)
    assert values.mean() > 0.2


def test_the_mode_is_the_weighted_mean() -> None:
    values = np.random.default_rng(2).normal(0, 1, 60)
    mode, weights = find_mode(values, 1.0)
    assert values @ weights == pytest.approx(float(mode), abs=1e-7)
    assert (weights >= 0).all()


def test_equivariance_and_rows_together() -> None:
    rng = np.random.default_rng(3)
    table = rng.standard_t(3, (4, 200))
    modes, weights = find_mode(table, np.ones(4))
    assert modes == pytest.approx([float(find_mode(row, 1.0)[0]) for row in table], abs=1e-7)
    assert find_mode(-table, np.ones(4))[0] == pytest.approx(-modes, abs=1e-7)
    assert find_mode(3 * table + 1, np.full(4, 3.0))[0] == pytest.approx(3 * modes + 1, abs=1e-6)
    order = rng.permutation(200)
    assert find_mode(table[:, order], np.ones(4))[0] == pytest.approx(modes, abs=1e-7)
    assert find_mode(table[:, order], np.ones(4))[1] == pytest.approx(weights[:, order], abs=1e-6)


def test_values_without_spread() -> None:
    mode, weights = find_mode(np.full(30, 1.5), 0.0)
    assert (mode, weights.sum()) == (1.5, pytest.approx(1))


def fitted(estimate: np.ndarray, error: float) -> ContrastFit:
    fit = empty_fit(["a vs b"], ["end"], len(estimate), "model")
    fit.estimate[0], fit.std_error[0], fit.df[0] = estimate, error, 30
    fit.ci_low[0], fit.ci_high[0], fit.p_value[0] = t_inference(estimate, fit.std_error[0], fit.df[0], 0.95)
    fit.status[0] = OK
    return fit


def test_the_shift_is_taken_out_of_estimates_and_p_values() -> None:
    rng = np.random.default_rng(4)
    truth = np.where(np.arange(200) < 30, 2.0, 0.0)
    fit = fitted(truth - truth.mean() + rng.normal(0, 0.05, 200), 0.05)
    asked: list[np.ndarray] = []

    def refit(weights: np.ndarray, follows: np.ndarray) -> ContrastFit:
        asked.append(weights)
        return fitted(fit.estimate[0] - fit.estimate[0] @ weights, 0.06)

    done = shift_fit(fit, refit)
    assert done.applied.all()
    assert done.bias[0] == pytest.approx(-truth.mean(), abs=0.02)
    assert done.fit.estimate[0] == pytest.approx(fit.estimate[0] - done.bias[0])
    assert (done.fit.std_error[0] == 0.06).all()
    assert done.fit.p_value[0] == pytest.approx(2 * stats.t.sf(np.abs(done.fit.estimate[0] / 0.06), 30))
    assert done.fit.ci_low[0] == pytest.approx(done.fit.estimate[0] - stats.t.ppf(0.975, 30) * 0.06)
    assert (done.fit.p_value[0, 30:] < 0.05).mean() < 0.1
    assert (fit.p_value[0, 30:] < 0.05).all(), "the fit that was given stays as it was, and is wrong"
    assert asked[0].sum() == pytest.approx(1)


def test_few_features_are_left_as_they_are() -> None:
    fit = fitted(np.linspace(-1, 1, LEAST_FEATURES - 1), 0.1)
    done = shift_fit(fit, lambda weights, follows: pytest.fail("nothing to fit again"))
    assert not done.applied.any()
    assert np.array_equal(done.fit.estimate, fit.estimate)
    assert done.bias.tolist() == [0]


def test_a_feature_without_an_estimate_stays_without() -> None:
    fit = fitted(np.random.default_rng(5).normal(0, 1, 40), 0.1)
    fit.status[0, 7], fit.estimate[0, 7], fit.p_value[0, 7] = "constant", np.nan, np.nan
    done = shift_fit(fit, lambda weights, follows: fit)
    assert np.isnan(done.fit.estimate[0, 7])
    assert done.fit.status[0, 7] == "constant"
    assert np.isfinite(np.delete(done.fit.estimate[0], 7)).all()

"""The random-intercept model of many features; parity with lmerTest is in tests/parity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vagus.trial.mixed_model import fit_random_intercept

N, VISITS = 12, 3
PERSON = np.repeat(np.arange(N), VISITS)
TIME = np.tile(np.arange(VISITS), N)
ARM = (PERSON % 2 == 1) & (TIME > 0)
X = np.column_stack([ARM, np.ones(N * VISITS), TIME == 1, TIME == 2]).astype(float)
WANT = np.eye(1, 4)


def values(seed, features=6, between=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, features))[PERSON] * between + rng.normal(size=(N * VISITS, features)) + 3


def restricted_deviance(y, x, person, ratio):
    """Minus twice the restricted log-likelihood up to a constant, from the full covariance matrix."""
    z = (person[:, None] == np.unique(person)).astype(float)
    v = np.eye(len(y)) + ratio * z @ z.T
    inverse = np.linalg.inv(v)
    cross = x.T @ inverse @ x
    r = y - x @ np.linalg.solve(cross, x.T @ inverse @ y)
    df = len(y) - x.shape[1]
    return df * np.log(r @ inverse @ r) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(cross)[1]


@given(st.integers(0, 10**6), st.floats(0, 3))
@settings(max_examples=25, deadline=None)
def test_no_other_ratio_is_more_likely(seed, between):
    y = values(seed, 2, between)
    keep = np.random.default_rng(seed).random(len(y)) > 0.15
    y, x, person = y[keep], X[keep], PERSON[keep]
    fit = fit_random_intercept(y, x, person, WANT)
    for j in range(2):
        best = restricted_deviance(y[:, j], x, person, fit.ratio[j])
        for other in [0, *np.logspace(-3, 3, 40), *(fit.ratio[j] * np.array([0.99, 1.01]))]:
            assert restricted_deviance(y[:, j], x, person, other) >= best - 1e-8


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_order_of_rows_and_features_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    y = values(seed)
    rows, columns = rng.permutation(len(y)), rng.permutation(y.shape[1])
    one = fit_random_intercept(y, X, PERSON, WANT)
    two = fit_random_intercept(y[np.ix_(rows, columns)], X[rows], 100 - PERSON[rows], WANT)
    for name in ("estimate", "std_error", "df"):
        # The degrees of freedom come from a curvature and lose more digits than the rest.
        np.testing.assert_allclose(
            getattr(one, name)[:, columns], getattr(two, name), rtol=1e-6, atol=1e-9, err_msg=name
        )


def test_shift_and_scale_of_the_values():
    y = values(3)
    one, two = fit_random_intercept(y, X, PERSON, WANT), fit_random_intercept(1e4 + 1e-3 * y, X, PERSON, WANT)
    np.testing.assert_allclose(two.estimate, one.estimate * 1e-3, rtol=1e-6)
    np.testing.assert_allclose(two.std_error, one.std_error * 1e-3, rtol=1e-6)
    np.testing.assert_allclose(two.df, one.df, rtol=1e-4)


def test_a_balanced_contrast_inside_participants_is_the_anova_of_differences():
    # Each participant under both conditions: the paired t-test, with n - 1 degrees of freedom.
    rng = np.random.default_rng(4)
    start = rng.normal(size=N) * 3
    y = np.column_stack([start, start + rng.normal(size=N) + 1])
    person, second = np.repeat(np.arange(N), 2), np.tile([0.0, 1.0], N)
    fit = fit_random_intercept(
        y.ravel()[:, None], np.column_stack([second, np.ones(2 * N)]), person, np.eye(1, 2)
    )
    difference = y[:, 1] - y[:, 0]
    assert fit.estimate[0, 0] == pytest.approx(difference.mean())
    assert fit.std_error[0, 0] == pytest.approx(difference.std(ddof=1) / np.sqrt(N))
    assert fit.df[0, 0] == pytest.approx(N - 1, rel=1e-6)


def test_the_boundary_is_least_squares_on_all_rows():
    rng = np.random.default_rng(5)
    y = rng.normal(size=(N, 1))[PERSON] * 0 + (TIME - 1.0)[:, None] * rng.choice([-1, 1], N)[PERSON][:, None]
    y = y + 0.1 * rng.normal(size=y.shape)
    fit = fit_random_intercept(y, X, PERSON, WANT)
    assert fit.ratio[0] == 0
    assert fit.df[0, 0] == len(y) - 4
    assert fit.estimate[0, 0] == pytest.approx(np.linalg.lstsq(X, y[:, 0], rcond=None)[0][0])


def test_odd_features_get_a_status_and_do_not_touch_the_others():
    y = values(6, 5)
    clean = fit_random_intercept(y[:, [0, 4]], X, PERSON, WANT)
    y[:, 1] = 7.0
    y[:, 2] = 0.0
    y[:, 3] = np.arange(N)[PERSON] * 1.5
    fit = fit_random_intercept(y, X, PERSON, WANT)
    assert list(fit.status[0]) == ["ok", "constant", "constant", "no residual variance", "ok"]
    assert np.isnan(fit.estimate[0, 1:4]).all()
    np.testing.assert_allclose(fit.std_error[:, [0, 4]], clean.std_error, rtol=1e-9)


def test_what_cannot_be_told_apart_has_no_estimate():
    x = np.column_stack([X, PERSON % 2])
    x[:, 0] = PERSON % 2
    fit = fit_random_intercept(values(7), x, PERSON, np.eye(2, 5))
    assert set(fit.status[0]) == {"not estimable: arm follows a covariate"}
    few = fit_random_intercept(values(8)[:4], X[:4], PERSON[:4], WANT)
    assert set(few.status.ravel()) == {"too few participants"}

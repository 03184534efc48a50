"""Random slopes: the same numbers as the likelihood written out, and what must not change anything."""

import numpy as np
import pytest
from scipy import optimize, stats

from vagus.trial.clda import fit_clda
from vagus.trial.random_slope import enough_for_slope, fit_random_slope

VISITS = ["v0", "v1", "v2", "v3"]
TIMES = np.array([0.0, 1.0, 2.0, 4.0])


def draw(n=30, features=6, slope=0.5, seed=3, gaps=10):
    """Return rows of participants with lines of their own: values, columns, person, time."""
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    person, at = np.repeat(np.arange(n), 4), np.tile(np.arange(4), n)
    keep = np.sort(rng.permutation(4 * n)[gaps:])
    person, at = person[keep], at[keep]
    time = TIMES[at]
    y = (
        rng.normal(0, 1, (n, features))[person]
        + slope * rng.normal(0, 1, (n, features))[person] * time[:, None]
    )
    y += rng.normal(0, 0.7, y.shape)
    columns = np.column_stack(
        [(arm[person] == 1) * (at == v) for v in (1, 2, 3)] + [at == v for v in (0, 1, 2, 3)]
    ).astype(float)
    return y, columns, person, time


def dense(y, columns, person, time):
    """Maximise the restricted likelihood with its matrices written out; return it and the fixed effects."""
    same = person[:, None] == person

    def parts(theta):
        a, b, c = theta
        v = np.eye(len(y)) + same * (
            a * a + a * b * (time[:, None] + time) + (b * b + c * c) * time[:, None] * time
        )
        inverse = np.linalg.inv(v)
        information = columns.T @ inverse @ columns
        beta = np.linalg.solve(information, columns.T @ inverse @ y)
        rest = y - columns @ beta
        df = len(y) - columns.shape[1]
        q = rest @ inverse @ rest
        deviance = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + df * np.log(q)
        return deviance, beta, np.sqrt(np.diag(np.linalg.inv(information)) * q / df)

    best = optimize.minimize(
        lambda t: parts(t)[0], [1.0, 0.0, 0.5], method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000},
    )  # fmt: skip
    return parts(best.x)


def test_it_is_the_likelihood_written_out():
    y, columns, person, time = draw()
    fit = fit_random_slope(y, columns, person, time, np.eye(3, 7))
    assert fit.found.all()
    for f in range(y.shape[1]):
        _, beta, error = dense(y[:, f], columns, person, time)
        np.testing.assert_allclose(fit.estimate[:, f], beta[:3], rtol=1e-5)
        np.testing.assert_allclose(fit.std_error[:, f], error[:3], rtol=1e-5)


def test_origin_and_unit_of_time_and_of_values_do_not_matter():
    y, columns, person, time = draw()
    one = fit_random_slope(y, columns, person, time, np.eye(3, 7))
    other = fit_random_slope(1000 * y + 5, columns, person, 7 * time - 20, np.eye(3, 7))
    np.testing.assert_allclose(other.estimate, 1000 * one.estimate, rtol=1e-6)
    np.testing.assert_allclose(other.std_error, 1000 * one.std_error, rtol=1e-6)
    np.testing.assert_allclose(other.df, one.df, rtol=1e-5)


def test_order_of_rows_and_features_does_not_matter():
    y, columns, person, time = draw()
    rng = np.random.default_rng(1)
    rows, features = rng.permutation(len(y)), rng.permutation(y.shape[1])
    one = fit_random_slope(y, columns, person, time, np.eye(3, 7))
    two = fit_random_slope(y[rows][:, features], columns[rows], person[rows], time[rows], np.eye(3, 7))
    np.testing.assert_allclose(two.estimate, one.estimate[:, features], rtol=1e-7)
    np.testing.assert_allclose(two.df, one.df[:, features], rtol=1e-5)


def test_a_slope_needs_more_values_than_lines():
    person = np.repeat(np.arange(10), 3)
    time = np.tile([0.0, 1.0, 2.0], 10)
    assert enough_for_slope(person, time, 4)
    assert not enough_for_slope(person[time < 2], time[time < 2], 4)
    # Three visits of the trial, but nobody was seen at all of them.
    two = np.tile([0, 1, 0, 2], 5), np.repeat(np.arange(10), 2)
    assert not enough_for_slope(two[1], two[0].astype(float), 4)
    assert not enough_for_slope(np.array([], dtype=int), np.array([]), 1)


def test_features_seen_at_two_visits_only_keep_the_intercept_and_the_text_says_which():
    rng = np.random.default_rng(8)
    arm = np.arange(24) % 2
    y = rng.normal(0, 1, (1, 24, 40)) + rng.normal(0, 1, (4, 24, 40))
    y += rng.normal(0, 0.8, (1, 24, 40)) * TIMES[:, None, None]
    y[1:3, :, :20] = np.nan
    plain = fit_clda(y, arm, ["a", "b"], VISITS)
    fit = fit_clda(y, arm, ["a", "b"], VISITS, times=TIMES)
    sloped = np.array(["(1 + time | participant)" in text for text in fit.model[0]])
    assert not sloped[:20].any()
    assert sloped[20:].all()
    for name in ("estimate", "std_error", "df", "p_value"):
        np.testing.assert_array_equal(getattr(fit, name)[:, :20], getattr(plain, name)[:, :20])
        assert not np.isclose(getattr(fit, name)[:, 20:], getattr(plain, name)[:, 20:]).all()
    assert not any("(1 + time" in text for text in plain.model.ravel())


def test_the_boundary_of_the_slope_is_named():
    rng = np.random.default_rng(8)
    own = rng.normal(0, 1, (1, 24, 30))
    y = own + rng.normal(0, 1, (4, 24, 30))
    # Half of the features: whoever starts high rises, without any scatter of its own.
    y[:, :, 15:] += own[:, :, 15:] * TIMES[:, None, None]
    text = fit_clda(y, np.arange(24) % 2, ["a", "b"], VISITS, times=TIMES).model[0]
    on_it = np.array([t.endswith("; intercept and slope on the boundary") for t in text])
    assert on_it[15:].any()
    assert not on_it.all()


@pytest.mark.parametrize("small", [False, True])
def test_a_constant_feature_and_a_missing_one_keep_their_status(small):
    rng = np.random.default_rng(9)
    y = rng.normal(0, 1, (4, 20, 5)) + rng.normal(0, 1, (1, 20, 5)) * TIMES[:, None, None]
    y[:, :, 1], y[:, :, 2] = 3.0, np.nan
    fit = fit_clda(y, np.arange(20) % 2, ["a", "b"], VISITS, times=TIMES, small=small)
    assert set(fit.status[:, 1]) == {"constant"}
    assert set(fit.status[:, 2]) == {"too few participants"}
    assert np.isnan(fit.estimate[:, 1:3]).all()
    assert np.isfinite(fit.estimate[:, [0, 3, 4]]).all()


@pytest.mark.parametrize("n", [16, 40])
def test_lines_of_their_own_do_not_pass_for_an_effect(n):
    """At the last visit a random intercept alone finds twice and more what it should; the slope does not."""
    rng = np.random.default_rng(77)
    arm = np.arange(2 * n) % 2
    y = rng.normal(0, 1, (1, 2 * n, 1500)) + rng.normal(0, 1, (4, 2 * n, 1500))
    y += rng.normal(0, 1, (1, 2 * n, 1500)) * TIMES[:, None, None]
    with_slope = fit_clda(y, arm, ["a", "b"], VISITS, times=TIMES).p_value[-1]
    without = fit_clda(y, arm, ["a", "b"], VISITS).p_value[-1]
    assert (without < 0.05).mean() > 0.1
    assert abs((with_slope < 0.05).mean() - 0.05) < 0.015
    assert stats.kstest(with_slope, "uniform").pvalue > 1e-4

"""The vectorised stratified rank test against a plain loop and against SciPy."""

import numpy as np
import pytest
from scipy import stats

from vagus.trial.van_elteren import van_elteren


def loop(values, in_arm, stratum):
    """One feature, term by term: sums over strata of (W - E) / (N + 1) and of Var / (N + 1)^2."""
    total = variance = 0.0
    for code in sorted(set(stratum)):
        v = [x for x, s in zip(values, stratum, strict=True) if s == code and x == x]
        a = [g for x, g, s in zip(values, in_arm, stratum, strict=True) if s == code and x == x]
        m, n = sum(a), len(a) - sum(a)
        if not m or not n:
            continue
        ranks = stats.rankdata(v)
        counts = np.unique(v, return_counts=True)[1]
        size = m + n
        w = sum(r for r, g in zip(ranks, a, strict=True) if g)
        var = m * n / 12 * (size + 1 - sum(c**3 - c for c in counts) / (size * (size - 1)))
        total += (w - m * (size + 1) / 2) / (size + 1)
        variance += var / (size + 1) ** 2
    return total / variance**0.5


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=(30, 6)), 1)
    values[:, 3] = np.round(values[:, 3])
    values[[2, 7], 1] = np.nan
    return values, np.arange(30) % 2 == 1, rng.integers(0, 3, 30)


def test_one_stratum_is_mann_whitney(data):
    values, arm, _ = data
    test = van_elteren(values, arm, np.zeros(30, dtype=int))
    for j in range(6):
        v = values[:, j]
        theirs = stats.mannwhitneyu(
            v[arm & np.isfinite(v)], v[~arm & np.isfinite(v)], method="asymptotic", use_continuity=False
        )
        assert test.p_value[j] == pytest.approx(theirs.pvalue, rel=1e-10)
        size = (arm & np.isfinite(v)).sum() * (~arm & np.isfinite(v)).sum()
        assert test.shift[j] == pytest.approx(theirs.statistic / size - 0.5, abs=1e-12)


def test_strata_agree_with_a_plain_loop(data):
    values, arm, stratum = data
    test = van_elteren(values, arm, stratum)
    expected = [loop(values[:, j], arm, stratum) for j in range(6)]
    np.testing.assert_allclose(test.z, expected, rtol=1e-10)
    assert (np.sign(test.shift) == np.sign(test.z)).all()


def test_a_stratum_with_one_arm_says_nothing_and_ties_give_no_p(data):
    values, arm, _ = data
    stratum = np.zeros(30, dtype=int)
    stratum[arm.nonzero()[0][:5]] = 1
    test = van_elteren(values, arm, stratum)
    alone = van_elteren(values[stratum == 0], arm[stratum == 0], np.zeros(25, dtype=int))
    np.testing.assert_allclose(test.p_value, alone.p_value)
    assert test.n_arm[0] == 10
    tied = van_elteren(np.ones((30, 1)), arm, stratum)
    assert np.isnan(tied.p_value[0])
    assert tied.shift[0] == 0

"""Intervals of two proportions against published examples, and their coverage."""

import numpy as np
import pytest

from vagus.errors import VagusError
from vagus.trial.risk import compare_risks, koopman, miettinen_nurminen, newcombe, wilson


def test_newcombe_1998_example_a():
    # 56/70 against 48/80, table II of the paper: method 10 and method 5 (Mee with n - 1 is MN).
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert miettinen_nurminen(56, 70, 48, 80) == pytest.approx((0.0528, 0.3382), abs=5e-5)


def test_newcombe_1998_with_empty_cells():
    # 10/10 against 0/20 and 10/10 against 0/10 of the same table.
    assert newcombe(10, 10, 0, 20)[0] == pytest.approx(0.6791, abs=5e-5)
    assert newcombe(10, 10, 0, 10)[0] == pytest.approx(0.6075, abs=5e-5)
    assert newcombe(10, 10, 0, 10)[1] == 1.0


def test_wilson_is_inside_zero_and_one():
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_swapping_the_arms_flips_the_signs():
    one, two = compare_risks(7, 20, 12, 24), compare_risks(12, 24, 7, 20)
    assert (one.difference, one.low, one.high) == pytest.approx((-two.difference, -two.high, -two.low))
    assert (one.mn_low, one.mn_high) == pytest.approx((-two.mn_high, -two.mn_low), abs=1e-9)
    assert one.ratio_low == pytest.approx(1 / two.ratio_high, rel=1e-6)
    assert one.chi2 == pytest.approx(two.chi2)


def test_nnt_stands_only_where_the_interval_leaves_out_zero():
    assert np.isnan(compare_risks(6, 20, 5, 20).nnt)
    assert compare_risks(18, 20, 5, 20).nnt == pytest.approx(1 / 0.65)


def test_nobody_and_everybody():
    none = compare_risks(0, 10, 0, 12)
    assert (none.difference, none.chi2, none.p_value) == (0, 0, 1)
    assert np.isnan(none.ratio)
    assert none.low < 0 < none.high
    assert koopman(0, 10, 0, 12) == (0, np.inf)
    assert compare_risks(10, 10, 12, 12).p_value == 1
    with pytest.raises(VagusError, match="n of at least 1"):
        compare_risks(0, 0, 1, 3)


@pytest.mark.parametrize("n", [8, 16, 40])
def test_coverage_by_enumeration(n):
    from scipy import stats

    p1, p2 = 0.45, 0.25
    weight1, weight2 = (stats.binom.pmf(range(n + 1), n, p) for p in (p1, p2))
    cover = dict.fromkeys(("newcombe", "mn", "koopman"), 0.0)
    for x1 in range(n + 1):
        for x2 in range(n + 1):
            w = weight1[x1] * weight2[x2]
            for name, method, truth in (
                ("newcombe", newcombe, p1 - p2),
                ("mn", miettinen_nurminen, p1 - p2),
                ("koopman", koopman, p1 / p2),
            ):
                low, high = method(x1, n, x2, n)
                cover[name] += w * (low <= truth <= high)
    assert all(0.93 <= c <= 0.985 for c in cover.values()), cover

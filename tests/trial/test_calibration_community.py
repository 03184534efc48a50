"""Type I error of the community tests and the figures that the docs print (resources/docs/calibration.md)."""

import pytest
from community_simulation import TESTS, rejections, stacked_rejections

pytestmark = pytest.mark.slow
# At a true 0.05, 4,000 trials lie within 0.04 to 0.06 with a probability above 0.99.
TRIALS = 4000


@pytest.mark.parametrize("strata", [False, True])
@pytest.mark.parametrize("n", [8, 16, 40])
def test_type_one_error(n, strata):
    rate = rejections(TRIALS, [n, 11, strata], n=n, icc=0.6, strata=strata)
    for name in TESTS:
        assert 0.04 <= rate[name] <= 0.06, (name, rate[name])


def test_type_one_error_of_three_arms():
    rate = rejections(TRIALS, [5, 5], n=16, icc=0.6, arms=3, strata=True)
    for name in TESTS:
        assert 0.04 <= rate[name] <= 0.06, (name, rate[name])


def test_stacked_rows_reject_most_null_trials():
    assert 0.55 <= stacked_rejections(1000, 7) <= 0.75


def test_baseline_buys_power():
    rate = rejections(1000, [3, 3], n=12, icc=0.6, shift=0.45, reads=False)
    assert rate["residual"] > rate["change"] > 0.3
    assert rate["residual"] > rate["post only"] + 0.05

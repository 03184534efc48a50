"""Type I error of the community tests: cells of resources/docs/calibration.md, with their seeds."""

import pytest
from community_simulation import TESTS, rejections, stacked_rejections

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("n", "arms", "strata", "trials"),
    [
        (8, 2, False, 5000),
        (16, 2, False, 5000),
        (40, 2, False, 5000),
        (8, 2, True, 5000),
        (16, 2, True, 5000),
        (40, 2, True, 3000),
        (16, 3, True, 3000),
    ],
)
def test_type_one_error(n, arms, strata, trials):
    rate = rejections(trials, [n, 6, arms, strata], n=n, icc=0.6, arms=arms, strata=strata)
    for name in TESTS:
        assert 0.04 <= rate[name] <= 0.06, (name, rate[name])


def test_stacked_rows_reject_most_null_trials():
    assert 0.6 <= stacked_rejections(2000, 7) <= 0.7


def test_baseline_buys_power():
    rate = rejections(2500, [3, 6, False], n=12, icc=0.6, shift=0.45, reads=False)
    assert rate["residual"] > rate["change"] > 0.35
    assert rate["residual"] > rate["post only"] + 0.1

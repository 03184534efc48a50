"""Random slopes against lme4, lmerTest and pbkrtest (stored outputs of random_slope.R)."""

import pytest
from parity.mixed_cases import compare, fitted, stored

SCENARIOS = ["balanced", "uneven_times", "missing", "three_arms", "no_slope"]


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_agrees_with_r(scenario, small):
    compare("slope", scenario, small)


def test_the_boundary_is_named_where_lme4_is_on_it_and_nowhere_else():
    seen = set()
    for scenario in SCENARIOS:
        rows, expected = stored("slope", scenario)
        fit, features = fitted(rows)
        singular = expected.drop_duplicates("feature").set_index("feature")["singular"]
        for f, text in zip(features, fit.model[0], strict=True):
            assert "(1 + time | participant)" in text
            assert text.endswith("; intercept and slope on the boundary") == singular[f], (scenario, f)
            seen.add(bool(singular[f]))
    assert seen == {True, False}
    # Nowhere in these data is the variance of the slope 0.
    assert not stored("slope", "no_slope")[1]["flat"].any()

"""The constrained longitudinal model against lmerTest and pbkrtest (stored outputs of mixed_model.R)."""

import pytest
from parity.mixed_cases import compare, fitted, stored

SCENARIOS = ["balanced", "two_visits", "unbalanced", "missing", "three_arms", "zero_variance"]


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_agrees_with_r(scenario, small):
    compare("mixed", scenario, small)


def test_the_boundary_is_named_where_lme4_is_on_it_and_nowhere_else():
    seen = set()
    for scenario in SCENARIOS:
        rows, expected = stored("mixed", scenario)
        fit, features = fitted(rows)
        between = expected.drop_duplicates("feature").set_index("feature")["between"]
        for f, text in zip(features, fit.model[0], strict=True):
            assert text.endswith("participant variance 0") == (between[f] < 1e-9), (scenario, f)
            seen.add(bool(between[f] < 1e-9))
    assert seen == {True, False}


def test_the_missing_scenario_has_several_patterns():
    rows, _ = stored("mixed", "missing")
    gaps = rows.pivot(index=["participant", "visit"], columns="feature", values="value").isna()
    assert gaps.T.drop_duplicates().shape[0] == 4

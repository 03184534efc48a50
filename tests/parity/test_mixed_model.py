"""The constrained longitudinal model against lme4 and lmerTest (stored outputs of mixed_model.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.clda import fit_clda

DATA = Path(__file__).parent / "data"
SCENARIOS = ["balanced", "two_visits", "unbalanced", "missing", "three_arms", "zero_variance"]
RELATIVE = 1e-4


def stored(scenario):
    inputs = pd.read_csv(DATA / "mixed_input.tsv", sep="\t")
    expected = pd.read_csv(DATA / "mixed_expected.tsv", sep="\t")
    return inputs[inputs["scenario"] == scenario], expected[expected["scenario"] == scenario]


def fitted(rows, small=False):
    """Fit the stored input; returns the fit and the names of its arms, visits and features."""
    people = rows.drop_duplicates("participant").set_index("participant")
    visits, features = sorted(rows["visit"].unique()), sorted(rows["feature"].unique())
    cube = np.stack(
        [
            rows[rows["visit"] == v]
            .pivot(index="participant", columns="feature", values="value")
            .reindex(index=people.index, columns=features)
            for v in visits
        ]
    )
    arms = ["placebo", *[a for a in people["arm"].unique() if a != "placebo"]]
    adjust = None
    if people["site"].notna().all():
        dummies = pd.get_dummies(people["site"], drop_first=True, dtype=float).to_numpy()
        adjust = np.column_stack([dummies, people["age"]])
    return fit_clda(
        cube, people["arm"].map(arms.index).to_numpy(), arms, visits, adjust, small=small
    ), features


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_agrees_with_lmertest(scenario, small):
    rows, expected = stored(scenario)
    fit, features = fitted(rows, small)
    assert set(fit.status.ravel()) == {"ok"}
    assert len(fit.contrasts) * len(features) == len(expected)
    expected = expected.set_index(["arm", "visit", "feature"])
    for i, (contrast, visit) in enumerate(zip(fit.contrasts, fit.visits, strict=True)):
        r = expected.loc[[(contrast.removesuffix(" vs placebo"), visit, f) for f in features]]
        for name in ("estimate", "std_error", "df", "p_value"):
            other = f"{name}_kr" if small and name != "estimate" else name
            np.testing.assert_allclose(
                getattr(fit, name)[i], r[other], rtol=RELATIVE, err_msg=f"{contrast} {visit} {name}"
            )


def test_the_boundary_is_named_where_lme4_is_on_it_and_nowhere_else():
    seen = set()
    for scenario in SCENARIOS:
        rows, expected = stored(scenario)
        fit, features = fitted(rows)
        between = expected.drop_duplicates("feature").set_index("feature")["between"]
        for f, text in zip(features, fit.model[0], strict=True):
            assert text.endswith("participant variance 0") == (between[f] < 1e-9), (scenario, f)
            seen.add(bool(between[f] < 1e-9))
    assert seen == {True, False}


def test_the_missing_scenario_has_several_patterns():
    rows, _ = stored("missing")
    gaps = rows.pivot(index=["participant", "visit"], columns="feature", values="value").isna()
    assert gaps.T.drop_duplicates().shape[0] == 4

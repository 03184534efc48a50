"""Random slopes against lme4 and lmerTest (stored outputs of random_slope.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.clda import fit_clda

DATA = Path(__file__).parent / "data"
SCENARIOS = ["balanced", "uneven_times", "missing", "three_arms", "no_slope"]
RELATIVE = 1e-4


def stored(scenario):
    inputs = pd.read_csv(DATA / "slope_input.tsv", sep="\t")
    expected = pd.read_csv(DATA / "slope_expected.tsv", sep="\t")
    return inputs[inputs["scenario"] == scenario], expected[expected["scenario"] == scenario]


def fitted(rows, small=False):
    """Fit the stored input; returns the fit and the names of its features."""
    people = rows.drop_duplicates("participant").set_index("participant")
    when = rows.drop_duplicates("visit").set_index("visit")["week"]
    features = sorted(rows["feature"].unique())
    cube = np.stack(
        [
            rows[rows["visit"] == v]
            .pivot(index="participant", columns="feature", values="value")
            .reindex(index=people.index, columns=features)
            for v in when.index
        ]
    )
    arms = ["placebo", *[a for a in people["arm"].unique() if a != "placebo"]]
    adjust = None
    if people["site"].notna().all():
        dummies = pd.get_dummies(people["site"], drop_first=True, dtype=float).to_numpy()
        adjust = np.column_stack([dummies, people["age"]])
    arm, times = people["arm"].map(arms.index).to_numpy(), when.to_numpy(float)
    return fit_clda(cube, arm, arms, list(when.index), adjust, times=times, small=small), features


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
        singular = expected.drop_duplicates("feature").set_index("feature")["singular"]
        for f, text in zip(features, fit.model[0], strict=True):
            assert "(1 + time | participant)" in text
            assert text.endswith("; intercept and slope on the boundary") == singular[f], (scenario, f)
            seen.add(bool(singular[f]))
    assert seen == {True, False}
    # Nowhere in these data is the variance of the slope 0.
    assert not stored("no_slope")[1]["flat"].any()

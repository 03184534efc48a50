"""The vectorised ANCOVA against base R (stored outputs of ancova_hc3.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.adjust import adjust_p
from vagus.trial.ancova import fit_ancova

DATA = Path(__file__).parent / "data"
SCENARIOS = ["balanced", "unbalanced", "strata", "missing", "three_arms"]


def _stored(scenario):
    inputs = pd.read_csv(DATA / "ancova_input.tsv", sep="\t")
    expected = pd.read_csv(DATA / "ancova_expected.tsv", sep="\t")
    return inputs[inputs["scenario"] == scenario], expected[expected["scenario"] == scenario]


def _wide(rows, column):
    order = rows["participant"].drop_duplicates()
    return rows.pivot(index="participant", columns="feature", values=column).loc[order]


@pytest.mark.parametrize("robust", ["hc3", "classical"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_agrees_with_r(scenario, robust):
    rows, expected = _stored(scenario)
    before, after = _wide(rows, "before"), _wide(rows, "after")
    people = rows.drop_duplicates("participant")
    arms = ["placebo", *[a for a in people["arm"].unique() if a != "placebo"]]
    arm = people["arm"].map(arms.index).to_numpy()
    adjust = None
    if people["site"].notna().all():
        dummies = pd.get_dummies(people["site"], drop_first=True, dtype=float).to_numpy()
        adjust = np.column_stack([dummies, people["age"]])
    fit = fit_ancova(after.to_numpy(), before.to_numpy(), arm, adjust, robust=robust)
    assert set(fit.status.ravel()) == {"ok"}
    tails = {"p_value": f"p_{robust}", "std_error": robust, "estimate": "estimate"}
    for i, name in enumerate(arms[1:]):
        r = expected[expected["arm"] == name].set_index("feature").loc[list(after.columns)]
        for ours, theirs in tails.items():
            np.testing.assert_allclose(getattr(fit, ours)[i], r[theirs], rtol=1e-6, err_msg=f"{name} {ours}")
        if robust == "hc3":
            np.testing.assert_allclose(fit.ci_low[i], r["low_hc3"], rtol=1e-6)
            np.testing.assert_allclose(fit.ci_high[i], r["high_hc3"], rtol=1e-6)
        np.testing.assert_array_equal(fit.df[i], r["df"])
        np.testing.assert_array_equal(fit.n_arm[i], r["n_arm"])
        np.testing.assert_array_equal(fit.n_reference, r["n_reference"])


def test_the_missing_scenario_has_several_patterns_and_loses_participants():
    rows, expected = _stored("missing")
    assert expected["df"].nunique() > 1
    assert rows["before"].isna().any()


@pytest.mark.parametrize("control", ["bh", "holm"])
def test_adjusted_p_agree_with_r(control):
    expected = pd.read_csv(DATA / "ancova_expected.tsv", sep="\t")
    np.testing.assert_allclose(adjust_p(expected["p_hc3"].to_numpy(), control), expected[control], rtol=1e-9)

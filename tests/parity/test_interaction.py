"""The vectorised interaction models against base R (stored outputs of interaction.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.interaction import fit_interaction

DATA = Path(__file__).parent / "data"
ARMS = ["placebo", "probiotic", "fibre"]
NUMBERS = ["estimate", "std_error", "ci_low", "ci_high", "p_value"]


def _dummies(column, levels):
    return np.column_stack([(column == level).astype(float) for level in levels])


@pytest.mark.parametrize("moderator", ["drug", "age", "baseline"])
def test_agrees_with_r(moderator):
    rows = pd.read_csv(DATA / "interaction_input.tsv", sep="\t", keep_default_na=False)
    expected = pd.read_csv(DATA / "interaction_expected.tsv", sep="\t").fillna({"level": ""})
    expected = expected[expected["moderator"] == moderator]
    people = rows.drop_duplicates("participant")

    def wide(column):
        return rows.pivot(index="participant", columns="feature", values=column).loc[people["participant"]]

    before, after = wide("before"), wide("after")
    drug, age = _dummies(people["drug"], ["snri", "ssri"]), people[["age"]].to_numpy()
    given = {"drug": drug, "age": age, "baseline": None}[moderator]
    # The moderator stands among the covariates too, as a stratum does: it must enter once.
    fit = fit_interaction(
        after.to_numpy(),
        before.to_numpy(),
        people["arm"].map(ARMS.index).to_numpy(),
        given,
        np.column_stack([drug, age]),
        robust="hc3",
    )
    assert set(fit.status.ravel()) == {"ok"}
    levels = ["snri", "ssri"] if moderator == "drug" else [""]
    for j, arm in enumerate(ARMS[1:]):
        ours = {("effect", "start"): fit.effect[j][0]}
        for i, level in enumerate(levels):
            ours["interaction", level] = fit.interaction[j][i]
            ours["effect", level] = fit.effect[j][i + 1]
        for (role, level), estimates in ours.items():
            here = (expected["arm"] == arm) & (expected["role"] == role) & (expected["level"] == level)
            r = expected[here].set_index("feature").loc[list(after.columns)]
            np.testing.assert_array_equal(estimates.df, r["df"])
            for name in NUMBERS:
                np.testing.assert_allclose(
                    getattr(estimates, name), r[name], rtol=1e-6, err_msg=f"{arm} {role} {level} {name}"
                )

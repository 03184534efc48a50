"""The vectorised Firth regression against a general optimiser in base R (stored outputs of firth.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.firth import fit_firth

DATA = Path(__file__).parent / "data"


def _stored(scenario):
    inputs = pd.read_csv(DATA / "firth_input.tsv", sep="\t")
    expected = pd.read_csv(DATA / "firth_expected.tsv", sep="\t")
    return inputs[inputs["scenario"] == scenario], expected[expected["scenario"] == scenario]


@pytest.mark.parametrize("scenario", ["balanced", "separated", "strata", "three_arms"])
def test_agrees_with_r(scenario):
    rows, expected = _stored(scenario)
    people = rows.drop_duplicates("participant")

    def wide(column):
        return rows.pivot(index="participant", columns="feature", values=column).loc[people["participant"]]

    before, after = wide("before").astype(float), wide("after").astype(float)
    arms = ["placebo", *[a for a in people["arm"].unique() if a != "placebo"]]
    arm = people["arm"].map(arms.index).to_numpy()
    adjust = None
    if people["site"].notna().all():
        adjust = np.column_stack([people["site"] == "oslo", people["age"]]).astype(float)
    fit = fit_firth(after.to_numpy(), before.to_numpy(), arm, adjust)
    assert set(fit.status.ravel()) == {"ok"}
    for i, name in enumerate(arms[1:]):
        r = expected[expected["arm"] == name].set_index("feature").loc[list(after.columns)]
        for column in ("estimate", "std_error", "ci_low", "ci_high", "p_value", "risk_difference"):
            np.testing.assert_allclose(
                getattr(fit, column)[i], r[column], rtol=1e-5, atol=1e-6, err_msg=f"{name} {column}"
            )
        z = 1.959963984540054
        low = np.maximum(r["risk_difference"] - z * r["rd_error"], -1)
        np.testing.assert_allclose(fit.rd_low[i], low, rtol=1e-5, atol=1e-6)


def test_the_separated_feature_is_separated_and_its_estimate_finite():
    rows, expected = _stored("separated")
    one = rows[rows["feature"] == "f1"]
    assert (one["after"] == (one["arm"] != "placebo")).all()
    assert np.isfinite(expected.loc[expected["feature"] == "f1", ["estimate", "ci_low", "ci_high"]]).all(
        axis=None
    )

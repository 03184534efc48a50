"""Presence compared between arms: signs, counts, degenerate features, and what has no presence."""

import numpy as np
import pandas as pd
import pytest
from trial_designs import make_design, make_profile, sample_ids

from vagus.errors import VagusError
from vagus.trial.firth import fit_firth
from vagus.trial.prevalence_effects import COLUMNS, MOVES, prevalence_effects

ARMS = ("placebo",) * 10 + ("probiotic",) * 10


def counts(seed=1, features=8):
    rng = np.random.default_rng(seed)
    table = rng.poisson(3, (40, features)) * (rng.random((40, features)) < 0.6)
    table[:, 0] = 50
    later = np.arange(40) % 2 == 1
    probiotic = np.arange(40) >= 20
    # f1: only in the probiotic arm after the baseline, in all of it. f2: in one sample only.
    table[:, 1] = 4 * (later & probiotic)
    table[:, 2] = 0
    table[3, 2] = 1
    return table


@pytest.fixture
def trial():
    design = make_design(ARMS)
    return design, make_profile(counts(), sample_ids(design))


def test_a_separated_feature_has_a_finite_effect_and_its_counts(trial):
    design, profile = trial
    table = prevalence_effects(profile, design).set_index("feature")
    row = table.loc["f1"]
    assert row["status"] == "ok"
    assert 0 < row["ci_low"] < row["estimate"] < row["ci_high"] < 50
    assert row["p_value"] < 0.001
    assert (row["gained_arm"], row["never_arm"]) == (10, 0)
    assert (row["gained_reference"], row["never_reference"]) == (0, 10)
    # Without a baseline that varies this is a 2 x 2 table with half a participant added to each cell.
    assert row["estimate"] == pytest.approx(2 * np.log(10.5 / 0.5), rel=1e-6)
    assert "presence at baseline does not vary" in row["model"]
    assert row["risk_difference"] == pytest.approx(10.5 / 11 - 0.5 / 11, rel=1e-6)
    for side in ("arm", "reference"):
        assert (table[[f"{m}_{side}" for m in MOVES]].sum(axis=1)[table["status"] == "ok"] == 10).all()


def test_constant_and_rare_features_keep_their_row_and_disturb_none(trial):
    design, profile = trial
    table = prevalence_effects(profile, design).set_index("feature")
    assert list(table.columns) == [c for c in COLUMNS if c != "feature"]
    assert table.loc["f0", "status"] == "constant"
    assert table.loc["f2", "status"] == "below prevalence"
    shown = ["estimate", "std_error", "ci_low", "ci_high", "p_value", "q_value", "risk_difference"]
    assert table.loc[["f0", "f2"], shown].isna().all(axis=None)
    assert table.loc[table["status"] == "ok", shown].notna().all(axis=None)
    kept = [f for f in profile.features if f not in ("f0", "f2")]
    fewer = make_profile(
        counts()[:, [profile.features.index(f) for f in kept]], sample_ids(design), features=kept
    )
    again = prevalence_effects(fewer, design).set_index("feature")
    pd.testing.assert_frame_equal(again[shown], table.loc[kept, shown])


def test_order_does_not_matter_and_the_other_reference_flips_signs(trial):
    design, profile = trial
    table = prevalence_effects(profile, design).set_index("feature")
    order = np.random.default_rng(2).permutation(len(profile.features))
    mixed = make_profile(
        counts()[::-1][:, order], sample_ids(design)[::-1], features=[profile.features[i] for i in order]
    )
    shown = ["estimate", "ci_low", "ci_high", "p_value", "risk_difference"]
    again = prevalence_effects(mixed, design).set_index("feature").loc[table.index]
    np.testing.assert_allclose(again[shown].astype(float), table[shown].astype(float), rtol=1e-6, atol=1e-6)
    other = prevalence_effects(profile, make_design(ARMS, reference="probiotic")).set_index("feature")
    np.testing.assert_allclose(other["estimate"].astype(float), -table["estimate"].astype(float), atol=1e-6)
    np.testing.assert_allclose(other["ci_low"].astype(float), -table["ci_high"].astype(float), atol=1e-6)
    np.testing.assert_allclose(
        other["risk_difference"].astype(float), -table["risk_difference"].astype(float), atol=1e-6
    )


def test_presence_ignores_how_much_there_is(trial):
    design, profile = trial
    shares = counts() * np.random.default_rng(3).uniform(0.1, 9, counts().shape)
    relative = make_profile(shares, sample_ids(design), kind="relative")
    left, right = prevalence_effects(profile, design), prevalence_effects(relative, design)
    pd.testing.assert_frame_equal(left, right)


@pytest.mark.parametrize("kind", ["intensity", "score"])
def test_kinds_without_a_zero_have_no_rows_and_say_why(trial, kind, capsys):
    design, _ = trial
    other = make_profile(counts(), sample_ids(design), kind=kind)
    table = prevalence_effects(other, design)
    assert list(table.columns) == COLUMNS
    assert not len(table)
    assert f"kind {kind} does not mean absent" in capsys.readouterr().out


def test_every_follow_up_and_every_contrast_has_rows():
    design = make_design(("placebo",) * 6 + ("a",) * 6 + ("b",) * 6, visits=("v1", "v2", "v3"))
    values = np.random.default_rng(4).poisson(1, (54, 5))
    values[:, 0] += 1
    table = prevalence_effects(make_profile(values, sample_ids(design)), design)
    assert set(zip(table["contrast"], table["visit"], strict=True)) == {
        (c, v) for c in ("a vs placebo", "b vs placebo") for v in ("v2", "v3")
    }
    assert table.groupby(["contrast", "visit"]).size().eq(5).all()


def test_a_missing_stratum_leaves_out_the_participant_and_an_arm_that_is_a_stratum_has_a_status():
    sites = [{"site": "x" if i < 10 else "y"} for i in range(20)]
    design = make_design(ARMS, covariates=sites, strata=["site"])
    table = prevalence_effects(make_profile(counts(), sample_ids(design)), design)
    assert set(table["status"]) == {"constant", "below prevalence", "not estimable: arm follows a covariate"}
    mixed = [{"site": None if i == 0 else "xy"[i % 2]} for i in range(20)]
    design = make_design(ARMS, covariates=mixed, strata=["site"])
    table = prevalence_effects(make_profile(counts(), sample_ids(design)), design)
    assert set(table.loc[table["status"] == "ok", "n_reference"]) == {9}
    row = table[table["status"] == "ok"].iloc[0]
    assert row[[f"{m}_reference" for m in MOVES]].sum() == 9


def test_what_cannot_be_fitted_is_refused_in_one_line():
    ones = np.ones((4, 1))
    with pytest.raises(VagusError, match="0, 1 or missing"):
        fit_firth(2 * ones, ones, np.array([0, 0, 1, 1]))
    with pytest.raises(VagusError, match=r"trial\.confidence"):
        fit_firth(ones, ones, np.array([0, 0, 1, 1]), confidence=1.0)
    with pytest.raises(VagusError, match="2 baselines"):
        fit_firth(ones, ones[:2], np.array([0, 0, 1, 1]))


@pytest.mark.parametrize("common", [0.1, 0.5, 0.9])
def test_every_table_of_a_small_trial_converges(common):
    # Steps that leave out the curvature of the penalty swing for ever where one participant fills a cell.
    rng = np.random.default_rng(6)
    before, after = ((rng.random((24, 400)) < common) * 1.0 for _ in range(2))
    fit = fit_firth(after, before, np.repeat([0, 1], 12), rng.normal(size=(24, 1)))
    assert set(fit.status.ravel()) <= {"ok", "constant"}
    assert ((fit.status == "ok").ravel() == (after.std(axis=0) > 0)).all()
    good = fit.status[0] == "ok"
    assert ((fit.p_value[0, good] < 0.05) == ((fit.ci_low[0, good] > 0) | (fit.ci_high[0, good] < 0))).all()

"""Methods beside each other: what agrees, what needs counts, and what cannot be done."""

import numpy as np
import pandas as pd
import pytest
from skbio.stats.composition import ancombc2
from trial_designs import make_design, make_profile, sample_ids

from vagus.trial.arm_effects import arm_effects
from vagus.trial.sensitivity import sensitivity
from vagus.trial.sensitivity_rows import COLUMNS, METHODS

ARMS = ("placebo",) * 12 + ("probiotic",) * 12
LATER = np.arange(48) % 2 == 1
TREATED = np.arange(48) >= 24


def counts(features=12, fold=30.0, seed=1):
    """Counts of which f0 rises in the probiotic arm; f1 is rare."""
    rng = np.random.default_rng(seed)
    means = rng.lognormal(4, 1, features) * rng.lognormal(0, 0.3, (48, features))
    means[LATER & TREATED, 0] *= fold
    table = rng.poisson(means)
    table[:, 1] = 0
    table[3, 1] = 1
    return table.astype(float)


@pytest.fixture
def design():
    return make_design(ARMS, covariates=[{"site": "xy"[i % 2]} for i in range(24)], strata=["site"])


def test_a_strong_effect_is_robust_and_noise_is_not(design):
    table = sensitivity(make_profile(counts(), sample_ids(design)), design).set_index("feature")
    assert list(table.columns) == [c for c in COLUMNS if c != "feature"]
    strong = table.loc["f0"]
    assert strong["methods"] == 5
    assert strong["agreement"] == 1
    assert strong["robust"]
    assert 3 < strong["estimate_pseudocount_half"] < 6
    assert strong["estimate_rank"] > 0.3
    # In log2, not in the natural logarithm of scikit-bio.
    assert strong["estimate_ancombc2"] == pytest.approx(strong["estimate_pseudocount_half"], abs=1)
    others = table.drop(index=["f0", "f1"])
    assert (others["agreement"] < 1).mean() > 0.8
    np.testing.assert_allclose(others["agreement"], others["agree"] / others["methods"])


def test_the_first_method_is_the_analysis_itself(design):
    profile = make_profile(counts(), sample_ids(design))
    ours = sensitivity(profile, design).set_index("feature")
    main = arm_effects(profile, design).set_index("feature")
    shown = main["status"] == "ok"
    np.testing.assert_allclose(
        ours.loc[shown, "estimate_pseudocount_half"], main.loc[shown, "estimate"].astype(float)
    )
    one = arm_effects(profile, design, pseudocount=1.0).set_index("feature")
    np.testing.assert_allclose(ours.loc[shown, "p_pseudocount_one"], one.loc[shown, "p_value"].astype(float))


def test_the_ancova_has_the_errors_of_the_config(design):
    profile = make_profile(counts(), sample_ids(design))
    ours = sensitivity(profile, design, errors="hc2").set_index("feature")["p_pseudocount_half"]
    main = arm_effects(profile, design, robust="hc2").set_index("feature")
    shown = main["status"] == "ok"
    np.testing.assert_allclose(ours[shown], main.loc[shown, "p_value"].astype(float))


def test_ancombc2_is_called_on_the_visit_with_arm_and_strata(design):
    table = counts()
    ours = sensitivity(make_profile(table, sample_ids(design)), design).set_index("feature")
    keep = [j for j in range(12) if j != 1]
    site = [float(i % 2) for i in range(24)]
    people = pd.DataFrame(
        {"arm": TREATED[LATER].astype(float), "site": site}, index=[f"P{i}" for i in range(24)]
    )
    visit = pd.DataFrame(table[LATER][:, keep], people.index, [f"f{j}" for j in keep])
    theirs = ancombc2(visit, people, "arm + site", pseudocount=0.5).result.xs("arm", level="Covariate")
    np.testing.assert_allclose(ours.loc[theirs.index, "p_ancombc2"], theirs["pvalue"], rtol=1e-8)
    np.testing.assert_allclose(
        ours.loc[theirs.index, "estimate_ancombc2"] * np.log(2), theirs["Log(FC)"], rtol=1e-8
    )


@pytest.mark.parametrize("kind", ["relative", "intensity"])
def test_kinds_without_counts_say_so_and_keep_the_rest(design, kind):
    profile = make_profile(counts() / 1e4, sample_ids(design), kind=kind)
    table = sensitivity(profile, design).set_index("feature")
    for method in ("pseudocount_half", "pseudocount_one", "ancombc2"):
        assert table.loc["f0", f"status_{method}"].startswith("needs counts: ")
        assert f"holds {kind}" in table.loc["f0", f"status_{method}"]
        assert table[f"p_{method}"].isna().all()
    assert table.loc["f0", "methods"] == 2
    assert table.loc["f0", "robust"]


def test_two_features_are_too_few_for_ancombc2(design):
    table = sensitivity(make_profile(counts()[:, [0, 2]], sample_ids(design)), design)
    assert set(table["status_ancombc2"]) == {"fewer than 3 features, too few to learn the bias from"}
    assert set(table["methods"]) == {4}


def test_rare_and_empty_features_keep_their_row(design):
    values = counts()
    values[:, 2] = 0
    table = sensitivity(make_profile(values, sample_ids(design)), design).set_index("feature")
    for feature in ("f1", "f2"):
        assert table.loc[feature, "status"] == "below prevalence"
        assert table.loc[feature, "methods"] == 0
        assert not table.loc[feature, "robust"]
    rest = table.drop(index=["f1", "f2"])
    assert rest[[f"p_{m}" for m in METHODS]].notna().all(axis=None)


def test_no_change_of_rank_has_a_status(design):
    values = np.full((48, 3), 7.0)
    table = sensitivity(make_profile(values, sample_ids(design)), design)
    assert set(table["status_rank"]) == {"constant"}
    assert set(table["status_pseudocount_half"]) == {"constant"}
    assert not table["robust"].any()


def test_scores_have_no_rows_and_modules_are_ranked_only(design, capsys):
    table = sensitivity(make_profile(counts(), sample_ids(design), kind="score"), design)
    assert not len(table)
    assert "kind score have no zeros" in capsys.readouterr().out
    logs = make_profile(counts() / 1e3, sample_ids(design), kind="copies_per_genome", transform="log2")
    table = sensitivity(logs, design)
    assert table.loc[0, "status_multiplicative"].startswith("no parts of a whole")
    assert table.loc[0, "status_rank"] == "ok"


def test_three_arms_have_a_row_for_each_contrast():
    design = make_design(("placebo",) * 8 + ("a",) * 8 + ("b",) * 8)
    table = sensitivity(make_profile(counts(), sample_ids(design)), design)
    assert table.groupby("contrast").size().to_dict() == {"a vs placebo": 12, "b vs placebo": 12}
    assert table.loc[table["feature"] == "f0", "p_ancombc2"].notna().all()

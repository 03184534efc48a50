"""From a profile and the design to the table of arm effects."""

import json

import numpy as np
import pandas as pd
import pytest
from trial_designs import make_design, make_profile, sample_ids, score_profile

from vagus.design.model import Measure, write_design
from vagus.errors import VagusError
from vagus.profile import write_profile
from vagus.trial.ancova import fit_ancova
from vagus.trial.arm_effects import COLUMNS, arm_effects, main
from vagus.trial.control_errors import control_errors
from vagus.trial.transform import clr_log2

DESIGN_3_3 = (
    "profile feature contrast visit estimand model n_arm n_reference estimate std_error df "
    "ci_low ci_high p_value q_value unit prevalence status estimate_clr bias_shift p_rerandomised "
    "zero_sensitivity"
)


def counts_trial(rng, design, features=12, effect=0.0, visit=1):
    """Counts with one feature multiplied by 2**effect after the baseline, save in the reference arm."""
    base = rng.gamma(2, 1, features)
    rows = []
    for person in design.participants:
        own = base * np.exp(rng.normal(0, 0.7, features))
        for i, _ in enumerate(design.visits):
            now = own * np.exp(rng.normal(0, 0.3, features))
            if i >= visit and person.arm != design.reference_arm:
                now[0] *= 2.0**effect
            rows.append(rng.multinomial(20000, now / now.sum()))
    return np.array(rows, dtype=float)


def test_columns_are_the_contract_and_every_feature_has_a_row():
    design = make_design()
    rng = np.random.default_rng(1)
    table = arm_effects(make_profile(counts_trial(rng, design), sample_ids(design)), design)
    assert list(table.columns) == COLUMNS
    assert " ".join(COLUMNS) == DESIGN_3_3
    assert list(table["feature"]) == [f"f{j}" for j in range(12)]
    row = table.iloc[0]
    assert row["profile"] == "amplicon.genus"
    assert row["contrast"] == "probiotic vs placebo"
    assert row["visit"] == "v2"
    assert row["unit"] == "log2 fold change (CLR)"
    assert row["model"] == "ANCOVA: value ~ arm + baseline; OLS, HC3 errors"
    assert row["estimand"] == "difference in means; all randomised; antibiotics: treatment policy"
    assert (row["n_arm"], row["n_reference"], row["df"], row["status"]) == (4, 4, 5, "ok")
    assert ((table["ci_low"] < table["estimate"]) & (table["estimate"] < table["ci_high"])).all()


def test_effect_on_counts_is_a_log2_fold_change_and_is_found():
    design = make_design(("placebo",) * 16 + ("probiotic",) * 16)
    rng = np.random.default_rng(2)
    features, effect = 30, 2.0
    table = arm_effects(
        make_profile(counts_trial(rng, design, features, effect), sample_ids(design)), design
    ).set_index("feature")
    # The CLR shares the change of one part among all: the others fall by effect / features.
    truth = effect * (1 - 1 / features)
    assert table.loc["f0", "ci_low"] <= truth <= table.loc["f0", "ci_high"]
    table = control_errors(table.reset_index(), design)[0].set_index("feature")
    assert table.loc["f0", "q_value"] < 0.001
    assert (table["q_value"].drop("f0") > 0.05).all()


def test_null_trial_finds_nothing_at_five_percent_fdr():
    rng = np.random.default_rng(3)
    design = make_design(("placebo",) * 16 + ("probiotic",) * 16)
    tables = [
        arm_effects(make_profile(counts_trial(rng, design, 30), sample_ids(design)), design)
        for _ in range(40)
    ]
    hits = [(control_errors(table, design)[0]["q_value"] < 0.05).any() for table in tables]
    assert np.mean(hits) <= 0.15  # 5 % expected; 40 trials


def test_clr_is_taken_over_all_features_before_the_prevalence_filter():
    design = make_design()
    rng = np.random.default_rng(4)
    counts = counts_trial(rng, design)
    counts[:, 3] = 0
    counts[0, 3] = 900  # in one of sixteen samples
    profile = make_profile(counts, sample_ids(design))
    table = arm_effects(profile, design, min_prevalence=0.2).set_index("feature")
    assert table.loc["f3", "status"] == "below prevalence"
    assert table.loc["f3", "prevalence"] == pytest.approx(1 / 16)
    assert np.isnan(table.loc["f3", "estimate"])
    clr = clr_log2(counts, "counts", 0.5)
    fit = fit_ancova(clr[1::2], clr[::2], np.repeat([0, 1], 4))
    kept = [j for j in range(12) if j != 3]
    np.testing.assert_allclose(table["estimate"].to_numpy()[kept], fit.estimate[0, kept], rtol=1e-10)


def test_prevalence_filter_does_not_see_the_arms():
    design = make_design(("placebo",) * 10 + ("probiotic",) * 10)
    rng = np.random.default_rng(14)
    counts = counts_trial(rng, design)
    counts[:, 5] *= rng.random(40) < 0.3
    swapped = make_design(tuple(rng.permutation([p.arm for p in design.participants])))
    swapped.plan["arms"] = design.plan["arms"]
    profile = make_profile(counts, sample_ids(design))
    for cut in (0.1, 0.3, 0.5, 1.0):
        one, two = arm_effects(profile, design, cut), arm_effects(profile, swapped, cut)
        assert list(one["status"]) == list(two["status"])
        np.testing.assert_array_equal(one["prevalence"], two["prevalence"])


def test_order_of_samples_does_not_matter():
    design = make_design()
    rng = np.random.default_rng(5)
    counts = counts_trial(rng, design)
    ids = np.array(sample_ids(design))
    order = rng.permutation(len(ids))
    one = arm_effects(make_profile(counts, ids), design)
    two = arm_effects(make_profile(counts[order], ids[order]), design)
    pd.testing.assert_frame_equal(one, two, rtol=1e-9)


@pytest.mark.parametrize("kind", ["relative", "intensity", "copies_per_genome"])
def test_kinds_without_counts(kind):
    design = make_design()
    rng = np.random.default_rng(6)
    values = rng.uniform(1, 10, (16, 5))
    depth = rng.uniform(0.1, 10, (16, 1))
    one = arm_effects(make_profile(values, sample_ids(design), kind=kind), design)
    two = arm_effects(make_profile(values * depth, sample_ids(design), kind=kind), design)
    np.testing.assert_allclose(one["estimate"], two["estimate"], atol=1e-10)
    assert set(one["unit"]) == {"log2 fold change (CLR)"}


def test_scores_are_compared_on_their_own_scale_with_missing_values():
    design = make_design()
    design.measures = [Measure("P0", "v1", "hamd", 20.0, "points")]
    rng = np.random.default_rng(7)
    start = rng.normal(20, 3, (8, 2))
    later = start - 4.0 - np.repeat([0, 3], 4)[:, None] + rng.normal(0, 0.5, (8, 2))
    later[6, 1] = np.nan
    profile = score_profile(design, start, later, features=["hamd", "gsrs"], unit="unit of the panel")
    table = arm_effects(profile, design, min_prevalence=1.0, robust="hc3").set_index("feature")
    assert table.loc["hamd", "ci_low"] < -3 < table.loc["hamd", "ci_high"]
    assert list(table["unit"]) == ["points", "unit of the panel"]
    assert list(table["n_arm"]) == [4, 3]
    assert list(table["df"]) == [5, 4]
    assert list(table["status"]) == ["ok", "ok"]
    diversity = score_profile(design, start, later, name="amplicon.diversity")
    assert set(arm_effects(diversity, design)["unit"]) == {"diversity unit"}


def test_three_arms_three_visits_and_one_joint_model():
    arms = ("placebo",) * 6 + ("probiotic",) * 6 + ("fibre",) * 6
    design = make_design(arms, visits=("v1", "v2", "v3"))
    rng = np.random.default_rng(8)
    counts = counts_trial(rng, design)
    table = arm_effects(make_profile(counts, sample_ids(design)), design, model="ancova")
    keys = table[["visit", "contrast"]].drop_duplicates().to_numpy().tolist()
    assert keys == [[v, f"{a} vs placebo"] for v in ("v2", "v3") for a in ("probiotic", "fibre")]
    assert set(table["df"]) == {14}  # 18 participants, 3 arms, 1 baseline
    clr = clr_log2(counts, "counts", 0.5)
    fit = fit_ancova(clr[2::3], clr[::3], np.repeat([0, 1, 2], 6))
    last = table[(table["visit"] == "v3") & (table["contrast"] == "fibre vs placebo")]
    np.testing.assert_allclose(last["p_value"], fit.p_value[1], rtol=1e-9)


def test_strata_and_covariates_enter_the_model():
    rng = np.random.default_rng(9)
    covariates = [{"site": float(i % 3), "sex": "fm"[i // 3 % 2], "age": 30.0 + i**1.5} for i in range(24)]
    covariates[5]["age"] = None
    arms = ("placebo", "probiotic") * 12
    design = make_design(arms, covariates=covariates, strata=["site"], adjust=["sex", "age"])
    start = rng.normal(size=(24, 1))
    later = (
        0.5 * start + rng.normal(size=(24, 1)) + np.array([c["site"] == 1 for c in covariates])[:, None] * 5
    )
    row = arm_effects(score_profile(design, start, later), design, robust="hc3").iloc[0]
    assert row["model"] == "ANCOVA: value ~ arm + baseline + site + sex + age; OLS, HC3 errors"
    keep = np.arange(24) != 5
    # A numeric stratum is three levels, not a slope.
    X = np.array(
        [[c["site"] == 1, c["site"] == 2, c["sex"] == "m", c["age"] or 0] for c in covariates], dtype=float
    )
    arm = np.array([a == "probiotic" for a in arms], dtype=int)
    fit = fit_ancova(later[keep], start[keep], arm[keep], X[keep])
    assert row["df"] == 23 - 7
    assert row["estimate"] == pytest.approx(fit.estimate[0, 0])
    assert row["std_error"] == pytest.approx(fit.std_error[0, 0])


def test_left_out_participants_are_named(capsys):
    covariates = [{"age": None if i == 2 else 30.0 + i % 3} for i in range(8)]
    design = make_design(covariates=covariates, adjust=["age"])
    rng = np.random.default_rng(10)
    table = arm_effects(score_profile(design, rng.normal(size=(8, 1)), rng.normal(size=(8, 1))), design)
    assert table.loc[0, "n_reference"] == 3
    assert "left out for a missing stratum or covariate: P2" in capsys.readouterr().out


def test_a_strategy_that_is_not_applied_is_not_claimed():
    design = make_design()
    design.plan["estimand"]["intercurrent_events"][0]["strategy"] = "hypothetical"
    rng = np.random.default_rng(17)
    table = arm_effects(score_profile(design, rng.normal(size=(8, 1)), rng.normal(size=(8, 1))), design)
    assert table.loc[0, "estimand"].endswith(
        "antibiotics: treatment policy (planned: hypothetical, not applied here)"
    )


def test_the_plan_decides_the_error_control():
    rng = np.random.default_rng(11)
    families = [{"name": "main", "profiles": ["amplicon.genus"], "control": "none", "alpha": 0.05}]
    design = make_design(families=families)
    profile = make_profile(counts_trial(rng, design), sample_ids(design))
    table = arm_effects(profile, design)
    assert table["q_value"].isna().all()
    table, _ = control_errors(table, design)
    np.testing.assert_array_equal(table["q_value"], table["p_value"])
    families[0]["control"] = "holm"
    table, _ = control_errors(table, make_design(families=families))
    assert table["q_value"].min() == pytest.approx(min(1, 12 * table["p_value"].min()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reference": None, "design": "single_arm"}, "there is no control arm"),
        ({"can_compare_arms": False}, "fewer than two arms have two participants"),
        ({"design": "crossover"}, "the plan names no periods and sequences"),
        ({"design": "n_of_1"}, "a n_of_1 design gives a participant more than one treatment"),
    ],
)
def test_arms_that_cannot_be_compared_leave_a_table_without_rows(change, words, tmp_path, capsys):
    design = make_design(**change)
    rng = np.random.default_rng(12)
    write_profile(
        make_profile(counts_trial(rng, design), sample_ids(design)), tmp_path / "amplicon.genus.biom"
    )
    write_design(design, tmp_path / "design.json")
    out = tmp_path / "effects.tsv"
    main(str(tmp_path / "amplicon.genus.biom"), str(tmp_path / "design.json"), str(out), 0.2, 0.5, 0.95)
    assert out.read_text() == "\t".join(COLUMNS) + "\n"
    assert words in capsys.readouterr().out


def test_written_table_reads_back(tmp_path):
    design = make_design()
    rng = np.random.default_rng(13)
    write_profile(
        make_profile(counts_trial(rng, design), sample_ids(design)), tmp_path / "amplicon.genus.biom"
    )
    (tmp_path / "design.json").write_text(json.dumps(design.to_dict()))
    out = tmp_path / "new" / "effects.tsv"
    main(str(tmp_path / "amplicon.genus.biom"), str(tmp_path / "design.json"), str(out), 0.2, 0.5, 0.95)
    table = pd.read_csv(out, sep="\t")
    expected = arm_effects(
        make_profile(counts_trial(np.random.default_rng(13), design), sample_ids(design)), design
    )
    np.testing.assert_allclose(table["p_value"], expected["p_value"], rtol=1e-8)


def test_visit_without_samples_and_sample_without_reads():
    design = make_design(visits=("v1", "v2", "v3"))
    rng = np.random.default_rng(15)
    counts = counts_trial(rng, design)
    ids = sample_ids(design)
    keep = [i for i, s in enumerate(ids) if not s.endswith("v3")]
    counts[ids.index("P0_v2")] = 0
    table = arm_effects(make_profile(counts[keep], [ids[i] for i in keep]), design)
    assert set(table.loc[table["visit"] == "v3", "status"]) == {"too few participants"}
    assert set(table.loc[table["visit"] == "v2", "n_reference"]) == {3}


def test_controls_in_an_imported_table_are_left_out():
    design = make_design()
    rng = np.random.default_rng(16)
    counts = counts_trial(rng, design)
    ids = sample_ids(design)
    one = arm_effects(make_profile(counts, ids), design)
    two = arm_effects(make_profile(np.vstack([counts, counts[:1]]), [*ids, "NEG"]), design)
    pd.testing.assert_frame_equal(one, two)


def test_what_does_not_fit_the_design_is_refused():
    design = make_design()
    counts = np.ones((2, 2))
    with pytest.raises(VagusError, match="sample 'P9_v1' is not in the design"):
        arm_effects(make_profile(counts, ["P0_v1", "P9_v1"]), design)
    with pytest.raises(VagusError, match="'P0' has two samples at visit 'v1'"):
        arm_effects(make_profile(counts, ["P0_v1", "P0|v1"]), design)
    with pytest.raises(VagusError, match="kind 'reads'; allowed: counts"):
        arm_effects(make_profile(counts, ["P0_v1", "P0_v2"], kind="reads"), design)
    with pytest.raises(VagusError, match=r"trial\.min_prevalence is 20"):
        arm_effects(make_profile(counts, ["P0_v1", "P0_v2"]), design, min_prevalence=20)


def test_profile_without_features():
    design = make_design()
    table = arm_effects(make_profile(np.empty((16, 0)), sample_ids(design), features=[]), design)
    assert len(table) == 0
    assert list(table.columns) == COLUMNS

"""Rubin's rules by hand, imputation against the truth, and where a conclusion tips."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from trial_designs import make_design, make_profile, score_profile

from vagus.design.model import write_design
from vagus.errors import VagusError
from vagus.profile import write_profile
from vagus.trial.arm_effects import arm_effects
from vagus.trial.imputation import impute, pool
from vagus.trial.tipping_point import STEPS, main, tipping_point


def test_rubins_rules_by_hand():
    estimates, errors = np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 1.0, 2.0, 2.0])
    found = pool(estimates, errors, 20)
    # Within (1 + 1 + 4 + 4) / 4, between 2 / 3, total 2.5 + 1.25 * 2 / 3.
    total = 2.5 + 1.25 * 2 / 3
    assert found.estimate == 2
    assert found.std_error == pytest.approx(np.sqrt(total))
    share = (1.25 * 2 / 3) / total
    assert found.missing_information == pytest.approx(share) == pytest.approx(0.25)
    old, observed = 3 / share**2, 21 / 23 * 20 * (1 - share)
    df = old * observed / (old + observed)
    assert found.df == pytest.approx(df)
    half = stats.t.ppf(0.975, df) * np.sqrt(total)
    assert (found.ci_low, found.ci_high) == pytest.approx((2 - half, 2 + half))
    assert found.p_value == pytest.approx(2 * stats.t.sf(2 / np.sqrt(total), df))
    with pytest.raises(VagusError, match="2 or more"):
        pool(estimates[:1], errors[:1], 20)


def test_without_disagreement_the_pool_is_one_data_set():
    found = pool(np.full(5, 1.5), np.full(5, 0.5), 30)
    assert (found.estimate, found.std_error, found.missing_information) == (1.5, 0.5, 0)


def test_draws_follow_the_predictive_distribution():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(30), rng.normal(size=30)])
    y = x @ [2.0, 1.5] + rng.normal(0, 1, 30)
    y[:5] = np.nan
    complete, gone = impute(y, x, np.random.default_rng(2), 40_000)
    assert gone.sum() == 5
    assert (complete[5:] == y[5:, None]).all()
    fit = np.linalg.lstsq(x[5:], y[5:], rcond=None)[0]
    rest = y[5:] - x[5:] @ fit
    df = 25 - 2
    inverse = np.linalg.inv(x[5:].T @ x[5:])
    for i in range(5):
        # Student's t around the prediction, whose variance is that of the scale times df / (df - 2).
        variance = rest @ rest / df * (1 + x[i] @ inverse @ x[i]) * df / (df - 2)
        assert complete[i].mean() == pytest.approx(x[i] @ fit, abs=4 * np.sqrt(variance / 40_000))
        assert complete[i].var() == pytest.approx(variance, rel=0.05)


def trial(seed=1, n=30, effect=-4.0, gone=(3, 6)):
    """Scores with a true effect; some follow-ups of the reference and of the arm are missing."""
    rng = np.random.default_rng(seed)
    design = make_design(("placebo",) * n + ("probiotic",) * n)
    start = rng.normal(20, 4, (2 * n, 1))
    later = 5 + 0.6 * start + rng.normal(0, 3, (2 * n, 1)) + effect * np.repeat([[0], [1]], n, axis=0)
    later[: gone[0]] = np.nan
    later[n : n + gone[1]] = np.nan
    return design, score_profile(design, start, later, features=["hamd"])


def test_missing_at_random_gives_what_the_complete_cases_give():
    differences, errors = [], []
    for seed in range(30):
        design, panel = trial(seed)
        # With one seed for all, the noise of the imputations would be the same in every trial.
        design.plan["seed"] = seed
        table = tipping_point(panel, design)
        complete = table[table["analysis"] == "complete cases"].iloc[0]
        imputed = table[(table["shifted"] == "arm") & (table["delta_sd"] == 0)].iloc[0]
        differences.append(imputed["estimate"] - complete["estimate"])
        errors.append(complete["std_error"])
    # What remains is Monte-Carlo error of 50 imputations: a small part of the standard error, no drift.
    assert abs(np.mean(differences)) < 3 * np.std(differences) / np.sqrt(30)
    assert np.std(differences) < 0.15 * np.mean(errors)


def test_the_estimate_moves_by_the_share_of_the_missing_and_tips_once_on_its_side():
    design, panel = trial()
    table = tipping_point(panel, design)
    arm = table[table["shifted"] == "arm"].set_index("delta_sd")
    assert list(arm.index) == list(STEPS)
    assert arm.loc[0, ["n_arm", "missing_arm", "n_reference", "missing_reference"]].tolist() == [24, 6, 27, 3]
    moved = (arm["estimate"] - arm.loc[0, "estimate"]) / arm["delta"].where(arm["delta"] != 0)
    # 6 of 30 are shifted; the baselines of those who left differ a little from the others'.
    assert moved.dropna().to_numpy() == pytest.approx(0.2, abs=0.03)
    assert moved.std() < 1e-9
    assert arm.loc[0, "ci_high"] < 0
    tips = arm[arm["tipping"]]
    assert (tips.index > 0).all()
    before = arm.loc[: tips.index[0] - 0.25] if len(tips) else arm
    assert not before["changes_conclusion"].any()


def test_a_large_drop_out_tips_and_the_first_step_is_marked():
    design, panel = trial(seed=4, n=20, effect=-3.0, gone=(0, 8))
    table = tipping_point(panel, design)
    assert set(table["shifted"]) == {"", "arm"}
    tips = table[table["tipping"] == True]  # noqa: E712
    assert len(tips) == 1
    row = tips.iloc[0]
    assert row["ci_high"] > 0
    step = table[np.isclose(table["delta_sd"].astype(float), row["delta_sd"] - 0.25)].iloc[0]
    assert step["ci_high"] < 0


def test_the_errors_of_the_config_are_those_of_the_comparison():
    design, panel = trial(n=12)
    table = tipping_point(panel, design, errors="hc2")
    main_row = arm_effects(panel, design, robust="hc2").iloc[0]
    assert table.iloc[0]["std_error"] == pytest.approx(main_row["std_error"])
    # HC3 is the wider one in every data set, and so under every shift.
    wider = tipping_point(panel, design, errors="hc3")
    assert (wider["std_error"] > table["std_error"]).all()


def test_the_seed_repeats_the_draws_and_the_order_of_participants_does_not_matter():
    design, panel = trial()
    one = tipping_point(panel, design)
    design.participants = design.participants[::-1]
    pd.testing.assert_frame_equal(one, tipping_point(panel, design), rtol=1e-9)
    design.plan["seed"] = 2
    assert (tipping_point(panel, design)["estimate"] != one["estimate"]).any()


def test_nobody_missing_and_profiles_that_are_no_scores():
    design, panel = trial(gone=(0, 0))
    assert tipping_point(panel, design)["analysis"].tolist() == ["complete cases"]
    counts = make_profile(np.ones((2, 2)), ["P0_v1", "P0_v2"])
    assert len(tipping_point(counts, design)) == 0
    design.can_compare_arms = False
    assert len(tipping_point(panel, design)) == 0


def test_the_table_is_written_with_words(tmp_path):
    design, panel = trial(n=8, gone=(1, 2))
    write_design(design, tmp_path / "design.json")
    write_profile(panel, tmp_path / "panel.clinical.biom")
    out = tmp_path / "t.tsv"
    main(str(tmp_path / "panel.clinical.biom"), str(tmp_path / "design.json"), str(out), 0.95)
    table = pd.read_csv(out, sep="\t", keep_default_na=False)
    assert set(table["tipping"]) <= {"yes", "no", ""}
    assert len(table) == 1 + 2 * len(STEPS)

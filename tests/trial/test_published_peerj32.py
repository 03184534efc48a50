"""A real trial: Lactobacillus GG (8) against placebo (14), Lahti et al. 2013, doi 10.7717/peerj.32.

The reference figures were computed with classical least-squares errors, so they are reproduced with
`robust="classical"`; the estimates are the same under HC3 and HC2, which the workflow prints.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trial_designs import make_design, make_profile

from vagus.trial.arm_effects import arm_effects
from vagus.trial.community_effects import community_effects
from vagus.trial.control_errors import control_errors
from vagus.trial.within_arm import within_arm

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "trial_peerj32" / "tsv"
LN = np.log(2)


@pytest.fixture(scope="module")
def trial():
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is absent")
    stem = str(DATA / "peerj32__peerj32.phyloseq")
    table = pd.read_csv(f"{stem}.otu_table.tsv", sep="\t", index_col=0)
    sheet = pd.read_csv(f"{stem}.sam_data.tsv", sep="\t", index_col=0).loc[table.columns]
    people = sheet.drop_duplicates("subject")
    arms = ["LGG" if g == "LGG" else "placebo" for g in people["group"]]
    names = {s: f"P{i}" for i, s in enumerate(people["subject"])}
    design = make_design(tuple(arms), visits=("1", "2"))
    ids = [f"{names[s]}_{int(t)}" for s, t in zip(sheet["subject"], sheet["time"], strict=True)]
    counts = table.to_numpy(dtype=float).T
    share = counts / counts.sum(axis=1, keepdims=True)
    shannon = -np.where(share > 0, share * np.log(np.where(share > 0, share, 1)), 0).sum(axis=1)
    genus = make_profile(counts, ids, features=list(table.index))
    return design, genus, make_profile(shannon[:, None], ids, "amplicon.diversity", "score", ["shannon"])


def test_shannon_effect_and_its_classical_interval(trial):
    design, _, diversity = trial
    row = arm_effects(diversity, design, robust="classical").iloc[0]
    assert (row["n_arm"], row["n_reference"], row["df"]) == (8, 14, 19)
    assert row["estimate"] == pytest.approx(-0.0223, abs=5e-5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((-0.1255, 0.0809), abs=5e-5)
    assert row["p_value"] == pytest.approx(0.656, abs=5e-4)


def test_shannon_interval_is_wider_with_hc3(trial):
    design, _, diversity = trial
    row = arm_effects(diversity, design, robust="hc3").iloc[0]
    assert row["estimate"] == pytest.approx(-0.0223, abs=5e-5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((-0.14131, 0.09674), abs=5e-5)


def test_shannon_change_inside_the_arms_points_the_other_way(trial):
    # Baseline imbalance: the difference of the changes is +0.0551, the adjusted difference -0.0223.
    design, _, diversity = trial
    table = within_arm(diversity, design).set_index("arm")
    assert table.loc["placebo", "mean_baseline"] == pytest.approx(3.6155, abs=5e-5)
    assert table.loc["placebo", "mean_visit"] == pytest.approx(3.6211, abs=5e-5)
    assert table.loc["LGG", "mean_baseline"] == pytest.approx(3.5111, abs=5e-5)
    assert table.loc["LGG", "mean_visit"] == pytest.approx(3.5717, abs=5e-5)
    assert table.loc["LGG", "change"] - table.loc["placebo", "change"] == pytest.approx(0.0551, abs=1e-4)


def test_the_one_genus_like_group_that_the_probiotic_raised(trial):
    design, genus, _ = trial
    table = arm_effects(genus, design, min_prevalence=0, robust="classical", bias="none")
    table = control_errors(table, design)[0].set_index("feature")
    assert len(table) == 130
    hits = table[table["q_value"] < 0.1]
    assert list(hits.index) == ["Lactobacillus plantarum et rel."]
    hit = hits.iloc[0]
    assert hit["estimate"] * LN == pytest.approx(1.902, abs=5e-4)
    assert (hit["ci_low"] * LN, hit["ci_high"] * LN) == pytest.approx((1.160, 2.644), abs=5e-4)
    assert hit["p_value"] == pytest.approx(3.52e-5, rel=2e-3)
    assert hit["q_value"] == pytest.approx(0.0046, abs=5e-5)
    second = table.loc["Veillonella"]
    assert second["estimate"] * LN == pytest.approx(-1.61, abs=5e-3)
    assert (second["p_value"], second["q_value"]) == (
        pytest.approx(0.0018, abs=5e-5),
        pytest.approx(0.116, abs=5e-4),
    )


def test_hc3_and_the_default_filter_find_the_same_group_alone(trial):
    design, genus, _ = trial
    table = control_errors(arm_effects(genus, design, bias="none"), design)[0]
    table = table.set_index("feature")
    hits = table[table["q_value"] < 0.1]
    assert list(hits.index) == ["Lactobacillus plantarum et rel."]
    assert hits["estimate"].iloc[0] * LN == pytest.approx(1.902, abs=5e-4)
    assert hits["p_value"].iloc[0] == pytest.approx(9.55e-6, rel=2e-3)


def test_hc2_finds_it_too(trial):
    design, genus, _ = trial
    effects = arm_effects(genus, design, bias="none", robust="hc2")
    table = control_errors(effects, design)[0].set_index("feature")
    assert list(table.index[table["q_value"] < 0.1]) == ["Lactobacillus plantarum et rel."]


def test_community_change_and_distance_moved(trial):
    design, genus, _ = trial
    beta = community_effects(genus, design, tests=["change", "within"]).beta.set_index(["test", "distance"])
    change = beta.loc[("change", "aitchison")]
    assert change["statistic"] == pytest.approx(1.127, abs=5e-4)
    assert (change["df"], change["df_residual"]) == (1, 20)
    # Published p .283 of 9,999 random arrangements, as here: four standard errors of the difference.
    assert change["p_value"] == pytest.approx(0.283, abs=4 * np.sqrt(2 * 0.283 * 0.717 / 9999))
    moved = beta.loc[("within", "bray_curtis")]
    assert moved["median_arm"] == pytest.approx(0.1768, abs=5e-5)
    assert moved["median_reference"] == pytest.approx(0.1775, abs=5e-5)
    assert moved["statistic"] == 61
    assert moved["p_value"] == pytest.approx(0.764, abs=0.02)

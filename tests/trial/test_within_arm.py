"""The change inside each arm."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from trial_designs import make_design, make_profile, sample_ids, score_profile

from vagus.design.model import write_design
from vagus.errors import VagusError
from vagus.profile import write_profile
from vagus.trial.within_arm import COLUMNS, main, within_arm


def test_change_and_interval_are_those_of_a_paired_t():
    design = make_design()
    rng = np.random.default_rng(1)
    start, later = rng.normal(20, 3, (8, 2)), rng.normal(17, 3, (8, 2))
    later[7, 1] = np.nan
    table = within_arm(score_profile(design, start, later, unit="points"), design)
    assert list(table.columns) == COLUMNS
    assert not [c for c in table.columns if c.startswith(("p_", "q_"))]
    row = table[(table["arm"] == "probiotic") & (table["feature"] == "f0")].iloc[0]
    expected = stats.ttest_rel(later[4:, 0], start[4:, 0]).confidence_interval(0.95)
    assert row["change"] == pytest.approx((later - start)[4:, 0].mean())
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high))
    assert (row["n"], row["df"], row["unit"], row["status"]) == (4, 3, "points", "ok")
    # Means are of the participants who have both values.
    row = table[(table["arm"] == "probiotic") & (table["feature"] == "f1")].iloc[0]
    assert row["n"] == 3
    assert row["mean_baseline"] == pytest.approx(start[4:7, 1].mean())


def test_one_arm_is_enough_and_counts_use_the_log_ratio():
    design = make_design(("probiotic",) * 6, reference=None, design="single_arm", can_compare_arms=False)
    counts = np.tile([100.0, 100, 100, 0], (12, 1))
    counts[1::2, 0] = 400 + np.arange(6)
    table = within_arm(make_profile(counts, sample_ids(design)), design, pseudocount=1e-9).set_index(
        "feature"
    )
    assert table.loc["f3", "status"] == "below prevalence"
    assert np.isnan(table.loc["f3", "change"])
    difference = table.loc["f0", "change"] - table.loc["f1", "change"]
    assert difference == pytest.approx(np.log2((400 + np.arange(6)) / 100).mean(), abs=1e-6)
    assert table.loc["f0", "unit"] == "log2 fold change (CLR)"


def test_statuses():
    design = make_design(("a", "a", "a", "b"), reference="a")
    start = np.array([[1.0, 5], [2, np.nan], [3, 7], [4, 8]])
    later = start + np.array([[2.0, 1], [2, 1], [2, 2], [2, 2]])
    table = within_arm(score_profile(design, start, later), design)
    assert list(table["status"]) == ["no residual variance", "ok", *["too few participants"] * 2]
    assert table.loc[0, "change"] == 2
    assert np.isnan(table.loc[0, "ci_low"])
    assert list(table["n"]) == [3, 2, 1, 1]


def test_visit_without_samples_keeps_its_rows():
    design = make_design(visits=("v1", "v2", "v3"))
    rng = np.random.default_rng(2)
    table = within_arm(score_profile(design, rng.normal(size=(8, 1)), rng.normal(size=(8, 1))), design)
    late = table[table["visit"] == "v3"]
    assert list(late["status"]) == ["too few participants"] * 2
    assert list(late["n"]) == [0, 0]


def test_interval_covers_the_truth():
    rng = np.random.default_rng(3)
    design = make_design(("placebo",) * 8 + ("probiotic",) * 8)
    start = rng.normal(size=(16, 2000))
    later = start + 1.0 + rng.normal(size=(16, 2000))
    table = within_arm(score_profile(design, start, later), design)
    covered = (table["ci_low"] <= 1) & (table["ci_high"] >= 1)
    assert 0.94 <= covered.mean() <= 0.96


def test_main_writes_the_table(tmp_path):
    design = make_design()
    rng = np.random.default_rng(4)
    profile = make_profile(rng.integers(1, 99, (16, 3)), sample_ids(design))
    write_profile(profile, tmp_path / "amplicon.genus.biom")
    write_design(design, tmp_path / "design.json")
    out = tmp_path / "within.tsv"
    main(str(tmp_path / "amplicon.genus.biom"), str(tmp_path / "design.json"), str(out), 0.2, 0.5, 0.95)
    np.testing.assert_allclose(pd.read_csv(out, sep="\t")["change"], within_arm(profile, design)["change"])


def test_confidence_out_of_range():
    design = make_design()
    with pytest.raises(VagusError, match=r"trial\.confidence is 95"):
        within_arm(make_profile(np.ones((16, 2)), sample_ids(design)), design, confidence=95)

"""SMILES (Jacka 2017), Nikolova 2023 and Doll 2022, from the figures that are verified."""

import numpy as np
import pytest
from trial_designs import make_design

from vagus.design.model import Measure
from vagus.design.resources import load_scales
from vagus.errors import VagusError
from vagus.profiles.response_profile import response_profile
from vagus.trial.clinical_change import band_table
from vagus.trial.responders import responders
from vagus.trial.risk import compare_risks
from vagus.trial.summary_data import compare_means


def test_smiles_remission_by_hand_counts():
    found = compare_risks(10, 31, 2, 25)
    assert found.chi2 == pytest.approx(4.837, abs=5e-4)
    assert found.p_value == pytest.approx(0.0279, abs=5e-5)
    assert found.difference == pytest.approx(0.2426, abs=5e-5)
    assert found.nnt == pytest.approx(4.12, abs=5e-3)
    assert (found.nnt_low, found.nnt_high) == (pytest.approx(2.34, abs=5e-3), pytest.approx(40.7, abs=0.05))


def smiles_trial():
    """Completers of SMILES: 31 with diet, 10 of them in remission; 25 with support, 2 of them."""
    design = make_design(("support",) * 25 + ("diet",) * 31, reference="support")
    design.plan["responder"] = {"measure": "madrs", "rule": "value < 10"}
    scores = [9.0] * 2 + [20.0] * 23 + [8.0] * 10 + [18.0] * 21
    design.measures = [Measure(f"P{i}", "v1", "madrs", 26.0) for i in range(56)]
    design.measures += [Measure(f"P{i}", "v2", "madrs", score) for i, score in enumerate(scores)]
    return design


def test_smiles_remission_from_scores_to_the_table():
    design = smiles_trial()
    table = responders(response_profile(design, load_scales()), design)
    row = table[(table["outcome"] == "response") & (table["analysis"] == "observed")].iloc[0]
    assert row["rule"] == "value < 10"
    assert row["rule_source"] == "plan"
    assert row[["events_arm", "n_arm", "events_reference", "n_reference"]].tolist() == [10, 31, 2, 25]
    assert row["risk_difference"] == pytest.approx(0.2426, abs=5e-5)
    assert row["p_value"] == pytest.approx(0.0279, abs=5e-5)
    assert (row["nnt"], row["nnt_kind"]) == (pytest.approx(4.12, abs=5e-3), "benefit")


def test_nikolova_standardised_effects_of_the_means():
    # HAMD-17, probiotic against placebo: crude d 0.68 at week 4 and 0.60 at week 8.
    week4 = compare_means(24, 11.00, 5.13, 25, 14.04, 3.70)
    week8 = compare_means(24, 8.83, 4.28, 25, 11.09, 3.22)
    assert -week4.ses == pytest.approx(0.68, abs=5e-3)
    assert -week8.ses == pytest.approx(0.60, abs=5e-3)
    assert week4.low < week4.difference < week4.high < 0


def test_summary_data_agree_with_the_raw_data():
    from scipy import stats

    rng = np.random.default_rng(3)
    a, b = rng.normal(10, 4, 21), rng.normal(13, 2, 17)
    found = compare_means(len(a), a.mean(), a.std(ddof=1), len(b), b.mean(), b.std(ddof=1))
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert (found.t, found.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    low, high = expected.confidence_interval()
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    with pytest.raises(VagusError, match="two people or more"):
        compare_means(1, 1, 1, 5, 1, 1)


def test_doll_patient_responds_and_is_not_in_remission():
    # HAMD 21 to 9 is a fall of 57 %.
    design = make_design(("fmt",) * 2, reference=None, design="single_arm")
    for person, start, later in (("P0", 21.0, 9.0), ("P1", 21.0, 11.0)):
        design.measures += [Measure(person, "v1", "HAMD17", start), Measure(person, "v2", "HAMD17", later)]
    frame = response_profile(design, load_scales()).to_frame()
    assert frame.loc["P0|v2"].to_dict() == {"HAMD17.response": 1.0, "HAMD17.remission": 0.0}
    assert frame.loc["P1|v2", "HAMD17.response"] == 0.0
    bands = band_table(design, load_scales())
    now = bands[(bands["visit"] == "v2") & (bands["n"] > 0)]
    assert now[["band", "n", "of"]].values.tolist() == [["mild", 2, 2]]

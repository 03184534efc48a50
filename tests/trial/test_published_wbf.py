"""A three-armed probiotic trial in type 2 diabetes (Perraudeau 2020): HbA1c, with the traps of its tables."""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from vagus.design.model import Design, Measure, Participant
from vagus.profiles.biomarker_panel import biomarker_panel
from vagus.trial.arm_effects import arm_effects
from vagus.trial.control_errors import control_errors
from vagus.trial.within_arm import within_arm

TABLES = Path(__file__).parents[3] / "shared" / "data" / "trial_WBF_T2D" / "tsv"
pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason=f"{TABLES} is absent")
# One arm goes by two names.
ARMS = {
    "placebo": "placebo",
    "wbf10": "WBF-010",
    "wbf11": "WBF-011",
    "WBF-010": "WBF-010",
    "WBF-011": "WBF-011",
}


@pytest.fixture(scope="module")
def trial():
    # The analysis set of the paper: those with glucose control at both visits.
    table = pd.read_csv(TABLES / "tabGluCtl__.tsv", sep="\t")
    plan = {
        "design": "parallel",
        "arms": ["placebo", "WBF-010", "WBF-011"],
        "reference_arm": "placebo",
        "visits": ["Baseline", "Week12"],
        "baseline": "Baseline",
        "primary_visit": "Week12",
        "families": [{"name": "hba1c", "profiles": ["panel.biomarkers"], "control": "holm", "alpha": 0.05}],
    }
    people, measures = [], []
    for _, row in table.iterrows():
        # `SS_102` in one table is `102` in another.
        who = str(row["Subject"]).removeprefix("SS_")
        people.append(Participant(who, ARMS[row["treatment"]]))
        for visit in plan["visits"]:
            value = row[f"A1C_{visit}"]
            measures.append(Measure(who, visit, "HbA1c", None if pd.isna(value) else float(value), "%"))
    return Design(plan, people, measures=measures, can_compare_arms=True)


def test_changes_inside_the_arms_are_as_published(trial):
    panel, _, _ = biomarker_panel(trial)
    assert panel.features == ["HbA1c"]
    table = within_arm(panel, trial).set_index("arm")
    assert table["n"].to_dict() == {"placebo": 16, "WBF-010": 20, "WBF-011": 20}
    assert table.loc["placebo", "change"] == pytest.approx(0.394, abs=5e-4)
    assert table.loc["WBF-010", "change"] == pytest.approx(0.170, abs=5e-4)
    assert table.loc["WBF-011", "change"] == pytest.approx(-0.210, abs=5e-4)


def test_ranks_of_the_changes_as_published(trial):
    frame = biomarker_panel(trial)[0].to_frame()["HbA1c"]
    change = {
        arm: pd.Series(
            {
                p.participant: frame[f"{p.participant}|Week12"] - frame[f"{p.participant}|Baseline"]
                for p in trial.participants
                if p.arm == arm
            }
        ).dropna()
        for arm in trial.arms
    }
    p11 = stats.mannwhitneyu(change["WBF-011"], change["placebo"]).pvalue
    p10 = stats.mannwhitneyu(change["WBF-010"], change["placebo"]).pvalue
    assert p11 == pytest.approx(0.0499, abs=5e-5)
    assert p10 == pytest.approx(0.52, abs=5e-3)


def test_the_adjusted_difference_and_both_contrasts_in_one_family(trial):
    table, families = control_errors(arm_effects(biomarker_panel(trial)[0], trial), trial)
    rows = table.set_index("contrast")
    row = rows.loc["WBF-011 vs placebo"]
    # Published is the difference of the raw changes, -0.60; the adjusted one lies beside it.
    assert row["ci_low"] < -0.604 < row["ci_high"]
    assert row["estimate"] < 0
    assert row["q_value"] == pytest.approx(min(1, 2 * rows["p_value"].min()))
    assert families.loc[0, "tests"] == 2

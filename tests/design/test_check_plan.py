"""What is wrong in the plan is said in one line each."""

from __future__ import annotations

from typing import Any

import pytest


def test_strata_and_covariates(trial: Any) -> None:
    trial.plan["strata"] = ["sites"]
    trial.plan["covariates"] = ["bmi"]
    lines = trial.problems()
    assert "plan.yaml, 'strata': participants.tsv has no column 'sites'" in lines[0]
    assert "did you mean 'site'?" in lines[0]
    assert "plan.yaml, 'covariates': participants.tsv has no column 'bmi'" in lines[1]


def test_interactions_are_columns_or_the_word_baseline(trial: Any) -> None:
    trial.plan["interactions"] = ["sites", "baseline"]
    line = trial.problem()
    assert "plan.yaml, 'interactions': participants.tsv has no column 'sites'" in line
    assert "did you mean 'site'?" in line
    assert "or the word baseline" in line


def test_an_interaction_that_cannot_be_estimated_is_noted(trial: Any) -> None:
    trial.plan["interactions"] = ["site", "baseline"]
    notes = " ".join(trial.load().notes)
    assert "interactions: 0 of arm" in notes or "interactions: 1 of arm" in notes
    assert "at least 2 are needed" in notes


def test_a_column_named_baseline_cannot_be_told_from_the_word(trial: Any) -> None:
    trial.plan["interactions"] = ["baseline"]
    trial.participants[0].append("baseline")
    for row in trial.participants[1:]:
        row.append("1")
    line = trial.problem()
    assert "participants.tsv, 'baseline': 'baseline' under interactions in plan.yaml" in line
    assert "give this column another name" in line


def test_stratum_that_the_plan_does_not_name(trial: Any) -> None:
    trial.plan["levels"] = {"site": ["A", "C"]}
    lines = trial.problems()
    assert (
        "participants.tsv, row 4, column 'site': stratum that the plan does not name (value 'B')" in lines[0]
    )
    assert len(lines) == 2
    trial.plan["levels"] = {}
    trial.participants[0][3] = "stratum"
    trial.plan["strata"] = []
    for name in ("participants.tsv", "plan.yaml"):
        (trial.folder / name).unlink()
    assert "stratum column 'stratum' that the plan does not name" in trial.problem()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"baseline": None}, "plan.yaml, 'baseline': no baseline; allowed: baseline, week4"),
        ({"baseline": "base"}, "the baseline is not one of the plan's visits (value 'base')"),
        (
            {"reference_arm": None},
            "plan.yaml, 'reference_arm': no reference arm; allowed: placebo, probiotic",
        ),
        ({"reference_arm": "Placebo"}, "fix: did you mean 'placebo'?"),
        ({"primary_visit": "baseline"}, "the primary visit is not a visit after the baseline"),
        ({"visit": ["x"]}, "plan.yaml: unknown key 'visit'"),
        ({"design": "paralel"}, "fix: did you mean 'parallel'?"),
        ({"seed": -1}, "plan.yaml, 'seed': wrong value (value '-1'); allowed: a whole number at least 0"),
        ({"families": [{"name": "a", "profiles": ["genus"]}]}, "of the form assay.level"),
        ({"responder": {"measure": "phq", "rule": "drop >= 50%"}}, "fix: did you mean 'phq9'?"),
        ({"design": "single_arm"}, "design is single_arm, but the plan has 2 arms"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_plan(trial: Any, change: dict[str, Any], expected: str) -> None:
    trial.plan.update(change)
    assert expected in trial.problem()


def test_plan_is_not_yaml(trial: Any) -> None:
    (trial.folder / "plan.yaml").write_text("arms: [a, b\nvisits: c\n")
    assert any("plan.yaml: line 2: not valid YAML" in line for line in trial.problems())


def test_visits_written_as_numbers(trial: Any) -> None:
    trial.plan.update(visits=[0, 4], baseline=0, primary_visit=4)
    for sheet in ("samples", "measures"):
        for i, row in enumerate(getattr(trial, sheet)[1:], 1):
            if "baseline" in row or "week4" in row:
                trial.cell(sheet, i, "visit", "0" if "baseline" in row else "4")
    design = trial.load()
    assert design.visits == ["0", "4"]
    assert design.baseline == "0"


def test_single_arm_is_allowed(trial: Any) -> None:
    trial.plan.update(design="single_arm", arms=["probiotic"], reference_arm=None)
    for i in range(1, 5):
        trial.cell("participants", i, "arm", "probiotic")
    design = trial.load()
    assert not design.can_compare_arms
    assert design.contrasts() == []
    assert design.notes[0].startswith("single arm (probiotic): there is no control")

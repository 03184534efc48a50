"""Biomarkers in the measures sheet: units, limits, and outcomes entered by hand."""

from __future__ import annotations

from typing import Any


def test_units_that_can_be_converted_are_and_others_are_refused(trial: Any) -> None:
    trial.measures += [
        ["P1", "baseline", "cortisol", "300", "nmol/L", ""],
        ["P2", "baseline", "cortisol", "10", "ug/dL", ""],
    ]
    design = trial.load()
    assert any("cortisol: 1 value was converted to nmol/L" in n for n in design.notes)
    assert [round(m.value, 1) for m in design.measures if m.measure == "cortisol"] == [300.0, 275.9]


def test_all_mistakes_at_once(trial: Any) -> None:
    trial.measures += [
        ["P1", "baseline", "il6", "3", "pg/mL", ""],
        ["P2", "baseline", "il6", "3", "IU/mL", ""],
        ["P3", "baseline", "il6", "-1", "pg/mL", ""],
        ["P4", "baseline", "il6", "1", "pg/mL", "0"],
    ]
    lines = trial.problems()
    assert len(lines) == 3
    assert "unit of il6 differs from row 10 ('pg/mL') and cannot be converted" in lines[0]
    assert "il6 is below 0, and is compared on a log scale" in lines[1]
    assert "limit of detection that is not above 0" in lines[2]


def test_a_zero_without_a_limit_is_below_the_smallest_value(trial: Any) -> None:
    trial.measures += [
        ["P1", "baseline", "il6", "3", "pg/mL", ""],
        ["P2", "baseline", "il6", "0", "pg/mL", ""],
        ["P3", "baseline", "il6", "1.5", "pg/mL", ""],
        ["P4", "baseline", "crp", "0", "mg/L", ""],
    ]
    design = trial.load()
    found = [(m.value, m.lod) for m in design.measures if m.measure == "il6"]
    assert found == [(3.0, None), (None, 1.5), (1.5, None)]
    assert any(
        "il6: 1 value of 0 has no limit of detection; the smallest value above 0, 1.5" in n
        for n in design.notes
    )
    assert any("crp: 1 value of 0 has no limit of detection; nothing above 0" in n for n in design.notes)


def test_outcomes_entered_by_hand_are_not_taken(trial: Any) -> None:
    trial.measures += [["P1", "week4", name, "1", "", ""] for name in ("phq9_responder", "Remission")]
    trial.measures += [["P2", "week4", "PHQ9 response", "yes", "", ""]]
    # A response that is no yes or no is a measure as others.
    trial.measures += [["P1", "week4", "awakening_response", "4.2", "nmol/L", ""]]
    design = trial.load()
    assert {m.measure for m in design.measures} == {"phq9", "awakening_response"}
    assert any("phq9_responder is not used: response and remission are derived" in n for n in design.notes)

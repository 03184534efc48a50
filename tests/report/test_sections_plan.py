"""Plan, responders and missing values on the page: effect and interval first, in plain words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report.fake_trial import build, make_results
from report.plan_tables import add_plan_tables

from vagus.report.load_results import load_results
from vagus.report.sections_clinical import missing_section, responders_section
from vagus.report.sections_plan import plan_section, registration_sentence

GATED = [
    {"name": "genera", "profiles": ["amplicon.genus"], "control": "holm", "alpha": 0.05, "gate": True},
    {"name": "clinic", "profiles": ["panel.clinical"], "control": "holm", "alpha": 0.05},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_results(tmp_path / "results")


def test_families_come_in_order_with_effect_and_interval(root: Path) -> None:
    add_plan_tables(root)
    section = plan_section(load_results(root))
    assert [row[0] for row in section.rows[1:]] == [
        "1. primary (not registered)",
        "2. genera (not registered)",
    ]
    assert re.match(r"phq9, probiotic against placebo: .3\.2.points \(.5\.3 to .1\.1; q", section.rows[1][1])
    assert section.rows[1][2] == "1 of 1 hypothesis"
    assert "was not registered, so no result is called confirmatory" in section.lead[0]
    assert section.mark == "not registered"


def test_a_gate_that_was_not_passed_is_said(root: Path) -> None:
    add_plan_tables(root, {"status": "registered", "hash": "cd" * 32, "deviations": []}, families=GATED)
    section = plan_section(load_results(root))
    assert "genera is a gate, and not all of it was found: 1 family after it not tested" in section.lead[1]
    assert section.rows[2][0] == "2. clinic (exploratory)"
    assert section.rows[2][1].endswith("; not tested)")
    assert "Clinical measures: not tested, for a gate of the plan was not passed" in build(root)
    assert section.rows[2][4] == "not tested: genera is a gate that was not passed"


def test_deviations_are_listed(root: Path) -> None:
    row = {"key": "families[genera].alpha", "registered": "0.05", "now": "0.1", "change": "changed"}
    add_plan_tables(
        root, {"status": "deviates", "hash": "ab" * 32, "registered": "cd" * 32, "deviations": [row]}
    )
    section = plan_section(load_results(root))
    assert "Every result is exploratory; 1 deviation below." in section.lead[0]
    assert section.tables[0][1][1] == ["families[genera].alpha", "0.05", "0.1", "changed"]
    assert section.rows[1][0].endswith("(exploratory)")


def test_a_registered_plan_confirms() -> None:
    text = registration_sentence({"status": "registered", "hash": "ab" * 32})
    assert text.startswith("This is the registered plan (SHA-256 abab")


def test_responders_say_difference_and_interval_first(root: Path) -> None:
    add_plan_tables(root)
    section = responders_section(load_results(root))
    pattern = (
        r"phq9, response: \S+ percentage points \(95.% CI \S+ to \S+\) in probiotic compared with placebo "
        r"\(\d+ of \d+, \d+"
    )
    assert re.match(pattern, section.lead[0]), section.lead[0]
    captions = [caption for caption, _ in section.tables]
    assert captions == [
        "Severity by phq9: participants by arm and visit",
        "Reliable change: more than the error of measurement",
        "Values below the limit of detection",
    ]
    bands = section.tables[0][1]
    assert bands[0][3:] == ["minimal", "mild", "moderate", "moderately severe", "severe"]
    assert len(bands) == 5
    assert "in placebo, n = " in section.tables[1][1][1][-1]


def test_missing_and_tipping_point(root: Path) -> None:
    add_plan_tables(root)
    section = missing_section(load_results(root))
    assert re.match(
        r"phq9, probiotic compared with placebo: \S+\spoints \(\S+ to \S+\) with the missing imputed, ",
        section.lead[0],
    )
    assert "conclusion" in section.lead[0]
    reasons = [row[-1] for row in section.tables[0][1][1:]]
    assert "failed at filter: no reads left after filter" in reasons
    assert "not measured: no row in the sheet" in reasons


def test_the_page_holds_all_three_and_never_advises(root: Path) -> None:
    add_plan_tables(root)
    page = build(root)
    for name in ("plan", "responders", "missing"):
        assert f'<section id="{name}"' in page
    words = re.sub(r"<[^>]+>", " ", page.split("<script")[0]).lower()
    assert not re.search(r"(stop|discontinue) (the|your|taking|this)", words)
    assert "clinician in charge" in page


def test_a_folder_without_the_tables_has_no_such_sections(root: Path) -> None:
    page = build(root)
    assert '<section id="plan"' not in page

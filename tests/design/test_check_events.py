"""The events sheet and the families of the plan."""

from __future__ import annotations

from typing import Any

import pytest

EVENTS = [{"event": "antibiotics", "strategy": "hypothetical"}]


def add_events(trial: Any, *rows: str) -> None:
    lines = ["participant\tvisit\tevent", *(r.replace(" ", "\t") for r in rows)]
    (trial.folder / "events.tsv").write_text("\n".join(lines) + "\n")
    trial.config["events"] = "events.tsv"
    trial.plan["estimand"] = {"intercurrent_events": EVENTS}


def test_events_enter_the_design(trial: Any) -> None:
    add_events(trial, "P1 week4 antibiotics")
    design = trial.load()
    event = design.events[0]
    assert (event.participant, event.visit, event.event) == ("P1", "week4", "antibiotics")
    assert not any("antibiotics" in note for note in design.notes)


def test_all_mistakes_at_once(trial: Any) -> None:
    add_events(trial, "P9 week4 antibiotics", "P1 week44 antibiotics", "P1 baseline antibiotics")
    lines = trial.problems()
    assert len(lines) == 3
    assert "event of an unknown participant" in lines[0]
    assert "did you mean 'week4'?" in lines[1]
    assert "an intercurrent event comes after the baseline" in lines[2]


def test_what_cannot_be_applied_is_said(trial: Any) -> None:
    add_events(trial, "P1 week4 antibiotic")
    trial.plan["estimand"]["intercurrent_events"] = [
        *EVENTS,
        {"event": "pregnancy", "strategy": "principal_stratum"},
    ]
    notes = trial.load().notes
    assert any("'antibiotic' is no intercurrent event of the plan" in n for n in notes)
    assert any("antibiotics: hypothetical is planned, but no such event is recorded" in n for n in notes)
    assert any("pregnancy: principal_stratum is not applied" in n for n in notes)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"contrasts": ["probiotc vs placebo"]}, "did you mean 'probiotic vs placebo'?"),
        ({"visits": ["week8"]}, "names a visit that the plan does not have"),
        ({"gate": True, "control": "none"}, "a gate without error control"),
    ],
)
def test_families_must_fit_the_plan(trial: Any, extra: dict[str, Any], words: str) -> None:
    trial.plan["families"] = [
        {"name": "main", "profiles": ["panel.clinical"], **extra},
        {"name": "second", "profiles": ["amplicon.genus"]},
    ]
    assert words in trial.problem()


def test_one_profile_cannot_handle_an_event_in_two_ways(trial: Any) -> None:
    trial.plan["families"] = [
        {"name": "main", "profiles": ["panel.clinical"], "features": ["phq9"]},
        {"name": "more", "profiles": ["panel.clinical"], "estimand": {"intercurrent_events": EVENTS}},
    ]
    assert "handle intercurrent events differently" in trial.problem()

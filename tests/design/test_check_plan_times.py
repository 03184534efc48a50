"""When the visits are: all of them or none, rising, as numbers."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"baseline": 0}, "plan.yaml, 'times': no time for week4; fix: give every visit its time, or none"),
        (
            {"baseline": 0, "week4": 4, "weak4": 4},
            "plan.yaml, 'times': a time for what is not one of the plan's visits (value 'weak4')",
        ),
        (
            {"baseline": 4, "week4": 4},
            "plan.yaml, 'times': week4 is not later than baseline, after which it stands in visits",
        ),
        ({"baseline": 0, "week4": "four"}, "plan.yaml, 'times.week4'"),
    ],
)
def test_wrong_times(trial: Any, times: dict[str, Any], expected: str) -> None:
    trial.plan["times"] = times
    assert expected in trial.problem()


def test_without_times_visits_are_one_step_apart(trial: Any) -> None:
    assert trial.load().visit_times(["baseline", "week4"]) == [0, 1]


def test_times_of_the_plan(trial: Any) -> None:
    trial.plan["times"] = {"baseline": -1.5, "week4": 28}
    assert trial.load().visit_times(["baseline", "week4"]) == [-1.5, 28]


def test_visits_written_as_numbers_have_their_times(trial: Any) -> None:
    trial.plan.update(visits=[0, 4], baseline=0, primary_visit=4, times={0: 0, 4: 28})
    for sheet in ("samples", "measures"):
        for i, row in enumerate(getattr(trial, sheet)[1:], 1):
            if "baseline" in row or "week4" in row:
                trial.cell(sheet, i, "visit", "0" if "baseline" in row else "4")
    assert trial.load().visit_times(["0", "4"]) == [0, 28]

"""What only a crossover has to get right in its sheets."""

import json

import pytest

from vagus.design.check_crossover import can_compare_periods, check_periods, check_sequences
from vagus.design.findings import Findings
from vagus.design.model import Design, Measure, Participant
from vagus.design.schema import fill_defaults, load_schema

PERIODS = [{"before": "v1", "after": "v2"}, {"before": "v3", "after": "v4"}]
SEQUENCES = {"AB": ["low", "high"], "BA": ["high", "low"]}


def make_plan(**change):
    plan = {
        "design": "crossover",
        "arms": ["low", "high"],
        "reference_arm": "low",
        "visits": ["v1", "v2", "v3", "v4"],
        "baseline": "v1",
        "periods": [dict(p) for p in PERIODS],
        "sequences": {k: list(v) for k, v in SEQUENCES.items()},
    }
    return {**plan, **change}


def found(plan):
    findings = Findings()
    check_periods(plan, "plan.yaml", findings)
    return [str(p) for p in findings.problems]


def test_a_good_plan_has_no_problem_and_the_period_s_baseline_may_be_missing():
    assert found(make_plan()) == []
    assert found(make_plan(periods=[{"after": "v2"}, {"after": "v4"}])) == []
    defaults = fill_defaults({"arms": ["a"], "visits": ["v"]}, load_schema("plan"))
    assert (defaults["periods"], defaults["sequences"]) == ([], {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"periods": []}, "a crossover without two periods"),
        ({"sequences": {}}, "a crossover without two sequences"),
        ({"periods": [PERIODS[0], {"before": "v3", "after": "v5"}]}, "a visit that the plan does not name"),
        ({"periods": [PERIODS[0], {"before": None, "after": "v2"}]}, "two periods end at one visit"),
        ({"sequences": {**SEQUENCES, "ABA": ["low", "high", "low"]}}, "'ABA' has 3 arms for 2 periods"),
        ({"sequences": {**SEQUENCES, "AC": ["low", "hihg"]}}, "did you mean 'high'?"),
        ({"design": "parallel", "sequences": {}}, "periods in a parallel design"),
    ],
)
def test_one_problem_each(change, words):
    problems = found(make_plan(**change))
    assert len(problems) == 1
    assert words in problems[0]


def test_all_problems_are_told_at_once():
    assert (
        len(found(make_plan(periods=[{"after": "x"}, {"after": "y"}], sequences={"AB": ["low", "z"]}))) == 4
    )


def test_participants_have_a_known_sequence_and_its_first_arm():
    people = [
        Participant("P1", "low", sequence="AB"),
        Participant("P2", "low", sequence="BA"),
        Participant("P3", "low", sequence="ABB"),
        Participant("P4", "low"),
    ]
    findings = Findings()
    check_sequences(people, [2, 3, 4, 5], make_plan(), "participants.tsv", "plan.yaml", findings)
    text = [str(p) for p in findings.problems]
    assert len(text) == 3
    assert "row 3" in text[0]
    assert "arm that is not the first of sequence 'BA'" in text[0]
    assert "did you mean 'AB'?" in text[1]
    assert "participant without a sequence" in text[2]


def test_a_comparison_needs_two_participants_with_values_under_two_arms():
    people = [Participant("P1", "low", sequence="AB"), Participant("P2", "high", sequence="BA")]
    measures = [Measure(p, v, "scfa", 1.0) for p in ("P1", "P2") for v in ("v2", "v4")]
    design = Design(json.loads(json.dumps(make_plan())), people, [], measures)
    assert can_compare_periods(design)
    design.measures = measures[:-1]
    assert not can_compare_periods(design)


def test_a_crossover_loads_from_its_sheets(trial):
    trial.plan.update(
        design="crossover",
        periods=[{"after": "baseline"}, {"after": "week4"}],
        sequences={"AB": ["placebo", "probiotic"], "BA": ["probiotic", "placebo"]},
    )
    trial.participants[0].append("sequence")
    for row in trial.participants[1:]:
        row.append("AB" if row[1] == "placebo" else "BA")
    design = trial.load()
    assert design.can_compare_arms
    assert [p["after"] for p in design.periods] == ["baseline", "week4"]
    assert {p.sequence for p in design.participants} == {"AB", "BA"}


def test_a_crossover_without_anything_names_all_that_is_missing(trial):
    trial.plan.update(design="crossover")
    text = "\n".join(trial.problems())
    for words in ("without two periods", "without two sequences", "a crossover without a sequence"):
        assert words in text

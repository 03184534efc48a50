"""A crossover in the report: people stand where they start, effects at the ends of periods."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from report.fake_trial import make_results

from vagus.report.build_report import write_report
from vagus.report.citations import citations, shift_taken
from vagus.report.first_page import answer, design_rows, key_numbers
from vagus.report.load_results import Results, load_results
from vagus.report.methods import methods
from vagus.report.sections_community import (
    CROSSOVER_WORDS,
    TEST_WORDS,
    chance_r2,
    community_section,
    words_of_test,
)
from vagus.report.sections_features import prevalence_section
from vagus.report.sections_reads import flow_section
from vagus.report.sections_trial import effects_section
from vagus.trial.community_effects import TESTS
from vagus.trial.crossover_community import IN_CROSSOVER

PERIODS = [
    {"before": "baseline", "after": "week8"},
    {"before": "week12", "after": "week20"},
]
LATER = ("week12", "week20")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the invented trial go on: after a pause everybody takes the other arm; the first lacks the end."""
    folder = make_results(tmp_path_factory.mktemp("crossover"), n=5, reads=False, optional=False)
    path = folder / "design" / "design.json"
    design = json.loads(path.read_text())
    design["plan"] |= {
        "design": "crossover", "periods": PERIODS, "visits": ["baseline", "week8", *LATER],
    }  # fmt: skip
    path.write_text(json.dumps(design))
    flow = pd.read_csv(folder / "profiles" / "flow.tsv", sep="\t", keep_default_na=False)
    first = flow[(flow["level"] == "sample") & (flow["visit"] == "baseline")]
    more = [first.assign(visit=visit, id=first["participant"] + f"_{visit}") for visit in LATER]
    more[1] = more[1].iloc[1:]
    pd.concat([flow, *more]).to_csv(folder / "profiles" / "flow.tsv", sep="\t", index=False)
    return folder


@pytest.fixture(scope="module")
def results(root: Path) -> Results:
    return load_results(root)


def test_people_stand_in_the_group_they_start_in(results: Results) -> None:
    assert results.arms == ["placebo", "probiotic"]
    assert results.groups == ["placebo first", "probiotic first"]
    assert results.reference_group == "placebo first"
    assert set(results.group_of().values()) == set(results.groups)
    assert results.needed_visits == ["baseline", "week8", *LATER]
    for table in (results.flow, results.trajectories, results.ordination):
        assert set(table["arm"]) == set(results.groups)
    # These two speak of arms, not of people.
    assert set(results.within["arm"]) == set(results.arms)
    assert set(results.effects["contrast"]) == {"probiotic vs placebo"}
    people = results.people(results.profiles["amplicon.genus"])
    assert set(people["arm"]) == set(results.groups)


def test_a_parallel_trial_keeps_its_arms(tmp_path: Path) -> None:
    plain = load_results(make_results(tmp_path / "r", n=4, reads=False, optional=False))
    assert plain.groups == plain.arms == ["placebo", "probiotic"]
    assert plain.reference_group == plain.reference == "placebo"
    assert plain.needed_visits == ["baseline", "week8"]
    assert set(plain.flow["arm"]) == set(plain.arms)
    assert "difference between the arms at week8, adjusted for baseline" in effects_section(plain).lead[0]


def test_an_effect_needs_every_end_of_a_period(results: Results) -> None:
    numbers = {label: value for value, label in key_numbers(results)}
    # Ten people; one sample was lost on the way and one was never given, of different people.
    assert numbers["with all of baseline, week8, week12 and week20"] == "8"
    figure = flow_section(results).figures[0]
    assert "placebo first: 5 participants" in figure.alt
    assert "with all of baseline, week8, week12 and week20" in figure.alt
    assert figure.svg
    assert "without all of them" in figure.svg


def test_the_words_are_those_of_periods(results: Results) -> None:
    said = answer(results)
    assert said["difference"] == (
        "difference between the arms at the end of a period, adjusted for its beginning"
    )
    assert said["sentences"][0].startswith(
        "At the end of a period, phq9 was 3.2\N{NO-BREAK SPACE}points lower with probiotic"
    )
    section = effects_section(results)
    assert "at the end of a period" in section.lead[0]
    captions = [figure.caption for figure in section.figures]
    assert captions
    assert all(
        c.startswith("Difference between the arms at the end of a period, adjusted for its") for c in captions
    )
    rows = dict(design_rows(results))
    assert rows["Arms"] == (
        "placebo (reference) and probiotic, each participant one after the other; "
        "placebo first: 5 participants, probiotic first: 5 participants"
    )


def test_the_page_never_says_baseline_adjusted(results: Results, tmp_path: Path) -> None:
    write_report(results, tmp_path / "index.html", tmp_path / "tables", tmp_path / "figures")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "at the end of a period, adjusted for its beginning" in page
    assert "adjusted for baseline" not in page


def test_the_sections_of_presence_and_community_speak_of_periods(results: Results) -> None:
    # The invented trial has no table of presence of its own.
    results.prevalence = results.effects.assign(
        risk_difference=0.1, rd_low=0.0, rd_high=0.2,
        **{f"{m}_{s}": 1 for m in ("gained", "lost", "kept", "never") for s in ("arm", "reference")},
    )  # fmt: skip
    said = prevalence_section(results)
    assert said.lead[0].startswith(
        "Presence at the end of a period with the arm against that with the reference"
    )
    assert all(
        "in the same participant" in f.caption and "adjusted for presence" not in f.caption
        for f in said.figures
    )
    community = community_section(results)
    assert "as if nothing were carried over" in community.lead[0]
    assert "at the end of a period, probiotic vs placebo: the arms explain" in community.lead[1]


def test_chance_counts_everybody_once_where_everybody_has_both_arms() -> None:
    row = {"df": 1, "n_arm": 20, "n_reference": 20}
    assert chance_r2(pd.Series({**row, "scheme": "sequences permuted"})) == pytest.approx(1 / 19)
    assert chance_r2(pd.Series({**row, "scheme": "arms permuted"})) == pytest.approx(1 / 39)


def test_the_tests_of_a_crossover_have_their_own_words() -> None:
    for scheme, words in (
        ("sequences permuted", "ends of the periods"), ("arms permuted", "change from baseline"),
    ):  # fmt: skip
        row = pd.Series({"test": "change", "n_arm": 20, "n_reference": 20, "scheme": scheme})
        assert words_of_test(row) == words
    assert set(CROSSOVER_WORDS) == set(IN_CROSSOVER)
    assert set(TEST_WORDS) == set(TESTS)


def test_the_methods_name_the_shift_where_it_was_taken(results: Results) -> None:
    assert shift_taken(results) == (False, False)
    assert not any("LinDA" in sentence for sentence in methods(results))
    plain = results.effects
    for sensitivity, with_zeros in ((1.0, False), (0.4, True)):
        results.effects = plain.assign(bias_shift=0.3, zero_sensitivity=sensitivity)
        assert shift_taken(results) == (True, with_zeros)
        said = " ".join(methods(results))
        assert "found as the mode of their effects (LinDA)" in said
        assert ("Chen's identity" in said) == with_zeros
        assert ("10.1214/aop/1176996359" in str(citations(results))) == with_zeros
    results.effects = plain


def test_without_starts_of_periods_nothing_is_said_to_be_adjusted_for_them(root: Path) -> None:
    bare = load_results(root)
    bare.plan["periods"] = [{"before": None, "after": p["after"]} for p in PERIODS]
    assert answer(bare)["difference"] == "difference between the arms at the end of a period"
    assert bare.needed_visits == ["week8", "week20"]

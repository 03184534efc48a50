"""Who responded, who is in remission, who changed reliably: from measures to tables."""

import numpy as np
import pandas as pd
import pytest
from trial_designs import make_design

from vagus.design.model import Event, Measure, write_design
from vagus.design.resources import load_scales
from vagus.profiles.response_profile import follow_rule, response_profile
from vagus.profiles.response_profile import main as derive
from vagus.trial.clinical_change import band_table, change_table, reliable_change
from vagus.trial.responders import main, responders

NAN = float("nan")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("drop >= 50%", [1, 0, NAN, 1]),
        ("drop > 50%", [0, 0, NAN, 1]),
        ("drop >= 5", [1, 0, 0, 1]),
        ("rise >= 2", [0, 1, 0, 0]),
        ("value <= 7", [1, 0, 1, 1]),
        ("value < 50%", [0, 0, NAN, 1]),
    ],
)
def test_rules_of_the_plan(rule, expected):
    start, later = np.array([14.0, 14, 0, 20]), np.array([7.0, 16, 0, 4])
    np.testing.assert_array_equal(follow_rule(start, later, rule), expected)


def trial(scores, measure="phq9", **more):
    """Participants by (baseline, later); half in each arm."""
    half = len(scores) // 2
    design = make_design(("placebo",) * half + ("probiotic",) * (len(scores) - half), **more)
    for i, (start, later) in enumerate(scores):
        design.measures += [Measure(f"P{i}", "v1", measure, start), Measure(f"P{i}", "v2", measure, later)]
    return design


SCORES = [
    (16.0, 15.0),
    (18.0, 9.0),
    (14.0, None),
    (15.0, 16.0),
    (16.0, 4.0),
    (20.0, 9.0),
    (18.0, 17.0),
    (None, 3.0),
]


def test_scale_rules_and_missing_values():
    frame = response_profile(trial(SCORES), load_scales()).to_frame()
    assert list(frame.columns) == ["phq9.response", "phq9.remission"]
    np.testing.assert_array_equal(frame["phq9.response"], [0, 1, NAN, 0, 1, 1, 0, NAN])
    # Remission needs no baseline.
    np.testing.assert_array_equal(frame["phq9.remission"], [0, 0, NAN, 0, 1, 0, 0, 1])


def test_missing_are_left_out_or_counted_as_no():
    design = trial(SCORES)
    table = responders(response_profile(design, load_scales()), design)
    table = table.set_index(["feature", "analysis"])
    counts = ["events_arm", "n_arm", "events_reference", "n_reference"]
    assert table.loc[("phq9.response", "observed"), counts].tolist() == [2, 3, 1, 3]
    assert table.loc[("phq9.response", "missing counted as no"), counts].tolist() == [2, 4, 1, 4]
    assert (table["status"] == "ok").all()


def test_a_composite_event_is_a_failure_even_where_nothing_was_measured():
    design = trial(SCORES)
    design.plan["estimand"]["intercurrent_events"] = [{"event": "rescue", "strategy": "composite"}]
    design.events = [Event("P4", "v2", "rescue"), Event("P2", "v2", "rescue")]
    frame = response_profile(design, load_scales()).to_frame()
    np.testing.assert_array_equal(frame["phq9.response"], [0, 1, 0, 0, 0, 1, 0, NAN])
    design.plan["estimand"]["intercurrent_events"][0]["strategy"] = "hypothetical"
    frame = response_profile(design, load_scales()).to_frame()
    np.testing.assert_array_equal(frame["phq9.response"], [0, 1, NAN, 0, NAN, 1, 0, NAN])


def test_an_unknown_measure_has_no_rule_unless_the_plan_gives_one():
    design = trial(SCORES, measure="mood")
    assert response_profile(design, load_scales()).features == []
    design.plan["responder"] = {"measure": "mood", "rule": "drop >= 5"}
    assert response_profile(design, load_scales()).features == ["mood.response"]


def test_no_rows_without_a_comparison(tmp_path):
    design = trial(SCORES, can_compare_arms=False)
    write_design(design, tmp_path / "design.json")
    derive(str(tmp_path / "design.json"), str(tmp_path / "panel.response.biom"))
    main(
        [str(tmp_path / "panel.response.biom")], str(tmp_path / "design.json"), str(tmp_path / "r.tsv"), 0.95
    )
    assert len(pd.read_csv(tmp_path / "r.tsv", sep="\t")) == 0


def test_bands_count_everybody_measured():
    table = band_table(trial(SCORES), load_scales())
    total = table.groupby(["arm", "visit"])["n"].sum()
    assert total.to_dict() == {
        ("placebo", "v1"): 4,
        ("placebo", "v2"): 3,
        ("probiotic", "v1"): 3,
        ("probiotic", "v2"): 4,
    }
    severe = table[(table["band"] == "severe") & (table["visit"] == "v1")].set_index("arm")["n"]
    assert severe.to_dict() == {"placebo": 0, "probiotic": 1}


def test_reliable_change_by_hand():
    # Jacobson & Truax: SD 7.5, r 0.8: error of a difference 7.5 * sqrt(0.4) = 4.743.
    index = reliable_change(np.array([20.0]), np.array([10.0]), 7.5, 0.8)
    assert index[0] == pytest.approx(-10 / 4.7434, abs=1e-4)


def test_reliable_change_states_where_the_reliability_is_from():
    rng = np.random.default_rng(2)
    start = np.clip(rng.normal(15, 4, 24).round(), 5, 27)
    later = np.clip(start + rng.normal(0, 1.5, 24).round(), 0, 27)
    later[12:] = np.clip(start[12:] - 10, 0, 27)
    design = trial(list(zip(start, later, strict=True)))
    table = change_table(design, load_scales()).set_index("arm")
    r = np.corrcoef(start[:12], later[:12])[0, 1]
    assert table.loc["probiotic", "reliability"] == pytest.approx(r)
    assert "in placebo, n = 12" in table.loc["probiotic", "reliability_source"]
    smallest = 1.959964 * np.std(start, ddof=1) * np.sqrt(2 * (1 - r))
    assert table.loc["probiotic", "smallest_reliable_change"] == pytest.approx(smallest, rel=1e-6)
    assert table.loc["probiotic", "improved"] == int((start[12:] - later[12:] > smallest).sum()) > 6
    assert table[["improved", "unchanged", "worsened"]].sum(axis=1).tolist() == [12, 12]
    own = change_table(trial(SCORES, measure="BDI-II"), load_scales())
    assert own["reliability"].tolist() == [0.89, 0.89]
    assert "Gomes-Oliveira" in own.loc[0, "reliability_source"]
    few = change_table(trial(SCORES), load_scales())
    assert few["status"].tolist() == ["no reliability or no spread at baseline"] * 2


def test_order_of_participants_changes_nothing():
    design = trial(SCORES)
    other = trial(SCORES)
    other.participants = other.participants[::-1]
    one, two = (responders(response_profile(d, load_scales()), d) for d in (design, other))
    pd.testing.assert_frame_equal(one, two)

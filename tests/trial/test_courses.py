"""Distances to baseline and to the visit before, volatility, ordination."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform
from trial_designs import make_design

from vagus.design.model import Design, Participant, Sample
from vagus.trial.coordinates import principal_coordinates
from vagus.trial.courses import ordination, trajectories, volatility
from vagus.trial.spaces import Space

ECAM = Path(__file__).parents[2].parent / "shared" / "data" / "q2_longitudinal_ecam" / "data"


def space(design, seed=0, r=3, skip=()):
    places = [(p.participant, v) for p in design.participants for v in design.visits]
    places = [p for p in places if p not in skip]
    points = np.random.default_rng(seed).normal(size=(len(places), r))
    return Space("aitchison", [f"{p}_{v}" for p, v in places], places, points=points)


def test_distances_to_baseline_and_before_by_hand():
    design = make_design(arms=("placebo", "probiotic"), visits=("v1", "v2", "v3"))
    points = np.array([[0.0, 0], [3, 4], [3, 5], [1, 1], [1, 3]])
    places = [("P0", "v1"), ("P0", "v2"), ("P0", "v3"), ("P1", "v2"), ("P1", "v3")]
    table = trajectories("a.b", Space("d", [f"{p}_{v}" for p, v in places], places, points=points), design)
    assert table["to_baseline"].tolist()[:3] == pytest.approx([0, 5, np.sqrt(34)])
    # P1 has no baseline, and its first visit nothing before it.
    assert table["to_baseline"].isna().tolist() == [False] * 3 + [True] * 2
    assert table["to_previous"].fillna(-1).tolist() == pytest.approx([-1, 5, 1, -1, 2])
    assert table["previous_visit"].tolist() == ["", "v1", "v2", "", "v2"]
    square = Space("d", table["sample"].tolist(), places, square=squareform(pdist(points)))
    pd.testing.assert_frame_equal(table, trajectories("a.b", square, design))
    assert volatility(table, design, False).to_dict() == {"P0": 3.0, "P1": 2.0}
    assert volatility(table, design, True).to_dict() == {"P0": 1.0, "P1": 2.0}


def test_a_gap_has_no_previous_visit():
    design = make_design(arms=("placebo", "probiotic"), visits=("v1", "v2", "v3"))
    table = trajectories("a.b", space(design, skip=[("P0", "v2")]), design)
    row = table[(table["participant"] == "P0") & (table["visit"] == "v3")].iloc[0]
    assert np.isnan(row["to_previous"])
    assert row["to_baseline"] > 0


def test_samples_that_q2_longitudinal_gives_a_first_distance():
    if not ECAM.is_dir():
        pytest.skip(f"{ECAM} is absent")
    expected = pd.read_csv(ECAM / "ecam-first-distances.tsv", sep="\t", index_col=0)
    sheet = pd.read_csv(ECAM / "ecam_map_maturity.txt", sep="\t", index_col=0, dtype=str)
    # As replicate_handling='drop': a child with two samples of one month has none for it.
    sheet = sheet[~sheet.duplicated(["studyid", "month"], keep=False)]
    months = sorted(sheet["month"].unique(), key=float)
    people = [Participant(p, "all") for p in sheet["studyid"].unique()]
    samples = [
        Sample(s, r.studyid, r.month, "amplicon", "stool")
        for s, r in zip(sheet.index, sheet.itertuples(), strict=True)
    ]
    plan = {"arms": ["all"], "visits": months, "baseline": months[0], "primary_visit": months[-1]}
    places = [(s.participant, s.visit) for s in samples]
    points = np.random.default_rng(0).normal(size=(len(places), 2))
    table = trajectories(
        "a.b", Space("d", list(sheet.index), places, points=points), Design(plan, people, samples)
    )
    found = set(table.loc[table["to_previous"].notna(), "sample"])
    assert found == set(expected.index)


@pytest.mark.parametrize("r", [3, 40])
def test_ordination_is_the_same_by_coordinates_and_by_distances(r):
    design = make_design()
    one = space(design, r=r)
    a = ordination("a.b", one, design)
    b = ordination("a.b", Space("aitchison", one.samples, one.places, square=one.distances()), design)
    pd.testing.assert_frame_equal(a, b, check_exact=False, atol=1e-8)
    assert a["explained1"].iloc[0] >= a["explained2"].iloc[0] > 0
    assert a[["arm", "participant", "visit"]].iloc[:2].to_numpy().tolist() == [
        ["placebo", "P0", "v1"],
        ["placebo", "P0", "v2"],
    ]


def test_two_samples_have_no_ordination():
    design = make_design(arms=("placebo",))
    assert not len(ordination("a.b", space(design), design))


def test_leading_coordinates_of_many_samples_are_those_of_all(monkeypatch):
    distances = squareform(pdist(np.random.default_rng(1).normal(size=(60, 4))))
    whole = principal_coordinates(distances)
    monkeypatch.setattr("vagus.trial.coordinates.FULL", 10)
    leading = principal_coordinates(distances)
    assert leading[0] == pytest.approx(whole[0], abs=1e-8)
    assert leading[1] == pytest.approx(whole[1], abs=1e-10)

"""Limits of detection, units, logarithms, and areas under timed cortisol."""

import numpy as np
import pandas as pd
import pytest

from vagus.design.biomarkers import convert, in_biomarker_panel, one_unit, split_timed
from vagus.design.model import Design, Measure, Participant, write_design
from vagus.errors import VagusError
from vagus.profile import read_profile
from vagus.profiles.biomarker_panel import auc_ground, auc_increase, awakening_response, biomarker_panel, main
from vagus.profiles.panel_profiles import main as clinical_main

PLAN = {"visits": ["v1", "v2"], "baseline": "v1", "arms": ["a", "b"], "reference_arm": "a"}
TIMES = np.array([0.0, 30, 45, 60])


def make(measures):
    people = [Participant(f"p{i}", "ab"[i % 2]) for i in range(4)]
    return Design(dict(PLAN), people, measures=measures)


def test_pruessner_areas_by_hand():
    values = np.array([[10.0, 16, 14, 12], [10, 10, 10, 10], [12, 8, 6, 4]])
    # (10 + 16) / 2 * 30 + (16 + 14) / 2 * 15 + (14 + 12) / 2 * 15
    np.testing.assert_allclose(auc_ground(TIMES, values), [810, 600, 480])
    np.testing.assert_allclose(auc_increase(TIMES, values), [210, 0, -240])
    np.testing.assert_allclose(awakening_response(TIMES, values), [6, 0, -4])
    assert np.isnan(awakening_response(np.array([0.0, 60]), values[:, :2])).all()
    assert np.isnan(auc_ground(TIMES, np.array([[1.0, np.nan, 1, 1]])))[0]


def test_areas_with_unequal_steps_agree_with_the_trapezoid_of_numpy():
    rng = np.random.default_rng(1)
    times, values = np.sort(rng.uniform(0, 90, 6)), rng.gamma(4, 2, (5, 6))
    np.testing.assert_allclose(auc_ground(times, values), np.trapezoid(values, times))


@pytest.mark.parametrize(
    ("value", "unit", "to", "measure", "expected"),
    [
        (10, "ug/dL", "nmol/L", "cortisol", 275.89),
        (275.89, "nmol/L", "\N{MICRO SIGN}g/dL", "cortisol@30", 10.0),
        (3, "mg/L", "ug/mL", "CRP", 3.0),
        (5, "pg/mL", "ng/L", "IL-6", 5.0),
        (48, "mmol/mol", "%", "HbA1c", 6.543),
        (6.5, "%", "mmol/mol", "A1C", 47.53),
        (1, "mg/L", "umol/L", "butyrate", 11.35),
    ],
)
def test_units(value, unit, to, measure, expected):
    assert convert(value, unit, to, measure) == pytest.approx(expected, abs=0.006)
    assert convert(convert(value, unit, to, measure), to, unit, measure) == pytest.approx(value)


@pytest.mark.parametrize(
    ("unit", "to", "measure", "words"),
    [
        ("IU/mL", "pg/mL", "il6", "unit 'IU/mL' is not known"),
        ("pg/mL", "pmol/L", "il6", "cannot be converted"),
        ("%", "mg/L", "hba1c", "cannot be converted"),
    ],
)
def test_units_that_do_not_fit_are_refused(unit, to, measure, words):
    with pytest.raises(VagusError, match=words):
        convert(1.0, unit, to, measure)


def test_mixed_units_become_that_of_the_first_row():
    rows = [
        Measure("p0", "v1", "cortisol", 300.0, "nmol/L"),
        Measure("p1", "v1", "cortisol", 10.0, "ug/dL", 1.0),
    ]
    out, counts = one_unit(rows)
    assert counts == {"cortisol": 1}
    assert (out[1].value, out[1].lod, out[1].unit) == (
        pytest.approx(275.89, abs=0.01),
        pytest.approx(27.589, abs=0.01),
        "nmol/L",
    )


def test_names():
    assert split_timed("cortisol@30") == ("cortisol", 30.0)
    assert split_timed("a@b") == ("a@b", None)
    assert [in_biomarker_panel(m) for m in ("hs-CRP", "cortisol@0", "glucose@15", "phq9")] == [1, 1, 1, 0]


def test_below_the_limit_half_of_it_stands_in_on_the_log_scale():
    design = make(
        [
            Measure("p0", "v1", "il6", 4.0, "pg/mL", 1.0),
            Measure("p1", "v1", "il6", 0.3, "pg/mL", 1.0),
            Measure("p2", "v1", "il6", None, "pg/mL", 1.0),
            Measure("p3", "v1", "il6", None, "pg/mL"),
            Measure("p0", "v2", "il6", 8.0, "pg/mL", 1.0),
        ]
    )
    panel, detection, limits = biomarker_panel(design)
    frame = panel.to_frame()["il6"]
    np.testing.assert_array_equal(
        frame[["p0|v1", "p1|v1", "p2|v1", "p3|v1", "p0|v2"]], [2, -1, -1, np.nan, 3]
    )
    assert detection.features == []
    at = limits[limits["visit"] == "v1"].set_index("arm")
    assert at.loc["a", ["n", "below_lod", "share"]].tolist() == [2, 1, 0.5]
    assert at.loc["b", ["n", "below_lod", "share"]].tolist() == [1, 1, 1.0]
    assert panel.meta["units"]["il6"] == "log2 fold change (pg/mL)"


def test_mostly_below_the_limit_only_detection_is_compared():
    rows = [
        Measure(f"p{i}", v, "tnf", 3.0 if i == 0 else None, "pg/mL", 1.0)
        for i in range(4)
        for v in ("v1", "v2")
    ]
    panel, detection, limits = biomarker_panel(make(rows))
    assert panel.features == []
    assert detection.features == ["tnf.detected"]
    assert detection.to_frame()["tnf.detected"].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert set(limits["status"]) == {"more than 50% below the limit of detection: only detection is compared"}


def test_linear_ones_stay_as_they_are_and_zero_is_refused_on_a_log_scale():
    panel, _, _ = biomarker_panel(make([Measure("p0", "v1", "HbA1c", 7.6, "%")]))
    assert panel.to_frame().loc["p0|v1", "HbA1c"] == 7.6
    with pytest.raises(VagusError, match="il6 of p1 at v2 is 0, and is compared on a log scale"):
        biomarker_panel(make([Measure("p1", "v2", "il6", 0.0, "pg/mL")]))


def test_timed_cortisol_becomes_three_features():
    rows = [
        Measure("p0", "v1", f"cortisol@{t}", value, "nmol/L")
        for t, value in (("60", 12.0), ("0", 10.0), ("30", 16.0), ("45", 14.0))
    ]
    rows += [Measure("p1", "v1", "cortisol@0", 9.0, "nmol/L")]
    frame = biomarker_panel(make(rows))[0].to_frame()
    assert list(frame.columns) == ["cortisol.auc_ground", "cortisol.auc_increase", "cortisol.awakening"]
    assert frame.loc["p0|v1"].tolist() == pytest.approx([np.log2(810), 210, 6])
    assert frame.loc["p1|v1"].isna().all()


def test_the_two_panels_share_the_measures_between_them(tmp_path):
    rows = [Measure("p0", "v1", "phq9", 5.0, "points"), Measure("p0", "v1", "crp", 2.0, "mg/L")]
    write_design(make(rows), tmp_path / "design.json")
    paths = [str(tmp_path / name) for name in ("panel.biomarkers.biom", "panel.detection.biom", "limits.tsv")]
    main(str(tmp_path / "design.json"), *paths)
    clinical_main(str(tmp_path / "design.json"), str(tmp_path / "panel.clinical.biom"))
    assert read_profile(paths[0]).features == ["crp"]
    assert read_profile(tmp_path / "panel.clinical.biom").features == ["phq9"]
    assert len(pd.read_csv(paths[2], sep="\t")) == 4

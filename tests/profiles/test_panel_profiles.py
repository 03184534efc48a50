"""Measures become a profile that keeps missing values apart from zeros."""

import numpy as np
import pytest

from vagus.design.model import Design, Measure, write_design
from vagus.errors import VagusError
from vagus.profile import read_profile
from vagus.profiles.panel_profiles import main, panel_profile

MEASURES = [
    Measure("p2", "week4", "PHQ9", 0.0, "points"),
    Measure("p2", "baseline", "PHQ9", 12.0, "points"),
    Measure("p1", "baseline", "PHQ9", None, "points"),
    Measure("p1", "baseline", "LEPTIN", 0.4, "pg/mL", 0.2),
    Measure("p2", "week4", "LEPTIN", 3.5, "pg/mL", 0.3),
]


def test_zero_and_missing_stay_apart_through_the_file(tmp_path) -> None:
    write_design(
        Design({"visits": ["baseline", "week4"], "baseline": "baseline", "arms": ["A"]}, measures=MEASURES),
        tmp_path / "design.json",
    )
    main(str(tmp_path / "design.json"), str(tmp_path / "panel.clinical.biom"))
    profile = read_profile(tmp_path / "panel.clinical.biom")
    frame = profile.to_frame()
    assert list(frame.index) == ["p2|baseline", "p2|week4", "p1|baseline"]
    assert frame["PHQ9"].tolist()[:2] == [12.0, 0.0]
    assert np.isnan(frame.loc["p1|baseline", "PHQ9"])
    assert np.isnan(frame.loc["p2|baseline", "LEPTIN"])
    assert frame.loc["p2|week4", "LEPTIN"] == 3.5
    assert profile.meta["units"] == {"PHQ9": "points", "LEPTIN": "pg/mL"}
    assert profile.meta["lod"] == {"LEPTIN": 0.3}
    assert profile.meta["missing"] == {"PHQ9": 1, "LEPTIN": 1}
    assert (profile.kind, profile.name, profile.meta["level"]) == ("score", "panel.clinical", "clinical")


def test_order_of_rows_changes_no_value() -> None:
    one = panel_profile(MEASURES, ["baseline", "week4"]).to_frame()
    two = panel_profile(MEASURES[::-1], ["baseline", "week4"]).to_frame().loc[one.index, one.columns]
    assert one.equals(two)


def test_no_measures_one_measure_and_refusals() -> None:
    assert panel_profile([], ["v"]).table.shape == (0, 0)
    assert panel_profile(MEASURES[:1], ["week4"]).to_frame().to_numpy().tolist() == [[0.0]]
    with pytest.raises(VagusError, match="PHQ9 of participant p2 at visit week4 stands twice"):
        panel_profile([*MEASURES, MEASURES[0]], ["baseline", "week4"])
    with pytest.raises(VagusError, match="LEPTIN comes in the units 'pg/mL' and 'ng/mL'"):
        panel_profile([*MEASURES, Measure("p3", "week4", "LEPTIN", 1.0, "ng/mL")], ["baseline", "week4"])

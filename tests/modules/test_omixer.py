"""Files in Omixer-RPM's format, scored by its documented rules."""

from __future__ import annotations

import numpy as np
import pytest
from modules.made_modules import make_profile

from vagus.errors import VagusError
from vagus.modules.omixer import OmixerSettings, learn_coverage, score_omixer
from vagus.modules.omixer_file import read_omixer

TEXT = "MX1\tfive steps\nK1\tK2\nK3,K4\nK5\nK6\nK7\n///\nMX2\tone\nK1\n///\n"


@pytest.fixture
def modules(tmp_path):
    (tmp_path / "m.txt").write_text(TEXT)
    return read_omixer(tmp_path / "m.txt")


def test_tab_is_or_comma_is_and(modules) -> None:
    assert [m.id for m in modules] == ["MX1", "MX2"]
    assert modules[0].name == "five steps"
    assert modules[0].steps[:2] == ((("K1",), ("K2",)), (("K3", "K4"),))


@pytest.mark.parametrize(
    ("estimator", "normalise", "expected"),
    [
        # The README's example: (10 + 8 + 2 + 5) / 5 = 5, with 4 of 5 steps seen.
        ("sum", True, 5.0),
        ("sum", False, 25.0),
        ("average", False, 6.25),
        ("median", False, 6.5),
        ("minimum", False, 2.0),
    ],
)
def test_the_documented_example(modules, estimator, normalise, expected) -> None:
    profile = make_profile(
        np.array([[10.0], [3.0], [8.0], [9.0], [2.0], [5.0]]), ["K1", "K2", "K3", "K4", "K5", "K6"]
    )
    values, used = score_omixer(modules, profile, OmixerSettings(0.8, estimator, normalise))
    assert values[0, 0] == pytest.approx(expected)
    assert used == 0.8
    assert score_omixer(modules, profile, OmixerSettings(0.81, estimator, normalise))[0][0, 0] == 0


def test_taxa_are_scored_apart(modules) -> None:
    profile = make_profile(np.array([[10.0], [4.0]]), ["K1|a", "K1|b"])
    values, _ = score_omixer(modules[1:], profile, OmixerSettings(1.0))
    assert values[0, 0] == 14


def test_learned_coverage_stands_in_front_of_the_largest_jump() -> None:
    coverages = np.array([1.0] * 3 + [0.8] * 2 + [0.5] * 20 + [0.2] * 4 + [0.0] * 100)
    assert learn_coverage(coverages) == 0.8
    assert learn_coverage(np.zeros(3)) == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("M1\tx\n///\n", "row 2: '///' ends a module without steps"),
        ("M1\tx\nK1\n///\nM1\ty\nK2\n///\n", "row 4: module id 'M1' is blank or stands twice"),
        ("M1\tx\nK1,,K2\n///\n", "row 2: an empty feature"),
        ("M1\tx\nK1\n", "module M1 is not ended"),
        ("\n", "holds no module"),
    ],
)
def test_broken_files_are_named(tmp_path, text, message) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(VagusError, match=message):
        read_omixer(tmp_path / "m.txt")


def test_settings_are_checked() -> None:
    with pytest.raises(VagusError, match="allowed: median"):
        OmixerSettings(estimator="mode")
    with pytest.raises(VagusError, match="0 to 1"):
        OmixerSettings(coverage=2)

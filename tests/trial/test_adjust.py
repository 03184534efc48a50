"""Error control over a family."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagus.errors import VagusError
from vagus.trial.adjust import adjust_p, family_of

P = np.array([0.01, 0.04, np.nan, 0.03, 0.5])


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("bh", [0.04, 0.16 / 3, np.nan, 0.16 / 3, 0.5]),
        ("holm", [0.04, 0.09, np.nan, 0.09, 0.5]),
        ("fixed_sequence", [0.01, 0.04, np.nan, 1.0, 1.0]),
        ("none", [0.01, 0.04, np.nan, 0.03, 0.5]),
    ],
)
def test_known_answers(control, expected):
    np.testing.assert_allclose(adjust_p(P, control), expected)


@given(st.lists(st.floats(0, 1), max_size=30), st.sampled_from(["bh", "holm", "fixed_sequence"]))
def test_adjusting_never_lowers_a_p_value_nor_leaves_0_to_1(p, control):
    q = adjust_p(np.array(p), control)
    assert ((q >= np.array(p) * (1 - 1e-12)) & (q <= 1)).all()


def test_unknown_control_is_named():
    with pytest.raises(VagusError, match="'sidak'; allowed: bh, holm, fixed_sequence, none"):
        adjust_p(P, "sidak")


def test_the_first_family_that_names_the_profile_decides():
    plan = {
        "families": [
            {"name": "primary", "profiles": ["panel.clinical"], "control": "holm", "alpha": 0.01},
            {"name": "rest", "profiles": ["amplicon.genus", "panel.clinical"], "control": "none"},
        ]
    }
    assert family_of("panel.clinical", plan) == ("holm", 0.01)
    assert family_of("amplicon.genus", plan) == ("none", 0.05)
    assert family_of("shotgun.ko", plan) == ("bh", 0.05)
    assert family_of("shotgun.ko", {}) == ("bh", 0.05)

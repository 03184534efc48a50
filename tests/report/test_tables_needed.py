"""The report asks of a table only what the floor that makes it writes."""

from __future__ import annotations

import pytest

from vagus.modules import module_profiles
from vagus.profiles import sample_flow
from vagus.report import tables_needed
from vagus.trial import arm_effects, concordance, courses, interaction_effects, sensitivity_rows

MADE = {
    "FLOW": sample_flow.FLOW_COLUMNS,
    "EFFECTS": arm_effects.COLUMNS,
    "INTERACTIONS": interaction_effects.COLUMNS,
    "SENSITIVITY": sensitivity_rows.COLUMNS,
    "CONCORDANCE": concordance.COLUMNS,
    "TRAJECTORIES": courses.TRAJECTORY_COLUMNS,
    "MODULES": module_profiles.TABLE_COLUMNS,
}


@pytest.mark.parametrize("name", MADE)
def test_needed_columns_are_made(name: str) -> None:
    assert set(getattr(tables_needed, name)) <= set(MADE[name])

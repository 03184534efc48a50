"""What is done with values after an intercurrent event."""

import numpy as np
import pytest
from trial_designs import make_design, score_profile

from vagus.design.model import Event
from vagus.trial.arm_effects import arm_effects
from vagus.trial.estimands import apply_events, estimand_of, estimand_text
from vagus.trial.values import trial_values

PEOPLE = [f"P{i}" for i in range(8)]


def trial(strategy, events=(("P4", "v2"),), visits=("v1", "v2"), **more):
    design = make_design(visits=visits, **more)
    design.plan["estimand"]["intercurrent_events"] = [{"event": "antibiotics", "strategy": strategy}]
    design.events = [Event(p, v, "antibiotics") for p, v in events]
    return design


def panel(design, seed=1):
    rng = np.random.default_rng(seed)
    return score_profile(design, rng.normal(20, 3, (8, 1)), rng.normal(15, 3, (8, 1)), features=["hamd"])


def values(strategy, **more):
    design = trial(strategy, **more)
    return trial_values(panel(design), design)


def test_treatment_policy_uses_every_value():
    np.testing.assert_array_equal(
        values("treatment_policy").at("v2", PEOPLE), values("treatment_policy", events=()).at("v2", PEOPLE)
    )


def test_hypothetical_sets_values_from_the_event_on_to_missing():
    found = values("hypothetical")
    assert np.flatnonzero(np.isnan(found.at("v2", PEOPLE)[:, 0])).tolist() == [4]
    assert np.isfinite(found.at("v1", PEOPLE)).all()
    assert any("hypothetical: 1 participant visits after an event are missing" in n for n in found.notes)


def test_hypothetical_leaves_the_participant_out_of_the_comparison():
    design = trial("hypothetical")
    row = arm_effects(panel(design), design).iloc[0]
    assert (row["n_arm"], row["n_reference"]) == (3, 4)
    assert row["estimand"].endswith("antibiotics: hypothetical")


def test_while_on_treatment_keeps_the_last_value_before_the_event():
    found = values("while_on_treatment")
    assert found.at("v2", PEOPLE)[4] == found.at("v1", PEOPLE)[4]
    plain = values("treatment_policy")
    np.testing.assert_array_equal(
        np.delete(found.at("v2", PEOPLE), 4, 0), np.delete(plain.at("v2", PEOPLE), 4, 0)
    )


def test_the_event_holds_for_all_later_visits():
    design = trial("hypothetical", events=[("P0", "v3"), ("P0", "v2")], visits=("v1", "v2", "v3"))
    frame = trial_values(panel(trial("treatment_policy")), trial("treatment_policy")).frame
    third = frame.xs("v2", level=1, drop_level=False).rename(index={"v2": "v3"}, level=1)
    import pandas as pd

    out, _ = apply_events(pd.concat([frame, third]), "panel.clinical", design)
    assert np.isnan(out.loc[("P0", "v2")]).all()
    assert np.isnan(out.loc[("P0", "v3")]).all()
    assert np.isfinite(out.loc[("P1", "v3")]).all()


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("composite", "treatment policy (planned: composite, applied to responders only)"),
        ("principal_stratum", "not applied: who would have had the event in the other arm"),
    ],
)
def test_what_is_not_applied_to_values_is_not_claimed(strategy, words):
    design = trial(strategy)
    assert words in estimand_text(design, "panel.clinical")
    np.testing.assert_array_equal(
        trial_values(panel(design), design).frame, values("treatment_policy", events=()).frame
    )


def test_a_family_overrides_the_plan_for_its_profiles_only():
    events = [{"event": "antibiotics", "strategy": "hypothetical"}]
    families = [
        {"name": "genera", "profiles": ["amplicon.genus"], "estimand": {"intercurrent_events": events}}
    ]
    design = trial("treatment_policy", families=families)
    assert estimand_text(design, "amplicon.genus").endswith("antibiotics: hypothetical")
    assert estimand_text(design, "panel.clinical").endswith("antibiotics: treatment policy")
    assert estimand_of("amplicon.genus", design)["population"] == "all randomised"
    assert np.isfinite(trial_values(panel(design), design).frame).to_numpy().all()

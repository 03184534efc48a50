"""The estimand of a profile (ICH E9 R1), and what is done with values after an intercurrent event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vagus.design.model import Design

# Designs in which a participant has one arm throughout.
ONE_ARM_EACH = ("parallel", "fmt", "single_arm")
# Strategies that change values; composite changes who is a responder, never a value.
FOR_VALUES = ("hypothetical", "while_on_treatment")


def why_not_between(design: Design) -> str:
    """Return why participants cannot be compared between arms; "" if they can, each with one treatment.

    Parameters
    ----------
    design
        The checked trial.
    """
    kind = str(design.plan.get("design", "parallel"))
    if kind not in ONE_ARM_EACH:
        return f"no comparison between arms: a {kind} design gives a participant more than one treatment"
    if not design.contrasts():
        return (
            "no comparison of arms: there is no control arm, so a change cannot be told from time, diet or "
            "regression to the mean; the change inside the arm has its interval in within_arm"
        )
    if not design.can_compare_arms:
        need = "two participants with a baseline and a later visit"
        return f"no comparison of arms: fewer than two arms have {need}"
    return ""


def estimand_of(profile: str, design: Design) -> dict[str, Any]:
    """Return the estimand of a profile: that of the plan, with what the first family that names it overrides.

    Parameters
    ----------
    profile
        Name of the profile.
    design
        The checked trial.
    """
    block = dict(design.plan.get("estimand") or {})
    for family in design.plan.get("families") or []:
        if profile in (family.get("profiles") or []):
            block.update({key: value for key, value in (family.get("estimand") or {}).items() if value})
            break
    return block


def first_events(design: Design, strategies: dict[str, str], wanted: str) -> dict[str, int]:
    """Return the first visit (its number) at which a participant had an event that a strategy handles.

    Parameters
    ----------
    design
        The checked trial, with its events.
    strategies
        Event to strategy.
    wanted
        The strategy.
    """
    order = {visit: i for i, visit in enumerate(design.visits)}
    first: dict[str, int] = {}
    for event in design.events:
        if strategies.get(event.event) == wanted and event.visit in order:
            first[event.participant] = min(order[event.visit], first.get(event.participant, len(order)))
    return first


def strategies_of(profile: str, design: Design) -> dict[str, str]:
    """Return event to strategy, as planned for a profile."""
    events = estimand_of(profile, design).get("intercurrent_events") or []
    return {str(e["event"]): str(e.get("strategy") or "treatment_policy") for e in events}


def apply_events(frame: pd.DataFrame, profile: str, design: Design) -> tuple[pd.DataFrame, list[str]]:
    """Set values after intercurrent events as the estimand of the profile asks.

    Parameters
    ----------
    frame
        (participant, visit) x features.
    profile
        Name of the profile.
    design
        The checked trial, with its events.

    Returns
    -------
    tuple
        The frame, in which values from the event on are missing (hypothetical) or the last ones before it
        (while_on_treatment), and notes that say how many. Other strategies leave every value.
    """
    strategies = strategies_of(profile, design)
    notes: list[str] = []
    if not design.events or not any(s in FOR_VALUES for s in strategies.values()) or not len(frame):
        return frame, notes
    order = {visit: i for i, visit in enumerate(design.visits)}
    people = frame.index.get_level_values(0).to_numpy()
    place = np.array([order[v] for v in frame.index.get_level_values(1)])
    values = frame.to_numpy(dtype=np.float64, copy=True)
    held = first_events(design, strategies, "while_on_treatment")
    if held:
        start = np.array([held.get(p, len(order)) for p in people])
        row = {(p, v): i for i, (p, v) in enumerate(zip(people, place, strict=True))}
        after = np.flatnonzero(place >= start)
        for i in after:
            last = [row[people[i], v] for v in range(start[i]) if (people[i], v) in row]
            values[i] = values[last[-1]] if last else np.nan
        notes.append(f"while on treatment: {len(after)} values after an event are the last before it")
    gone = first_events(design, strategies, "hypothetical")
    if gone:
        after = np.flatnonzero(place >= np.array([gone.get(p, len(order)) for p in people]))
        values[after] = np.nan
        notes.append(f"hypothetical: {len(after)} participant visits after an event are missing")
    return pd.DataFrame(values, index=frame.index, columns=frame.columns), notes


def estimand_text(design: Design, profile: str) -> str:
    """Say in one line what is estimated: summary, population, and what is done with intercurrent events.

    A plan that wants a strategy which is not applied must not be told that it got it.

    Parameters
    ----------
    design
        The checked trial.
    profile
        Name of the profile.
    """
    block = estimand_of(profile, design)
    parts = [
        str(block.get("summary") or "difference in means, adjusted for baseline"),
        str(block.get("population") or "participants with both samples"),
        *(_event_text(event, strategy, design) for event, strategy in strategies_of(profile, design).items()),
    ]
    return "; ".join(" ".join(part.split()) for part in parts)


def _event_text(event: str, strategy: str, design: Design) -> str:
    planned = strategy.replace("_", " ")
    if strategy == "treatment_policy":
        return f"{event}: {planned}"
    if strategy == "principal_stratum":
        why = "not applied: who would have had the event in the other arm is not in the sheets"
    elif not any(e.event == event for e in design.events):
        why = "not applied here: no such event is recorded" if design.events else "not applied here"
    elif strategy == "composite":
        why = "applied to responders only"
    else:
        return f"{event}: {planned}"
    return f"{event}: treatment policy (planned: {planned}, {why})"

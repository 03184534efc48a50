"""What was planned: registration, deviations, and the families of hypotheses in their order."""

from __future__ import annotations

import pandas as pd

from vagus.report.load_results import Results
from vagus.report.section import Section
from vagus.report.sentences import interval, p_text, plural, profile_name, split_contrast, with_unit

REGISTERED, DEVIATES = "registered", "deviates"


def plan_section(results: Results) -> Section:
    """Return families with what they found, the registration, and what differs from it.

    Parameters
    ----------
    results
        Of the run.
    """
    section = Section("plan", "Plan and registration: families of hypotheses, in order")
    registration = results.design.get("registration") or {}
    section.lead = [registration_sentence(registration)]
    section.mark = str(registration.get("status") or "")
    families = results.extra.get("families", pd.DataFrame())
    if len(families):
        section.rows = _family_rows(results, families)
        section.lead.append(_gate_sentence(families))
    else:
        section.notes.append(
            "The plan names no family of hypotheses: every profile is exploratory, controlled by itself "
            "(Benjamini-Hochberg, 0.05)."
        )
    deviations = results.extra.get("deviations", pd.DataFrame())
    if len(deviations):
        head = ["key of the plan", "registered", "now", "change"]
        rows = deviations[["key", "registered", "now", "change"]].fillna("").astype(str)
        section.tables.append(("Deviations from the registered plan", [head, *rows.to_numpy().tolist()]))
    section.notes += [_event_sentence(e) for e in _events(results)]
    section.notes.append(
        "Confirmatory: fixed before the data were seen, and proven so by the hash. Exploratory: a finding to "
        "test again, whatever its p-value."
    )
    return section


def registration_sentence(registration: dict[str, object]) -> str:
    """Say whether this is the registered plan."""
    status, digest = registration.get("status"), str(registration.get("hash") or "")
    if status == REGISTERED:
        return (
            f"This is the registered plan (SHA-256 {digest}): what its families find is confirmatory, all "
            "else exploratory."
        )
    if status == DEVIATES:
        count = len(registration.get("deviations") or [])  # type: ignore[arg-type]
        listed = (
            f"{plural(count, 'deviation')} below"
            if count
            else "name the registered plan in the config (registered_plan) to have the deviations listed"
        )
        return (
            f"This is not the registered plan: its hash is {digest}, registered was "
            f"{registration.get('registered')}. Every result is exploratory; {listed}."
        )
    text = "The plan was not registered, so no result is called confirmatory."
    return f"{text} Its SHA-256 is {digest}." if digest else text


def _family_rows(results: Results, families: pd.DataFrame) -> list[list[str]]:
    rows = [["family", "surest effect (interval)", "found", "control", "state", "of"]]
    for _, family in families.iterrows():
        gate = ", gate" if family["gate"] == "yes" else ""
        control = f"{str(family['control']).replace('_', ' ')}, {float(family['alpha']):g}{gate}"
        profiles = ", ".join(profile_name(p) for p in str(family["profiles"]).split(", "))
        rows.append(
            [
                f"{int(family['order'])}. {family['family']} ({family['role']})",
                _surest(results, str(family["family"])),
                f"{int(family['rejected'])} of {plural(int(family['tests']), 'hypothesis', 'hypotheses')}",
                control,
                str(family["state"]),
                profiles,
            ]
        )
    return rows


def _surest(results: Results, family: str) -> str:
    effects = results.effects
    if "family" not in effects.columns:
        return ""
    rows = effects[(effects["family"] == family) & effects["estimate"].notna()]
    if not len(rows):
        return "nothing could be estimated"
    row = rows.sort_values(["q_value", "p_value"], kind="stable").iloc[0]
    value, low, high = interval(row, sign=True)
    arm, other = split_contrast(str(row["contrast"]), results.reference)
    sure = p_text(row["q_value"]) if pd.notna(row["q_value"]) else "not tested"
    value = with_unit(value, str(row["unit"]))
    return f"{row['feature']}, {arm} against {other}: {value} ({low} to {high}; {sure})"


def _gate_sentence(families: pd.DataFrame) -> str:
    gates = families[families["gate"] == "yes"]
    if not len(gates):
        return "The families are tested beside each other; each has its own error level."
    shut = gates[gates["state"] == "gate not passed"]
    if len(shut):
        after = int((families["order"] > shut["order"].iloc[0]).sum())
        return (
            f"{shut['family'].iloc[0]} is a gate, and not all of it was found: "
            f"{plural(after, 'family', 'families')} after it not tested, only described by estimates and "
            "intervals."
        )
    return "Every gate was passed, so the families after it were tested."


def _events(results: Results) -> list[dict[str, str]]:
    block = results.plan.get("estimand") or {}
    return list(block.get("intercurrent_events") or [])


def _event_sentence(event: dict[str, str]) -> str:
    strategy = str(event.get("strategy", "")).replace("_", " ")
    return f"{event.get('event', '')}: {strategy}, as planned; the column estimand says what was applied."

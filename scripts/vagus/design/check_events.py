"""Check the sheet of intercurrent events against the participants and the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vagus.design.findings import SHOWN, Findings, did_you_mean, listed
from vagus.design.model import Event, Participant
from vagus.design.read_sheets import Table, safe_id


def planned_events(plan: dict[str, Any]) -> dict[str, set[str]]:
    """Return event to the strategies that the plan and its families name for it.

    Parameters
    ----------
    plan
        As given, whatever was written.
    """
    blocks = [plan.get("estimand")]
    blocks += [f.get("estimand") for f in plan.get("families") or [] if isinstance(f, dict)]
    found: dict[str, set[str]] = {}
    for block in blocks:
        events = block.get("intercurrent_events") if isinstance(block, dict) else None
        for entry in events if isinstance(events, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("event"), str):
                found.setdefault(entry["event"], set()).add(str(entry.get("strategy")))
    return found


def check_events(
    table: Table, people: Sequence[Participant], plan: dict[str, Any], plan_file: str, findings: Findings
) -> list[Event]:
    """Turn the sheet into events, and say which strategies of the plan cannot be applied.

    Parameters
    ----------
    table
        The sheet, without rows when there is none.
    people
        The participants.
    plan
        The plan.
    plan_file
        Its name for the messages.
    findings
        Where problems and notes go.

    Returns
    -------
    list of Event
        In the order of the sheet.
    """
    known = {p.participant for p in people}
    planned, events, file = planned_events(plan), [], table.file
    for row in table.rows:
        if not row["participant"] or not row["visit"] or not row["event"]:
            continue
        participant = safe_id(row["participant"], file, row.line, "participant", findings)
        if participant not in known:
            findings.problem(
                file,
                "event of an unknown participant",
                did_you_mean(participant, sorted(known), "add the participant to the participants sheet"),
                row.line,
                "participant",
                row["participant"],
                listed(sorted(known), SHOWN),
            )
        if row["visit"] not in plan["visits"]:
            findings.problem(
                file,
                "visit that the plan does not name",
                did_you_mean(row["visit"], plan["visits"], "correct it, or add it to visits in the plan"),
                row.line,
                "visit",
                row["visit"],
                listed(plan["visits"]),
            )
        elif row["visit"] == plan["baseline"]:
            findings.problem(
                file,
                "an intercurrent event comes after the baseline",
                "give the first visit by which it had happened; a state at baseline is a covariate",
                row.line,
                "visit",
                row["visit"],
            )
        if row["event"] not in planned:
            hint = did_you_mean(row["event"], planned, "")
            findings.note(
                f"{file}, row {row.line}: '{row['event']}' is no intercurrent event of the plan, so values "
                f"after it are used as they are{'; ' + hint if hint else ''}"
            )
        events.append(Event(participant, row["visit"], row["event"]))
    recorded = {e.event for e in events}
    for event, strategies in planned.items():
        for strategy in sorted(strategies - {"treatment_policy"}):
            if strategy == "principal_stratum":
                findings.note(
                    f"{plan_file}: {event}: principal_stratum is not applied: who would have had the event "
                    "in the other arm cannot be known from the sheets; values are used as measured"
                )
            elif event not in recorded:
                findings.note(
                    f"{plan_file}: {event}: {strategy} is planned, but no such event is recorded "
                    "(config: events)"
                )
    return events

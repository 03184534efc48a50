"""Check what only a crossover has: its periods, its sequences, and who has which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vagus.design.findings import Findings, did_you_mean, listed
from vagus.design.model import Design, Participant


def check_periods(plan: dict[str, Any], file: str, findings: Findings) -> None:
    """Check the plan's periods and sequences against its visits and arms.

    Parameters
    ----------
    plan
        The plan; its `periods` is always a list and its `sequences` a dict afterwards.
    file
        Its name for the messages.
    findings
        Where problems go.
    """
    periods, sequences = plan.get("periods"), plan.get("sequences")
    plan["periods"] = periods = (
        [p for p in periods if isinstance(p, dict)] if isinstance(periods, list) else []
    )
    plan["sequences"] = sequences = (
        {str(k): [str(a) for a in v] for k, v in sequences.items() if isinstance(v, list)}
        if isinstance(sequences, dict)
        else {}
    )
    if plan["design"] != "crossover":
        for key in ("periods", "sequences"):
            if plan[key]:
                findings.problem(
                    file,
                    f"{key} in a {plan['design']} design",
                    f"set design to crossover, or take {key} out",
                    column=key,
                )
        return
    if len(periods) < 2:
        findings.problem(
            file,
            "a crossover without two periods",
            "name the visits of each, for example "
            "periods: [{before: v1, after: v2}, {before: v3, after: v4}]",
            column="periods",
        )
    if len(sequences) < 2:
        findings.problem(
            file,
            "a crossover without two sequences",
            "name the arm of each period, for example "
            "sequences: {AB: [placebo, probiotic], BA: [probiotic, placebo]}",
            column="sequences",
        )
    for i, period in enumerate(periods, 1):
        for key in ("before", "after"):
            visit = period.get(key)
            if visit is not None and str(visit) not in plan["visits"]:
                findings.problem(
                    file,
                    f"period {i}: a visit that the plan does not name under '{key}'",
                    did_you_mean(str(visit), plan["visits"], "name one of the visits"),
                    column="periods",
                    value=str(visit),
                    allowed=listed(plan["visits"]),
                )
    ends = [str(p.get("after")) for p in periods]
    if len(set(ends)) < len(ends):
        findings.problem(
            file, "two periods end at one visit", "give every period its own visit 'after'", column="periods"
        )
    for name, arms in sequences.items():
        if periods and len(arms) != len(periods):
            findings.problem(
                file,
                f"sequence '{name}' has {len(arms)} arms for {len(periods)} periods",
                "name one arm for each period",
                column="sequences",
                value=listed(arms),
            )
        for arm in arms:
            if arm not in plan["arms"]:
                findings.problem(
                    file,
                    f"sequence '{name}' holds an arm that the plan does not name",
                    did_you_mean(arm, plan["arms"], "name one of the arms"),
                    column="sequences",
                    value=arm,
                    allowed=listed(plan["arms"]),
                )


def check_sequences(
    people: Sequence[Participant],
    lines: Sequence[int],
    plan: dict[str, Any],
    file: str,
    plan_file: str,
    findings: Findings,
) -> None:
    """Check the sequence of every participant; the arm of the sheet is the one of the first period.

    Parameters
    ----------
    people, lines
        The participants and their rows in the sheet.
    plan
        The plan, after `check_periods`.
    file, plan_file
        Names of the sheet and of the plan for the messages.
    findings
        Where problems go.
    """
    known = plan.get("sequences") or {}
    if plan["design"] != "crossover" or not known:
        return
    for person, line in zip(people, lines, strict=True):
        if person.sequence not in known:
            findings.problem(
                file,
                "sequence that the plan does not name"
                if person.sequence
                else "participant without a sequence",
                did_you_mean(person.sequence, known, f"correct it, or add it to sequences in {plan_file}"),
                line,
                "sequence",
                person.sequence,
                listed(known),
            )
        elif known[person.sequence] and person.arm != known[person.sequence][0]:
            findings.problem(
                file,
                f"arm that is not the first of sequence '{person.sequence}'",
                "in a crossover the column 'arm' holds the arm of the first period",
                line,
                "arm",
                person.arm,
                known[person.sequence][0],
            )


def can_compare_periods(design: Design) -> bool:
    """Return whether two participants have values under two arms, samples or measures."""
    places = {(s.participant, s.visit) for s in design.stool_samples()}
    places |= {(m.participant, m.visit) for m in design.measures if m.value is not None}
    ends = [str(p["after"]) for p in design.periods]
    enough = 0
    for person in design.participants:
        arms = design.sequences.get(person.sequence, [])
        seen = {a for a, visit in zip(arms, ends, strict=False) if (person.participant, visit) in places}
        enough += len(seen) > 1
    return bool(design.reference_arm) and enough >= 2

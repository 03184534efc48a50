"""Check the families of hypotheses against the rest of the plan."""

from __future__ import annotations

from typing import Any

from vagus.design.findings import Findings, did_you_mean, listed


def check_families(plan: dict[str, Any], file: str, findings: Findings) -> None:
    """Check contrasts, visits, gates and estimands of the families.

    Parameters
    ----------
    plan
        The plan with its defaults, arms and visits checked.
    file
        Its name for the messages.
    findings
        Where problems and notes go.
    """
    families = [f for f in plan["families"] if isinstance(f, dict)]
    reference = plan.get("reference_arm")
    contrasts = [f"{arm} vs {reference}" for arm in plan["arms"] if reference and arm != reference]
    baseline, visits = plan.get("baseline"), plan["visits"]
    later = visits[visits.index(baseline) + 1 :] if baseline in visits else visits
    for i, family in enumerate(families, 1):
        for key, known, one in (("contrasts", contrasts, "contrast"), ("visits", later, "visit")):
            given = family.get(key)
            for name in given if isinstance(given, list) else []:
                if known and name not in known:
                    findings.problem(
                        file,
                        f"family '{family.get('name')}' names a {one} that the plan does not have",
                        did_you_mean(str(name), known, f"name one of the {one}s"),
                        column=f"families[{i}].{key}",
                        value=str(name),
                        allowed=listed(known),
                    )
        profiles = family.get("profiles")
        for name in profiles if isinstance(profiles, list) else []:
            if name in ("panel.response", "panel.detection"):
                findings.note(
                    f"{file}: family '{family.get('name')}' names {name}, whose risks are compared in "
                    "responders.tsv, beside the families"
                )
        if family.get("gate") is True and i == len(families):
            findings.note(f"{file}: family '{family.get('name')}' is a gate, but no family comes after it")
        elif family.get("gate") is True and family.get("control") == "none":
            findings.problem(
                file,
                f"family '{family.get('name')}' is a gate without error control",
                "set control to holm or fixed_sequence",
                column=f"families[{i}].control",
                value="none",
            )
    _check_estimands(plan, families, file, findings)


def _check_estimands(
    plan: dict[str, Any], families: list[dict[str, Any]], file: str, findings: Findings
) -> None:
    """One profile has one way with events: its values are set once."""
    first: dict[str, tuple[str, dict[str, str]]] = {}
    common = _strategies(plan.get("estimand"))
    for i, family in enumerate(families, 1):
        own = family.get("estimand")
        given = isinstance(own, dict) and bool(own.get("intercurrent_events"))
        strategies = _strategies(own) if given else common
        profiles = family.get("profiles")
        for profile in profiles if isinstance(profiles, list) else []:
            name, before = first.setdefault(str(profile), (str(family.get("name")), strategies))
            if before != strategies:
                findings.problem(
                    file,
                    f"{profile} is in the families '{name}' and '{family.get('name')}', which handle "
                    "intercurrent events differently",
                    "give both the same intercurrent_events",
                    column=f"families[{i}].estimand",
                )


def _strategies(block: Any) -> dict[str, str]:
    events = block.get("intercurrent_events") if isinstance(block, dict) else None
    return {
        str(e["event"]): str(e.get("strategy"))
        for e in (events if isinstance(events, list) else [])
        if isinstance(e, dict) and "event" in e
    }

"""Check the analysis plan by itself and give it its defaults."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from vagus.design.check_crossover import check_periods
from vagus.design.check_families import check_families
from vagus.design.findings import Findings, did_you_mean, listed
from vagus.design.read_sheets import check_label
from vagus.design.schema import check_schema, fill_defaults, load_schema, read_yaml
from vagus.errors import VagusError


def read_plan(path: Path, file: str, findings: Findings) -> dict[str, Any]:
    """Read and check the plan.

    Parameters
    ----------
    path
        The file.
    file
        Its name for the messages.
    findings
        Where problems and notes go.

    Returns
    -------
    dict
        Complete plan; wrong keys are left as they are, but `arms` and `visits` are always lists of text.
    """
    schema = load_schema("plan")
    try:
        given = read_yaml(path)
    except VagusError as error:
        findings.problem(file, str(error), "correct the plan; config/plan.yaml is a template")
        return _safe(fill_defaults({}, schema))
    if given is None:
        given = {}
    if not isinstance(given, dict):
        findings.problem(
            file, "the plan is not a block of keys", "write 'key: value' lines; see config/plan.yaml"
        )
        return _safe(fill_defaults({}, schema))
    _text_lists(given)
    check_schema(given, schema, file, findings)
    plan = _safe(fill_defaults(given, schema))
    for key in ("arms", "visits"):
        for name in plan[key]:
            check_label(name, file, None, key, findings)
    _check_arms(plan, file, findings)
    _check_visits(plan, file, findings)
    check_periods(plan, file, findings)
    check_families(plan, file, findings)
    names = [f["name"] for f in plan["families"] if isinstance(f, dict) and "name" in f]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        findings.problem(
            file,
            "family named twice",
            "give every family its own name",
            column="families",
            value=listed(twice),
        )
    return plan


def _text_lists(plan: dict[str, Any]) -> None:
    """Visits and arms written as numbers (`[0, 4, 8]`) are meant as names."""
    for key in ("arms", "visits", "strata", "covariates", "interactions"):
        if isinstance(plan.get(key), list):
            plan[key] = [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in plan[key]]
    for key in ("reference_arm", "baseline", "primary_visit"):
        if isinstance(plan.get(key), int) and not isinstance(plan.get(key), bool):
            plan[key] = str(plan[key])
    if isinstance(plan.get("times"), dict):
        plan["times"] = {str(visit): time for visit, time in plan["times"].items()}
    for period in plan["periods"] if isinstance(plan.get("periods"), list) else []:
        if isinstance(period, dict):
            period.update({k: str(v) for k, v in period.items() if isinstance(v, int)})
    if isinstance(plan.get("levels"), dict):
        for column, values in plan["levels"].items():
            if isinstance(values, list):
                plan["levels"][column] = [str(v) if isinstance(v, (int, float)) else v for v in values]


def _safe(plan: dict[str, Any]) -> dict[str, Any]:
    """Give later checks lists to work on, whatever was written."""
    for key in ("arms", "visits", "strata", "covariates", "interactions"):
        value = plan.get(key)
        plan[key] = [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
    for key, kind in (("levels", dict), ("families", list)):
        if not isinstance(plan.get(key), kind):
            plan[key] = kind()
    return plan


def _check_arms(plan: dict[str, Any], file: str, findings: Findings) -> None:
    arms, reference = plan["arms"], plan.get("reference_arm")
    if reference is None:
        if len(arms) > 1 and plan["design"] != "single_arm":
            findings.problem(
                file,
                "no reference arm",
                "name the control arm, for example reference_arm: "
                + _guess(arms, ("placebo", "control", "sham")),
                column="reference_arm",
                allowed=listed(arms),
            )
    elif isinstance(reference, str) and reference not in arms:
        findings.problem(
            file,
            "the reference arm is not one of the plan's arms",
            did_you_mean(reference, arms, "name one of the arms"),
            column="reference_arm",
            value=reference,
            allowed=listed(arms),
        )
    if plan["design"] == "single_arm" and len(arms) > 1:
        findings.problem(
            file,
            f"design is single_arm, but the plan has {len(arms)} arms",
            "set design to parallel, or name one arm",
            column="design",
            value="single_arm",
        )
    elif len(arms) == 1 and plan["design"] != "n_of_1":
        findings.note(
            f"single arm ({arms[0]}): there is no control, so a change cannot be told from time, diet or "
            "regression to the mean"
        )
        plan["reference_arm"] = None


def _check_visits(plan: dict[str, Any], file: str, findings: Findings) -> None:
    visits, baseline, primary = plan["visits"], plan.get("baseline"), plan.get("primary_visit")
    if not visits:
        return
    if baseline is None:
        findings.problem(
            file,
            "no baseline",
            "name the visit before the intervention, for example baseline: "
            + _guess(visits, ("baseline", "pre")),
            column="baseline",
            allowed=listed(visits),
        )
        baseline = visits[0]
    elif baseline not in visits:
        findings.problem(
            file,
            "the baseline is not one of the plan's visits",
            did_you_mean(str(baseline), visits, "name one of the visits"),
            column="baseline",
            value=str(baseline),
            allowed=listed(visits),
        )
        baseline = visits[0]
    later = visits[visits.index(baseline) + 1 :]
    plan["baseline"] = baseline
    _check_times(plan, file, findings)
    if not later:
        findings.note(f"no visit after the baseline ({baseline}): no change can be estimated")
        plan["primary_visit"] = baseline
    elif primary is None:
        plan["primary_visit"] = visits[-1]
    elif primary not in later:
        findings.problem(
            file,
            "the primary visit is not a visit after the baseline",
            did_you_mean(str(primary), later, "name one of them"),
            column="primary_visit",
            value=str(primary),
            allowed=listed(later),
        )
        plan["primary_visit"] = visits[-1]


def _check_times(plan: dict[str, Any], file: str, findings: Findings) -> None:
    """Refuse times that leave a visit out, or do not rise in the order of the visits."""
    times, visits = plan.get("times"), plan["visits"]
    if (
        not times
        or not isinstance(times, dict)
        or not all(isinstance(t, int | float) for t in times.values())
    ):
        return
    for unknown in sorted(times.keys() - set(visits)):
        findings.problem(
            file, "a time for what is not one of the plan's visits",
            did_you_mean(str(unknown), visits, "name one of the visits"),
            column="times", value=str(unknown), allowed=listed(visits),
        )  # fmt: skip
    lacking = [v for v in visits if v not in times]
    if lacking:
        findings.problem(
            file, f"no time for {', '.join(lacking)}", "give every visit its time, or none", column="times"
        )
        return
    for before, after in pairwise(visits):
        if times[after] <= times[before]:
            findings.problem(
                file, f"{after} is not later than {before}, after which it stands in visits",
                "put the visits in the order of time, or mend the times",
                column="times", value=f"{before}: {times[before]:g}, {after}: {times[after]:g}",
            )  # fmt: skip


def _guess(names: list[str], words: tuple[str, ...]) -> str:
    """The name that sounds like one of the words, else the first."""
    return next((n for n in names for w in words if w in n.lower()), names[0])

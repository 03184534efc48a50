"""Check the measures sheet against the participants, the plan and the ranges of known scales."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vagus.design.biomarkers import biomarker_of, convert, one_unit
from vagus.design.findings import SHOWN, Findings, did_you_mean, listed
from vagus.design.model import Measure, Participant
from vagus.design.read_sheets import Table, check_label, safe_id, to_number
from vagus.design.resources import load_scales, scale_key
from vagus.errors import VagusError

# Outcomes that are derived from totals; what is entered by hand is not taken.
_DERIVED = re.compile(
    r"(^|[^a-z])(respond(er|ed)?s?|response|remi(ssion|tter|tted))($|[^a-z])", re.IGNORECASE
)


def check_measures(
    table: Table,
    people: Sequence[Participant],
    plan: dict[str, Any],
    plan_file: str,
    clone: Path,
    findings: Findings,
) -> list[Measure]:
    """Turn the sheet into measures.

    Parameters
    ----------
    table
        The sheet.
    people
        The participants.
    plan
        The plan.
    plan_file
        Its name for the messages.
    clone
        Root of the clone, which holds the scales.
    findings
        Where problems and notes go.

    Returns
    -------
    list of Measure
        In the order of the sheet.
    """
    known = {p.participant for p in people}
    file, measures = table.file, []
    seen: dict[tuple[str, str, str], int] = {}
    units: dict[str, tuple[int, str]] = {}
    names: dict[str, str] = {}
    by_hand = _entered_by_hand(table)
    for row in table.rows:
        name, visit = row["measure"], row["visit"]
        if not name or not visit or not row["participant"]:
            continue
        participant = safe_id(row["participant"], file, row.line, "participant", findings)
        if participant not in known:
            findings.problem(
                file,
                "measure of an unknown participant",
                did_you_mean(participant, sorted(known), "add the participant to the participants sheet"),
                row.line,
                "participant",
                row["participant"],
                listed(sorted(known), SHOWN),
            )
        if visit not in plan["visits"]:
            findings.problem(
                file,
                "visit that the plan does not name",
                did_you_mean(visit, plan["visits"], "correct it, or add it to visits in the plan"),
                row.line,
                "visit",
                visit,
                listed(plan["visits"]),
            )
        if name not in names.values():
            check_label(name, file, row.line, "measure", findings)
        twin = names.setdefault(scale_key(name) or name, name)
        if twin != name:
            findings.problem(
                file,
                f"measure written in two ways ('{twin}' before)",
                f"write '{twin}'",
                row.line,
                "measure",
                name,
            )
        before = seen.setdefault((participant, visit, name), row.line)
        if before != row.line:
            findings.problem(
                file,
                f"{name} of {participant} at {visit} stands twice (also row {before})",
                "keep one row",
                row.line,
                "measure",
                name,
            )
        if name in by_hand:
            findings.note(f"{file}: {name} is not used: response and remission are derived from the totals")
            continue
        line, unit = units.setdefault(name, (row.line, row["unit"]))
        if unit != row["unit"] and not _convertible(row["unit"], unit, name, clone):
            findings.problem(
                file,
                f"unit of {name} differs from row {line} ('{unit}') and cannot be converted",
                "use one unit, or units of resources/units.tsv",
                row.line,
                "unit",
                row["unit"],
            )
        value = to_number(row["value"], file, row.line, "value", findings)
        lod = to_number(row["lod"], file, row.line, "lod", findings)
        if value is not None:
            _check_range(name, value, row["value"], row.line, file, clone, findings)
        measures.append(Measure(participant, visit, name, value, row["unit"], lod))
        _check_positive(measures[-1], row.line, file, clone, findings)
    measures, converted = one_unit(measures, clone)
    for name, count in converted.items():
        many = "values were" if count > 1 else "value was"
        findings.note(f"{file}: {name}: {count} {many} converted to {units[name][1]}")
    measures = _zeros_as_limits(measures, file, clone, findings)
    _check_responder(plan, plan_file, sorted({m.measure for m in measures}), findings)
    return measures


def _entered_by_hand(table: Table) -> set[str]:
    """Return measures that hold an outcome as yes or no; a cortisol awakening response is none."""
    values: dict[str, set[str]] = {}
    for row in table.rows:
        values.setdefault(row["measure"], set()).add(row["value"].lower())
    words = {"", "0", "1", "0.0", "1.0", "yes", "no", "true", "false"}
    return {name for name, seen in values.items() if _DERIVED.search(name) and seen <= words}


def _convertible(unit: str, to: str, name: str, clone: Path) -> bool:
    try:
        convert(1.0, unit, to, name, clone)
    except VagusError:
        return False
    return True


def _check_positive(measure: Measure, line: int, file: str, clone: Path, findings: Findings) -> None:
    """What is compared on a log scale is above 0, or below a limit of detection."""
    marker = biomarker_of(measure.measure, clone)
    if marker is None or marker.scale != "log2":
        return
    if measure.lod is not None and measure.lod <= 0:
        findings.problem(
            file, "limit of detection that is not above 0", "correct it", line, "lod", f"{measure.lod:g}"
        )
    elif measure.value is not None and measure.value < 0 and measure.lod is None:
        findings.problem(
            file,
            f"{measure.measure} is below 0, and is compared on a log scale",
            "give the limit of detection in the column lod, or leave the value empty",
            line,
            "value",
            f"{measure.value:g}",
        )


def _zeros_as_limits(measures: list[Measure], file: str, clone: Path, findings: Findings) -> list[Measure]:
    """Take a 0 without a limit of detection, on a log scale, as below the smallest value that was seen."""
    least: dict[str, float] = {}
    for m in measures:
        if m.value is not None and m.value > 0:
            least[m.measure] = min(m.value, least.get(m.measure, m.value))
    counts: dict[str, int] = {}
    made = []
    for m in measures:
        marker = biomarker_of(m.measure, clone)
        if m.value == 0 and m.lod is None and marker is not None and marker.scale == "log2":
            counts[m.measure] = counts.get(m.measure, 0) + 1
            m = replace(m, value=None, lod=least.get(m.measure))
        made.append(m)
    for name, count in counts.items():
        instead = "nothing above 0 was measured, so they are missing"
        if name in least:
            instead = f"the smallest value above 0, {least[name]:g}, is taken as the limit"
        many = "values of 0 have" if count > 1 else "value of 0 has"
        findings.note(f"{file}: {name}: {count} {many} no limit of detection; {instead}")
    return made


def _check_range(
    name: str, value: float, text: str, line: int, file: str, clone: Path, findings: Findings
) -> None:
    scale = load_scales(clone).get(scale_key(name))
    if scale is None:
        return
    ranges = scale.get("ranges") or [[scale["min"], scale["max"]]]
    words = " or ".join(f"{low} to {high}" for low, high in ranges)
    if not any(low <= value <= high for low, high in ranges):
        findings.problem(
            file,
            f"out of the range of {name} ({scale['name']})",
            "correct the score, or rename the measure if it is another scale",
            line,
            "value",
            text,
            words,
        )
    elif scale["integer"] and value != int(value):
        findings.note(f"{file}, row {line}: {name} is {text}, but its total is a whole number")


def _check_responder(plan: dict[str, Any], plan_file: str, names: list[str], findings: Findings) -> None:
    responder = plan.get("responder")
    if isinstance(responder, dict) and responder.get("measure") not in names:
        measure = str(responder.get("measure"))
        findings.problem(
            plan_file,
            "the responder rule uses a measure that the measures sheet does not hold",
            did_you_mean(measure, names, "add the measure, or set responder to null"),
            column="responder.measure",
            value=measure,
            allowed=listed(names) or "no measures",
        )

"""The trial at a glance, in aligned plain text, and the flow of participants and samples."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vagus.design.biomarkers import in_biomarker_panel
from vagus.design.check_sheets import complete_participants
from vagus.design.model import Design, Participant

FLOW_COLUMNS = ["level", "id", "arm", "visit", "assay", "status", "step", "reason"]
WIDTH = 100
_KINDS = {
    "parallel": "parallel arms",
    "crossover": "crossover",
    "single_arm": "single arm",
    "n_of_1": "N-of-1",
    "fmt": "faecal microbiota transplantation",
}


def summarise_design(design: Design, levels: Sequence[str] = ("genus", "family", "phylum")) -> str:
    """Return the trial at a glance.

    Parameters
    ----------
    design
        The checked trial.
    levels
        Levels of the 16S profile that will be tested.

    Returns
    -------
    str
        Text that ends in a line break.
    """
    parts = [
        _head(design),
        _participants(design),
        _samples(design),
        _measures(design),
        _covariates(design),
        _controls(design),
        _estimates(design, levels),
        _notes(design),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def format_table(rows: Sequence[Sequence[object]], indent: str = "  ") -> str:
    """Return rows as aligned columns: the first to the left, numbers to the right.

    Parameters
    ----------
    rows
        Header first.
    indent
        Put before every line.
    """
    text = [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in text) for i in range(len(text[0]))]
    right = [
        all(row[i].replace(".", "").replace("-", "").isdigit() or row[i] in ("", "-") for row in text[1:])
        for i in range(len(text[0]))
    ]
    lines = []
    for row in text:
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def _head(design: Design) -> str:
    visits = [f"{v} (baseline)" if v == design.baseline else v for v in design.visits]
    visits = [f"{v} (primary)" if v == design.primary_visit and v != design.baseline else v for v in visits]
    arms = [f"{a} (reference)" if a == design.reference_arm else a for a in design.arms]
    kind = _KINDS.get(str(design.plan["design"]), str(design.plan["design"]))
    return f"Trial: {kind}\n  arms    {', '.join(arms)}\n  visits  {', '.join(visits)}"


def _participants(design: Design) -> str:
    count = len(design.participants)
    rows: list[list[object]] = [
        ["arm", "participants", *(f"complete {a}" for a in design.assays), "with measures"]
    ]
    measured = {m.participant for m in design.measures if m.value is not None}
    for arm in design.arms:
        people = [p.participant for p in design.participants if p.arm == arm]
        complete = [len(complete_participants(design, arm, a)) for a in design.assays]
        rows.append([arm, len(people), *complete, len(measured & set(people))])
    foot = "  complete: a baseline and at least one later sample" if design.assays else ""
    return f"Participants: {count}\n{format_table(rows)}" + (f"\n{foot}" if foot else "")


def _samples(design: Design) -> str:
    stool = design.stool_samples()
    if not stool:
        return ""
    counts = Counter((design.arm_of(s.participant or ""), s.visit, s.assay) for s in stool)
    rows: list[list[object]] = [["arm", "assay", *design.visits]]
    for arm in design.arms:
        rows += [[arm, a, *(counts[arm, v, a] for v in design.visits)] for a in design.assays]
    runs = sorted({u.run for s in design.samples for u in s.units})
    repeats = sum(len(s.units) > 1 for s in design.samples)
    foot = f"  sequencing runs: {', '.join(runs) or 'none'}"
    foot += f"; {repeats} sample{'s' if repeats != 1 else ''} sequenced in several runs" if repeats else ""
    return f"Stool samples: {len(stool)}\n{format_table(rows)}\n{foot}"


def _measures(design: Design) -> str:
    if not design.measures:
        return ""
    counts: Counter[tuple[str, str]] = Counter(
        (m.measure, m.visit) for m in design.measures if m.value is not None
    )
    units = {m.measure: m.unit for m in design.measures}
    rows: list[list[object]] = [["measure", "unit", *design.visits]]
    rows += [[name, unit or "-", *(counts[name, v] for v in design.visits)] for name, unit in units.items()]
    return f"Measures: {len(units)}\n{format_table(rows)}"


def _covariates(design: Design) -> str:
    people = design.participants
    names = list(people[0].covariates) if people else []
    if not names:
        return "Covariates: none"
    strata, model = set(design.plan["strata"]), set(design.plan["covariates"])
    rows: list[list[object]] = [["covariate", "type", "missing", "in the model", "values"]]
    for name in names:
        use = "stratum" if name in strata else ("covariate" if name in model else "no")
        rows.append([name, *_describe(people, name)[:2], use, _describe(people, name)[2]])
    return f"Covariates: {len(names)}\n{format_table(rows)}"


def _describe(people: Sequence[Participant], name: str) -> tuple[str, int, str]:
    values = [p.covariates.get(name) for p in people]
    numbers = [v for v in values if isinstance(v, (int, float))]
    missing = sum(v is None for v in values)
    if numbers:
        mean = sum(numbers) / len(numbers)
        return "number", missing, f"{min(numbers):g} to {max(numbers):g}, mean {mean:.4g}"
    counts = Counter(str(v) for v in values if v is not None)
    shown = ", ".join(f"{v} {n}" for v, n in sorted(counts.items())[:5])
    return "category", missing, shown + (f" and {len(counts) - 5} more" if len(counts) > 5 else "")


def _controls(design: Design) -> str:
    counts = Counter((s.type, s.assay) for s in design.controls())
    if not counts:
        return "Controls: none"
    rows: list[list[object]] = [["type", "assay", "samples"]]
    rows += [[kind, assay, n] for (kind, assay), n in sorted(counts.items())]
    return f"Controls: {sum(counts.values())}\n{format_table(rows)}"


def tested_profiles(design: Design, levels: Sequence[str]) -> list[str]:
    """Return the profiles of the built-in engines that this design leads to.

    Parameters
    ----------
    design
        The checked trial.
    levels
        Levels of the 16S profile that are tested.
    """
    amplicon = any(s.units for s in design.stool_samples("amplicon"))
    names = [f"amplicon.{level}" for level in (*levels, "diversity")] if amplicon else []
    markers = [in_biomarker_panel(m.measure) for m in design.measures]
    names += ["panel.clinical"] if not all(markers) else []
    return names + (["panel.biomarkers"] if any(markers) else [])


def _estimates(design: Design, levels: Sequence[str]) -> str:
    profiles = tested_profiles(design, levels)
    later = design.followup_visits
    head = "What will be estimated"
    if not later:
        return f"{head}\n  nothing over time: there is no visit after the baseline; profiles are still made"
    lines = [f"  profiles   {', '.join(profiles) or 'those imported'}", f"  visits     {', '.join(later)}"]
    if design.can_compare_arms:
        terms = " + ".join([f"value at {design.baseline}", "arm", *design.covariates])
        lines.insert(0, f"  contrasts  {', '.join(design.contrasts())}")
        lines.append(f"  model      value at the visit ~ {terms}   (ANCOVA, one per feature and visit)")
        lines.append(f"  primary    {design.primary_visit}")
    else:
        lines.append("  contrasts  none: the arms cannot be compared (see the notes)")
        lines.append("  model      change from baseline inside each arm, with its interval")
    families: list[dict[str, Any]] = design.plan["families"]
    for i, f in enumerate(families, 1):
        lines.append(
            f"  family {i}   {f['name']}: {', '.join(f['profiles'])} ({f['control']}, {f['alpha']:g}"
            + (", gate)" if f.get("gate") else ")")
        )
    if design.registration:
        lines.append(f"  plan       {design.registration['status']}; sha256 {design.registration['hash']}")
    return "\n".join([head, *lines])


def _notes(design: Design) -> str:
    if not design.notes:
        return "Notes: none"
    wrapped = [
        textwrap.fill(n, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
        for n in design.notes
    ]
    return "\n".join([f"Notes: {len(design.notes)}", *wrapped])


def make_flow(design: Design, reads: dict[str, int | None] | None = None) -> list[dict[str, str]]:
    """Return the flow of participants and samples as the design sees it; later steps lose more.

    Parameters
    ----------
    design
        The checked trial.
    reads
        `<sample>|<run>` -> reads, as `check_reads` returns it.

    Returns
    -------
    list of dict
        Rows with `FLOW_COLUMNS`: one per participant and assay, then one per sample.
    """
    reads = reads or {}
    rows: list[dict[str, str]] = []
    for assay in design.assays or [""]:
        for p in design.participants:
            reason = _why_lost(design, p, assay)
            rows.append(_flow_row("participant", p.participant, p.arm, "", assay, reason))
    for s in design.samples:
        counts = [reads.get(f"{s.sample}|{u.run}") for u in s.units]
        reason = "no reads in the files" if counts and all(c == 0 for c in counts) else ""
        arm = design.arm_of(s.participant) if s.type == "stool" and s.participant else s.type
        rows.append(_flow_row("sample", s.sample, arm, s.visit or "", s.assay, reason))
    return rows


def _flow_row(level: str, id_: str, arm: str, visit: str, assay: str, reason: str) -> dict[str, str]:
    status = "lost" if reason else "kept"
    return dict(zip(FLOW_COLUMNS, (level, id_, arm, visit, assay, status, "design", reason), strict=True))


def _why_lost(design: Design, person: Participant, assay: str) -> str:
    if not assay:
        return "" if person in complete_participants(design, person.arm) else "no baseline and later measure"
    visits = {s.visit for s in design.stool_samples(assay) if s.participant == person.participant}
    if not visits:
        return "no sample"
    if design.baseline not in visits:
        return "no baseline sample"
    if not visits & set(design.followup_visits):
        return "no sample after the baseline"
    return ""

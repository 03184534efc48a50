"""The report's sections: which words, figures and small tables stand where, and why one is empty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from vagus.report.figures_common import Figure
from vagus.report.figures_effects import TOP, TOP_OWN_AXES, forest_figure, forest_rows, within_figure
from vagus.report.figures_ordination import ordination_figure
from vagus.report.figures_profiles import composition_figure, trajectory_figure
from vagus.report.figures_reads import STEP_WORDS, ledger_figure, ledger_table, quality_figure, step_table
from vagus.report.flow_diagram import flow_diagram
from vagus.report.load_results import Results
from vagus.report.sentences import NO_CONTROL, WITHIN_NOTE, number, p_text, percent, plural

LEVELS = ["genus", "family", "phylum"]
MAX_MEASURES = 12


@dataclass
class Section:
    """A part of the page.

    Parameters
    ----------
    id, title
        Anchor and heading.
    lead
        Sentences before the figures.
    figures
        Shown as tabs when there are several.
    rows
        A small table: first the head, then the rows.
    empty
        Why there is nothing to show.
    notes
        Sentences after the figures.
    mark
        A badge such as `description only`.
    """

    id: str
    title: str
    lead: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    empty: str = ""
    notes: list[str] = field(default_factory=list)
    mark: str = ""


def all_sections(results: Results) -> list[Section]:
    """Return the sections with figures, in reading order.

    Parameters
    ----------
    results
        Of the run.
    """
    sections = [flow_section(results), effects_section(results)]
    if len(results.truth):
        sections.append(truth_section(results))
    sections += [
        within_section(results),
        clinical_section(results),
        diversity_section(results),
        composition_section(results),
        ordination_section(results),
        ledger_section(results),
        quality_section(results),
        decontam_section(results),
        mock_section(results),
    ]
    return [s for s in sections if s.figures or s.rows or s.empty or s.lead]


def profile_order(results: Results, names: set[str]) -> list[str]:
    """Return profile names: first as in the families of the plan, then panels, diversity and the rest."""
    planned = [p for f in results.plan.get("families") or [] for p in f.get("profiles") or []]
    rest = sorted(names, key=lambda n: (not n.startswith("panel."), not n.endswith(".diversity"), n))
    return [n for n in dict.fromkeys([*planned, *rest]) if n in names]


def alpha_of(results: Results, profile: str) -> float:
    """Return the error level of the family that names the profile."""
    for family in results.plan.get("families") or []:
        if profile in (family.get("profiles") or []):
            return float(family.get("alpha", 0.05))
    return 0.05


def own_axes(results: Results, profile: str) -> bool:
    """Whether the features of a profile have different units and need a scale each."""
    known = results.profiles.get(profile)
    units = set(results.effects.loc[results.effects["profile"] == profile, "unit"])
    return len(units) > 1 or (known.kind == "score" if known else profile.startswith("panel."))


def _primary_visit(results: Results) -> str:
    return str(results.plan.get("primary_visit") or (results.visits[-1] if results.visits else ""))


def _inferred(results: Results, figure: Figure, profile: str) -> Figure:
    known = results.profiles.get(profile)
    if known is not None and known.meta.get("inferred"):
        figure.note = "inferred, not measured"
    return figure


def effects_section(results: Results) -> Section:
    """Return forest plots of all profiles."""
    section = Section("effects", "Arm effects")
    done = results.effects[results.effects["estimate"].notna()]
    if not len(done):
        section.empty = NO_CONTROL if len(results.arms) < 2 else "No arm effect could be estimated."
        reasons = sorted({s for s in results.effects["status"] if s and s != "ok"})
        if reasons:
            section.empty += f" Reasons given: {'; '.join(reasons[:5])}."
        elif len(results.design["participants"]) == 1:
            section.empty += " One participant cannot carry a comparison of arms."
        return section
    visit = _primary_visit(results)
    section.lead = [
        f"Each estimate is the difference between arms at {visit}, adjusted for the participant's own baseline. Read "
        "the estimate and its interval first; q only guards against chance findings among many features."
    ]
    for profile in profile_order(results, set(done["profile"])):
        figure = forest_figure(
            results.effects, profile, visit, results.arms, results.reference, own_axes(results, profile),
            alpha_of(results, profile), results.confidence,
        )  # fmt: skip
        if figure:
            section.figures.append(_inferred(results, figure, profile))
    missed = results.effects[results.effects["estimate"].isna()]
    if len(missed):
        reasons = missed["status"].replace("", "no reason given").value_counts()
        section.notes.append(
            "Not estimated: " + "; ".join(f"{n} rows, {r}" for r, n in reasons.head(4).items()) + "."
        )
    return section


def truth_section(results: Results) -> Section:
    """Return what a simulation put in beside what was found."""
    section = Section("truth", "Truth beside estimate", mark="simulated trial")
    visit = _primary_visit(results)
    keys = ["profile", "feature", "contrast"]
    truth = results.truth
    if "status" in truth.columns:
        truth = truth[truth["status"].isin(["ok", ""])]
    if "visit" in truth.columns:
        truth = truth[truth["visit"].isin([visit, ""])]
    effects = results.effects[results.effects["visit"] == visit]
    both = truth[[*keys, "truth"]].merge(effects, on=keys)
    both = both[both["estimate"].notna()]
    if not len(both):
        section.empty = "None of the known effects has an estimate to stand beside."
        return section
    inside = int(((both["ci_low"] <= both["truth"]) & (both["truth"] <= both["ci_high"])).sum())
    section.lead = [
        f"These data were simulated with known effects. {inside} of {plural(len(both), 'interval')} "
        f"({percent(inside, len(both))}) contain the truth; {100 * results.confidence:g} % are expected to."
    ]
    for profile in profile_order(results, set(both["profile"])):
        known = truth[truth["profile"] == profile]
        # All true effects, then the null features with the smallest q.
        part = effects[effects["profile"].eq(profile) & effects["feature"].isin(known["feature"])]
        real = known.loc[known["truth"] != 0, "feature"].tolist()
        limit = TOP_OWN_AXES if own_axes(results, profile) else TOP
        rest = forest_rows(part[~part["feature"].isin(real)], max(0, limit - len(set(real))))
        part = part[part["feature"].isin([*real, *rest["feature"]])]
        figure = forest_figure(
            part, profile, visit, results.arms, results.reference, own_axes(results, profile),
            alpha_of(results, profile), results.confidence, known,
        )  # fmt: skip
        if figure:
            section.figures.append(figure)
    return section


def within_section(results: Results) -> Section:
    """Return the changes inside the arms, as description."""
    section = Section("within", "Change inside each arm", mark="description only")
    visit = _primary_visit(results)
    done = results.within[results.within["change"].notna()]
    for profile in profile_order(results, set(done["profile"])):
        apart = own_axes(results, profile)
        effects = results.effects[
            (results.effects["profile"] == profile) & (results.effects["visit"] == visit)
        ]
        rows = forest_rows(effects, TOP_OWN_AXES if apart else TOP)
        features = list(dict.fromkeys(rows["feature"])) if len(rows) else None
        figure = within_figure(
            results.within,
            profile,
            visit,
            results.arms,
            results.reference,
            features,
            apart,
            results.confidence,
        )
        if figure:
            section.figures.append(_inferred(results, figure, profile))
    if section.figures:
        section.lead = [WITHIN_NOTE]
    else:
        section.empty = "No change from baseline could be described: no participant has both visits."
    return section


def _lines(results: Results, profile: str, prefix: str) -> list[Figure]:
    known = results.profiles.get(profile)
    if known is None:
        return []
    features = known.features
    if len(features) > MAX_MEASURES:
        rows = results.effects[results.effects["profile"] == profile]
        first = forest_rows(rows, MAX_MEASURES)["feature"].tolist() if len(rows) else []
        features = list(dict.fromkeys([*first, *features]))[:MAX_MEASURES]
    people = results.people(known, features)
    units = results.effects[results.effects["profile"] == profile].set_index("feature")["unit"].to_dict()
    units |= {m["measure"]: m.get("unit") or "" for m in results.design.get("measures") or []}
    found = []
    for feature in features:
        unit = str(units.get(feature, ""))
        figure = trajectory_figure(
            people, feature, prefix, results.arms, results.visits, results.reference,
            "" if unit in ("score", feature) else unit, results.confidence,
        )  # fmt: skip
        if figure:
            found.append(_inferred(results, figure, profile))
    return found


def clinical_section(results: Results) -> Section:
    """Return every participant's scores."""
    section = Section("clinical", "Clinical scores and measures")
    section.figures = _lines(results, "panel.clinical", "clinical")
    if not section.figures:
        section.empty = "No measures were given (config: measures)."
    return section


def diversity_section(results: Results) -> Section:
    """Return every participant's diversity."""
    section = Section("diversity", "Diversity by arm and visit")
    section.figures = _lines(results, "amplicon.diversity", "diversity")
    if not section.figures:
        section.empty = "There is no diversity profile in this run."
    return section


def composition_section(results: Results) -> Section:
    """Return mean composition per arm and visit."""
    section = Section("composition", "Composition by arm and visit")
    for level in LEVELS:
        profile = results.profiles.get(f"amplicon.{level}")
        if profile is None:
            continue
        figure = composition_figure(results.people(profile), level, results.arms, results.visits)
        if figure:
            section.figures.append(_inferred(results, figure, profile.name))
    if not section.figures:
        section.empty = "There is no taxonomic profile in this run."
    return section


def ordination_section(results: Results) -> Section:
    """Return one ordination per distance."""
    section = Section("ordination", "Ordination: where each participant moved")
    for metric in sorted(results.distances, key=lambda m: (m != "aitchison", m)):
        figure = ordination_figure(
            results.distances[metric], metric, results.place_of(), results.arm_of(), results.arms, results.visits,
            results.reference, results.distance_totals.get(metric),
        )  # fmt: skip
        if figure:
            section.figures.append(figure)
    if not section.figures:
        section.empty = (
            "Fewer than three samples can be placed."
            if results.distances
            else "No distances were computed in this run."
        )
    return section


def controls(results: Results) -> dict[str, int]:
    """Return the number of samples by type, other than stool."""
    kinds = pd.Series([s["type"] for s in results.design["samples"]], dtype=str).value_counts()
    return {str(k): int(n) for k, n in kinds.items() if k != "stool"}


def flow_section(results: Results) -> Section:
    """Return the flow of participants and samples."""
    section = Section("flow", "Participants and samples: who entered, what was lost")
    baseline = str(results.plan.get("baseline") or (results.visits[0] if results.visits else ""))
    figure = flow_diagram(
        results.flow, results.arms, results.visits, baseline, _primary_visit(results), results.reference,
        controls(results),
    )  # fmt: skip
    if figure:
        section.figures = [figure]
    else:
        section.empty = "The flow table of this run is missing or has no participant of an arm."
    return section


def ledger_section(results: Results) -> Section:
    """Return the fate of the reads."""
    section = Section("ledger", "Reads: kept and lost")
    if not len(results.ledger):
        section.empty = "No reads were processed in this run."
        return section
    types = {s["sample"]: s["type"] for s in results.design["samples"]}
    table = ledger_table(results.ledger, types)
    section.figures = [ledger_figure(results.ledger, types)]
    raw, kept = int(table["raw"].sum()), int(table["kept"].sum())
    section.lead = [
        f"{number(kept, 0)} of {number(raw, 0)} raw reads or pairs ({percent(kept, raw)}) were kept."
    ]
    section.rows = [
        ["step", "lost", "left", "left of raw, median sample", "middle half of samples", "samples ended"]
    ]
    for row in step_table(table).itertuples(index=False):
        section.rows.append(
            [
                STEP_WORDS.get(row.step, row.step), number(row.lost, 0), number(row.left, 0),
                f"{row.median:.1f} %", f"{row.q25:.1f} to {row.q75:.1f} %", number(row.samples_ended, 0),
            ]
        )  # fmt: skip
    odd = results.ledger[results.ledger["status"] != "pass"]
    for row in odd.drop_duplicates(["sample", "status", "reason"]).head(12).itertuples(index=False):
        section.notes.append(
            f"{row.sample}, {STEP_WORDS.get(row.step, row.step)}: {row.reason} ({row.status})."
        )
    if len(odd) > 12:
        section.notes.append(f"{len(odd) - 12} more remarks are in reads/ledger.tsv.")
    return section


def quality_section(results: Results) -> Section:
    """Return the chosen truncation and why."""
    section = Section("quality", "Read quality and truncation")
    if not results.truncation:
        engine = (results.settings.get("amplicon") or {}).get("engine", "")
        section.empty = (
            "No truncation was chosen: the engine of this run merges reads before it filters them."
            if engine == "unoise3"
            else "No truncation lengths were recorded in this run."
        )
        return section
    figure = quality_figure(results.truncation)
    section.figures = [figure] if figure else []
    section.rows = [["setting", "value"], *_facts(results.truncation)]
    return section


def _facts(values: dict[str, Any], prefix: str = "") -> list[list[str]]:
    """Return the leaves of a nested dictionary as rows; long curves are left out."""
    rows: list[list[str]] = []
    for key, value in values.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _facts(value, f"{name}: ")
        elif isinstance(value, list) and len(value) > 12:
            continue
        elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
            rows += _facts({str(i): v for i, v in enumerate(value, 1)}, f"{name} ")
        else:
            rows.append([name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)])
    return rows[:40]


def decontam_section(results: Results) -> Section:
    """Return what was removed as contaminant, and why."""
    section = Section("decontam", "Decontamination")
    table = results.decontam
    if not len(table):
        section.empty = "No decontamination table: no negative controls, or no amplicon samples, in this run."
        return section
    bad = table[table["contaminant"].astype(str).str.lower().isin(["true", "1"])]
    method = (results.settings.get("decontam") or {}).get("method", "prevalence")
    if method == "none":
        section.lead = ["Decontamination was switched off; nothing was removed."]
        return section
    reads = pd.to_numeric(bad.get("reads", pd.Series(dtype=float)), errors="coerce").sum()
    total = pd.to_numeric(table.get("reads", pd.Series(dtype=float)), errors="coerce").sum()
    section.lead = [
        f"{len(bad)} of {plural(len(table), 'sequence variant')} were removed as contaminants "
        f"({number(reads, 0)} of {number(total, 0)} reads, {percent(reads, total)})."
    ]
    if "reason" in table.columns and not len(bad):
        why = [r for r in table["reason"].dropna().unique() if r]
        section.notes += [str(w) for w in why[:3]]
    if len(bad):
        section.rows = [["variant", "taxon", "reads", "in samples", "in negatives", "p", "why removed"]]
        bad = bad.assign(_reads=pd.to_numeric(bad["reads"], errors="coerce")).sort_values(
            "_reads", ascending=False
        )
        for row in bad.head(20).to_dict("records"):
            ranks = [str(row.get(r) or "") for r in ("genus", "family", "phylum")]
            taxon = next((r for r in ranks if r and r != "nan"), "")
            section.rows.append(
                [
                    str(row["feature"]), taxon, number(row["_reads"], 0),
                    _count(row.get("prevalence_in_samples")), _count(row.get("prevalence_in_negatives")),
                    p_text(float(row.get("p", float("nan"))), "p").removeprefix("p = ").removeprefix("p "),
                    str(row.get("reason") or ""),
                ]
            )  # fmt: skip
        if len(bad) > 20:
            section.notes.append(f"{len(bad) - 20} more are in profiles/decontam.tsv.")
    return section


def _count(value: Any) -> str:
    """Return a count or a share as text."""
    try:
        x = float(value)
    except (TypeError, ValueError):
        return ""
    return number(x, 0) if x == int(x) and x > 1 else percent(x, 1)


def mock_section(results: Results) -> Section:
    """Return how the mock communities came out."""
    section = Section("mock", "Mock communities")
    if not len(results.mock):
        section.empty = (
            "No mock community was sequenced, or no composition was given (config: mock.composition)."
        )
        return section
    section.lead = ["A mock holds known members; what else is found in it is an error of the method."]
    columns = [c for c in results.mock.columns]
    section.rows = [[c.replace("_", " ") for c in columns]]
    for row in results.mock.head(20).itertuples(index=False):
        section.rows.append(
            [
                ""
                if pd.isna(v)
                else number(v)
                if isinstance(v, int | float) and not isinstance(v, bool)
                else str(v)
                for v in row
            ]
        )
    return section

"""Sections about what was lost: participants, samples, reads, contaminants; and the mocks."""

from __future__ import annotations

from typing import Any

import pandas as pd

from vagus.report.figures_reads import STEP_WORDS, ledger_figure, ledger_table, quality_figure, step_table
from vagus.report.flow_diagram import flow_diagram
from vagus.report.load_results import Results
from vagus.report.section import Section
from vagus.report.sentences import PERCENT, number, p_text, percent, plural


def controls(results: Results) -> dict[str, int]:
    """Return the number of samples by type, other than stool."""
    kinds = pd.Series([s["type"] for s in results.design["samples"]], dtype=str).value_counts()
    return {str(k): int(n) for k, n in kinds.items() if k != "stool"}


def flow_section(results: Results) -> Section:
    """Return the flow of participants and samples."""
    section = Section("flow", "Participants and samples: who entered, what was lost")
    figure = flow_diagram(
        results.flow,
        results.groups,
        results.visits,
        results.needed_visits,
        results.reference_group,
        controls(results),
    )
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
    for row in step_table(table).to_dict("records"):
        section.rows.append(
            [
                STEP_WORDS.get(str(row["step"]), str(row["step"])),
                number(row["lost"], 0),
                number(row["left"], 0),
                f"{row['median']:.1f}{PERCENT}",
                f"{row['q25']:.1f} to {row['q75']:.1f}{PERCENT}",
                number(row["samples_ended"], 0),
            ]
        )
    odd = results.ledger[results.ledger["status"] != "pass"]
    # Once a sample is empty it stays so; the step where it ended tells the story.
    odd = pd.concat([odd[odd["status"] != "empty"], odd[odd["status"] == "empty"].drop_duplicates("sample")])
    odd = odd.drop_duplicates(["sample", "status", "reason"])
    for row in odd.head(12).to_dict("records"):
        step = STEP_WORDS.get(str(row["step"]), str(row["step"]))
        section.notes.append(f"{row['sample']}, {step}: {row['reason']} ({row['status']}).")
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
    section.rows = [
        ["setting", "value"],
        *_facts({k: v for k, v in results.truncation.items() if k not in CURVES}),
    ]
    return section


CURVES = ("quality", "candidates")


def _facts(values: dict[str, Any], prefix: str = "") -> list[list[str]]:
    """Return the leaves of a nested dictionary as rows; long curves are left out."""
    rows: list[list[str]] = []
    for key, value in values.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _facts(value, f"{name}: ")
        elif value is None or (isinstance(value, list) and len(value) > 12):
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
            ranks = [str(row.get(r) or "") for r in ("taxon", "genus", "family", "phylum")]
            taxon = next((r for r in ranks if r and r != "nan"), "")
            section.rows.append(
                [
                    str(row["feature"]),
                    taxon,
                    number(row["_reads"], 0),
                    _count(row.get("prevalence_in_samples")),
                    _count(row.get("prevalence_in_negatives")),
                    p_text(float(row.get("p", float("nan"))), "p").removeprefix("p = ").removeprefix("p "),
                    str(row.get("reason") or ""),
                ]
            )
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
    columns = [c for c in results.mock.columns if results.mock[c].notna().any()]
    section.rows = [[c.replace("_", " ") for c in columns]]
    for row in results.mock[columns].head(20).itertuples(index=False):
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

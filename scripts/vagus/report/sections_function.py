"""From genes to molecules: modules and their carriers, and whether genes say right what is measured."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from vagus.report.figures_common import Figure
from vagus.report.figures_function import concordance_figure, correlation_words, module_figure, module_table
from vagus.report.load_results import Results
from vagus.report.section import INFERRED, Section, inferred_words, mark_inferred, primary_visit
from vagus.report.sentences import ASSAY_WORDS, PERCENT, join, number, plural, profile_name

PER_FIGURE = 30
LEVELS = ("module", "metabolite", "balance", "flux")
ABSENT = "Not to be had from bacterial genes"
SUPPORTED, NOT_MEASURED = "supported", "not measured"


def molecules_section(results: Results) -> Section:
    """Return the modules of every assay, axis by axis, what carries them, and what no gene stands for."""
    section = Section("molecules", "From genes to molecules")
    section.lead = [
        "A module is a short list of reactions by which bacteria make or use one compound; a taxon has it if "
        "it has enough of the genes, and counts with the average (geometric mean) of them.",
        "The sum over the taxa is a potential: how many genes are there, not how much is made.",
    ]
    known = results.module_set.modules if results.module_set else ()
    names = {m.id: m.name for m in known}
    unseen: list[str] = []
    for assay, modules in results.modules.items():
        source = f"{assay}.module"
        profile = results.profiles.get(source)
        meta = profile.meta if profile else {}
        taxa_known = bool(meta.get("by_taxon", modules["carriers"].max() > 1))
        table = module_table(modules, results.place_of(), results.group_of(), results.groups, results.visits)
        start = str(results.plan.get("baseline") or primary_visit(results))
        for axis_id in dict.fromkeys(table["axis"]):
            figure = module_figure(
                table, assay, axis_id, names, results.groups, (start, primary_visit(results)),
                results.reference_group, str(meta.get("unit") or ""), taxa_known,
            )  # fmt: skip
            if figure:
                if len(results.modules) > 1:
                    figure.tab += f" ({ASSAY_WORDS.get(assay, assay)})"
                section.figures.append(mark_inferred(results, figure, source))
        none = table.groupby("module")["share_with"].max()
        gone = [names.get(str(m), str(m)) for m in none.index[none == 0]]
        if gone:
            counted = plural(len(gone), "module")
            where = ASSAY_WORDS.get(assay, assay) + (f", {INFERRED}" if results.is_inferred(source) else "")
            unseen.append(f"{counted} ({where}) seen in no sample: {'; '.join(gone)}.")
    if not section.figures:
        section.empty = "No module was seen in any sample of a participant."
    section.tables = lost_tables(results)
    if unseen:
        section.folded.append(("Modules that were seen in no sample", unseen))
    absent = results.module_set.absent if results.module_set else ()
    if absent:
        plain = [re.sub(r"^(\w)_", r"\1-", a.compound).replace("_", " ") for a in absent]
        said = [f"{name}: {a.reason}" for name, a in zip(plain, absent, strict=True)]
        compounds = join(plain)
        section.folded.append((f"{ABSENT}: {compounds}", said))
    tested = [p for p in dict.fromkeys(results.effects["profile"]) if p.partition(".")[2] in LEVELS]
    if tested:
        section.notes.append(
            f"Effects of the arms on {join([profile_name(p) for p in tested])} stand under Arm effects, with "
            "their intervals." + inferred_words(results, tested)
        )
    return section


def lost_tables(results: Results) -> list[tuple[str, list[list[str]]]]:
    """Return the share of reads that an inference could not use, by arm and visit, where it is told."""
    tables = []
    for name in sorted(results.profiles):
        meta = results.profiles[name].meta
        if not name.endswith(".module") or not meta.get("inferred"):
            continue
        lost = meta.get("lost_share_by_arm") or lost_by_arm(results, meta.get("lost_share") or {})
        if not lost:
            continue
        rows = [["arm", "visit", "samples", "lost, median", "lost, most"]]
        rows += [
            [results.group(str(r["arm"])), str(r["visit"]), number(float(r["n"]), 0)]
            + [f"{100 * float(r[key]):.1f}{PERCENT}" for key in ("median", "max")]
            for r in lost
        ]
        caption = (
            f"{profile_name(name)}, {INFERRED}{_by_engine(meta)}: share of the reads whose organism is too "
            "far from every known genome, and whose genes are therefore lost. If one arm loses more than "
            "another, the contrast between them is biased by just that."
        )
        tables.append((caption, rows))
    return tables


def _by_engine(meta: dict[str, Any]) -> str:
    """Say what inferred the genes and how far the genomes are, where a profile tells it."""
    engine = {"nearest": "the nearest genome", "picrust2": "PICRUSt2"}.get(str(meta.get("engine")), "")
    far = pd.Series(meta.get("distance") or {}, dtype=float)
    said = [f"by {engine}"] if engine else []
    said += [f"median distance to it {number(far.median(), 3)}"] if far.notna().any() else []
    return f" ({', '.join(said)})" if said else ""


def lost_by_arm(results: Results, lost: dict[str, float]) -> list[dict[str, Any]]:
    """Summarise sample -> lost share by arm and visit, as `lost_share_by_arm` does."""
    places, arms = results.place_of(), results.group_of()
    rows = []
    for arm in results.groups:
        for visit in results.visits:
            here = [
                float(share)
                for sample, share in lost.items()
                if sample in places and places[sample][1] == visit and arms.get(places[sample][0]) == arm
            ]
            if here:
                values = pd.Series(here)
                row = {"arm": arm, "visit": visit, "median": values.median(), "max": values.max()}
                rows.append({**row, "n": len(here)})
    return rows


def concordance_section(results: Results) -> Section:
    """Return correlations of potential and measurement, and what was not measured."""
    section = Section("concordance", "Are the genes right about the molecules?")
    table = results.concordance
    compounds = results.module_set.compounds if results.module_set else ()
    names = {c.id: c.name for c in compounds}
    measured = table[table["verdict"] != NOT_MEASURED]
    if not len(measured):
        section.empty = (
            "No compound of the modules was measured (config: measures), so genes stand alone here."
        )
    visits = [f"change to {v}" for v in [primary_visit(results)] if v != results.plan.get("baseline")]
    shown = ["baseline", *visits]
    for profile in dict.fromkeys(table["profile"]):
        part = measured[measured["profile"] == profile]
        done = part[part["ci_low"].notna()]
        section.lead += _lead(results, profile, done, names)
        section.figures += _figures(results, profile, done, names, shown)
        if len(part):
            section.tables.append(_verdicts(results, profile, part, names, shown))
    missing = list(dict.fromkeys(table.loc[table["verdict"] == NOT_MEASURED, "compound"]))
    if missing:
        line = f"{plural(len(missing), 'compound')} that the modules make {_were(missing)} not measured"
        section.folded.append((line, [f"{'; '.join(names.get(c, c) for c in missing)}."]))
    if len(measured):
        section.notes += [
            "All arms are taken together: this is a question to the genes and not to the treatment. Where a "
            "treatment moves genes and compound at once, changes go together though the one need not make "
            "the other; the table says what is left with the arms taken out.",
            "A stool holds what the gut did not take up, and blood what many organs made: genes can be right "
            "and still not show. An interval that holds 0 does not show that the genes are wrong.",
        ]
    return section


def _were(items: list[str]) -> str:
    return "was" if len(items) == 1 else "were"


def _lead(results: Results, profile: str, done: pd.DataFrame, names: dict[str, str]) -> list[str]:
    """Say the surest, and how many would be so by chance."""
    if not len(done):
        return []
    hits = done[done["ci_low"] > 0].sort_values("ci_low", ascending=False)
    named = [
        f"{names.get(r['compound'], r['compound'])}, {r['comparison']}: {correlation_words(r)}"
        for _, r in hits.head(3).iterrows()
    ]
    chance = 0.5 * (1 - results.confidence) * len(done)
    return [
        f"{profile_name(profile)}: {plural(len(done), 'comparison')} of genes with a measured compound. In "
        f"{len(hits)} the whole interval lies above 0 (about {chance:.1f} would by chance alone)"
        + (f"; the surest: {'; '.join(named)}." if named else ".")
        + inferred_words(results, [profile])
    ]


def _figures(
    results: Results, profile: str, done: pd.DataFrame, names: dict[str, str], shown: list[str]
) -> list[Figure]:
    """Draw the compounds, the highest correlation at baseline first, some thirty to a figure."""
    several = done.groupby("compound")["measure"].nunique()
    start = done.sort_values(
        ["comparison", "spearman"], key=lambda s: -s if s.name == "spearman" else s != "baseline"
    )
    keys = list(dict.fromkeys(zip(start["compound"], start["measure"], strict=True)))
    labels = {
        (c, m): names.get(c, c) + (f": {m.replace('_', ' ')}" if several[c] > 1 else "") for c, m in keys
    }
    figures = []
    for first in range(0, len(keys), PER_FIGURE):
        chunk = {k: labels[k] for k in keys[first : first + PER_FIGURE]}
        page = f"{first + 1} to {first + len(chunk)}" if len(keys) > PER_FIGURE else ""
        rows = done[[k in chunk for k in zip(done["compound"], done["measure"], strict=True)]]
        used = [c for c in shown if c in set(rows["comparison"])]
        figure = concordance_figure(rows, profile, chunk, used, results.confidence, page)
        if figure:
            figure.title = f"{figure.title}: {profile_name(profile)}"
            figure.tab = f"{profile_name(profile)}{page and ', ' + page}"
            figures.append(mark_inferred(results, figure, profile))
    return figures


def verdict_words(row: pd.Series) -> str:
    """Return what a comparison shows, in words."""
    if pd.isna(row["ci_low"]):
        return f"cannot be said: {row['note']}" if row["note"] else "cannot be said"
    if row["verdict"] == SUPPORTED:
        return str(row["note"]) or "genes and compound go together"
    return "the less genes, the more compound" if row["ci_high"] < 0 else "not shown"


def _verdicts(
    results: Results, profile: str, part: pd.DataFrame, names: dict[str, str], shown: list[str]
) -> tuple[str, list[list[str]]]:
    """Return the verdicts of all comparisons at the visits shown, the surest first."""
    rows = part[part["comparison"].isin(shown)].sort_values("ci_low", ascending=False, na_position="last")
    table = [["compound", "comparison", "what it shows", "participants", "same direction", "arms taken out"]]
    several = part.groupby("compound")["measure"].nunique()
    for _, row in rows.iterrows():
        name = names.get(row["compound"], row["compound"])
        if several[row["compound"]] > 1:
            name += f": {row['measure'].replace('_', ' ')}"
        signs, inside = row["sign_agreement"], ""
        if pd.notna(row.get("spearman_in_arms")):
            ends = (
                number(float(row[c]), 2, True) for c in ("spearman_in_arms", "in_arms_low", "in_arms_high")
            )
            inside = "{} ({} to {})".format(*ends).replace(" ", "\N{NO-BREAK SPACE}")
        same = "" if pd.isna(signs) else f"{100 * signs:.0f}{PERCENT}"
        people = number(row["n"], 0)
        table.append([name, row["comparison"], verdict_words(row), people, same, inside])
    mark = f", {INFERRED}" if results.is_inferred(profile) else ""
    return (
        f"{profile_name(profile)}{mark}: what each comparison shows, in how many participants genes and "
        f"compound moved the same way (50{PERCENT} by chance), and the correlation with the arms taken out",
        table,
    )

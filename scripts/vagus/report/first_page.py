"""What stands first on the page: the answer, the size of the trial, its design and its estimand."""

from __future__ import annotations

from typing import Any

import pandas as pd

from vagus.report.figures_reads import ledger_table
from vagus.report.flow_diagram import complete_people, stool_rows, with_visits
from vagus.report.load_results import Results
from vagus.report.section import INFERRED, alpha_of, difference_words, inferred_words, profile_order
from vagus.report.sections_reads import controls
from vagus.report.sentences import (
    NO_UNIT,
    PERCENT,
    certainty_sentence,
    effect_sentence,
    family_sentence,
    group_sizes,
    interval,
    join,
    number,
    p_text,
    percent,
    plural,
    primary_rows,
    split_contrast,
    with_unit,
)

MAX_CARDS = 4


def answer(results: Results) -> dict[str, Any]:
    """Return the answer that stands first: cards with effect and interval, and sentences.

    Parameters
    ----------
    results
        Of the run.

    Returns
    -------
    dict
        family, cards (name, contrast, value, range, detail, low, high, estimate, scale), sentences, others.
    """
    rows, family = primary_rows(results)
    alpha = float(family.get("alpha", 0.05)) if family else 0.05
    found: dict[str, Any] = {"family": family.get("name", ""), "cards": [], "sentences": [], "others": []}
    found["visit"] = str(results.plan.get("primary_visit") or "")
    found["difference"] = difference_words(results)
    when = "the end of a period" if results.is_crossover else None
    if not len(rows):
        found["sentences"] = _descriptions(results)
        return found
    shown = rows.head(MAX_CARDS)
    for _, row in shown.iterrows():
        value, low, high = interval(row, sign=True)
        arm, other = split_contrast(str(row["contrast"]), results.reference)
        reach = max(abs(row["ci_low"]), abs(row["ci_high"])) or 1.0
        found["cards"].append(
            {
                "name": row["feature"],
                "contrast": f"{arm} compared with {other}",
                "value": value,
                "unit": "" if row["unit"] in NO_UNIT else row["unit"],
                "low": low,
                "high": high,
                "detail": f"{p_text(row['q_value'])} \N{MIDDLE DOT} {group_sizes(row, results.reference)}"
                + (f" \N{MIDDLE DOT} {INFERRED}" if results.is_inferred(str(row["profile"])) else ""),
                # Places on a 200-wide bar whose middle is no difference.
                "x": [round(100 + 92 * row[c] / reach, 1) for c in ("ci_low", "estimate", "ci_high")],
                "arm": arm,
                "reference": other,
            }
        )
        found["sentences"].append(
            f"{effect_sentence(row, results.reference, results.confidence, when)} {certainty_sentence(row)}"
            + inferred_words(results, [str(row["profile"])])
        )
    if len(rows) > MAX_CARDS:
        found["sentences"].append(
            family_sentence(rows, list(family.get("profiles") or []), alpha)
            + " Shown: the surest."
            + inferred_words(results, list(rows["profile"]))
        )
    planned = set(family.get("profiles") or []) if family else set(rows["profile"])
    at = results.effects[results.effects["visit"] == found["visit"]]
    at = at[at["estimate"].notna()]
    for profile in profile_order(results, set(at["profile"]) - planned):
        part = at[at["profile"] == profile]
        words = family_sentence(part, [profile], alpha_of(results, profile))
        found["others"].append(words + inferred_words(results, [profile]))
    return found


def _descriptions(results: Results) -> list[str]:
    """Return the changes of the primary profile in words, when arms cannot be compared."""
    families = results.plan.get("families") or []
    wanted = [p for f in families[:1] for p in f.get("profiles") or []]
    visit = str(results.plan.get("primary_visit") or "")
    rows = results.within[results.within["change"].notna() & (results.within["visit"] == visit)]
    names = [p for p in wanted if p in set(rows["profile"])] or profile_order(results, set(rows["profile"]))
    said = []
    for _, row in rows[rows["profile"].isin(names[:1])].head(MAX_CARDS).iterrows():
        value, low, high = interval(row, sign=True)
        value = with_unit(value, str(row["unit"]))
        range_ = (
            f" ({100 * results.confidence:g}{PERCENT} CI {low} to {high})" if pd.notna(row["ci_low"]) else ""
        )
        said.append(
            f"In {row['arm']}, {row['feature']} changed by {value}{range_} from baseline to {visit} "
            f"(n = {number(row['n'], 0)}). This is a description, not an effect of the intervention."
            + inferred_words(results, [str(row["profile"])])
        )
    return said or ["There is no effect and no change to report from this run; the profiles are below."]


def key_numbers(results: Results) -> list[tuple[str, str]]:
    """Return the few numbers that show the size of the trial and what was lost."""
    people = results.design["participants"]
    found = [(number(len(people), 0), "participants")]
    if len(results.flow):
        needed = results.needed_visits
        whole = sum(complete_people(results.flow, group, needed)[0] for group in results.groups)
        found.append((number(whole, 0), with_visits(needed)))
        rows = stool_rows(results.flow)
        rows = rows[rows["arm"].isin(results.groups) & (rows["step"] != "sampling")]
        kept = int((rows["status"] == "kept").sum())
        found.append((f"{number(kept, 0)} of {number(len(rows), 0)}", "stool samples kept"))
    if len(results.ledger):
        table = ledger_table(results.ledger, {})
        found.append((percent(table["kept"].sum(), table["raw"].sum()), "of raw reads kept"))
    return found


def design_rows(results: Results) -> list[tuple[str, str]]:
    """Return the design at a glance."""
    plan = results.plan
    counts = pd.Series(list(results.group_of().values()), dtype=str).value_counts()
    listed = ", ".join(
        f"{g}{' (reference)' if g == results.reference else ''}: "
        f"{plural(int(counts.get(g, 0)), 'participant')}"
        for g in results.groups
    )
    rows = [("Design", str(plan.get("design", "")).replace("_", " "))]
    if results.is_crossover:
        names = [f"{a}{' (reference)' if a == results.reference else ''}" for a in results.arms]
        listed = f"{join(names)}, each participant one after the other; {listed}"
    rows.append(("Arms", listed))
    visits = [
        v
        + (" (baseline)" if v == plan.get("baseline") != "baseline" else "")
        + (" (primary)" if v == plan.get("primary_visit") else "")
        for v in results.visits
    ]
    rows.append(("Visits", ", ".join(visits)))
    kinds = controls(results)
    rows.append(("Controls", ", ".join(f"{n} {k}" for k, n in sorted(kinds.items())) or "none sequenced"))
    for key, name in (("strata", "Strata"), ("covariates", "Covariates")):
        if plan.get(key):
            rows.append((name, ", ".join(map(str, plan[key]))))
    return rows


def estimand_rows(results: Results) -> list[tuple[str, str]]:
    """Return the estimand (ICH E9 R1) attribute by attribute."""
    block = results.plan.get("estimand") or {}
    other = [a for a in results.arms if a != results.reference]
    treatment = (
        f"{', '.join(other)} against {results.reference}" if results.reference and other else "no comparison"
    )
    events = "; ".join(
        f"{e.get('event')}: {str(e.get('strategy')).replace('_', ' ')}"
        for e in block.get("intercurrent_events") or []
    )
    return [
        ("Population", str(block.get("population") or "not stated in the plan")),
        ("Treatments", treatment),
        ("Variable", str(block.get("variable") or "not stated in the plan")),
        ("Intercurrent events", events or "none stated in the plan"),
        ("Summary measure", str(block.get("summary") or "not stated in the plan")),
    ]

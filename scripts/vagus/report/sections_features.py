"""Sections about features beyond the main effect: who carries them, whom it works in, and by which method."""

from __future__ import annotations

import pandas as pd

from vagus.report.figures_features import interaction_figure, presence_figure
from vagus.report.load_results import Results
from vagus.report.section import (
    INFERRED,
    Section,
    alpha_of,
    inferred_words,
    mark_inferred,
    own_axes,
    primary_visit,
    profile_order,
    when_words,
)
from vagus.report.sentences import PERCENT, number, p_text, plural, profile_name
from vagus.trial.sensitivity_rows import METHODS

ROWS = 10
ALPHA = 0.05
METHOD_WORDS = {
    "pseudocount_half": "pseudocount 0.5",
    "pseudocount_one": "pseudocount 1",
    "multiplicative": "multiplicative replacement",
    "rank": "rank test",
    "ancombc2": "ANCOM-BC2",
}


def _mark(results: Results, profile: str) -> str:
    return f", {INFERRED}" if results.is_inferred(profile) else ""


def _range(row: pd.Series, columns: tuple[str, str, str], scale: float = 1.0, decimals: int = 2) -> str:
    """Return `estimate (low to high)` with signs, kept in one line."""
    value, low, high = (number(scale * float(row[c]), decimals, True) for c in columns)
    return f"{value} ({low} to {high})".replace(" ", "\N{NO-BREAK SPACE}")


def _at(results: Results, row: pd.Series) -> str:
    """Return the feature, with the contrast where there are several."""
    name = str(row["feature"])
    return f"{name} ({row['contrast']})" if len(results.arms) > 2 else name


def _q(row: pd.Series) -> str:
    """Return q without its name, for a column that has it."""
    return p_text(row["q_value"]).removeprefix("q ").removeprefix("= ")


def _contrast(results: Results, rows: pd.DataFrame) -> str:
    return "" if len(results.arms) > 2 else f", {rows.iloc[0]['contrast']}"


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(["q_value", "p_value", "feature"], kind="stable").head(ROWS)


def _presence_words(results: Results) -> str:
    if results.is_crossover:
        return (
            "Presence at the end of a period with the arm against that with the reference, in the same "
            "participant"
        )
    return f"Presence {when_words(results)} against presence at the baseline"


def odds_words(results: Results) -> str:
    """Say which odds ratio an effect on presence is, without a full stop."""
    if results.is_crossover:
        return "log odds ratio of presence at the end of a period, in the same participant"
    return f"log odds ratio of presence {when_words(results)}, adjusted for presence at the baseline"


def prevalence_section(results: Results) -> Section:
    """Return odds ratios of presence, with risk differences and who gained and lost a feature."""
    section = Section("presence", "Who carries a feature", open_tables=1)
    visit = primary_visit(results)
    done = results.prevalence[results.prevalence["estimate"].notna() & (results.prevalence["visit"] == visit)]
    if not len(done):
        section.empty = f"No feature could be compared in its presence {when_words(results)}."
        return section
    names = profile_order(results, set(done["profile"]))
    section.lead = [
        f"{_presence_words(results)}: a claim of its own beside how much there is. "
        "The risk difference says how many more in a hundred participants carry the feature in the arm."
        + inferred_words(results, names)
    ]
    for profile in names:
        alpha = alpha_of(results, profile)
        figure = presence_figure(
            results.prevalence, profile, visit, results.arms, results.reference, alpha, results.confidence,
            odds_words(results),
        )  # fmt: skip
        if figure:
            section.figures.append(mark_inferred(results, figure, profile))
        part = done[done["profile"] == profile]
        table = [
            [
                "feature",
                "log odds ratio",
                f"risk difference,{PERCENT}",
                "in the arm",
                f"in {results.reference}",
                "q",
            ]
        ]
        for _, row in _first(part).iterrows():
            moves = [
                ", ".join(number(row[f"{m}_{side}"], 0) for m in ("gained", "lost", "kept", "never"))
                for side in ("arm", "reference")
            ]
            table.append(
                [
                    _at(results, row),
                    _range(row, ("estimate", "ci_low", "ci_high")),
                    _range(row, ("risk_difference", "rd_low", "rd_high"), 100, 0),
                    *moves,
                    _q(row),
                ]
            )
        more = f", the {ROWS} with the smallest q of {len(part)}" if len(part) > ROWS else ""
        section.tables.append(
            (
                f"{profile_name(profile)}{_mark(results, profile)}: presence {when_words(results)}"
                f"{_contrast(results, part)}{more}. Before q: participants who gained, lost, "
                "kept and never had it.",
                table,
            )
        )
    section.notes.append(
        "Whether a rare feature is seen depends on the depth of the sample, so a difference in presence may "
        "be one in abundance near the limit of detection. Features that all or none carry at the visit are "
        "not compared."
    )
    return section


def interactions_section(results: Results) -> Section:
    """Return interactions with the plan's moderators; effects inside strata without p-values."""
    section = Section("interactions", "Does the effect depend on who one is?", open_tables=1)
    visit = primary_visit(results)
    done = results.interactions[
        results.interactions["estimate"].notna() & (results.interactions["visit"] == visit)
    ]
    if not len(done):
        reasons = sorted({s for s in results.interactions["status"] if s and s != "ok"})
        section.empty = f"No interaction could be estimated at {visit}."
        section.empty += f" Reasons given: {'; '.join(reasons[:5])}." if reasons else ""
        return section
    names = profile_order(results, set(done["profile"]))
    section.lead = [
        "An interaction is how much the effect of the arm differs between two groups of participants. One as "
        "large as the effect itself needs about four times the participants, so wide intervals are the rule; "
        "an interval that holds 0 does not show that the groups are alike." + inferred_words(results, names)
    ]
    for profile in names:
        part = done[done["profile"] == profile]
        for _, group in part.groupby(["moderator", "comparison", "contrast"], sort=False):
            figure = interaction_figure(
                group, profile, own_axes(results, profile), alpha_of(results, profile), results.confidence
            )
            if figure:
                if len(results.arms) > 2:
                    figure.tab += f" ({group.iloc[0]['contrast']})"
                section.figures.append(mark_inferred(results, figure, profile))
        table = [["feature", "moderator", "interaction", "q", "effect there", "effect elsewhere"]]
        for _, row in _first(part).iterrows():
            table.append(
                [
                    _at(results, row),
                    f"{str(row['moderator']).replace('_', ' ')}: {row['comparison']}",
                    _range(row, ("estimate", "ci_low", "ci_high")),
                    _q(row),
                    f"{row['level']}: {_range(row, ('effect', 'effect_low', 'effect_high'))}",
                    f"{row['other_level']}: {_range(row, ('other_effect', 'other_low', 'other_high'))}",
                ]
            )
        more = f", the {ROWS} with the smallest q of {len(part)}" if len(part) > ROWS else ""
        section.tables.append(
            (
                f"{profile_name(profile)}{_mark(results, profile)}: interactions at {visit}"
                f"{_contrast(results, part)}{more}",
                table,
            )
        )
    section.notes.append(
        "Effects inside strata have no p-value: a small p in one group beside a large one in another does "
        "not show that the groups differ."
    )
    return section


def agreement_section(results: Results) -> Section:
    """Return in how many methods each effect holds."""
    section = Section("agreement", "Does it hang on the method?", open_tables=1)
    # One method alone agrees with nothing.
    known = results.sensitivity[results.sensitivity["methods"] > 1]
    if not len(known):
        section.empty = "No effect could be estimated by a second method."
        return section
    names = profile_order(results, set(known["profile"]))
    section.lead = [
        "The effects at the primary visit by other zero rules, by ranks and by ANCOM-BC2. A method agrees if "
        f"its p is below {ALPHA:g} and its sign is that of the first. Agreement is no replication, as all "
        "methods see the same participants; disagreement says that an effect hangs on how zeros and totals "
        "are treated." + inferred_words(results, names)
    ]
    for profile in names:
        part = known[known["profile"] == profile]
        full = int(((part["agree"] == part["methods"]) & (part["methods"] > 1)).sum())
        hit = part[part["agree"] > 0].copy()
        caption = (
            f"{profile_name(profile)}{_mark(results, profile)}: all methods agree in {full} of "
            f"{plural(len(part), 'comparison')}, some in {len(hit) - full}{_contrast(results, part)}"
        )
        used = [m for m in METHODS if part[f"p_{m}"].notna().any()]
        hit["_share"] = hit["agree"] / hit["methods"]
        hit = hit.sort_values(["_share", "feature"], ascending=[False, True], kind="stable").head(ROWS)
        table = [["feature", "agree", *[METHOD_WORDS[m] for m in used]]]
        for _, row in hit.iterrows():
            table.append(
                [_at(results, row)]
                + [f"{number(row['agree'], 0)} of {number(row['methods'], 0)}"]
                + [_method(row, m) for m in used]
            )
        if len(table) > 1:
            section.tables.append((caption, table))
        else:
            section.notes.append(f"{caption}.")
    section.notes.append(
        "Numbers are log2 fold changes; for the rank test, the chance that a participant of the arm rose "
        "more than one of the reference, less one half. p are not adjusted here."
    )
    return section


def _method(row: pd.Series, method: str) -> str:
    """Return estimate and p of a method, a dash without an estimate."""
    if pd.isna(row[f"p_{method}"]):
        return "\N{EN DASH}"
    return f"{number(float(row[f'estimate_{method}']), 2, True)}, {p_text(row[f'p_{method}'], 'p')}"

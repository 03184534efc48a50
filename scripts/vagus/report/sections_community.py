"""The section about the community as a whole: what the arms explain, how far participants moved."""

from __future__ import annotations

import math

import pandas as pd

from vagus.report.figures_common import Figure
from vagus.report.figures_community import moved_figure
from vagus.report.figures_ordination import METRICS, draw_ordination
from vagus.report.load_results import Results
from vagus.report.section import INFERRED, Section, mark_inferred, primary_visit, profile_order, when_words
from vagus.report.sentences import MINUS, PERCENT, interval, number, p_text, profile_name

R2 = "R\N{SUPERSCRIPT TWO}"
LOCATION = ("change", "residual", "interaction")
TEST_WORDS = {
    "change": "change from baseline",
    "residual": "follow-up, baseline taken out",
    "interaction": "arm by visit",
    "dispersion": "spread of the changes",
    "within": "distance from own baseline",
    "volatility": "distance between consecutive visits",
}
# In a crossover of two periods.
CROSSOVER_WORDS = {
    "change": "ends of the periods",
    "residual": "ends of the periods, their starts taken out",
    "interaction": "sequence by period",
    "within": "distance moved in a period",
}
# Rows of a table; a run with many profiles has hundreds, and the whole stands in the results.
MAX_ROWS = 24
# The distance that has coordinates comes first; the others follow in the table.
OWN = ("aitchison", "euclidean_log2")


def community_section(results: Results) -> Section:
    """Return what the arms explain of the community, with the distances moved.

    Parameters
    ----------
    results
        Of the run.
    """
    section = Section("community", "The community as a whole")
    names = profile_order(results, set(results.trajectories["profile"]) | set(results.beta["profile"]))
    visit = primary_visit(results)
    done = results.beta[results.beta["status"] == "ok"]
    here = done[done["visit"].isin([visit, "all", "after baseline"])]
    section.lead = _lead(results, here, names)
    location = here[here["test"].isin(LOCATION)]
    if len(location):
        caption = f"Share of the variation that the arms explain ({R2})"
        section.tables.append(_cut(caption, _location(results, location, names)))
    shifts = here[here["test"].isin(["within", "volatility"]) & here["estimate"].notna()]
    if len(shifts):
        caption = "How far participants moved: difference between arms (Hodges\N{EN DASH}Lehmann shift)"
        section.tables.append(_cut(caption, _shifts(results, shifts, names)))
    spread = here[here["test"] == "dispersion"]
    if len(spread):
        caption = "Whether the changes scatter more in one arm (F of the distances to the arm's centre)"
        section.tables.append(_cut(caption, _spread(results, spread, names)))
    for profile in names:
        metric = _own_metric(results.trajectories, profile)
        figure = moved_figure(
            results.trajectories, profile, metric, results.groups, results.visits, results.reference_group
        )
        if figure:
            section.figures.append(mark_inferred(results, figure, profile))
    schemes = list(dict.fromkeys(here["scheme"]))
    if schemes:
        section.notes.append(
            f"How p was found: {'; '.join(schemes[:3])}. Every test has one row per participant; stacking "
            "visits as if they were participants would find differences where there are none."
        )
    missed = results.beta[results.beta["status"] != "ok"]
    if len(missed):
        reasons = missed["status"].value_counts()
        section.notes.append(
            "Not tested: " + "; ".join(f"{r} ({n})" for r, n in reasons.head(4).items()) + "."
        )
    if not section.figures and not section.tables:
        section.empty = "No participant has a baseline and a later visit."
    return section


def placed_figures(results: Results, drawn: str) -> list[Figure]:
    """Return ordinations of the profiles, by the distance that has coordinates.

    Parameters
    ----------
    results
        Of the run.
    drawn
        Profile whose distances have an ordination already; "" for none.
    """
    found = []
    table = results.ordination
    for profile in profile_order(results, set(table["profile"]) - {drawn}):
        part = table[(table["profile"] == profile) & table["distance"].isin(OWN)]
        part = part.rename(columns={"axis1": "axis_1", "axis2": "axis_2"})
        if len(part) < 3:
            continue
        figure = draw_ordination(
            part[["sample", "participant", "arm", "visit", "axis_1", "axis_2"]],
            (float(part["explained1"].iloc[0]), float(part["explained2"].iloc[0])),
            str(part["distance"].iloc[0]),
            results.groups,
            results.visits,
            results.reference_group,
            profile=profile,
        )
        found.append(mark_inferred(results, figure, profile))
    return found


def chance_r2(row: pd.Series) -> float:
    """Return about what R2 is without any effect: the arms' share of the degrees of freedom."""
    return float(row["df"] / (people_of(row) - 1))


def is_crossed(row: pd.Series) -> bool:
    """Return whether sequences of a crossover were compared."""
    return str(row["scheme"]).startswith("sequences")


def people_of(row: pd.Series) -> float:
    """Return how many participants a row rests on; in a crossover everybody is in both arms."""
    return float(row["n_arm"] if is_crossed(row) else row["n_arm"] + row["n_reference"])


def words_of_test(row: pd.Series) -> str:
    """Return what a test looked at."""
    return (CROSSOVER_WORDS if is_crossed(row) else TEST_WORDS)[row["test"]]


def _lead(results: Results, here: pd.DataFrame, names: list[str]) -> list[str]:
    if not len(here):
        return ["The arms are not compared here; the figure shows how far participants moved from baseline."]
    lead = [
        f"Do the arms differ in where the whole profile moved? {R2} is the share of the variation between "
        "participants that the arms explain; arms without any effect explain some by chance, which is "
        "given beside it. p says how often a re-draw of the arms explains as much."
    ]
    if results.is_crossover:
        lead[0] += (
            " Compared are the differences between the ends of a participant's two periods, between those who"
            " had the arm first and those who had it last, as if nothing were carried over."
        )
    for profile in names:
        rows = here[(here["profile"] == profile) & (here["test"] == "residual")]
        rows = rows if len(rows) else here[(here["profile"] == profile) & here["test"].isin(LOCATION)]
        if not len(rows):
            continue
        row = rows.iloc[0]
        sentence = (
            f"{_name(results, profile)} {when_words(results)}, {row['contrast']}: the arms explain "
            f"{_percent(row['r2'])} of the variation ({words_of_test(row)}; "
            f"{_percent(chance_r2(row))} expected by chance), {p_text(row['p_value'], 'p')}."
        )
        lead.append(sentence)
        break
    return lead


def _location(results: Results, rows: pd.DataFrame, names: list[str]) -> list[list[str]]:
    head = [
        "profile",
        "test",
        "distance",
        "visit",
        "arms",
        R2,
        "by chance",
        "F",
        "p",
        "n",
    ]
    return [head] + [
        [
            _name(results, row["profile"]),
            words_of_test(row),
            METRICS.get(row["distance"], row["distance"]),
            row["visit"],
            row["contrast"],
            _percent(row["r2"]),
            _percent(chance_r2(row)),
            number(row["statistic"]),
            p_text(row["p_value"], "p").removeprefix("p ").removeprefix("= "),
            number(people_of(row), 0),
        ]
        for _, row in _ordered(rows, names).iterrows()
    ]


def _shifts(results: Results, rows: pd.DataFrame, names: list[str]) -> list[list[str]]:
    level = f"{100 * results.confidence:g}{PERCENT}"
    head = [
        "profile",
        "what",
        "distance",
        "visit",
        "arms",
        "medians, arm and reference",
        "difference",
        f"{level} interval",
        "p",
    ]
    found = [head]
    for _, row in _ordered(rows, names).iterrows():
        if math.isfinite(row["ci_low"]):
            estimate, low, high = interval(row, sign=True)
        else:
            estimate, low, high = number(row["estimate"], sign=True), "", ""
        found.append(
            [
                _name(results, row["profile"]),
                words_of_test(row),
                METRICS.get(row["distance"], row["distance"]),
                row["visit"],
                row["contrast"],
                f"{number(row['median_arm'])} and {number(row['median_reference'])}",
                estimate,
                f"{low} to {high}" if low else "too few for one",
                p_text(row["p_value"], "p").removeprefix("p ").removeprefix("= "),
            ]
        )
    return found


def _spread(results: Results, rows: pd.DataFrame, names: list[str]) -> list[list[str]]:
    head = ["profile", "distance", "visit", "arms", "F", "p"]
    return [head] + [
        [
            _name(results, row["profile"]),
            METRICS.get(row["distance"], row["distance"]),
            row["visit"],
            row["contrast"],
            number(row["statistic"]),
            p_text(row["p_value"], "p").removeprefix("p ").removeprefix("= "),
        ]
        for _, row in _ordered(rows, names).iterrows()
    ]


def _cut(caption: str, rows: list[list[str]]) -> tuple[str, list[list[str]]]:
    if len(rows) - 1 > MAX_ROWS:
        caption += f"; first {MAX_ROWS} of {len(rows) - 1} rows, all in results/trial/beta"
    return caption, rows[: MAX_ROWS + 1]


def _ordered(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    rank = {name: i for i, name in enumerate(names)}
    return rows.assign(rank=rows["profile"].map(rank)).sort_values("rank", kind="stable")


def _own_metric(ways: pd.DataFrame, profile: str) -> str:
    known = ways.loc[ways["profile"] == profile, "distance"].unique().tolist()
    return next((m for m in OWN if m in known), known[0] if known else "")


def _name(results: Results, profile: str) -> str:
    return profile_name(profile) + (f", {INFERRED}" if results.is_inferred(profile) else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}{PERCENT}".replace("-", MINUS)

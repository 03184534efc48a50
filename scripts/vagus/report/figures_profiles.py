"""Composition, and every participant's line through the visits."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots
from scipy import stats

from vagus.report.figures_common import (
    MAX_LINES,
    OTHER,
    STACK,
    Figure,
    arm_colours,
    axis,
    base_layout,
    esc,
    rgba,
    short,
    significant,
    thin,
)
from vagus.report.sentences import PERCENT, join, number, plural


def composition_table(
    people: pd.DataFrame, arms: list[str], visits: list[str], top: int = 11
) -> pd.DataFrame:
    """Return the mean relative abundance of the top features per arm and visit.

    Parameters
    ----------
    people
        Columns participant, arm, visit, then counts or abundances per feature.
    arms, visits
        In the order of the plan.
    top
        Features that keep their name; the rest is summed as "other".

    Returns
    -------
    pandas.DataFrame
        Long: arm, visit, n, feature, mean_relative_abundance; each arm and visit sums to 1.
    """
    features = [c for c in people.columns if c not in ("participant", "arm", "visit")]
    values = people[features].to_numpy(float)
    total = values.sum(axis=1)
    used = people.loc[total > 0, ["arm", "visit"]].reset_index(drop=True)
    share = pd.DataFrame(values[total > 0] / total[total > 0, None], columns=features)
    order = share.mean().sort_values(ascending=False, kind="stable").index.tolist()
    names = order[:top] if len(order) > top + 1 else order
    rows = []
    for arm in arms:
        for visit in visits:
            here = share[((used["arm"] == arm) & (used["visit"] == visit)).to_numpy()]
            if not len(here):
                continue
            means = here.mean()
            rows += [(arm, visit, len(here), f, float(means[f])) for f in names]
            if len(names) < len(order):
                rows.append((arm, visit, len(here), "other", max(0.0, 1 - float(means[names].sum()))))
    return pd.DataFrame(rows, columns=["arm", "visit", "n", "feature", "mean_relative_abundance"])


def composition_figure(people: pd.DataFrame, level: str, arms: list[str], visits: list[str]) -> Figure | None:
    """Draw stacked mean relative abundances, one panel per arm.

    Parameters
    ----------
    people
        As for `composition_table`.
    level
        Such as genus.
    arms, visits
        In the order of the plan.
    """
    table = composition_table(people, arms, visits)
    if not len(table):
        return None
    shown = [a for a in arms if a in set(table["arm"])]
    figure = make_subplots(
        rows=1,
        cols=len(shown),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[esc(a) for a in shown],
    )
    features = list(dict.fromkeys(table["feature"]))
    for i, feature in enumerate(features):
        colour = OTHER if feature == "other" else STACK[i % len(STACK)]
        for k, arm in enumerate(shown):
            part = table[(table["arm"] == arm) & (table["feature"] == feature)]
            figure.add_bar(
                x=[f"{esc(v)}<br>n = {n}" for v, n in zip(part["visit"], part["n"], strict=True)],
                y=significant(100 * part["mean_relative_abundance"], 4),
                name=short(feature, 30),
                legendgroup=str(i),
                showlegend=k == 0,
                row=1,
                col=k + 1,
                marker={"color": colour, "line": {"color": "white", "width": 0.6}},
                hovertemplate=f"{esc(feature)}<br>%{{x}}: %{{y:.2f}} %<extra>{esc(arm)}</extra>",
            )
    figure.update_layout(
        **base_layout(
            480,
            barmode="stack",
            bargap=0.22,
            margin={"l": 60, "r": 16, "t": 58, "b": 56},
            legend={"x": 1.01, "y": 1, "xanchor": "left", "traceorder": "reversed", "font": {"size": 12}},
        )
    )
    figure.update_annotations(font={"size": 14})
    figure.update_xaxes(**axis(showgrid=False))
    figure.update_yaxes(**axis(range=[0, 100]))
    figure.update_yaxes(title={"text": "mean relative abundance (%)"}, row=1, col=1)
    named = [f for f in features if f != "other"]
    caption = (
        f"Mean over participants of the relative abundance per {level}"
        + (f"; the {len(named)} most abundant keep their name" if len(named) < len(features) else "")
        + ". Relative abundances sum to 100 %, so one group can only grow if others shrink; the arm effects "
        "use log-ratios to lessen this."
    )
    alt = f"Stacked bars of mean relative abundance by {level}, arm and visit; largest: {join(named[:3])}."
    return Figure(f"composition.{level}", f"Composition by {level}", caption, alt, figure, table, tab=level)


def trajectory_table(
    people: pd.DataFrame, feature: str, arms: list[str], visits: list[str], confidence: float
) -> pd.DataFrame:
    """Return mean and interval per arm and visit, and each participant's values.

    Parameters
    ----------
    people
        Columns participant, arm, visit and the feature.
    feature
        Column to describe.
    arms, visits
        In the order of the plan.
    confidence
        Level of the t interval of the mean.

    Returns
    -------
    pandas.DataFrame
        Columns row (mean | participant), participant, arm, visit, n, value, ci_low, ci_high; participants
        are evenly thinned to `MAX_LINES`, means are over all.
    """
    data = people[["participant", "arm", "visit", feature]].dropna()
    data = data.groupby(["participant", "arm", "visit"], sort=False, as_index=False)[[feature]].mean()
    rows: list[tuple[object, ...]] = []
    for arm in arms:
        for visit in visits:
            values = data.loc[(data["arm"] == arm) & (data["visit"] == visit), feature].to_numpy(float)
            n = len(values)
            if not n:
                continue
            mean = float(values.mean())
            half = math.nan
            if n > 1:
                half = float(stats.t.ppf(0.5 + confidence / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
            rows.append(("mean", "", arm, visit, n, mean, mean - half, mean + half))
    keep = set(thin(sorted(set(data["participant"])), MAX_LINES))
    rank = {v: i for i, v in enumerate(visits)}
    lines = data[data["participant"].isin(keep) & data["visit"].isin(rank) & data["arm"].isin(arms)]
    lines = lines.sort_values(
        ["arm", "participant", "visit"], key=lambda s: s.map(rank) if s.name == "visit" else s
    )
    rows += [
        ("participant", p, a, v, 1, float(x), math.nan, math.nan)
        for p, a, v, x in zip(lines["participant"], lines["arm"], lines["visit"], lines[feature], strict=True)
    ]
    columns = ["row", "participant", "arm", "visit", "n", "value", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def trajectory_figure(
    people: pd.DataFrame,
    feature: str,
    prefix: str,
    arms: list[str],
    visits: list[str],
    reference: str | None,
    unit: str = "",
    confidence: float = 0.95,
) -> Figure | None:
    """Draw every participant's line, the mean of each arm, and the means side by side.

    Parameters
    ----------
    people
        Columns participant, arm, visit and the feature.
    feature
        What to draw.
    prefix
        Start of the figure's id.
    arms, visits, reference
        Of the plan.
    unit
        Of the feature.
    confidence
        Level of the intervals of the means.
    """
    table = trajectory_table(people, feature, arms, visits, confidence)
    if not len(table):
        return None
    colours = arm_colours(arms, reference)
    shown = [a for a in arms if a in set(table["arm"])]
    panels = shown + (["means of the arms"] if len(shown) > 1 else [])
    figure = make_subplots(
        rows=1,
        cols=len(panels),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[esc(p) for p in panels],
    )
    for k, arm in enumerate(shown, 1):
        lines = table[(table["row"] == "participant") & (table["arm"] == arm)]
        x: list[str | None] = []
        y: list[float | None] = []
        who: list[str] = []
        for person, part in lines.groupby("participant", sort=False):
            x += [*map(esc, part["visit"]), None]
            y += [*significant(part["value"]), None]
            who += [esc(person)] * (len(part) + 1)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            line={"color": rgba(colours[arm], 0.32), "width": 1.2},
            marker={"size": 4, "color": rgba(colours[arm], 0.5)},
            text=who,
            showlegend=False,
            hovertemplate="%{text}<br>%{x}: %{y}<extra></extra>",
            row=1,
            col=k,
        )
        means = table[(table["row"] == "mean") & (table["arm"] == arm)]
        places = [k, len(panels)] if len(panels) > len(shown) else [k]
        for col in places:
            figure.add_scatter(**_mean_trace(means, arm, colours[arm]), row=1, col=col)
    figure.update_layout(**base_layout(400, showlegend=False, margin={"l": 64, "r": 16, "t": 58, "b": 44}))
    figure.update_annotations(font={"size": 14})
    figure.update_xaxes(**axis(showgrid=False, categoryorder="array", categoryarray=[esc(v) for v in visits]))
    figure.update_xaxes(range=[-0.35, len(visits) - 0.65])
    figure.update_yaxes(**axis())
    figure.update_yaxes(title={"text": esc(f"{feature} ({unit})" if unit else feature)}, row=1, col=1)
    people_shown = table.loc[table["row"] == "participant", "participant"].nunique()
    total = people["participant"].nunique()
    thinned = (
        f" {people_shown} of {total} participants are drawn; means are over all."
        if people_shown < total
        else ""
    )
    caption = (
        f"Thin lines: participants. Thick: mean of the arm with its {100 * confidence:g}{PERCENT} confidence "
        f"interval.{thinned}"
    )
    said = [
        f"{a} {v}: mean {number(m)} (n = {n})"
        for a, v, m, n in table.loc[table["row"] == "mean", ["arm", "visit", "value", "n"]].itertuples(
            index=False
        )
    ]
    alt = f"{feature} by arm and visit, {plural(total, 'participant')}. {'; '.join(said[:8])}."
    return Figure(
        f"{prefix}.{feature}", f"{feature} by arm and visit", caption, alt, figure, table, tab=feature
    )


def _mean_trace(means: pd.DataFrame, arm: str, colour: str) -> dict[str, object]:
    """Return the thick line of an arm's means with their intervals."""
    half = np.asarray(means["ci_high"] - means["value"], float)
    return {
        "x": [esc(v) for v in means["visit"]],
        "y": significant(means["value"]),
        "mode": "lines+markers",
        "name": esc(arm),
        "line": {"color": colour, "width": 3.5},
        "marker": {"size": 9, "color": colour},
        "error_y": {
            "type": "data",
            "array": significant(np.nan_to_num(half)),
            "color": colour,
            "thickness": 2,
        },
        "text": [f"n = {n}" for n in means["n"]],
        "hovertemplate": "%{x}: mean %{y} (%{text})<extra>" + esc(arm) + "</extra>",
    }

"""How far participants moved from their own baseline, by arm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from vagus.report.figures_common import (
    MAX_LINES,
    Figure,
    arm_colours,
    axis,
    base_layout,
    esc,
    rgba,
    significant,
    thin,
)
from vagus.report.figures_ordination import METRICS
from vagus.report.sentences import number, plural, profile_name

# Widths in units of one visit.
BAND = 0.8


def moved_figure(
    ways: pd.DataFrame, profile: str, metric: str, arms: list[str], visits: list[str], reference: str | None
) -> Figure | None:
    """Draw the distance to the own baseline at every later visit, one dot per participant, arms side by side.

    Parameters
    ----------
    ways
        Columns profile, distance, participant, arm, visit, to_baseline.
    profile, metric
        Which rows to draw.
    arms, visits, reference
        Of the plan.

    Returns
    -------
    Figure or None
        None when no participant has both a baseline and a later visit.
    """
    table = ways[(ways["profile"] == profile) & (ways["distance"] == metric)]
    table = table[table["to_baseline"].notna() & table["visit"].isin(visits[1:])]
    shown = [a for a in arms if a in set(table["arm"])]
    later = [v for v in visits if v in set(table["visit"])]
    if not shown:
        return None
    table = table[["participant", "arm", "visit", "to_baseline"]].reset_index(drop=True)
    colours = arm_colours(arms, reference)
    lined = set(thin(sorted(set(table["participant"])), MAX_LINES))
    figure = go.Figure()
    width = BAND / len(shown)
    said = []
    for k, arm in enumerate(shown):
        part = table[table["arm"] == arm]
        people = sorted(set(part["participant"]))
        # Dots side by side in the order of the names: no overlap, and the same place at every visit.
        aside = dict(
            zip(people, np.linspace(-0.3, 0.3, len(people)) if len(people) > 1 else [0.0], strict=True)
        )
        centre = (k - (len(shown) - 1) / 2) * width
        x: list[float | None] = []
        y: list[float | None] = []
        text: list[str] = []
        for person, way in part[part["participant"].isin(lined)].groupby("participant", sort=False):
            x += [later.index(v) + centre + aside[str(person)] * width for v in way["visit"]]
            y += significant(way["to_baseline"])
            text += [f"{esc(person)}, {esc(v)}" for v in way["visit"]]
            x, y, text = [*x, None], [*y, None], [*text, ""]
        figure.add_scatter(
            x=x,
            y=y,
            text=text,
            mode="lines+markers",
            name=esc(arm),
            legendgroup=arm,
            line={"color": rgba(colours[arm], 0.2), "width": 1},
            marker={"color": rgba(colours[arm], 0.75), "size": 7},
            hovertemplate="%{text}: %{y}<extra>" + esc(arm) + "</extra>",
        )
        for visit in later:
            values = part.loc[part["visit"] == visit, "to_baseline"]
            if not len(values):
                continue
            place, median = later.index(visit) + centre, float(values.median())
            said.append(f"{arm}, {visit}: {number(median)} (n = {len(values)})")
            figure.add_scatter(
                x=[place - 0.42 * width, place + 0.42 * width],
                y=significant([median, median]),
                mode="lines",
                legendgroup=arm,
                showlegend=False,
                line={"color": colours[arm], "width": 4},
                hovertemplate=f"median {number(median)}<extra>{esc(arm)}</extra>",
            )
    words = METRICS.get(metric, metric)
    figure.update_layout(
        **base_layout(
            420,
            margin={"l": 64, "r": 16, "t": 56, "b": 48},
            xaxis=axis(
                tickvals=list(range(len(later))),
                ticktext=[esc(v) for v in later],
                range=[-0.5, len(later) - 0.5],
                showgrid=False,
            ),
            yaxis=axis(title={"text": f"{words} distance to own baseline"}, rangemode="tozero"),
        )
    )
    total = table["participant"].nunique()
    drawn = (
        "" if len(lined) == total else f" {len(lined)} of {total} participants are drawn; medians are of all."
    )
    caption = (
        f"How far each participant's profile moved from its own baseline ({profile_name(profile)}, {words} "
        "distance). Dots: participants; bars: median of the arm. A profile also moves without any "
        f"treatment, so compare the arms, not an arm with zero. The direction is in the ordination.{drawn}"
    )
    alt = (
        f"Distance to own baseline, {profile_name(profile)}, {plural(total, 'participant')}. "
        f"Medians: {'; '.join(said[:8])}."
    )
    name = profile_name(profile)
    return Figure(f"moved.{profile}", f"Distance moved, {name}", caption, alt, figure, table, tab=name)

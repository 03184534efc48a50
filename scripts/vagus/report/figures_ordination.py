"""Principal coordinates of the samples, with each participant's way from baseline to follow-up."""

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
from vagus.report.sentences import PERCENT, plural, profile_name
from vagus.trial.coordinates import principal_coordinates

METRICS = {
    "aitchison": "Aitchison",
    "robust_aitchison": "robust Aitchison",
    "bray_curtis": "Bray\N{EN DASH}Curtis",
    "unweighted_unifrac": "unweighted UniFrac",
    "weighted_unifrac": "weighted UniFrac",
    "euclidean_log2": "Euclidean (log2)",
}


def ordination_figure(
    distances: pd.DataFrame,
    metric: str,
    places: dict[str, tuple[str, str]],
    arm_of: dict[str, str],
    arms: list[str],
    visits: list[str],
    reference: str | None,
    total: int | None = None,
) -> Figure | None:
    """Draw the ordination; an arrow leads from each participant's first to the last visit.

    Parameters
    ----------
    distances
        Square table of stool samples.
    metric
        Name of the distance.
    places
        Sample to (participant, visit).
    arm_of
        Participant to arm.
    arms, visits, reference
        Of the plan.
    total
        Samples in the file, if the table was thinned.

    Returns
    -------
    Figure or None
        None with fewer than three samples of the design.
    """
    rank = {v: i for i, v in enumerate(visits)}
    samples = [s for s in distances.index if s in places and s in distances.columns and places[s][1] in rank]
    matrix = distances.loc[samples, samples].to_numpy(float)
    good = np.isfinite(matrix).all(axis=1) if len(samples) else np.zeros(0, bool)
    samples = [s for s, g in zip(samples, good, strict=True) if g]
    if len(samples) < 3:
        return None
    points, share = principal_coordinates(matrix[np.ix_(good, good)])
    table = pd.DataFrame(
        {
            "sample": samples,
            "participant": [places[s][0] for s in samples],
            "arm": [arm_of.get(places[s][0], "") for s in samples],
            "visit": [places[s][1] for s in samples],
            "axis_1": points[:, 0],
            "axis_2": points[:, 1],
        }
    )
    thinned = ""
    if total and total > len(distances):
        thinned = f" {len(samples)} of {total} samples, evenly spaced, are drawn."
    return draw_ordination(table, (share[0], share[1]), metric, arms, visits, reference, thinned)


def draw_ordination(
    table: pd.DataFrame,
    share: tuple[float, float],
    metric: str,
    arms: list[str],
    visits: list[str],
    reference: str | None,
    thinned: str = "",
    profile: str = "",
) -> Figure:
    """Draw samples that have coordinates; an arrow leads from each participant's first to the last visit.

    Parameters
    ----------
    table
        Columns sample, participant, arm, visit, axis_1, axis_2.
    share
        What each axis explains.
    metric
        Name of the distance.
    arms, visits, reference
        Of the plan.
    thinned
        A sentence on what is not drawn, after a space.
    profile
        Name of the profile, when there is an ordination of more than one.

    Returns
    -------
    Figure
        With the table as it is drawn.
    """
    rank = {v: i for i, v in enumerate(visits)}
    table = table.sort_values(
        ["arm", "participant", "visit"], key=lambda c: c.map(rank) if c.name == "visit" else c
    )
    colours = arm_colours(arms, reference)
    figure = go.Figure()
    lined = set(thin(sorted(set(table["participant"])), MAX_LINES))
    for arm in [a for a in arms if a in set(table["arm"])]:
        part = table[table["arm"] == arm]
        x: list[float | None] = []
        y: list[float | None] = []
        symbols: list[str] = []
        text: list[str] = []
        for person, way in part.groupby("participant", sort=False):
            if person not in lined:
                continue
            x += [*significant(way["axis_1"]), None]
            y += [*significant(way["axis_2"]), None]
            symbols += ["circle"] + ["arrow"] * (len(way) - 1) + ["circle"]
            text += [f"{esc(person)}, {esc(v)}" for v in way["visit"]] + [""]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=esc(arm),
            text=text,
            line={"color": rgba(colours[arm], 0.45), "width": 1.2},
            marker={"color": colours[arm], "size": 9, "symbol": symbols, "angleref": "previous"},
            hovertemplate="%{text}<extra>" + esc(arm) + "</extra>",
            legendgroup=arm,
            showlegend=False,
        )
        # Plotly draws no mark where an angle has no previous point, so the starts are a trace of their own.
        starts = part[part["participant"].isin(lined)].drop_duplicates("participant")
        figure.add_scatter(
            x=significant(starts["axis_1"]),
            y=significant(starts["axis_2"]),
            mode="markers",
            name=esc(arm),
            legendgroup=arm,
            marker={"color": "#FFFFFF", "size": 8, "line": {"color": colours[arm], "width": 2}},
            text=[f"{esc(p)}, {esc(v)}" for p, v in zip(starts["participant"], starts["visit"], strict=True)],
            hovertemplate="%{text}<extra>" + esc(arm) + "</extra>",
        )
        centres = part.groupby("visit")[["axis_1", "axis_2"]].mean()
        centres = centres.loc[[v for v in visits if v in centres.index]]
        figure.add_scatter(
            x=significant(centres["axis_1"].head(1)),
            y=significant(centres["axis_2"].head(1)),
            mode="markers",
            marker={"color": "#FFFFFF", "size": 13, "line": {"color": colours[arm], "width": 4}},
            legendgroup=f"centre {arm}",
            showlegend=False,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=significant(centres["axis_1"]),
            y=significant(centres["axis_2"]),
            mode="lines+markers",
            name=f"centre of {esc(arm)}",
            legendgroup=f"centre {arm}",
            text=[esc(v) for v in centres.index],
            line={"color": colours[arm], "width": 5},
            marker={
                "color": colours[arm],
                "size": 20,
                "angleref": "previous",
                "line": {"color": "white", "width": 1.5},
                "symbol": ["circle"] + ["arrow"] * (len(centres) - 1),
            },
            hovertemplate="centre, %{text}<extra>" + esc(arm) + "</extra>",
        )
    words = METRICS.get(metric, metric)
    titles = [f"axis {k + 1} ({100 * share[k]:.1f}{PERCENT})" for k in range(2)]
    figure.update_layout(
        **base_layout(
            540,
            xaxis=axis(title={"text": titles[0]}, zeroline=True, zerolinecolor="#D5D9E0", constrain="domain"),
            yaxis=axis(
                title={"text": titles[1]},
                zeroline=True,
                zerolinecolor="#D5D9E0",
                scaleanchor="x",
                constrain="domain",
            ),
            margin={"l": 64, "r": 16, "t": 56, "b": 56},
        )
    )
    about = f", {profile_name(profile)}" if profile else ""
    kind = "Robust principal components (" if metric == "robust_aitchison" else "Principal coordinates of "
    kind += f"{words} distances{')' if metric == 'robust_aitchison' else ''} between samples{about}"
    caption = (
        f"{kind}. Circles: first visit; arrows "
        "lead to the later visits of the same participant; the thick arrow joins the centres of the arm."
        f"{thinned} Two axes show {100 * sum(share):.0f}{PERCENT} of the variation, so what "
        "looks close may still differ."
    )
    alt = (
        f"Ordination of {plural(len(table), 'sample')} by {words} distance{about}: {titles[0]}, {titles[1]}."
    )
    key = f"ordination.{profile}.{metric}" if profile else f"ordination.{metric}"
    tab = f"{profile_name(profile)}, {words}" if profile else words
    return Figure(key, f"Ordination, {words} distance{about}", caption, alt, figure, table, tab=tab)

"""Arm effects with their intervals, and a simulation's truth beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from vagus.report.figures_common import (
    OKABE_ITO,
    Figure,
    arm_colours,
    axis,
    base_layout,
    esc,
    short,
    significant,
)
from vagus.report.sentences import (
    NO_UNIT,
    PERCENT,
    interval,
    number,
    p_text,
    plural,
    profile_name,
    split_contrast,
)

TOP = 20
TOP_OWN_AXES = 12


def forest_rows(effects: pd.DataFrame, limit: int = TOP) -> pd.DataFrame:
    """Choose the features with the smallest q and order them by estimate, the largest first.

    Parameters
    ----------
    effects
        Arm effects of one profile and one visit.
    limit
        Number of features.

    Returns
    -------
    pandas.DataFrame
        All contrasts of the chosen features; rows without estimate are left out.
    """
    done = effects[effects["estimate"].notna()].copy()
    if not len(done):
        return done
    done["_size"] = -(done["estimate"] / done["std_error"].where(done["std_error"] > 0)).abs()
    ranked = done.sort_values(["q_value", "p_value", "_size", "feature"], kind="stable")
    chosen = ranked.drop_duplicates("feature")["feature"].head(limit).tolist()
    rows = done[done["feature"].isin(chosen)].drop(columns="_size")
    order = (
        rows.groupby("feature")["estimate"].mean().sort_values(ascending=False, kind="stable").index.tolist()
    )
    rows["_order"] = rows["feature"].map({f: i for i, f in enumerate(order)})
    return (
        rows.sort_values(["_order", "contrast"], kind="stable").drop(columns="_order").reset_index(drop=True)
    )


def forest_figure(
    effects: pd.DataFrame,
    profile: str,
    visit: str,
    arms: list[str],
    reference: str | None,
    own_axes: bool = False,
    alpha: float = 0.05,
    confidence: float = 0.95,
    truth: pd.DataFrame | None = None,
    difference: str = "difference between the arms, adjusted for baseline",
) -> Figure | None:
    """Draw estimates with intervals; q decides only whether a mark is filled.

    Parameters
    ----------
    effects
        Arm effects; those of `profile` at `visit` are used.
    profile, visit
        What to draw.
    arms, reference
        Of the plan.
    own_axes
        Give every feature its own scale (scores with different units).
    alpha
        Level of q.
    confidence
        Of the intervals.
    truth
        Known effects of a simulation; drawn as diamonds.
    difference
        What an estimate is, in words.
    """
    part = effects[(effects["profile"] == profile) & (effects["visit"] == visit)]
    rows = forest_rows(part, TOP_OWN_AXES if own_axes else TOP)
    if not len(rows):
        return None
    if truth is not None:
        rows = rows.merge(truth[["profile", "feature", "contrast", "truth"]], how="left")
    features = list(dict.fromkeys(rows["feature"]))
    contrasts = sorted(set(rows["contrast"]), key=lambda c: _arm_rank(c, arms, reference))
    colours = arm_colours(arms, reference)
    panels = len(features) if own_axes else 1
    height = 150 + (104 if own_axes else 28) * len(features) + (14 * len(features) * (len(contrasts) - 1))
    figure = make_subplots(rows=panels, cols=1, vertical_spacing=min(0.5, 62 / height) if panels > 1 else 0)
    for c, contrast in enumerate(contrasts):
        arm, other = split_contrast(contrast, reference)
        colour = colours.get(arm, OKABE_ITO[c % len(OKABE_ITO)])
        for f, feature in enumerate(features):
            if not own_axes and f:
                break
            here = rows[(rows["contrast"] == contrast) & ((rows["feature"] == feature) | (not own_axes))]
            if not len(here):
                continue
            spread = 0.0 if len(contrasts) == 1 else 0.5 * (c / (len(contrasts) - 1) - 0.5)
            y = [(0 if own_axes else features.index(x)) + spread for x in here["feature"]]
            _add_estimates(figure, here, y, contrast, colour, alpha, f + 1, f == 0)
            if truth is not None and here["truth"].notna().any():
                figure.add_scatter(
                    x=significant(here["truth"]),
                    y=y,
                    mode="markers",
                    name="truth",
                    legendgroup="truth",
                    showlegend=c == 0 and f == 0,
                    row=f + 1,
                    col=1,
                    hovertemplate="truth %{x}<extra></extra>",
                    marker={"symbol": "diamond-open", "size": 13, "color": "#D55E00", "line": {"width": 2.5}},
                )
    label_rows(figure, rows, features, own_axes, len(contrasts) == 1)
    units = sorted({u for u in rows["unit"] if u})
    arm, other = split_contrast(contrasts[0], reference)
    one_unit = len(units) == 1 and units[0] not in NO_UNIT and not own_axes
    title = f"difference ({esc(units[0])})" if one_unit else "difference"
    if len(contrasts) == 1:
        title = (
            f"\N{LEFTWARDS ARROW} higher in {esc(other)} \N{MIDDLE DOT} {title} \N{MIDDLE DOT} "
            f"higher in {esc(arm)} \N{RIGHTWARDS ARROW}"
        )
    fit_ranges(figure, rows, features, own_axes, "estimate")
    figure.update_xaxes(title={"text": title, "font": {"size": 12}}, row=panels, col=1)
    figure.update_layout(
        **base_layout(height, margin={"l": 16, "r": 230 if len(contrasts) == 1 else 40, "t": 64, "b": 60})
    )
    tested = part.loc[part["estimate"].notna(), "feature"].nunique()
    shown = (
        f": the {len(features)} of {plural(tested, 'tested feature')} with the smallest q, sorted by estimate"
        if tested > len(features)
        else f": all {tested} tested features, sorted by estimate"
        if tested > 1
        else ""
    )
    caption = (
        f"{difference[0].upper()}{difference[1:]}, with its "
        f"{100 * confidence:g}{PERCENT} confidence interval{shown}. Filled marks have q < {alpha:g}. "
        "Zero means no difference."
        + (" Each feature has its own scale." if own_axes and len(features) > 1 else "")
        + (" Diamonds mark the truth of the simulation." if truth is not None else "")
    )
    best = rows.sort_values("q_value").iloc[0]
    value, low, high = interval(best, sign=True)
    alt = (
        f"Forest plot of {plural(len(features), 'feature')} of {profile}; the surest is {best['feature']}: "
        f"{value} ({low} to {high}), {p_text(best['q_value'])}."
    )
    kind = "truth" if truth is not None else "forest"
    name = profile_name(profile)
    words = "Truth beside estimate" if truth is not None else "Arm effects"
    return Figure(f"{kind}.{profile}", f"{words}: {name}", caption, alt, figure, rows, tab=name)


def _arm_rank(contrast: str, arms: list[str], reference: str | None) -> tuple[int, str]:
    arm = split_contrast(contrast, reference)[0]
    return (arms.index(arm) if arm in arms else len(arms), contrast)


def _add_estimates(
    figure: go.Figure,
    here: pd.DataFrame,
    y: list[float],
    contrast: str,
    colour: str,
    alpha: float,
    row: int,
    legend: bool,
) -> None:
    """Add points with intervals of one contrast."""
    sure = (here["q_value"] < alpha).tolist()
    hover = []
    for _, item in here.iterrows():
        value, low, high = interval(item, sign=True)
        hover.append(
            f"<b>{esc(item['feature'])}</b><br>{value} ({low} to {high}) {esc(item['unit'])}<br>"
            f"{p_text(item['p_value'], 'p')}, {p_text(item['q_value'])}<br>"
            f"n = {number(item['n_arm'], 0)} and {number(item['n_reference'], 0)}"
        )
    figure.add_scatter(
        x=significant(here["estimate"]),
        y=y,
        mode="markers",
        name=esc(contrast),
        legendgroup=contrast,
        showlegend=legend,
        text=hover,
        hovertemplate="%{text}<extra>" + esc(contrast) + "</extra>",
        error_x={
            "type": "data",
            "symmetric": False,
            "color": colour,
            "thickness": 2,
            "width": 0,
            "array": significant(here["ci_high"] - here["estimate"]),
            "arrayminus": significant(here["estimate"] - here["ci_low"]),
        },
        marker={
            "size": 10,
            "color": [colour if s else "#FFFFFF" for s in sure],
            "line": {"color": colour, "width": 2},
        },
        row=row,
        col=1,
    )


def fit_ranges(
    figure: go.Figure, rows: pd.DataFrame, features: list[str], own_axes: bool, middle: str
) -> None:
    """Let every panel show zero and all its intervals, with some air.

    Parameters
    ----------
    figure
        With its panels.
    rows, features
        What is drawn, and the features in order.
    own_axes
        Whether every feature has a panel.
    middle
        Column of the estimate.
    """
    for p in range(1, (len(features) if own_axes else 1) + 1):
        here = rows[rows["feature"] == features[p - 1]] if own_axes else rows
        columns = [c for c in (middle, "ci_low", "ci_high", "truth") if c in here.columns]
        values = here[columns].to_numpy(float)
        values = values[np.isfinite(values)]
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        air = 0.08 * (high - low) or 1.0
        figure.update_xaxes(range=[low - air, high + air], row=p, col=1)


def label_rows(
    figure: go.Figure, rows: pd.DataFrame, features: list[str], own_axes: bool, numbers: bool
) -> None:
    """Name the rows, draw the line of no difference, and write the numbers at the right.

    Parameters
    ----------
    figure
        With its panels.
    rows, features
        What is drawn, and the features in order.
    own_axes
        Whether every feature has a panel.
    numbers
        Write the estimates at the right.
    """
    panels = len(features) if own_axes else 1
    for p in range(1, panels + 1):
        names = [features[p - 1]] if own_axes else features
        figure.update_yaxes(
            **axis(showgrid=not own_axes, tickmode="array", tickvals=list(range(len(names)))),
            row=p,
            col=1,
            ticktext=[_with_unit(n, rows, own_axes) for n in names],
            range=[len(names) - 0.4, -0.6],
            ticklabelstandoff=8,
        )
        figure.update_xaxes(**axis(), row=p, col=1)
        figure.add_shape(
            type="line",
            x0=0,
            x1=0,
            y0=-0.6,
            y1=len(names) - 0.4,
            line={"color": "#8A93A0", "width": 1.5},
            layer="below",
            row=p,
            col=1,
        )
        if not numbers:
            continue
        for k, name in enumerate(names):
            item = rows[rows["feature"] == name].iloc[0]
            value, low, high = interval(item, sign=True)
            figure.add_annotation(
                text=f"<b>{value}</b> ({low} to {high})  {p_text(item['q_value'])}",
                x=1.01,
                xref="paper",
                xanchor="left",
                y=k,
                yref=f"y{p if p > 1 else ''}",
                showarrow=False,
                font={"size": 11.5},
            )


def _with_unit(feature: str, rows: pd.DataFrame, own_axes: bool) -> str:
    """Return the label of a row; features on scales of their own carry their unit."""
    unit = str(rows.loc[rows["feature"] == feature, "unit"].iloc[0]) if own_axes else ""
    return short(feature) + (f"<br>({short(unit)})" if unit != feature and unit not in NO_UNIT else "")

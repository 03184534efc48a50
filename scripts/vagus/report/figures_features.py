"""Presence of features, and effects that depend on a moderator, with their intervals."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from vagus.report.figures_common import OKABE_ITO, Figure, axis, base_layout, esc, short, significant
from vagus.report.figures_effects import forest_figure, forest_rows
from vagus.report.sentences import NO_UNIT, PERCENT, interval, number, p_text, plural, profile_name

TOP = 12
LEVEL_COLOURS = ("#009E73", "#CC79A7")


def presence_figure(
    prevalence: pd.DataFrame,
    profile: str,
    visit: str,
    arms: list[str],
    reference: str | None,
    alpha: float,
    confidence: float,
    difference: str,
) -> Figure | None:
    """Draw log odds ratios of presence.

    Parameters
    ----------
    prevalence
        Effects on presence; those of `profile` at `visit` are used.
    profile, visit
        What to draw.
    arms, reference
        Of the plan.
    alpha
        Level of q.
    confidence
        Of the intervals.
    difference
        What an estimate is, in words.
    """
    figure = forest_figure(
        prevalence,
        profile,
        visit,
        arms,
        reference,
        alpha=alpha,
        confidence=confidence,
        difference=difference,
    )
    if figure is None or figure.figure is None:
        return figure
    figure.id = f"presence.{profile}"
    figure.title = f"Who carries it: {profile_name(profile)}"
    figure.caption = figure.caption.replace(
        "Zero means no difference.", "Zero means equal odds; 0.69 is twice the odds."
    )
    figure.alt = figure.alt.replace("Forest plot of", "Forest plot of the presence of")
    for each in figure.figure.layout:
        if each.startswith("xaxis") and figure.figure.layout[each].title.text:
            words = figure.figure.layout[each].title.text
            figure.figure.layout[each].title.text = words.replace("higher in", "more often in").replace(
                "difference (log odds ratio (natural))", "log odds ratio"
            )
    return figure


def interaction_figure(
    interactions: pd.DataFrame, profile: str, own_axes: bool, alpha: float, confidence: float
) -> Figure | None:
    """Draw interactions at the left, and the effects that they compare at the right.

    Parameters
    ----------
    interactions
        Rows of one profile, visit, contrast, moderator and comparison.
    profile
        Its name.
    own_axes
        Give every feature its own scale.
    alpha
        Level of q.
    confidence
        Of the intervals.
    """
    rows = forest_rows(interactions, TOP)
    if not len(rows):
        return None
    first = rows.iloc[0]
    level, other = str(first["level"]), str(first["other_level"])
    features = rows["feature"].tolist()
    panels = len(features) if own_axes else 1
    height = 170 + (110 if own_axes else 40) * len(features)
    figure = make_subplots(
        rows=panels,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        vertical_spacing=min(0.5, 62 / height) if panels > 1 else 0,
    )
    for p in range(panels):
        here = rows.iloc[[p]] if own_axes else rows
        names = here["feature"].tolist()
        y = [float(i) for i in range(len(names))]
        filled = [OKABE_ITO[0] if q < alpha else "#FFFFFF" for q in here["q_value"]]
        _points(figure, here, ("estimate", "ci_low", "ci_high"), y, "interaction", OKABE_ITO[0], filled, p, 1)
        for k, (columns, name) in enumerate(
            (
                (("other_effect", "other_low", "other_high"), other),
                (("effect", "effect_low", "effect_high"), level),
            )
        ):
            shifted = [v - 0.16 + 0.32 * k for v in y]
            colour = LEVEL_COLOURS[k]
            _points(figure, here, columns, shifted, f"effect at {name}", colour, [colour] * len(y), p, 2)
        figure.update_yaxes(
            **axis(tickmode="array", tickvals=y),
            range=[len(names) - 0.4, -0.6],
            row=p + 1,
            ticklabelstandoff=8,
        )
        figure.update_yaxes(ticktext=[_label(r, own_axes) for _, r in here.iterrows()], row=p + 1, col=1)
        for col in (1, 2):
            figure.update_xaxes(**axis(), row=p + 1, col=col)
            figure.add_vline(x=0, line={"color": "#8A93A0", "width": 1.5}, layer="below", row=p + 1, col=col)
    unit = "" if own_axes or str(first["unit"]) in NO_UNIT else f" ({esc(first['unit'])})"
    per = f"effect at {esc(level)} minus effect at {esc(other)}"
    per = "change of the effect per SD" if first["comparison"] == "per SD" else per
    figure.update_xaxes(title={"text": f"{per}{unit}"}, row=panels, col=1)
    figure.update_xaxes(title={"text": f"effect of the arm{unit}"}, row=panels, col=2)
    figure.update_layout(**base_layout(height, margin={"l": 16, "r": 30, "t": 64, "b": 60}))
    tested = interactions.loc[interactions["estimate"].notna(), "feature"].nunique()
    shown = (
        f"; the {len(features)} of {plural(tested, 'tested feature')} with the smallest q"
        if tested > len(features)
        else ""
    )
    name, moderator = profile_name(profile), str(first["moderator"]).replace("_", " ")
    caption = (
        f"{first['contrast']} at {first['visit']}, by {moderator}. Left: the interaction with its "
        f"{100 * confidence:g}{PERCENT} confidence interval{shown}; filled marks have q < {alpha:g}. Right: "
        "the effect at either end with its interval. These have no p-value: whether they differ is what the "
        "left side says." + (" Each feature has its own scale." if own_axes and len(features) > 1 else "")
    )
    best = rows.sort_values("q_value").iloc[0]
    value, low, high = interval(best, sign=True)
    alt = (
        f"Interactions of {plural(len(features), 'feature')} of {profile} with {moderator}; the surest is "
        f"{best['feature']}: {value} ({low} to {high}), {p_text(best['q_value'])}."
    )
    comparison = str(first["comparison"])
    return Figure(
        f"interaction.{profile}.{first['moderator']}.{comparison}.{first['contrast']}.{first['visit']}",
        f"Effect by {moderator} ({comparison}): {name}",
        caption,
        alt,
        figure,
        rows,
        tab=f"{name}, {moderator}" + ("" if comparison == "per SD" else f": {comparison}"),
    )


def _label(row: pd.Series, own_axes: bool) -> str:
    unit = str(row["unit"])
    return short(str(row["feature"])) + (
        f"<br>({short(unit)})" if own_axes and unit not in NO_UNIT and unit != row["feature"] else ""
    )


def _points(
    figure: go.Figure,
    here: pd.DataFrame,
    columns: tuple[str, str, str],
    y: list[float],
    name: str,
    colour: str,
    fill: list[str],
    panel: int,
    col: int,
) -> None:
    """Add points with intervals in one column of the figure."""
    middle, low, high = (here[c].astype(float) for c in columns)
    text = []
    for (_, row), m, a, b in zip(here.iterrows(), middle, low, high, strict=True):
        words = f"<b>{esc(row['feature'])}</b><br>{number(m, 2, True)} ({number(a, 2)} to {number(b, 2)})"
        text.append(words + (f"<br>{p_text(row['q_value'])}" if col == 1 else ""))
    figure.add_scatter(
        x=significant(middle),
        y=y,
        mode="markers",
        name=esc(name),
        legendgroup=name,
        showlegend=panel == 0,
        text=text,
        hovertemplate="%{text}<extra>" + esc(name) + "</extra>",
        error_x={
            "type": "data",
            "symmetric": False,
            "color": colour,
            "thickness": 2,
            "width": 0,
            "array": significant((high - middle).fillna(0)),
            "arrayminus": significant((middle - low).fillna(0)),
        },
        marker={"size": 10 if col == 1 else 8, "color": fill, "line": {"color": colour, "width": 2}},
        row=panel + 1,
        col=col,
    )

"""Changes from baseline inside the arms, as description."""

from __future__ import annotations

import pandas as pd
from plotly.subplots import make_subplots

from vagus.report.figures_common import Figure, arm_colours, base_layout, esc, significant
from vagus.report.figures_effects import TOP, TOP_OWN_AXES, fit_ranges, label_rows
from vagus.report.sentences import NO_UNIT, PERCENT, interval, number, plural, profile_name


def within_figure(
    within: pd.DataFrame,
    profile: str,
    visit: str,
    arms: list[str],
    reference: str | None,
    features: list[str] | None = None,
    own_axes: bool = False,
    confidence: float = 0.95,
) -> Figure | None:
    """Draw the change from baseline inside each arm, as description.

    Parameters
    ----------
    within
        Changes; those of `profile` at `visit` are used.
    profile, visit
        What to draw.
    arms, reference
        Of the plan.
    features
        Which, in order (those of the forest plot); the largest |change| / standard error when None.
    own_axes
        Give every feature its own scale.
    confidence
        Of the intervals.
    """
    part = within[(within["profile"] == profile) & (within["visit"] == visit) & within["change"].notna()]
    if not len(part):
        return None
    limit = TOP_OWN_AXES if own_axes else TOP
    if not features:
        size = (part["change"] / part["std_error"].where(part["std_error"] > 0)).abs().fillna(0)
        top = (
            part.assign(_size=size).groupby("feature")["_size"].max().sort_values(ascending=False).head(limit)
        )
        means = part[part["feature"].isin(top.index)].groupby("feature")["change"].mean()
        features = means.sort_values(ascending=False).index.tolist()
    features = [f for f in features if f in set(part["feature"])][:limit]
    part = part[part["feature"].isin(features)]
    if not len(part):
        return None
    colours = arm_colours(arms, reference)
    shown = [a for a in arms if a in set(part["arm"])]
    panels = len(features) if own_axes else 1
    height = 150 + (92 if own_axes else 22 + 12 * len(shown)) * len(features)
    figure = make_subplots(rows=panels, cols=1, vertical_spacing=min(0.5, 56 / height) if panels > 1 else 0)
    for k, arm in enumerate(shown):
        spread = 0.0 if len(shown) == 1 else 0.5 * (k / (len(shown) - 1) - 0.5)
        for p in range(panels):
            here = part[(part["arm"] == arm) & ((part["feature"] == features[p]) | (not own_axes))]
            if not len(here):
                continue
            text = []
            for _, item in here.iterrows():
                value, low, high = interval(item, sign=True)
                text.append(
                    f"{esc(item['feature'])}<br>{value} ({low} to {high}), n = {number(item['n'], 0)}"
                )
            figure.add_scatter(
                x=significant(here["change"]),
                mode="markers",
                name=esc(arm),
                legendgroup=arm,
                showlegend=p == 0,
                y=[(0 if own_axes else features.index(f)) + spread for f in here["feature"]],
                text=text,
                hovertemplate="%{text}<extra>" + esc(arm) + "</extra>",
                row=p + 1,
                col=1,
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "color": colours[arm],
                    "thickness": 2,
                    "width": 0,
                    "array": significant((here["ci_high"] - here["change"]).fillna(0)),
                    "arrayminus": significant((here["change"] - here["ci_low"]).fillna(0)),
                },
                marker={"size": 9, "symbol": "square", "color": colours[arm]},
            )
    label_rows(figure, part, features, own_axes, False)
    fit_ranges(figure, part, features, own_axes, "change")
    units = sorted({u for u in part["unit"] if u})
    unit = f" ({esc(units[0])})" if len(units) == 1 and units[0] not in NO_UNIT and not own_axes else ""
    figure.update_xaxes(title={"text": f"change from baseline to {esc(visit)}{unit}"}, row=panels, col=1)
    figure.update_layout(**base_layout(height, margin={"l": 16, "r": 40, "t": 64, "b": 60}))
    caption = (
        f"Mean change inside each arm with its {100 * confidence:g}{PERCENT} confidence interval, in the "
        "order of the arm effects."
    )
    name = profile_name(profile)
    counted = plural(len(features), "feature")
    alt = f"Change from baseline to {visit} inside each arm for {counted} of {profile}."
    return Figure(
        f"within.{profile}", f"Change inside the arms: {name}", caption, alt, figure, part, tab=name
    )

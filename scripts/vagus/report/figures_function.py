"""Modules of one axis by arm, and the genes for a compound against the compound as it was measured."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from vagus.report.figures_common import (
    OKABE_ITO,
    Figure,
    arm_colours,
    axis,
    base_layout,
    esc,
    rgba,
    short,
    significant,
)
from vagus.report.sentences import PERCENT, decimals_for, number, percent, plural

HOUSEKEEPING = "C"
GREY = "#8A93A0"
AXIS_WORDS = {
    "SCFA": "Short-chain fatty acids",
    "GABA_GLUTAMATE": "GABA and glutamate",
    "TRYPTOPHAN": "Tryptophan",
    "CATECHOLAMINE": "Catecholamines",
    "AMINE": "Amines and phenols",
    "BILE_ACID": "Bile acids",
    "HORMONE": "Hormones",
    "INFLAMMATION": "Inflammation",
    "VITAMIN": "Vitamins",
    "GAS": "Gases",
    "CONTROL": "Controls",
}
COMPARISONS = ((OKABE_ITO[0], "square"), (OKABE_ITO[1], "circle"))


def module_table(
    modules: pd.DataFrame,
    places: dict[str, tuple[str, str]],
    arm_of: dict[str, str],
    arms: list[str],
    visits: list[str],
) -> pd.DataFrame:
    """Return medians by module, arm and visit.

    Parameters
    ----------
    modules
        Columns sample, module, axis, tier, value, carriers, redundancy.
    places, arm_of
        Sample to (participant, visit); participant to arm.
    arms, visits
        Which, in order.

    Returns
    -------
    pandas.DataFrame
        Columns axis, module, tier, arm, visit, n, median, carriers, redundancy, share_with: medians over the
        participants, and the share of them in whom the module was seen.
    """
    spots = [places.get(s, ("", "")) for s in modules["sample"]]
    rows = modules.assign(arm=[arm_of.get(p, "") for p, _ in spots], visit=[v for _, v in spots])
    rows = rows[rows["arm"].isin(arms) & rows["visit"].isin(visits)]
    rows = rows.assign(seen=rows["value"] > 0)
    keys = ["axis", "module", "tier", "arm", "visit"]
    table = rows.groupby(keys, sort=False).agg(
        n=("value", "size"),
        median=("value", "median"),
        carriers=("carriers", "median"),
        redundancy=("redundancy", "median"),
        share_with=("seen", "mean"),
    )
    table = table.reset_index()
    order = table["arm"].map(arms.index), table["visit"].map(visits.index)
    place = {m: i for i, m in enumerate(dict.fromkeys(modules["module"]))}
    table = table.assign(_m=table["module"].map(place), _a=order[0], _v=order[1])
    return table.sort_values(["_m", "_a", "_v"]).drop(columns=["_m", "_a", "_v"]).reset_index(drop=True)


def module_figure(
    table: pd.DataFrame,
    assay: str,
    axis_id: str,
    names: dict[str, str],
    arms: list[str],
    visits: tuple[str, str],
    reference: str | None,
    unit: str,
    taxa_known: bool,
) -> Figure | None:
    """Draw the median of every module of an axis by arm, at baseline and at the primary visit.

    Parameters
    ----------
    table
        From `module_table`; modules that were seen in no one are left out.
    assay, axis_id
        What to draw.
    names
        Module to words.
    arms, reference
        Of the plan.
    visits
        Baseline and primary visit; the same twice where there is one.
    unit
        Of the values.
    taxa_known
        Whether carriers can be told apart.
    """
    part = table[(table["axis"] == axis_id) & (table["share_with"] > 0)]
    ids = list(dict.fromkeys(part["module"]))
    rows = table[table["module"].isin(ids)].assign(name=lambda t: [names.get(m, m) for m in t["module"]])
    if not ids:
        return None
    colours, shown = arm_colours(arms, reference), [a for a in arms if a in set(rows["arm"])]
    tier = dict(zip(rows["module"], rows["tier"], strict=True))
    positive = rows.loc[rows["median"] > 0, "median"]
    # Medians of zero stand at the left edge, where the axis says 0.
    low, high = (positive.min(), positive.max()) if len(positive) else (0.1, 1.0)
    floor = low / 3
    figure = go.Figure()
    for k, arm in enumerate(shown):
        spread = 0.0 if len(shown) == 1 else 0.5 * (k / (len(shown) - 1) - 0.5)
        for v, visit in enumerate(dict.fromkeys(visits)):
            here = rows[(rows["arm"] == arm) & (rows["visit"] == visit)]
            faint = [rgba(colours[arm], 0.35 if tier[m] == HOUSEKEEPING else 1) for m in here["module"]]
            filled = v == len(set(visits)) - 1
            figure.add_scatter(
                x=significant(here["median"].where(here["median"] > 0, floor)),
                y=[ids.index(m) + spread for m in here["module"]],
                mode="markers",
                name=f"{esc(arm)}, {esc(visit)}",
                text=[
                    f"<b>{esc(r['name'])}</b><br>median {number(r['median'])} {esc(unit)}, n = {r['n']}<br>"
                    f"seen in {100 * r['share_with']:.0f}{PERCENT}"
                    for _, r in here.iterrows()
                ],
                hovertemplate="%{text}<extra>" + f"{esc(arm)}, {esc(visit)}" + "</extra>",
                marker={
                    "size": 10,
                    "symbol": "circle",
                    "color": faint if filled else "#FFFFFF",
                    "line": {"color": faint, "width": 2},
                },
            )
    labels = []
    for i, module in enumerate(ids):
        label = "<br>".join(short(line, 40) for line in wrap(names.get(module, module), 28))
        plain = tier[module] != HOUSEKEEPING
        labels.append(label if plain else f'<span style="color:{GREY}">{label}<br>(housekeeping)</span>')
        start = rows[(rows["module"] == module) & (rows["visit"] == visits[0])]
        if taxa_known and len(start):
            told = _carriers(start)
            figure.add_annotation(
                text=told,
                x=1.01,
                xref="paper",
                xanchor="left",
                y=i,
                showarrow=False,
                font={"size": 11.5, "color": None if plain else GREY},
            )
    decades = [float(10.0**k) for k in range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)]
    decades = [d for d in decades if low / 1.5 <= d <= high * 1.5] or [float(f"{low:.2g}")]
    height = 150 + (26 + 9 * len(shown)) * len(ids)
    edge = [np.log10(floor) - 0.1, np.log10(high) + 0.15]
    figure.update_layout(
        **base_layout(
            height,
            xaxis=axis(
                type="log",
                range=edge,
                tickvals=[floor, *decades],
                ticktext=["0", *[f"{d:g}" for d in decades]],
                title={"text": f"median ({esc(unit)})" if unit else "median"},
            ),
            yaxis=axis(
                tickmode="array",
                tickvals=list(range(len(ids))),
                ticktext=labels,
                range=[len(ids) - 0.4, -0.6],
                ticklabelstandoff=8,
            ),
            margin={"l": 16, "r": 155 if taxa_known else 24, "t": 76, "b": 56},
        )
    )
    words = AXIS_WORDS.get(axis_id, axis_id.replace("_", " ").capitalize())
    grey = any(tier[m] == HOUSEKEEPING for m in ids)
    when = f"hollow: {visits[0]}, filled: {visits[1]}" if visits[0] != visits[1] else f"at {visits[0]}"
    caption = (
        f"Median over the participants of an arm, {when}; the scale is logarithmic, with 0 at its left end."
        + (
            " At the right, at baseline over all arms: how many taxa carry the module, and how many it would "
            "be if all carried alike (functional redundancy; near 1, a single taxon carries it all), or the "
            "share of participants that have it where fewer than half do."
            if taxa_known
            else " Taxa are not told apart here, so that nothing is said of carriers."
        )
        + (
            " Grey modules are housekeeping, found nearly everywhere: a difference there tells of how many "
            "bacteria there are rather than of what they do."
            if grey
            else ""
        )
        + " A picture of where the arms stand, not of an effect."
    )
    said = [f"{names.get(m, m)}{' (housekeeping)' if tier[m] == HOUSEKEEPING else ''}" for m in ids]
    alt = f"Medians of {plural(len(ids), 'module')} by arm: {', '.join(said[:8])}."
    return Figure(f"modules.{assay}.{axis_id}", f"Modules: {words}", caption, alt, figure, rows, tab=words)


def _carriers(start: pd.DataFrame) -> str:
    """Say how many taxa carry a module, or in how many participants it was seen if not in half of them."""
    taxa, effective = start["carriers"].median(), start["redundancy"].median()
    if not taxa > 0:
        seen = (start["share_with"] * start["n"]).sum()
        return f"seen in {percent(seen, start['n'].sum())}"
    return f"{plural(int(taxa), 'taxon', 'taxa') if taxa == round(taxa) else number(taxa, 1) + ' taxa'}, " + (
        f"effectively {number(effective, 1)}"
    )


def concordance_figure(
    rows: pd.DataFrame,
    profile: str,
    labels: dict[tuple[str, str], str],
    comparisons: list[str],
    confidence: float,
    page: str = "",
) -> Figure | None:
    """Draw Spearman's correlation of potential and measurement with its interval, compound by compound.

    Parameters
    ----------
    rows
        Of `concordance.tsv`, with an interval.
    profile
        What was compared.
    labels
        (compound, measure) to words, in the order of the rows.
    comparisons
        At most two, drawn apart; others stand in the table.
    confidence
        Of the intervals.
    page
        Such as `1 to 30`, where compounds do not fit one figure.
    """
    drawn = rows[rows["comparison"].isin(comparisons)]
    keys = [k for k in labels if k in set(zip(drawn["compound"], drawn["measure"], strict=True))]
    if not keys:
        return None
    figure = go.Figure()
    height = 150 + (24 + 18 * len(comparisons)) * len(keys)
    for c, comparison in enumerate(comparisons):
        colour, symbol = COMPARISONS[c]
        spread = 0.0 if len(comparisons) == 1 else 0.44 * (c - 0.5)
        here = drawn[drawn["comparison"] == comparison]
        here = here[[k in keys for k in zip(here["compound"], here["measure"], strict=True)]]
        pairs = list(zip(here["compound"], here["measure"], strict=True))
        y = [keys.index(k) + spread for k in pairs]
        above = (here["ci_low"] > 0).tolist()
        told = [correlation_words(row) for _, row in here.iterrows()]
        brief = [t.partition(", n = ")[0] for t in told]
        figure.add_scatter(
            x=significant(here["spearman"]),
            y=y,
            mode="markers",
            name=esc(comparison),
            text=[f"<b>{esc(labels[k])}</b><br>{t}" for k, t in zip(pairs, told, strict=True)],
            hovertemplate="%{text}<extra>" + esc(comparison) + "</extra>",
            error_x={
                "type": "data",
                "symmetric": False,
                "color": colour,
                "thickness": 2,
                "width": 0,
                "array": significant(here["ci_high"] - here["spearman"]),
                "arrayminus": significant(here["spearman"] - here["ci_low"]),
            },
            marker={
                "size": 10,
                "symbol": symbol,
                "color": [colour if a else "#FFFFFF" for a in above],
                "line": {"color": colour, "width": 2},
            },
        )
        for place, text in zip(y, brief, strict=True):
            figure.add_annotation(
                text=text,
                x=1.01,
                xref="paper",
                xanchor="left",
                y=place,
                showarrow=False,
                font={"size": 11.5, "color": colour},
            )
    figure.add_vline(x=0, line={"color": GREY, "width": 1.5}, layer="below")
    figure.update_layout(
        **base_layout(
            height,
            xaxis=axis(
                range=[-1.02, 1.02],
                tickvals=[-1, -0.5, 0, 0.5, 1],
                title={"text": "Spearman's correlation of genes and compound"},
            ),
            yaxis=axis(
                tickmode="array",
                tickvals=list(range(len(keys))),
                ticktext=[short(labels[k], 32) for k in keys],
                range=[len(keys) - 0.4, -0.6],
                ticklabelstandoff=8,
            ),
            margin={"l": 16, "r": 150, "t": 76, "b": 56},
        )
    )
    caption = (
        f"Spearman's correlation with its {100 * confidence:g}{PERCENT} interval: 1 if those with more genes "
        "have more of the compound throughout, 0 if one says nothing of the other. Filled marks: the whole "
        "interval lies above 0."
        + (" Other visits stand in the data." if set(rows["comparison"]) - set(comparisons) else "")
    )
    best = drawn.sort_values("spearman", ascending=False).iloc[0]
    alt = (
        f"Forest plot of {plural(len(keys), 'compound')}: the highest correlation is that of "
        f"{labels[best['compound'], best['measure']]}, {best['comparison']}: {correlation_words(best)}."
    )
    title = "Genes against compounds" + (f", {page}" if page else "")
    return Figure(f"concordance.{profile}{page and '.' + page}", title, caption, alt, figure, rows, tab=page)


def correlation_words(row: pd.Series) -> str:
    """Return correlation, interval, participants and agreement of directions."""
    digits = min(2, decimals_for(row["ci_high"] - row["ci_low"]))
    value, low, high = (number(row[c], digits, True) for c in ("spearman", "ci_low", "ci_high"))
    signs = row["sign_agreement"]
    same = "" if pd.isna(signs) else f", {100 * signs:.0f}{PERCENT} same way"
    return f"{value} ({low} to {high}), n = {number(row['n'], 0)}{same}"

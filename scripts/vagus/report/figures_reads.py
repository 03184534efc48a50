"""Where the reads went."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from vagus.ledger import STEPS
from vagus.report.figures_common import MAX_BARS, Figure, axis, base_layout, esc, significant
from vagus.report.sentences import number, percent, plural

KEPT = "#0072B2"
LOST = {
    "primers": "#F0E442",
    "quality": "#E69F00",
    "duplicates": "#999933",
    "host": "#0072B2",
    "phix": "#000000",
    "filter": "#D55E00",
    "denoise": "#EAAE7F",
    "merge": "#CC79A7",
    "chimera": "#56B4E9",
    "decontam": "#009E73",
}
STEP_WORDS = {
    "primers": "primer removal",
    "quality": "quality trimming",
    "duplicates": "duplicates",
    "host": "host removal",
    "phix": "PhiX removal",
    "filter": "quality filter",
    "denoise": "denoising",
    "merge": "merging of pairs",
    "chimera": "chimera removal",
    "decontam": "decontamination",
}


def ledger_table(ledger: pd.DataFrame, types: dict[str, str]) -> pd.DataFrame:
    """Return one row per sample: raw, lost at each step, kept; most reads first.

    Parameters
    ----------
    ledger
        Rows with the ledger's columns; runs of a sample are summed.
    types
        Sample to its type.
    """
    steps = [s for s in STEPS if s in set(ledger["step"]) and s != "raw"]
    lost = ledger[ledger["step"] != "raw"].pivot_table(
        index="sample", columns="step", values="lost", aggfunc="sum", fill_value=0
    )
    lost = lost.reindex(index=sorted(set(ledger["sample"])), columns=steps).fillna(0).astype(int)
    # Per run the first step in the order tells what came in; a step of run "all" starts from their sum.
    apart = ledger[ledger["run"] != "all"] if (ledger["run"] != "all").any() else ledger
    order = apart["step"].map({s: i for i, s in enumerate(STEPS)})
    first = apart.loc[order.groupby([apart["sample"], apart["run"]]).idxmin()]
    raw = first.groupby("sample")["reads_in"].sum().reindex(lost.index).fillna(0).astype(int)
    table = pd.DataFrame(
        {"sample": lost.index, "type": [types.get(s, "") for s in lost.index], "raw": raw.values}
    )
    for step in steps:
        table[f"lost_{step}"] = lost[step].to_numpy()
    table["kept"] = table["raw"] - table[[f"lost_{s}" for s in steps]].sum(axis=1)
    return table.sort_values(["raw", "sample"], ascending=[False, True], kind="stable").reset_index(drop=True)


def step_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return for each step how much is left: quantiles over samples of the share of raw reads.

    Parameters
    ----------
    table
        From `ledger_table`; samples without any raw reads do not count.
    """
    used = table[table["raw"] > 0]
    left = used["raw"].astype(float)
    rows = []
    for column in [c for c in table.columns if c.startswith("lost_")]:
        left = left - used[column]
        share = 100 * left / used["raw"]
        marks = share.quantile([0.05, 0.25, 0.5, 0.75, 0.95]) if len(share) else pd.Series([float("nan")] * 5)
        rows.append(
            [
                column.removeprefix("lost_"),
                int(used[column].sum()),
                int(left.sum()),
                *marks,
                int(((left == 0) & (used[column] > 0)).sum()),
            ]
        )
    columns = ["step", "lost", "left", "q05", "q25", "median", "q75", "q95", "samples_ended"]
    return pd.DataFrame(rows, columns=columns)


def ledger_figure(ledger: pd.DataFrame, types: dict[str, str]) -> Figure:
    """Draw the fate of the reads of every sample; quantiles over samples above 300 samples.

    Parameters
    ----------
    ledger
        The final ledger.
    types
        Sample to its type (stool, negative, mock, ...).

    Returns
    -------
    Figure
        With one row per sample, or one per step, as table.
    """
    table = ledger_table(ledger, types)
    steps = [c.removeprefix("lost_") for c in table.columns if c.startswith("lost_")]
    total, kept = int(table["raw"].sum()), int(table["kept"].sum())
    alt = (
        f"Reads of {plural(len(table), 'sample')}: {number(total, 0)} raw, {number(kept, 0)} kept "
        f"({percent(kept, total)})."
    )
    if len(table) > MAX_BARS:
        return _quantile_figure(table, alt)
    labels = [
        esc(s) + (f" ({t})" if t not in ("", "stool") else "")
        for s, t in zip(table["sample"], table["type"], strict=True)
    ]
    figure = go.Figure()
    figure.add_bar(
        x=labels,
        y=table["kept"].tolist(),
        name="kept",
        marker={"color": KEPT},
        hovertemplate="%{x}<br>kept: %{y:,}<extra></extra>",
    )
    for step in steps:
        if table[f"lost_{step}"].sum() == 0:
            continue
        word = STEP_WORDS.get(step, step)
        figure.add_bar(
            x=labels,
            y=table[f"lost_{step}"].tolist(),
            name=f"lost: {word}",
            marker={"color": LOST.get(step, "#999999")},
            hovertemplate=f"%{{x}}<br>lost in {word}: %{{y:,}}<extra></extra>",
        )
    many = len(table) > 60
    figure.update_layout(
        **base_layout(
            460 if not many else 420,
            barmode="stack",
            bargap=0.12 if not many else 0,
            margin={"l": 64, "r": 16, "t": 88, "b": 60},
            legend={"traceorder": "normal", "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            xaxis=axis(
                showgrid=False,
                showticklabels=not many,
                tickangle=-55,
                tickfont={"size": 11},
                type="category",
                title={"text": "samples, most reads first" if many else ""},
            ),
            yaxis=axis(title={"text": "reads or read pairs"}, rangemode="tozero", separatethousands=True),
        )
    )
    caption = (
        "Each bar is a sample with all its raw reads (pairs for paired-end data): blue is what entered the "
        "profiles, the other colours say at which step the rest was lost. Samples are sorted by raw reads."
    )
    return Figure("ledger", "What happened to the reads of every sample", caption, alt, figure, table)


def _quantile_figure(table: pd.DataFrame, alt: str) -> Figure:
    """Draw the share of reads left after each step as quantiles over samples."""
    steps = step_table(table)
    names = ["raw", *(STEP_WORDS.get(s, s) for s in steps["step"])]

    def line(column: str) -> list[float | None]:
        return [100.0, *significant(steps[column], 4)]

    figure = go.Figure()
    for low, high, alpha, name in (
        ("q05", "q95", 0.15, "90 % of samples"),
        ("q25", "q75", 0.3, "half of samples"),
    ):
        figure.add_scatter(
            x=names, y=line(low), mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip"
        )
        figure.add_scatter(
            x=names,
            y=line(high),
            mode="lines",
            line={"width": 0},
            fill="tonexty",
            name=name,
            fillcolor=f"rgba(0,114,178,{alpha})",
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=names,
        y=line("median"),
        mode="lines+markers",
        name="median sample",
        line={"color": KEPT, "width": 3},
        hovertemplate="%{x}: %{y:.1f} % left<extra></extra>",
    )
    figure.update_layout(
        **base_layout(
            420,
            margin={"l": 64, "r": 16, "t": 88, "b": 60},
            legend={"traceorder": "normal", "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            xaxis=axis(showgrid=False),
            yaxis=axis(title={"text": "% of raw reads left"}, range=[0, 103]),
        )
    )
    caption = (
        f"Share of the raw reads left after each step, over {number(len(table), 0)} samples (more than "
        f"{MAX_BARS}, so quantiles instead of bars). Every sample is in reads/ledger.tsv."
    )
    return Figure("ledger", "What is left of the reads after each step", caption, alt, figure, steps)


def quality_figure(truncation: dict[str, object]) -> Figure | None:
    """Draw the quality along the reads and the chosen truncation, if the curves were kept.

    Parameters
    ----------
    truncation
        The content of `truncation.json`; curves are looked for under `quality`, as
        {direction: [Q per position]} or {direction: {mean: [Q per position]}}.

    Returns
    -------
    Figure or None
        None without curves.
    """
    curves = truncation.get("quality")
    if not isinstance(curves, dict):
        return None
    chosen = truncation.get("trunc_len")
    lengths = list(chosen) if isinstance(chosen, list | tuple) else [chosen]
    figure, rows = go.Figure(), []
    for i, (name, raw) in enumerate(curves.items()):
        name = {"F": "forward", "R": "reverse"}.get(str(name), str(name))
        values = raw.get("mean") if isinstance(raw, dict) else raw
        if not isinstance(values, list) or not values:
            continue
        colour = (KEPT, "#D55E00")[i % 2]
        y = significant(values, 4)
        rows += [(str(name), k, q) for k, q in enumerate(y, 1)]
        figure.add_scatter(
            x=list(range(1, len(y) + 1)),
            y=y,
            mode="lines",
            name=esc(name),
            line={"color": colour, "width": 2},
            hovertemplate="base %{x}: Q%{y:.1f}<extra></extra>",
        )
        cut = lengths[i] if i < len(lengths) else None
        if isinstance(cut, int | float) and cut > 0:
            figure.add_vline(x=float(cut), line={"color": colour, "width": 1.5, "dash": "dash"})
    if not rows:
        return None
    figure.update_layout(
        **base_layout(
            360,
            margin={"l": 64, "r": 16, "t": 56, "b": 56},
            xaxis=axis(title={"text": "position in the read"}),
            yaxis=axis(title={"text": "mean quality (Phred)"}, rangemode="tozero"),
        )
    )
    caption = "Mean quality at each position, over the reads that reach it; dashed lines mark the truncation."
    table = pd.DataFrame(rows, columns=["read", "position", "quality"])
    return Figure("quality", "Quality along the reads", caption, caption, figure, table)

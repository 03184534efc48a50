"""What all figures share: the record of a figure, colours that everyone can tell apart, the layout."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from vagus.errors import VagusError

# Okabe & Ito (2008); the reference arm is grey so that the interventions carry the colour.
REFERENCE = "#6E7681"
OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B8A500"]
STACK = [
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#7FB8D8",
    "#F2CF80",
    "#7FCEB9",
    "#E5BCD3",
    "#EAAE7F",
]
OTHER = "#C9CED6"
MAX_LINES = 300
MAX_BARS = 300


@dataclass
class Figure:
    """A figure, its words and the table behind it.

    Parameters
    ----------
    id
        File stem; letters, digits, dot, dash and underscore.
    title, caption, alt
        Plain text; alt tells what a blind reader must know.
    figure
        Plotly figure, or None when `svg` holds the drawing.
    table
        The numbers drawn.
    tab
        Label when several figures share one place.
    svg
        A drawing that is not plotly's.
    note
        A mark such as `inferred`.
    source
        Name of the profile that is drawn, "" for figures of reads.
    """

    id: str
    title: str
    caption: str
    alt: str
    figure: go.Figure | None
    table: pd.DataFrame
    tab: str = ""
    svg: str = ""
    note: str = ""
    full_table: str = field(default="")
    source: str = ""

    def __post_init__(self) -> None:
        self.id = safe_id(self.id)
        if self.figure is None and not self.svg:
            raise VagusError(f"figure {self.id} has nothing to show")


def safe_id(text: str) -> str:
    """Return text fit for a file name and an HTML id."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_") or "figure"


def esc(text: object) -> str:
    """Escape for plotly, which reads its texts as HTML."""
    return html.escape(str(text), quote=False)


def short(text: str, width: int = 34) -> str:
    """Escape and cut a label at `width` characters; the hover and the table keep the whole."""
    return esc(text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}")


def arm_colours(arms: list[str], reference: str | None) -> dict[str, str]:
    """Return a colour for every arm; the reference is grey.

    Parameters
    ----------
    arms
        In the order of the plan.
    reference
        Reference arm or None.
    """
    others = [a for a in arms if a != reference]
    found = {a: OKABE_ITO[i % len(OKABE_ITO)] for i, a in enumerate(others)}
    if reference:
        found[reference] = REFERENCE
    return found


def rgba(colour: str, alpha: float) -> str:
    """Return a hex colour with transparency."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def significant(values: Any, digits: int = 5) -> list[float | None]:
    """Round to significant digits; NaN becomes None so that the JSON stays valid and small."""
    array = np.asarray(values, dtype=float)
    return [None if not np.isfinite(x) else float(f"{x:.{digits}g}") for x in array.ravel()]


def rounded(table: pd.DataFrame, digits: int = 6) -> pd.DataFrame:
    """Round all float columns to significant digits."""
    table = table.copy()
    for column in table.columns:
        if pd.api.types.is_float_dtype(table[column]):
            table[column] = pd.Series(significant(table[column], digits), index=table.index, dtype=float)
    return table


def to_tsv(table: pd.DataFrame) -> str:
    """Return the table as TSV text."""
    return rounded(table).to_csv(sep="\t", index=False, float_format="%.6g")


def base_layout(height: int, **extra: Any) -> dict[str, Any]:
    """Return the quiet layout of all figures; colours of text and grid are the page's."""
    layout: dict[str, Any] = {
        "template": "none",
        "height": height,
        "margin": {"l": 64, "r": 24, "t": 40, "b": 52},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", "size": 13},
        "hoverlabel": {"align": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#9AA3AF", "activecolor": "#0060A0"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
    }
    layout.update(extra)
    return layout


def axis(**extra: Any) -> dict[str, Any]:
    """Return a quiet axis: light grid, no zero line, room for its labels."""
    return {
        "gridcolor": "#E6E9EE",
        "zeroline": False,
        "automargin": True,
        "ticks": "",
        **extra,
        "title": {"font": {"size": 13}, **extra.get("title", {})},
    }


def thin(items: list[str], limit: int) -> list[str]:
    """Return at most `limit` items, evenly spaced, order kept."""
    if len(items) <= limit:
        return items
    return [items[i] for i in sorted({round(k * (len(items) - 1) / (limit - 1)) for k in range(limit)})]

"""One section of the page, and what sections ask of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vagus.report.figures_common import Figure
from vagus.report.load_results import Results
from vagus.report.sentences import join, profile_name

INFERRED = "inferred, not measured"
# Height of a line of text in a figure, pixels.
LINE = 24


@dataclass
class Section:
    """A part of the page.

    Parameters
    ----------
    id, title
        Anchor and heading.
    lead
        Sentences before the figures.
    figures
        Shown as tabs when there are several.
    rows
        A small table: first the head, then the rows.
    empty
        Why there is nothing to show.
    notes
        Sentences after the figures.
    mark
        A badge such as `description only`.
    tables
        More tables: caption, and rows with the head first.
    folded
        What a reader may skip: a line, and the sentences behind it.
    open_tables
        So many of `tables` stand open; the others are folded behind their captions, as long ones are.
    """

    id: str
    title: str
    lead: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    empty: str = ""
    notes: list[str] = field(default_factory=list)
    mark: str = ""
    tables: list[tuple[str, list[list[str]]]] = field(default_factory=list)
    folded: list[tuple[str, list[str]]] = field(default_factory=list)
    open_tables: int = 1000


def profile_order(results: Results, names: set[str]) -> list[str]:
    """Return profile names: first as in the families of the plan, then panels, diversity and the rest."""
    planned = [p for f in results.plan.get("families") or [] for p in f.get("profiles") or []]
    rest = sorted(names, key=lambda n: (not n.startswith("panel."), not n.endswith(".diversity"), n))
    return [n for n in dict.fromkeys([*planned, *rest]) if n in names]


def alpha_of(results: Results, profile: str) -> float:
    """Return the error level of the family that names the profile."""
    for family in results.plan.get("families") or []:
        if profile in (family.get("profiles") or []):
            return float(family.get("alpha", 0.05))
    return 0.05


def own_axes(results: Results, profile: str) -> bool:
    """Whether the features of a profile have different units and need a scale each."""
    known = results.profiles.get(profile)
    units = set(results.effects.loc[results.effects["profile"] == profile, "unit"])
    return len(units) > 1 or (known.kind == "score" if known else profile.startswith("panel."))


def primary_visit(results: Results) -> str:
    """Return the visit of the primary endpoint."""
    return str(results.plan.get("primary_visit") or (results.visits[-1] if results.visits else ""))


def difference_words(results: Results) -> str:
    """Say which difference an arm effect is, without a full stop."""
    if results.is_crossover:
        starts = all(p.get("before") for p in results.plan.get("periods") or [{}])
        return f"difference between the arms at the end of a period{', adjusted for its beginning' * starts}"
    visit = primary_visit(results)
    return f"difference between the arms{f' at {visit}' if visit else ''}, adjusted for baseline"


def when_words(results: Results) -> str:
    """Say when arms are compared: at the primary visit, or at the end of a period."""
    return "at the end of a period" if results.is_crossover else f"at {primary_visit(results)}"


def inferred_words(results: Results, profiles: Sequence[str]) -> str:
    """Return a sentence (after a space) that names which of the profiles were inferred, "" if none was."""
    names = [p for p in dict.fromkeys(profiles) if results.is_inferred(p)]
    if len(names) < len(set(profiles)) and names:
        return f" {INFERRED.capitalize()}: {join([profile_name(p) for p in names])}."
    return f" {INFERRED.capitalize()}." if names else ""


def mark_inferred(results: Results, figure: Figure, profile: str) -> Figure:
    """Say whose figure it is; what was inferred says so in title, plot, caption and alt text.

    Parameters
    ----------
    results
        Of the run.
    figure
        Changed in place.
    profile
        Name of the profile that is drawn.
    """
    figure.source = profile
    if not results.is_inferred(profile):
        return figure
    figure.note = INFERRED
    figure.caption = f"{INFERRED.capitalize()}. {figure.caption}"
    figure.alt = f"{INFERRED.capitalize()}. {figure.alt}"
    if figure.figure is not None:
        # In a line of its own at the lower right, where it covers neither legend nor axis title.
        layout = figure.figure.layout
        below, beside = layout.margin.b or 0, layout.margin.r or 0
        figure.figure.update_layout(height=layout.height + LINE, margin={"b": below + LINE})
        figure.figure.add_annotation(
            text=INFERRED,
            x=1,
            xref="paper",
            xanchor="right",
            xshift=beside - 4,
            y=0,
            yref="paper",
            yanchor="bottom",
            yshift=-below - LINE + 2,
            showarrow=False,
            font={"size": 12, "color": "#0060A0"},
            bgcolor="#E8F1F8",
            borderpad=3,
        )
    return figure

"""One section of the page, and what sections ask of the plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from vagus.report.figures_common import Figure
from vagus.report.load_results import Results


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
    """

    id: str
    title: str
    lead: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    empty: str = ""
    notes: list[str] = field(default_factory=list)
    mark: str = ""


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


def mark_inferred(results: Results, figure: Figure, profile: str) -> Figure:
    """Mark a figure of a profile that was inferred rather than measured."""
    known = results.profiles.get(profile)
    if known is not None and known.meta.get("inferred"):
        figure.note = "inferred, not measured"
    return figure

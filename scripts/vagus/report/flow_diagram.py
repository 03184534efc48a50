"""The flow of participants and samples, as in CONSORT (Schulz 2010, doi:10.1136/bmj.c332), drawn as SVG."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

import pandas as pd

from vagus.report.figures_common import Figure, arm_colours
from vagus.report.sentences import join, number, plural

COLUMN = 350
GAP = 28
LINE = 19
PAD = 14
WRAP = 43


def complete_people(flow: pd.DataFrame, arm: str, needed: list[str]) -> tuple[int, list[str]]:
    """Return how many participants of an arm kept all visits that an effect needs, and who did not.

    Parameters
    ----------
    flow
        Flow table.
    arm, needed
        Arm and the visits.
    """
    samples = stool_rows(flow)
    kept = samples[(samples["status"] == "kept") & (samples["arm"] == arm)]
    at: dict[str, set[str]] = {}
    for person, visit in zip(kept["participant"], kept["visit"], strict=True):
        at.setdefault(person, set()).add(visit)
    people = _participants(flow, arm)
    whole = [p for p in people if set(needed) <= at.get(p, set())]
    return len(whole), [p for p in people if p not in set(whole)]


def _participants(flow: pd.DataFrame, arm: str) -> list[str]:
    rows = flow[flow["arm"] == arm]
    named = set(rows.loc[rows["level"] == "participant", "id"]) | set(rows["participant"])
    return sorted(p for p in named if p)


def stool_rows(flow: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of stool samples; those of step `sampling` stand for a visit without a sample."""
    rows = flow[flow["level"] == "sample"]
    return rows[rows["type"] == "stool"] if "type" in rows.columns else rows


def losses(rows: pd.DataFrame, most: int = 4) -> list[str]:
    """Return `count: step, reason` of lost rows, the commonest first."""
    lost = rows[rows["status"] != "kept"]
    if not len(lost):
        return []
    counts = lost.groupby(["step", "reason"]).size().sort_values(ascending=False, kind="stable")
    lines = []
    for key, n in counts.head(most).items():
        parts = key if isinstance(key, tuple) else (key,)
        words = ": ".join(str(x) for x in parts if x) or "no reason given"
        lines.append(f"{n} \N{MULTIPLICATION SIGN} {words}")
    if len(counts) > most:
        lines.append(f"{counts.iloc[most:].sum()} more, for other reasons (table)")
    return lines


def flow_table(flow: pd.DataFrame, arms: list[str], visits: list[str]) -> pd.DataFrame:
    """Return counts kept and lost by arm, level, visit, step and reason."""
    keys = ["arm", "level", "visit", "status", "step", "reason"]
    table = flow.groupby(keys, dropna=False).size().rename("count").reset_index()
    rank = {a: i for i, a in enumerate(arms)} | {v: i for i, v in enumerate(visits)}
    order = table[["arm", "visit"]].map(lambda x: rank.get(x, len(rank)))
    table = table.assign(_a=order["arm"], _v=order["visit"])
    table = table.sort_values(["_a", "level", "_v", "status", "step", "reason"], kind="stable")
    return table.drop(columns=["_a", "_v"]).reset_index(drop=True)


class _Drawing:
    """Boxes under each other in columns; remembers what it drew."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, head: str, lines: list[str], kind: str, colour: str = ""
    ) -> float:
        """Draw a box and return where it ends."""
        wrapped: list[str] = []
        columns = max(12, int(width / COLUMN * WRAP))
        for line in lines:
            wrapped += textwrap.wrap(line, columns, subsequent_indent="   ") or [""]
        heads = textwrap.wrap(head, columns - 2) if head else []
        height = 2 * PAD - 4 + LINE * (len(heads) + len(wrapped))
        self.parts.append(
            f'<rect class="flow-{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"/>'
        )
        if colour:
            self.parts.append(
                f'<rect x="{x:g}" y="{y:g}" width="6" height="{height:g}" rx="3" fill="{colour}"/>'
            )
        for i, text in enumerate([*heads, *wrapped]):
            style = "flow-head" if i < len(heads) else "flow-text"
            self.parts.append(
                f'<text class="{style}" x="{x + PAD + 4:g}" y="{y + PAD + 9 + LINE * i:g}">'
                f"{escape(text)}</text>"
            )
        return y + height

    def arrow(self, x: float, top: float, bottom: float) -> None:
        """Draw an arrow down."""
        self.parts.append(f'<path class="flow-line" d="M{x:g} {top:g}V{bottom - 7:g}"/>')
        self.parts.append(f'<path class="flow-tip" d="M{x - 5:g} {bottom - 8:g}h10l-5 8z"/>')

    def line(self, path: str) -> None:
        """Draw a connecting line."""
        self.parts.append(f'<path class="flow-line" d="{path}"/>')


def flow_diagram(
    flow: pd.DataFrame,
    arms: list[str],
    visits: list[str],
    needed: list[str],
    reference: str | None,
    controls: dict[str, int] | None = None,
) -> Figure | None:
    """Draw who and what entered, what was lost and why, and what was analysed, per arm.

    Parameters
    ----------
    flow
        Rows with level, id, participant, arm, visit, assay, status, step, reason.
    arms, visits, reference
        Of the plan; in a crossover, the groups of those who start in an arm.
    needed
        Visits without which a participant has no effect.
    controls
        Number of technical controls by type.
    """
    shown = [a for a in arms if a in set(flow["arm"])]
    if not shown:
        return None
    colours = arm_colours(arms, reference)
    draw = _Drawing()
    width = len(shown) * COLUMN + (len(shown) - 1) * GAP
    samples = stool_rows(flow)
    samples = samples[samples["arm"].isin(shown) & (samples["step"] != "sampling")]
    people = sum(len(_participants(flow, a)) for a in shown)
    lines = [f"{plural(len(samples), 'stool sample')} in the sheets"]
    if controls:
        lines.append("kept apart: " + ", ".join(f"{n} {t}" for t, n in sorted(controls.items())))
    top_width = min(width, 420)
    end = draw.box((width - top_width) / 2, 0, top_width, plural(people, "participant"), lines, "box")
    start = end + 46
    if len(shown) > 1:
        first, last = COLUMN / 2, width - COLUMN / 2
        draw.line(f"M{width / 2:g} {end:g}V{end + 18:g}M{first:g} {end + 18:g}H{last:g}")
    stages = [_stages(flow, a, visits, needed) for a in shown]
    bottoms = [start] * len(shown)
    for i, arm in enumerate(shown):
        draw.arrow(i * (COLUMN + GAP) + COLUMN / 2, end + 18 if len(shown) > 1 else end, start)
        bottoms[i] = draw.box(
            i * (COLUMN + GAP), start, COLUMN, arm, stages[i][0]["lines"], "box", colours[arm]
        )
    for k in range(1, len(stages[0])):
        # All arms start a stage at one height, so that a reader compares along a row.
        begin = max(bottoms) + 34
        for i, arm in enumerate(shown):
            stage, x = stages[i][k], i * (COLUMN + GAP)
            draw.arrow(x + COLUMN / 2, bottoms[i], begin)
            bottoms[i] = draw.box(
                x,
                begin,
                COLUMN,
                stage["head"],
                stage["lines"],
                stage["kind"],
                "" if stage["kind"] == "loss" else colours[arm],
            )
    height = max(bottoms) + 2
    said = "; ".join(
        f"{a}: {plural(len(_participants(flow, a)), 'participant')}, "
        f"{complete_people(flow, a, needed)[0]} {with_visits(needed)}"
        for a in shown
    )
    alt = f"Flow of participants and samples. {said}."
    svg = (
        f'<svg class="flow" viewBox="-2 -2 {width + 4:g} {height + 4:g}" style="max-width:{width + 4:g}px" '
        f'role="img" aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg">{"".join(draw.parts)}</svg>'
    )
    caption = (
        "Participants and samples from the sheets to the analysis. Dashed boxes say what was lost, at which "
        "step and why."
    )
    table = flow_table(flow, arms, visits)
    return Figure("flow", "Flow of participants and samples", caption, alt, None, table, svg=svg)


def with_visits(needed: list[str]) -> str:
    """Return for example `with both baseline and week8`."""
    if len(needed) < 2:
        return "analysed"
    return f"with {'both' if len(needed) == 2 else 'all of'} {join(needed)}"


def _stages(flow: pd.DataFrame, arm: str, visits: list[str], needed: list[str]) -> list[dict[str, Any]]:
    """Return the boxes of one arm from top to bottom."""
    rows = stool_rows(flow)
    rows = rows[rows["arm"] == arm]
    samples = rows[rows["step"] != "sampling"]
    absent = len(rows) - len(samples)
    kept = samples[samples["status"] == "kept"]
    lost = losses(samples)
    pairs, broken = complete_people(flow, arm, needed)

    def by_visit(part: pd.DataFrame) -> list[str]:
        counts = part["visit"].value_counts()
        return [f"{v}: {number(counts.get(v, 0), 0)}" for v in visits]

    received = by_visit(samples)
    if absent:
        received.append(f"{plural(absent, 'planned visit')} without a sample")
    end = [f"{join(needed)} {'both' if len(needed) == 2 else 'all'} there"] if len(needed) > 1 else []
    if broken:
        missed = "both visits" if len(needed) < 3 else "all of them"
        end.append(f"{plural(len(broken), 'participant')} without {missed}")
    return [
        {"head": arm, "lines": [plural(len(_participants(flow, arm)), "participant")], "kind": "box"},
        {"head": plural(len(samples), "sample") + " received", "lines": received, "kind": "box"},
        {"head": "Lost" if lost else "Nothing lost", "lines": lost, "kind": "loss"},
        {"head": plural(len(kept), "sample") + " profiled", "lines": by_visit(kept), "kind": "box"},
        {"head": f"{plural(pairs, 'participant')} analysed", "lines": end, "kind": "end"},
    ]

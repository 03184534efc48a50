"""What is missing, by arm, visit and reason: samples, measures, and samples that a profile left out."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from vagus.design.model import Design, load_design
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

COLUMNS = ["kind", "item", "arm", "visit", "reason", "n", "of", "share"]
STEP_WORDS = {"sampling": "not collected"}


def missing_table(design: Design, flow: pd.DataFrame, metas: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Count what is missing.

    Parameters
    ----------
    design
        The checked trial.
    flow
        From `vagus.profiles.sample_flow`.
    metas
        Profile to its meta; `left_out` names samples and why.

    Returns
    -------
    DataFrame
        `COLUMNS`: kind is `sample` (item is the assay), `measure` (item is the measure, at the visits at
        which anybody has it) or `profile` (item is the profile that left samples out); `of` is the number of
        participants of the arm. Reasons of one arm and visit do not overlap.
    """
    size = {arm: sum(p.arm == arm for p in design.participants) for arm in design.arms}
    found = [*_samples(design, flow), *_measures(design), *_profiles(design, metas)]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    rows = pd.DataFrame(found, columns=COLUMNS[:5])
    table = rows.groupby(COLUMNS[:5], sort=False).size().rename("n").reset_index()
    table["of"] = table["arm"].map(size)
    table["share"] = table["n"] / table["of"]
    for column, order in (("arm", design.arms), ("visit", design.visits)):
        table[column] = pd.Categorical(table[column], order, ordered=True)
    kinds = pd.Categorical(table["kind"], ["sample", "measure", "profile"], ordered=True)
    table = table.assign(kind=kinds).sort_values(COLUMNS[:5], kind="stable").reset_index(drop=True)
    return table.astype(dict.fromkeys(("kind", "arm", "visit"), str))[COLUMNS]


def _samples(design: Design, flow: pd.DataFrame) -> list[list[str]]:
    lost = flow[(flow["level"] == "sample") & (flow["status"] == "lost") & (flow["type"] == "stool")]
    rows = []
    for _, row in lost.iterrows():
        if row["arm"] in design.arms and row["visit"] in design.visits:
            step = STEP_WORDS.get(row["step"], f"failed at {row['step']}: {row['reason']}")
            rows.append(["sample", row["assay"], row["arm"], row["visit"], step])
    return rows


def _measures(design: Design) -> list[list[str]]:
    have: dict[tuple[str, str], dict[str, bool]] = {}
    for m in design.measures:
        # Below the limit of detection is measured.
        measured = m.value is not None or m.lod is not None
        have.setdefault((m.measure, m.visit), {})[m.participant] = measured
    rows = []
    for (measure, visit), who in have.items():
        if not any(who.values()):
            continue
        for p in design.participants:
            if not who.get(p.participant, False):
                why = "empty in the sheet" if p.participant in who else "no row in the sheet"
                rows.append(["measure", measure, p.arm, visit, f"not measured: {why}"])
    return rows


def _profiles(design: Design, metas: dict[str, dict[str, Any]]) -> list[list[str]]:
    place = {s.sample: (s.participant, s.visit) for s in design.stool_samples()}
    arms = {p.participant: p.arm for p in design.participants}
    rows = []
    for name, meta in metas.items():
        left = meta.get("left_out") or {}
        for sample, why in left.items() if isinstance(left, dict) else []:
            who, visit = place.get(sample, (None, None))
            if who in arms and visit:
                rows.append(["profile", name, arms[who], visit, f"left out: {why}"])
    return rows


def main(design: str, flow: str, metas: Sequence[str], output: str) -> None:
    """Read design, flow and metas, write the table."""
    text = pd.read_csv(flow, sep="\t", dtype=str, keep_default_na=False)
    known = {
        Path(path).name.removesuffix(".meta.json"): json.loads(Path(path).read_text(encoding="utf-8"))
        for path in metas
    }
    table = missing_table(load_design(design), text, known)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.6g")
    print(f"{len(table)} rows")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.design, snakemake.input.flow, list(snakemake.input.metas), snakemake.output[0]
        ),
        snakemake.log[0],
    )

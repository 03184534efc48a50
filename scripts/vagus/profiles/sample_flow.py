"""Who and what was kept and lost, with the step and the reason: the numbers of a CONSORT diagram."""

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from vagus.design.model import Design, Sample, load_design
from vagus.ledger import LEDGER_COLUMNS, MERGED_RUN, STEPS, read_ledger
from vagus.profile import read_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FLOW_COLUMNS = ["level", "id", "participant", "arm", "visit", "assay", "type", "status", "step", "reason"]


def lost_at(ledger: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Find where each sample that ended lost its last read.

    Parameters
    ----------
    ledger
        The whole ledger.

    Returns
    -------
    dict
        Sample -> (step, reason); a sample with a run that still has reads is not in it.
    """
    rank = ledger["step"].map({step: i for i, step in enumerate(STEPS)})
    merged = ledger["run"] == MERGED_RUN
    rows = ledger.assign(_merged=merged, _rank=rank).sort_values(
        ["sample", "_merged", "_rank"], kind="stable"
    )
    last = rows.groupby(["sample", "run"], sort=False)["reads_out"].last()
    left = last.groupby("sample", sort=False).sum()
    whole = last[last.index.get_level_values("run") == MERGED_RUN].droplevel("run")
    # Once the runs of a sample are merged, what is left of them together is what counts.
    left.update(whole)
    ended = set(left.index[left == 0])
    empty = rows[rows["sample"].isin(ended) & (rows["reads_out"] == 0)]
    # Of a sample over several runs the run that came furthest tells the story.
    first = empty.groupby(["sample", "run"], sort=False).first().reset_index()
    first["_loss"] = first["lost"] > 0
    first = (
        first.sort_values(["sample", "_loss", "_rank"], kind="stable").groupby("sample", sort=False).last()
    )
    return {str(s): (str(step), str(reason)) for s, step, reason in first[["step", "reason"]].itertuples()}


def flow_table(
    design: Design, ledger: pd.DataFrame, kept: set[str], profiled: Collection[str] = ("amplicon",)
) -> pd.DataFrame:
    """One row per participant, per sample, and per planned visit without a sample.

    A participant is kept when the baseline and at least one later visit have a kept sample (any sample, where
    the plan has one visit); the reason names the visits that are missing either way.

    Parameters
    ----------
    design
        The trial.
    ledger
        Reads per sample and step.
    kept
        Samples in the profiles.
    profiled
        Assays that were profiled.

    Returns
    -------
    pandas.DataFrame
        `FLOW_COLUMNS`; status is kept or lost.
    """
    ends = lost_at(ledger) if len(ledger) else {}
    seen = set(ledger["sample"]) if len(ledger) else set()
    arms = {p.participant: p.arm for p in design.participants}
    assays = design.assays or list(profiled)
    samples = []
    for s in design.samples:
        status, step, reason = _sample_fate(s, profiled, kept, ends, seen)
        samples.append(
            _row("sample", s.sample, s.participant, arms, s.visit, s.assay, s.type, status, step, reason)
        )
    have: dict[tuple[str, str, str], list[str]] = {}
    for s in design.stool_samples():
        if s.participant and s.visit:
            have.setdefault((s.participant, s.visit, s.assay), []).append(s.sample)
    for p in design.participants:
        for visit in design.visits:
            for which in assays:
                if (p.participant, visit, which) not in have:
                    name = f"{p.participant}|{visit}"
                    why = "no sample at this visit"
                    samples.append(
                        _row(
                            "sample",
                            name,
                            p.participant,
                            arms,
                            visit,
                            which,
                            "stool",
                            "lost",
                            "sampling",
                            why,
                        )
                    )
    status_of = {r["id"]: r["status"] for r in samples}
    people = [
        _participant_row(design, p.participant, arms, assays, have, status_of) for p in design.participants
    ]
    return pd.DataFrame(people + samples, columns=FLOW_COLUMNS)


def _sample_fate(
    sample: Sample,
    profiled: Collection[str],
    kept: set[str],
    ends: dict[str, tuple[str, str]],
    seen: set[str],
) -> tuple[str, str, str]:
    """Return status, step and reason of one sample."""
    if sample.assay not in profiled:
        return "lost", "profiles", f"no engine was run for the assay {sample.assay}"
    if sample.sample in kept:
        return "kept", "", ""
    if sample.sample in ends:
        return ("lost", *ends[sample.sample])
    if sample.sample not in seen:
        return "lost", "raw", "no reads of this sample were processed"
    if sample.type != "stool":
        # Controls and donors are used where they belong, not in the participants' profile.
        return "kept", "", f"{sample.type}: not part of the participants' profile"
    return "lost", "profiles", "not in the profile although it has reads"


def _participant_row(
    design: Design,
    participant: str,
    arms: dict[str, str],
    assays: list[str],
    have: dict[tuple[str, str, str], list[str]],
    status_of: dict[str, str],
) -> dict[str, str]:
    """Return the row of one participant."""
    usable = [
        v
        for v in design.visits
        if any(status_of.get(s) == "kept" for a in assays for s in have.get((participant, v, a), []))
    ]
    missing = [v for v in design.visits if v not in usable]
    if len(design.visits) > 1:
        kept = design.baseline in usable and any(v in usable for v in design.followup_visits)
    else:
        kept = bool(usable)
    if not usable:
        reason = "no usable sample at any visit"
    else:
        reason = f"no usable sample at {', '.join(missing)}" if missing else ""
    status = "kept" if kept else "lost"
    step = "" if kept else "samples"
    return _row("participant", participant, participant, arms, "", "", "", status, step, reason)


def _row(
    level: str,
    name: str,
    participant: str | None,
    arms: dict[str, str],
    visit: str | None,
    assay: str,
    kind: str,
    status: str,
    step: str,
    reason: str,
) -> dict[str, str]:
    values = [level, name, participant or "", arms.get(participant or "", ""), visit or "", assay, kind]
    return dict(zip(FLOW_COLUMNS, [*values, status, step, reason], strict=True))


def main(design: str, ledger: str | None, profiles: Sequence[str], table_out: str) -> None:
    """Read, count and write."""
    trial = load_design(design)
    rows = read_ledger(ledger) if ledger else pd.DataFrame(columns=LEDGER_COLUMNS)
    found = [read_profile(path) for path in profiles]
    kept = {sample for profile in found for sample in profile.samples}
    frame = flow_table(trial, rows, kept, {profile.name.split(".")[0] for profile in found})
    frame.to_csv(table_out, sep="\t", index=False)
    print(frame.groupby(["level", "status"]).size().to_string() if len(frame) else "nobody took part")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.design,
            snakemake.input.get("ledger") or None,
            list(snakemake.input.profiles),
            snakemake.output.table,
        ),
        snakemake.log[0],
    )

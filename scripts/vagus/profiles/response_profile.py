"""Response and remission of every participant, derived from the totals and never taken from a sheet."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.model import Design, load_design
from vagus.design.resources import load_scales, scale_key
from vagus.profile import Profile, write_profile
from vagus.steps import run_step
from vagus.trial.estimands import apply_events, first_events, strategies_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

NAME = "panel.response"
RULE = re.compile(r"^(drop|rise|value) *(>=|<=|>|<) *([0-9]+(?:\.[0-9]+)?)(%?)$")
COMPARE = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}


def follow_rule(start: np.ndarray, later: np.ndarray, rule: str) -> np.ndarray:
    """Return who fulfils a responder rule: 1, 0, or NaN where it cannot be told.

    Parameters
    ----------
    start, later
        (participants,) values at the baseline and at the visit.
    rule
        As in the plan: `drop >= 50%`, `rise >= 5`, `value <= 7`; % is a share of the baseline.
    """
    match = RULE.match(rule)
    assert match, rule
    what, sign, number, share = match.groups()
    moved = later if what == "value" else (start - later if what == "drop" else later - start)
    with np.errstate(divide="ignore", invalid="ignore"):
        if share:
            # A share of nothing is not defined.
            moved = np.where(start > 0, 100 * moved / start, np.nan)
        # Shares such as 50 % of 7 must not fall to one side by rounding.
        met = COMPARE[sign](np.round(moved, 9), float(number)).astype(float)
    return np.where(np.isfinite(moved), met, np.nan)


def measure_frame(design: Design, measure: str) -> pd.DataFrame:
    """Return a measure as participants x visits, in the order of the plan; NaN is missing."""
    people = [p.participant for p in design.participants]
    frame = pd.DataFrame(np.nan, index=people, columns=design.visits)
    for m in design.measures:
        if m.measure == measure and m.value is not None and m.visit in frame.columns:
            frame.loc[m.participant, m.visit] = m.value
    return frame


def response_rules(design: Design, scales: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return feature (`<measure>.response`, `<measure>.remission`) to measure, outcome, rule and its source.

    Parameters
    ----------
    design
        The checked trial; its responder rule stands above that of the scale.
    scales
        From `vagus.design.resources.load_scales`.
    """
    found: dict[str, dict[str, str]] = {}
    planned = design.plan.get("responder") or {}
    for measure in dict.fromkeys(m.measure for m in design.measures):
        scale = scales.get(scale_key(measure))
        way = "drop" if not scale or scale["better"] == "lower" else "rise"
        if planned.get("measure") == measure:
            rule, source = str(planned["rule"]), "plan"
        elif scale and scale["response_percent"]:
            rule, source = f"{way} >= {scale['response_percent']}%", str(scale["source"])
        else:
            rule = source = ""
        if rule:
            found[f"{measure}.response"] = {
                "measure": measure, "outcome": "response", "rule": rule, "source": source
            }  # fmt: skip
        if scale and scale["remission_max"] is not None:
            rule = f"value <= {scale['remission_max']}"
            found[f"{measure}.remission"] = {
                "measure": measure, "outcome": "remission", "rule": rule, "source": str(scale["source"])
            }  # fmt: skip
    return found


def response_profile(design: Design, scales: Mapping[str, Mapping[str, Any]]) -> Profile:
    """Derive who responded and who is in remission, at every visit after the baseline.

    Parameters
    ----------
    design
        The checked trial. Events are handled by the estimand of `panel.response`; composite makes a
        participant with the event a non-responder from then on, also where the value is missing.
    scales
        From `vagus.design.resources.load_scales`.

    Returns
    -------
    Profile
        Kind `score`, values 1, 0 and NaN; samples are `<participant>|<visit>`; `meta["rules"]` says how each
        feature was derived.
    """
    rules = response_rules(design, scales)
    order = {visit: i for i, visit in enumerate(design.visits)}
    failed = first_events(design, strategies_of(NAME, design), "composite")
    rows = []
    for feature in rules.values():
        frame = measure_frame(design, feature["measure"])
        pairs = pd.MultiIndex.from_product([frame.index, frame.columns])
        long = pd.DataFrame({"value": frame.to_numpy().ravel()}, index=pairs)
        kept = apply_events(long, NAME, design)[0].to_numpy().reshape(frame.shape)
        frame = pd.DataFrame(kept, index=frame.index, columns=frame.columns)
        start = frame[design.baseline].to_numpy()
        outcome = []
        for visit in design.followup_visits:
            met = follow_rule(start, frame[visit].to_numpy(), feature["rule"])
            event = np.array([failed.get(p, len(order)) <= order[visit] for p in frame.index], dtype=bool)
            outcome.append(np.where(event, 0.0, met))
        rows.append(np.column_stack(outcome).ravel() if outcome else np.empty(0))
    people = [p.participant for p in design.participants]
    samples = [f"{p}|{v}" for p in people for v in design.followup_visits]
    table = np.vstack(rows) if rows else np.empty((0, len(samples)))
    meta = {
        "kind": "score",
        "unit": "1 is yes",
        "rules": rules,
        "engine": "derived from the measures",
        "engine_version": "",
        "reference": "resources/scales",
        "reference_sha256": "",
        "inferred": False,
        "level": "response",
        "assay": "panel",
    }
    return Profile(NAME, sparse.csr_array(table), list(rules), samples, {}, meta)


def main(design: str, profile_out: str) -> None:
    """Read the design, derive and write."""
    profile = response_profile(load_design(design), load_scales())
    write_profile(profile, profile_out)
    for feature, rule in profile.meta["rules"].items():
        print(f"{feature}: {rule['rule']} ({rule['source']})")


if "snakemake" in globals():
    run_step(lambda: main(snakemake.input.design, snakemake.output.profile), snakemake.log[0])

"""Response, remission and detection compared between arms, by differences of risks with their intervals."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import Design, load_design
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.estimands import why_not_between
from vagus.trial.risk import compare_risks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

OBSERVED, AS_FAILURE = "observed", "missing counted as no"
COLUMNS = [
    "profile",
    "feature",
    "measure",
    "outcome",
    "rule",
    "rule_source",
    "contrast",
    "visit",
    "analysis",
    "events_arm",
    "n_arm",
    "events_reference",
    "n_reference",
    "risk_arm",
    "risk_reference",
    "risk_difference",
    "ci_low",
    "ci_high",
    "mn_low",
    "mn_high",
    "risk_ratio",
    "ratio_low",
    "ratio_high",
    "nnt",
    "nnt_low",
    "nnt_high",
    "nnt_kind",
    "chi2",
    "p_value",
    "p_fisher",
    "status",
]


def responders(profile: Profile, design: Design, confidence: float = 0.95) -> pd.DataFrame:
    """Compare the share with each outcome between every arm and the reference, at every visit.

    Parameters
    ----------
    profile
        Values 1, 0 and NaN; samples are `<participant>|<visit>`; `meta["rules"]` as in
        `vagus.profiles.response_profile`.
    design
        The checked trial.
    confidence
        Level of the intervals: Newcombe's for the difference and the number needed to treat, Miettinen and
        Nurminen's beside it, Koopman's for the ratio.

    Returns
    -------
    DataFrame
        `COLUMNS`, for those observed, and with everybody who is missing counted as not having the outcome. A
        number needed to treat stands only where the interval leaves out 0; nnt_kind says whether it is one
        to benefit or to harm. No rows when arms cannot be compared.
    """
    if why_not_between(design):
        print(f"{profile.name}: {why_not_between(design)}; the table has no rows")
        return pd.DataFrame(columns=COLUMNS)
    frame = profile.to_frame()
    people = {arm: [p.participant for p in design.participants if p.arm == arm] for arm in design.arms}
    rows = []
    for feature in profile.features:
        rule = profile.meta["rules"][feature]
        for visit in design.followup_visits:
            values = {
                arm: frame[feature].reindex([f"{p}|{visit}" for p in who]).to_numpy(dtype=np.float64)
                for arm, who in people.items()
            }
            for arm, reference in design.contrast_arms():
                for analysis in (OBSERVED, AS_FAILURE):
                    if analysis == AS_FAILURE and rule["outcome"] == "detection":
                        continue
                    row = {
                        "profile": profile.name,
                        "feature": feature,
                        "measure": rule["measure"],
                        "outcome": rule["outcome"],
                        "rule": rule["rule"],
                        "rule_source": rule["source"],
                        "contrast": f"{arm} vs {reference}",
                        "visit": visit,
                        "analysis": analysis,
                    }
                    fill = None if analysis == OBSERVED else 0.0
                    rows.append(row | _compare(values[arm], values[reference], fill, rule, confidence))
    return pd.DataFrame(rows, columns=COLUMNS)


def _compare(
    arm: np.ndarray, reference: np.ndarray, fill: float | None, rule: dict[str, str], confidence: float
) -> dict[str, Any]:
    if fill is None:
        arm, reference = arm[np.isfinite(arm)], reference[np.isfinite(reference)]
    else:
        arm, reference = np.nan_to_num(arm, nan=fill), np.nan_to_num(reference, nan=fill)
    x1, n1, x2, n2 = int(arm.sum()), len(arm), int(reference.sum()), len(reference)
    row: dict[str, Any] = {"events_arm": x1, "n_arm": n1, "events_reference": x2, "n_reference": n2}
    if not n1 or not n2:
        return row | {"status": "nobody measured in an arm"}
    found = compare_risks(x1, n1, x2, n2, confidence)
    good = rule["outcome"] in ("response", "remission")
    kind = "" if np.isnan(found.nnt) or not good else "benefit" if found.difference > 0 else "harm"
    return row | {
        "risk_arm": x1 / n1,
        "risk_reference": x2 / n2,
        "risk_difference": found.difference,
        "ci_low": found.low,
        "ci_high": found.high,
        "mn_low": found.mn_low,
        "mn_high": found.mn_high,
        "risk_ratio": found.ratio,
        "ratio_low": found.ratio_low,
        "ratio_high": found.ratio_high,
        "nnt": found.nnt if kind else np.nan,
        "nnt_low": found.nnt_low if kind else np.nan,
        "nnt_high": found.nnt_high if kind else np.nan,
        "nnt_kind": kind,
        "chi2": found.chi2,
        "p_value": found.p_value,
        "p_fisher": found.p_fisher,
        "status": "ok",
    }


def main(profiles: list[str], design: str, output: str, confidence: float) -> None:
    """Read the profiles of outcomes and the design, write the comparison."""
    trial = load_design(design)
    tables = [responders(read_profile(path), trial, confidence) for path in profiles]
    tables = [t for t in tables if len(t)]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    print(f"{len(table)} rows")


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.profiles),
            snakemake.input.design,
            snakemake.output[0],
            snakemake.params.confidence,
        ),
        snakemake.log[0],
    )

"""Baseline-adjusted differences between the arms of a trial, for every feature of a profile."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import Design, load_design
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.ancova import AncovaFit, fit_ancova
from vagus.trial.estimands import estimand_text
from vagus.trial.values import BELOW, TrialValues, adjustment_columns, trial_values

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

COLUMNS = [
    "profile",
    "feature",
    "contrast",
    "visit",
    "estimand",
    "model",
    "n_arm",
    "n_reference",
    "estimate",
    "std_error",
    "df",
    "ci_low",
    "ci_high",
    "p_value",
    "q_value",
    "unit",
    "prevalence",
    "status",
]
# Designs in which a participant has one arm throughout, as this model assumes.
ONE_ARM_EACH = ("parallel", "fmt", "single_arm")


def why_no_comparison(design: Design) -> str:
    """Return why the arms cannot be compared; "" when they can."""
    kind = str(design.plan.get("design", "parallel"))
    if kind not in ONE_ARM_EACH:
        return f"no comparison of arms: a {kind} design gives a participant more than one treatment"
    if not design.contrasts():
        return "no comparison of arms: there is no control arm"
    if not design.can_compare_arms:
        need = "two participants with a baseline and a later visit"
        return f"no comparison of arms: fewer than two arms have {need}"
    return ""


def arm_effects(
    profile: Profile,
    design: Design,
    min_prevalence: float = 0.2,
    pseudocount: float = 0.5,
    confidence: float = 0.95,
    robust: str = "hc3",
) -> pd.DataFrame:
    """Estimate the effect of every arm against the reference at every visit after the baseline.

    ANCOVA with one row per participant: value at the visit ~ arm + value at baseline + strata + covariates,
    by least squares, all arms in one model. Compositional kinds are compared on the centred log-ratio to
    base 2 over all features of the profile, scores on their own scale.

    Parameters
    ----------
    profile
        Any profile.
    design
        The checked trial.
    min_prevalence
        Smallest share of samples, all arms and visits together, in which a feature must be above zero.
    pseudocount
        Added to counts before the logarithm.
    confidence
        Level of the intervals.
    robust
        `hc3` (MacKinnon & White 1985, doi 10.1016/0304-4076(85)90158-7) or `classical`; most published ANCOVA
        figures are classical, which this argument lets one reproduce.

    Returns
    -------
    DataFrame
        `COLUMNS`, one row per visit, contrast and feature; a feature without an estimate keeps its row, with
        the reason in `status`. No rows when the arms cannot be compared. `q_value` is empty: it
        depends on all profiles of a family and is set by `vagus.trial.control_errors`.

    Raises
    ------
    VagusError
        If the profile does not fit the design, or a setting is out of range.
    """
    reason = why_no_comparison(design)
    if reason:
        print(f"{profile.name}: {reason}; the table has no rows")
        return _frame([])
    values = trial_values(profile, design, min_prevalence, pseudocount)
    for note in values.notes:
        print(f"{profile.name}: {note}")
    reference = design.reference_arm
    others = [a for a in design.arms if a != reference]
    people = [p.participant for p in design.participants if p.arm == reference or p.arm in others]
    code = {arm: i for i, arm in enumerate([reference, *others])}
    arm = np.array([code[design_arm] for design_arm in _arms(design, people)], dtype=np.int64)
    adjust = adjustment_columns(design, people)
    gone = [
        p
        for p, bad in zip(people, np.any(np.isnan(adjust), axis=1, keepdims=True).ravel(), strict=True)
        if bad
    ]
    if gone:
        print(f"{profile.name}: left out for a missing stratum or covariate: {', '.join(gone)}")
    start = values.at(design.baseline, people)[:, values.passes]
    parts = []
    for visit in design.followup_visits:
        outcome = values.at(visit, people)[:, values.passes]
        fit = fit_ancova(outcome, start, arm, adjust, len(others), robust, confidence)
        for i, contrast in enumerate(design.contrasts()):
            parts.append(_rows(values, design, fit, i, contrast, visit, robust))
    return _frame(parts)


def _arms(design: Design, people: list[str]) -> list[str]:
    arms = {p.participant: p.arm for p in design.participants}
    return [arms[p] for p in people]


def _rows(
    values: TrialValues,
    design: Design,
    fit: AncovaFit,
    i: int,
    contrast: str,
    visit: str,
    robust: str,
) -> pd.DataFrame:
    """Return the rows of one contrast at one visit, untested features included."""
    passes = values.passes

    def spread(column: Any, blank: Any = np.nan) -> np.ndarray:
        out = np.full(len(passes), blank, dtype=object if isinstance(blank, str) else None)
        out[passes] = column
        return out

    with_baseline, without = _model_text(design, robust, True), _model_text(design, robust, False)
    used = spread(fit.baseline_used | (fit.status[i] != "ok"), True)
    return pd.DataFrame(
        {
            "profile": values.profile,
            "feature": values.features,
            "contrast": contrast,
            "visit": visit,
            "estimand": estimand_text(design, values.profile),
            "model": [with_baseline if u else without for u in used],
            "n_arm": spread(fit.n_arm[i], 0),
            "n_reference": spread(fit.n_reference, 0),
            "estimate": spread(fit.estimate[i]),
            "std_error": spread(fit.std_error[i]),
            "df": spread(np.where(fit.status[i] == "ok", fit.df, np.nan)),
            "ci_low": spread(fit.ci_low[i]),
            "ci_high": spread(fit.ci_high[i]),
            "p_value": spread(fit.p_value[i]),
            # Over all profiles of a family at once, by the rule `control_errors`.
            "q_value": np.nan,
            "unit": values.units,
            "prevalence": values.prevalence,
            "status": spread(fit.status[i], BELOW),
        }
    )


def _model_text(design: Design, robust: str, baseline: bool) -> str:
    terms = ["arm"] + (["baseline"] if baseline else []) + design.covariates
    note = "" if baseline else "; baseline does not vary"
    return (
        f"ANCOVA: value ~ {' + '.join(terms)}; OLS, {'HC3' if robust == 'hc3' else 'classical'} errors{note}"
    )


def _frame(parts: list[pd.DataFrame]) -> pd.DataFrame:
    parts = [p for p in parts if len(p)]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def main(
    profile: str, design: str, output: str, min_prevalence: float, pseudocount: float, confidence: float
) -> None:
    """Read a profile and the design, write the table of arm effects."""
    table = arm_effects(
        read_profile(profile), load_design(design), min_prevalence, pseudocount, confidence, "hc3"
    )
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    tested = int((table["status"] == "ok").sum())
    print(f"{Path(output).name}: {len(table)} rows, {tested} with an estimate")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            snakemake.output[0],
            snakemake.params.min_prevalence,
            snakemake.params.pseudocount,
            snakemake.params.confidence,
        ),
        snakemake.log[0],
    )

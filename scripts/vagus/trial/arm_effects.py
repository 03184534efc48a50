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
from vagus.trial.estimands import estimand_text
from vagus.trial.models import fit_arms, why_no_comparison
from vagus.trial.refine_fit import Refined, refine_fit
from vagus.trial.values import BELOW, TrialValues, trial_values

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
    "estimate_clr",
    "bias_shift",
    "p_rerandomised",
    "zero_sensitivity",
]


def arm_effects(
    profile: Profile,
    design: Design,
    min_prevalence: float = 0.2,
    pseudocount: float = 0.5,
    confidence: float = 0.95,
    robust: str = "auto",
    model: str = "auto",
    bias: str = "shift",
    rerandomisations: int = 0,
    mixed: str = "kenward_roger",
) -> pd.DataFrame:
    """Estimate the effect of every arm against the reference at every visit after the baseline.

    The model follows from the design, see `vagus.trial.models`: ANCOVA with one visit after the baseline, a
    constrained longitudinal mixed model with several, the comparison inside participants in a crossover. All
    arms are in one model. Compositional kinds are compared on the centred log-ratio to base 2 over all
    features of the profile, scores on their own scale.

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
        `auto` (`hc2` below 30 participants an arm, `hc3` from there on and for log-ratios of a composition),
        `hc3` (MacKinnon & White 1985, doi 10.1016/0304-4076(85)90158-7), `hc2` or `classical`; most published
        ANCOVA figures are classical, which this argument lets one reproduce. For the ANCOVA only.
    model
        `auto`, `ancova`, `clda` or `clda_intercept`, for designs in which a participant has one arm.
    bias
        `shift` takes the shift that a composition puts on all its features out of their effects, see
        `mode_shift`; `none` leaves the centred log-ratio as it is.
    rerandomisations
        Most arrangements of the re-randomisation test, see `rerandomise`; 0 for none.
    mixed
        Errors of the longitudinal model: `kenward_roger`, which allows for variances that are estimated from
        few participants, or `satterthwaite`, as lmerTest by default.

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
    found = fit_arms(values, design, model, robust, confidence, mixed)
    for note in found.notes:
        print(f"{profile.name}: {note}")
    refined = refine_fit(found.fit, values, design, model, robust, confidence, bias, rerandomisations, mixed)
    for note in refined.notes:
        print(f"{profile.name}: {note}")
    return _frame([_rows(values, design, refined, i) for i in range(len(found.fit.contrasts))])


def _rows(values: TrialValues, design: Design, refined: Refined, i: int) -> pd.DataFrame:
    """Return the rows of one contrast at one visit, untested features included."""
    passes, fit = values.passes, refined.fit

    def spread(column: Any, blank: Any = np.nan) -> np.ndarray:
        out = np.full(len(passes), blank, dtype=object if isinstance(blank, str) else None)
        out[passes] = column
        return out

    return pd.DataFrame(
        {
            "profile": values.profile,
            "feature": values.features,
            "contrast": fit.contrasts[i],
            "visit": fit.visits[i],
            "estimand": estimand_text(design, values.profile),
            "model": spread(fit.model[i], fit.plain_model),
            "n_arm": spread(fit.n_arm[i], 0),
            "n_reference": spread(fit.n_reference[i], 0),
            "estimate": spread(fit.estimate[i]),
            "std_error": spread(fit.std_error[i]),
            "df": spread(fit.df[i]),
            "ci_low": spread(fit.ci_low[i]),
            "ci_high": spread(fit.ci_high[i]),
            "p_value": spread(fit.p_value[i]),
            # Over all profiles of a family at once, by the rule `control_errors`.
            "q_value": np.nan,
            "unit": refined.units(i, values.units),
            "prevalence": values.prevalence,
            "status": spread(fit.status[i], BELOW),
            "estimate_clr": spread(refined.estimate_clr[i]),
            "bias_shift": spread(refined.bias_shift[i]),
            "p_rerandomised": spread(refined.p_rerandomised[i]),
            "zero_sensitivity": spread(refined.zero_sensitivity[i]),
        }
    )


def _frame(parts: list[pd.DataFrame]) -> pd.DataFrame:
    parts = [p for p in parts if len(p)]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def main(
    profile: str,
    design: str,
    output: str,
    min_prevalence: float,
    pseudocount: float,
    confidence: float,
    model: str = "auto",
    errors: str = "auto",
    bias: str = "shift",
    rerandomisations: int = 0,
    mixed_errors: str = "kenward_roger",
) -> None:
    """Read a profile and the design, write the table of arm effects."""
    table = arm_effects(
        read_profile(profile),
        load_design(design),
        min_prevalence,
        pseudocount,
        confidence,
        errors,
        model,
        bias,
        rerandomisations,
        mixed_errors,
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
            snakemake.params.model,
            snakemake.params.errors,
            snakemake.params.bias,
            int(snakemake.params.rerandomisations),
            snakemake.params.mixed_errors,
        ),
        snakemake.log[0],
    )

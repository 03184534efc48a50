"""Which model the design calls for, and its fit to all features of a profile."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vagus.design.model import Design
from vagus.errors import VagusError
from vagus.trial.ancova import ERROR_WORDS, choose_errors, fit_ancova
from vagus.trial.clda import fit_clda
from vagus.trial.crossover import carry_over_note, fit_crossover
from vagus.trial.estimands import why_not_between
from vagus.trial.fits import OK, ContrastFit, empty_fit
from vagus.trial.transform import CLR_UNIT
from vagus.trial.values import TrialValues, adjustment_columns

MIXED = ("kenward_roger", "satterthwaite")
MODELS = ("auto", "ancova", "clda", "clda_intercept")

Floats = NDArray[np.float64]


@dataclass
class ArmFit:
    """The fit of a profile and what there is to say about it.

    Parameters
    ----------
    fit
        Estimates of the features that pass the prevalence filter, in their order.
    notes
        Who was left out, and checks.
    """

    fit: ContrastFit
    notes: list[str] = field(default_factory=list)


def why_no_comparison(design: Design) -> str:
    """Return why the arms cannot be compared; "" when they can."""
    if design.plan.get("design") != "crossover":
        return why_not_between(design)
    if not design.contrasts():
        return "no comparison of arms: there is no control arm"
    if not (design.periods and design.sequences):
        return "no comparison of arms: the plan names no periods and sequences"
    if not design.can_compare_arms:
        return "no comparison of arms: fewer than two participants have values under two arms"
    return ""


def choose_model(design: Design, asked: str = "auto") -> str:
    """Return `ancova`, `clda`, `clda_intercept` or `crossover`.

    Parameters
    ----------
    design
        The checked trial.
    asked
        `trial.model` of the config: `auto` takes the constrained longitudinal model as soon as there is more
        than one visit after the baseline. `clda` has a random slope over time where it can be estimated,
        `clda_intercept` never.

    Raises
    ------
    VagusError
        If the model is unknown.
    """
    if asked not in MODELS:
        raise VagusError(f"config: trial.model is {asked!r}; allowed: {', '.join(MODELS)}")
    if design.plan.get("design") == "crossover":
        return "crossover"
    if asked == "auto":
        return "clda" if len(design.followup_visits) > 1 else "ancova"
    return asked


def fit_arms(
    values: TrialValues,
    design: Design,
    model: str = "auto",
    robust: str = "auto",
    confidence: float = 0.95,
    mixed: str = "kenward_roger",
) -> ArmFit:
    """Fit the model of the design to the features that pass the prevalence filter.

    Parameters
    ----------
    values
        The profile by participant and visit.
    design
        The checked trial; its arms can be compared, see `why_no_comparison`.
    model
        `trial.model` of the config, see `choose_model`.
    robust
        Standard errors of the ANCOVA: `auto`, `hc3`, `hc2` or `classical`, see `fit_ancova`.
    confidence
        Level of the intervals.
    mixed
        Errors of the longitudinal model: `kenward_roger` or `satterthwaite`.

    Returns
    -------
    ArmFit
        One row per contrast and visit.

    Raises
    ------
    VagusError
        If a setting is out of range.
    """
    chosen = choose_model(design, model)
    if mixed not in MIXED:
        raise VagusError(f"config: trial.mixed_errors is {mixed!r}; allowed: {', '.join(MIXED)}")
    arms = [str(design.reference_arm), *[a for a in design.arms if a != design.reference_arm]]
    code = {arm: i for i, arm in enumerate(arms)}
    found = [p for p in design.participants if p.arm in code]
    people = [p.participant for p in found]
    adjust = adjustment_columns(design, people)
    notes = []
    gone = [
        p
        for p, bad in zip(people, np.any(np.isnan(adjust), axis=1, keepdims=True).ravel(), strict=True)
        if bad
    ]
    terms = "".join(f" + {name}" for name in design.covariates)
    if chosen == "crossover":
        fit, note = _crossover(values, design, arms, confidence)
        return ArmFit(fit, [note])
    if gone:
        notes.append(f"left out for a missing stratum or covariate: {', '.join(gone)}")
    arm = np.array([code[p.arm] for p in found], dtype=np.int64)
    visits = [design.baseline, *design.followup_visits]
    cube = np.stack([values.at(visit, people)[:, values.passes] for visit in visits])
    if chosen.startswith("clda"):
        times = np.array(design.visit_times(visits)) if chosen == "clda" else None
        small = mixed == "kenward_roger"
        return ArmFit(fit_clda(cube, arm, arms, visits, adjust, confidence, terms, times, small), notes)
    composition = bool(values.units) and all(unit == CLR_UNIT for unit in values.units)
    robust = choose_errors(robust, arm, composition)
    return ArmFit(_ancova(cube, arm, arms, visits, adjust, robust, confidence, terms), notes)


def _ancova(
    cube: Floats,
    arm: NDArray[np.int64],
    arms: list[str],
    visits: list[str],
    adjust: Floats,
    robust: str,
    confidence: float,
    terms: str,
) -> ContrastFit:
    """Return one ANCOVA per follow-up visit."""
    keys = [(v, j) for v in range(1, len(visits)) for j in range(1, len(arms))]
    errors = ERROR_WORDS.get(robust, robust)
    with_baseline = f"ANCOVA: value ~ arm + baseline{terms}; OLS, {errors}"
    without = f"ANCOVA: value ~ arm{terms}; OLS, {errors}; baseline does not vary"
    contrasts = [f"{arms[j]} vs {arms[0]}" for _, j in keys]
    out = empty_fit(contrasts, [visits[v] for v, _ in keys], cube.shape[2], with_baseline)
    for v in range(1, len(visits)):
        fit = fit_ancova(cube[v], cube[0], arm, adjust, len(arms) - 1, robust, confidence)
        rows = slice((v - 1) * (len(arms) - 1), v * (len(arms) - 1))
        for name in (
            "estimate",
            "std_error",
            "ci_low",
            "ci_high",
            "p_value",
            "n_arm",
            "n_reference",
            "status",
        ):
            getattr(out, name)[rows] = getattr(fit, name)
        out.df[rows] = np.where(fit.status == OK, fit.df, np.nan)
        out.model[rows][~fit.baseline_used & (fit.status == OK)] = without
    return out


def _crossover(
    values: TrialValues, design: Design, arms: list[str], confidence: float
) -> tuple[ContrastFit, str]:
    """Return the crossover's fit and the line on carry-over; the rows stand at the primary visit."""
    code = {arm: i for i, arm in enumerate(arms)}
    found = [p for p in design.participants if p.sequence in design.sequences]
    people = [p.participant for p in found]
    order = list(design.sequences)
    given = np.array([[code[a] for a in design.sequences[p.sequence]] for p in found], dtype=np.int64).T
    sequence = np.array([order.index(p.sequence) for p in found], dtype=np.int64)
    after = np.stack([values.at(str(p["after"]), people)[:, values.passes] for p in design.periods])
    starts = [p.get("before") for p in design.periods]
    before = None
    if all(starts):
        before = np.stack([values.at(str(v), people)[:, values.passes] for v in starts])
    terms = "".join(f" + {name}" for name in design.covariates)
    adjust = adjustment_columns(design, people)
    fit, carry = fit_crossover(
        after, before, given, sequence, arms, design.primary_visit, adjust, confidence, terms
    )
    kept = [f for f, passes in zip(values.features, values.passes, strict=True) if passes]
    return fit, carry_over_note(carry, kept)

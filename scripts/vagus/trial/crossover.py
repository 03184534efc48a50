"""Crossover trials: arms compared inside the participants, for all features at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagus.trial.ancova import AncovaFit, fit_ancova
from vagus.trial.fits import (
    BOUNDARY,
    CONSTANT,
    MIN_PER_ARM,
    NO_SPREAD,
    OK,
    ContrastFit,
    check_confidence,
    empty_fit,
    missing_patterns,
    t_inference,
)
from vagus.trial.mixed_model import fit_random_intercept

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TWO_PERIODS = "crossover: value ~ period + arm, differences of the two periods inside participants"
WITH_BASELINE = "baseline of each period"
MIXED = "crossover: value ~ sequence + period + arm"


@dataclass
class CarryOver:
    """Difference of the sequences in the participants' sums over both periods.

    Parameters
    ----------
    estimate, p_value
        (features,) what the arm leaves behind more than the reference arm, if nothing else tells the
        sequences apart; NaN where it cannot be estimated.
    """

    estimate: Floats
    p_value: Floats


def fit_crossover(
    after: Floats,
    before: Floats | None,
    given: Ints,
    sequence: Ints,
    arms: list[str],
    visit: str,
    adjust: Floats | None = None,
    confidence: float = 0.95,
    terms: str = "",
) -> tuple[ContrastFit, CarryOver | None]:
    """Compare the arms of a crossover with the reference arm.

    Parameters
    ----------
    after
        (periods, participants, features) values at the end of each period; NaN is missing.
    before
        The same at its beginning; None where the periods have no baseline of their own.
    given
        (periods, participants) arm of the period: 0 for the reference, 1, 2, ... for the others.
    sequence
        (participants,) code of the sequence.
    arms
        Names of the arms, the reference first.
    visit
        Written into the rows: an effect is over all periods.
    adjust, terms
        Strata and covariates and their names for the text; they are the same in all periods and fall out of
        differences, so that only the mixed model has them.
    confidence
        Level of the intervals.

    Returns
    -------
    tuple
        The fit, one row per arm beside the reference, and the carry-over where there are two periods.

    Raises
    ------
    VagusError
        If `confidence` is out of range.

    Notes
    -----
    Two arms in two periods: half the difference of the sequences in the participants' differences of the
    periods, exact under normality (Jones & Kenward 2014, Design and Analysis of Cross-Over Trials, ch. 2);
    the difference of the two period baselines is a covariate where measured (Kenward & Roger 2010,
    doi 10.1093/biostatistics/kxp046). Otherwise a mixed model with an intercept per participant, by REML with
    Satterthwaite's degrees of freedom, without period baselines.
    """
    check_confidence(confidence)
    swapped = len(arms) == 2 and len(after) == 2 and bool((given.sum(axis=0) == 1).all())
    if swapped:
        return _two_periods(after, before, given, arms, visit, confidence)
    return _mixed(after, given, sequence, arms, visit, adjust, confidence, terms), None


def _two_periods(
    after: Floats, before: Floats | None, given: Ints, arms: list[str], visit: str, confidence: float
) -> tuple[ContrastFit, CarryOver]:
    """Return the exact analysis of two arms in two periods: a two-sample comparison of differences."""
    # 1 for those who had the arm in the second period: their difference holds + the effect, the others' -.
    second = given[1].astype(np.int64)
    start = np.zeros_like(after[0]) if before is None else before[1] - before[0]
    fit = fit_ancova(after[1] - after[0], start, second, None, 1, "classical", confidence)
    n = fit.n_arm + fit.n_reference
    with_baseline = f"{TWO_PERIODS} + {WITH_BASELINE}; OLS, classical errors"
    without = f"{TWO_PERIODS}; OLS, classical errors"
    used = fit.baseline_used if before is not None else np.zeros(fit.baseline_used.shape, dtype=bool)
    model = np.where(used, with_baseline, without).astype(object)[None, :]
    out = ContrastFit(
        contrasts=[f"{arms[1]} vs {arms[0]}"],
        visits=[visit],
        estimate=fit.estimate / 2,
        std_error=fit.std_error / 2,
        df=np.where(fit.status == OK, fit.df, np.nan),
        ci_low=fit.ci_low / 2,
        ci_high=fit.ci_high / 2,
        p_value=fit.p_value,
        n_arm=n,
        n_reference=n.copy(),
        model=model,
        status=_plain_constant(fit, after),
        plain_model=without if before is None else with_baseline,
    )
    sums = fit_ancova(after[0] + after[1], np.zeros_like(after[0]), 1 - second, None, 1, "classical")
    return out, CarryOver(sums.estimate[0], sums.p_value[0])


def _plain_constant(fit: AncovaFit, after: Floats) -> NDArray[np.object_]:
    """Call constant what is constant; a difference may be constant where the values are not."""
    with np.errstate(invalid="ignore"):
        flat = np.nanmax(after, axis=(0, 1), initial=-np.inf) == np.nanmin(after, axis=(0, 1), initial=np.inf)
    status = fit.status.copy()
    status[(status == CONSTANT) & ~flat[None, :]] = NO_SPREAD
    return status


def _mixed(
    after: Floats,
    given: Ints,
    sequence: Ints,
    arms: list[str],
    visit: str,
    adjust: Floats | None,
    confidence: float,
    terms: str,
) -> ContrastFit:
    """Return the mixed model of any number of periods and arms."""
    periods, n, features = after.shape
    adjust = np.empty((n, 0)) if adjust is None else np.asarray(adjust, dtype=np.float64)
    text = f"{MIXED}{terms} + (1 | participant); REML, Satterthwaite df"
    out = empty_fit([f"{a} vs {arms[0]}" for a in arms[1:]], [visit] * (len(arms) - 1), features, text)
    period_of, person = (a.ravel() for a in np.indices((periods, n)))
    had = given.ravel()
    flat = after.reshape(periods * n, features)
    known = np.isfinite(flat) & np.all(np.isfinite(adjust), axis=1, keepdims=True)[person]
    for rows, columns in missing_patterns(known):
        counts = np.bincount(had[rows], minlength=len(arms))
        out.n_reference[:, columns] = counts[0]
        out.n_arm[:, columns] = counts[1:, None]
        used = [j for j in range(1, len(arms)) if counts[j] >= MIN_PER_ARM]
        if counts[0] < MIN_PER_ARM or not used:
            continue
        rows = rows & np.isin(had, [0, *used])
        who = person[rows]
        extra = adjust[who]
        spread = extra.std(axis=0)
        shared = np.column_stack(
            [
                *[(had[rows] == j).astype(np.float64) for j in used],
                np.ones(len(who)),
                *[(period_of[rows] == k).astype(np.float64) for k in range(1, periods)],
                *[(sequence[who] == s).astype(np.float64) for s in np.unique(sequence)[1:]],
                (extra - extra.mean(axis=0)) / np.where(spread > 0, spread, 1.0),
            ]
        )
        fit = fit_random_intercept(
            flat[np.ix_(rows, columns)], shared, who, np.eye(len(used), shared.shape[1])
        )
        place = np.ix_(np.array(used) - 1, columns)
        out.estimate[place], out.std_error[place], out.df[place] = fit.estimate, fit.std_error, fit.df
        out.status[place] = fit.status
        out.model[:, columns[fit.ratio == 0]] = f"{text}{BOUNDARY}"
    out.ci_low, out.ci_high, out.p_value = t_inference(out.estimate, out.std_error, out.df, confidence)
    return out


def carry_over_note(carry: CarryOver | None, features: list[str]) -> str:
    """Say in one line what the sequences tell about carry-over, and what that must not be used for.

    Parameters
    ----------
    carry
        From `fit_crossover`; None where it was not looked at.
    features
        Names of the features.

    Returns
    -------
    str
        One line. Whether a trial has carry-over cannot be decided by this test before the comparison of arms
        (Freeman 1989, doi 10.1002/sim.4780081202): the two-stage procedure has a type I error far above its
        level.
    """
    if carry is None:
        return "carry-over: not looked at beyond two arms in two periods; the washout must speak for itself"
    known = np.flatnonzero(np.isfinite(carry.p_value))
    if not len(known):
        return "carry-over: not estimable"
    low = known[np.argmin(carry.p_value[known])]
    return (
        f"carry-over (sequence effect on the participants' sums): p < 0.1 for "
        f"{int((carry.p_value[known] < 0.1).sum())} of {len(known)} features, smallest p "
        f"{carry.p_value[low]:.3g} ({features[low]}); it must not be used to choose the analysis "
        "(Freeman 1989, doi 10.1002/sim.4780081202)"
    )

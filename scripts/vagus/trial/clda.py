"""The constrained longitudinal model: all visits of a trial in one mixed model, for all features at once.

Randomised arms have one mean at the baseline. The model gives them just that (Liang & Zeger 2000, Sankhya B
62, 134; Liu et al. 2009, doi 10.1002/sim.3607): it has visits, and arms at each visit after the baseline, but
no arm at the baseline. Whoever misses a visit stays in with the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vagus.errors import VagusError
from vagus.trial.fits import (
    BOUNDARY,
    MIN_PER_ARM,
    OK,
    SLOPE_BOUNDARY,
    ContrastFit,
    check_confidence,
    empty_fit,
    missing_patterns,
    t_inference,
)
from vagus.trial.mixed_model import fit_random_intercept
from vagus.trial.random_slope import enough_for_slope, fit_random_slope

Floats = NDArray[np.float64]


def fit_clda(
    values: Floats,
    arm: NDArray[np.int64],
    arms: list[str],
    visits: list[str],
    adjust: Floats | None = None,
    confidence: float = 0.95,
    terms: str = "",
    times: Floats | None = None,
    small: bool = False,
) -> ContrastFit:
    """Fit `value ~ visit + arm:follow-up visit + adjust + (1 | participant)` to every feature by REML.

    With `times` participants also have their own slope over time, `(1 + time | participant)`, in every
    feature in which it can be estimated.

    Parameters
    ----------
    values
        (visits, participants, features), the baseline first; NaN is missing.
    arm
        (participants,) 0 for the reference, 1, 2, ... for the others; all arms are in one model.
    arms
        Names of the arms, the reference first.
    visits
        Names of the visits, the baseline first.
    adjust
        (participants, columns) strata and covariates without an intercept; a participant with a missing value
        is left out.
    confidence
        Level of the intervals, between 0 and 1.
    terms
        What `adjust` holds, for the text of the model: `" + site + age"`.
    times
        (visits,) when the visits are, in any unit; None for a random intercept alone.
    small
        Kenward and Roger's errors and degrees of freedom (`kenward_roger`) in place of Satterthwaite's
        degrees of freedom alone.

    Returns
    -------
    ContrastFit
        One row per follow-up visit and arm beside the reference. `n_arm` and `n_reference` count participants
        with a value at that visit.

    Raises
    ------
    VagusError
        If shapes disagree or `confidence` is out of range.

    Notes
    -----
    An arm with fewer than two values at a visit is left out of that visit; so is the visit when it is the
    reference arm. Without two baseline values there is no estimate.

    A slope can be estimated where someone was seen three times, there are more values than random effects,
    and the restricted likelihood gives it a variance above 0 (`random_slope`); otherwise the feature keeps
    the random intercept, and its text says so.
    """
    n_visits, n, features = values.shape
    adjust = np.empty((n, 0)) if adjust is None else np.asarray(adjust, dtype=np.float64)
    if len(arm) != n or len(adjust) != n or n_visits != len(visits):
        raise VagusError(
            f"cLDA: {n} participants, {len(arm)} arms, {len(adjust)} rows of covariates, "
            f"{n_visits} visits, {len(visits)} names"
        )
    check_confidence(confidence)
    cells = [(v, j) for v in range(1, n_visits) for j in range(1, len(arms))]
    ending = "Kenward-Roger errors and df" if small else "Satterthwaite df"
    text = f"cLDA: value ~ visit + arm:follow-up visit{terms} + (1 | participant); REML, {ending}"
    fit = empty_fit(
        [f"{arms[j]} vs {arms[0]}" for _, j in cells], [visits[v] for v, _ in cells], features, text
    )
    known = np.isfinite(values) & np.all(np.isfinite(adjust), axis=1, keepdims=True)[None]
    visit_of, person = (a.ravel() for a in np.indices((n_visits, n)))
    flat = values.reshape(n_visits * n, features)
    for rows, columns in missing_patterns(known.reshape(n_visits * n, features)):
        counts = np.zeros((n_visits, len(arms)), dtype=np.int64)
        np.add.at(counts, (visit_of[rows], arm[person[rows]]), 1)
        for i, (v, j) in enumerate(cells):
            fit.n_arm[i, columns], fit.n_reference[i, columns] = counts[v, j], counts[v, 0]
        full = counts >= MIN_PER_ARM
        used = [i for i, (v, j) in enumerate(cells) if full[v, j] and full[v, 0]]
        if not used or counts[0].sum() < MIN_PER_ARM:
            continue
        kept = full & full[:, :1]
        kept[0] = True
        rows = rows & kept[visit_of, arm[person]]
        at, who = visit_of[rows], person[rows]
        has = arm[who]
        later = [np.where(at == visit, 1.0, 0.0) for visit in range(1, n_visits) if full[visit, 0]]
        effects = [np.where((at == cells[i][0]) & (has == cells[i][1]), 1.0, 0.0) for i in used]
        shared = np.column_stack([*effects, np.ones(len(at)), *later, _standard(adjust[who])])
        wanted = np.eye(len(used), shared.shape[1])
        block = flat if rows.all() and len(columns) == features else flat[np.ix_(rows, columns)]
        reml = fit_random_intercept(block, shared, who, wanted, small)
        place = np.ix_(np.array(used), columns)
        fit.estimate[place], fit.std_error[place], fit.df[place] = reml.estimate, reml.std_error, reml.df
        fit.status[place] = reml.status
        fit.model[:, columns[reml.ratio == 0]] = f"{text}{BOUNDARY}"
        if times is None or not enough_for_slope(who, times[at], shared.shape[1]):
            continue
        whole = (reml.status == OK).any(axis=0)
        slope = fit_random_slope(block[:, whole], shared, who, times[at], wanted, small)
        place = np.ix_(np.array(used), columns[whole][slope.found])
        for name in ("estimate", "std_error", "df"):
            numbers = getattr(slope, name)[:, slope.found]
            numbers[reml.status[:, whole][:, slope.found] != OK] = np.nan
            getattr(fit, name)[place] = numbers
        with_slope = text.replace("(1 |", "(1 + time |")
        fit.model[:, columns[whole][slope.found]] = with_slope
        fit.model[:, columns[whole][slope.boundary]] = f"{with_slope}{SLOPE_BOUNDARY}"
    fit.ci_low, fit.ci_high, fit.p_value = t_inference(fit.estimate, fit.std_error, fit.df, confidence)
    return fit


def _standard(adjust: Floats) -> Floats:
    """Centre and scale columns, so that the rank of the model does not hang on units."""
    spread = adjust.std(axis=0)
    return (adjust - adjust.mean(axis=0)) / np.where(spread > 0, spread, 1.0)

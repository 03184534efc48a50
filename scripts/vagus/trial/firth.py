"""Firth's penalised logistic regression of all features at once.

Firth 1993 (doi 10.1093/biomet/80.1.27) adds half the log determinant of the information to the
log-likelihood. Estimates stay finite when an arm has a feature in everybody or in nobody, which small trials
meet all the time (Heinze & Schemper 2002, doi 10.1002/sim.1047). Features share every column but their own
baseline, so the information of the whole profile is a few matrix products; only features that have not
converged go on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vagus.errors import VagusError
from vagus.trial.columns import given_by, independent
from vagus.trial.firth_likelihood import Logistic, hold, profile_bound
from vagus.trial.fits import ALIASED, CONSTANT, FEW, MIN_PER_ARM, OK, missing_patterns

NOT_CONVERGED = "not converged"
# Features that are solved together; bounds the memory.
BLOCK = 2000

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass
class FirthFit:
    """Effects of the arms on the presence of every feature.

    Parameters
    ----------
    estimate, std_error, ci_low, ci_high, p_value
        (arms, features) log odds ratio (natural logarithm), its Wald error for reference, the interval of the
        profile penalised likelihood and the p of the penalised likelihood-ratio test; NaN without estimate.
    risk_difference, rd_low, rd_high
        (arms, features) difference of the probabilities, standardised over the participants of the model.
    n_arm, n_reference
        (arms, features) and (features,) participants with both values.
    baseline_used
        (features,) whether the baseline is in the model; it is not when it does not vary.
    status
        (arms, features) `ok` or why there is no estimate.
    """

    estimate: Floats
    std_error: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats
    risk_difference: Floats
    rd_low: Floats
    rd_high: Floats
    n_arm: NDArray[np.int64]
    n_reference: NDArray[np.int64]
    baseline_used: Bools
    status: NDArray[np.object_]


def fit_firth(
    outcome: Floats,
    baseline: Floats,
    arm: NDArray[np.int64],
    adjust: Floats | None = None,
    n_arms: int | None = None,
    confidence: float = 0.95,
) -> FirthFit:
    """Fit `outcome ~ arm + baseline + adjust` to every feature.

    Parameters
    ----------
    outcome, baseline
        (participants, features) 1 present, 0 absent, NaN missing; at the visit and before the intervention.
    arm
        (participants,) 0 for the reference, 1, 2, ... for the others; all arms are in one model.
    adjust
        (participants, columns) strata and covariates without an intercept; NaN leaves the participant out.
    n_arms
        Arms beside the reference; the largest code by default.
    confidence
        Level of the intervals, between 0 and 1.

    Returns
    -------
    FirthFit
        One row per arm beside the reference, one column per feature.

    Raises
    ------
    VagusError
        If shapes disagree, a value is neither 0 nor 1, or `confidence` is out of range.

    Notes
    -----
    The risk difference averages, over all participants of the model, the difference of the fitted
    probabilities under the arm and under the reference; its interval is that of the delta method with the
    inverse information, cut at -1 and 1. Firth's penalty pulls probabilities towards one half, so risk
    differences of rare features are drawn towards it too (Puhr et al. 2017, doi 10.1002/sim.7273).
    """
    n, features = outcome.shape
    adjust = np.empty((n, 0)) if adjust is None else np.asarray(adjust, dtype=np.float64)
    if baseline.shape != outcome.shape or len(arm) != n or len(adjust) != n:
        raise VagusError(
            f"Firth: {n} outcomes, {len(baseline)} baselines, {len(arm)} arms, {len(adjust)} rows"
        )
    if not 0 < confidence < 1:
        raise VagusError(
            f"config: trial.confidence is {confidence}; allowed: between 0 and 1; fix: give e.g. 0.95"
        )
    both = np.concatenate([outcome.ravel(), baseline.ravel()])
    if not np.all((both == 0) | (both == 1) | np.isnan(both)):
        raise VagusError("Firth: presence must be 0, 1 or missing")
    k = int(n_arms if n_arms is not None else max(arm, default=0))
    fit = _empty_fit(k, features)
    complete = (
        np.isfinite(outcome) & np.isfinite(baseline) & np.all(np.isfinite(adjust), axis=1, keepdims=True)
    )
    for rows, columns in missing_patterns(complete):
        counts = np.bincount(arm[rows], minlength=k + 1)
        fit.n_reference[columns] = counts[0]
        fit.n_arm[:, columns] = counts[1:, None]
        used = [j for j in range(1, k + 1) if counts[j] >= MIN_PER_ARM]
        if counts[0] < MIN_PER_ARM or not used:
            continue
        rows = rows & np.isin(arm, [0, *used])
        for start in range(0, len(columns), BLOCK):
            part = columns[start : start + BLOCK]
            block = outcome[np.ix_(rows, part)], baseline[np.ix_(rows, part)]
            _fit_block(fit, part, used, *block, arm[rows], adjust[rows], confidence)
    return fit


def _empty_fit(k: int, features: int) -> FirthFit:
    numbers = {f.name: np.full((k, features), np.nan) for f in fields(FirthFit)[:8]}
    return FirthFit(
        **numbers,
        n_arm=np.zeros((k, features), dtype=np.int64),
        n_reference=np.zeros(features, dtype=np.int64),
        baseline_used=np.zeros(features, dtype=bool),
        status=np.full((k, features), FEW, dtype=object),
    )


def _fit_block(
    fit: FirthFit,
    columns: NDArray[np.int64],
    used: list[int],
    y: Floats,
    x: Floats,
    arm: NDArray[np.int64],
    adjust: Floats,
    confidence: float,
) -> None:
    """Fit features of one missing pattern and write them into `fit`."""
    n = len(arm)
    spread = adjust.std(axis=0)
    adjust = (adjust - adjust.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    full = np.column_stack([np.ones(n), *[(arm == j).astype(np.float64) for j in used], adjust])
    # A column that the ones before it give adds nothing; an arm is lost if the other columns give it.
    shared = full[:, independent(full)]
    lost = [given_by(np.delete(full, i + 1, axis=1), full[:, i + 1]) for i in range(len(used))]
    varies = x.std(axis=0) > 0
    swallowed = varies & (np.abs(x - shared @ (np.linalg.pinv(shared) @ x)).max(axis=0) < 1e-9)
    status = np.full((len(used), len(columns)), OK, dtype=object)
    status[:, n - shared.shape[1] - varies < 1] = FEW
    status[:, swallowed] = ALIASED
    status[lost] = ALIASED
    status[:, y.std(axis=0) == 0] = CONSTANT
    fit.baseline_used[columns] = varies & ~swallowed
    place = np.array(used) - 1
    go = np.flatnonzero((status == OK).any(axis=0))
    model = Logistic(shared, y[:, go], np.where(varies, x, 0.0)[:, go])
    best, top, done = model.maximise(np.zeros((len(go), shared.shape[1] + 1)))
    status[:, go[~done]] = NOT_CONVERGED
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    covariance = model.covariance(best)
    for i in range(len(used)):
        c = i + 1
        _, there, found = model.maximise(hold(best, c, 0.0), c)
        error = np.sqrt(covariance[:, c, c])
        low, good_low = profile_bound(model, best, top, c, error, -z)
        high, good_high = profile_bound(model, best, top, c, error, z)
        bad = ~(found & good_low & good_high)
        status[i, go[bad & (status[i, go] == OK)]] = NOT_CONVERGED
        difference, rd_error = model.risk_difference(best, covariance, c, used)
        p = stats.chi2.sf(2 * np.maximum(top - there, 0.0), 1)
        ok = status[i, go] == OK
        for name, value in (
            ("estimate", best[:, c]),
            ("std_error", error),
            ("ci_low", low),
            ("ci_high", high),
            ("p_value", p),
            ("risk_difference", difference),
            ("rd_low", np.maximum(difference - z * rd_error, -1.0)),
            ("rd_high", np.minimum(difference + z * rd_error, 1.0)),
        ):
            getattr(fit, name)[place[i], columns[go]] = np.where(ok, value, np.nan)
    fit.status[np.ix_(place, columns)] = status

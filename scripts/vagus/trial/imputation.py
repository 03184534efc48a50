"""Multiple imputation of missing follow-ups from the ANCOVA model, and Rubin's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vagus.errors import VagusError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """An estimate over imputations.

    Parameters
    ----------
    estimate, std_error, df
        By Rubin's rules.
    ci_low, ci_high, p_value
        Student's t on `df`.
    missing_information
        Share of the variance that is due to what is missing.
    """

    estimate: float
    std_error: float
    df: float
    ci_low: float
    ci_high: float
    p_value: float
    missing_information: float


def pool(estimates: Floats, errors: Floats, df_complete: float, confidence: float = 0.95) -> Pooled:
    """Pool the estimates of imputed data sets.

    Parameters
    ----------
    estimates, errors
        (m,) estimate and standard error of every data set; m of at least 2.
    df_complete
        Degrees of freedom if nothing were missing.
    confidence
        Level of the interval.

    Returns
    -------
    Pooled
        Rubin 1987 (doi 10.1002/9780470316696), with the degrees of freedom of Barnard & Rubin 1999
        (doi 10.1093/biomet/86.4.948).

    Raises
    ------
    VagusError
        If there are fewer than two data sets.
    """
    m = len(estimates)
    if m < 2:
        raise VagusError(f"imputation: {m} data sets; allowed: 2 or more")
    within, between = float(np.mean(errors**2)), float(np.var(estimates, ddof=1))
    extra = (1 + 1 / m) * between
    total = within + extra
    share = extra / total if total > 0 else 0.0
    observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
    df = observed if share == 0 else 1 / (1 / ((m - 1) / share**2) + 1 / observed)
    mean, error = float(np.mean(estimates)), float(np.sqrt(total))
    half = float(stats.t.ppf(0.5 + confidence / 2, df)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, df)) if error > 0 else float("nan")
    return Pooled(mean, error, df, mean - half, mean + half, p, share)


def impute(
    outcome: Floats, predictors: Floats, rng: np.random.Generator, m: int = 50
) -> tuple[Floats, NDArray[np.bool_]]:
    """Draw missing outcomes from their posterior predictive distribution in a linear model.

    Parameters
    ----------
    outcome
        (n,) values; NaN is missing.
    predictors
        (n, k) model matrix with its intercept, complete.
    rng
        Source of the draws.
    m
        Data sets.

    Returns
    -------
    tuple
        (n, m) completed outcomes, and (n,) which were drawn. Variance and coefficients are drawn anew for
        every data set, so that the uncertainty of the model enters (Rubin 1987).

    Raises
    ------
    VagusError
        If too few are observed to estimate the model.
    """
    gone = ~np.isfinite(outcome)
    y, x = outcome[~gone], predictors[~gone]
    solve = np.linalg.pinv(x, rcond=1e-10)
    df = len(y) - int(np.linalg.matrix_rank(x))
    if df < 1:
        raise VagusError(f"imputation: {len(y)} observed participants cannot carry the model")
    mean = solve @ y
    rest = float(((y - x @ mean) ** 2).sum())
    sigma = np.sqrt(rest / rng.chisquare(df, size=m))
    # solve @ solve.T is the inverse of x'x, also where a column is spare.
    values, vectors = np.linalg.eigh(solve @ solve.T)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    drawn = mean[:, None] + root @ rng.standard_normal((len(mean), m)) * sigma
    noise = rng.standard_normal((int(gone.sum()), m)) * sigma
    complete = np.repeat(outcome[:, None], m, axis=1)
    complete[gone] = predictors[gone] @ drawn + noise
    return complete, gone

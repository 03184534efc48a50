"""Analysis of covariance of all features at once, with standard errors that allow unequal variances.

Features share every column of the model but their own baseline. The shared part is solved once, each baseline
is partialled out of it (Frisch & Waugh 1933, doi 10.2307/1907330), and the whole profile is then a few matrix
products. Features with the same missing participants go together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vagus.errors import VagusError
from vagus.trial.fits import (
    ALIASED,
    CONSTANT,
    FEW,
    MIN_PER_ARM,
    NO_SPREAD,
    OK,
    TINY,
    check_confidence,
    missing_patterns,
)

ROBUST = ("auto", "hc3", "hc2", "classical")
ERROR_WORDS = {
    "hc3": "HC3 errors",
    "hc2": "HC2 errors, Bell-McCaffrey df",
    "classical": "classical errors",
}
# From this many participants in the smallest arm on, HC3 keeps a type I error of 0.04
# (resources/docs/calibration.md).
ENOUGH_FOR_HC3 = 30

Floats = NDArray[np.float64]


@dataclass
class AncovaFit:
    """Arm effects of every feature.

    Parameters
    ----------
    estimate, std_error, ci_low, ci_high, p_value
        (arms, features); NaN where the status is not `ok`.
    df
        (arms, features) degrees of freedom: n - rank, or those of Bell and McCaffrey with `hc2`.
    n_arm
        (arms, features) participants of the arm with all values.
    n_reference
        (features,) participants of the reference arm with all values.
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
    df: Floats
    n_arm: NDArray[np.int64]
    n_reference: NDArray[np.int64]
    baseline_used: NDArray[np.bool_]
    status: NDArray[np.object_]


def fit_ancova(
    outcome: Floats,
    baseline: Floats,
    arm: NDArray[np.int64],
    adjust: Floats | None = None,
    n_arms: int | None = None,
    robust: str = "hc3",
    confidence: float = 0.95,
) -> AncovaFit:
    """Fit `outcome ~ arm + baseline + adjust` to every feature by least squares.

    Parameters
    ----------
    outcome, baseline
        (participants, features) values at the visit and before the intervention; NaN is missing.
    arm
        (participants,) 0 for the reference, 1, 2, ... for the others; all arms are in one model.
    adjust
        (participants, columns) strata and covariates, categories as dummies, without an intercept; a
        participant with a missing value is left out.
    n_arms
        Arms beside the reference; the largest code by default.
    robust
        `hc3`: the heteroscedasticity-consistent errors HC3 of MacKinnon & White 1985
        (doi 10.1016/0304-4076(85)90158-7), sum of (a_i e_i / (1 - h_i))^2; `classical`: one variance for all.
        Both are used with Student's t on n - rank degrees of freedom. `hc2`: sum of (a_i e_i)^2 / (1 - h_i)
        with the degrees of freedom of Bell & McCaffrey 2002 (Imbens & Kolesar 2016,
        doi 10.1162/REST_a_00552), which match the first two moments of that sum under equal variances.
        `auto`: one of `hc3` and `hc2`, see `choose_errors`.
    confidence
        Level of the intervals, between 0 and 1.

    Returns
    -------
    AncovaFit
        One row per arm beside the reference, one column per feature.

    Raises
    ------
    VagusError
        If shapes disagree, or `robust` or `confidence` is out of range.

    Notes
    -----
    An arm with fewer than two participants is left out of the model. A participant with leverage 1 (alone in
    a stratum) carries nothing about the arms and is given no weight.
    """
    n, features = outcome.shape
    adjust = np.empty((n, 0)) if adjust is None else np.asarray(adjust, dtype=np.float64)
    if baseline.shape != outcome.shape or len(arm) != n or len(adjust) != n:
        raise VagusError(
            f"ANCOVA: {n} outcomes, {len(baseline)} baselines, {len(arm)} arms, {len(adjust)} rows"
        )
    if robust not in ROBUST:
        raise VagusError(f"ANCOVA: standard errors {robust!r}; allowed: {', '.join(ROBUST)}")
    check_confidence(confidence)
    robust = choose_errors(robust, arm)
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
        if counts[0] >= MIN_PER_ARM and used:
            rows = rows & np.isin(arm, [0, *used])
            block = outcome[np.ix_(rows, columns)], baseline[np.ix_(rows, columns)]
            _fit_block(fit, columns, used, *block, arm[rows], adjust[rows], robust, confidence)
    return fit


def choose_errors(robust: str, arm: NDArray[np.int64], composition: bool = False) -> str:
    """Return the standard errors that `auto` stands for; others are returned as they are.

    HC3 is conservative in small arms (type I error 0.03 at 8 and 0.037 at 20 an arm), HC2 with the degrees of
    freedom of Bell and McCaffrey is not. Features of a composition keep HC3: there it makes up for the error
    of the shift, and with HC2 false discoveries passed the limit (resources/docs/calibration.md). The choice
    hangs on who was randomised, not on any value.

    Parameters
    ----------
    robust
        One of `ROBUST`.
    arm
        (participants,) codes of the arms, also of those without values.
    composition
        Whether the values are log-ratios of a composition.
    """
    if robust != "auto":
        return robust
    counts = np.bincount(arm)
    enough = len(arm) > 0 and counts[counts > 0].min() >= ENOUGH_FOR_HC3
    return "hc3" if composition or enough else "hc2"


def _empty_fit(k: int, features: int) -> AncovaFit:
    def blank() -> Floats:
        return np.full((k, features), np.nan)

    return AncovaFit(
        estimate=blank(),
        std_error=blank(),
        ci_low=blank(),
        ci_high=blank(),
        p_value=blank(),
        df=blank(),
        n_arm=np.zeros((k, features), dtype=np.int64),
        n_reference=np.zeros(features, dtype=np.int64),
        baseline_used=np.zeros(features, dtype=bool),
        status=np.full((k, features), FEW, dtype=object),
    )


def _fit_block(
    fit: AncovaFit,
    columns: NDArray[np.int64],
    used: list[int],
    y: Floats,
    x: Floats,
    arm: NDArray[np.int64],
    adjust: Floats,
    robust: str,
    confidence: float,
) -> None:
    """Fit the features of one missing pattern and write them into `fit`."""
    n = len(arm)
    spread = adjust.std(axis=0)
    adjust = (adjust - adjust.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    arms = np.column_stack([(arm == j).astype(np.float64) for j in used])
    shared = np.column_stack([np.ones(n), arms, adjust])
    solve = np.linalg.pinv(shared, rcond=1e-10)
    weights = solve[1 : len(used) + 1]
    # With a rank below the number of columns, a coefficient is defined only if its row of solve @ shared is
    # a unit vector.
    unit = (weights @ shared) - np.eye(shared.shape[1])[1 : len(used) + 1]
    estimable = np.abs(unit).max(axis=1) < 1e-8
    rank = int(np.linalg.matrix_rank(shared, tol=1e-8 * np.sqrt(n)))

    size_y, size_x = np.abs(y).max(axis=0), np.abs(x).max(axis=0)
    y, x = y - y.mean(axis=0), x - x.mean(axis=0)
    total_y, total_x = (y**2).sum(axis=0), (x**2).sum(axis=0)
    constant = total_y <= n * (TINY * size_y) ** 2
    varies = total_x > n * (TINY * size_x) ** 2

    left = x - shared @ (solve @ x)
    left_square = (left**2).sum(axis=0)
    # A baseline that the arms and strata give exactly leaves nothing to tell it from the arm.
    swallowed = varies & (left_square <= TINY * total_x)
    baseline_used = varies & ~swallowed
    inverse = np.where(baseline_used, 1.0 / np.where(baseline_used, left_square, 1.0), 0.0)
    slope = (left * y).sum(axis=0) * inverse
    residual = y - shared @ (solve @ y) - slope * left
    leverage = np.einsum("ij,ji->i", shared, solve)[:, None] + left**2 * inverse
    df = n - rank - baseline_used.astype(np.int64)
    exact = (residual**2).sum(axis=0) <= 1e-20 * total_y

    influence = weights[:, :, None] - (weights @ x)[:, None, :] * left[None] * inverse
    freedom = np.broadcast_to(df.astype(np.float64), (len(used), len(df)))
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = weights @ (y - slope * x)
        if robust in ("hc3", "hc2"):
            alone = leverage > 1 - 1e-9
            spare = np.where(alone, 1.0, 1 - leverage)
            share = np.where(alone, 0.0, residual / (spare if robust == "hc3" else np.sqrt(spare)))
            variance = ((influence * share[None]) ** 2).sum(axis=1)
            if robust == "hc2":
                inner = np.where(alone[None], 0.0, influence**2 / spare[None])
                freedom = _bell_mccaffrey(inner, np.eye(n) - shared @ solve, left, inverse)
            # Weight on a participant whom the model fits exactly: nothing tells how wrong that value is.
            lost = (np.abs(influence) * alone[None]).max(axis=1) > 1e-8
        else:
            variance = (influence**2).sum(axis=1) * (residual**2).sum(axis=0) / np.maximum(df, 1)
            lost = np.zeros_like(variance, dtype=bool)
        error = np.sqrt(variance)
        p = 2 * stats.t.sf(np.abs(estimate / error), freedom)
        half = stats.t.ppf(0.5 + confidence / 2, freedom) * error

    status = np.full(estimate.shape, OK, dtype=object)
    status[:, exact] = NO_SPREAD
    status[lost] = FEW
    status[:, df < 1] = FEW
    status[:, swallowed] = ALIASED
    status[~estimable] = ALIASED
    status[:, constant] = CONSTANT
    good = status == OK
    place = np.ix_(np.array(used) - 1, columns)
    fit.status[place] = status
    fit.df[place] = freedom
    fit.baseline_used[columns] = baseline_used
    for name, value in (
        ("estimate", estimate),
        ("std_error", error),
        ("ci_low", estimate - half),
        ("ci_high", estimate + half),
        ("p_value", p),
    ):
        getattr(fit, name)[place] = np.where(good, value, np.nan)


def _bell_mccaffrey(inner: Floats, maker: Floats, left: Floats, inverse: Floats) -> Floats:
    """Return the degrees of freedom of sums of squared residuals with weights.

    With the residual maker M and weights W, the sum is e'MWMe, and its degrees of freedom are
    tr(MWM)^2 / tr(MWMWM). M is the shared maker minus the square of the baseline's own column.
    """
    out = np.empty((inner.shape[0], inner.shape[2]))
    squared, diagonal = maker**2, np.diag(maker)[:, None] - left**2 * inverse
    for k, w in enumerate(inner):
        first = (w * diagonal).sum(axis=0)
        wl = w * left
        second = (w * (squared @ w)).sum(axis=0) - 2 * inverse * (wl * (maker @ wl)).sum(axis=0)
        second += (inverse * (wl * left).sum(axis=0)) ** 2
        out[k] = first**2 / second
    return out

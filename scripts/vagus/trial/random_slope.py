"""Linear mixed models with a random intercept and a random slope per participant, for all features at once.

With three variances there is no basis that makes the covariance diagonal for every feature, as there is
with one (`mixed_model`). But participants who were seen at the same visits share their covariance, so that
the restricted likelihood needs of the data only the sums of each participant's rows, plain and weighted by
time. Their products are made once for every pattern of visits; each step of the search then costs the same
whatever the number of participants, and goes on for all features together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagus.trial.kenward_roger import small_sample
from vagus.trial.slope_likelihood import SlopeLikelihood, by_factor, square

Floats = NDArray[np.float64]

# Starts: standard deviations of intercept and slope over the residual one, and their correlation.
STARTS = [(a, s, r) for a in (0.3, 1.0, 3.0) for s in (0.2, 0.7, 2.0) for r in (-0.5, 0.0, 0.5)]
STEPS = 200
CONVERGED = 1e-9
BLOCK = 2048
# Smaller standard deviations (over the residual one, time in units of its spread) are the boundary, as in
# lme4.
SINGULAR = 1e-4
# Larger ones mean that a feature does not vary around the lines for any practical purpose.
LARGEST = 1e4


@dataclass
class SlopeFit:
    """Linear combinations of the fixed effects where the slope can be estimated.

    Parameters
    ----------
    estimate, std_error, df
        (contrasts, features), NaN where `found` is False.
    covariance
        (features, 2, 2) of intercept and slope over the residual variance; time centred and scaled.
    residual_variance
        (features,) in squared units of the values.
    found
        (features,) whether the variance of the slope is above 0.
    boundary
        (features,) found, but with intercept and slope correlated by -1 or 1, or without a variance of the
        intercept: these stay as they are, as in lme4, and count as known in the degrees of freedom.
    """

    estimate: Floats
    std_error: Floats
    df: Floats
    covariance: Floats
    residual_variance: Floats
    found: NDArray[np.bool_]
    boundary: NDArray[np.bool_]


def enough_for_slope(person: NDArray[np.int64], time: Floats, p: int) -> bool:
    """Return whether rows are more than random effects, and someone was seen at three times.

    Parameters
    ----------
    person, time
        (rows,) who, and when.
    p
        Number of fixed effects.
    """
    if len(person) == 0:
        return False
    _, code = np.unique(person, return_inverse=True)
    sizes = np.bincount(code.ravel())
    return bool(
        len(np.unique(time)) > 2 and sizes.max() > 2 and len(person) > 2 * len(sizes) and len(person) > p + 3
    )


def fit_random_slope(
    values: Floats,
    columns: Floats,
    person: NDArray[np.int64],
    time: Floats,
    contrasts: Floats,
    small: bool = False,
) -> SlopeFit:
    """Fit `value ~ columns + (1 + time | person)` to every feature by REML.

    Parameters
    ----------
    values
        (rows, features) without missing values; a row is one participant at one time.
    columns
        (rows, p) the fixed effects, shared by all features; collinear columns are allowed.
    person
        (rows,) which participant a row is of.
    time
        (rows,) when; participants have their own straight line over it. Its origin and unit do not matter.
    contrasts
        (contrasts, p) linear combinations of the fixed effects to estimate, estimable ones.
    small
        Whether to correct for small samples, as in `fit_random_intercept`.

    Returns
    -------
    SlopeFit
        Degrees of freedom by the delta method on the observed information of the four variances, as in
        lmerTest (Kuznetsova et al. 2017, doi 10.18637/jss.v082.i13), unless `small`.

    Notes
    -----
    The search is Newton's over the Cholesky factor of the covariance, damped per feature
    (Levenberg-Marquardt), from the best of `STARTS`; derivatives are exact.
    """
    features = values.shape[1]
    shape = (len(contrasts), features)
    fit = SlopeFit(
        estimate=np.full(shape, np.nan),
        std_error=np.full(shape, np.nan),
        df=np.full(shape, np.nan),
        covariance=np.full((features, 2, 2), np.nan),
        residual_variance=np.full(features, np.nan),
        found=np.zeros(features, dtype=bool),
        boundary=np.zeros(features, dtype=bool),
    )
    if not features or not enough_for_slope(person, time, columns.shape[1]):
        return fit
    norm = np.sqrt((columns**2).sum(axis=0))
    norm = np.where(norm > 0, norm, 1.0)
    u, s, vt = np.linalg.svd(columns / norm, full_matrices=False)
    rank = int((s > 1e-9 * s[0]).sum())
    basis, of_basis = u[:, :rank], ((contrasts / norm) @ vt[:rank].T) / s[:rank]
    times, at = np.unique(time, return_inverse=True)
    # Inside a feature the scale drops out of the variance ratios; a common one keeps products near 1.
    scale = np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0)
    for start in range(0, features, BLOCK):
        here = slice(start, min(start + BLOCK, features))
        y = values[:, here] / scale[here]
        fixed = basis.T @ y
        model = SlopeLikelihood(
            basis, y - basis @ fixed, person, at.ravel(), (times - time.mean()) / time.std()
        )
        factor = _search(model)
        _write(fit, here, model, factor, fixed, of_basis, scale[here], small)
    return fit


def _search(likelihood: SlopeLikelihood) -> Floats:
    """Return the Cholesky factor (features, 3): intercept, below the diagonal, slope."""
    everyone = np.arange(likelihood.features)
    best, factor = np.full(likelihood.features, np.inf), np.zeros((likelihood.features, 3))
    for a, s, r in STARTS:
        start = np.broadcast_to([a, r * s, np.sqrt(1 - r * r) * s], factor.shape)
        deviance = likelihood.at(square(start), everyone, derivatives=False).deviance
        better = deviance < best
        best[better], factor[better] = deviance[better], start[better]
    damping = np.full(likelihood.features, 1e-3)
    active = everyone
    for _ in range(STEPS):
        if not len(active):
            break
        here = factor[active]
        pieces = likelihood.at(square(here), active)
        slope, curve, _ = by_factor(pieces.slope(likelihood.df), pieces.curve(likelihood.df), here)
        values, vectors = np.linalg.eigh(curve)
        # Newton's step downhill also where the likelihood is not convex.
        pull = np.einsum("fij,fi->fj", vectors, slope)
        size = np.abs(values) + damping[active][:, None] * (1 + np.abs(values).max(axis=1, keepdims=True))
        step = -np.einsum("fij,fj->fi", vectors, pull / size)
        new = np.clip(here + step, -LARGEST, LARGEST)
        deviance = likelihood.at(square(new), active, derivatives=False).deviance
        gain = pieces.deviance - deviance
        fell = gain >= 0
        factor[active[fell]] = new[fell]
        damping[active] = np.where(fell, damping[active] / 8, damping[active] * 8)
        small = np.abs(step).max(axis=1) <= CONVERGED * (1 + np.abs(here).max(axis=1))
        active = active[~(small | (damping[active] > 1e12))]
    return factor


def _write(
    fit: SlopeFit,
    here: slice,
    model: SlopeLikelihood,
    factor: Floats,
    fixed: Floats,
    contrasts: Floats,
    scale: Floats,
    small: bool,
) -> None:
    """Write the estimates where the slopes vary."""
    covariance = square(factor)
    pieces = model.at(covariance, np.arange(model.features))
    df = float(model.df)
    s = pieces.quadratic / df
    inverse = np.asarray(np.linalg.inv(pieces.weighted), dtype=np.float64)
    right = np.einsum("fpq,kq->fkp", inverse, contrasts)
    unit = np.einsum("kp,fkp->fk", contrasts, right)
    change = -np.einsum("fkp,fjpq,fkq->fkj", right, pieces.changed, right, optimize=True)
    # The deviance by the factor of the covariance over the residual variance, and by the residual variance.
    first = pieces.logs1 + pieces.quadratic1 / s[:, None]
    second = pieces.logs2 + pieces.quadratic2 / s[:, None, None]
    information = np.empty((model.features, 4, 4))
    _, information[:, :3, :3], turn = by_factor(first, second, factor)
    cross = -np.einsum("fk,fki->fi", pieces.quadratic1, turn) / s[:, None] ** 2
    information[:, :3, 3] = information[:, 3, :3] = cross
    information[:, 3, 3] = df / s**2
    moved = np.concatenate([s[:, None, None] * (change @ turn), unit[:, :, None]], axis=2)
    spread = np.einsum("fki,fij,fkj->fk", moved, _inverse(information), moved, optimize=True)
    variance = unit * s[:, None]
    added = np.zeros_like(unit)
    if small:
        added, spread = small_sample(
            right, contrasts, inverse, pieces.changed, pieces.changed2,
            np.stack([covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]], axis=1),
            s, pieces.logs1, pieces.logs2, df,
        )  # fmt: skip
    found = np.sqrt(covariance[:, 1, 1]) > SINGULAR
    found &= np.isfinite(pieces.deviance) & (s > 1e-20) & (np.abs(factor).max(axis=1) < LARGEST)
    found &= (spread > 0).all(axis=1)
    with np.errstate(invalid="ignore"):
        fit.estimate[:, here] = np.where(found, (contrasts @ (fixed + pieces.beta.T)) * scale, np.nan)
        fit.std_error[:, here] = np.where(found, np.sqrt(variance + added).T * scale, np.nan)
        fit.df[:, here] = np.where(found, (variance**2 / spread).T, np.nan)
    fit.covariance[here] = np.where(found[:, None, None], covariance, np.nan)
    fit.residual_variance[here] = np.where(found, s * scale**2, np.nan)
    fit.found[here] = found
    fit.boundary[here] = found & (np.linalg.eigvalsh(covariance)[:, 0] <= SINGULAR**2)


def _inverse(information: Floats) -> Floats:
    """Return the inverse without directions in which there is no information, as beyond a boundary."""
    size = np.sqrt(np.maximum(np.einsum("fii->fi", information), 0.0))
    size = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(information / size[:, :, None] / size[:, None, :])
    turned = np.where(values > 1e-8, 1.0 / np.where(values > 1e-8, values, 1.0), 0.0)
    scaled = vectors / size[:, :, None]
    return np.asarray(np.einsum("fij,fj,fkj->fik", scaled, turned, scaled, optimize=True))

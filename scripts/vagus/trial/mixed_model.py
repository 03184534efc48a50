"""Linear mixed models with a random intercept per participant, for all features at once.

With one ratio of variances the restricted likelihood needs of the data only the sums of each participant's
rows (`intercept_likelihood`). Features with the same missing values share all that does not hang on their
values, so that a feature costs a few matrix products and a search along one line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vagus.trial.fits import ALIASED, CONSTANT, FEW, NO_SPREAD, OK, TINY
from vagus.trial.intercept_likelihood import InterceptLikelihood, Parts
from vagus.trial.kenward_roger import small_sample

Floats = NDArray[np.float64]

# Ratios of the participants' variance to the residual one among which the search begins. At the last one a
# feature does not vary inside the participants for any practical purpose.
GRID = np.concatenate([[0.0], np.logspace(-4, 7, 56)])
STEPS = 80
CONVERGED = 1e-11
BLOCK = 4096


@dataclass
class RemlFit:
    """Linear combinations of the fixed effects, by restricted maximum likelihood.

    Parameters
    ----------
    estimate, std_error, df
        (contrasts, features); the degrees of freedom are Satterthwaite's.
    ratio
        (features,) variance between participants over residual variance; 0 is the boundary.
    residual_variance
        (features,) in squared units of the values.
    status
        (contrasts, features) `ok` or why there is no estimate; the numbers are NaN then.
    """

    estimate: Floats
    std_error: Floats
    df: Floats
    ratio: Floats
    residual_variance: Floats
    status: NDArray[np.object_]


def fit_random_intercept(
    values: Floats,
    columns: Floats,
    person: NDArray[np.int64],
    contrasts: Floats,
    small: bool = False,
) -> RemlFit:
    """Fit `value ~ columns + (1 | person)` to every feature by REML.

    Parameters
    ----------
    values
        (rows, features) without missing values; a row is one participant at one visit.
    columns
        (rows, p) the fixed effects, shared by all features; collinear columns are allowed.
    person
        (rows,) which participant a row is of.
    contrasts
        (contrasts, p) linear combinations of the fixed effects to estimate.
    small
        Correct standard errors and degrees of freedom for small samples (Kenward & Roger 1997,
        doi 10.2307/2533558, see `kenward_roger`).

    Returns
    -------
    RemlFit
        Estimates, standard errors and Satterthwaite's degrees of freedom by the delta method on the observed
        information of the variances, as in lmerTest (Kuznetsova et al. 2017, doi 10.18637/jss.v082.i13). On
        the boundary (ratio 0) the fit is the one of least squares, with rows - rank degrees of freedom unless
        `small`.
    """
    features = values.shape[1]
    shape = (len(contrasts), features)
    fit = RemlFit(
        estimate=np.full(shape, np.nan),
        std_error=np.full(shape, np.nan),
        df=np.full(shape, np.nan),
        ratio=np.full(features, np.nan),
        residual_variance=np.full(features, np.nan),
        status=np.full(shape, FEW, dtype=object),
    )
    if not len(values) or not features:
        return fit
    shared = _Shared(columns, person, contrasts)
    if shared.rest < 1:
        return fit
    for start in range(0, features, BLOCK):
        here = slice(start, min(start + BLOCK, features))
        _fit_block(fit, here, np.ascontiguousarray(values[:, here]), shared, small)
    fit.status[~shared.estimable] = np.where(
        fit.status[~shared.estimable] == OK, ALIASED, fit.status[~shared.estimable]
    )
    for numbers in (fit.estimate, fit.std_error, fit.df):
        numbers[fit.status != OK] = np.nan
    return fit


class _Shared:
    """What the features with the same rows have in common."""

    def __init__(self, columns: Floats, person: NDArray[np.int64], contrasts: Floats) -> None:
        n = len(columns)
        norm = np.sqrt((columns**2).sum(axis=0))
        norm = np.where(norm > 0, norm, 1.0)
        u, s, vt = np.linalg.svd(columns / norm, full_matrices=False)
        rank = int((s > 1e-9 * max(s[0], 1e-300)).sum()) if len(s) else 0
        self.basis, vt = u[:, :rank], vt[:rank]
        scaled = contrasts / norm
        inside = scaled @ vt.T
        # A contrast is defined only if it lies in the row space of the model.
        off = np.abs(scaled - inside @ vt).max(axis=1, initial=0.0)
        self.estimable = off < 1e-8 * np.maximum(np.abs(scaled).max(axis=1, initial=0.0), 1e-300)
        self.has_intercept = bool(np.abs(self.basis @ self.basis.sum(axis=0) - 1).max() < 1e-9)
        self.contrasts = inside / s[:rank]
        self.df = n - rank
        _, code, size = np.unique(person, return_inverse=True, return_counts=True)
        self.who = sparse.csr_array((np.ones(n), (code.ravel(), np.arange(n))), shape=(len(size), n))
        self.people = size[:, None].astype(np.float64)
        self.sums = np.asarray(self.who @ self.basis)
        self.sizes = np.unique(size)
        self.of_size = [size == k for k in self.sizes]
        # Where nobody was seen twice there is nothing to tell the two variances apart: least squares.
        self.repeated = bool(size.max() > 1)
        inside = self.basis - np.asarray(self.who.T @ (self.sums / self.people))
        u, d, _ = np.linalg.svd(inside, full_matrices=False)
        self.inside = u[:, d > 1e-7]
        self.rest = n - len(size) - self.inside.shape[1] if self.repeated else self.df

    def within(self, residual: Floats) -> Floats:
        """Return what varies inside participants beside the model, as a sum of squares."""
        if self.repeated:
            means = np.asarray(self.who @ residual) / self.people
            residual = residual - np.asarray(self.who.T @ means)
            residual = residual - self.inside @ (self.inside.T @ residual)
        return np.asarray((residual**2).sum(axis=0))


def _fit_block(fit: RemlFit, here: slice, y: Floats, shared: _Shared, small: bool) -> None:
    size = np.abs(y).max(axis=0)
    middle = y.mean(axis=0)
    total = ((y - middle) ** 2).sum(axis=0)
    # The mean belongs to the intercept, if the model has one.
    middle = middle if shared.has_intercept else np.zeros_like(middle)
    y = y - middle
    constant = total <= len(y) * (TINY * size) ** 2
    fixed = shared.basis.T @ y
    residual = y - shared.basis @ fixed
    sums = np.asarray(shared.who @ residual)
    squares = (residual**2).sum(axis=0)
    likelihood = InterceptLikelihood(sums, squares, shared.sums, shared.of_size, shared.sizes, shared.df)
    rest = shared.within(residual)
    exact = rest <= 1e-20 * total
    usable = np.flatnonzero(~constant & ~exact)
    ratio = np.zeros(y.shape[1])
    top = np.zeros(y.shape[1], dtype=bool)
    if shared.repeated and len(usable):
        ratio[usable], top[usable] = _best_ratio(likelihood, usable)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = likelihood.parts(ratio, np.arange(y.shape[1]))
        _estimates(fit, here, ratio, parts, fixed, middle, shared, small)
    status = np.select([constant, exact | top], [CONSTANT, NO_SPREAD], OK).astype(object)
    fit.status[:, here] = status
    fit.ratio[here] = np.where(status == OK, ratio, np.nan)
    fit.residual_variance[here] = np.where(status == OK, fit.residual_variance[here], np.nan)


def _best_ratio(
    likelihood: InterceptLikelihood, which: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the ratio with the largest restricted likelihood, and whether it is beyond the grid."""
    df = likelihood.df
    deviance = likelihood.along(GRID, which)
    best = deviance.argmin(axis=0)
    low, high = GRID[np.maximum(best - 1, 0)], GRID[np.minimum(best + 1, len(GRID) - 1)]
    at = GRID[best].copy()
    zero = likelihood.parts(np.zeros(len(which)), which)
    boundary = (best == 0) & (df * zero.q1 / zero.q + zero.logs1 >= 0)
    top = best == len(GRID) - 1
    active = np.flatnonzero(~boundary & ~top)
    for _ in range(STEPS):
        if not len(active):
            break
        x = at[active]
        part = likelihood.parts(x, which[active])
        slope = df * part.q1 / part.q + part.logs1
        curve = df * (part.q2 / part.q - (part.q1 / part.q) ** 2) + part.logs2
        low[active] = np.where(slope < 0, x, low[active])
        high[active] = np.where(slope > 0, x, high[active])
        lo, hi = low[active], high[active]
        newton = x - slope / np.where(curve > 0, curve, np.nan)
        ok = (newton > lo) & (newton < hi)
        new = np.where(ok, newton, np.where(lo > 0, np.sqrt(lo * hi), 0.5 * hi))
        new = np.where(slope == 0, x, new)
        at[active] = new
        done = (np.abs(new - x) <= CONVERGED * np.maximum(x, 1e-6)) | (slope == 0)
        active = active[~done]
    at[boundary] = 0.0
    return at, top


def _estimates(
    fit: RemlFit,
    here: slice,
    ratio: Floats,
    parts: Parts,
    fixed: Floats,
    middle: Floats,
    shared: _Shared,
    small: bool,
) -> None:
    """Write the estimates at the chosen ratios."""
    df = float(shared.df)
    s = parts.q / df
    solved = np.swapaxes(parts.inverse @ shared.contrasts.T, 1, 2)
    estimate = shared.contrasts @ (fixed + parts.beta.T)
    estimate += np.outer(shared.contrasts @ shared.basis.sum(axis=0), middle)
    unit = np.einsum("kr,fkr->kf", shared.contrasts, solved)
    change = -np.einsum("fkr,frq,fkq->kf", solved, parts.first, solved, optimize=True)
    ss, sl, ll = df / s**2, -parts.q1 / s**2, parts.q2 / s + parts.logs2
    g_ratio, g_s = s * change, unit
    spread = (g_ratio**2 * ss - 2 * g_ratio * g_s * sl + g_s**2 * ll) / (ss * ll - sl**2)
    variance, added, free = unit * s, np.zeros_like(unit), ratio > 0
    if small:
        extra, halved = small_sample(
            solved, shared.contrasts, parts.inverse, parts.first[:, None],
            parts.second[:, None, None], ratio[:, None], s, parts.logs1[:, None],
            parts.logs2[:, None, None], df,
        )  # fmt: skip
        # Also on the boundary, as in pbkrtest; but not where nobody was seen twice.
        if shared.repeated:
            added, spread, free = extra.T, halved.T, np.ones_like(free)
    fit.estimate[:, here] = estimate
    fit.std_error[:, here] = np.sqrt(variance + added)
    fit.df[:, here] = np.where(free, variance**2 / spread, df)
    fit.residual_variance[here] = s

"""Linear mixed models with a random intercept and a random slope per participant, for all features at once.

With three variances there is no basis that makes the covariance diagonal for every feature, as there is
with one (`mixed_model`). But participants who were seen at the same visits share their covariance, so that
the restricted likelihood needs the data only through products of visits: sums over participants of x x', x y
and y y for every pair of visits. They are made once; each step of the search then costs the same whatever
the number of participants, and goes on for all features together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
# Derivatives of the covariance of intercept and slope by its three entries.
UNITS = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])


@dataclass
class SlopeFit:
    """Linear combinations of the fixed effects where the slope can be estimated.

    Parameters
    ----------
    estimate, std_error, df
        (contrasts, features); the degrees of freedom are Satterthwaite's. NaN where `found` is False.
    covariance
        (features, 2, 2) of intercept and slope over the residual variance; time centred and scaled.
    residual_variance
        (features,) in squared units of the values.
    found
        (features,) whether the likelihood has its maximum inside: positive variances of slope and intercept,
        a correlation between -1 and 1.
    """

    estimate: Floats
    std_error: Floats
    df: Floats
    covariance: Floats
    residual_variance: Floats
    found: NDArray[np.bool_]


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
    values: Floats, columns: Floats, person: NDArray[np.int64], time: Floats, contrasts: Floats
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

    Returns
    -------
    SlopeFit
        Degrees of freedom by the delta method on the observed information of the four variances, as in
        lmerTest (Kuznetsova et al. 2017, doi 10.18637/jss.v082.i13).

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
        model = _Products(basis, y - basis @ fixed, person, at.ravel(), (times - time.mean()) / time.std())
        factor = model.search()
        _write(fit, here, model, factor, fixed, of_basis, scale[here])
    return fit


@dataclass
class _Pieces:
    """The restricted likelihood and its parts at one covariance per feature.

    `weighted` is X'WX, `changed` its derivatives, `beta` the fixed effects, `quadratic` the weighted residual
    sum of squares; `logs` are the two log-determinants. `slope` and `curve` are the derivatives of the
    deviance, the residual variance profiled out, by the three entries of the covariance.
    """

    deviance: Floats
    weighted: Floats
    beta: Floats
    quadratic: Floats
    changed: Floats
    quadratic1: Floats
    quadratic2: Floats
    logs1: Floats
    logs2: Floats

    def slope(self, df: int) -> Floats:
        return self.logs1 + df * self.quadratic1 / self.quadratic[:, None]

    def curve(self, df: int) -> Floats:
        q = self.quadratic[:, None, None]
        outer = self.quadratic1[:, :, None] * self.quadratic1[:, None, :]
        return self.logs2 + df * (self.quadratic2 / q - outer / q**2)


class _Products:
    """Sums over participants that were seen at the same times, and the likelihood from them."""

    def __init__(
        self, basis: Floats, y: Floats, person: NDArray[np.int64], at: NDArray[np.int64], times: Floats
    ) -> None:
        self.df = len(basis) - basis.shape[1]
        self.features = y.shape[1]
        self.groups: list[tuple[int, Floats, Floats, Floats, Floats]] = []
        _, code = np.unique(person, return_inverse=True)
        seen = np.zeros((code.max() + 1, len(times)), dtype=bool)
        row = np.zeros(seen.shape, dtype=np.int64)
        seen[code, at], row[code, at] = True, np.arange(len(code))
        for pattern in np.unique(seen, axis=0):
            who = (seen == pattern).all(axis=1)
            rows = row[who][:, pattern].T
            x, v = basis[rows], y[rows]
            z = np.column_stack([np.ones(pattern.sum()), times[pattern]])
            xy = np.einsum("anp,bnf->abpf", x, v, optimize=True)
            self.groups.append(
                (int(who.sum()), z, np.einsum("anp,bnq->abpq", x, x), xy, np.einsum("anf,bnf->abf", v, v))
            )

    def at(self, covariance: Floats, which: NDArray[np.int64], derivatives: bool = True) -> _Pieces:
        """Return the likelihood of the features `which` at `covariance` (features, 2, 2)."""
        f, p = len(which), self.groups[0][2].shape[-1]
        weighted, xy, yy = np.zeros((f, p, p)), np.zeros((f, p)), np.zeros(f)
        k = 3 if derivatives else 0
        weighted1, xy1, yy1 = np.zeros((f, k, p, p)), np.zeros((f, k, p)), np.zeros((f, k))
        weighted2, xy2, yy2 = np.zeros((f, k, k, p, p)), np.zeros((f, k, k, p)), np.zeros((f, k, k))
        logs, logs1, logs2 = np.zeros(f), np.zeros((f, k)), np.zeros((f, k, k))
        for count, z, of_x, of_xy, of_y in self.groups:
            w = np.linalg.inv(np.eye(len(z)) + z @ covariance @ z.T)
            logs -= count * np.linalg.slogdet(w)[1]
            mine_xy, mine_y = of_xy[..., which], of_y[..., which]
            weighted += np.tensordot(w, of_x, axes=2)
            xy += np.einsum("fab,abpf->fp", w, mine_xy, optimize=True)
            yy += np.einsum("fab,abf->f", w, mine_y, optimize=True)
            if not derivatives:
                continue
            # W' = -W D W and W'' = W D W D* W + W D* W D W, with D = z E z' constant.
            unit = np.einsum("ai,kij,bj->kab", z, UNITS, z)
            wd = w[:, None] @ unit
            one = -(wd @ w[:, None])
            two = -(wd[:, :, None] @ one[:, None])
            two = two + np.swapaxes(two, 1, 2)
            logs1 += count * np.einsum("fkaa->fk", wd)
            logs2 -= count * np.einsum("fkab,flba->fkl", wd, wd, optimize=True)
            weighted1 += np.tensordot(one, of_x, axes=2)
            weighted2 += np.tensordot(two, of_x, axes=2)
            xy1 += np.einsum("fkab,abpf->fkp", one, mine_xy, optimize=True)
            xy2 += np.einsum("fklab,abpf->fklp", two, mine_xy, optimize=True)
            yy1 += np.einsum("fkab,abf->fk", one, mine_y, optimize=True)
            yy2 += np.einsum("fklab,abf->fkl", two, mine_y, optimize=True)
        inverse = np.linalg.inv(weighted)
        beta = np.einsum("fpq,fq->fp", inverse, xy)
        quadratic = np.maximum(yy - (beta * xy).sum(axis=1), 1e-300)
        deviance = logs + np.linalg.slogdet(weighted)[1] + self.df * np.log(quadratic)
        if not derivatives:
            return _Pieces(deviance, weighted, beta, quadratic, weighted1, yy1, yy2, logs1, logs2)
        # X'WX enters by its own logarithm, and through the fixed effects that it moves.
        turned = inverse[:, None] @ weighted1
        logs1 += np.einsum("fkpp->fk", turned)
        logs2 += np.einsum("fpq,fklqp->fkl", inverse, weighted2, optimize=True)
        logs2 -= np.einsum("fkpq,flqp->fkl", turned, turned, optimize=True)
        by_beta = np.einsum("fkpq,fq->fkp", weighted1, beta)
        quadratic1 = yy1 + np.einsum("fp,fkp->fk", beta, by_beta - 2 * xy1)
        moved = xy1 - by_beta
        quadratic2 = (
            yy2
            - 2 * np.einsum("fp,fklp->fkl", beta, xy2)
            + np.einsum("fp,fklpq,fq->fkl", beta, weighted2, beta, optimize=True)
            - 2 * np.einsum("fkp,fpq,flq->fkl", moved, inverse, moved, optimize=True)
        )
        return _Pieces(deviance, weighted, beta, quadratic, weighted1, quadratic1, quadratic2, logs1, logs2)

    def search(self) -> Floats:
        """Return the Cholesky factor (features, 3): intercept, below the diagonal, slope."""
        everyone = np.arange(self.features)
        best, factor = np.full(self.features, np.inf), np.zeros((self.features, 3))
        for a, s, r in STARTS:
            start = np.broadcast_to([a, r * s, np.sqrt(1 - r * r) * s], factor.shape)
            deviance = self.at(_square(start), everyone, derivatives=False).deviance
            better = deviance < best
            best[better], factor[better] = deviance[better], start[better]
        damping = np.full(self.features, 1e-3)
        active = everyone
        for _ in range(STEPS):
            if not len(active):
                break
            here = factor[active]
            pieces = self.at(_square(here), active)
            slope, curve = _by_factor(pieces.slope(self.df), pieces.curve(self.df), here)
            values, vectors = np.linalg.eigh(curve)
            # Newton's step downhill also where the likelihood is not convex.
            pull = np.einsum("fij,fi->fj", vectors, slope)
            size = np.abs(values) + damping[active][:, None] * (1 + np.abs(values).max(axis=1, keepdims=True))
            step = -np.einsum("fij,fj->fi", vectors, pull / size)
            new = np.clip(here + step, -LARGEST, LARGEST)
            deviance = self.at(_square(new), active, derivatives=False).deviance
            gain = pieces.deviance - deviance
            fell = gain >= 0
            factor[active[fell]] = new[fell]
            damping[active] = np.where(fell, damping[active] / 8, damping[active] * 8)
            small = np.abs(step).max(axis=1) <= CONVERGED * (1 + np.abs(here).max(axis=1))
            active = active[~(small | (damping[active] > 1e12))]
        return factor


def _square(factor: Floats) -> Floats:
    """Return L L' for (features, 3) entries of L."""
    a, b, c = factor[:, 0], factor[:, 1], factor[:, 2]
    return np.stack([np.stack([a * a, a * b], axis=1), np.stack([a * b, b * b + c * c], axis=1)], axis=1)


def _by_factor(slope: Floats, curve: Floats, factor: Floats) -> tuple[Floats, Floats]:
    """Carry derivatives by the covariance over to its Cholesky factor."""
    a, b, c = factor[:, 0], factor[:, 1], factor[:, 2]
    zero = np.zeros_like(a)
    turn = np.stack(
        [np.stack([2 * a, zero, zero], 1), np.stack([b, a, zero], 1), np.stack([zero, 2 * b, 2 * c], 1)],
        axis=1,
    )
    second = np.einsum("fki,fkl,flj->fij", turn, curve, turn, optimize=True)
    second[:, 0, 0] += 2 * slope[:, 0]
    second[:, 0, 1] += slope[:, 1]
    second[:, 1, 0] += slope[:, 1]
    second[:, 1, 1] += 2 * slope[:, 2]
    second[:, 2, 2] += 2 * slope[:, 2]
    return np.einsum("fk,fki->fi", slope, turn), second


def _write(
    fit: SlopeFit,
    here: slice,
    model: _Products,
    factor: Floats,
    fixed: Floats,
    contrasts: Floats,
    scale: Floats,
) -> None:
    """Write the estimates where the maximum is inside."""
    covariance = _square(factor)
    pieces = model.at(covariance, np.arange(model.features))
    df = float(model.df)
    s = pieces.quadratic / df
    inverse = np.linalg.inv(pieces.weighted)
    right = np.einsum("fpq,kq->fkp", inverse, contrasts)
    unit = np.einsum("kp,fkp->fk", contrasts, right)
    change = -np.einsum("fkp,fjpq,fkq->fkj", right, pieces.changed, right, optimize=True)
    # The deviance by the covariance over the residual variance, and by the residual variance itself.
    features = model.features
    information = np.empty((features, 4, 4))
    information[:, :3, :3] = pieces.logs2 + pieces.quadratic2 / s[:, None, None]
    information[:, :3, 3] = information[:, 3, :3] = -pieces.quadratic1 / s[:, None] ** 2
    information[:, 3, 3] = df / s**2
    moved = np.concatenate([change * s[:, None, None], unit[:, :, None]], axis=2)
    least = np.linalg.eigvalsh(covariance)[:, 0]
    found = (
        (least > SINGULAR**2)
        & (np.abs(factor[:, 0]) > SINGULAR)
        & (np.linalg.eigvalsh(information)[:, 0] > 0)
    )
    found &= np.isfinite(pieces.deviance) & (s > 1e-20) & (np.abs(factor).max(axis=1) < LARGEST)
    spread = np.full(unit.shape, np.nan)
    spread[found] = np.einsum(
        "fki,fij,fkj->fk", moved[found], np.linalg.inv(information[found]), moved[found], optimize=True
    )
    with np.errstate(invalid="ignore"):
        fit.estimate[:, here] = np.where(found, (contrasts @ (fixed + pieces.beta.T)) * scale, np.nan)
        fit.std_error[:, here] = np.where(found, np.sqrt(unit * s[:, None]).T * scale, np.nan)
        fit.df[:, here] = ((unit * s[:, None]) ** 2 / spread).T
    fit.covariance[here] = np.where(found[:, None, None], covariance, np.nan)
    fit.residual_variance[here] = np.where(found, s * scale**2, np.nan)
    fit.found[here] = found

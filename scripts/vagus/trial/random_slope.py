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
from scipy import sparse

from vagus.trial.kenward_roger import small_sample

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
        model = _Products(basis, y - basis @ fixed, person, at.ravel(), (times - time.mean()) / time.std())
        factor = model.search()
        _write(fit, here, model, factor, fixed, of_basis, scale[here], small)
    return fit


@dataclass
class _Pieces:
    """The restricted likelihood and its parts at one covariance per feature.

    `weighted` is X'WX, `changed` and `changed2` its derivatives, `beta` the fixed effects, `quadratic` the
    weighted residual sum of squares; `logs` are the two log-determinants. `slope` and `curve` are the
    derivatives of the deviance, the residual variance profiled out, by the three entries of the covariance.
    """

    deviance: Floats
    weighted: Floats
    beta: Floats
    quadratic: Floats
    changed: Floats
    changed2: Floats
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
    """Sums over participants that were seen at the same times, and the likelihood from them.

    The inverse covariance of a participant is I - Z M Z' with Z = (1, time), M = (I + G Z'Z)^-1 G and G the
    covariance of intercept and slope, so that two sums over a participant's rows, plain and weighted by time,
    are all that is needed of them.
    """

    def __init__(
        self, basis: Floats, y: Floats, person: NDArray[np.int64], at: NDArray[np.int64], times: Floats
    ) -> None:
        self.df = len(basis) - basis.shape[1]
        self.features, self.p = y.shape[1], basis.shape[1]
        _, code = np.unique(person, return_inverse=True)
        code = code.ravel()
        who = sparse.csr_array((np.ones(len(code)), (code, np.arange(len(code)))))
        z = np.column_stack([np.ones(len(at)), times[at]])
        # (2, participants, columns): sums of the rows, and of the rows times the time.
        x, v = (np.stack([np.asarray(who @ (z[:, [k]] * m)) for k in (0, 1)]) for m in (basis, y))
        seen = np.zeros((who.shape[0], len(times)), dtype=bool)
        seen[code, at] = True
        patterns, member, self.count = np.unique(seen, axis=0, return_inverse=True, return_counts=True)
        own = np.stack([np.ones(len(times)), times])
        self.squares = np.einsum("gt,kt,lt->gkl", patterns, own, own)
        groups = [member.ravel() == g for g in range(len(patterns))]
        of_x = np.array([np.einsum("kni,lnj->klij", x[:, g], x[:, g]) for g in groups])
        self.of_x = of_x.reshape(4 * len(groups), self.p**2)
        # Of a feature: products of the columns with its values, and of its values, side by side.
        of_xy = np.array([np.einsum("kni,lnf->fkli", x[:, g], v[:, g], optimize=True) for g in groups])
        of_y = np.array([np.einsum("knf,lnf->fkl", v[:, g], v[:, g]) for g in groups])
        both = np.concatenate([of_xy, of_y[..., None]], axis=-1)
        self.of_y = np.ascontiguousarray(both.transpose(1, 0, 2, 3, 4)).reshape(
            self.features, 4 * len(groups), self.p + 1
        )
        self.total = (y**2).sum(axis=0)

    def at(self, covariance: Floats, which: NDArray[np.int64], derivatives: bool = True) -> _Pieces:
        """Return the likelihood of the features `which` at `covariance` (features, 2, 2)."""
        f, p = len(which), self.p
        k = 3 if derivatives else 0
        turn = np.eye(2) + covariance[:, None] @ self.squares
        det = turn[..., 0, 0] * turn[..., 1, 1] - turn[..., 0, 1] * turn[..., 1, 0]
        left = np.empty_like(turn)
        left[..., 0, 0], left[..., 1, 1] = turn[..., 1, 1] / det, turn[..., 0, 0] / det
        left[..., 0, 1], left[..., 1, 0] = -turn[..., 0, 1] / det, -turn[..., 1, 0] / det
        inner = left @ covariance[:, None]
        middle = [inner[:, None]]
        logs = np.log(det) @ self.count
        logs1, logs2 = np.zeros((f, k)), np.zeros((f, k, k))
        if derivatives:
            # With B = (I + G Z'Z)^-1: M' = B E B' and B' = -M' Z'Z.
            one = left[:, None] @ UNITS[:, None] @ np.swapaxes(left, -1, -2)[:, None]
            of_left = -one @ self.squares
            two = of_left[:, None] @ UNITS[:, None, None] @ np.swapaxes(left, -1, -2)[:, None, None]
            two = two + np.swapaxes(two, -1, -2)
            middle += [one, two.reshape(f, 9, *two.shape[3:])]
            # log det(I + G Z'Z) has the derivative tr(Z'Z B E).
            by = self.squares @ left
            logs1 = np.einsum("fgab,kba,g->fk", by, UNITS, self.count, optimize=True)
            logs2 = np.einsum("gab,flgbc,kca,g->fkl", self.squares, of_left, UNITS, self.count, optimize=True)
        stack = np.concatenate(middle, axis=1).reshape(f, -1, 4 * len(self.count))
        products = self.of_y if f == self.features else self.of_y[which]
        of_x = -(stack.reshape(-1, stack.shape[2]) @ self.of_x).reshape(f, -1, p, p)
        of_y = -(stack @ products)
        weighted = np.eye(p) + of_x[:, 0]
        xy, yy = of_y[:, 0, :p], self.total[which] + of_y[:, 0, p]
        inverse = np.linalg.inv(weighted)
        beta = np.einsum("fpq,fq->fp", inverse, xy)
        quadratic = np.maximum(yy - (beta * xy).sum(axis=1), 1e-300)
        deviance = logs + np.linalg.slogdet(weighted)[1] + self.df * np.log(quadratic)
        weighted1, xy1, yy1 = of_x[:, 1 : 1 + k], of_y[:, 1 : 1 + k, :p], of_y[:, 1 : 1 + k, p]
        if not derivatives:
            return _Pieces(
                deviance, weighted, beta, quadratic, weighted1, weighted1, yy1, logs2, logs1, logs2
            )
        weighted2 = of_x[:, 4:].reshape(f, 3, 3, p, p)
        xy2, yy2 = of_y[:, 4:, :p].reshape(f, 3, 3, p), of_y[:, 4:, p].reshape(f, 3, 3)
        # X'WX enters by its own logarithm, and through the fixed effects that it moves.
        turned = inverse[:, None] @ weighted1
        logs1 = logs1 + np.einsum("fkpp->fk", turned)
        flat = weighted2.reshape(f, 9, p * p)
        logs2 = logs2 + (flat @ inverse.reshape(f, p * p, 1)).reshape(f, 3, 3)
        logs2 -= np.einsum("fkpq,flqp->fkl", turned, turned, optimize=True)
        by_beta = np.einsum("fkpq,fq->fkp", weighted1, beta)
        quadratic1 = yy1 + np.einsum("fp,fkp->fk", beta, by_beta - 2 * xy1)
        moved = xy1 - by_beta
        outer = (beta[:, :, None] * beta[:, None, :]).reshape(f, p * p, 1)
        quadratic2 = (
            yy2
            - 2 * np.einsum("fp,fklp->fkl", beta, xy2)
            + (flat @ outer).reshape(f, 3, 3)
            - 2 * (moved @ inverse) @ np.swapaxes(moved, 1, 2)
        )
        return _Pieces(
            deviance, weighted, beta, quadratic, weighted1, weighted2, quadratic1, quadratic2, logs1, logs2
        )  # fmt: skip

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
            slope, curve, _ = _by_factor(pieces.slope(self.df), pieces.curve(self.df), here)
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


def _by_factor(slope: Floats, curve: Floats, factor: Floats) -> tuple[Floats, Floats, Floats]:
    """Carry derivatives by the covariance over to its Cholesky factor; return also those of the former."""
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
    return np.einsum("fk,fki->fi", slope, turn), second, turn


def _write(
    fit: SlopeFit,
    here: slice,
    model: _Products,
    factor: Floats,
    fixed: Floats,
    contrasts: Floats,
    scale: Floats,
    small: bool,
) -> None:
    """Write the estimates where the slopes vary."""
    covariance = _square(factor)
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
    _, information[:, :3, :3], turn = _by_factor(first, second, factor)
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

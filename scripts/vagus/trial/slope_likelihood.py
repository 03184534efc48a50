"""The restricted likelihood of random intercepts and slopes, by their covariance, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]

# Derivatives of the covariance of intercept and slope by its three entries.
UNITS = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])


@dataclass
class SlopeParts:
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


class SlopeLikelihood:
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

    def at(self, covariance: Floats, which: NDArray[np.int64], derivatives: bool = True) -> SlopeParts:
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
            return SlopeParts(
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
        return SlopeParts(
            deviance, weighted, beta, quadratic, weighted1, weighted2, quadratic1, quadratic2, logs1, logs2
        )  # fmt: skip


def square(factor: Floats) -> Floats:
    """Return L L' for (features, 3) entries of L."""
    a, b, c = factor[:, 0], factor[:, 1], factor[:, 2]
    return np.stack([np.stack([a * a, a * b], axis=1), np.stack([a * b, b * b + c * c], axis=1)], axis=1)


def by_factor(slope: Floats, curve: Floats, factor: Floats) -> tuple[Floats, Floats, Floats]:
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

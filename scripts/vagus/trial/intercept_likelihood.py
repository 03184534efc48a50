"""The restricted likelihood of a random intercept, as a function of one ratio of variances per feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass
class Parts:
    """What the deviance df log(q) + logs is made of, (features,) each.

    Parameters
    ----------
    q, q1, q2
        Weighted residual sum of squares, and its first and second derivative by the ratio.
    logs1, logs2
        Derivatives of the log-determinants.
    first, second, inverse
        (features, rank, rank) derivatives of X'WX by the ratio, and its inverse.
    beta
        (features, rank) coefficients of the columns.
    """

    q: Floats
    q1: Floats
    q2: Floats
    logs1: Floats
    logs2: Floats
    first: Floats
    second: Floats
    inverse: Floats
    beta: Floats


class InterceptLikelihood:
    """The restricted likelihood of features with the same rows, from the sums of the participants' rows.

    A participant with n rows takes w(n) = ratio / (1 + n ratio) times the square of the sum of its rows out
    of every sum of squares, so that participants with as many rows go together, and the cost of a step of the
    search does not hang on their number.

    Parameters
    ----------
    sums
        (participants, features) sums of the residuals of least squares.
    total
        (features,) their sum of squares.
    of_basis
        (participants, rank) sums of the orthonormal columns of the model.
    of_size
        For every number of rows, (participants,) whether somebody has it.
    sizes
        These numbers.
    df
        Rows less rank.
    """

    def __init__(
        self,
        sums: Floats,
        total: Floats,
        of_basis: Floats,
        of_size: Sequence[NDArray[np.bool_]],
        sizes: NDArray[np.int64],
        df: int,
    ) -> None:
        self.df, self.total, self.n = df, total, sizes[:, None].astype(np.float64)
        self.rank = of_basis.shape[1]
        self.people = np.array([[of.sum()] for of in of_size], dtype=np.float64)
        self.xx = np.stack([of_basis[of].T @ of_basis[of] for of in of_size]).reshape(len(sizes), -1)
        # (features, sizes, rank + 1): products of the columns and the values, then the values' own squares.
        both = [np.vstack([of_basis[of].T @ sums[of], (sums[of] ** 2).sum(axis=0)]) for of in of_size]
        self.xy = np.ascontiguousarray(np.stack(both).transpose(2, 0, 1))

    def along(self, ratios: Floats, which: Places) -> Floats:
        """Return (ratios, features) deviances."""
        out = np.empty((len(ratios), len(which)))
        for i, ratio in enumerate(ratios):
            w = ratio / (1 + self.n[:, 0] * ratio)
            information = np.eye(self.rank) - (w @ self.xx).reshape(self.rank, self.rank)
            taken = w @ self.xy[which]
            b, c = -taken[:, :-1], self.total[which] - taken[:, -1]
            q = c - (b * np.linalg.solve(information, b.T).T).sum(axis=1)
            logs = (self.people * np.log1p(self.n * ratio)).sum() + np.linalg.slogdet(information)[1]
            out[i] = self.df * np.log(np.maximum(q, 1e-300)) + logs
        return out

    def parts(self, ratio: Floats, which: Places) -> Parts:
        """Return the parts of the features `which` at one ratio each."""
        spread = 1 + self.n * ratio
        # (features, 3, sizes): w and its derivatives.
        w = np.stack([ratio / spread, 1 / spread**2, -2 * self.n / spread**3], axis=1).transpose(2, 1, 0)
        taken = -(w @ self.xy[which])
        b, b1, b2 = (taken[:, k, :-1] for k in range(3))
        c, c1, c2 = self.total[which] + taken[:, 0, -1], taken[:, 1, -1], taken[:, 2, -1]
        squares = -(w @ self.xx).reshape(len(which), 3, self.rank, self.rank)
        inverse = np.linalg.inv(np.eye(self.rank) + squares[:, 0])
        a1, a2 = squares[:, 1], squares[:, 2]
        beta = np.einsum("fij,fj->fi", inverse, b)
        by1, by2 = (np.einsum("fij,fj->fi", a, beta) for a in (a1, a2))
        moved = b1 - by1
        turned = inverse @ a1
        pull = self.n / spread
        return Parts(
            q=c - (b * beta).sum(axis=1),
            q1=c1 + (beta * (by1 - 2 * b1)).sum(axis=1),
            q2=c2
            + (beta * (by2 - 2 * b2)).sum(axis=1)
            - 2 * np.einsum("fi,fij,fj->f", moved, inverse, moved, optimize=True),
            logs1=(self.people * pull).sum(axis=0) + np.einsum("fii->f", turned),
            logs2=-(self.people * pull**2).sum(axis=0)
            + np.einsum("fij,fji->f", inverse, a2)
            - np.einsum("fij,fji->f", turned, turned),
            first=a1,
            second=a2,
            inverse=np.asarray(inverse, dtype=np.float64),
            beta=beta,
        )

"""The small-sample correction of standard errors in mixed models.

The usual standard errors take the variances as known; in small trials that is too bold. Kenward & Roger
(1997, Biometrics 53:983, doi 10.2307/2533558) add what their estimation costs. For one contrast their degrees
of freedom are Satterthwaite's with the expected information in place of the observed one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def small_sample(
    right: Floats,
    contrasts: Floats,
    inverse: Floats,
    first: Floats,
    second: Floats,
    ratios: Floats,
    scale: Floats,
    logs1: Floats,
    logs2: Floats,
    df: float,
) -> tuple[Floats, Floats]:
    """Return what is added to each contrast's variance, and the spread that its degrees of freedom rest on.

    All matrices are those of a residual variance of 1: W is the inverse covariance, which is linear in the
    variances, with derivative D_i for variance i over the residual one.

    Parameters
    ----------
    right
        (features, contrasts, p) inverse X'WX times the contrasts.
    contrasts
        (contrasts, p).
    inverse
        (features, p, p) of X'WX.
    first
        (features, k, p, p) derivatives of X'WX, -X'W D_i W X.
    second
        (features, k, k, p, p) second derivatives, X'(W D_i W D_j W + W D_j W D_i W)X.
    ratios
        (features, k) variances over the residual one.
    scale
        (features,) residual variance.
    logs1, logs2
        (features, k) and (features, k, k) derivatives of the log-determinants of covariance and X'WX; the
        expected information is made of them.
    df
        Rows less rank.

    Returns
    -------
    tuple
        (features, contrasts) the addition, not negative; and the variance of the contrast's variance, halved,
        so that the square of the variance over it is Satterthwaite's number of degrees of freedom.
    """
    f, k = ratios.shape
    m = len(contrasts)
    information = np.empty((f, k + 1, k + 1))
    information[:, :k, :k] = -logs2
    information[:, :k, k] = information[:, k, :k] = logs1 / scale[:, None]
    information[:, k, k] = df / scale**2
    # A feature without any variance has no information; it gets its status elsewhere.
    known = np.isfinite(information).all(axis=(1, 2))
    information[~known] = np.eye(k + 1)
    covariance = 2 * np.linalg.pinv(information, rcond=1e-12, hermitian=True)
    pr = np.einsum("fkpq,fmq->fmkp", first, right, optimize=True)
    rpr = np.einsum("fmp,fmkp->fmk", right, pr)
    unit = np.einsum("fmp,mp->fm", right, contrasts)
    # How the variance of a contrast moves with ratios and residual variance.
    moved = np.concatenate([-rpr * scale[:, None, None], unit[:, :, None]], axis=2)
    spread = np.einsum("fmk,fkl,fml->fm", moved, covariance, moved, optimize=True) / 2
    # Of the variances themselves: variance i = ratio i times the residual one.
    turn = np.zeros((f, k + 1, k + 1))
    turn[:, range(k), range(k)] = scale[:, None]
    turn[:, :k, k] = ratios
    turn[:, k, k] = 1.0
    covariance = turn @ covariance @ np.swapaxes(turn, 1, 2)
    rqr = np.einsum("fmp,fklpq,fmq->fmkl", right, second, right, optimize=True) / 2
    by_ratio = np.einsum("fl,fmkl->fmk", ratios, rqr)
    # What belongs to the residual variance follows from the rest, with which it adds up to the covariance.
    whole = np.empty((f, m, k + 1, k + 1))
    whole[:, :, :k, :k] = rqr
    whole[:, :, :k, k] = whole[:, :, k, :k] = -(rpr + by_ratio)
    whole[:, :, k, k] = (
        unit + 2 * np.einsum("fk,fmk->fm", ratios, rpr) + np.einsum("fk,fmk->fm", ratios, by_ratio)
    )
    last = -(contrasts[None] + np.einsum("fk,fmkp->fmp", ratios, pr))
    vectors = np.concatenate([pr, last[:, :, None, :]], axis=2)
    whole -= np.einsum("fmkp,fpq,fmlq->fmkl", vectors, inverse, vectors, optimize=True)
    added = 2 * np.einsum("fkl,fmkl->fm", covariance, whole) / scale[:, None]
    return np.maximum(added, 0.0), spread

"""Later values with the baseline taken out, for tests that re-draw arms."""

from __future__ import annotations

import numpy as np

from vagus.trial.permanova import model_basis
from vagus.trial.permutation import Floats


def residual(start: Floats, end: Floats, adjust: Floats | None) -> Floats:
    """Take the baseline out of the later values, feature by feature.

    The slope of a feature is that of least squares on strata, covariates and baseline over the participants
    of all arms together. No arm enters it, so the rows stay fixed when arms are permuted and the test stays
    exact; the price is a little power when the arms differ at baseline.

    Parameters
    ----------
    start, end
        Participants x features.
    adjust
        Participants x columns, or None.

    Returns
    -------
    ndarray
        Participants x features. A feature with a constant baseline keeps its later values.
    """
    basis = model_basis(adjust, len(start))
    x, y = (z - basis @ (basis.T @ z) for z in (start, end))
    size = (x**2).sum(axis=0)
    varies = size > 1e-12 * np.maximum((start**2).sum(axis=0), 1e-300)
    slope = np.where(varies, (x * y).sum(axis=0) / np.where(varies, size, 1.0), 0.0)
    return np.asarray(end - slope * (start - start.mean(axis=0)))

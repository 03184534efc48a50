"""Which columns of a model say something that the others do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def independent(matrix: Floats) -> list[int]:
    """Return the columns of (rows, columns) that those before them do not give."""
    kept: list[int] = []
    for j in range(matrix.shape[1]):
        if not given_by(matrix[:, kept], matrix[:, j]):
            kept.append(j)
    return kept


def given_by(others: Floats, column: Floats) -> bool:
    """Whether a column is a sum of multiples of others, to rounding; a column of zeros always is."""
    left = column - others @ (np.linalg.pinv(others, rcond=1e-10) @ column) if others.shape[1] else column
    return bool((left**2).sum() <= 1e-16 * max(float((column**2).sum()), 1e-300))

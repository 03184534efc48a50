"""Principal coordinates of a distance matrix."""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import eigsh

# Above this many samples only the leading eigenvectors are computed; all of them would take minutes.
FULL = 2000


def principal_coordinates(distances: np.ndarray, axes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return classical scaling of a distance matrix (Gower 1966, doi:10.1093/biomet/53.3-4.325).

    Parameters
    ----------
    distances
        Square, symmetric, n x n.
    axes
        Number of coordinates.

    Returns
    -------
    tuple
        Coordinates n x axes, and the share of the positive eigenvalues that each explains (above `FULL`
        samples, the share of the sum of all eigenvalues, which is the same for Euclidean distances). The
        sign of each axis is fixed so that its largest loading is positive.
    """
    squared = -0.5 * np.asarray(distances, float) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    centred = (centred + centred.T) / 2
    if len(centred) > max(FULL, axes):
        values, vectors = eigsh(centred, k=axes, which="LA", v0=np.linspace(-1, 1, len(centred)))
        whole = float(np.trace(centred))
    else:
        values, vectors = np.linalg.eigh(centred)
        whole = float(values[values > 0].sum())
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    count = min(axes, len(values))
    points = np.zeros((len(centred), axes))
    points[:, :count] = vectors[:, :count] * np.sqrt(np.clip(values[:count], 0, None))
    for k in range(axes if len(points) else 0):
        if points[np.abs(points[:, k]).argmax(), k] < 0:
            points[:, k] *= -1
    share = np.zeros(axes)
    share[:count] = np.clip(values[:count], 0, None) / whole if whole > 0 else 0
    return points, share

"""The rank test inside strata, for all features at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass
class RankTest:
    """Result of the stratified rank test, (features,) each.

    Parameters
    ----------
    shift
        Chance that a value of the arm is above one of the reference in the same stratum, ties half, less one
        half; strata weigh as in the test. NaN where no stratum holds both arms.
    z, p_value
        Normal approximation without continuity correction, two-sided; NaN where all values are tied.
    n_arm, n_reference
        Values in strata that hold both arms.
    """

    shift: Floats
    z: Floats
    p_value: Floats
    n_arm: NDArray[np.int64]
    n_reference: NDArray[np.int64]


def van_elteren(values: Floats, in_arm: NDArray[np.bool_], stratum: NDArray[np.int64]) -> RankTest:
    """Compare two groups inside strata by ranks (van Elteren 1960; weights 1 / (N + 1) of each stratum).

    Parameters
    ----------
    values
        (participants, features); NaN is missing.
    in_arm
        (participants,) whether in the arm; the others are the reference.
    stratum
        (participants,) code; with one stratum this is Mann and Whitney's test.

    Returns
    -------
    RankTest
        Ties are corrected for in each stratum.

    Notes
    -----
    Lehmann 1975, Nonparametrics, section 3.3; Mann & Whitney 1947, doi 10.1214/aoms/1177730491.
    """
    features = values.shape[1]
    total, variance, weight = np.zeros(features), np.zeros(features), np.zeros(features)
    n_arm, n_reference = np.zeros(features, dtype=np.int64), np.zeros(features, dtype=np.int64)
    for code in np.unique(stratum):
        here = stratum == code
        block, arm = values[here], in_arm[here]
        known = np.isfinite(block)
        m, n = (known & arm[:, None]).sum(axis=0), (known & ~arm[:, None]).sum(axis=0)
        both = (m > 0) & (n > 0)
        if not both.any():
            continue
        size = m + n
        rank, low, high = (
            stats.rankdata(block, method=method, axis=0, nan_policy="omit")
            for method in ("average", "min", "max")
        )
        # A tie of t values adds t^3 - t, which is t^2 - 1 for each of them.
        ties = np.where(known, (high - low + 1) ** 2 - 1, 0.0).sum(axis=0)
        above = np.where(known & arm[:, None], rank, 0.0).sum(axis=0) - m * (m + 1) / 2
        spread = m * n / 12 * (size + 1 - ties / np.maximum(size * (size - 1), 1))
        total += np.where(both, (above - m * n / 2) / (size + 1), 0.0)
        variance += np.where(both, spread / (size + 1) ** 2, 0.0)
        weight += np.where(both, m * n / (size + 1), 0.0)
        n_arm += np.where(both, m, 0)
        n_reference += np.where(both, n, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(weight > 0, total / weight, np.nan)
        z = np.where(variance > 1e-14, total / np.sqrt(variance), np.nan)
    return RankTest(shift, z, 2 * stats.norm.sf(np.abs(z)), n_arm, n_reference)

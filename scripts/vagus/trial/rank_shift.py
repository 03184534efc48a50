"""One number per participant compared between arms: ranks inside strata, permuted, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from vagus.errors import VagusError
from vagus.trial.permutation import Codes, Floats, Scheme


@dataclass
class RankShift:
    """Comparison of two arms.

    Parameters
    ----------
    u
        Mann-Whitney U summed over strata: pairs of one stratum in which the arm exceeds the reference, ties
        half.
    estimate
        Hodges-Lehmann shift: the median difference of those pairs.
    ci_low, ci_high
        Interval by inversion of the same permutation test; NaN when there are too few arrangements for it.
    p_value
        Two-sided, by permutation.
    status
        `ok`, or why there is none.
    """

    u: float
    estimate: float
    ci_low: float
    ci_high: float
    p_value: float
    status: str = "ok"


def rank_shift(values: Floats, scheme: Scheme, confidence: float = 0.95) -> RankShift:
    """Compare arm 1 with arm 0.

    Parameters
    ----------
    values
        (n,) one number per participant.
    scheme
        Arms 0 and 1, strata and permutations.
    confidence
        Level of the interval.

    Returns
    -------
    RankShift
        The shift of arm 1 against arm 0, in units of the values.

    Raises
    ------
    VagusError
        If the level is out of range.

    Notes
    -----
    Hodges & Lehmann 1963, doi 10.1214/aoms/1177704172; strata as in van Elteren's test, every
    pair with weight 1. The interval takes the permutation distribution of U, which is exact without ties and
    for a pure shift.
    """
    if not 0 < confidence < 1:
        raise VagusError(f"config: trial.confidence is {confidence}; allowed: between 0 and 1; fix: 0.95")
    pairs = _differences(values, scheme)
    if not len(pairs):
        return RankShift(np.nan, np.nan, np.nan, np.nan, np.nan, "no stratum with both arms")
    ranks = np.empty(len(values))
    least = 0.0
    for stratum in np.unique(scheme.stratum):
        inside = scheme.stratum == stratum
        ranks[inside] = rankdata(values[inside])
        # Smallest rank sum that arm 1 can have in this stratum.
        size = int((scheme.arm[inside] == 1).sum())
        least += size * (size + 1) / 2
    u = float(ranks[scheme.arm == 1].sum() - least)
    estimate = float(np.median(pairs))
    if scheme.distinct < 2:
        return RankShift(u, estimate, np.nan, np.nan, np.nan, "arms cannot be re-arranged")
    permuted = np.concatenate([(arms == 1) @ ranks for arms in scheme.batches()]) - least
    middle = len(pairs) / 2
    p = scheme.p_value(np.array([abs(u - middle)]), np.abs(permuted - middle)[:, None])[0]
    low, high = _interval(pairs, permuted, scheme, confidence)
    return RankShift(u, estimate, low, high, float(p))


def _differences(values: Floats, scheme: Scheme) -> Floats:
    parts = []
    for stratum in np.unique(scheme.stratum):
        inside = scheme.stratum == stratum
        arm, reference = values[inside & (scheme.arm == 1)], values[inside & (scheme.arm == 0)]
        parts.append((arm[:, None] - reference[None, :]).ravel())
    return np.concatenate(parts) if parts else np.empty(0)


def _interval(pairs: Floats, permuted: Floats, scheme: Scheme, confidence: float) -> tuple[float, float]:
    """Return the order statistics of the pairs that the test does not reject."""
    # Both tails of U are one another's mirror; taking both steadies a random sample of arrangements.
    both = np.sort(np.concatenate([permuted, len(pairs) - permuted]))
    tail = (1 - confidence) / 2
    more = 0 if scheme.exact else 1
    steps = np.unique(both)
    below = (np.searchsorted(both, steps, side="right") + 2 * more) / (len(both) + 2 * more)
    inside = steps[below <= tail]
    if not len(inside):
        return np.nan, np.nan
    cut = int(np.floor(inside[-1])) + 1
    ordered = np.sort(pairs)
    if cut > len(pairs) - cut:
        return np.nan, np.nan
    return float(ordered[cut - 1]), float(ordered[len(pairs) - cut])


def stratum_ranks(values: Floats, stratum: Codes) -> Floats:
    """Return ranks inside strata, centred and divided by the stratum's size, n x 1, for an omnibus test."""
    ranks = np.empty(len(values))
    for level in np.unique(stratum):
        inside = stratum == level
        ranks[inside] = (rankdata(values[inside]) - (inside.sum() + 1) / 2) / inside.sum()
    return ranks[:, None]

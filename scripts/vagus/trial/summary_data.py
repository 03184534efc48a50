"""Two groups compared from what a paper prints: number, mean and standard deviation of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from vagus.errors import VagusError


@dataclass(frozen=True)
class SummaryComparison:
    """What `compare_means` found.

    Parameters
    ----------
    difference, low, high, t, df, p_value
        First mean minus second, with Welch's interval and test.
    ses, ses_low, ses_high
        Standardised effect size (Cohen's d on the pooled standard deviation) with its interval.
    """

    difference: float
    low: float
    high: float
    t: float
    df: float
    p_value: float
    ses: float
    ses_low: float
    ses_high: float


def compare_means(
    n1: int, mean1: float, sd1: float, n2: int, mean2: float, sd2: float, confidence: float = 0.95
) -> SummaryComparison:
    """Compare two groups from their summaries.

    Parameters
    ----------
    n1, mean1, sd1, n2, mean2, sd2
        Of the two groups.
    confidence
        Level of the intervals.

    Returns
    -------
    SummaryComparison
        Unequal variances (Welch 1947, doi 10.1093/biomet/34.1-2.28); the interval of the standardised effect
        by its large-sample variance (Hedges & Olkin 1985, chapter 5).

    Raises
    ------
    VagusError
        If a group has fewer than two people or no spread.
    """
    if min(n1, n2) < 2 or not min(sd1, sd2) > 0:
        raise VagusError("summary data: allowed: two people or more in a group, and spread above 0")
    v1, v2 = sd1**2 / n1, sd2**2 / n2
    error, difference = math.sqrt(v1 + v2), mean1 - mean2
    df = (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    t = difference / error
    half = float(stats.t.ppf(0.5 + confidence / 2, df)) * error
    pooled = math.sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2))
    d = difference / pooled
    wide = float(stats.norm.ppf(0.5 + confidence / 2)) * math.sqrt(
        (n1 + n2) / (n1 * n2) + d**2 / (2 * (n1 + n2))
    )
    p = float(2 * stats.t.sf(abs(t), df))
    return SummaryComparison(
        difference, difference - half, difference + half, t, df, p, d, d - wide, d + wide
    )

"""Two proportions compared: difference, ratio and number needed to treat, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from vagus.errors import VagusError

NAN = float("nan")


@dataclass(frozen=True)
class RiskComparison:
    """What `compare_risks` found.

    Parameters
    ----------
    difference, low, high
        Risk in the arm minus risk in the reference, with Newcombe's interval.
    mn_low, mn_high
        Miettinen and Nurminen's interval of the same difference.
    ratio, ratio_low, ratio_high
        Risk ratio with Koopman's score interval; the ratio is NaN when nobody of the reference had it.
    nnt, nnt_low, nnt_high
        Number needed to treat and its interval, only where Newcombe's interval leaves out 0; else NaN.
    chi2, p_value, p_fisher
        Uncorrected chi-squared with its p-value, and Fisher's exact p-value.
    """

    difference: float
    low: float
    high: float
    mn_low: float
    mn_high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    nnt: float
    nnt_low: float
    nnt_high: float
    chi2: float
    p_value: float
    p_fisher: float


def wilson(events: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    z = stats.norm.ppf(0.5 + confidence / 2)
    p, z2 = events / n, z * z
    middle, half = p + z2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if events == 0 else float((middle - half) / (1 + z2 / n))
    high = 1.0 if events == n else float((middle + half) / (1 + z2 / n))
    return low, high


def newcombe(x1: int, n1: int, x2: int, n2: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Newcombe's hybrid score interval of p1 - p2.

    Method 10 of Newcombe 1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    p1, p2 = x1 / n1, x2 / n2
    (l1, u1), (l2, u2) = wilson(x1, n1, confidence), wilson(x2, n2, confidence)
    d = p1 - p2
    return max(-1.0, d - math.hypot(p1 - l1, u2 - p2)), min(1.0, d + math.hypot(u1 - p1, p2 - l2))


def miettinen_nurminen(x1: int, n1: int, x2: int, n2: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of p1 - p2 (Miettinen & Nurminen 1985, doi 10.1002/sim.4780040211)."""
    limit = stats.chi2.ppf(confidence, 1)
    d = x1 / n1 - x2 / n2

    def excess(delta: float) -> float:
        p2 = _restricted(x1, n1, x2, n2, delta)
        p1 = min(1.0, max(0.0, p2 + delta))
        n = n1 + n2
        variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)
        if variance <= 0:
            return -limit if abs(d - delta) < 1e-12 else math.inf
        return (d - delta) ** 2 / variance - limit

    edge = 1 - 1e-10
    low = -1.0 if excess(-edge) <= 0 else float(optimize.brentq(excess, -edge, d, xtol=1e-12))
    high = 1.0 if excess(edge) <= 0 else float(optimize.brentq(excess, d, edge, xtol=1e-12))
    return low, high


def _restricted(x1: int, n1: int, x2: int, n2: int, delta: float) -> float:
    """Return the likeliest p2 when p1 - p2 is delta: the root of the cubic in closed form."""
    n = n1 + n2
    l3, l2 = n, (n1 + 2 * n2) * delta - n - x1 - x2
    l1, l0 = (n2 * delta - n - 2 * x2) * delta + x1 + x2, x2 * delta * (1 - delta)
    q = l2**3 / (3 * l3) ** 3 - l1 * l2 / (6 * l3**2) + l0 / (2 * l3)
    p = math.copysign(math.sqrt(max(0.0, l2**2 / (3 * l3) ** 2 - l1 / (3 * l3))), q)
    ratio = 0.0 if p == 0 else max(-1.0, min(1.0, q / p**3))
    a = (math.pi + math.acos(ratio)) / 3
    root = 2 * p * math.cos(a) - l2 / (3 * l3)
    return min(min(1.0, 1 - delta), max(max(0.0, -delta), root))


def koopman(x1: int, n1: int, x2: int, n2: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of p1 / p2 (Koopman 1984, doi 10.2307/2531405).

    0 to infinity when neither group has an event.
    """
    if x1 == 0 and x2 == 0:
        return 0.0, math.inf
    limit = stats.chi2.ppf(confidence, 1)

    def excess(log_ratio: float) -> float:
        r = math.exp(log_ratio)
        a, b = (n1 + n2) * r, -(n1 * r + x1 + n2 + x2 * r)
        p2 = (-b - math.sqrt(max(0.0, b * b - 4 * a * (x1 + x2)))) / (2 * a)
        p1 = p2 * r
        out = (x1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1)) if 0 < p1 < 1 else 0.0
        rest = (x2 - n2 * p2) ** 2 / (n2 * p2 * (1 - p2)) if 0 < p2 < 1 else 0.0
        return out + rest - limit

    middle = math.log(max(x1, 0.5) / n1) - math.log(max(x2, 0.5) / n2)
    low = 0.0 if x1 == 0 else math.exp(optimize.brentq(excess, middle - 20, middle))
    high = math.inf if x2 == 0 else math.exp(optimize.brentq(excess, middle, middle + 20))
    return low, high


def compare_risks(x1: int, n1: int, x2: int, n2: int, confidence: float = 0.95) -> RiskComparison:
    """Compare the share with an outcome in an arm with that in the reference.

    Parameters
    ----------
    x1, n1
        With the outcome, and of how many, in the arm.
    x2, n2
        The same in the reference.
    confidence
        Level of the intervals.

    Returns
    -------
    RiskComparison
        The comparison.

    Raises
    ------
    VagusError
        If a group is empty or has more with the outcome than it has people.
    """
    if min(n1, n2) < 1 or not (0 <= x1 <= n1 and 0 <= x2 <= n2):
        raise VagusError(f"risks: {x1} of {n1} and {x2} of {n2}; allowed: 0 to n, and n of at least 1")
    p1, p2 = x1 / n1, x2 / n2
    d = p1 - p2
    low, high = newcombe(x1, n1, x2, n2, confidence)
    mn_low, mn_high = miettinen_nurminen(x1, n1, x2, n2, confidence)
    ratio_low, ratio_high = koopman(x1, n1, x2, n2, confidence)
    nnt = nnt_low = nnt_high = NAN
    if low > 0 or high < 0:
        nnt = 1 / abs(d)
        nnt_low, nnt_high = sorted((1 / abs(low), 1 / abs(high)))
    n, x = n1 + n2, x1 + x2
    chi2 = 0.0 if x in (0, n) else n * (x1 * (n2 - x2) - x2 * (n1 - x1)) ** 2 / (n1 * n2 * x * (n - x))
    fisher = float(stats.fisher_exact(np.array([[x1, n1 - x1], [x2, n2 - x2]]))[1])
    ratio = p1 / p2 if p2 > 0 else NAN
    p = float(stats.chi2.sf(chi2, 1))
    return RiskComparison(
        d, low, high, mn_low, mn_high, ratio, ratio_low, ratio_high, nnt, nnt_low, nnt_high, chi2, p, fisher
    )

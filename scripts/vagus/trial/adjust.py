"""Error control over a family of tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagus.errors import VagusError

CONTROLS = ("bh", "holm", "fixed_sequence", "none")

Floats = NDArray[np.float64]


def adjust_p(p_value: Floats, control: str = "bh") -> Floats:
    """Adjust the p-values of one family.

    Parameters
    ----------
    p_value
        (m,) p-values in the order of the hypotheses; NaN where no test was possible.
    control
        `bh` (Benjamini & Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x), `holm` (Holm 1979,
        jstor 4615733), `fixed_sequence` (each hypothesis is tested only when all before it were rejected: the
        running maximum; a test that was not possible counts as not rejected) or `none`.

    Returns
    -------
    ndarray
        (m,) adjusted p-values; NaN stays NaN and does not count as a test in `bh` and `holm`.

    Raises
    ------
    VagusError
        If the control is unknown.
    """
    p = np.asarray(p_value, dtype=np.float64)
    if control not in CONTROLS:
        raise VagusError(f"plan: error control {control!r}; allowed: {', '.join(CONTROLS)}")
    if control == "none":
        return p.copy()
    known = np.isfinite(p)
    if control == "fixed_sequence":
        return np.where(known, np.maximum.accumulate(np.where(known, p, 1.0)), np.nan) if p.size else p.copy()
    out = np.full_like(p, np.nan)
    m = int(known.sum())
    if m == 0:
        return out
    place = np.flatnonzero(known)
    order = place[np.argsort(p[known], kind="stable")]
    rank = np.arange(1, m + 1)
    if control == "bh":
        stepped = np.minimum.accumulate((p[order] * m / rank)[::-1])[::-1]
    else:
        stepped = np.maximum.accumulate(p[order] * (m - rank + 1))
    out[order] = np.minimum(stepped, 1.0)
    return out


def family_of(profile: str, plan: Mapping[str, Any]) -> tuple[str, float]:
    """Return the error control and alpha of the first family of the plan that names a profile.

    Parameters
    ----------
    profile
        Name of the profile.
    plan
        The analysis plan.

    Returns
    -------
    tuple
        Control and alpha; `("bh", 0.05)` when no family names the profile.
    """
    for family in plan.get("families") or []:
        if profile in (family.get("profiles") or []):
            return str(family.get("control") or "bh"), float(family.get("alpha") or 0.05)
    return "bh", 0.05

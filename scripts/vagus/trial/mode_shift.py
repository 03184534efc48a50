"""The shift that a composition puts on all its features alike, found as the mode of their effects.

In a centred log-ratio every true effect is seen against the mean effect of all features. Most features not
being affected, the most common estimate is that shift (Zhou H, He K, Chen J, Zhang X (2022) LinDA, Genome
Biol 23:95, doi:10.1186/s13059-022-02655-5). Written from the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vagus.trial.fits import OK, ContrastFit, t_inference

# With fewer features a mode is not to be told from the effects themselves.
LEAST_FEATURES = 20
STEPS = 500
# Of a bandwidth, at which the search for the mode ends.
CLOSE = 1e-9
SHIFTED_UNIT = "log2 fold change against the typical feature"

Floats = NDArray[np.float64]


@dataclass
class Shifted:
    """A fit after the shift.

    Parameters
    ----------
    fit
        Estimates minus the shift, with the errors, intervals and p-values of the difference.
    bias
        (rows,) the shift; 0 where none was taken.
    applied
        (rows,) whether there were features enough.
    """

    fit: ContrastFit
    bias: Floats
    applied: NDArray[np.bool_]


def find_mode(values: Floats, scale: Floats | float) -> tuple[Floats, Floats]:
    """Find the mode nearest to the median, by mean shift with a Gaussian kernel.

    Parameters
    ----------
    values
        (..., m) without NaN; modes are found along the last axis.
    scale
        (...,) spread of the values around the mode. Their own spread would also hold the effects, and blur
        the mode where effects are many and large; that of values without an effect is their standard error.

    Returns
    -------
    mode, weights
        (...,) and (..., m), the kernel's weights, which sum to 1: the mode is the weighted mean.

    References
    ----------
    Fukunaga K, Hostetler L (1975) IEEE Trans Inf Theory 21:32, doi:10.1109/TIT.1975.1055330. Bandwidth:
    Silverman BW (1986) Density Estimation, eq. 3.31, doi:10.1201/9781315140919, with `scale`.
    """
    values = np.asarray(values, dtype=np.float64)
    mode = np.median(values, axis=-1)
    width = (0.9 * np.asarray(scale, dtype=np.float64) * values.shape[-1] ** -0.2)[..., None]
    width = np.where(width > 0, width, 1.0)
    for _ in range(STEPS):
        kernel = np.exp(-0.5 * ((values - mode[..., None]) / width) ** 2)
        step = (kernel * values).sum(axis=-1) / kernel.sum(axis=-1) - mode
        mode = mode + step
        if np.all(np.abs(step) <= CLOSE * width[..., 0]):
            break
    kernel = np.exp(-0.5 * ((values - mode[..., None]) / width) ** 2)
    return mode, kernel / kernel.sum(axis=-1, keepdims=True)


def shift_fit(
    fit: ContrastFit,
    refit: Callable[[Floats], ContrastFit],
    confidence: float = 0.95,
    least: int = LEAST_FEATURES,
) -> Shifted:
    """Take the shift out of every contrast.

    Parameters
    ----------
    fit
        Of centred log-ratios.
    refit
        (features,) weights -> the same model of all features minus their weighted mean. Its standard errors
        are those of a difference from the typical features; the paper takes the shift as known, which is
        too bold where features are few.
    confidence
        Level of the intervals.
    least
        Contrasts with fewer estimates are left as they are.
    """
    out = replace(
        fit,
        **{
            name: getattr(fit, name).copy()
            for name in ("estimate", "std_error", "df", "ci_low", "ci_high", "p_value", "status")
        },
    )
    rows = len(fit.contrasts)
    bias, applied = np.zeros(rows), np.zeros(rows, dtype=bool)
    for row in range(rows):
        good = np.flatnonzero(fit.status[row] == OK)
        if len(good) < least:
            continue
        mode, of_good = find_mode(fit.estimate[row, good], np.median(fit.std_error[row, good]))
        weights = np.zeros(fit.estimate.shape[1])
        weights[good] = of_good
        against = refit(weights)
        bias[row], applied[row] = float(mode), True
        sure = good[against.status[row, good] == OK]
        # What has no error against the typical features keeps its own.
        error, df = fit.std_error[row].copy(), fit.df[row].copy()
        error[sure], df[sure] = against.std_error[row, sure], against.df[row, sure]
        estimate = fit.estimate[row] - bias[row]
        low, high, p = t_inference(estimate, error, df, confidence)
        for name, value in (
            ("estimate", estimate),
            ("std_error", error),
            ("df", df),
            ("ci_low", low),
            ("ci_high", high),
            ("p_value", p),
        ):
            getattr(out, name)[row, good] = value[good]
    return Shifted(out, bias, applied)

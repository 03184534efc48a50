"""The shift that a composition puts on all its features alike, found as the mode of their effects.

In a centred log-ratio every true effect is seen against the mean effect of all features. Most features not
being affected, the most common estimate is that shift (Zhou H, He K, Chen J, Zhang X (2022) LinDA, Genome
Biol 23:95, doi:10.1186/s13059-022-02655-5). Written from the paper, and carried on to features whose zeros do
not follow the shift (`zero_sensitivity`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vagus.trial.fits import OK, ContrastFit, t_inference
from vagus.trial.zero_sensitivity import LEAST_SENSITIVITY, ZeroResponse

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
        (rows,) the shift of a feature without zeros; 0 where none was taken.
    applied
        (rows,) whether there were features enough.
    """

    fit: ContrastFit
    bias: Floats
    applied: NDArray[np.bool_]


def find_mode(values: Floats, scale: Floats | float, slope: Floats | None = None) -> tuple[Floats, Floats]:
    """Find the mode nearest to the median, by mean shift with a Gaussian kernel.

    Parameters
    ----------
    values
        (..., m) without NaN; modes are found along the last axis.
    scale
        (...,) spread of the values around the mode. Their own spread would also hold the effects, and blur
        the mode where effects are many and large; that of values without an effect is their standard error.
    slope
        (m,) not negative: most values lie around `slope * mode` (a modal regression through the origin).
        1 by default.

    Returns
    -------
    mode, weights
        (...,) and (..., m): the mode is the weighted sum of the values, and that of the slopes is 1.

    References
    ----------
    Fukunaga K, Hostetler L (1975) IEEE Trans Inf Theory 21:32, doi:10.1109/TIT.1975.1055330. Bandwidth:
    Silverman BW (1986) Density Estimation, eq. 3.31, doi:10.1201/9781315140919, with `scale`. Regression:
    Yao W, Li L (2014) Scand J Stat 41:656, doi:10.1111/sjos.12054.
    """
    values = np.asarray(values, dtype=np.float64)
    if slope is None:
        slope = np.ones(values.shape[-1])
        mode = np.median(values, axis=-1)
    else:
        mode = _median_slope(values, slope)
    width = (0.9 * np.asarray(scale, dtype=np.float64) * values.shape[-1] ** -0.2)[..., None]
    width = np.where(width > 0, width, 1.0)
    for _ in range(STEPS):
        kernel = slope * np.exp(-0.5 * ((values - slope * mode[..., None]) / width) ** 2)
        step = (kernel * values).sum(axis=-1) / (kernel * slope).sum(axis=-1) - mode
        mode = mode + step
        if np.all(np.abs(step) <= CLOSE * width[..., 0]):
            break
    kernel = slope * np.exp(-0.5 * ((values - slope * mode[..., None]) / width) ** 2)
    return mode, kernel / (kernel * slope).sum(axis=-1, keepdims=True)


def _median_slope(values: Floats, slope: Floats) -> Floats:
    """Return the slope with the least absolute deviations: a median of ratios that `slope` weighs.

    Equal weights give the plain median.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(slope > 0, values / slope, 0.0)
    order = np.argsort(ratio, axis=-1)
    ratio = np.take_along_axis(ratio, order, axis=-1)
    weight = np.broadcast_to(slope, values.shape)
    weight = np.take_along_axis(weight, order, axis=-1)
    place = (np.cumsum(weight, axis=-1) - weight / 2) / weight.sum(axis=-1, keepdims=True)
    above = np.clip((place < 0.5).sum(axis=-1), 1, values.shape[-1] - 1)[..., None]
    low, high = (np.take_along_axis(ratio, at, axis=-1)[..., 0] for at in (above - 1, above))
    from_, to = (np.take_along_axis(place, at, axis=-1)[..., 0] for at in (above - 1, above))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(to > from_, (0.5 - from_) / (to - from_), 0.0)
    return np.asarray(low + np.clip(share, 0.0, 1.0) * (high - low))


def shift_fit(
    fit: ContrastFit,
    refit: Callable[[Floats, Floats], ContrastFit],
    confidence: float = 0.95,
    least: int = LEAST_FEATURES,
    zeros: ZeroResponse | None = None,
) -> Shifted:
    """Take the shift out of every contrast.

    Parameters
    ----------
    fit
        Of centred log-ratios.
    refit
        (features,) weights and sensitivities -> the same model of all features minus sensitivity times their
        weighted sum. Its standard errors are those of a difference from the typical features; the paper takes
        the shift as known, which is too bold where features are few.
    confidence
        Level of the intervals.
    least
        Contrasts with fewer estimates are left as they are.
    zeros
        How far features with zeros follow; by default all follow in full.

    Notes
    -----
    With zeros, an effect that is nothing but the shift is `sensitivity * delta - centre`, where delta is the
    shift of the log abundances and `centre` the effect on the mean log. So delta is the slope that most
    effects plus `centre` have for the sensitivity, and what is left of a feature, divided by its sensitivity,
    estimates its log2 fold change.
    """
    out = replace(
        fit,
        **{
            name: getattr(fit, name).copy()
            for name in ("estimate", "std_error", "df", "ci_low", "ci_high", "p_value", "status")
        },
    )
    rows, features = fit.estimate.shape
    bias, applied = np.zeros(rows), np.zeros(rows, dtype=bool)
    for row in range(rows):
        good = np.flatnonzero(fit.status[row] == OK)
        if len(good) < least:
            continue
        follows, unsure, centre = np.ones(features), np.zeros(features), 0.0
        if zeros is not None and np.isfinite(zeros.centre[row]):
            follows, unsure, centre = zeros.sensitivity[row], zeros.variance[row], float(zeros.centre[row])
        raw = fit.estimate[row] + centre
        delta, of_good = find_mode(raw[good], np.median(fit.std_error[row, good]), follows[good])
        weights = np.zeros(features)
        weights[good] = of_good
        against = refit(weights, follows)
        bias[row], applied[row] = float(delta) - centre, True
        sure = good[against.status[row, good] == OK]
        # What has no error against the typical features keeps its own.
        error, df = fit.std_error[row].copy(), fit.df[row].copy()
        error[sure], df[sure] = against.std_error[row, sure], against.df[row, sure]
        estimate = raw - follows * delta
        # The centred log-ratio of a feature with zeros holds the depth of the sample, also at the baseline;
        # its log count against the typical ones does not.
        partly = sure[follows[sure] != 1]
        estimate[partly] = against.estimate[row, partly]
        error = np.sqrt(error**2 + delta**2 * unsure)
        divisor = np.maximum(follows, LEAST_SENSITIVITY)
        estimate, error = estimate / divisor, error / divisor
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

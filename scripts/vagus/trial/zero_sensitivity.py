"""How far the logarithm of a feature follows when its abundance changes, zeros and pseudocount included.

The mean of log(count + pseudocount) of a feature with many zeros hardly falls with the abundance: zeros stay
where they are. If all abundances are multiplied by 2**delta, such a mean moves by `sensitivity * delta` only,
and to take the whole delta out of it would make a feature that nothing happened to seem to rise.

For counts that are Poisson given a rate of their own, whatever the rates' distribution, the sensitivity needs
no model of that distribution: E[rate g(count)] = E[count g(count - 1)] (Chen LHY (1975) Ann Probab 3:534,
doi:10.1214/aop/1176996359), so that the derivative of the mean log for the log rate is the mean of
count log((count + a) / (count - 1 + a)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vagus.design.model import Design
from vagus.trial.fits import MIN_PER_ARM, ContrastFit
from vagus.trial.values import TrialValues

# Estimates are divided by the sensitivity, but by no less than this: what has fewer counts tells nothing of
# a fold change, and would print one without bounds. The p-value does not hang on it.
LEAST_SENSITIVITY = 0.1
NOT_WHOLE = "counts are not whole numbers: features with zeros are taken to follow the shift in full"

Floats = NDArray[np.float64]


@dataclass
class ZeroResponse:
    """What the shift has to know of features with zeros.

    Parameters
    ----------
    sensitivity, variance
        (rows, features) change of the mean log per change of the log abundance, and the variance of this
        estimate; 1 and 0 for a feature without zeros.
    centre
        (rows,) effect on the mean log2 of all features of a sample, which the centred log-ratio takes off.
    """

    sensitivity: Floats
    variance: Floats
    centre: Floats


def count_response(counts: Floats, pseudocount: float = 0.5) -> Floats:
    """Return the unbiased estimate of each count's sensitivity.

    Parameters
    ----------
    counts
        Any shape, not negative; NaN stays NaN.
    pseudocount
        Added before the logarithm.

    Returns
    -------
    ndarray
        count log((count + a) / (count - 1 + a)), which is 0 for 0 and near 1 for large counts.
    """
    below = np.maximum(counts - 1.0, 0.0)
    return np.asarray(counts * np.log((counts + pseudocount) / (below + pseudocount)))


def feature_sensitivity(
    counts: Floats, group: NDArray[np.int64], person: NDArray[np.int64], pseudocount: float = 0.5
) -> tuple[Floats, Floats]:
    """Return the sensitivity of every feature and the variance of this estimate.

    Parameters
    ----------
    counts
        (samples, features); NaN is missing.
    group
        (samples,) codes from 0. Arms count alike, whatever their size: between two levels of abundance the
        mean of the sensitivities at both is that along the way (trapezoid).
    person
        (samples,) codes; samples of a person go together in the variance.
    pseudocount
        Added before the logarithm.

    Returns
    -------
    tuple
        (features,) each; exactly 1 and 0 for a feature without zeros, and NaN where a group has no sample.
    """
    features = counts.shape[1]
    response = count_response(counts, pseudocount)
    groups = np.unique(group)
    value = np.zeros(features)
    by_person = np.zeros((int(person.max(initial=-1)) + 1, features))
    for code in groups:
        here = group == code
        known = np.isfinite(response[here])
        n = known.sum(axis=0).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(known, response[here], 0.0).sum(axis=0) / n
            # The residuals of a mean have a variance (n - 1) / n of the values'.
            scale = np.sqrt(n / (n - 1)) / (n * len(groups))
        value += mean / len(groups)
        np.add.at(by_person, person[here], np.where(known, response[here] - mean, 0.0) * scale)
    always = np.all((counts > 0) | ~np.isfinite(counts), axis=0) & np.isfinite(value)
    return np.where(always, 1.0, value), np.where(always, 0.0, (by_person**2).sum(axis=0))


def log_counts(values: TrialValues) -> pd.DataFrame | None:
    """Return log2(count + pseudocount) of a profile of whole counts; None for any other."""
    if values.counts is None:
        return None
    counts = values.counts.to_numpy()
    if np.any(counts[np.isfinite(counts)] % 1 != 0):
        return None
    return pd.DataFrame(np.log2(counts + values.pseudocount), values.counts.index, values.counts.columns)


def centre_values(values: TrialValues, logs: pd.DataFrame) -> TrialValues:
    """Return the mean log2 of all features of a sample, as a profile of one feature."""
    return replace(
        values,
        frame=logs.mean(axis=1).to_frame("mean log2 of all features"),
        prevalence=np.ones(1),
        passes=np.ones(1, dtype=bool),
        units=values.units[:1],
        counts=None,
    )


def row_sensitivity(
    counts: pd.DataFrame, design: Design, fit: ContrastFit, pseudocount: float = 0.5
) -> tuple[Floats, Floats]:
    """Return sensitivity and variance for every row of a fit, from the samples that it compares.

    Parameters
    ----------
    counts
        (participant, visit) x features of the fit.
    design
        The checked trial.
    fit
        Its contrasts and visits are looked at. A crossover's rows are over the ends of all its periods.
    pseudocount
        Added before the logarithm.

    Returns
    -------
    tuple
        (rows, features) each; 1 and 0 where there are not samples enough.
    """
    table = counts.to_numpy()
    people, visits = (counts.index.get_level_values(i).astype(str) for i in (0, 1))
    person = np.unique(people, return_inverse=True)[1].astype(np.int64)
    crossover = design.plan.get("design") == "crossover"
    had = _arms_of_samples(design, people, visits)
    arms = {f"{arm} vs {reference}": (arm, reference) for arm, reference in design.contrast_arms()}
    shape = (len(fit.contrasts), table.shape[1])
    sensitivity, variance = np.ones(shape), np.zeros(shape)
    for row, (contrast, visit) in enumerate(zip(fit.contrasts, fit.visits, strict=True)):
        arm, reference = arms[contrast]
        group = np.where(had == arm, 1, np.where(had == reference, 0, -1))
        here = (group >= 0) & (crossover | (visits == visit)) & np.isfinite(table).any(axis=1)
        if np.bincount(group[here], minlength=2).min() < MIN_PER_ARM:
            continue
        found, error = feature_sensitivity(table[here], group[here], person[here], pseudocount)
        sensitivity[row] = np.where(np.isfinite(found), found, 1.0)
        variance[row] = np.where(np.isfinite(found) & np.isfinite(error), error, 0.0)
    return sensitivity, variance


def _arms_of_samples(design: Design, people: pd.Index, visits: pd.Index) -> NDArray[np.object_]:
    """Return the arm that each sample was taken under; "" for none."""
    if design.plan.get("design") != "crossover":
        of = {p.participant: str(p.arm) for p in design.participants if p.arm is not None}
        return np.array([of.get(p, "") for p in people], dtype=object)
    under = {
        (p.participant, str(period["after"])): str(arm)
        for p in design.participants
        if p.sequence in design.sequences
        for period, arm in zip(design.periods, design.sequences[p.sequence], strict=True)
    }
    return np.array([under.get(key, "") for key in zip(people, visits, strict=True)], dtype=object)

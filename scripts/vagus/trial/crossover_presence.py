"""Presence in a crossover of two arms in two periods: a comparison inside the participants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vagus.trial.firth import fit_firth
from vagus.trial.fits import CONSTANT, FEW, MIN_PER_ARM, OK

Floats = NDArray[np.float64]


@dataclass
class PresenceFit:
    """Effects of the arm on the presence of every feature, (features,) each.

    Parameters
    ----------
    estimate, std_error, ci_low, ci_high, p_value
        Log odds ratio (natural logarithm) of presence under the arm against the reference, in the same
        participant; its Wald error for reference, and the interval and p of the profile penalised likelihood.
    risk_difference, rd_low, rd_high
        Difference of the shares of participants with the feature, both orders of the arms weighing the same.
    n
        Participants with both periods.
    discordant
        Of these, those who had the feature at the end of one period only: the odds ratio rests on them.
    status
        `ok` or why there is no estimate.
    """

    estimate: Floats
    std_error: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats
    risk_difference: Floats
    rd_low: Floats
    rd_high: Floats
    n: NDArray[np.int64]
    discordant: NDArray[np.int64]
    status: NDArray[np.object_]


def fit_crossover_presence(
    first: Floats, second: Floats, later: NDArray[np.int64], confidence: float = 0.95
) -> PresenceFit:
    """Compare two arms in two periods.

    Parameters
    ----------
    first, second
        (participants, features) 1 present, 0 absent, NaN missing, at the ends of the periods.
    later
        (participants,) 1 for those who had the arm in the second period, 0 for the reference there.
    confidence
        Level of the intervals, between 0 and 1.

    Returns
    -------
    PresenceFit
        Without an estimate where either order of the arms has fewer than two participants with both periods,
        or fewer than two who had the feature in one period only.

    Notes
    -----
    Given the participant, only those count who had the feature in one period: log odds that it was the
    second are a period effect plus the effect of the arm, with the sign of the sequence (Gart 1969,
    doi 10.1093/biomet/56.1.75). That logistic regression is Firth's, for it stays finite where all changed
    the same way (Heinze & Schemper 2002, doi 10.1002/sim.1047). Features share few distinct tables of four
    counts, each of which is fitted once.
    """
    both = np.isfinite(first) & np.isfinite(second)
    one = both & (first != second)
    groups = [(later == k)[:, None] for k in (0, 1)]
    up = one & (second > first)
    table = np.stack(
        [np.stack([(up & g).sum(axis=0), (one & ~up & g).sum(axis=0)], axis=1) for g in groups], axis=1
    ).reshape(-1, 4)
    n = np.stack([(both & g).sum(axis=0) for g in groups])
    features = first.shape[1]
    numbers = {
        name: np.full(features, np.nan) for name in ("estimate", "std_error", "ci_low", "ci_high", "p_value")
    }
    status = np.full(features, OK, dtype=object)
    kinds, place = np.unique(table, axis=0, return_inverse=True)
    place = place.ravel()
    sizes = np.stack([kinds[:, 0] + kinds[:, 1], kinds[:, 2] + kinds[:, 3]], axis=1)
    few = sizes.min(axis=1) < MIN_PER_ARM
    status[few[place]] = FEW
    status[(sizes.sum(axis=1) == 0)[place]] = CONSTANT
    # Tables with as many participants in both orders go together.
    for size0, size1 in np.unique(sizes[~few], axis=0).tolist():
        of = np.flatnonzero((sizes == [size0, size1]).all(axis=1))
        outcome = np.vstack(
            [np.arange(size0)[:, None] < kinds[of, 0], np.arange(size1)[:, None] < kinds[of, 2]]
        ).astype(np.float64)
        arm = np.repeat([0, 1], [size0, size1])
        fit = fit_firth(outcome, np.zeros_like(outcome), arm, confidence=confidence)
        back = np.full(len(kinds), -1)
        back[of] = np.arange(len(of))
        here = np.isin(place, of)
        status[here] = fit.status[0, back[place[here]]]
        for name, values in numbers.items():
            # The sequences differ by the effect of the arm twice.
            values[here] = getattr(fit, name)[0, back[place[here]]] / (1 if name == "p_value" else 2)
    status[n.min(axis=0) < MIN_PER_ARM] = FEW
    for values in numbers.values():
        values[status != OK] = np.nan
    risk = _risk_difference(np.where(both, second - first, np.nan), groups, confidence)
    for values in risk:
        values[n.min(axis=0) < MIN_PER_ARM] = np.nan
    return PresenceFit(
        **numbers,
        risk_difference=risk[0],
        rd_low=risk[1],
        rd_high=risk[2],
        n=n.sum(axis=0),
        discordant=one.sum(axis=0),
        status=status,
    )


def _risk_difference(change: Floats, groups: list[NDArray[np.bool_]], confidence: float) -> list[Floats]:
    """Return half the difference of the sequences' mean changes, with Welch's interval cut at -1 and 1."""
    means, errors, sizes = [], [], []
    for group in groups:
        known = np.isfinite(change) & group
        size = known.sum(axis=0).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(known, change, 0.0).sum(axis=0) / size
            square = np.where(known, (change - mean) ** 2, 0.0).sum(axis=0) / (size - 1)
            errors.append(square / size)
        means.append(mean)
        sizes.append(size)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = (means[1] - means[0]) / 2, (errors[0] + errors[1]) / 4
        freedom = (errors[0] + errors[1]) ** 2 / sum(
            e**2 / (s - 1) for e, s in zip(errors, sizes, strict=True)
        )
        half = stats.t.ppf(0.5 + confidence / 2, freedom) * np.sqrt(variance)
    half = np.where(variance == 0, 0.0, half)
    return [estimate, np.clip(estimate - half, -1, 1), np.clip(estimate + half, -1, 1)]

"""Re-randomisation: the arms dealt again inside the strata, and the analysis repeated each time.

The test rests on the randomisation alone (Rosenberger WF, Uschner D, Wang Y (2019) Stat Med 38:1,
doi:10.1002/sim.7901). Its statistic is Student's t with HC3 errors, so that it also holds where variances
differ between the arms (Janssen A (1997) Stat Probab Lett 36:9, doi:10.1016/S0167-7152(97)00043-6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagus.trial.fits import MIN_PER_ARM, missing_patterns
from vagus.trial.mode_shift import find_mode
from vagus.trial.permutation import Scheme

# Values that one block of features holds at a time.
BLOCK = 2_000_000
# Statistics that differ by rounding are equal.
EQUAL = 1e-9

Floats = NDArray[np.float64]


@dataclass
class Rerandomised:
    """The p-values of a re-randomisation test.

    Parameters
    ----------
    p_value
        (features,) share of the arrangements, the one that was drawn among them, whose statistic is at least
        as far from 0; NaN where there was no statistic.
    scheme
        What was done, in words.
    """

    p_value: Floats
    scheme: str


@dataclass
class ArrangedZeros:
    """What the shift has to know of features with zeros, see `zero_sensitivity`.

    Parameters
    ----------
    sensitivity
        (features,) how far each follows; the same in every arrangement.
    outcome, baseline
        (participants,) mean log2 of all features, which the centred log-ratio takes off.
    """

    sensitivity: Floats
    outcome: Floats
    baseline: Floats


def rerandomise(
    outcome: Floats,
    baseline: Floats,
    treated: NDArray[np.bool_],
    stratum: NDArray[np.int64],
    adjust: Floats,
    number: int,
    seed: int,
    shift: bool = False,
    strata_names: Sequence[str] = (),
    zeros: ArrangedZeros | None = None,
) -> Rerandomised:
    """Test the difference between two arms by dealing them again.

    Parameters
    ----------
    outcome, baseline
        (participants, features) at the visit and before; NaN is missing.
    treated
        (participants,) who was given the arm; the others were given the reference.
    stratum
        (participants,) code of the stratum inside which the arms were dealt.
    adjust
        (participants, columns) strata and covariates of the model, without an intercept.
    number
        Random arrangements; all are taken where there are not more than twice as many.
    seed
        Of the draw.
    shift
        Take the mode of all features' estimates out of each in every arrangement, as `mode_shift` does.
    strata_names
        Columns that make the strata, for the words.
    zeros
        How far features with zeros follow the shift; by default all follow in full.

    Returns
    -------
    Rerandomised
        Only participants with both values and all covariates are dealt, feature by feature.
    """
    features = outcome.shape[1]
    p_value = np.full(features, np.nan)
    words: list[str] = []
    known = np.isfinite(outcome) & np.isfinite(baseline) & np.isfinite(adjust).all(axis=1, keepdims=True)
    for rows, columns in missing_patterns(known):
        counts = treated[rows].sum(), (~treated[rows]).sum()
        if min(counts) < MIN_PER_ARM:
            continue
        scheme = Scheme(treated[rows].astype(np.int64), stratum[rows], number, (seed,), tuple(strata_names))
        words.append(scheme.words())
        block = outcome[np.ix_(rows, columns)], baseline[np.ix_(rows, columns)]
        here: ArrangedZeros | None = None
        if zeros is not None:
            here = ArrangedZeros(zeros.sensitivity[columns], zeros.outcome[rows], zeros.baseline[rows])
        p_value[columns] = _p_of_block(*block, adjust[rows], scheme, shift, here)
    return Rerandomised(p_value, f"{words[0]}; |t| with HC3 errors" if words else "nobody to permute")


def _p_of_block(
    y: Floats, x: Floats, adjust: Floats, scheme: Scheme, shift: bool, zeros: ArrangedZeros | None
) -> Floats:
    """Return p-values of features with the same participants."""
    # The arms as they were drawn come first, and are what the others are held against.
    dealt = np.concatenate([scheme.arm[None, :], *scheme.batches()])
    n, features = y.shape
    spread = adjust.std(axis=0)
    scaled = (adjust - adjust.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    basis, singular, _ = np.linalg.svd(np.column_stack([np.ones(n), scaled]), full_matrices=False)
    basis = basis[:, singular > 1e-8 * singular[0]]

    def left(values: Floats) -> Floats:
        return values - basis @ (basis.T @ values)

    arms = left(dealt.T.astype(np.float64))
    held = (basis**2).sum(axis=1)[:, None]
    size = max(1, BLOCK // n)
    estimates = np.empty((len(dealt), features)) if shift else None
    errors = np.empty((len(dealt), features)) if shift else None
    beyond = np.zeros(features)
    usable = np.zeros(features, dtype=bool)
    flat = (left(y) ** 2).sum(axis=0) <= n * (1e-12 * np.abs(y).max(axis=0)) ** 2
    for start in range(0, features, size):
        some = slice(start, start + size)
        of_block = _Block.of(left(y[:, some]), left(x[:, some]), held)
        first: Floats | None = None
        for k in range(len(dealt)):
            estimate, error = of_block.fit(arms[:, k])
            if estimates is not None and errors is not None:
                estimates[k, some], errors[k, some] = estimate, error
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                t = np.abs(estimate / error)
            if first is None:
                first = t
                usable[some] = np.isfinite(t)
            # An arrangement that has no t, for a participant then stands alone, counts against the finding.
            beyond[some] += ~(t < first * (1 - EQUAL))
    if estimates is not None and errors is not None:
        follows = np.ones(features) if zeros is None else zeros.sensitivity
        if zeros is not None:
            centre = _Block.of(left(zeros.outcome[:, None]), left(zeros.baseline[:, None]), held)
            estimates += np.array([centre.fit(arms[:, k])[0] for k in range(len(dealt))])
        good = ~flat & np.isfinite(estimates[0] / np.where(errors[0] > 0, errors[0], np.nan))
        for start in range(0, len(dealt), size_of(features)):
            part = slice(start, start + size_of(features))
            scale = np.nanmedian(errors[part][:, good], axis=1)
            some_good = np.nan_to_num(estimates[part][:, good])
            slope = None if zeros is None else follows[good]
            estimates[part] -= follows * find_mode(some_good, scale, slope)[0][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(estimates / errors)
        beyond = (~(t < t[0] * (1 - EQUAL))).sum(axis=0)
        usable = good
    # Among all arrangements is the one that was drawn, which stands first once more.
    p = (beyond - 1) / scheme.count if scheme.exact else beyond / (scheme.count + 1)
    return np.where(usable & ~flat, p, np.nan)


def size_of(features: int) -> int:
    """Return how many arrangements of so many features are looked at together."""
    return max(1, BLOCK // max(1, features))


@dataclass
class _Block:
    """Outcomes and baselines of some features, free of what all share."""

    outcome: Floats
    baseline: Floats
    inverse: Floats
    leverage: Floats

    @classmethod
    def of(cls, outcome: Floats, baseline: Floats, held: Floats) -> _Block:
        """Take the baseline out of the outcome."""
        square = (baseline**2).sum(axis=0)
        varies = square > 1e-12 * np.maximum(1.0, square.max(initial=0.0))
        inverse = np.where(varies, 1.0 / np.where(varies, square, 1.0), 0.0)
        slope = (baseline * outcome).sum(axis=0) * inverse
        return cls(outcome - slope * baseline, baseline, inverse, held + baseline**2 * inverse)

    def fit(self, arm: Floats) -> tuple[Floats, Floats]:
        """Return estimate and HC3 error of every feature for one arrangement."""
        own = arm[:, None] - self.baseline * ((arm @ self.baseline) * self.inverse)
        square = np.einsum("ij,ij->j", own, own)
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate = np.einsum("ij,ij->j", own, self.outcome) / square
            residual = self.outcome - estimate * own
            free = 1.0 - self.leverage - own * own / square
            alone = free < 1e-9
            share = np.where(alone, 0.0, own * residual / np.where(alone, 1.0, free))
            error = np.sqrt(np.einsum("ij,ij->j", share, share)) / square
            error = np.where((alone & (np.abs(own) > 1e-8)).any(axis=0), np.nan, error)
        return estimate, error

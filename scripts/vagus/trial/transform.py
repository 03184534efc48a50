"""From the numbers of a profile to the scale on which arms are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vagus.errors import VagusError

COMPOSITIONAL = ("counts", "relative", "copies_per_genome", "intensity")
CLR_UNIT = "log2 fold change (CLR)"
LOG2_UNIT = "log2 fold change"

Floats = NDArray[np.float64]


def replace_zeros(values: Floats, kind: str, pseudocount: float = 0.5) -> Floats:
    """Make a table strictly positive, by the rule that fits its kind.

    - counts: the pseudocount is added to every entry;
    - relative: rows are closed to 1, then multiplicative replacement (Martin-Fernandez et al. 2003,
      doi 10.1023/A:1023866030544): a zero becomes half the smallest proportion of the table, at most
      1 / (2 x features), and the other parts shrink so that the row still sums to 1;
    - copies_per_genome, intensity: a zero becomes half the smallest positive value of its feature, and of the
      table when the feature is never positive.

    Parameters
    ----------
    values
        Samples x features. NaN is a missing value and stays one.
    kind
        Kind of the profile, one of `COMPOSITIONAL`.
    pseudocount
        Added to counts.

    Returns
    -------
    ndarray
        Same shape; a sample without any positive value is NaN throughout, for it holds no composition.

    Raises
    ------
    VagusError
        If the kind has no zero rule, a value is negative or the pseudocount is not positive.
    """
    if kind not in COMPOSITIONAL:
        raise VagusError(f"no zero rule for kind {kind!r}; allowed: {', '.join(COMPOSITIONAL)}")
    if np.any(values < 0):
        raise VagusError(
            f"a profile of kind {kind} holds negative values, which have no log-ratio; "
            "declare values that are already on a log scale as kind 'score'"
        )
    if kind == "counts" and not pseudocount > 0:
        raise VagusError(f"config: trial.pseudocount is {pseudocount}; allowed: above 0; fix: give e.g. 0.5")
    values = np.array(values, dtype=np.float64)
    values[~np.any(values > 0, axis=1)] = np.nan
    if not np.any(values > 0):
        return values
    if kind == "counts":
        return values + pseudocount
    if kind == "relative":
        parts = values / np.nansum(values, axis=1, keepdims=True)
        delta = min(0.5 * float(parts[parts > 0].min()), 0.5 / parts.shape[1])
        zero = parts == 0
        return np.where(zero, delta, parts * (1.0 - delta * zero.sum(axis=1, keepdims=True)))
    positive = np.where(values > 0, values, np.inf)
    floor = positive.min(axis=0)
    floor[~np.isfinite(floor)] = positive.min()
    return np.where(values == 0, 0.5 * floor, values)


def log2_values(values: Floats) -> Floats:
    """Logarithm to base 2 of features that are no parts of a whole, such as modules in copies per genome.

    Parameters
    ----------
    values
        Samples x features, not negative. NaN is a missing value and stays one.

    Returns
    -------
    ndarray
        Same shape; a zero becomes half the smallest positive value of its feature before the logarithm, and a
        feature that is nowhere positive is NaN.

    Raises
    ------
    VagusError
        If a value is negative.
    """
    if np.any(values < 0):
        raise VagusError("a profile on a log scale holds negative values; declare its kind as 'score'")
    values = np.array(values, dtype=np.float64)
    floor = np.where(values > 0, values, np.inf).min(axis=0, initial=np.inf)
    floor = np.where(np.isfinite(floor), floor, np.nan)
    return np.log2(np.where(values == 0, 0.5 * floor, values))


def clr_log2(values: Floats, kind: str, pseudocount: float = 0.5) -> Floats:
    """Centred log-ratio to base 2 over all features of the profile.

    Parameters
    ----------
    values
        Samples x features, every feature of the profile: a prevalence filter comes after this.
    kind
        Kind of the profile; decides the zero rule, see `replace_zeros`.
    pseudocount
        Added to counts.

    Returns
    -------
    ndarray
        Samples x features; a difference of 1 is a doubling against the sample's geometric mean. Each row sums
        to 0. Missing values stay NaN and are left out of the geometric mean.

    Raises
    ------
    VagusError
        See `replace_zeros`.

    Notes
    -----
    Aitchison 1982, doi 10.1111/j.2517-6161.1982.tb01195.x.
    """
    logs = np.log2(replace_zeros(values, kind, pseudocount))
    known = np.isfinite(logs)
    total = np.where(known, logs, 0.0).sum(axis=1, keepdims=True)
    return logs - total / np.maximum(known.sum(axis=1, keepdims=True), 1)

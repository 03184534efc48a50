"""Re-arrangements of arm labels: how many there are, a sample or all of them, and the p-value they give."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagus.errors import VagusError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

# Statistics closer than this, relative to the observed one, are ties: the same arrangement summed in another
# order must count as no smaller.
TIE = 1e-9
# Largest number of entries of one block of re-arrangements (times participants): 8 MB of labels.
BLOCK = 1_000_000


@dataclass
class Scheme:
    """How arms are permuted among participants.

    Parameters
    ----------
    arm
        (n,) arm of every participant, 0 to k - 1.
    stratum
        (n,) stratum of every participant; labels move inside strata only.
    permutations
        Number of random re-arrangements; when there are not more than twice as many distinct ones, all are
        taken: an exact p is worth the time, above all for ranks, whose sums in small arms are few.
    seed
        Of the random re-arrangements.
    strata_names
        Columns that make the strata, for the words.
    what
        What is permuted, for the words.

    Raises
    ------
    VagusError
        If fewer than one permutation is asked for.
    """

    arm: Codes
    stratum: Codes
    permutations: int
    seed: Sequence[int] = (1,)
    strata_names: tuple[str, ...] = ()
    what: str = "arms"

    def __post_init__(self) -> None:
        if self.permutations < 1:
            raise VagusError(
                f"config: trial.permutations is {self.permutations}; allowed: at least 1; fix: give 9999"
            )
        order = np.argsort(self.stratum, kind="stable")
        starts = np.flatnonzero(np.diff(self.stratum[order])) + 1
        self._blocks = [np.sort(b) for b in np.split(order, starts)] if len(order) else []
        self.distinct = math.prod(_arrangements(self.arm[b]) for b in self._blocks)

    @property
    def exact(self) -> bool:
        """Whether all distinct arrangements are gone through."""
        return self.distinct <= 2 * self.permutations

    @property
    def count(self) -> int:
        """Number of arrangements that `batches` yields."""
        return self.distinct if self.exact else self.permutations

    def batches(self) -> Iterator[Codes]:
        """Yield blocks (b, n) of re-arranged arms.

        All distinct ones, the observed among them, when `exact`; otherwise random ones, which with the
        observed one counted in give a valid p (Phipson & Smyth 2010, doi 10.2202/1544-6115.1585).
        """
        size = max(1, BLOCK // max(len(self.arm), 1))
        if self.exact:
            yield from self._all(size)
            return
        rng = np.random.default_rng(list(self.seed))
        for start in range(0, self.permutations, size):
            rows = min(size, self.permutations - start)
            out = np.empty((rows, len(self.arm)), dtype=np.int64)
            for block in self._blocks:
                out[:, block] = rng.permuted(np.tile(self.arm[block], (rows, 1)), axis=1)
            yield out

    def _all(self, size: int) -> Iterator[Codes]:
        ways = [_distinct(self.arm[b]) for b in self._blocks]
        shape = tuple(len(w) for w in ways)
        for start in range(0, self.distinct, size):
            rows = np.arange(start, min(start + size, self.distinct))
            out = np.empty((len(rows), len(self.arm)), dtype=np.int64)
            for block, way, at in zip(self._blocks, ways, np.unravel_index(rows, shape), strict=True):
                out[:, block] = way[at]
            yield out

    def p_value(self, observed: Floats, permuted: Floats) -> Floats:
        """Return p of statistics for which large is extreme.

        Parameters
        ----------
        observed
            (t,) statistics of the observed arms.
        permuted
            (count, t), the same of every arrangement of `batches`, in any order.

        Returns
        -------
        ndarray
            (t,): the share of all arrangements that reach the observed statistic, or (b + 1) / (m + 1) for m
            random ones; NaN where the statistic is.
        """
        reach = np.sum(permuted >= observed - TIE * np.abs(observed), axis=0)
        p = reach / self.count if self.exact else (reach + 1) / (self.count + 1)
        return np.where(np.isfinite(observed), p, np.nan)

    def words(self) -> str:
        """Say in words what was permuted."""
        inside = f" inside strata of {' x '.join(self.strata_names)}" if self.strata_names else ""
        if self.exact:
            taken = f"all {self.distinct:,} arrangements"
        else:
            taken = f"{self.permutations:,} random of {big_number(self.distinct)} arrangements"
        return f"{self.what} permuted among participants{inside}; {taken}"


def big_number(value: int) -> str:
    """Write a count, in powers of ten from a million on; Python's integers outgrow floats."""
    if value < 1_000_000:
        return f"{value:,}"
    digits = len(str(value)) - 1
    return f"{value // 10 ** (digits - 1) / 10:.1f}e{digits}"


def _arrangements(arm: Codes) -> int:
    """Return the number of distinct orders of the labels of one stratum."""
    counts = np.bincount(arm)
    ways, left = 1, int(counts.sum())
    for count in counts.tolist():
        ways *= math.comb(left, count)
        left -= count
    return ways


def _distinct(arm: Codes) -> NDArray[np.int16]:
    """Return every distinct order of the labels of one stratum, (arrangements, n)."""
    counts = np.bincount(arm).tolist()
    out = np.full((1, len(arm)), len(counts) - 1, dtype=np.int16)
    free = np.arange(len(arm))[None, :]
    # Level by level its places are chosen among those that are still free.
    for level, count in enumerate(counts[:-1]):
        left = free.shape[1]
        chosen = np.array(list(itertools.combinations(range(left), count)), dtype=np.int64)
        taken = np.zeros((len(chosen), left), dtype=bool)
        np.put_along_axis(taken, chosen.reshape(len(chosen), count), True, axis=1)
        rows = len(out)
        out, mask = np.repeat(out, len(chosen), axis=0), np.tile(taken, (rows, 1))
        places = np.repeat(free, len(chosen), axis=0)
        np.put_along_axis(out, places[mask].reshape(len(out), count), np.int16(level), axis=1)
        free = places[~mask].reshape(len(out), left - count)
    return out


def strata_of(columns: Sequence[Sequence[object]], n: int) -> Codes:
    """Cross columns into strata.

    Parameters
    ----------
    columns
        One sequence of n values each; none means one stratum.
    n
        Number of participants.

    Returns
    -------
    ndarray
        (n,) codes from 0.
    """
    keys = [tuple(str(column[i]) for column in columns) for i in range(n)]
    code = {key: i for i, key in enumerate(sorted(set(keys)))}
    return np.array([code[key] for key in keys], dtype=np.int64)

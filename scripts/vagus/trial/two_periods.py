"""Crossovers of two arms in two periods, seen as a comparison of the two sequences.

The difference between the ends of a participant's periods holds the effect of the arm with the sign that the
sequence gives it, and the period's own effect alike in both. Sequences were drawn, so that they may be drawn
again: what compares two arms between participants also compares two sequences on these differences, and finds
twice the effect of the arm (Hills & Armitage 1979, doi 10.1111/j.1365-2125.1979.tb05910.x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagus.design.model import Design
from vagus.trial.permutation import Scheme, strata_of
from vagus.trial.values import adjustment_columns


@dataclass
class TwoPeriods:
    """Who had which arm when.

    Parameters
    ----------
    contrast
        `<arm> vs <reference>`.
    people
        Participants with one of the two sequences.
    later
        (people,) 1 for those who had the arm in the second period, 0 for those who had the reference there:
        second minus first period is the effect of the arm in the former, its negative in the latter.
    ends
        Visits at the ends of the two periods.
    starts
        Visits before them; None where a period has none.
    """

    contrast: str
    people: list[str]
    later: NDArray[np.int64]
    ends: tuple[str, str]
    starts: tuple[str, str] | None


def two_periods(design: Design) -> TwoPeriods | str:
    """Return the two sequences of a crossover, or why its arms cannot be compared by them.

    Parameters
    ----------
    design
        The checked trial.
    """
    if design.plan.get("design") != "crossover":
        return "not a crossover"
    reference, periods, sequences = design.reference_arm, design.periods, design.sequences
    others = [a for a in design.arms if a != reference]
    if not reference or len(others) != 1 or len(periods) != 2:
        return "no comparison by sequences: it needs two arms, one of them the reference, in two periods"
    both = {name: arms for name, arms in sequences.items() if sorted(arms) == sorted([reference, others[0]])}
    found = [p for p in design.participants if p.sequence in both]
    later = np.array([int(both[p.sequence][1] != reference) for p in found], dtype=np.int64)
    if min(np.bincount(later, minlength=2)) < 2:
        return (
            "no comparison by sequences: fewer than two participants have each of the two orders of the arms"
        )
    starts = [p.get("before") for p in periods]
    return TwoPeriods(
        f"{others[0]} vs {reference}",
        [p.participant for p in found],
        later,
        (str(periods[0]["after"]), str(periods[1]["after"])),
        (str(starts[0]), str(starts[1])) if all(starts) else None,
    )


def sequence_scheme(
    design: Design, found: TwoPeriods, keep: list[int], permutations: int, seed: tuple[int, ...]
) -> tuple[Scheme, NDArray[np.float64] | None]:
    """Return how sequences are drawn again inside the strata, and what is adjusted for.

    Parameters
    ----------
    design
        The checked trial.
    found
        Of `two_periods`.
    keep
        Places of the participants who are compared.
    permutations, seed
        As in `Scheme`.
    """
    people = [found.people[i] for i in keep]
    strata = [str(s) for s in design.plan.get("strata") or []]
    rows = {p.participant: p.covariates for p in design.participants}
    stratum = strata_of([[rows[p].get(s) for p in people] for s in strata], len(people))
    adjust = adjustment_columns(design, people)
    scheme = Scheme(found.later[keep], stratum, permutations, seed, tuple(strata), "sequences")
    return scheme, adjust if adjust.shape[1] else None

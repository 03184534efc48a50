"""Community tests of a crossover of two arms in two periods: one row per participant, sequences re-drawn."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vagus.design.model import Design
from vagus.trial.baseline_residual import residual
from vagus.trial.community_rows import Group, beta_row, shift_row
from vagus.trial.permanova import Cloud, permanova
from vagus.trial.rank_shift import rank_shift
from vagus.trial.spaces import Space
from vagus.trial.two_periods import TwoPeriods, sequence_scheme
from vagus.trial.values import adjustment_columns

# Tests that are made of a crossover; dispersion and volatility ask for one arm throughout.
IN_CROSSOVER = ("change", "residual", "interaction", "within")
NOTE = "differences between the ends of the two periods, by sequence; assumes that nothing is carried over"
NOTE_WITHIN = "distance moved in the second period less that in the first, by sequence; half their shift"


def crossover_tests(
    space: Space,
    design: Design,
    found: TwoPeriods,
    tests: Sequence[str],
    permutations: int,
    confidence: float,
) -> list[dict[str, object]]:
    """Test the arms of a crossover on the community.

    - `change`: PERMANOVA by sequence of CLR(end of period 2) - CLR(end of period 1);
    - `residual`: the same with the difference between the starts of the periods taken out, where measured;
    - `interaction`: sequence by period on any distance that has no coordinates;
    - `within`: distance moved from start to end of a period, the second period less the first.

    Parameters
    ----------
    space
        Distances.
    design
        The checked trial.
    found
        Of `two_periods`.
    tests
        Of `TESTS`.
    permutations
        Random re-arrangements of the sequences.
    confidence
        Level of the intervals.

    Returns
    -------
    list of dict
        Rows of the table; they stand at the primary visit.
    """
    rows: list[dict[str, object]] = []
    visit, ends, starts = design.primary_visit, list(found.ends), list(found.starts or [])

    def group(visits: list[str], note: str) -> Group | None:
        given = adjustment_columns(design, found.people)
        whole = np.all(np.isfinite(given), axis=1, keepdims=True).ravel()
        there = [i for i, p in enumerate(found.people) if space.has(p, visits)]
        keep = [i for i in there if whole[i]]
        if min(np.bincount(found.later[keep], minlength=2)) < 2:
            return None
        gone = len(there) - len(keep)
        note += f"; {gone} left out for a missing stratum or covariate" if gone else ""
        seed = (int(design.plan.get("seed", 1)), zlib.crc32(f"{visit}|{found.contrast}".encode()))
        scheme, adjust = sequence_scheme(design, found, keep, permutations, seed)
        people = [found.people[i] for i in keep]
        return Group(found.contrast, people, scheme, adjust, len(people), len(people), note)

    at_ends = group(ends, NOTE)
    if at_ends and space.points is not None and "change" in tests:
        later = space.values(at_ends.participants, ends[1]) - space.values(at_ends.participants, ends[0])
        found_f = permanova(Cloud.of(later), at_ends.scheme, at_ends.participants, at_ends.adjust)
        rows.append(beta_row("change", space.name, visit, at_ends, found_f))
    if at_ends and space.points is None and "interaction" in tests:
        course = space.course(at_ends.participants, ends)
        found_f = permanova(course, at_ends.scheme, at_ends.participants, at_ends.adjust)
        rows.append(beta_row("interaction", space.name, visit, at_ends, found_f))
    whole = group([*starts, *ends], NOTE) if starts else None
    if whole and space.points is not None and "residual" in tests:
        start, end = (
            space.values(whole.participants, pair[1]) - space.values(whole.participants, pair[0])
            for pair in (starts, ends)
        )
        cloud = Cloud.of(residual(start, end, whole.adjust))
        found_f = permanova(cloud, whole.scheme, whole.participants, whole.adjust)
        rows.append(beta_row("residual", space.name, visit, whole, found_f))
    if whole and "within" in tests:
        rows.append(_moved(space, visit, replace(whole, note=NOTE_WITHIN), starts, ends, confidence))
    return rows


def _moved(
    space: Space, visit: str, group: Group, starts: list[str], ends: list[str], confidence: float
) -> dict[str, object]:
    """Return the row of the distances moved in the two periods."""
    people = group.participants
    first, second = (
        space.apart(space.rows(people, start), space.rows(people, end))
        for start, end in zip(starts, ends, strict=True)
    )
    row = shift_row(
        "within",
        space.name,
        visit,
        group,
        second - first,
        rank_shift(second - first, group.scheme, confidence),
    )
    # The sequences differ by the effect of the arm twice.
    for key in ("estimate", "ci_low", "ci_high"):
        row[key] = float(row[key]) / 2  # type: ignore[arg-type]
    later = group.scheme.arm == 1
    row["median_arm"] = float(np.median(np.where(later, second, first)))
    row["median_reference"] = float(np.median(np.where(later, first, second)))
    return row

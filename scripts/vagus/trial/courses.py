"""Each participant's course through the distances: trajectories, volatility, ordination."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vagus.design.model import Design
from vagus.trial.coordinates import principal_coordinates
from vagus.trial.permutation import Floats
from vagus.trial.spaces import Space

TRAJECTORY_COLUMNS = [
    "profile",
    "distance",
    "sample",
    "participant",
    "arm",
    "visit",
    "to_baseline",
    "to_previous",
    "previous_visit",
]
ORDINATION_COLUMNS = [
    "profile",
    "distance",
    "sample",
    "participant",
    "visit",
    "arm",
    "axis1",
    "axis2",
    "explained1",
    "explained2",
]


def trajectories(profile: str, space: Space, design: Design) -> pd.DataFrame:
    """Return how far every sample lies from its participant's baseline and from the visit before.

    Parameters
    ----------
    profile
        Name of the profile.
    space
        Distances.
    design
        The checked trial.

    Returns
    -------
    DataFrame
        `TRAJECTORY_COLUMNS`, one row per sample, in the plan's order. `to_previous` is the distance to the
        visit before in the plan and NaN when that one is missing, as of q2-longitudinal's first distances
        (Bokulich et al. 2018, doi 10.1128/mSystems.00219-18).
    """
    row = {place: i for i, place in enumerate(space.places)}
    arms = {p.participant: p.arm for p in design.participants}
    found = [
        (person, k, visit, row[(person, visit)])
        for person in arms
        for k, visit in enumerate(design.visits)
        if (person, visit) in row
    ]
    here = np.array([i for *_, i in found], dtype=np.int64)
    start = np.array([row.get((p, design.baseline), -1) for p, *_ in found], dtype=np.int64)
    before = [design.visits[k - 1] if k else "" for _, k, _, _ in found]
    last = np.array([row.get((p, b), -1) for (p, *_), b in zip(found, before, strict=True)], dtype=np.int64)

    def apart(other: np.ndarray) -> Floats:
        out = np.full(len(here), np.nan)
        good = other >= 0
        out[good] = space.apart(here[good], other[good])
        return out

    return pd.DataFrame(
        {
            "profile": profile,
            "distance": space.name,
            "sample": [space.samples[i] for i in here],
            "participant": [p for p, *_ in found],
            "arm": [arms[p] for p, *_ in found],
            "visit": [visit for _, _, visit, _ in found],
            "to_baseline": apart(start),
            "to_previous": apart(last),
            "previous_visit": [b if i >= 0 else "" for b, i in zip(before, last, strict=True)],
        },
        columns=TRAJECTORY_COLUMNS,
    )


def volatility(table: pd.DataFrame, design: Design, after_baseline: bool) -> pd.Series:
    """Return each participant's mean distance between consecutive visits.

    Parameters
    ----------
    table
        As of `trajectories`, of one distance.
    design
        The checked trial.
    after_baseline
        Take only pairs of visits after the baseline: what happened under treatment. Otherwise all visits.

    Returns
    -------
    Series
        By participant; those without a single pair of consecutive visits are absent.
    """
    pairs = table[table["to_previous"].notna()]
    if after_baseline:
        pairs = pairs[pairs["previous_visit"].isin(design.followup_visits)]
    return pairs.groupby("participant", sort=False)["to_previous"].mean()


def ordination(profile: str, space: Space, design: Design) -> pd.DataFrame:
    """Return the first two principal coordinates of all samples.

    Parameters
    ----------
    profile
        Name of the profile.
    space
        Distances; with robust Aitchison the ordination is a robust PCA (Martino et al. 2019,
        doi 10.1128/mSystems.00016-19), its matrix being completed by `vagus.profiles.distances`.
    design
        The checked trial.

    Returns
    -------
    DataFrame
        `ORDINATION_COLUMNS`; `explained1` and `explained2` are shares of the variation, the same in every
        row. No rows with fewer than three samples.
    """
    if len(space.samples) < 3:
        return pd.DataFrame(columns=ORDINATION_COLUMNS)
    points, share = _principal(space)
    arms = {p.participant: p.arm for p in design.participants}
    table = pd.DataFrame(
        {
            "profile": profile,
            "distance": space.name,
            "sample": space.samples,
            "participant": [p for p, _ in space.places],
            "visit": [v for _, v in space.places],
            "arm": [arms[p] for p, _ in space.places],
            "axis1": points[:, 0],
            "axis2": points[:, 1],
            "explained1": share[0],
            "explained2": share[1],
        },
        columns=ORDINATION_COLUMNS,
    )
    rank = {v: i for i, v in enumerate(design.visits)}
    keys = ["arm", "participant", "visit"]
    return table.sort_values(keys, key=lambda c: c.map(rank) if c.name == "visit" else c, ignore_index=True)


def _principal(space: Space) -> tuple[Floats, Floats]:
    """Return coordinates and shares; of coordinates by singular values, without any n x n table."""
    if space.points is None or space.points.shape[1] > len(space.samples):
        return principal_coordinates(space.distances())
    centred = space.points - space.points.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    size = max(float((scale**2).sum()), np.finfo(float).tiny)
    points, share = np.zeros((len(centred), 2)), np.zeros(2)
    for k in range(min(2, len(scale))):
        column = left[:, k] * scale[k]
        points[:, k] = -column if column[np.abs(column).argmax()] < 0 else column
        share[k] = scale[k] ** 2 / size
    return points, share

"""The numbers of a profile by participant and visit as they are, for methods with a scale of their own."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from vagus.design.model import Design
from vagus.profile import Profile
from vagus.trial.values import TrialValues, trial_values

# Kinds in which a zero says that nothing was seen. An intensity has a floor instead, a score has no zero.
ZERO_MEANS_ABSENT = ("counts", "relative", "copies_per_genome")


def raw_values(profile: Profile, design: Design, values: TrialValues) -> pd.DataFrame:
    """Return the profile's own numbers in the shape of `values.frame`.

    Parameters
    ----------
    profile
        Any profile.
    design
        The checked trial.
    values
        What `trial_values` made of the same two.

    Returns
    -------
    DataFrame
        (participant, visit) x features; samples that hold no composition are NaN throughout, as there.
    """
    meta = {k: v for k, v in profile.meta.items() if k != "transform"} | {"kind": "score"}
    frame = trial_values(replace(profile, meta=meta), design, 0.0).frame
    empty = ~(frame > 0).any(axis=1)
    if profile.kind in ZERO_MEANS_ABSENT:
        frame[empty] = float("nan")
    return frame.set_axis(values.frame.columns, axis=1)


def presence(profile: Profile, design: Design, values: TrialValues) -> TrialValues:
    """Return 1 where a feature was seen, 0 where not, NaN where there is no sample.

    Parameters
    ----------
    profile, design, values
        As in `raw_values`; the kind must be one of `ZERO_MEANS_ABSENT`.

    Returns
    -------
    TrialValues
        `values` with its frame replaced; the same features pass.
    """
    raw = raw_values(profile, design, values)
    return replace(values, frame=(raw > 0).astype(float).where(raw.notna()))

"""A profile seen through the design: one row per participant and visit, on the scale of the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vagus.design.model import Design
from vagus.errors import VagusError
from vagus.profile import Profile
from vagus.trial.estimands import apply_events
from vagus.trial.transform import CLR_UNIT, COMPOSITIONAL, LOG2_UNIT, clr_log2, log2_values

BELOW = "below prevalence"

Floats = NDArray[np.float64]


@dataclass
class TrialValues:
    """The values of a profile by participant and visit.

    Parameters
    ----------
    profile
        Name of the profile.
    frame
        (participant, visit) x features, CLR to base 2 or the value itself; NaN is missing.
    prevalence
        (features,) share of the samples in which a feature is above zero; for scores, in which it was
        measured.
    passes
        (features,) whether the feature is common enough to be analysed; blind to the arms.
    units
        Unit of each feature's effect.
    notes
        What was left out, and why.
    counts
        Like `frame`, the counts that its log-ratios are of; None for other kinds.
    pseudocount
        Added to them before the logarithm.
    """

    profile: str
    frame: pd.DataFrame
    prevalence: Floats
    passes: NDArray[np.bool_]
    units: list[str]
    notes: list[str] = field(default_factory=list)
    counts: pd.DataFrame | None = None
    pseudocount: float = 0.5

    @property
    def features(self) -> list[str]:
        """Features, in the order of the profile."""
        return [str(f) for f in self.frame.columns]

    def at(self, visit: str, participants: Sequence[str]) -> Floats:
        """Return participants x features at a visit; NaN for a participant without a sample."""
        wanted = pd.MultiIndex.from_product([list(participants), [visit]])
        return self.frame.reindex(wanted).to_numpy(dtype=np.float64)


def trial_values(
    profile: Profile, design: Design, min_prevalence: float = 0.2, pseudocount: float = 0.5
) -> TrialValues:
    """Place the samples of a profile in the design and transform them.

    Parameters
    ----------
    profile
        Any profile; a sample id is one of the design's, or `<participant>|<visit>`.
    design
        The checked trial.
    min_prevalence
        Smallest share of samples, over all arms and visits together, in which a feature must be above zero.
        It is applied after the CLR and never to scores, for which zero is a value like others.
    pseudocount
        Added to counts.

    Returns
    -------
    TrialValues
        Values, prevalence and units.

    Raises
    ------
    VagusError
        If a sample is unknown, two samples claim one participant and visit, or the kind is unknown.
    """
    if not 0 <= min_prevalence <= 1:
        raise VagusError(
            f"config: trial.min_prevalence is {min_prevalence}; allowed: 0 to 1; fix: give e.g. 0.2"
        )
    places = _places(profile, design)
    notes: list[str] = []
    keep = [i for i, place in enumerate(places) if place is not None]
    index = pd.MultiIndex.from_tuples(
        [place for place in places if place is not None], names=["participant", "visit"]
    )
    if index.has_duplicates:
        participant, visit = index[index.duplicated()][0]
        raise VagusError(
            f"profile {profile.name}: participant {participant!r} has two samples at visit {visit!r}; "
            "fix: leave one out of samples.tsv, or give both rows one sample id if they are runs of one"
        )
    raw = profile.table[:, keep].toarray().T
    counts: pd.DataFrame | None = None
    if profile.meta.get("transform") == "log2":
        values = log2_values(raw)
        prevalence = (raw > 0).mean(axis=0) if len(raw) else np.zeros(raw.shape[1])
        passes = prevalence >= min_prevalence
    elif profile.kind in COMPOSITIONAL:
        values = clr_log2(raw, profile.kind, pseudocount)
        if profile.kind == "counts":
            known = np.where(np.isfinite(values), raw, np.nan)
            counts = pd.DataFrame(known, index=index, columns=list(profile.features))
            counts = apply_events(counts, profile.name, design)[0]
        empty = ~(raw > 0).any(axis=1)
        if empty.any():
            ids = ", ".join(profile.samples[keep[i]] for i in np.flatnonzero(empty))
            notes.append(f"samples without any positive value are missing: {ids}")
        raw = raw[~empty]
        prevalence = (raw > 0).mean(axis=0) if len(raw) else np.zeros(raw.shape[1])
        passes = prevalence >= min_prevalence
    elif profile.kind == "score":
        values = raw
        prevalence = np.isfinite(raw).mean(axis=0) if len(raw) else np.zeros(raw.shape[1])
        passes = np.ones(len(prevalence), dtype=bool)
    else:
        raise VagusError(
            f"profile {profile.name}: kind {profile.kind!r}; allowed: {', '.join([*COMPOSITIONAL, 'score'])}"
        )
    frame = pd.DataFrame(values, index=index, columns=list(profile.features))
    frame, told = apply_events(frame, profile.name, design)
    units = _units(profile, design)
    return TrialValues(profile.name, frame, prevalence, passes, units, [*notes, *told], counts, pseudocount)


def adjustment_columns(design: Design, participants: Sequence[str]) -> Floats:
    """Turn the plan's strata and covariates into columns of a model.

    Parameters
    ----------
    design
        The checked trial.
    participants
        Rows, in this order.

    Returns
    -------
    ndarray
        (participants, columns) without an intercept: strata and text columns as dummies without their first
        level, numbers as they are; NaN in every column of a variable that is missing.
    """
    strata = set(design.plan.get("strata") or [])
    rows = {p.participant: p.covariates for p in design.participants}
    columns: list[Floats] = []
    for name in design.covariates:
        values = [rows[p].get(name) for p in participants]
        missing = np.array([v is None or v != v or v == "" for v in values], dtype=bool)
        if name in strata or any(isinstance(v, str) for v in values):
            levels = sorted({str(v) for v, gone in zip(values, missing, strict=True) if not gone})
            block = [np.array([float(str(v) == level) for v in values]) for level in levels[1:]]
            # One level only: keep a column of zeros, so that missing values still count as missing.
            block = block or [np.zeros(len(values))]
        else:
            # None and "" are missing here; text has gone the other way.
            block = [
                np.array([float("nan" if gone else str(v)) for v, gone in zip(values, missing, strict=True)])
            ]
        columns.extend(np.where(missing, np.nan, column) for column in block)
    return np.column_stack(columns) if columns else np.empty((len(participants), 0))


def _places(profile: Profile, design: Design) -> list[tuple[str, str] | None]:
    """Return participant and visit of every sample; None for samples that are not a participant's stool."""
    samples = {s.sample: s for s in design.samples}
    known = {p.participant for p in design.participants}
    places: list[tuple[str, str] | None] = []
    for name in profile.samples:
        participant, bar, visit = name.rpartition("|")
        if name in samples:
            s = samples[name]
            stool = s.type == "stool" and s.participant is not None and s.visit is not None
            places.append((str(s.participant), str(s.visit)) if stool else None)
        elif bar and participant in known and visit in design.visits:
            places.append((participant, visit))
        else:
            raise VagusError(
                f"profile {profile.name}: sample {name!r} is not in the design; "
                "allowed: a sample of samples.tsv, <participant>|<visit>; fix: correct the id or add it"
            )
    return places


def _units(profile: Profile, design: Design) -> list[str]:
    """Return the unit of every feature's effect."""
    if profile.meta.get("transform") == "log2":
        return [LOG2_UNIT] * len(profile.features)
    if profile.kind in COMPOSITIONAL:
        return [CLR_UNIT] * len(profile.features)
    given = profile.meta.get("units") or {}
    measured = {m.measure: m.unit for m in design.measures if m.unit}
    common = (
        "diversity unit" if profile.name.endswith(".diversity") else str(profile.meta.get("unit") or "score")
    )
    return [str(given.get(f) or measured.get(f) or common) for f in profile.features]

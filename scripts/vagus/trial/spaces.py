"""Distances between the samples of a trial: by coordinates or a square table, by participant and visit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from vagus.design.model import Design
from vagus.errors import VagusError
from vagus.profile import Profile
from vagus.profiles.distances import bray_curtis, robust_aitchison
from vagus.trial.estimands import apply_events
from vagus.trial.permanova import Cloud, change_gram
from vagus.trial.transform import COMPOSITIONAL
from vagus.trial.values import trial_values

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass
class Space:
    """Samples at distances from each other.

    Parameters
    ----------
    name
        Of the distance.
    samples
        Ids.
    places
        (participant, visit) of each sample.
    points
        n x r coordinates in which the distance is Euclidean, or None.
    square
        n x n distances, or None.
    """

    name: str
    samples: list[str]
    places: list[tuple[str, str]]
    points: Floats | None = None
    square: Floats | None = None

    def __post_init__(self) -> None:
        self._row = {place: i for i, place in enumerate(self.places)}

    def has(self, participant: str, visits: Sequence[str]) -> bool:
        """Whether a participant has a sample at all of the visits."""
        return all((participant, visit) in self._row for visit in visits)

    def rows(self, participants: Sequence[str], visit: str) -> Rows:
        """Return the rows of participants at a visit; all must have one."""
        return np.array([self._row[(p, visit)] for p in participants], dtype=np.int64)

    def apart(self, first: Rows, second: Rows) -> Floats:
        """Return the distance of each row of `first` to the same of `second`."""
        if self.points is not None:
            return np.asarray(np.linalg.norm(self.points[first] - self.points[second], axis=1))
        assert self.square is not None
        return np.asarray(self.square[first, second])

    def values(self, participants: Sequence[str], visit: str) -> Floats:
        """Return the coordinates of participants at a visit."""
        assert self.points is not None
        return np.asarray(self.points[self.rows(participants, visit)])

    def course(self, participants: Sequence[str], visits: Sequence[str]) -> Cloud:
        """Return the participants' courses over visits with their own level taken out, one row each.

        For two visits that is the change over the square root of two, whatever the distance.
        """
        rows = [self.rows(participants, visit) for visit in visits]
        if self.points is not None:
            stack = np.stack([self.points[r] for r in rows])
            if len(visits) == 2:
                return Cloud.of((stack[1] - stack[0]) / np.sqrt(2))
            stack = stack - stack.mean(axis=0)
            return Cloud.of(stack.transpose(1, 0, 2).reshape(len(participants), -1))
        assert self.square is not None
        flat = np.concatenate(rows)
        block = self.square[np.ix_(flat, flat)] ** 2
        n = len(participants)
        return Cloud(gram=change_gram(block.reshape(len(visits), n, len(visits), n)))

    def distances(self) -> Floats:
        """Return the square table."""
        if self.square is not None:
            return self.square
        assert self.points is not None
        return np.asarray(squareform(pdist(self.points)) if len(self.points) > 1 else np.zeros((1, 1)))


def spaces(
    profile: Profile, design: Design, tables: dict[str, pd.DataFrame], pseudocount: float
) -> Iterator[Space]:
    """Yield the distances of a profile, one at a time, for each may be large.

    Aitchison for every compositional profile, over all features, natural logarithm (Euclidean distance of
    log2 values for profiles that are no parts of a whole); then the tables given; then Bray-Curtis of the
    shares and robust Aitchison, unless a table of that name was given.

    Parameters
    ----------
    profile
        Not of kind `score`.
    design
        The checked trial.
    tables
        Square distances between samples, by name.
    pseudocount
        Added to counts.

    Raises
    ------
    VagusError
        If a table does not fit the profile's samples, or the profile not the design.
    """
    values = trial_values(profile, design, 0.0, pseudocount)
    for note in values.notes:
        print(f"{profile.name}: {note}")
    frame = values.frame.loc[:, values.frame.notna().any(axis=0)]
    known = frame.notna().all(axis=1).to_numpy()
    if profile.kind == "intensity" and not known.all():
        # A missing intensity would drop its sample; a feature that is not measured throughout is left out
        # instead.
        measured = frame.notna().any(axis=1)
        frame = frame.loc[:, frame[measured].notna().all(axis=0)]
        known = measured.to_numpy() & bool(frame.shape[1])
    sample_of = {place: sample for sample, place in places_of(profile.samples, design).items()}
    places = [(str(p), str(v)) for p, v in frame.index[known]]
    samples = [sample_of[place] for place in places]
    logs = profile.meta.get("transform") == "log2"
    points = frame.to_numpy(dtype=np.float64)[known]
    name = "euclidean_log2" if logs else "aitchison"
    yield Space(name, samples, places, points=points if logs else points * np.log(2))
    for metric, table in tables.items():
        if metric != "aitchison":
            yield as_planned(table_space(metric, table, design, profile.name), profile.name, design)
    if logs or profile.kind not in COMPOSITIONAL or len(samples) < 2:
        return
    # From the samples as they are: what an event does to them is done to their distances below.
    found = places_of(profile.samples, design)
    used = profile.subset(list(found), drop_absent=False)
    filled = np.flatnonzero(np.asarray(abs(used.table).sum(axis=0)).ravel() > 0)
    used = used.subset([used.samples[i] for i in filled], drop_absent=False)
    where = [found[s] for s in used.samples]
    if not np.all(np.isfinite(used.table.data)):
        return
    for metric, distance in (("bray_curtis", bray_curtis), ("robust_aitchison", robust_aitchison)):
        if metric not in tables:
            whole = Space(metric, used.samples, where, square=squareform(distance(used.table)))
            yield as_planned(whole, profile.name, design)


def as_planned(space: Space, profile: str, design: Design) -> Space:
    """Do to the samples of a square table what the estimand does to values after an intercurrent event.

    A sample after an event is out (hypothetical), or the last one before the event stands in its place (while
    on treatment), as `vagus.trial.estimands.apply_events` has it for values.

    Parameters
    ----------
    space
        With a square table.
    profile
        Name of the profile, which has the estimand.
    design
        The checked trial.
    """
    assert space.square is not None
    index = pd.MultiIndex.from_tuples(space.places, names=["participant", "visit"])
    rows = pd.DataFrame({"row": np.arange(len(space.places), dtype=np.float64)}, index=index)
    kept = apply_events(rows, profile, design)[0]["row"].to_numpy()
    here = np.flatnonzero(np.isfinite(kept))
    source = kept[here].astype(np.int64)
    return Space(
        space.name,
        [space.samples[i] for i in here],
        [space.places[i] for i in here],
        square=space.square[np.ix_(source, source)],
    )


def table_space(name: str, table: pd.DataFrame, design: Design, profile: str) -> Space:
    """Place a square table of distances in the design.

    Raises
    ------
    VagusError
        If the table is not square, or two of its samples claim one participant and visit.
    """
    ids = [str(s) for s in table.index]
    if ids != [str(s) for s in table.columns]:
        raise VagusError(f"profile {profile}: the table of {name} distances is not square; fix: rebuild it")
    where = places_of(ids, design)
    keep = [i for i, s in enumerate(ids) if s in where]
    places = [where[ids[i]] for i in keep]
    if len(set(places)) < len(places):
        raise VagusError(
            f"profile {profile}: two samples of the {name} distances are of one participant and visit; "
            "fix: leave one out of samples.tsv"
        )
    square = table.to_numpy(dtype=np.float64)[np.ix_(keep, keep)]
    return Space(name, [ids[i] for i in keep], places, square=square)


def places_of(samples: Sequence[str], design: Design) -> dict[str, tuple[str, str]]:
    """Return (participant, visit) of the samples that are a participant's stool."""
    stool = {s.sample: (str(s.participant), str(s.visit)) for s in design.stool_samples() if s.visit}
    known = {p.participant for p in design.participants}
    found: dict[str, tuple[str, str]] = {}
    for name in samples:
        participant, bar, visit = name.rpartition("|")
        if name in stool:
            found[name] = stool[name]
        elif bar and participant in known and visit in design.visits:
            found[name] = (participant, visit)
    return found

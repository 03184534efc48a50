"""What every reader returns, and how its rows are gathered without holding zeros."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

Key = TypeVar("Key", bound=Hashable)


@dataclass
class Facts:
    """What a file says of itself.

    Parameters
    ----------
    kinds
        What its numbers may be, the likely kind first; () where the file does not tell.
    unit
        Of the numbers; "" where the file does not tell.
    source
        Program that wrote the table, for the meta.
    inferred
        Predicted from marker genes rather than measured.
    suffixes
        Ends that the program hangs on sample ids.
    per_sample
        Key of the meta -> sample as written -> value.
    meta
        What else goes into the meta.
    """

    kinds: tuple[str, ...] = ()
    unit: str = ""
    source: str = ""
    inferred: bool = False
    suffixes: tuple[str, ...] = ()
    per_sample: dict[str, dict[str, float]] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass
class Table:
    """A table as it was read, before anything is checked against the design.

    Parameters
    ----------
    values
        Features x samples; NaN is missing.
    features, samples
        Ids as written.
    taxonomy
        Lineage per feature; may be empty.
    facts
        What the file says of itself.
    """

    values: sparse.csr_array
    features: list[str]
    samples: list[str]
    taxonomy: dict[str, list[str]] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)


class RowBuilder(Generic[Key]):
    """A table filled row by row.

    Parameters
    ----------
    width
        Number of samples.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.place: dict[Key, int] = {}
        self._rows: list[int] = []
        self._columns: list[npt.NDArray[np.intp]] = []
        self._values: list[npt.NDArray[np.float64]] = []

    def add(self, key: Key, values: npt.NDArray[np.float64]) -> None:
        """Add a row; one that has the key of another is added to it."""
        here = np.flatnonzero(values)  # NaN is not zero
        self._rows.append(self.place.setdefault(key, len(self.place)))
        self._columns.append(here)
        self._values.append(values[here])

    def put(self, key: Key, column: int, value: float) -> None:
        """Add one value."""
        self._rows.append(self.place.setdefault(key, len(self.place)))
        self._columns.append(np.array([column], dtype=np.intp))
        self._values.append(np.array([value]))

    def finish(self) -> tuple[sparse.csr_array, list[Key]]:
        """Return the table and the keys of its rows, in the order in which they came."""
        shape = (len(self.place), self.width)
        if not self._rows:
            return sparse.csr_array(shape, dtype=np.float64), list(self.place)
        rows = np.repeat(np.array(self._rows), [len(c) for c in self._columns])
        triplets = (np.concatenate(self._values), (rows, np.concatenate(self._columns)))
        return sparse.csr_array(sparse.coo_array(triplets, shape=shape).tocsr()), list(self.place)


def join_columns(columns: Sequence[Mapping[str, float]]) -> tuple[sparse.csr_array, list[str]]:
    """Join the values of samples, each feature -> value, into a table with its features sorted by name."""
    names = sorted({feature for column in columns for feature in column})
    place = {name: i for i, name in enumerate(names)}
    rows = [place[feature] for column in columns for feature in column]
    where = [j for j, column in enumerate(columns) for _ in column]
    values = np.array([value for column in columns for value in column.values()], dtype=np.float64)
    return sparse.csr_array((values, (rows, where)), shape=(len(names), len(columns))), names

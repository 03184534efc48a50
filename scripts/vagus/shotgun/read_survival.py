"""Which share of the k-mers of known organisms reads still show; the rest is misread or the strain's own.

A read with one wrong base loses up to k of its k-mers, which no reference holds. A share of k-mers without a
match is
therefore not a share of unknown organisms: at 0.5 % wrong bases and k = 31 one k-mer in seven is lost. Two
sketched
k-mers of one fragment that do not overlap tell the two apart. They come from one organism, so where the one
is in the
reference and the other is not, the other was lost. Of the pairs with a match, the share p = 2 both / (2 both
+ one)
estimates the chance that a k-mer of a known organism is still there, and matched share / p the share of known
organisms, in terms of bases read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from vagus.shotgun.tables import SampleReads

# Fewer pairs than this say nothing.
MIN_PAIRS = 30
_MARGIN = 2.0


@dataclass(frozen=True)
class Survival:
    """Pairs of k-mers of which both, or one, are in the reference.

    Parameters
    ----------
    both, one
        Counts.
    """

    both: int
    one: int

    @property
    def pairs(self) -> int:
        """Pairs that say something."""
        return self.both + self.one

    def share(self) -> float | None:
        """Share p of the k-mers that are still there; None where there are too few pairs to tell."""
        if self.pairs < MIN_PAIRS or not self.both:
            return None
        return 2 * self.both / (2 * self.both + self.one)


def sketched(sequence: str, ksize: int, limit: int, sketch: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return places and hashes of the k-mers of a sequence that are kept.

    Parameters
    ----------
    sequence
        A read.
    ksize
        Length of the k-mers.
    limit
        The largest hash that is kept.
    sketch
        A `sourmash.MinHash` of that ksize.
    """
    if len(sequence) < ksize:
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    hashes = np.array(sketch.seq_to_hashes(sequence, force=True, bad_kmers_as_zeroes=True), np.uint64)
    places = np.flatnonzero((hashes <= limit) & (hashes > 0))
    return places, hashes[places]


def fragments(reads: SampleReads, stride: int) -> Iterator[tuple[str, ...]]:
    """Yield the sequences of every `stride`-th fragment: one, or two mates."""
    import dnaio

    for files in [*reads.pairs, *((s,) for s in reads.singles)]:
        readers = [dnaio.open(str(f), open_threads=0) for f in files]
        try:
            for number, records in enumerate(zip_longest(*readers)):
                if number % stride == 0:
                    yield tuple(r.sequence for r in records if r is not None)
        finally:
            for reader in readers:
                reader.close()


def measure_survival(
    reads: SampleReads, known: np.ndarray, ksize: int, scaled: int, total: int, most: int = 200_000
) -> Survival:
    """Count pairs of k-mers of the same fragment that do not overlap.

    Parameters
    ----------
    reads
        Of the sample.
    known
        Hashes of the reference's genomes that were found, ascending.
    ksize, scaled
        Of the sketches.
    total
        Fragments in the sample.
    most
        Fragments to look at, spread over the files, so that time is bounded.
    """
    import sourmash

    if not len(known):
        return Survival(0, 0)
    sketch = sourmash.MinHash(n=0, ksize=ksize, scaled=scaled)
    limit = sketch._max_hash
    both = one = 0
    for parts in fragments(reads, max(1, -(-total // most))):
        places: list[np.ndarray] = []
        hits: list[np.ndarray] = []
        for mate, sequence in enumerate(parts):
            place, hashes = sketched(sequence, ksize, limit, sketch)
            if len(hashes):
                # Mates never count as overlapping; where they do overlap, an error is in one of them only.
                places.append(place + mate * 1_000_000)
                index = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
                hits.append(known[index] == hashes)
        if not places:
            continue
        place, hit = np.concatenate(places), np.concatenate(hits)
        if len(place) < 2 or not hit.any():
            continue
        apart = np.triu(np.abs(place[:, None] - place[None, :]) >= ksize, 1)
        first, second = np.nonzero(apart)
        matches = hit[first].astype(int) + hit[second]
        both += int((matches == 2).sum())
        one += int((matches == 1).sum())
    return Survival(both, one)

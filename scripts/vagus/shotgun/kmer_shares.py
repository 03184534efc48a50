"""Which genomes a sample's k-mers speak for, and how loud."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np


def expected_depth(share: float) -> float:
    """Return the depth at which chance reads that share of a genome."""
    return -math.log1p(-min(share, 1 - 1e-12))


def is_distant(own: int, abundances: np.ndarray, ksize: int, min_ani: float) -> bool:
    """Tell whether a genome is but a relative of what is in the sample.

    If a genome of the species is there at depth d, a share 1 - exp(-d) of its k-mers is seen, and those seen
    a mean of
    d / (1 - exp(-d)) times. A relative shows few of them, often: at an identity below `min_ani` fewer than
    min_ani^k.

    Parameters
    ----------
    own
        K-mers of the genome that no genome before it holds.
    abundances
        How often each of them that is in the sample was seen.
    ksize, min_ani
        See `SourmashSettings`.

    Returns
    -------
    bool
        True only if the mean is more than twice what it may be, by three standard errors: mates that overlap
        show a
        k-mer twice.
    """
    least = own * min_ani**ksize
    if not len(abundances) or len(abundances) >= least:
        return False
    seen = len(abundances) / least
    depth = expected_depth(seen)
    mean = depth / seen
    error = math.sqrt(max(mean * (1 + depth - mean), 0.0) / len(abundances))
    return bool(abundances.mean() > 2 * (mean + 3 * error))


def share_out(
    hashes: Sequence[np.ndarray], counts: Mapping[int, int], weight: int, rounds: int = 100
) -> list[float]:
    """Share the sample's k-mers out among the genomes found; those of several go by the genomes' depths.

    gather gives a k-mer that relatives share to the first of them alone, which for genomes of 99.5 %
    identity is nearly
    all. Here its abundance is split in proportion to the depth of each genome that holds it, over and over
    (EM).

    Parameters
    ----------
    hashes
        K-mers of each genome.
    counts
        K-mer -> abundance in the sample.
    weight
        Sum of the abundances.
    rounds
        Steps.

    Returns
    -------
    list of float
        Share of `weight` for each genome.
    """
    if not hashes:
        return []
    every, place = np.unique(np.concatenate(hashes), return_inverse=True)
    genome = np.repeat(np.arange(len(hashes)), [len(h) for h in hashes])
    abundance = np.array([counts.get(h, 0) for h in every.tolist()], float)
    there = abundance[place] > 0
    place, genome = place[there], genome[there]
    sizes = np.array([len(h) for h in hashes], float)
    depth = np.ones(len(hashes))
    for _ in range(rounds):
        each = np.bincount(place, depth[genome], len(every))
        part = abundance[place] * depth[genome] / each[place]
        depth = np.maximum(np.bincount(genome, part, len(hashes)) / sizes, 1e-12)
    return [float(x) for x in depth * sizes / weight]

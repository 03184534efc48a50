"""Modules of rare species: what share of a value is seen at a depth, and the value corrected for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from vagus.modules.score_modules import Compiled, Floats

# Markers that a species must have in all samples together for its depth to be known.
LEAST_MARKERS = 10
# A value is divided by no less than this: below it a species is hardly ever seen whole, and one chance sight
# of it would stand for ten.
LEAST_SHARE = 0.1
# Reads per gene for which the share is worked out; between them it is interpolated over the logarithm.
DEPTHS = np.geomspace(0.05, 60, 60)


def marker_depth(markers: Floats) -> tuple[Floats, Floats]:
    """Return how abundant a species is in each sample, and how deep it was read.

    Parameters
    ----------
    markers
        Its single-copy genes, P x N, in any unit.

    Returns
    -------
    abundance
        Mean of the markers, in the unit of the table (N).
    reads
        Reads per gene (N), from how much the markers scatter about their usual proportions: counts scatter
        by one over their mean, whatever unit they were turned into. Infinite where nothing scatters.
    """
    abundance = markers.mean(axis=0)
    seen = abundance > 0
    share = abundance / abundance.sum()
    usual = markers.sum(axis=1) / abundance.sum()
    # A sample that is most of what is usual can not be told by it: there, single-copy is taken at its word.
    copies = np.where(share > 0.5, 1.0, usual[:, None])
    free = np.where(share > 0.5, 1.0, 1 - share)
    expected = copies * np.where(seen, abundance, 1.0)
    scatter = ((markers / expected - 1) ** 2 * copies).sum(axis=0) / (len(markers) - 1) / free
    reads = np.divide(1.0, scatter, out=np.full(len(scatter), np.inf), where=scatter > 1e-12)
    return abundance, np.where(seen, reads, 0.0)


def step_moments(subunits: int, reads: float, most: int) -> tuple[float, Floats]:
    """Return what is seen of one enzyme.

    Parameters
    ----------
    subunits
        Of the enzyme; it counts as its rarest.
    reads
        Expected of each gene; they follow Poisson's law.
    most
        Steps of the longest module.

    Returns
    -------
    chance, moments
        That all subunits are seen; for j = 1 ... `most` the mean of its reads to the power of 1 / j, where an
        enzyme that is not seen counts as 0.
    """
    counts = np.arange(1, int(reads + 10 * np.sqrt(reads) + 15) + 1)
    tail = np.asarray(stats.poisson.sf(counts - 1, reads)) ** subunits
    chances = tail - np.append(tail[1:], 0.0)
    return float(tail[0]), np.array([(chances * counts ** (1 / j)).sum() for j in range(1, most + 1)])


def seen_share(compiled: Compiled, depths: Floats = DEPTHS) -> Floats:
    """Return the share of the value of a module that is seen on average in a species that has all its steps.

    Parameters
    ----------
    compiled
        M modules.
    depths
        Reads per gene (D).

    Returns
    -------
    Floats
        M x D; 1 at any depth for a module of one gene, and towards 1 with depth for all. It is below 1 where
        too few steps are seen for the module to be called, and for the mean of logarithms; exact for one copy
        of each gene, one enzyme a step (that of the fewest subunits) and genes of one length. A species whose
        enzyme has more subunits shows less, so that it is corrected by too little, never by too much.
    """
    steps = np.append(compiled.step_starts, len(compiled.enzyme_starts))
    parts = np.diff(np.append(compiled.part_starts, len(compiled.parts)))
    subunits = np.minimum.reduceat(parts, compiled.enzyme_starts)
    most = int(np.diff(steps).max())
    share = np.zeros((len(compiled.ids), len(depths)))
    for d, reads in enumerate(depths.tolist()):
        known = {int(c): step_moments(int(c), reads, most) for c in np.unique(subunits)}
        for m, (begin, end) in enumerate(zip(steps[:-1].tolist(), steps[1:].tolist(), strict=True)):
            for seen in range(int(compiled.needed[m]), end - begin + 1):
                # Coefficient of x^seen: all ways in which just so many steps are seen.
                ways = np.ones(1)
                for step in range(begin, end):
                    chance, moments = known[int(subunits[step])]
                    missing = 0.0 if compiled.signature[step] else 1 - chance
                    ways = np.convolve(ways, [missing, moments[seen - 1]])
                share[m, d] += ways[seen] / reads
    return share


def make_corrector(compiled: Compiled) -> Callable[[Floats, Floats], Floats]:
    """Return the function that corrects the values of a species for what is not seen at its depth.

    Parameters
    ----------
    compiled
        M modules.

    Returns
    -------
    callable
        From the species' markers (P x N) and its values (M x N) to values of the same shape, each divided by
        `seen_share` at the depth of the species in the sample, but by no less than `LEAST_SHARE`. A module
        that is not seen stays 0: those that are seen stand for those that are not, as in Horvitz and
        Thompson (1952), doi:10.1080/01621459.1952.10483446. Genes of other samples do not come in, so a
        strain that lost a module has lost it.
    """
    known = seen_share(compiled)

    def correct(markers: Floats, value: Floats) -> Floats:
        markers = markers[markers.any(axis=1)]
        if len(markers) < LEAST_MARKERS:
            return value
        _, reads = marker_depth(markers)
        at = np.log(np.maximum(reads, DEPTHS[0]))
        share = np.array([np.interp(at, np.log(DEPTHS), row) for row in known])
        # From the last depth on the share is (near) one.
        share[:, reads > DEPTHS[-1]] = 1.0
        return np.asarray(value / np.maximum(share, LEAST_SHARE))

    return correct

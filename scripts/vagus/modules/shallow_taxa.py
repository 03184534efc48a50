"""Modules of a species in samples where it is too rare for its genes to be seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vagus.modules.score_modules import Compiled, Floats, score_block, step_values

# Reads per gene from which a species' own genes are believed. The logarithm of k reads is 1 / (2 k) too low
# on average, 5 % at this depth; a gene that is there is missed once in 22,000 times.
LEAST_READS = 10.0
# Markers that a species must have in all samples together.
LEAST_MARKERS = 10
# Share of a species' reads that must be in deep samples for these to speak for the others.
LEAST_SHARE = 0.5


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


def carrier_chance(
    compiled: Compiled, steps: npt.NDArray[np.bool_], carriers: npt.NDArray[np.bool_], reads: Floats
) -> Floats:
    """Return how likely a species has its modules in shallow samples.

    Parameters
    ----------
    compiled
        M modules of S steps.
    steps
        Whether a step was seen (S x N).
    carriers
        Whether the module is there (M x N); looked at in the deep samples only.
    reads
        Reads per gene (N).

    Returns
    -------
    Floats
        M x N, by Bayes' rule. Before: the share of the deep samples that have the module. Then, step by step:
        how often those with and those without the module have the step, and how likely a step that is there
        is seen at this depth. One half is added to each count (Jeffreys), so that nothing is certain.
    """
    deep = reads >= LEAST_READS
    lengths = np.diff(np.append(compiled.step_starts, len(compiled.enzyme_starts)))
    having = np.repeat(carriers[:, deep], lengths, axis=0)
    seen = steps[:, deep]
    detected = 1 - np.exp(-reads)
    # Log odds of every step between species with and without the module.
    odds = np.zeros(steps.shape)
    for sign, group in ((1, having), (-1, ~having)):
        held = ((seen & group).sum(axis=1) + 0.5) / (group.sum(axis=1) + 1)
        chance = held[:, None] * detected
        odds += sign * np.where(steps, np.log(held)[:, None], np.log1p(-chance))
    with_module = carriers[:, deep].sum(axis=1) + 0.5
    before = np.log(with_module / (deep.sum() + 1 - with_module))
    after = before[:, None] + np.add.reduceat(odds, compiled.step_starts, axis=0)
    return np.asarray(1 / (1 + np.exp(-np.clip(after, -50, 50))))


def lend_modules(
    compiled: Compiled, kos: Floats, markers: Floats, value: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Give a species the modules that it has elsewhere, in samples where it is too shallow to show them.

    Parameters
    ----------
    compiled
        M modules.
    kos
        The species' KOs, K x N.
    markers
        Its single-copy genes, P x N.
    value
        Its modules in each sample by itself, M x N.

    Returns
    -------
    value
        M x N. Where a species has `LEAST_READS` reads per gene, its own value: what a strain lost is lost.
        Elsewhere its abundance times the modules per genome that it has in those samples; if these hold less
        than `LEAST_SHARE` of it, in all samples together.
    shallow
        In which samples it was lent (N). What is lent does not know the arms: it is the same whichever way
        samples are dealt to them, so that a randomisation test stays valid.
    """
    nowhere = np.zeros(value.shape[1], bool)
    markers = markers[markers.any(axis=1)]
    if len(markers) < LEAST_MARKERS:
        return value, nowhere
    abundance, reads = marker_depth(markers)
    deep = reads >= LEAST_READS
    shallow = ~deep & kos.any(axis=0)
    if not shallow.any():
        return value, nowhere
    total = abundance.sum()
    if abundance[deep].sum() >= LEAST_SHARE * total:
        carriers = (value > 0) & deep
        genomes = np.where(carriers, abundance, 0.0).sum(axis=1)
        copies = np.where(carriers, value, 0.0).sum(axis=1) / np.where(genomes > 0, genomes, 1.0)
        lent = carrier_chance(compiled, step_values(compiled, kos) > 0, carriers, reads) * copies[:, None]
    else:
        lent = score_block(compiled, kos.sum(axis=1, keepdims=True))[0] / total
    return np.where(shallow, lent * abundance, value), shallow

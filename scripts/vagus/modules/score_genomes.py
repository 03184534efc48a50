"""Score modules where every sample is a mixture of genomes whose genes are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from vagus.modules.score_modules import (
    Floats,
    ModuleLike,
    Scores,
    compile_modules,
    score_block,
    split_feature,
)  # fmt: skip

if TYPE_CHECKING:
    from vagus.profile import Profile

# Genomes that are scored at a time.
BLOCK = 5000


def score_genomes(modules: Iterable[ModuleLike], genes: Profile, shares: Profile) -> Scores:
    """Score modules in every genome once, then weigh the genomes.

    Parameters
    ----------
    modules
        As `module_file.load_modules` gives them.
    genes
        KOs (or EC numbers) x genomes, copies in each genome.
    shares
        Genomes x samples, share of the cells; genomes that `genes` lacks have no module.

    Returns
    -------
    Scores
        As `score_modules` gives of the profile `<KO>|<genome>` of copies times share, to rounding: a module
        is a geometric mean, so that a genome's share is a factor of it. That profile, of genes x genomes x
        samples, is never made.
    """
    compiled = compile_modules(modules)
    row = {split_feature(f)[0]: i for i, f in enumerate(genes.features)}
    known = np.array([row.get(ko, -1) for ko in compiled.kos], np.intp)
    column = {genome: g for g, genome in enumerate(genes.samples)}
    at = np.array([column.get(genome, -1) for genome in shares.features], np.intp)
    table = sparse.csc_array(genes.table)
    value = np.zeros((len(compiled.ids), len(at)))
    cover = np.zeros_like(value)
    for start in range(0, len(at), BLOCK):
        some = at[start : start + BLOCK]
        block = np.zeros((len(compiled.kos), len(some)))
        here = np.flatnonzero(some >= 0)
        dense = table[:, some[here]].toarray()
        block[np.ix_(known >= 0, here)] = dense[known[known >= 0]]
        value[:, start : start + BLOCK], cover[:, start : start + BLOCK] = score_block(compiled, block)
    weight = sparse.csr_array(shares.table, copy=True)
    weight.eliminate_zeros()
    there = weight.copy()
    there.data = np.ones_like(there.data)
    logs = weight.copy()
    logs.data = weight.data * np.log(weight.data)
    total = value @ weight
    own = value * np.log(value, out=np.zeros_like(value), where=value > 0)
    # Of x = value * share: sum x log x = sum (value log value) share + value (share log share).
    entropy = own @ weight + value @ logs
    carriers = (value > 0).astype(float) @ there
    some_there = total > 0
    safe = np.where(some_there, total, 1.0)
    redundancy = np.where(some_there, np.exp(np.log(safe) - entropy / safe), 0.0)
    return Scores(
        compiled.ids, list(shares.samples), total, np.zeros_like(total), carriers, redundancy,
        _best(cover, there), list(shares.features), None, total,
    )  # fmt: skip


def _best(cover: Floats, there: sparse.csr_array) -> Floats:
    """Highest coverage among the genomes of a sample (M x N)."""
    columns = sparse.csc_array(there)
    best = np.zeros((cover.shape[0], there.shape[1]))
    full = np.flatnonzero(np.diff(columns.indptr))
    if len(full):
        for module, of_genomes in enumerate(cover):
            best[module, full] = np.maximum.reduceat(of_genomes[columns.indices], columns.indptr[full])
    return best

"""What the tree adds to a table: for every sample, the reads below each branch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vagus.errors import VagusError


def read_rooted_tree(path: str | Path) -> Any:
    """Read a Newick tree; an unrooted one is rooted at its midpoint.

    FastTree writes a root with three branches, which Faith's PD and UniFrac do not define.

    Parameters
    ----------
    path
        Newick file.

    Returns
    -------
    skbio.TreeNode
        With at most two branches at the root and a length on every branch.

    Raises
    ------
    VagusError
        If the file is not a Newick tree.
    """
    from skbio import TreeNode

    try:
        tree = TreeNode.read(str(path), format="newick", convert_underscores=False)
    except Exception as error:
        raise VagusError(f"{path}: not a Newick tree ({error}); give a Newick file or remove it") from None
    if len(tree.children) > 2:
        tree = tree.root_at_midpoint()
    if len(tree.children) > 2:
        # The midpoint fell on a node: keep its place, and hang all but the first branch on one of length 0.
        rest = TreeNode(length=0.0)
        for child in list(tree.children[1:]):
            tree.remove(child)
            rest.append(child)
        tree.append(rest)
    for node in tree.postorder(include_self=False):
        if node.length is None:
            node.length = 0.0
    return tree


def branch_counts(
    table: sparse.csr_array, features: Sequence[str], tree: Any, block: int = 512
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield, for blocks of samples, the counts below every branch and the branch lengths.

    Parameters
    ----------
    table
        Counts, features x samples.
    features
        Row ids; each must be a tip of the tree.
    tree
        As given by `read_rooted_tree`.
    block
        Samples per block, which bounds the memory.

    Yields
    ------
    tuple
        Slice of samples, counts (samples x branches) and lengths (branches,).

    Raises
    ------
    VagusError
        If a feature is not a tip of the tree.
    """
    from skbio.diversity import vectorize_counts_and_tree

    tips = {tip.name for tip in tree.tips()}
    absent = [f for f in features if f not in tips]
    if absent:
        raise VagusError(
            f"tree: {len(absent)} of {len(features)} features are not tips of the tree, the first being "
            f"{absent[0]}; fix: give a tree of these sequences, or leave phylogeny.tree empty to build one"
        )
    columns = sparse.csc_array(table)
    for start in range(0, columns.shape[1], block):
        part = slice(start, min(start + block, columns.shape[1]))
        counts = columns[:, part].toarray().T
        # scikit-bio sums up the tree in integers.
        by_node, _, lengths = vectorize_counts_and_tree(
            np.ascontiguousarray(np.rint(counts), dtype=np.int64), list(features), tree
        )
        yield part, np.asarray(by_node), np.asarray(lengths, dtype=float)

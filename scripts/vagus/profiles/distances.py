"""Distances between samples: Aitchison, robust Aitchison, Bray-Curtis and both UniFracs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial.distance import pdist, squareform

from vagus.errors import VagusError
from vagus.profile import Profile, read_profile
from vagus.profiles.phylo import branch_counts, read_rooted_tree
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

METRICS = ("aitchison", "robust_aitchison", "bray_curtis", "unweighted_unifrac", "weighted_unifrac")
PHYLOGENETIC = ("unweighted_unifrac", "weighted_unifrac")


def aitchison(table: sparse.csr_array, pseudocount: float) -> np.ndarray:
    """Euclidean distance of centred log-ratios, a pseudocount being added to every count.

    Parameters
    ----------
    table
        Counts, features x samples.
    pseudocount
        Added to every count, in reads; above 0.

    Returns
    -------
    numpy.ndarray
        Condensed distances as of `scipy.spatial.distance.pdist`.

    Raises
    ------
    VagusError
        If the pseudocount is not positive.

    Notes
    -----
    Method: Aitchison et al. 2000, doi 10.1023/A:1007529726302.
    """
    from skbio.stats.composition import clr

    if pseudocount <= 0:
        raise VagusError(f"config: trial.pseudocount is {pseudocount}; allowed: above 0; fix: give e.g. 0.5")
    return pdist(np.asarray(clr(table.toarray().T + pseudocount)))


def robust_clr(table: sparse.csr_array) -> sparse.csr_array:
    """Centred log-ratios of the counts that are there; a zero stays missing.

    The same as scikit-bio's `rclr`, but sparse: a stored value may be 0, what is not stored is missing.

    Parameters
    ----------
    table
        Counts, features x samples.

    Returns
    -------
    scipy.sparse.csr_array
        Log-ratios, samples x features, with one stored entry per count above 0.
    """
    rows = sparse.csr_array(table.T)
    rows.eliminate_zeros()
    rows.sort_indices()
    size = np.diff(rows.indptr)
    logs = np.log(rows.data)
    owner = np.repeat(np.arange(rows.shape[0]), size)
    mean = np.bincount(owner, logs, minlength=rows.shape[0]) / np.maximum(size, 1)
    return sparse.csr_array((logs - mean[owner], rows.indices, rows.indptr), shape=rows.shape)


def robust_aitchison(
    table: sparse.csr_array, rank: int = 3, ridge: float = 0.1, iterations: int = 200, tolerance: float = 1e-7
) -> np.ndarray:
    """Distance between samples in a low-rank completion of the robust log-ratios.

    Zeros are taken as not observed rather than replaced: the log-ratios of what was observed are completed by
    the nearest matrix of low rank, and samples are compared there. The source completes by OptSpace; here the
    same squared error over the observed entries is minimised by alternating least squares from the leading
    singular vectors, with a small ridge that keeps samples of few features finite. Features seen in one
    sample only say nothing about two samples and are left out.

    Parameters
    ----------
    table
        Counts, features x samples.
    rank
        Rank of the completion.
    ridge
        Penalty on the squared factors.
    iterations, tolerance
        Stop after so many rounds, or when the completed observed entries move by less than this share.

    Returns
    -------
    numpy.ndarray
        Condensed distances.

    Notes
    -----
    Method: Martino et al. 2019, doi 10.1128/mSystems.00016-19.
    """
    n_samples = table.shape[1]
    ratios = robust_clr(table)
    pairs = n_samples * (n_samples - 1) // 2
    seen = np.bincount(ratios.indices, minlength=ratios.shape[1])
    # From the transpose and back: keeps stored zeros, which are observed values.
    ratios = sparse.csr_array(sparse.csc_array(ratios)[:, np.flatnonzero(seen > 1)])
    if n_samples < 2 or not ratios.nnz or not np.any(ratios.data):
        return np.zeros(pairs)
    rank = max(1, min(rank, min(ratios.shape) - 1))
    mask = sparse.csr_array((np.ones(ratios.nnz), ratios.indices, ratios.indptr), shape=ratios.shape)
    mask_t, ratios_t = sparse.csr_array(mask.T), sparse.csr_array(ratios.T)
    u, v = _leading_vectors(ratios, rank, ratios.nnz / (ratios.shape[0] * ratios.shape[1]))
    owner = np.repeat(np.arange(n_samples), np.diff(ratios.indptr))
    fitted = np.einsum("ij,ij->i", u[owner], v[ratios.indices])
    for _ in range(iterations):
        u = _solve_rows(mask, ratios, v, ridge)
        v = _solve_rows(mask_t, ratios_t, u, ridge)
        last, fitted = fitted, np.einsum("ij,ij->i", u[owner], v[ratios.indices])
        if np.linalg.norm(fitted - last) <= tolerance * max(float(np.linalg.norm(last)), 1e-12):
            break
    # |u_i V' - u_j V'| needs only the triangular factor of V, not the completed matrix.
    triangle = np.asarray(np.linalg.qr(v, mode="r"))
    return pdist(u @ triangle.T)


def _leading_vectors(ratios: sparse.csr_array, rank: int, filled: float) -> tuple[np.ndarray, np.ndarray]:
    """Start the completion from the singular vectors of the observed entries, scaled up for the missing."""
    if min(ratios.shape) <= 50:
        left, scale, right = np.linalg.svd(ratios.toarray(), full_matrices=False)
        left, scale, right = left[:, :rank], scale[:rank], right[:rank]
    else:
        from scipy.sparse.linalg import svds

        left, scale, right = svds(ratios, k=rank, v0=np.ones(min(ratios.shape)))
    root = np.sqrt(scale / filled)
    return left * root, right.T * root


def _solve_rows(
    mask: sparse.csr_array, values: sparse.csr_array, fixed: np.ndarray, ridge: float
) -> np.ndarray:
    """Least squares of every row on the fixed factor, over its observed entries, all rows at once."""
    k = fixed.shape[1]
    squares = (fixed[:, :, None] * fixed[:, None, :]).reshape(len(fixed), k * k)
    gram = (mask @ squares).reshape(-1, k, k) + ridge * np.eye(k)
    return np.linalg.solve(gram, (values @ fixed)[:, :, None])[:, :, 0]


def bray_curtis(table: sparse.csr_array) -> np.ndarray:
    """Bray-Curtis dissimilarity of the shares, so that depth plays no part.

    Parameters
    ----------
    table
        Counts, features x samples, no sample empty.

    Returns
    -------
    numpy.ndarray
        Condensed dissimilarities, 0 to 1.

    Notes
    -----
    Method: Bray and Curtis 1957, doi 10.2307/1942268.
    """
    counts = table.toarray().T
    # Shares sum to 1, so the dissimilarity is half the city-block distance.
    return pdist(counts / counts.sum(axis=1, keepdims=True), "cityblock") / 2


def unifrac(profile: Profile, tree_path: str | Path, weighted: bool) -> np.ndarray:
    """UniFrac distance, equal to scikit-bio's `beta_diversity` without a Python call for every pair.

    Parameters
    ----------
    profile
        Counts, no sample empty.
    tree_path
        Newick tree with every feature as a tip.
    weighted
        Whether branches count by the difference of the shares below them (not normalised), or by presence.

    Returns
    -------
    numpy.ndarray
        Condensed distances.

    Notes
    -----
    Methods: Lozupone and Knight 2005, doi 10.1128/AEM.71.12.8228-8235.2005; Lozupone et al. 2007,
    doi 10.1128/AEM.01996-06.
    """
    tree = read_rooted_tree(tree_path)
    blocks, branches = [], np.zeros(0)
    for part, by_node, lengths in branch_counts(profile.table, profile.features, tree):
        total = np.asarray(profile.table[:, part].sum(axis=0)).ravel()
        shares = by_node / total[:, None] if weighted else (by_node > 0).astype(float)
        blocks.append(shares)
        branches = lengths
    nodes = np.vstack(blocks)
    if weighted:
        nodes *= branches
        return pdist(nodes, "cityblock")
    shared = (nodes * branches) @ nodes.T
    own = np.diag(shared)
    union = own[:, None] + own[None, :] - shared
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(union > 0, 1 - shared / union, 0.0)
    upper = distance[np.triu_indices(len(distance), 1)]
    # Rounding of the matrix product must not make equal samples differ.
    return np.where(upper < 1e-12, 0.0, upper)


def distance_matrix(
    profile: Profile, metric: str, tree_path: str | Path | None = None, pseudocount: float = 0.5
) -> pd.DataFrame:
    """Distances between all samples with reads.

    Parameters
    ----------
    profile
        Counts.
    metric
        One of `METRICS`.
    tree_path
        Newick tree, for the UniFracs.
    pseudocount
        For Aitchison, in reads.

    Returns
    -------
    pandas.DataFrame
        Square, symmetric, ids on both axes.

    Raises
    ------
    VagusError
        If the metric is unknown, the tree missing or the profile without counts.
    """
    if metric not in METRICS:
        raise VagusError(f"config: diversity.distances has {metric!r}; allowed: {', '.join(METRICS)}")
    if metric in PHYLOGENETIC and not tree_path:
        raise VagusError(
            f"config: diversity.distances has {metric}, which needs a tree, but phylogeny.method is none; "
            "fix: set phylogeny.method to fasttree, give phylogeny.tree, or take the metric out"
        )
    profile.need_counts(f"distance {metric}")
    total = np.asarray(profile.table.sum(axis=0)).ravel()
    used = profile.subset([s for s, n in zip(profile.samples, total, strict=True) if n > 0])
    if len(used.samples) < 2:
        condensed = np.zeros(0)
    elif metric == "aitchison":
        condensed = aitchison(used.table, pseudocount)
    elif metric == "robust_aitchison":
        condensed = robust_aitchison(used.table)
    elif metric == "bray_curtis":
        condensed = bray_curtis(used.table)
    else:
        condensed = unifrac(used, str(tree_path), weighted=metric == "weighted_unifrac")
    size = len(used.samples)
    square = squareform(condensed) if size > 1 else np.zeros((size, size))
    return pd.DataFrame(square, index=used.samples, columns=used.samples)


def main(profile: str, tree: str | None, tables: list[str], metrics: list[str], pseudocount: float) -> None:
    """Read once, compare by each metric and write a table for each."""
    source = read_profile(profile)
    for metric, table in zip(metrics, tables, strict=True):
        frame = distance_matrix(source, metric, tree, pseudocount)
        Path(table).parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(table, sep="\t", index_label="sample", float_format="%.10g")
        print(f"{metric}: {len(frame)} samples")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.get("tree") or None,
            list(snakemake.output),
            snakemake.params.metrics,
            snakemake.params.pseudocount,
        ),
        snakemake.log[0],
    )

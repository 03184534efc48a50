"""Diversity within each sample: richness, Shannon, Simpson, Pielou and Faith's phylogenetic diversity."""

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from scipy import sparse

from vagus.design.model import load_design
from vagus.errors import VagusError
from vagus.profile import Profile, read_profile, write_profile
from vagus.profiles.phylo import branch_counts, read_rooted_tree
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

METRICS = {"observed": "sobs", "shannon": "shannon", "simpson": "simpson", "pielou": "pielou_e"}
UNITS = {
    "observed": "features",
    "shannon": "nats",
    "simpson": "probability",
    "pielou": "ratio",
    "faith_pd": "branch length",
}


def rarefy_profile(profile: Profile, depth: int, seed: int) -> Profile:
    """Draw the same number of reads from every sample, without replacement.

    Each sample has its own random stream, from the seed and its id, so that the draw does not depend on which
    other samples there are or in what order they stand.

    Parameters
    ----------
    profile
        Counts.
    depth
        Reads per sample; samples with fewer are left out.
    seed
        The plan's seed.

    Returns
    -------
    Profile
        Samples with `depth` reads each.

    Raises
    ------
    VagusError
        If the depth is not positive.
    """
    from skbio.stats import subsample_counts

    if depth < 1:
        raise VagusError(f"config: diversity.depth is {depth}; allowed: none or a positive whole number")
    columns = sparse.csc_array(profile.table)
    total = np.asarray(columns.sum(axis=0)).ravel()
    order = np.argsort(np.array(profile.features, dtype=object)) if profile.features else np.arange(0)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    kept: list[str] = []
    data, rows, cols = [], [], []
    for i, sample in enumerate(profile.samples):
        if total[i] < depth:
            continue
        part = slice(columns.indptr[i], columns.indptr[i + 1])
        index = columns.indices[part]
        by_name = np.argsort(rank[index])
        own = int.from_bytes(hashlib.sha256(f"{seed}|{sample}".encode()).digest()[:8], "big")
        drawn = subsample_counts(
            columns.data[part][by_name].astype(np.int64), depth, seed=np.random.default_rng(own)
        )
        data.append(drawn)
        rows.append(index[by_name])
        cols.append(np.full(len(drawn), len(kept)))
        kept.append(sample)
    shape = (len(profile.features), len(kept))
    if not kept:
        return Profile(profile.name, sparse.csr_array(shape), profile.features, [], {}, profile.meta)
    coords = (np.concatenate(rows), np.concatenate(cols))
    table = sparse.csr_array((np.concatenate(data).astype(float), coords), shape=shape)
    table.eliminate_zeros()
    return Profile(profile.name, table, profile.features, kept, profile.taxonomy, profile.meta)


def alpha_values(profile: Profile) -> np.ndarray:
    """Richness, Shannon (natural log), Simpson and Pielou of every sample, by scikit-bio.

    Parameters
    ----------
    profile
        Counts.

    Returns
    -------
    numpy.ndarray
        (4, samples), in the order of `METRICS`; NaN for a sample without reads.
    """
    from skbio.diversity import alpha

    functions = [getattr(alpha, name) for name in METRICS.values()]
    columns = sparse.csc_array(profile.table)
    values = np.full((len(functions), columns.shape[1]), np.nan)
    for j in range(columns.shape[1]):
        # Only the features that are there: zeros add nothing to these four, and tables are mostly zeros.
        present = columns.data[columns.indptr[j] : columns.indptr[j + 1]]
        present = present[present > 0].astype(np.int64)
        if len(present):
            values[:, j] = [function(present) for function in functions]
    return values


def faith_values(profile: Profile, tree_path: str | Path) -> np.ndarray:
    """Faith's PD of every sample: the branches between its features and the root.

    Parameters
    ----------
    profile
        Counts.
    tree_path
        Newick tree with every feature as a tip.

    Returns
    -------
    numpy.ndarray
        (samples,), in the tree's unit of length.

    Notes
    -----
    Method: Faith 1992, doi 10.1016/0006-3207(92)91201-3.
    """
    values = np.zeros(len(profile.samples))
    if not profile.features or not profile.samples:
        return values
    for part, by_node, lengths in branch_counts(profile.table, profile.features, read_rooted_tree(tree_path)):
        values[part] = (by_node > 0) @ lengths
    return values


def diversity_profile(
    profile: Profile, tree_path: str | Path | None, depth: int | None = None, seed: int = 1
) -> Profile:
    """Diversity of every sample with reads, as a profile of scores.

    Parameters
    ----------
    profile
        Counts of sequence variants.
    tree_path
        Newick tree; None leaves Faith's PD out.
    depth
        Reads per sample for rarefaction; None uses all reads.
    seed
        Seed of the rarefaction.

    Returns
    -------
    Profile
        Features observed, shannon, simpson, pielou and, with a tree, faith_pd; samples without values are
        named in `meta["left_out"]`.

    Raises
    ------
    VagusError
        If the profile holds no counts.
    """
    profile.need_counts("diversity")
    total = np.asarray(profile.table.sum(axis=0)).ravel()
    left_out = {s: "no reads" for s, n in zip(profile.samples, total, strict=True) if n == 0}
    used = profile.subset([s for s, n in zip(profile.samples, total, strict=True) if n > 0])
    if depth is not None:
        reads = dict(zip(profile.samples, total, strict=True))
        used = rarefy_profile(used, depth, seed)
        deep = set(used.samples)
        for s in profile.samples:
            if s not in deep and s not in left_out:
                left_out[s] = f"{int(reads[s])} reads, fewer than diversity.depth {depth}"
    values = alpha_values(used)
    features = list(METRICS)
    if tree_path:
        values = np.vstack([values, faith_values(used, tree_path)])
        features.append("faith_pd")
    assay = profile.name.split(".")[0]
    meta = {
        **{k: v for k, v in profile.meta.items() if k not in ("decontam", "unit")},
        "name": f"{assay}.diversity",
        "level": "diversity",
        "kind": "score",
        "unit": "",
        "units": {f: UNITS[f] for f in features},
        "depth": depth,
        "left_out": left_out,
    }
    return Profile(f"{assay}.diversity", sparse.csr_array(values), features, used.samples, {}, meta)


def main(profile: str, design: str, tree: str | None, profile_out: str, depth: str | int | None) -> None:
    """Read, measure and write."""
    reads = None if depth in (None, "", "none") else int(str(depth))
    seed = int(load_design(design).plan.get("seed", 1))
    result = diversity_profile(read_profile(profile), tree, reads, seed)
    for sample, reason in result.meta["left_out"].items():
        print(f"NOTE: sample {sample} left out of the diversity: {reason}")
    if not tree:
        print("NOTE: no tree, so no faith_pd")
    write_profile(result, profile_out)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            snakemake.input.get("tree") or None,
            snakemake.output.profile,
            snakemake.params.depth,
        ),
        snakemake.log[0],
    )

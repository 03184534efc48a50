"""A rooted tree of the sequence variants: aligned and inferred here, or given and checked."""

import io
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from skbio import TreeNode

from vagus.amplicon.sequence_ids import read_fasta, write_fasta
from vagus.errors import VagusError
from vagus.reads.tools import find_tool, run_tool
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def align(fasta: Path, threads: int) -> dict[str, str]:
    """Align sequences with MAFFT.

    Parameters
    ----------
    fasta
        Two sequences or more.
    threads
        Threads for MAFFT.

    Returns
    -------
    dict
        Aligned sequence by id.

    References
    ----------
    Katoh K, Standley DM (2013) Mol Biol Evol 30:772, doi:10.1093/molbev/mst010
    """
    text = run_tool(["mafft", "--auto", "--nuc", "--quiet", "--thread", str(threads), fasta], "build_tree")
    path = fasta.with_suffix(".aligned.fasta")
    path.write_text(text, encoding="utf-8")
    return {name: sequence.upper() for name, sequence in read_fasta(path)}


def differing_share(first: str, second: str) -> float:
    """Return the share of differing bases among the columns in which both sequences have one."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a != "-" and b != "-"]
    return sum(a != b for a, b in pairs) / len(pairs) if pairs else 1.0


def infer_tree(sequences: Mapping[str, str], threads: int) -> TreeNode:
    """Infer a tree of sequences and root it at its midpoint.

    Parameters
    ----------
    sequences
        Sequence by id.
    threads
        Threads for MAFFT.

    Returns
    -------
    skbio.TreeNode
        Rooted, tips named by id, inner nodes without names, no negative or missing lengths below the root.
        One or two sequences make a tree without inference.

    Raises
    ------
    VagusError
        If there is no sequence, or a tool fails.

    References
    ----------
    Price MN et al. (2010) PLoS ONE 5:e9490, doi:10.1371/journal.pone.0009490
    """
    ids = list(sequences)
    if not ids:
        raise VagusError(
            "build_tree: there is no sequence to build a tree of; fix: look at the ledger for lost reads"
        )
    if len(ids) == 1:
        return TreeNode.read(io.StringIO(f"('{ids[0]}':0.0);"))
    with tempfile.TemporaryDirectory(prefix="tree.") as name:
        fasta = Path(name) / "asv.fasta"
        write_fasta(sequences.items(), fasta)
        aligned = align(fasta, threads)
        if len(ids) == 2:
            half = differing_share(*(aligned[i] for i in ids)) / 2
            return TreeNode.read(io.StringIO(f"('{ids[0]}':{half},'{ids[1]}':{half});"))
        path = Path(name) / "aligned.fasta"
        write_fasta(aligned.items(), path)
        newick = run_tool(
            [find_tool("fasttree", "FastTree"), "-nt", "-gtr", "-nosupport", "-quiet", path], "build_tree"
        )
    tree = TreeNode.read(io.StringIO(newick), convert_underscores=False)
    return root_tree(tree)


def root_tree(tree: TreeNode) -> TreeNode:
    """Root a tree at its midpoint, and set missing and negative lengths to zero."""
    for node in tree.traverse(include_self=False):
        node.length = max(0.0, node.length or 0.0)
    # All sequences at one point have no midpoint.
    if sum(node.length for node in tree.traverse(include_self=False)) > 0:
        tree = tree.root_at_midpoint()
    for node in tree.traverse(include_self=False):
        node.length = max(0.0, node.length or 0.0)
        if not node.is_tip():
            node.name = None
    tree.name = tree.length = None
    return tree


def check_given(path: str | Path, features: Iterable[str]) -> TreeNode:
    """Read the user's tree and cut it to the variants.

    Parameters
    ----------
    path
        Newick; its tips are variant ids (`ASV_` and ten digits of the sequence's MD5).
    features
        Variant ids.

    Returns
    -------
    skbio.TreeNode
        Rooted at its midpoint if it came without a root.

    Raises
    ------
    VagusError
        If it is no Newick, or a variant has no tip or more than one.
    """
    wanted = list(features)
    where = f"config, 'phylogeny.tree': {path}"
    try:
        tree = TreeNode.read(str(path), format="newick", convert_underscores=False)
    except FileNotFoundError:
        raise VagusError(
            f"{where} does not exist; fix: give its path, or leave it empty to infer a tree"
        ) from None
    except Exception as error:
        raise VagusError(f"{where} is no Newick tree ({error}); fix: export it as Newick") from None
    tips = [str(tip.name) for tip in tree.tips()]
    twice = sorted({t for t in tips if tips.count(t) > 1}) if len(set(tips)) < len(tips) else []
    if twice:
        raise VagusError(f"{where}: tip {twice[0]} stands there twice; fix: one tip for each variant")
    missing = sorted(set(wanted) - set(tips))
    if missing:
        raise VagusError(
            f"{where}: {len(missing)} of {len(wanted)} variants have no tip, first {missing[0]}; "
            "fix: place them in the tree, or leave phylogeny.tree empty to infer one"
        )
    if len(set(tips)) > len(set(wanted)):
        tree = tree.shear(wanted)
        tree.prune()
    if len(tree.children) > 2:
        tree = root_tree(tree)
    return tree


def main(fasta: str, output: str, threads: int, given: str | None = None) -> None:
    """Write the tree of the variants in a FASTA file."""
    sequences = dict(read_fasta(fasta))
    tree = check_given(given, sequences) if given else infer_tree(sequences, threads)
    print(f"{len(sequences)} variants, {tree.count(tips=True)} tips")
    tree.write(output, format="newick")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.fasta,
            snakemake.output[0],
            snakemake.threads,
            next(iter(snakemake.input.get("given", [])), None),
        ),
        snakemake.log[0],
    )

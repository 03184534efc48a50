"""Trees of any number of variants, rooted, and the user's own tree."""

from __future__ import annotations

import io

import pytest
from reads.made_reads import make_insert
from skbio import TreeNode

from vagus.amplicon.build_tree import check_given, differing_share, main, root_tree
from vagus.amplicon.sequence_ids import write_fasta
from vagus.errors import VagusError


def mutate(sequence: str, places: range) -> str:
    swap = {"A": "C", "C": "G", "G": "T", "T": "A"}
    return "".join(swap[b] if i in places else b for i, b in enumerate(sequence))


def build(tmp_path, sequences: dict[str, str]) -> TreeNode:
    write_fasta(sequences.items(), tmp_path / "asv.fasta")
    main(str(tmp_path / "asv.fasta"), str(tmp_path / "tree.nwk"), 1)
    return TreeNode.read(str(tmp_path / "tree.nwk"), convert_underscores=False)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_any_number_of_variants_makes_a_rooted_tree(tmp_path, count):
    base = make_insert(1, 250)
    sequences = {f"ASV_{i:010x}": mutate(base, range(i * 7, i * 14)) for i in range(count)}
    tree = build(tmp_path, sequences)
    assert {tip.name for tip in tree.tips()} == set(sequences)
    assert len(tree.children) == min(2, count)
    assert all(node.length >= 0 for node in tree.traverse(include_self=False))


def test_two_variants_are_apart_by_their_differences(tmp_path):
    base = make_insert(2, 200)
    tree = build(tmp_path, {"ASV_a": base, "ASV_b": mutate(base, range(10, 190, 9))})
    assert tree.find("ASV_a").distance(tree.find("ASV_b")) == pytest.approx(0.1)


def test_relatives_are_neighbours(tmp_path):
    a, b = make_insert(3, 250), make_insert(4, 250)
    tree = build(
        tmp_path, {"ASV_a": a, "ASV_b": b, "ASV_a2": mutate(a, range(5)), "ASV_b2": mutate(b, range(5))}
    )
    assert {t.name for t in tree.find("ASV_a").parent.tips()} == {"ASV_a", "ASV_a2"}
    assert {t.name for t in tree.find("ASV_b").parent.tips()} == {"ASV_b", "ASV_b2"}


def test_no_variant_is_said(tmp_path):
    with pytest.raises(VagusError, match="there is no sequence to build a tree of"):
        build(tmp_path, {})


def test_rooting_survives_lengths_of_zero():
    tree = root_tree(TreeNode.read(io.StringIO("(a:0,b:0,c:0);")))
    assert {t.name for t in tree.tips()} == {"a", "b", "c"}
    assert all(node.length == 0 for node in tree.traverse(include_self=False))


def test_differing_share_leaves_gaps_out():
    assert differing_share("AC-GT", "ACTGA") == 0.25
    assert differing_share("--", "AC") == 1.0


def write_tree(tmp_path, newick: str):
    (tmp_path / "given.nwk").write_text(newick)
    return tmp_path / "given.nwk"


def test_given_tree_is_cut_to_the_variants(tmp_path):
    path = write_tree(tmp_path, "((ASV_a:1,ASV_b:2):1,(ASV_c:1,other:5):1);")
    tree = check_given(path, ["ASV_a", "ASV_b", "ASV_c"])
    assert {t.name for t in tree.tips()} == {"ASV_a", "ASV_b", "ASV_c"}
    assert tree.find("ASV_a").distance(tree.find("ASV_c")) == pytest.approx(4)


def test_given_tree_without_a_root_gets_one(tmp_path):
    tree = check_given(write_tree(tmp_path, "(a:1,b:1,c:3);"), ["a", "b", "c"])
    assert len(tree.children) == 2


@pytest.mark.parametrize(
    ("newick", "message"),
    [
        ("((a:1,b:1):1,x:1);", "1 of 3 variants have no tip, first c; fix: place them"),
        ("((a:1,b:1):1,(c:1,a:1):1);", "tip a stands there twice"),
        ("((a:1,b:1:1,c", "is no Newick tree"),
    ],
)
def test_given_tree_that_does_not_fit_is_refused(tmp_path, newick, message):
    with pytest.raises(VagusError, match=message) as caught:
        check_given(write_tree(tmp_path, newick), ["a", "b", "c"])
    assert "'phylogeny.tree'" in str(caught.value)


def test_given_tree_that_is_absent(tmp_path):
    with pytest.raises(VagusError, match=r"none\.nwk does not exist"):
        check_given(tmp_path / "none.nwk", ["a"])

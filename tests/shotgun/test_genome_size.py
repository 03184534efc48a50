"""Genome equivalents: the median of the markers, and what happens where there are few."""

from __future__ import annotations

from pathlib import Path

import pytest

from vagus.errors import VagusError
from vagus.shotgun.genome_size import (
    choose_markers,
    genome_equivalents,
    per_genome,
    read_markers,
    reference_markers,
)

MARKERS = Path(__file__).parents[2] / "resources" / "single_copy_markers.tsv"
FIVE = ["K00001", "K00002", "K00003", "K00004", "K00005"]


def test_shipped_markers_are_read_and_unique() -> None:
    found = read_markers(MARKERS)
    assert len(found) == len(set(found)) >= 30
    assert {"K02886", "K02986", "K02992"} <= set(found)


def test_the_median_ignores_one_doubled_and_one_lost_marker() -> None:
    found = genome_equivalents(dict(zip(FIVE, [4.0, 4.0, 8.0, 4.0, 0.0], strict=True)), FIVE)
    assert (found.value, found.method, found.seen, found.markers) == (4.0, "median", 4, 5)


def test_a_shallow_sample_is_measured_by_the_mean() -> None:
    found = genome_equivalents({"K00001": 1.0, "K00002": 0.5}, FIVE)
    assert (found.value, found.method) == (pytest.approx(0.3), "mean")


def test_a_marker_is_summed_over_taxa_before_the_median() -> None:
    depths = {(ko, taxon): 1.0 for ko in FIVE for taxon in ("a", "b")} | {("K09999", "a"): 3.0}
    values, facts = per_genome(depths, FIVE)
    assert facts["genome_equivalents"] == 2.0
    assert values["K09999", "a"] == 1.5
    assert values["K00001", "b"] == 0.5


def test_too_few_markers_in_the_reference_are_refused_with_a_way_out() -> None:
    with pytest.raises(VagusError, match=r"ref: 2 of the 5 .*K00003.*genome_equivalents: none"):
        reference_markers({"K00001", "K00002"}, FIVE, "ref")


def test_no_marker_seen_leaves_no_values_and_says_so() -> None:
    values, facts = per_genome({("K09999", ""): 3.0}, FIVE)
    assert values == {}
    assert facts["status"] == "no marker found"
    assert "5 single-copy" in facts["reason"]


def test_none_leaves_plain_depths() -> None:
    assert choose_markers({"genome_equivalents": "none"}, MARKERS, set(), "ref") is None
    values, facts = per_genome({("K09999", ""): 3.0, ("K09998", ""): 0.0}, None)
    assert values == {("K09999", ""): 3.0}
    assert (facts["kind"], facts["genome_equivalents"]) == ("relative", None)
    with pytest.raises(VagusError, match="allowed: markers, none"):
        choose_markers({"genome_equivalents": "median"}, MARKERS, set(), "ref")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ko\tname\n", "no column source"),
        ("ko\tname\tsource\nK1\tx\ty\n", "row 2: 'K1' is no KO number"),
        ("ko\tname\tsource\nK00001\tx\ty\nK00001\tx\ty\n", "row 3: 'K00001' stands twice"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "markers.tsv"
    path.write_text(text)
    with pytest.raises(VagusError, match=words):
        read_markers(path)

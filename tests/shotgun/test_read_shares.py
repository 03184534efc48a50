"""Reads that fit several species go back to them, and no further."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagus.errors import VagusError
from vagus.shotgun.read_shares import (
    Kind,
    claim_shared,
    kind_of,
    lineages_above,
    nearest_shares,
    read_shares,
    settle_counts,
    write_shares,
)
from vagus.shotgun.tables import UNCLASSIFIED, SampleReads

FAMILY = "B;;;;F;;"
GENUS = "B;;;;F;G;"
ONE, TWO, ALIEN = f"{GENUS}G one", f"{GENUS}G two", f"{GENUS}G three"
SHARES = {
    ONE: {ONE: 0.8, GENUS: 0.15, FAMILY: 0.05},
    TWO: {TWO: 0.5, GENUS: 0.45, FAMILY: 0.05},
}


def counts_of(one: float, two: float) -> dict[str, float]:
    return {
        ONE: 0.8 * one,
        TWO: 0.5 * two,
        GENUS: 0.15 * one + 0.45 * two,
        FAMILY: 0.05 * (one + two),
        UNCLASSIFIED: 7.0,
    }


def test_all_reads_come_back_where_the_reference_is_whole() -> None:
    found = settle_counts(counts_of(1000, 400), 10, 0.005, SHARES)
    assert found[ONE] == pytest.approx(1000, abs=2)
    assert found[TWO] == pytest.approx(400, abs=2)
    assert found[UNCLASSIFIED] == 7
    assert sum(found.values()) == sum(counts_of(1000, 400).values())


def test_a_relative_that_the_reference_lacks_stays_at_the_genus() -> None:
    counts = counts_of(1000, 0)
    counts[GENUS] += 5000
    found = settle_counts(counts, 10, 0.005, SHARES)
    assert found[ONE] == pytest.approx(1000, abs=2)
    assert found[GENUS] == pytest.approx(5000, abs=2)
    assert TWO not in {k for k, v in found.items() if v}


def test_a_rare_species_claims_nothing_and_its_reads_are_not_shared() -> None:
    counts = counts_of(1000, 0) | {TWO: 9.0}
    found = settle_counts(counts, 10, 0.005, SHARES)
    assert TWO not in found
    assert found[ONE] == pytest.approx(1000, abs=2)
    assert found[GENUS] == pytest.approx(9, abs=2)


def test_claims_above_the_reads_are_cut_alike() -> None:
    found = claim_shared({ONE: 800.0, TWO: 500.0, GENUS: 60.0}, [ONE, TWO], SHARES)
    assert found == {ONE: 815.0, TWO: 545.0, GENUS: 0.0}


def test_a_species_with_hardly_a_read_of_its_own_claims_nothing() -> None:
    shares = {ONE: {ONE: 0.001, GENUS: 0.999}}
    counts = {ONE: 20.0, GENUS: 1e5}
    assert claim_shared(counts, [ONE], shares) == counts
    assert claim_shared(counts, [ONE], {}) == counts


@given(
    st.lists(st.floats(0, 1e6), min_size=5, max_size=5),
    st.floats(0, 100),
    st.floats(0, 0.5),
)
def test_no_read_is_lost_or_made(values: list[float], least: float, share: float) -> None:
    counts = dict(zip([ONE, TWO, GENUS, FAMILY, UNCLASSIFIED], map(float, np.floor(values)), strict=True))
    found = settle_counts(counts, least, share, SHARES)
    assert sum(found.values()) == pytest.approx(sum(counts.values()))
    assert min(found.values()) >= 0
    assert found[UNCLASSIFIED] == counts[UNCLASSIFIED]
    assert set(found) <= set(counts)


def test_lineages_above_skip_blank_ranks() -> None:
    assert lineages_above(ONE) == [GENUS, FAMILY, "B;;;;;;"]


def test_the_table_is_read_as_written(tmp_path) -> None:
    shares = {Kind(100, False): SHARES, Kind(150, True): {ONE: {ONE: 1.0}}}
    write_shares(shares, tmp_path / "s.tsv")
    assert read_shares(tmp_path / "s.tsv") == shares
    (tmp_path / "s.tsv").write_text("a\tb\n")
    with pytest.raises(VagusError, match="not a table of read shares"):
        read_shares(tmp_path / "s.tsv")


def test_the_nearest_kind_is_taken_pairs_before_length(tmp_path) -> None:
    shares = {Kind(100, False): {"a": {}}, Kind(150, False): {"b": {}}, Kind(100, True): {"c": {}}}
    assert nearest_shares(shares, Kind(151, False)) == {"b": {}}
    assert nearest_shares(shares, Kind(250, True)) == {"c": {}}
    assert nearest_shares({}, Kind(1, True)) == {}
    reads = tmp_path / "s__r_R1.fastq.gz"
    with gzip.open(reads, "wt") as handle:
        handle.write("@a\nACGT\n+\nIIII\n@b\nAC\n+\nII\n")
    assert kind_of(SampleReads("s", [], [reads])) == Kind(3, False)
    assert kind_of(SampleReads("s", [(reads, reads)], [])) == Kind(3, True)

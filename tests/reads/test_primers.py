"""Primers by name or sequence."""

from __future__ import annotations

import pytest
from reads.made_reads import FORWARD, REVERSE

from vagus.errors import VagusError
from vagus.reads.primers import PrimerPair, load_primers, primer_arguments, reverse_complement


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "primers.tsv"
    path.write_text(
        f"# comment\nname\tforward\treverse\n515F-806R\t{FORWARD}\t{REVERSE}\n"
        "27F-338R\tAGAGTTTGATYMTGGCTCAG\tGCTGCCTCCCGTAGGAGT\n"
    )
    return path


def test_by_name_by_sequence_or_none(table):
    assert load_primers("515F-806R", table) == PrimerPair(FORWARD, REVERSE, "515F-806R")
    assert load_primers({"forward": " gtgycagcmgccgcgguaa ", "reverse": REVERSE}, None) == PrimerPair(
        FORWARD, REVERSE
    )
    assert load_primers("", None) is None


def test_unknown_name_names_the_nearest(table):
    with pytest.raises(
        VagusError, match=r"unknown name '515F-806'; did you mean 515F-806R\? allowed: 515F-806R, 27F"
    ):
        load_primers("515F-806", table)


def test_a_letter_that_is_no_iupac_code_is_refused():
    with pytest.raises(VagusError, match=r"'forward': 'GTGXCAGCMGCCGCGGTAA' holds X; allowed: IUPAC"):
        load_primers({"forward": "GTGXCAGCMGCCGCGGTAA", "reverse": REVERSE}, None)
    with pytest.raises(VagusError, match=r"'reverse': 'ACGT' has 4 bases"):
        load_primers({"forward": FORWARD, "reverse": "ACGT"}, None)


def test_inosine_is_any_base():
    assert (
        load_primers({"forward": "GTGICAGCMGCCGCGGTAA", "reverse": ""}, None).forward == "GTGNCAGCMGCCGCGGTAA"
    )


def test_paired_reads_need_both_primers():
    with pytest.raises(VagusError, match=r"'reads.primers', 'reverse': missing for paired-end reads"):
        primer_arguments(PrimerPair(FORWARD, ""), True, 0.1)
    assert "-G" not in primer_arguments(PrimerPair(FORWARD, ""), False, 0.1)


def test_reverse_complement_of_iupac_codes():
    assert reverse_complement("ACGTRYSWKMBDHVN") == "NBDHVKMWSRYACGT"
    assert reverse_complement(reverse_complement(REVERSE)) == REVERSE

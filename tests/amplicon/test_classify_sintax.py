"""SINTAX against a made reference, in lower case too, and against RDP."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from reads.made_reads import make_insert

from vagus.amplicon import classify_sintax
from vagus.amplicon.classify_sintax import TAXONOMY_COLUMNS, classify, main, parse_answer
from vagus.amplicon.prepare_reference import prepare_reference
from vagus.amplicon.sequence_ids import read_fasta, write_fasta

DATA = Path(__file__).parents[2].parent / "shared" / "data"

if not shutil.which("vsearch"):
    pytest.skip("vsearch is not installed", allow_module_level=True)

GENES = {f"Bacteria;Phylum {i};Class;Order;Family;Genus{i};": make_insert(50 + i, 1000) for i in range(4)}


@pytest.mark.parametrize("case", ["upper", "lower"])
def test_reference_in_either_case_classifies(tmp_path, case):
    write_fasta([(h, getattr(s, case)()) for h, s in GENES.items()], tmp_path / "r.fasta")
    prepare_reference(tmp_path / "r.fasta", tmp_path / "d.gz", tmp_path / "s.gz")
    queries = {f"ASV_{i}": s[300:550] for i, s in enumerate(GENES.values())}
    write_fasta([*queries.items(), ("ASV_x", make_insert(77, 250))], tmp_path / "q.fasta")
    main(str(tmp_path / "q.fasta"), str(tmp_path / "s.gz"), str(tmp_path / "t.tsv"), 80, 2)
    table = pd.read_csv(tmp_path / "t.tsv", sep="\t", keep_default_na=False)
    assert list(table.columns) == TAXONOMY_COLUMNS
    assert table["feature"].tolist() == [*queries, "ASV_x"]
    assert table["phylum"].tolist()[:4] == [f"Phylum {i}" for i in range(4)]
    assert table["genus"].tolist() == ["Genus0", "Genus1", "Genus2", "Genus3", ""]
    assert (table["confidence"][:4] == 100).all()
    assert (table["species"] == "").all()


def test_no_variants_make_an_empty_table(tmp_path):
    (tmp_path / "q.fasta").write_text("")
    main(str(tmp_path / "q.fasta"), "unused", str(tmp_path / "t.tsv"), 80, 1)
    assert (tmp_path / "t.tsv").read_text().strip().split("\t") == TAXONOMY_COLUMNS


def test_the_cutoff_ends_the_lineage():
    text = "d:Bacteria(1.00),p:Firmicutes(0.95),c:Bacilli (x)(0.80),o:L(0.79),f:F(0.90)"
    assert parse_answer(text, 80) == (["Bacteria", "Firmicutes", "Bacilli (x)", "", "", "", ""], 80.0)
    assert parse_answer("d:Bacteria(0.40)", 80) == ([""] * 7, 40.0)
    assert parse_answer("", 80) == ([""] * 7, 0.0)


def test_a_filled_rank_is_cleared_again():
    text = "d:Bacteria(1.00),p:P(1.00),c:unclassified_P(1.00),o:O(0.90)"
    assert parse_answer(text, 80) == (["Bacteria", "P", "", "O", "", "", ""], 90.0)


def test_the_answer_does_not_depend_on_the_threads(tmp_path, monkeypatch):
    write_fasta(GENES.items(), tmp_path / "r.fasta")
    prepare_reference(tmp_path / "r.fasta", tmp_path / "d.gz", tmp_path / "s.gz")
    monkeypatch.setattr(classify_sintax, "CHUNK", 5)
    queries = {f"Q{i}": make_insert(200 + i, 250) for i in range(20)}
    one, two = (classify(queries, tmp_path / "s.gz", 0, threads) for threads in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_rdp_classifies_the_published_variants(tmp_path):
    reference = DATA / "rdp_trainset9" / "rdp_trainset9.dada2.fa.gz"
    published = DATA / "miseq_sop_expected" / "tsv" / "mouse.silva__refseq.fasta"
    if not (reference.exists() and published.exists()):
        pytest.skip("the real data folders rdp_trainset9 and miseq_sop_expected are not here")
    prepare_reference(reference, tmp_path / "d.gz", tmp_path / "s.gz")
    table = classify(dict(read_fasta(published)), tmp_path / "s.gz", 80, 2)
    assert len(table) == 232
    assert (table["domain"] != "").sum() >= 230

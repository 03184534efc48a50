"""References of either format, in any case, come out in both."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from vagus.amplicon.prepare_reference import clear_gaps, detect_style, parse_lineage, prepare_reference
from vagus.amplicon.sequence_ids import read_fasta
from vagus.errors import VagusError

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def prepare(tmp_path: Path, text: str):
    source = tmp_path / "reference.fasta"
    source.write_text(text)
    summary = prepare_reference(source, tmp_path / "d.gz", tmp_path / "s.gz")
    return summary, list(read_fasta(tmp_path / "d.gz")), list(read_fasta(tmp_path / "s.gz"))


def test_dada2_format_in_lower_case(tmp_path):
    summary, dada2, sintax = prepare(tmp_path, ">Bacteria;Firmicutes;Bacilli;\nacgu\nacgt\n")
    assert dada2 == [("Bacteria;Firmicutes;Bacilli;", "ACGTACGT")]
    assert sintax == [("R1;tax=d:Bacteria,p:Firmicutes,c:Bacilli;", "ACGTACGT")]
    assert (summary.style, summary.lowered) == ("dada2", 1)


def test_sintax_format_with_a_skipped_rank(tmp_path):
    summary, dada2, sintax = prepare(tmp_path, ">X1;tax=d:Bacteria,p:Firmicutes,g:Foo bar;\nACGT\n")
    assert dada2[0][0] == (
        "Bacteria;Firmicutes;unclassified_Firmicutes;unclassified_Firmicutes;unclassified_Firmicutes;Foo bar;"
    )
    assert sintax[0][0].endswith("f:unclassified_Firmicutes,g:Foo bar;")
    assert summary.ragged == 1
    assert "lineages that skip a rank: 1, first: Bacteria;Firmicutes;;;;Foo bar" in str(summary)
    assert clear_gaps(dada2[0][0].rstrip(";").split(";")) == [
        "Bacteria",
        "Firmicutes",
        "",
        "",
        "",
        "Foo bar",
        "",
    ]


def test_prefixes_and_unite_headers(tmp_path):
    text = ">k__Bacteria;p__Firmicutes;c__;\nACGT\n>Abc|X1|SH1.10FU|reps|k__Fungi;p__Ascomycota\nACGA\n"
    _, dada2, _ = prepare(tmp_path, text)
    assert [h for h, _ in dada2] == ["Bacteria;Firmicutes;", "Fungi;Ascomycota;"]


def test_duplicates_and_conflicts_are_counted(tmp_path):
    summary, *_ = prepare(tmp_path, ">A;B;\nACGT\n>A;B;\nacgt\n>A;C;\nACGT\n")
    assert (summary.records, summary.duplicates, summary.conflicts) == (3, 1, 1)


@pytest.mark.parametrize(
    "header",
    ["AB001445.1.1538 Bacteria;Proteobacteria;Gamma", "1111561", "X80725 Escherichia coli", "gi|1;x"],
)
def test_other_formats_are_refused_with_the_formats_allowed(tmp_path, header):
    assert detect_style(header) == ""
    with pytest.raises(
        VagusError, match=r"reference\.fasta, record 1: no lineage in '>.*allowed: '>Bacteria;Phylum"
    ):
        prepare(tmp_path, f">{header}\nACGT\n")


def test_a_record_of_another_format_is_named(tmp_path):
    with pytest.raises(VagusError, match=r"record 2: no lineage in '>X;tax=d:A;'"):
        prepare(tmp_path, ">A;B;\nACGT\n>X;tax=d:A;\nACGT\n")


def test_proteins_and_unknown_ranks_and_absent_files_are_refused(tmp_path):
    with pytest.raises(VagusError, match=r"record 1 \('>A;B;'\): empty, or no nucleotide sequence"):
        prepare(tmp_path, ">A;B;\nMKLPQE\n")
    with pytest.raises(VagusError, match="rank 'z'"):
        prepare(tmp_path, ">X;tax=z:A;\nACGT\n")
    with pytest.raises(VagusError, match="allowed: at most 7"):
        prepare(tmp_path, ">A;B;C;D;E;F;G;H;\nACGT\n")
    with pytest.raises(VagusError, match="does not exist"):
        prepare_reference(tmp_path / "none.fa", tmp_path / "d.gz", tmp_path / "s.gz")


def test_lineages_survive_both_formats():
    names = ["Bacteria", "P", "C", "O", "F", "G", "G s"]
    assert parse_lineage(";".join(names) + ";", "dada2") == names
    assert (
        parse_lineage(
            "x;tax=" + ",".join(f"{a}:{n}" for a, n in zip("dpcofgs", names, strict=True)) + ";", "sintax"
        )
        == names
    )


def test_rdp_gives_the_same_from_both_of_its_formats(tmp_path):
    folder = DATA / "rdp_trainset9"
    if not folder.is_dir():
        pytest.skip("the real data folder shared/data/rdp_trainset9 is not here")
    out = []
    for style in ("dada2", "sintax"):
        summary = prepare_reference(
            folder / f"rdp_trainset9.{style}.fa.gz", tmp_path / "d.gz", tmp_path / f"{style}.gz"
        )
        assert (summary.style, summary.records) == (style, 10049)
        with gzip.open(tmp_path / "d.gz") as handle:
            out.append(handle.read())
    assert out[0] == out[1]

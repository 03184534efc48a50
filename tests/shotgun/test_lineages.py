import pytest

from vagus.errors import VagusError
from vagus.shotgun.lineages import find_lineage, read_lineages


def test_sheet_with_prefixes_and_absent_ranks(tmp_path):
    sheet = tmp_path / "t.tsv"
    sheet.write_text("genome\tdomain\tspecies\ng1\td__Bacteria\ts__Blautia obeum\n")
    assert read_lineages(sheet) == {"g1": "Bacteria;;;;;Blautia;Blautia obeum"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name\tspecies\na\tB c\n", "no column 'genome'"),
        ("genome\tspecies\na\t\n", "row 2"),
        ("genome\tspecies\na\tB c\na\tB d\n", "twice"),
    ],
)
def test_mistakes_are_refused(tmp_path, text, word):
    sheet = tmp_path / "t.tsv"
    sheet.write_text(text)
    with pytest.raises(VagusError, match=word):
        read_lineages(sheet)


@pytest.mark.parametrize(
    "name", ["GCF_1.1", "GCF_1.1 some words", "a/b/GCF_1.1.fna.gz", "x/GCF_1.1_genomic.fna"]
)
def test_names_of_tools(name):
    assert find_lineage(name, {"GCF_1.1": "here"}, "t.tsv") == "here"
    with pytest.raises(VagusError, match="no row for genome"):
        find_lineage(name, {"other": "there"}, "t.tsv")

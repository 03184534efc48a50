"""The sheet of the user's genomes: read right, and every mistake told at once."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from vagus.design.findings import Findings
from vagus.errors import VagusError
from vagus.resources.fasta import read_fasta, write_contigs
from vagus.resources.genome_sheet import (
    genome_rows,
    genomes_from_rows,
    lineage_of,
    read_genome_sheet,
    write_taxonomy,
)


def sheet(folder: Path, text: str) -> Path:
    path = folder / "genomes.tsv"
    path.write_text(text)
    return path


def put(folder: Path, *names: str) -> None:
    for name in names:
        data = f">c {name}\nACGTACGT\n".encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def test_reads_a_full_sheet(tmp_path):
    put(tmp_path, "a.fna", "b.fa.gz", "b.faa")
    path = sheet(
        tmp_path,
        "genome\tpath\tphylum\tgenus\tspecies\ttaxid\tproteins\tproduct\n"
        "A\ta.fna\tp__Bacillota\tg__Blautia_A\ts__Blautia_A wexlerae\t418240\t\tno\n"
        "# a remark\n"
        "B.1\tb.fa.gz\tBacillota\t\tLactobacillus gasseri\tNA\tb.faa\tyes\n",
    )
    findings = Findings()
    first, second = read_genome_sheet(path, None, findings)
    assert findings.problems == []
    assert first.lineage == ("", "Bacillota", "", "", "", "Blautia_A", "Blautia_A wexlerae")
    assert (first.taxid, first.proteins, first.product) == ("418240", None, False)
    assert second.lineage[5:] == ("Lactobacillus", "Lactobacillus gasseri")
    assert (second.taxid, second.product) == ("", True)
    assert second.path == tmp_path / "b.fa.gz"
    assert second.proteins == tmp_path / "b.faa"


def test_files_are_found_by_the_genomes_name(tmp_path):
    put(tmp_path, "beside.fasta.gz")
    text = "genome\tspecies\nbeside\tBlautia obeum\n"
    findings = Findings()
    (found,) = read_genome_sheet(sheet(tmp_path, text), None, findings)
    assert found.path.name == "beside.fasta.gz"
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    put(folder, "beside.ffn")
    (found,) = read_genome_sheet(sheet(tmp_path, text), folder, findings)
    assert found.path == folder / "beside.ffn"
    assert findings.problems == []
    put(folder, "beside.fa")
    assert read_genome_sheet(sheet(tmp_path, text), folder, findings) == []
    assert "several files" in str(findings.problems[0])


def test_all_problems_come_at_once(tmp_path):
    put(tmp_path, "a.fna", "b.fna", "c.fna", "d.fna")
    (tmp_path / "text.fna").write_text("no fasta\n")
    (tmp_path / "cut.fna.gz").write_bytes(b"\x1f\x8b\x08\x00rubbish")
    path = sheet(
        tmp_path,
        "genome\tpath\tgenus\tspecies\tproduct\ttaxid\n"
        "A\ta.fna\t\tBlautia obeum\t\t\n"
        "A\tb.fna\t\tBlautia obeum\t\t\n"
        "C\ta.fna\t\tBlautia obeum\t\t\n"
        "D\tc.fna\t\t\t\t\n"
        "E\tgone.fna\t\tBlautia obeum\t\t\n"
        "F\ttext.fna\t\tBlautia obeum\t\t\n"
        "G\tcut.fna.gz\t\tBlautia obeum\t\t\n"
        "H|1\tb.fna\t\tBlautia;obeum\tperhaps\tx12\n"
        "I\td.fna\tRuminococcus\tBlautia obeum\t\t\n"
        "J\t.\t\tBlautia obeum\t\t\n"
        "K\tshort\n",
    )
    findings = Findings()
    kept = read_genome_sheet(path, None, findings)
    told = [str(p) for p in findings.problems]
    for words in (
        "row 3, column 'genome': genome of row 2 again",
        "row 4, column 'path': the file of row 2 again",
        "row 5, column 'species': no species",
        "row 6, column 'path': file not found",
        "row 7, column 'path': not a FASTA file",
        "row 8, column 'path': can not be read",
        "row 9, column 'genome': illegal character",
        "row 9, column 'species': illegal character",
        "row 9, column 'product': wrong value",
        "row 9, column 'taxid': not a taxid",
        "species Blautia obeum stands under genus Ruminococcus, in row 2 under Blautia",
        "row 11, column 'path': this is a folder",
        "row 12: 2 fields, but the header has 6",
    ):
        assert any(words in line for line in told), (words, told)
    assert all("; fix: " in line for line in told)
    assert [g.genome for g in kept] == ["A", "I"]


def test_a_genus_stands_in_one_family(tmp_path):
    put(tmp_path, "a.fna", "b.fna")
    path = sheet(
        tmp_path,
        "genome\tpath\tfamily\tspecies\nA\ta.fna\tX\tBlautia obeum\nB\tb.fna\t\tBlautia wexlerae\n",
    )
    findings = Findings()
    read_genome_sheet(path, None, findings)
    assert len(findings.problems) == 1
    assert "genus Blautia stands under family (blank), in row 2 under X" in str(findings.problems[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the sheet is empty"),
        ("genome\tspecies\n", "a header but no rows"),
        ("genom\tspecies\nA\tB c\n", "column 'genome' is missing; allowed"),
        ("genome\tspecies\tspecies\nA\tB c\tB c\n", "column stands twice"),
    ],
)
def test_a_sheet_that_is_none(tmp_path, text, words):
    findings = Findings()
    assert read_genome_sheet(sheet(tmp_path, text), None, findings) == []
    assert words in str(findings.problems[0])
    assert len(findings.problems) == 1


def test_a_missing_sheet_is_a_problem(tmp_path):
    findings = Findings()
    read_genome_sheet(tmp_path / "none.tsv", None, findings)
    assert "shotgun.genomes" in str(findings.problems[0])


def test_an_unknown_column_is_noted(tmp_path):
    put(tmp_path, "A.fa")
    findings = Findings()
    assert read_genome_sheet(sheet(tmp_path, "genome\tspecies\tfamly\nA\tB c\tX\n"), None, findings)
    assert "did you mean 'family'?" in findings.notes[0]


def test_parsing_needs_no_pandas():
    code = "import sys; import vagus.resources.genome_sheet; print('pandas' in sys.modules)"
    scripts = Path(__file__).resolve().parents[2] / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(scripts)},
    )
    assert done.stdout.strip() == "False"


def test_lineage_takes_the_genus_from_the_species():
    assert lineage_of({"species": "s__Blautia obeum"})[5:] == ("Blautia", "Blautia obeum")
    assert lineage_of({"genus": "Other", "species": "Blautia obeum"})[5] == "Other"
    assert lineage_of({})[5:] == ("", "")


def test_rows_carry_no_paths_and_come_back(tmp_path):
    put(tmp_path, "A.fa", "B.fa", "B.faa")
    text = "genome\tspecies\tproteins\nA\tBlautia obeum\t\nB\tBlautia obeum\tB.faa\n"
    genomes = read_genome_sheet(sheet(tmp_path, text), None, Findings())
    rows = genome_rows(genomes)
    assert str(tmp_path) not in str(rows)
    assert genomes_from_rows(rows, [str(g.path) for g in genomes], [str(genomes[1].proteins)]) == genomes
    write_taxonomy(reversed(genomes), tmp_path / "t.tsv")
    lines = (tmp_path / "t.tsv").read_text().splitlines()
    assert lines[0] == "genome\tdomain\tphylum\tclass\torder\tfamily\tgenus\tspecies"
    assert lines[1].split("\t")[0] == "A"


def test_contigs_are_named_by_genome(tmp_path):
    (tmp_path / "A.fa").write_text(">x|1 words\nAC\ngt\n>\nTT\n>empty\n")
    genomes = read_genome_sheet(sheet(tmp_path, "genome\tspecies\nA\tB c\n"), None, Findings())
    with (tmp_path / "all.fa").open("wb") as handle:
        assert write_contigs(genomes, handle) == 6
    assert (tmp_path / "all.fa").read_text() == ">A|x_1\nACGT\n>A|contig2\nTT\n"
    (tmp_path / "A.fa").write_text(">x\nAC\n>x\nGT\n")
    with (tmp_path / "all.fa").open("wb") as handle, pytest.raises(VagusError, match="x stands twice"):
        write_contigs(genomes, handle)


def test_damaged_fasta_is_one_line(tmp_path):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(gzip.compress(b">a\n" + bytes(range(65, 91)) * 999)[:-30])
    with pytest.raises(VagusError, match="can not be read to its end"):
        list(read_fasta(path))
    path.write_text("ACGT\n")
    with pytest.raises(VagusError, match="not FASTA"):
        list(read_fasta(path))

"""Reports of Kraken 2 and tables of Bracken, one a sample, listed or combined."""

from pathlib import Path

import pytest
from profiles.reader_data import bring

from vagus.errors import VagusError
from vagus.profiles.readers.formats import input_files

REPORT = """ 10.00\t10\t10\tU\t0\tunclassified
 90.00\t90\t2\tR\t1\troot
 88.00\t88\t3\tD\t2\t  Bacteria
 85.00\t85\t0\tP\t3\t    P
 85.00\t85\t0\tC\t4\t      C
 85.00\t85\t0\tO\t5\t        O
 85.00\t85\t0\tF\t6\t          F
 85.00\t85\t5\tG\t7\t            G
 50.00\t50\t40\tS\t8\t              G one
 10.00\t10\t10\tS1\t9\t                G one strain
 30.00\t30\t30\tS\t10\t              G two
"""
BRACKEN = """name\ttaxonomy_id\ttaxonomy_lvl\tkraken_assigned_reads\tadded_reads\tnew_est_reads
G one\t8\tS\t50\t4\t54
G two\t10\tS\t30\t6\t36
"""
COMBINED = """name\ttaxonomy_id\ttaxonomy_lvl\ta.bracken_num\ta.bracken_frac\tb.bracken_num\tb.bracken_frac
G one\t8\tS\t54\t0.6\t0\t0
G two\t10\tS\t36\t0.4\t7\t1
"""
MPA = """#Classification\ta.report\tb.report
d__Bacteria\t88\t10
d__Bacteria|p__P\t85\t10
d__Bacteria|p__P|c__C|o__O|f__F|g__G\t85\t8
d__Bacteria|p__P|c__C|o__O|f__F|g__G|s__G_one\t50\t0
d__Bacteria|p__P|c__C|o__O|f__F|g__G|s__G_two\t30\t8
"""


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_folder_of_reports(tmp_path: Path) -> None:
    put(tmp_path / "a.kreport", REPORT)
    put(tmp_path / "b_kraken2.report.txt", REPORT.replace("30.00\t30\t30", "0.00\t0\t0"))
    species = bring(tmp_path, "shotgun.species", "kraken_report", "a", "b_kraken2")
    assert species.to_frame().to_dict("list") == {"G one": [50, 50], "G two": [30, 0]}
    # Of 100 reads of a, 80 have a species.
    assert species.meta["unclassified"] == {"a": 0.2, "b_kraken2": round(20 / 70, 6)}
    assert (species.kind, species.meta["unit"]) == ("counts", "reads")
    assert species.taxonomy["G two"] == ["Bacteria", "P", "C", "O", "F", "G", "G two"]
    genus = bring(tmp_path, "shotgun.genus", "kraken_report", "a", "b_kraken2")
    assert genus.to_frame()["G"].tolist() == [85, 55]


def test_list_of_reports_and_the_files_a_rule_needs(tmp_path: Path) -> None:
    put(tmp_path / "r/one.txt", REPORT)
    sheet = put(tmp_path / "list.tsv", "sample\tpath\na\tr/one.txt\n")
    profile = bring(sheet, "shotgun.genus", "kraken_report", "a")
    assert profile.to_frame().loc["a", "G"] == 85
    entry = {"name": "shotgun.genus", "path": str(sheet), "format": "kraken_report"}
    assert input_files(entry) == [str(tmp_path / "r/one.txt")]
    assert input_files({**entry, "path": str(tmp_path / "r")}) == [str(tmp_path / "r/one.txt")]
    put(tmp_path / "list.tsv", "sample\tpath\na\tr/two.txt\n")
    with pytest.raises(VagusError, match=r"file '.*two.txt' of sample a not found"):
        bring(sheet, "shotgun.genus", "kraken_report", "a")


def test_combined_clades(tmp_path: Path) -> None:
    path = put(tmp_path / "t.txt", MPA)
    species = bring(path, "shotgun.species", "kraken_report", "a", "b")
    assert species.to_frame().to_dict("list") == {"G one": [50, 0], "G two": [30, 8]}
    assert species.meta["unclassified"] == {"a": round(8 / 88, 6), "b": 0.2}
    assert bring(path, "shotgun.domain", "kraken_report", "a", "b").to_frame()["Bacteria"].tolist() == [
        88,
        10,
    ]


def test_bracken_of_each_sample_and_combined(tmp_path: Path) -> None:
    put(tmp_path / "f/a.bracken", BRACKEN)
    put(tmp_path / "f/b.bracken", BRACKEN.replace("\t54", "\t1"))
    profile = bring(tmp_path / "f", "shotgun.species", "bracken", "a", "b")
    assert profile.to_frame().to_dict("list") == {"G one": [54, 1], "G two": [36, 36]}
    combined = bring(put(tmp_path / "c.txt", COMBINED), "shotgun.species", "bracken", "a", "b")
    assert combined.to_frame().to_dict("list") == {"G one": [54, 0], "G two": [36, 7]}
    assert combined.kind == "counts"


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    report, table = put(tmp_path / "a.report", REPORT), put(tmp_path / "c.txt", COMBINED)
    put(tmp_path / "f/a.txt", "x\ty\n")
    (tmp_path / "empty").mkdir()
    for path, name, fmt, kind, message in (
        (report, "shotgun.genus", "kraken_report", "", "one file, but no list of reports; allowed: a folder"),
        (tmp_path / "f", "shotgun.genus", "kraken_report", "", "a.txt, row 1: not a report of Kraken 2"),
        (tmp_path / "empty", "shotgun.genus", "kraken_report", "", "the folder holds no file"),
        (tmp_path / "f", "shotgun.taxa", "kraken_report", "", "the level 'taxa' is no rank"),
        (table, "shotgun.genus", "bracken", "", "of rank 'S', but .* genus; fix: run Bracken with -l G"),
        (report, "shotgun.genus", "bracken", "", "no column 'name', so it is not a table of Bracken"),
        (table, "shotgun.species", "bracken", "relative", "kind 'relative' .*bracken writes counts"),
        (tmp_path / "f", "shotgun.species", "tsv", "counts", "file of profile .* not found"),
    ):  # fmt: skip
        with pytest.raises(VagusError, match=message) as caught:
            bring(path, name, fmt, "a", "b", kind=kind)
        assert "\n" not in str(caught.value)

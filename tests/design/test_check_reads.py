"""What is wrong inside read files is found before anything runs on them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from vagus.design.check_reads import check_reads, inspect_fastq, split_name
from vagus.design.findings import Findings


def found(trial: Any, first: str | bytes, second: str | bytes) -> tuple[list[str], list[str]]:
    """Write the mates of sample S1b anew, check, and return problems and notes."""
    design = trial.load()
    for mate, content in ((1, first), (2, second)):
        data = gzip.compress(content.encode()) if isinstance(content, str) else content
        (trial.folder / f"reads/S1b_run1_R{mate}.fastq.gz").write_bytes(data)
    findings = Findings()
    check_reads(design, "samples.tsv", findings)
    return [str(p) for p in findings.problems], findings.notes


def test_right_reads(trial: Any) -> None:
    findings = Findings()
    counts = check_reads(trial.load(), "samples.tsv", findings)
    assert findings.problems == []
    assert set(counts.values()) == {5}
    assert counts["S1b|run1"] == 5


def test_truncated_gzip(trial: Any, make_fastq: Any) -> None:
    whole = gzip.compress(make_fastq(1, "S1brun1", n=3000).encode())
    problems, _ = found(trial, whole[: len(whole) // 2], make_fastq(2, "S1brun1", n=3000))
    assert len(problems) == 1
    assert "samples.tsv, 'fastq_1': sample S1b, run run1: truncated gzip" in problems[0]
    assert "S1b_run1_R1.fastq.gz" in problems[0]
    assert "compare checksums" in problems[0]


def test_truncation_after_the_head_is_found_only_when_read_whole(tmp_path: Path, make_fastq: Any) -> None:
    data = gzip.compress(make_fastq(1, "x", n=20000, length=100).encode())
    path = tmp_path / "a.fastq.gz"
    path.write_bytes(data[:-10])
    assert "truncated gzip" in inspect_fastq(str(path)).problem
    assert inspect_fastq(str(path), whole=False).problem == ""


def test_damaged_gzip(trial: Any, make_fastq: Any) -> None:
    data = bytearray(gzip.compress(make_fastq(1, "S1brun1", n=2000).encode()))
    data[-6] ^= 0xFF
    problems, _ = found(trial, bytes(data), make_fastq(2, "S1brun1", n=2000))
    assert "damaged gzip" in problems[0]


def test_not_gzip(trial: Any, make_fastq: Any) -> None:
    problems, _ = found(trial, make_fastq(1, "S1brun1").encode(), make_fastq(2, "S1brun1"))
    assert "named .gz but not gzip" in problems[0]


def test_swapped_mates(trial: Any, make_fastq: Any) -> None:
    problems, _ = found(trial, make_fastq(2, "S1brun1"), make_fastq(1, "S1brun1"))
    assert "mates swapped: fastq_1 holds R2 and fastq_2 holds R1" in problems[0]
    old = [make_fastq(m, "S1brun1").replace(f" {m}:N:0:ACGT", f"/{m}") for m in (2, 1)]
    problems, _ = found(trial, *old)
    assert "mates swapped" in problems[0]


def test_forward_reads_twice(trial: Any, make_fastq: Any) -> None:
    problems, _ = found(trial, make_fastq(1, "S1brun1"), make_fastq(1, "other"))
    assert "fastq_2 holds forward reads (R1) as well" in problems[0]
    problems, _ = found(trial, make_fastq(2, "S1brun1"), make_fastq(2, "S1brun1"))
    assert "fastq_1 holds reverse reads (R2) as well" in problems[0]


def test_identical_mates(trial: Any, make_fastq: Any) -> None:
    text = make_fastq(1, "S1brun1")
    problems, _ = found(trial, text, text.replace(" 1:N", " 2:N"))
    assert "identical mates: fastq_2 holds the same sequences as fastq_1" in problems[0]


def test_mates_out_of_order(trial: Any, make_fastq: Any) -> None:
    lines = make_fastq(2, "S1brun1").splitlines(keepends=True)
    shuffled = "".join(lines[:4] + lines[8:12] + lines[4:8] + lines[12:])
    problems, _ = found(trial, make_fastq(1, "S1brun1"), shuffled)
    assert "mates out of order from record 2 on" in problems[0]


def test_files_of_two_libraries(trial: Any, make_fastq: Any) -> None:
    problems, _ = found(trial, make_fastq(1, "S1brun1"), make_fastq(2, "another"))
    assert "the files are no mates (record 1" in problems[0]


def test_unequal_numbers(trial: Any, make_fastq: Any) -> None:
    problems, _ = found(trial, make_fastq(1, "S1brun1", n=7), make_fastq(2, "S1brun1", n=5))
    assert "7 forward but 5 reverse reads" in problems[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty file"),
        (">a\nACGT\n", "record 1 does not start with '@' (this looks like FASTA)"),
        ("@a\nACGT\n-\nIIII\n", "record 1 has no '+' in its third line"),
        ("@a\nACGT\n+\nIII\n", "record 1 has 4 bases but 3 qualities"),
        ("@a\nAC1T\n+\nIIII\n", "record 1 holds letters that are no bases"),
        ("@a\nACGT\n+\nII\x1fI\n", "record 1 has impossible Phred qualities"),
        ("@a\nACGT\n+\nhhhB\n@b\nACGT\n+\nhhhh\n", "old Phred+64 code"),
        ("@a\nACGT\n+\nIIII\n@b\nACGT\n", "truncated FASTQ: 6 lines"),
    ],
)
def test_malformed_plain_fastq(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.fastq"
    path.write_text(text)
    assert expected in inspect_fastq(str(path)).problem


def test_gzip_without_the_name(tmp_path: Path, make_fastq: Any) -> None:
    path = tmp_path / "a.fastq"
    path.write_bytes(gzip.compress(make_fastq(1, "a").encode()))
    assert inspect_fastq(str(path)).problem == "gzip, but not named .gz"


def test_plain_fastq_and_no_last_line_break(tmp_path: Path, make_fastq: Any) -> None:
    path = tmp_path / "a.fq"
    path.write_text(make_fastq(1, "a", n=1500).rstrip("\n"))
    seen = inspect_fastq(str(path))
    assert (seen.problem, seen.reads, len(seen.names)) == ("", 1500, 1000)


def test_several_gzip_members_are_one_file(tmp_path: Path, make_fastq: Any) -> None:
    path = tmp_path / "a.fastq.gz"
    path.write_bytes(b"".join(gzip.compress(make_fastq(1, s, n=1100).encode()) for s in "ab"))
    assert inspect_fastq(str(path)).reads == 2200


def test_library_without_reads_is_a_note(trial: Any) -> None:
    problems, notes = found(trial, "", "")
    assert problems == []
    assert "sample S1b, run run1: no reads; the stool sample leaves the run with this reason" in notes


def test_the_same_reads_under_two_names_are_noted(trial: Any, make_fastq: Any) -> None:
    problems, notes = found(trial, make_fastq(1, "S1wrun1"), make_fastq(2, "S1wrun1"))
    assert problems == []
    assert notes == ["sample S1w, run run1: the same reads as sample S1b, run run1"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("M1:1:2 1:N:0:A", ("M1:1:2", "1")),
        ("M1:1:2 2:N:0:A", ("M1:1:2", "2")),
        ("HWI:1/2", ("HWI:1", "2")),
        ("SRR1.5 5 length=250", ("SRR1.5", "")),
        ("SRR1.5 HWI:1/2", ("SRR1.5", "2")),
        ("read", ("read", "")),
    ],
)
def test_split_name(header: str, expected: tuple[str, str]) -> None:
    assert split_name(header) == expected


@pytest.mark.parametrize(("quality", "shown"), [("z", "'z' (Q89)"), ("~", "'~' (Q93)"), ("L", "'L' (Q43)")])
def test_constant_impossible_qualities_are_refused(
    trial: Any, make_fastq: Any, quality: str, shown: str
) -> None:
    texts = [make_fastq(m, "S1brun1").replace("I", quality) for m in (1, 2)]
    problems, _ = found(trial, *texts)
    assert len(problems) == 2
    assert f"impossible qualities: those of the first 5 reads are all {shown}" in problems[0]
    assert (
        "give the reads as they came from the sequencer, with their own qualities (Phred+33)" in problems[0]
    )


def test_impossible_qualities_can_be_allowed_and_are_then_noted(trial: Any, make_fastq: Any) -> None:
    design = trial.load()
    for mate in (1, 2):
        text = make_fastq(mate, "S1brun1").replace("I", "z")
        (trial.folder / f"reads/S1b_run1_R{mate}.fastq.gz").write_bytes(gzip.compress(text.encode()))
    findings = Findings()
    check_reads(design, "samples.tsv", findings, allow_odd_qualities=True)
    assert findings.problems == []
    assert any("are all 'z' (Q89); quality trimming does nothing" in note for note in findings.notes)


@pytest.mark.parametrize("quality", ["?", "I", "K"])
def test_constant_qualities_of_simulated_reads_and_of_sra_lite_pass(tmp_path: Path, quality: str) -> None:
    path = tmp_path / "a.fastq"
    path.write_text(f"@a\nACGT\n+\n{quality * 4}\n")
    seen = inspect_fastq(str(path))
    assert (seen.problem, seen.odd) == ("", "")


def test_hifi_qualities_pass_and_those_beyond_phred64_are_not_called_phred64(tmp_path: Path) -> None:
    path = tmp_path / "a.fastq"
    path.write_text("@a\nACGT\n+\n~~5~\n@b\nACGT\n+\n~z~~\n")
    seen = inspect_fastq(str(path))
    assert (seen.problem, seen.odd) == ("", "")
    path.write_text("@a\nACGT\n+\nyzzz\n")
    seen = inspect_fastq(str(path))
    assert seen.problem == ""
    assert "go from 'y' (Q88) to 'z' (Q89)" in seen.odd


def numbered(mate: int, order: list[int], name: str = "r{i} {mate}:N:0:A") -> str:
    base = "ACGT"[mate]
    return "".join(f"@{name.format(i=i, mate=mate)}\n{base}ACGT\n+\nIIIII\n" for i in order)


@pytest.mark.parametrize("name", ["r{i} {mate}:N:0:A", "r{i}/{mate}", "SRR1.{i}.{mate}"])
def test_mates_out_of_order_behind_the_head(trial: Any, name: str) -> None:
    order = list(range(1, 3001))
    problems, _ = found(trial, numbered(1, order, name), numbered(2, order, name))
    assert problems == []
    order[2500], order[2501] = order[2501], order[2500]
    problems, _ = found(trial, numbered(1, sorted(order), name), numbered(2, order, name))
    one, two = ("SRR1.2501.1", "SRR1.2502.2") if name.startswith("SRR") else ("r2501", "r2502")
    assert f"mates out of order from record 2501 on ({one} beside {two})" in problems[0]
    assert "for example with fastq_pair or repair.sh" in problems[0]


def test_order_is_followed_across_chunks(trial: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vagus.design.check_reads._CHUNK", 97)
    order = list(range(1, 2001))
    problems, _ = found(trial, numbered(1, order), numbered(2, order).rstrip("\n"))
    assert problems == []
    problems, _ = found(trial, numbered(1, order), numbered(2, [*order[:-2], 2000, 1999]))
    assert "mates out of order from record 1999 on (r1999 beside r2000)" in problems[0]


def test_one_read_named_as_sra_does(trial: Any) -> None:
    problems, _ = found(trial, "@SRR1.1\nACGT\n+\nIIII\n", "@SRR1.1\nTTTT\n+\nIIII\n")
    assert problems == []


DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("stool_wgs/wmgx/paired/demo1.R1.fastq.gz", "identical mates"),
        (
            "instrain_N5_271/test/test_data/N5_271_010G1.R1.fastq.gz",
            "mates out of order from record 4 on",
        ),
        ("kneaddata_demo/kneaddata/tests/data/demo.fastq.gz", "are all 'z' (Q89)"),
    ],
)
def test_traps_of_real_files(trial: Any, first: str, expected: str) -> None:
    if not (DATA / first).exists():
        pytest.skip(f"{first} is not there")
    other = DATA / first.replace("R1.fastq", "R2.fastq")
    problems, _ = found(trial, (DATA / first).read_bytes(), other.read_bytes())
    assert any(expected in problem for problem in problems)

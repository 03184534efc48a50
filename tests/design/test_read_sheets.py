"""Sheets as people save them: mended where the meaning is plain, refused with a fix where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vagus.design.findings import Findings
from vagus.design.read_sheets import parse_number, read_table, safe_id

HEADER = b"participant\tarm\tage\n"


def read(tmp_path: Path, data: bytes) -> tuple[Any, list[str], list[str]]:
    path = tmp_path / "participants.tsv"
    path.write_bytes(data)
    findings = Findings()
    table = read_table(path, "participants.tsv", "participants", findings)
    return table, [str(p) for p in findings.problems], findings.notes


def test_bom_and_crlf_are_accepted(tmp_path: Path) -> None:
    table, problems, notes = read(tmp_path, b"\xef\xbb\xbfparticipant\tarm\r\nP1\tplacebo\r\n")
    assert (problems, notes) == ([], [])
    assert table.columns == ["participant", "arm"]
    assert table.rows[0]["arm"] == "placebo"


def test_old_mac_line_ends(tmp_path: Path) -> None:
    table, problems, _ = read(tmp_path, b"participant\tarm\rP1\tplacebo\r")
    assert problems == []
    assert len(table.rows) == 1


def test_comments_blank_lines_and_rows_are_counted_as_in_the_file(tmp_path: Path) -> None:
    table, _, _ = read(tmp_path, b"# a\n\n" + HEADER + b"# b\nP1\tplacebo\t3\n")
    assert [r.line for r in table.rows] == [5]


def test_trailing_blanks_are_stripped_with_a_note(tmp_path: Path) -> None:
    table, problems, notes = read(
        tmp_path, HEADER + b"P1 \tplacebo\t30\n P2\tplacebo\t31\n" + b"P3\tplacebo\t1\n"
    )
    assert problems == []
    assert [r["participant"] for r in table.rows] == ["P1", "P2", "P3"]
    assert notes == ["participants.tsv: blanks around values were removed in row 2, 3"]


def test_quotes_of_a_spreadsheet(tmp_path: Path) -> None:
    table, problems, _ = read(tmp_path, HEADER + b'"P1"\t"placebo"\t"30"\n')
    assert problems == []
    assert table.rows[0]["participant"] == "P1"


def test_latin_1_is_refused_with_its_row(tmp_path: Path) -> None:
    _, problems, _ = read(tmp_path, HEADER + b"P1\tplacebo\t30\nP2\tM\xfcnchen\t31\n")
    assert len(problems) == 1
    assert "participants.tsv, row 3: field 2 holds bytes that are not UTF-8 (value 'München')" in problems[0]
    assert "save the sheet as UTF-8" in problems[0]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"PK\x03\x04rest", "this is an Excel workbook"),
        ("participant\tarm\n".encode("utf-16"), "the text is UTF-16"),
        (b"a\x00b", "not a text file"),
        (b"", "the sheet is empty"),
        (b"participant,arm\nP1,placebo\n", "the columns are not separated by tabs"),
        (HEADER, "the sheet has a header but no rows"),
        (HEADER + b"P1\tplacebo\n", "row 2: 2 fields, but the header has 3"),
        (HEADER + b"P1\tplacebo\t3\t4\n", "row 2: 4 fields, but the header has 3"),
        (b"participant\tarm\tarm\nP1\ta\tb\n", "'arm': column named twice"),
        (b"participant\tarm\t\nP1\ta\tb\n", "column 3 has no name"),
        (b"participant\tArm\nP1\ta\n", "column 'arm' is missing; allowed: columns"),
        (b"participant\tArm\nP1\ta\n", "fix: rename column 'Arm'"),
        (HEADER + b"\tplacebo\t3\n", "row 2, column 'participant': empty"),
        (b"participant\tarm\tconsent_report\nP1\ta\tmaybe\n", "column 'consent_report': not allowed here"),
    ],
)
def test_refused_sheets(tmp_path: Path, data: bytes, expected: str) -> None:
    _, problems, _ = read(tmp_path, data)
    assert any(expected in p for p in problems), problems


@pytest.mark.parametrize(
    ("text", "safe"), [("1a", "1a"), ("007", "007"), ("P 1", "P_1"), ("a  b", "a_b"), ("A.b-c_d", "A.b-c_d")]
)
def test_ids_that_are_made_safe(text: str, safe: str) -> None:
    findings = Findings()
    assert safe_id(text, "s.tsv", 2, "sample", findings) == safe
    assert findings.problems == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", "sample id with '/'"),
        ("a\\b", "sample id with '\\\\'"),
        ("a'b", 'sample id with "\'"'),
        ('a"b', "sample id with '\"'"),
        ("a;rm -rf", "sample id with ';'"),
        ("$(x)", "sample id with '$', '(', ')'"),
        ("a|b", "sample id with '|'"),
        ("a*", "sample id with '*'"),
        ("Zoë", "for example to Zoe,"),
        ("-a", "sample id starts with '-'"),
        ("..", "sample id starts with '.'"),
        ("a__b", "which separates sample and run"),
    ],
)
def test_ids_that_are_refused(text: str, expected: str) -> None:
    findings = Findings()
    safe_id(text, "s.tsv", 2, "sample", findings)
    assert len(findings.problems) == 1
    assert expected in str(findings.problems[0])
    assert str(findings.problems[0]).startswith("s.tsv, row 2, column 'sample': ")


def test_run_named_all_is_refused() -> None:
    findings = Findings()
    safe_id("all", "s.tsv", 2, "run", findings)
    assert "stands for all runs" in str(findings.problems[0])


def test_ids_that_start_with_digits_and_carry_blanks_keep_their_original(trial: Any) -> None:
    trial.cell("samples", 1, "sample", "1 b")
    trial.cell("participants", 1, "participant", "1 P")
    for sheet, rows in (("samples", (1, 2)), ("measures", (1, 2))):
        for i in rows:
            trial.cell(sheet, i, "participant", "1 P")
    design = trial.load()
    assert design.samples[0].sample == "1_b"
    assert design.samples[0].participant == "1_P"
    assert design.original_ids == {"1_b": "1 b", "1_P": "1 P"}
    assert any("ids made safe for file names: '1 P' is 1_P, '1 b' is 1_b" in n for n in design.notes)


@pytest.mark.parametrize("other", ["S1 b", "s1_b"])
def test_ids_that_clash_once_safe(trial: Any, other: str) -> None:
    trial.cell("samples", 1, "sample", "S1_b")
    trial.cell("samples", 2, "sample", other)
    assert "row 3, column 'sample': sample id clashes with 'S1_b' in row 2" in trial.problem()


def test_participants_that_clash(trial: Any) -> None:
    trial.cell("participants", 2, "participant", "p1")
    assert any("participant id clashes with 'P1' in row 2" in line for line in trial.problems())


def test_participant_listed_twice(trial: Any) -> None:
    trial.participants.append(list(trial.participants[1]))
    assert "row 6, column 'participant': participant listed twice (also row 2)" in trial.problem()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        ("-2.5", -2.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1,5", None),
        ("1_0", None),
        ("inf", None),
        ("nan", None),
        ("", None),
    ],
)
def test_parse_number(text: str, number: float | None) -> None:
    assert parse_number(text) == number

"""What is wrong in the sheets is said in one line each, and all at once with config and plan."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vagus.design.check_sheets import design_inputs, load_trial
from vagus.errors import DesignError

CLONE = Path(__file__).parents[2]
DATA = CLONE.parent / "shared" / "data"


def test_right_trial_loads(trial: Any) -> None:
    design = trial.load()
    assert design.can_compare_arms
    assert design.contrasts() == ["probiotic vs placebo"]
    assert design.covariates == ["site", "age"]
    assert design.arm_of("P1") == "probiotic"
    assert len(design.stool_samples("amplicon")) == 8
    assert [s.sample for s in design.controls("amplicon", "negative")] == ["NEG"]
    assert design.participants[0].covariates == {"age": 31.0, "site": "A"}
    assert design.samples[0].units[0].fastq_1 == str(trial.folder / "reads/S1b_run1_R1.fastq.gz")
    assert design.samples[0].dna_conc == 1.5
    assert design.notes == []
    assert trial.config["amplicon"]["engine"] == "dada2", "defaults are filled in"
    assert len(design_inputs(trial.config, trial.folder, CLONE)) == 4


CASES: list[tuple[str, tuple[str, int, str, str], list[str]]] = [
    (
        "no arm",
        ("participants", 2, "arm", ""),
        ["participants.tsv, row 3, column 'arm': empty", "fill it in"],
    ),
    (
        "unknown arm",
        ("participants", 1, "arm", "Probiotc"),
        ["row 2, column 'arm': arm that the plan does not name", "'Probiotc'", "did you mean 'probiotic'?"],
    ),
    (
        "unknown participant",
        ("samples", 1, "participant", "P9"),
        [
            "samples.tsv, row 2, column 'participant': sample of an unknown participant",
            "'P9'",
            "P1, P2, P3, P4",
        ],
    ),
    (
        "unknown visit",
        ("samples", 2, "visit", "week_4"),
        ["row 3, column 'visit': visit that the plan does not name", "did you mean 'week4'?"],
    ),
    (
        "unknown assay",
        ("samples", 9, "assay", "16S"),
        ["row 10, column 'assay': not allowed", "amplicon, shotgun"],
    ),
    ("unknown type", ("samples", 9, "type", "negativ"), ["column 'type'", "did you mean 'negative'?"]),
    ("bad date", ("samples", 1, "collected", "10.01.2026"), ["bad date", "year-month-day"]),
    (
        "bad concentration",
        ("samples", 1, "dna_conc", "1,5"),
        ["column 'dna_conc': bad number", "with a point"],
    ),
    (
        "missing file",
        ("samples", 1, "fastq_1", "reads/no.fastq.gz"),
        ["row 2", "'fastq_1': missing file", "looked in"],
    ),
    ("address", ("samples", 1, "fastq_1", "s3://x/a.fastq.gz"), ["an address, not a file", "download it"]),
    ("not FASTQ", ("samples", 1, "fastq_1", "reference.fa"), ["not named as FASTQ", ".fastq.gz"]),
    (
        "negative with visit",
        ("samples", 9, "visit", "week4"),
        ["a negative sample has no visit", "leave it empty"],
    ),
    ("stool without visit", ("samples", 1, "visit", ""), ["a stool sample without a visit"]),
    (
        "stool without participant",
        ("samples", 1, "participant", ""),
        ["a stool sample without a participant"],
    ),
    ("no reads", ("samples", 1, "fastq_1", ""), ["row 2, column 'fastq_1'"]),
    (
        "score",
        ("measures", 1, "value", "28"),
        ["measures.tsv, row 2", "out of the range of phq9", "0 to 27", "'28'"],
    ),
    ("decimal comma", ("measures", 1, "value", "3,5"), ["not a number", "write a decimal point: 3.5"]),
    ("below the limit", ("measures", 1, "value", "<0.5"), ["not a number", "'lod'"]),
    ("bad lod", ("measures", 1, "lod", "low"), ["column 'lod': not a number"]),
    ("measure of nobody", ("measures", 1, "participant", "P7"), ["measure of an unknown participant"]),
    ("measure at no visit", ("measures", 1, "visit", "week9"), ["visit that the plan does not name"]),
    ("units", ("measures", 3, "unit", "pts"), ["unit of phq9 differs from row 2", "'points'"]),
    (
        "spelling of a measure",
        ("measures", 3, "measure", "PHQ-9"),
        ["measure written in two ways", "write 'phq9'"],
    ),
    ("slash", ("participants", 1, "arm", "a|b"), ["arm that the plan does not name"]),
]


@pytest.mark.parametrize(("change", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_single_cell(trial: Any, change: tuple[str, int, str, str], expected: list[str]) -> None:
    trial.cell(*change)
    line = trial.problems()[0]
    for part in expected:
        assert part in line
    assert "; fix: " in line


def test_duplicate_sample(trial: Any) -> None:
    row = list(trial.samples[1])
    row[6:8] = trial.add_sample("X", "P1", "baseline")[6:8]
    trial.samples[-1] = row
    assert "row 11, column 'sample': duplicate sample: S1b, run run1 also stands in row 2" in trial.problem()


def test_sample_in_two_runs_is_one_sample(trial: Any) -> None:
    trial.add_sample("S1b", "P1", "baseline", run="run2", collected="2026-01-10")
    design = trial.load()
    assert [u.run for u in design.sample("S1b").units] == ["run1", "run2"]


def test_sample_differs_between_runs(trial: Any) -> None:
    trial.add_sample("S1b", "P1", "week4", run="run2", collected="2026-01-10")
    assert "sample S1b differs from row 2 (visit 'baseline')" in trial.problem()


def test_r1_listed_twice(trial: Any) -> None:
    trial.cell("samples", 2, "fastq_1", "./reads/../reads/S1b_run1_R1.fastq.gz")
    lines = trial.problems()
    assert (
        "row 3, column 'fastq_1': R1 listed twice: the same file stands in row 2, column 'fastq_1'"
        in lines[0]
    )


def test_one_file_as_both_mates(trial: Any) -> None:
    trial.cell("samples", 2, "fastq_2", "reads/S1w_run1_R1.fastq.gz")
    assert "row 3, column 'fastq_2': fastq_2 is the same file as fastq_1" in trial.problems()[0]


def test_empty_file(trial: Any) -> None:
    (trial.folder / "reads/S1b_run1_R2.fastq.gz").write_bytes(b"")
    assert "row 2, column 'fastq_2': empty file (0 bytes)" in trial.problem()


def test_paired_and_single_in_one_run(trial: Any) -> None:
    trial.cell("samples", 9, "fastq_2", "")
    assert (
        "run 'run1' mixes paired and single reads: this row is single-end, row 2 paired-end"
        in trial.problem()
    )


def test_two_assays_in_one_run(trial: Any) -> None:
    trial.cell("samples", 9, "assay", "shotgun")
    trial.config["shotgun"] = {"taxonomy": "none", "function": "none"}
    assert "run 'run1' carries shotgun and amplicon (row 2)" in trial.problem()


def test_doubled_visit(trial: Any) -> None:
    trial.add_sample("S1again", "P1", "week4")
    assert (
        "row 11, column 'visit': visit doubled: participant P1 has two amplicon samples at week4 "
        "(S1w in row 3 and S1again)" in trial.problem()
    )


def test_crossed_visits(trial: Any) -> None:
    trial.cell("samples", 1, "collected", "2026-03-01")
    assert (
        "row 3, column 'collected': visits crossed: participant P1 gave week4 (S1w) before baseline "
        "(S1b, 2026-03-01, row 2)" in trial.problem()
    )


def test_unknown_donor(trial: Any) -> None:
    for row, donor in zip(trial.participants, ["donor", "DON1", "DON2", "", "P4"], strict=True):
        row.append(donor)
    trial.add_sample("D", "DON1", "", kind="donor")
    line = trial.problem()
    assert (
        "participants.tsv, row 3, column 'donor': donor without a sample of type 'donor' (value 'DON2')"
        in line
    )
    assert "did you mean 'DON1'?" in line


def test_no_baseline_samples(trial: Any) -> None:
    trial.samples = [r for r in trial.samples if r[2] != "baseline"]
    trial.measures = trial.measures[:1]
    trial.config["measures"] = ""
    assert "samples.tsv, 'visit': no baseline: no stool sample at visit 'baseline'" in trial.problem()


def test_one_participant_is_allowed(trial: Any) -> None:
    for name in ("participants", "samples", "measures"):
        setattr(
            trial,
            name,
            [
                r
                for r in getattr(trial, name)
                if r[0] in ("P1", "S1b", "S1w") or r[0] == getattr(trial, name)[0][0]
            ],
        )
    design = trial.load()
    assert not design.can_compare_arms
    assert any("one participant only (P1): no arm comparison is possible" in n for n in design.notes)
    assert any("arm 'placebo' of the plan has no participant" in n for n in design.notes)


def test_missing_covariates_are_noted(trial: Any) -> None:
    trial.cell("participants", 2, "age", "NA")
    design = trial.load()
    assert design.participants[1].covariates["age"] is None
    assert any("covariate 'age': 1 of 4 missing (P2)" in n for n in design.notes)


def test_controls_alone_need_no_participants(trial: Any) -> None:
    trial.participants, trial.samples, trial.measures = trial.participants[:1], trial.samples[:1], []
    trial.config["measures"] = ""
    trial.plan.update(strata=[], covariates=[])
    trial.add_sample("MOCK", "", "", kind="mock")
    design = trial.load()
    assert design.participants == []
    assert "no participants: controls only, so nothing is estimated" in design.notes


def test_no_participants(trial: Any) -> None:
    trial.participants = trial.participants[:1]
    assert any("participants.tsv: the sheet has a header but no rows" in line for line in trial.problems())


def test_everything_at_once(trial: Any, make_fastq: Any) -> None:
    """Problems in config, plan, every sheet and inside a read file come in one list."""
    trial.config["reeds"] = {}
    trial.plan["baseline"] = None
    trial.cell("participants", 1, "arm", "")
    trial.cell("samples", 3, "participant", "P77")
    trial.cell("measures", 1, "value", "99")
    path = trial.folder / "reads/S4w_run1_R1.fastq.gz"
    path.write_bytes(path.read_bytes()[:-12])
    text = "\n".join(trial.problems())
    for part in (
        "unknown key 'reeds'",
        "no baseline",
        "column 'arm': empty",
        "unknown participant",
        "out of the range",
        "truncated gzip",
    ):
        assert part in text, part


def test_files_beside_the_sheet_and_the_config(trial: Any, tmp_path: Path) -> None:
    trial.write()
    elsewhere = tmp_path / "run"
    elsewhere.mkdir()
    design = load_trial(trial.config, elsewhere, CLONE, [trial.folder / "config.yaml"])
    assert design.samples[0].units[0].fastq_1.startswith(str(trial.folder))


@pytest.mark.parametrize("sheet", ["Samplesheet.tsv", "Samplesheet_multi_v3.tsv", "Samplesheet_full.tsv"])
def test_foreign_samples_sheets_are_refused(trial: Any, sheet: str) -> None:
    folder = DATA / "nfcore_samplesheets"
    if not folder.exists():
        pytest.skip("the shared sheets are not here")
    trial.config["samples"] = str(folder / sheet)
    text = "\n".join(trial.problems())
    assert "column 'participant' is missing" in text
    assert "column 'assay' is missing" in text
    if "multi" not in sheet:
        assert "rename column 'sampleID'" in text


def test_foreign_metadata_is_refused(trial: Any) -> None:
    folder = DATA / "nfcore_samplesheets"
    if not folder.exists():
        pytest.skip("the shared sheets are not here")
    trial.config["participants"] = str(folder / "Metadata.tsv")
    assert any("column 'arm' is missing" in line for line in trial.problems())


def test_every_missing_file_of_the_miseq_sop_is_named(trial: Any) -> None:
    folder = DATA / "miseq_sop"
    if not folder.exists():
        pytest.skip("the shared MiSeq SOP reads are not here")
    trial.samples = trial.samples[:1]
    absent = set()
    for line in (folder / "stability.files").read_text().splitlines():
        name, *files = line.split()
        files = [str(folder / f"{f}.gz") for f in files]
        absent |= {f for f in files if not Path(f).exists()}
        trial.samples.append([name, "", "", "amplicon", "mock", "run1", *files, "", ""])
    lines = [line for line in trial.problems() if "missing file" in line]
    assert len(absent) == len(lines) == 12, "six libraries of two files"
    assert all(any(f in line for line in lines) for f in absent)


def test_loading_is_fast() -> None:
    """Every job parses the Snakefile, so neither pandas nor a schema library may come in."""
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import vagus.design.check_sheets; "
        "print(sorted({'pandas', 'numpy', 'jsonschema', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CLONE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_problems_are_counted_in_the_message(trial: Any) -> None:
    trial.cell("participants", 1, "arm", "")
    trial.cell("measures", 1, "value", "99")
    trial.write()
    with pytest.raises(DesignError, match=r"The design has 2 problems; nothing was run\.\n  1\. .*\n  2\. "):
        trial.load()

"""What is wrong in sheets and plan is said in one line each, and all at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from function16s.made_reference import write_reference

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


def test_strata_and_covariates(trial: Any) -> None:
    trial.plan["strata"] = ["sites"]
    trial.plan["covariates"] = ["bmi"]
    lines = trial.problems()
    assert "plan.yaml, 'strata': participants.tsv has no column 'sites'" in lines[0]
    assert "did you mean 'site'?" in lines[0]
    assert "plan.yaml, 'covariates': participants.tsv has no column 'bmi'" in lines[1]


def test_interactions_are_columns_or_the_word_baseline(trial: Any) -> None:
    trial.plan["interactions"] = ["sites", "baseline"]
    line = trial.problem()
    assert "plan.yaml, 'interactions': participants.tsv has no column 'sites'" in line
    assert "did you mean 'site'?" in line
    assert "or the word baseline" in line


def test_an_interaction_that_cannot_be_estimated_is_noted(trial: Any) -> None:
    trial.plan["interactions"] = ["site", "baseline"]
    notes = " ".join(trial.load().notes)
    assert "interactions: 0 of arm" in notes or "interactions: 1 of arm" in notes
    assert "at least 2 are needed" in notes


def test_a_column_named_baseline_cannot_be_told_from_the_word(trial: Any) -> None:
    trial.plan["interactions"] = ["baseline"]
    trial.participants[0].append("baseline")
    for row in trial.participants[1:]:
        row.append("1")
    line = trial.problem()
    assert "participants.tsv, 'baseline': 'baseline' under interactions in plan.yaml" in line
    assert "give this column another name" in line


def test_stratum_that_the_plan_does_not_name(trial: Any) -> None:
    trial.plan["levels"] = {"site": ["A", "C"]}
    lines = trial.problems()
    assert (
        "participants.tsv, row 4, column 'site': stratum that the plan does not name (value 'B')" in lines[0]
    )
    assert len(lines) == 2
    trial.plan["levels"] = {}
    trial.participants[0][3] = "stratum"
    trial.plan["strata"] = []
    for name in ("participants.tsv", "plan.yaml"):
        (trial.folder / name).unlink()
    assert "stratum column 'stratum' that the plan does not name" in trial.problem()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"baseline": None}, "plan.yaml, 'baseline': no baseline; allowed: baseline, week4"),
        ({"baseline": "base"}, "the baseline is not one of the plan's visits (value 'base')"),
        (
            {"reference_arm": None},
            "plan.yaml, 'reference_arm': no reference arm; allowed: placebo, probiotic",
        ),
        ({"reference_arm": "Placebo"}, "fix: did you mean 'placebo'?"),
        ({"primary_visit": "baseline"}, "the primary visit is not a visit after the baseline"),
        ({"visit": ["x"]}, "plan.yaml: unknown key 'visit'"),
        ({"design": "paralel"}, "fix: did you mean 'parallel'?"),
        ({"seed": -1}, "plan.yaml, 'seed': wrong value (value '-1'); allowed: a whole number at least 0"),
        ({"families": [{"name": "a", "profiles": ["genus"]}]}, "of the form assay.level"),
        ({"responder": {"measure": "phq", "rule": "drop >= 50%"}}, "fix: did you mean 'phq9'?"),
        ({"design": "single_arm"}, "design is single_arm, but the plan has 2 arms"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_plan(trial: Any, change: dict[str, Any], expected: str) -> None:
    trial.plan.update(change)
    assert expected in trial.problem()


def test_plan_is_not_yaml(trial: Any) -> None:
    (trial.folder / "plan.yaml").write_text("arms: [a, b\nvisits: c\n")
    assert any("plan.yaml: line 2: not valid YAML" in line for line in trial.problems())


def test_visits_written_as_numbers(trial: Any) -> None:
    trial.plan.update(visits=[0, 4], baseline=0, primary_visit=4)
    for sheet in ("samples", "measures"):
        for i, row in enumerate(getattr(trial, sheet)[1:], 1):
            if "baseline" in row or "week4" in row:
                trial.cell(sheet, i, "visit", "0" if "baseline" in row else "4")
    design = trial.load()
    assert design.visits == ["0", "4"]
    assert design.baseline == "0"


def test_no_baseline_samples(trial: Any) -> None:
    trial.samples = [r for r in trial.samples if r[2] != "baseline"]
    trial.measures = trial.measures[:1]
    trial.config["measures"] = ""
    assert "samples.tsv, 'visit': no baseline: no stool sample at visit 'baseline'" in trial.problem()


def test_single_arm_is_allowed(trial: Any) -> None:
    trial.plan.update(design="single_arm", arms=["probiotic"], reference_arm=None)
    for i in range(1, 5):
        trial.cell("participants", i, "arm", "probiotic")
    design = trial.load()
    assert not design.can_compare_arms
    assert design.contrasts() == []
    assert design.notes[0].startswith("single arm (probiotic): there is no control")


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


def test_unknown_config_keys_name_the_nearest(trial: Any) -> None:
    trial.config["amplicn"] = {}
    trial.config["trunc_len"] = [1, 2]
    trial.config["reads"] = {"primer": "515F-806R", "primers": "515F-860R"}
    lines = trial.problems()
    assert "config: unknown key 'amplicn'" in lines[0]
    assert "did you mean 'amplicon'?" in lines[0]
    assert "config: unknown key 'trunc_len'" in lines[1]
    assert "did you mean 'amplicon.trunc_len'?" in lines[1]
    assert "did you mean 'primers'?" in lines[2]
    assert "config, 'reads.primers': unknown primer pair" in lines[3]
    assert "did you mean '515F-806R'?" in lines[3]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amplicon": {"engine": "dada"}}, "did you mean 'dada2'?"),
        ({"amplicon": {"max_ee": 2}}, "write it as a list: [2]"),
        ({"amplicon": {"length_range": [260, 240]}}, "not a range"),
        ({"amplicon": {"trunc_len": [240]}}, "one truncation length for paired reads"),
        (
            {"taxonomy": {"reference": "no.fa"}},
            "config, 'taxonomy.reference': file not found (value 'no.fa')",
        ),
        ({"taxonomy": {"reference": ""}}, "no taxonomy reference, but there are amplicon samples"),
        ({"reads": {"batch_size": 0}}, "allowed: a whole number at least 1"),
        ({"phylogeny": {"method": "none"}}, "unweighted_unifrac and weighted_unifrac need a tree"),
        ({"samples": "nowhere.tsv"}, "config, 'samples': file not found (value 'nowhere.tsv')"),
        ({"participants": ""}, "no participants named"),
        ({"function16s": {"engine": "nearest"}}, "no reference for the engine 'nearest'"),
        ({"function16s": {"engine": "nearest", "reference": ["no"]}}, "folder not found (value 'no')"),
        ({"function16s": {"reference": ["reads"]}}, "reads: no FASTA of 16S sequences; allowed: <name>_ref"),
        ({"function16s": {"traits": []}}, "function16s.traits"),
        ({"function16s": {"max_distance": 5}}, "config, 'function16s.max_distance': "),
        (
            {"trial": {"community": ["stacked"]}},
            "alpha 0.05 (value 'stacked'); fix: use 'change' or 'residual'",
        ),
        ({"trial": {"community": ["adonis"]}}, "config, 'trial.community[1]'"),
        ({"trial": {"permutations": 9}}, "allowed: a whole number at least 99"),
        ({"report": {"title": 5}}, 'put it in quotes: "5"'),
    ],
    ids=lambda v: str(v)[:30] if isinstance(v, dict) else "",
)
def test_config(trial: Any, change: dict[str, Any], expected: str) -> None:
    trial.config.update(change)
    assert any(expected in line for line in trial.problems())


def test_a_reference_without_the_trait_that_is_asked_for(trial: Any) -> None:
    write_reference(trial.folder / "ref", {"g": "ACGT"}, {"g": 1}, {"g": {"K00001": 1}})
    trial.config["function16s"] = {"engine": "nearest", "reference": ["ref"], "traits": ["ko", "ec"]}
    assert trial.problems() == [
        "config, 'function16s.reference': the reference has no ec.txt.gz (value 'ref'); "
        "fix: add the table, or take ec out of function16s.traits"
    ]
    trial.config["function16s"]["traits"] = ["ko"]
    assert trial.load().can_compare_arms


def test_functions_need_variants_with_sequences(trial: Any) -> None:
    write_reference(trial.folder / "ref", {"g": "ACGT"}, {"g": 1}, {"g": {"K00001": 1}})
    trial.config["function16s"] = {"engine": "nearest", "reference": ["ref"]}
    trial.config["shotgun"] = {"taxonomy": "none", "function": "none"}
    trial.samples = [[v.replace("amplicon", "shotgun") for v in row] for row in trial.samples]
    assert "config, 'function16s.engine': no 16S variants to infer functions from" in trial.problems()[0]
    trial.config["profiles"] = [{"name": "amplicon.asv", "path": "reference.fa", "kind": "counts"}]
    line = trial.problem()
    assert line.startswith("config, 'function16s.sequences': amplicon.asv is brought along without its sequ")
    trial.config["function16s"]["sequences"] = "reference.fa"
    assert trial.load().can_compare_arms


TABLE = {"name": "amplicon.genus", "path": "reference.fa"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"path": "no.tsv"}, "config, 'profiles[1].path': file not found (value 'no.tsv')"),
        ({"path": "reads"}, "'profiles[1].path': this is a folder, not a file"),
        ({"kind": ""}, "allowed: counts, relative"),
        (
            {},
            "'profiles[1].kind': a table of format tsv does not tell what its numbers are",
        ),
        ({"kind": "counts", "format": "phylosec"}, "did you mean 'phyloseq'?"),
        (
            {"kind": "counts", "format": "phyloseq"},
            "format phyloseq needs 'taxonomy'",
        ),
        ({"kind": "counts", "taxonomy": "no"}, "'profiles[1].taxonomy': file not found (value 'no')"),
        ({"kind": "counts", "abundance": "no"}, "'profiles[1].abundance': file not found (value 'no')"),
        (
            {"format": "metaphlan", "collapse": "genus"},
            "'profiles[1].collapse': format metaphlan does not use 'collapse' (value 'genus'); allowed: "
            "'collapse' with the formats tsv, biom, qza, samples_in_rows, phyloseq, mothur; fix: take it out",
        ),
        ({"kind": "counts", "nsti": "reference.fa"}, "format tsv does not use 'nsti'"),
        ({"kind": "counts", "taxon": "x"}, "unknown key 'profiles[1].taxon'; allowed: name, path"),
        (
            {"kind": "counts", "name": "amplicon.asv"},
            "amplicon.asv is made from the reads",
        ),
    ],
    ids=lambda v: str(v)[:40] if isinstance(v, dict) else "",
)
def test_imported_tables(trial: Any, change: dict[str, Any], expected: str) -> None:
    trial.config["profiles"] = [{**TABLE, **change}]
    assert any(expected in line for line in trial.problems())


def test_imported_tables_that_are_right(trial: Any) -> None:
    trial.config["profiles"] = [
        {"name": "shotgun.species", "path": "reads", "format": "kraken_report"},
        {"name": "amplicon.module", "path": "reference.fa", "kind": "relative"},
    ]
    assert any("amplicon.module is brought along, so no modules" in note for note in trial.load().notes)
    trial.config["profiles"] *= 2
    assert any("two tables of one name" in line for line in trial.problems())


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


def test_own_module_files_are_checked_with_all_else(trial: Any) -> None:
    own = trial.folder / "own.yaml"
    text = (CLONE / "resources" / "modules" / "neuroactive.yaml").read_text()
    own.write_text(text.replace("uses: [acetyl_coa]", "uses: [acetylcoa]", 1).replace("0.8\n", "0.79\n", 1))
    (trial.folder / "own.txt").write_text("MX\tindole\nK01667\n")
    trial.config["modules"] = {"file": "own.yaml", "omixer": "own.txt", "omixer_coverage": -0.5}
    lines = trial.problems()
    assert any("unknown compound" in line and "own.yaml" in line for line in lines)
    assert any("coverage is not a whole number" in line for line in lines)
    assert any("module MX is not ended" in line for line in lines)
    allowed = "allowed: a number at least 0 and at most 1 or -1"
    assert any("omixer_coverage" in line and allowed in line for line in lines)


@pytest.mark.parametrize("coverage", [-1, -1.0, 0, 0.66, 1])
def test_omixer_coverage_may_be_learned_or_a_share(trial: Any, coverage: float) -> None:
    trial.config["modules"] = {"omixer_coverage": coverage}
    trial.write()
    trial.load()
    assert trial.config["modules"]["omixer_coverage"] == coverage


def test_own_stoichiometry_is_checked_against_the_modules(trial: Any) -> None:
    (trial.folder / "s.tsv").write_text("module\tcompound\tmolecules\tnote\nINDOLE\tindole\t-2\t\n")
    trial.config["modules"] = {"stoichiometry": "s.tsv"}
    assert any("INDOLE, indole: has the wrong sign" in line for line in trial.problems())

"""Every shotgun engine has its reference, the host its file, and no assay asks for what another needs."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from vagus.design.findings import Findings
from vagus.design.places import Places
from vagus.design.schema import fill_defaults
from vagus.design.shotgun_choice import (
    NEEDS,
    ShotgunChoice,
    check_shotgun,
    choose_engines,
    find_prefix,
    make_groups,
)

FASTA = ">one\nACGTACGTACGTACGT\n"
BOWTIE2 = ("1", "2", "3", "4", "rev.1", "rev.2")


def config_of(databases: dict[str, str] | None = None, /, **shotgun: Any) -> dict[str, Any]:
    return fill_defaults({"shotgun": shotgun, "databases": databases or {}})


def messages(
    config: dict[str, Any], folder: Path, genomes: bool = False, proteins: bool = False
) -> list[str]:
    findings = Findings()
    check_shotgun(config, genomes, proteins, Places(folder, folder), findings)
    return [str(problem) for problem in findings.problems]


def add_shotgun(trial: Any, only: bool = False) -> None:
    """Give every stool sample a shotgun library too, or make all of them shotgun and drop the control."""
    if only:
        trial.samples = [row for row in trial.samples if row[0] != "NEG"]
        for line in range(1, len(trial.samples)):
            trial.cell("samples", line, "assay", "shotgun")
        return
    stool = [row for row in trial.samples[1:] if row[4] == "stool"]
    for row in stool:
        new = trial.add_sample(f"{row[0]}w", row[1], row[2], run="wgs1", collected=row[9])
        new[3] = "shotgun"


def write_genomes(trial: Any, *lines: str, header: str = "genome\tspecies\tpath\tproteins") -> None:
    """Write a sheet of genomes, the FASTA and the proteins of G1, and name the sheet in the config."""
    (trial.folder / "g1.fna").write_text(FASTA)
    (trial.folder / "g1.faa").write_text(">p1|K00001\nMKV\n")
    rows = lines or ("G1\tAlpha una\tg1.fna\tg1.faa",)
    (trial.folder / "genomes.tsv").write_text("\n".join([header, *rows]) + "\n")
    trial.config.setdefault("shotgun", {})["genomes"] = "genomes.tsv"


@pytest.mark.parametrize(
    ("settings", "databases", "proteins", "expected"),
    [
        ({}, {}, True, ("bowtie2", "diamond")),
        ({}, {}, False, ("bowtie2", "none")),
        ({}, {"proteins": "p.faa"}, False, ("bowtie2", "diamond")),
        ({"speed": "fast"}, {}, True, ("kraken2", "sketch")),
        ({"speed": "fast"}, {}, False, ("kraken2", "none")),
        ({"speed": "fast", "function": "diamond"}, {}, False, ("kraken2", "diamond")),
        ({"taxonomy": "sylph", "speed": "reference"}, {}, True, ("sylph", "diamond")),
        ({"taxonomy": "none", "function": "humann"}, {}, False, ("none", "humann")),
    ],
)
def test_engines(
    settings: dict[str, str], databases: dict[str, str], proteins: bool, expected: tuple[str, str]
) -> None:
    assert choose_engines(config_of(databases, **settings), proteins) == ShotgunChoice(*expected)


def test_none_is_no_engine() -> None:
    assert ShotgunChoice("kraken2", "none").engines == ["kraken2"]
    assert ShotgunChoice("none", "diamond").engines == ["diamond"]
    assert ShotgunChoice("none", "none").engines == []


@pytest.mark.parametrize("engine", ["sourmash", "kraken2"])
def test_taxonomy_without_reference(tmp_path: Path, engine: str) -> None:
    lines = messages(config_of(taxonomy=engine, function="none"), tmp_path)
    assert len(lines) == 1
    assert lines[0].startswith(
        f"config, 'databases': {engine} has no reference, but there are shotgun samples"
    )
    assert "name a sheet of genomes in shotgun.genomes, or give " in lines[0]
    for key in NEEDS[engine]:
        assert f"databases.{key}" in lines[0]
    assert messages(config_of(taxonomy=engine, function="none"), tmp_path, genomes=True) == []


@pytest.mark.parametrize("engine", ["sketch", "diamond"])
def test_function_needs_proteins_not_only_genomes(tmp_path: Path, engine: str) -> None:
    config = config_of(taxonomy="none", function=engine)
    (line,) = messages(config, tmp_path, genomes=True)
    assert f"{engine} has no reference" in line
    assert "in shotgun.genomes with a column 'proteins', or give databases.proteins" in line
    assert messages(config, tmp_path, genomes=True, proteins=True) == []
    assert messages(config_of({"proteins": "p.faa"}, taxonomy="none", function=engine), tmp_path) == []


@pytest.mark.parametrize(
    ("half", "engine"), [("taxonomy", "metaphlan"), ("taxonomy", "sylph"), ("function", "humann")]
)
def test_engine_that_genomes_do_not_help(tmp_path: Path, half: str, engine: str) -> None:
    other = "function" if half == "taxonomy" else "taxonomy"
    config = config_of(**{half: engine, other: "none"})
    (line,) = messages(config, tmp_path, genomes=True, proteins=True)
    assert f"{engine} has no reference" in line
    assert f"fix: give {' and '.join(f'databases.{key}' for key in NEEDS[engine])}, or choose another" in line
    assert "shotgun.genomes" not in line
    full = config_of(dict.fromkeys(NEEDS[engine], "x"), **{half: engine, other: "none"})
    assert messages(full, tmp_path) == []


def test_only_what_is_missing_is_named(tmp_path: Path) -> None:
    (line,) = messages(config_of({"sylph": "x"}, taxonomy="sylph", function="none"), tmp_path)
    assert "databases.sylph_taxonomy" in line
    assert "databases.sylph and" not in line
    (line,) = messages(
        config_of({"humann_nucleotide": "x", "humann_mapping": "x"}, taxonomy="none", function="humann"),
        tmp_path,
    )
    assert "give databases.humann_protein, or" in line


def test_each_engine_has_its_own_line(tmp_path: Path) -> None:
    lines = messages(config_of(speed="reference", function="diamond"), tmp_path)
    assert [line.split(": ")[1].split(" ")[0] for line in lines] == ["bowtie2", "diamond"]


def test_host_is_not_there(tmp_path: Path) -> None:
    (line,) = messages(config_of(host="human.fa", taxonomy="none", function="none"), tmp_path)
    assert line.startswith("config, 'shotgun.host': file not found (value 'human.fa')")
    assert "allowed: FASTA, prefix of a bowtie2 index, minimap2 index (.mmi)" in line
    assert f"looked in {tmp_path}" in line


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("host.fa", b"@r1\nACGT\n+\nIIII\n", "FASTQ, not FASTA"),
        ("host.fa", b"", "the file is empty"),
        ("host.txt", b"chromosome 1\n", "no FASTA"),
        ("host.mmi", b"no index\n", "named .mmi, but no minimap2 index"),
        ("host.fa.gz", gzip.compress(b"")[:6], "can not be read"),
        ("host.1.bt2", b"\0", "one file of a bowtie2 index"),
    ],
)
def test_host_is_no_host(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    (line,) = messages(config_of(host=name, taxonomy="none", function="none"), tmp_path)
    assert line.startswith("config, 'shotgun.host': ")
    assert said in line
    assert f"value '{name}'" in line


def test_host_index_that_lacks_a_part(tmp_path: Path) -> None:
    for part in BOWTIE2[:-1]:
        (tmp_path / f"human.{part}.bt2").write_bytes(b"\0")
    (line,) = messages(config_of(host="human", taxonomy="none", function="none"), tmp_path)
    assert "the bowtie2 index lacks human.rev.2.bt2" in line


@pytest.mark.parametrize("end", ["bt2", "bt2l"])
def test_host_index_is_found_by_its_prefix(tmp_path: Path, end: str) -> None:
    beside, work = tmp_path / "beside", tmp_path / "work"
    for folder in (beside, work):
        folder.mkdir()
    for part in BOWTIE2:
        (beside / f"human.{part}.{end}").write_bytes(b"\0")
    places = Places(work, tmp_path / "clone", (beside / "config.yaml",))
    assert find_prefix("human", places) == beside / "human"
    assert find_prefix("mouse", places) is None
    findings = Findings()
    check_shotgun(config_of(host="human", taxonomy="none", function="none"), False, False, places, findings)
    assert findings.problems == []
    (work / "human").write_text(FASTA)
    assert find_prefix("human", places) == work / "human", "a file of that very name comes first"


def test_groups() -> None:
    names = [f"S{i}" for i in range(7)]
    groups = make_groups(iter(names), 3)
    assert list(groups) == ["group1", "group2", "group3"]
    assert [len(group) for group in groups.values()] == [3, 3, 1]
    assert [name for group in groups.values() for name in group] == names
    assert make_groups(names, 7) == {"group1": names}
    assert make_groups([], 3) == {}


def test_trial_without_shotgun_reference(trial: Any) -> None:
    add_shotgun(trial)
    line = trial.problem()
    assert "bowtie2 has no reference, but there are shotgun samples" in line
    assert "name a sheet of genomes in shotgun.genomes, or choose an engine that reads a database" in line


def test_only_shotgun_asks_for_no_16s_reference(trial: Any) -> None:
    del trial.config["taxonomy"]
    add_shotgun(trial, only=True)
    write_genomes(trial)
    design = trial.load()
    assert {sample.assay for sample in design.samples} == {"shotgun"}
    assert design.can_compare_arms


def test_only_amplicon_asks_for_no_shotgun_reference(trial: Any) -> None:
    trial.config["shotgun"] = {"taxonomy": "metaphlan", "function": "humann", "host": "nowhere.fa"}
    assert {sample.assay for sample in trial.load().samples} == {"amplicon"}


def test_both_assays_ask_for_both(trial: Any) -> None:
    del trial.config["taxonomy"]
    add_shotgun(trial)
    lines = trial.problems()
    assert len(lines) == 2
    assert any("no taxonomy reference, but there are amplicon samples" in line for line in lines)
    assert any("bowtie2 has no reference, but there are shotgun samples" in line for line in lines)


def test_both_assays_load(trial: Any) -> None:
    add_shotgun(trial)
    write_genomes(trial)
    (trial.folder / "host.fa").write_text(FASTA)
    trial.config["shotgun"]["host"] = "host.fa"
    design = trial.load()
    assert len(design.stool_samples("shotgun")) == len(design.stool_samples("amplicon")) == 8


def test_genomes_without_proteins_are_no_reference_of_diamond(trial: Any) -> None:
    add_shotgun(trial)
    write_genomes(trial, "G1\tAlpha una\tg1.fna", header="genome\tspecies\tpath")
    trial.config["shotgun"] |= {"function": "diamond"}
    line = trial.problem()
    assert "diamond has no reference" in line
    assert "with a column 'proteins'" in line


def test_sheet_of_genomes_is_told_with_all_else(trial: Any) -> None:
    add_shotgun(trial)
    trial.cell("participants", 2, "arm", "")
    write_genomes(trial, "G1\tAlpha una\tg1.fna\tg1.faa", "G2\t\tno.fna\t", "G1\tBeta una\tg1.faa\t")
    trial.config["shotgun"]["host"] = "human.fa"
    text = trial.problems()
    for parts in (
        ["participants.tsv, row 3, column 'arm'"],
        ["genomes.tsv, row 3, column 'species': no species"],
        ["genomes.tsv, row 3, column 'path'", "file not found"],
        ["genomes.tsv, row 4, column 'genome'", "G1"],
        ["config, 'shotgun.host': file not found"],
    ):
        assert any(all(part in line for part in parts) for line in text), (parts, text)
    assert not any("has no reference" in line for line in text), "one good genome is a reference"


def test_sheet_of_genomes_that_is_not_there(trial: Any) -> None:
    add_shotgun(trial)
    trial.config["shotgun"] = {"genomes": "mags.tsv"}
    assert any("config, 'shotgun.genomes': file not found (value 'mags.tsv')" in x for x in trial.problems())


def test_sheet_of_genomes_is_checked_also_for_amplicon_alone(trial: Any) -> None:
    write_genomes(trial, "G1\tAlpha una\tno.fna\t")
    line = trial.problem()
    assert "genomes.tsv, row 2, column 'path': file not found" in line


def test_bracken_needs_reports_of_kraken2(tmp_path: Path) -> None:
    config = config_of(taxonomy="bowtie2", function="none", ambiguous_reads="bracken")
    (said,) = messages(config, tmp_path, genomes=True)
    assert "shotgun.ambiguous_reads" in said
    assert "choose kraken2 in shotgun.taxonomy" in said
    config["shotgun"]["taxonomy"] = "kraken2"
    assert messages(config, tmp_path, genomes=True) == []

"""What is wrong in the config, and in the tables and modules that it names, is said in one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from function16s.made_reference import write_reference

CLONE = Path(__file__).parents[2]


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

"""A flux run is checked before any job: database, medium, synonyms, profiles."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from vagus.design.check_fluxes import count_batches, flux_profiles
from vagus.design.flux_inputs import (
    base_id,
    clean_name,
    medium_reaction,
    read_manifest,
    read_medium,
    read_synonyms,
)
from vagus.design.model import Design, Sample
from vagus.errors import VagusError

MANIFEST = "species,genus,file,summary_rank\nAus bus,Aus,Aus bus.json,species\ncus,Aus,cus.json,species\n"
MEDIUM = "reaction,flux\nEX_glc__D_e,10\nEX_o2(e),2\n"


def write_folder(folder: Path, manifest: str = MANIFEST) -> Path:
    folder.mkdir()
    (folder / "manifest.csv").write_text(manifest)
    for name in ("Aus bus.json", "cus.json"):
        (folder / name).write_text(json.dumps({"id": name}))
    return folder


def write_archive(folder: Path, path: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, inside + file.name)
    return path


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("s__Escherichia_coli", "escherichia coli"),
        ("Escherichia  coli ", "escherichia coli"),
        ("[Clostridium] innocuum", "clostridium innocuum"),
        ("g__Bacteroides", "bacteroides"),
    ],
)
def test_names_are_cleaned(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_gtdb_suffixes_stay_names_of_their_own() -> None:
    names = [
        "Escherichia coli_D",
        "Escherichia coli",
        "Escherichia coli D",
        "Blautia_A obeum",
        "Blautia obeum",
    ]
    assert len({clean_name(n) for n in names}) == len(names)


@pytest.mark.parametrize(
    "written", ["ac_e", "ac[e]", "EX_ac(e)", "EX_ac_m", "ac_m", "ac[e0]", "M_ac_e", "R_EX_ac_e"]
)
def test_all_spellings_are_one_metabolite(written: str) -> None:
    assert base_id(written) == "ac"


def test_bigg_and_vmh_agree() -> None:
    assert base_id("lac__D_e") == base_id("EX_lac_D(e)") == "lac_D"
    assert base_id("4abut_m") == "4abut"
    assert base_id("for_e") == "for"
    # The medium keeps the models' own spelling, by which MICOM finds it.
    assert medium_reaction("EX_lac__D_e") == "EX_lac__D_m"
    assert medium_reaction("EX_lac_D(e)") == medium_reaction("EX_lac_D_m") == "EX_lac_D_m"


def test_database_as_folder_zip_and_artifact(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "db")
    zipped = write_archive(folder, tmp_path / "db.zip")
    artifact = write_archive(folder, tmp_path / "db.qza", "0-1/data/")
    for path, inside in ((folder, ""), (zipped, ""), (artifact, "0-1/data/")):
        models = read_manifest(path, "species")
        assert [m.name for m in models] == ["Aus bus", "Aus cus"]
        assert [m.id for m in models] == ["m1", "m2"]
        assert models[0].file == f"{inside}Aus bus.json"


@pytest.mark.parametrize(
    ("manifest", "rank", "said"),
    [
        ("species,summary_rank\nAus bus,species\n", "species", "no column 'file'"),
        ("species,file\nAus bus,cus.json\n", "genus", "no column 'genus'; allowed: species, file"),
        ("", "species", "none, it is empty"),
        (MANIFEST, "genus", "one a species, but fluxes.rank is genus"),
        (MANIFEST.replace("cus.json", "dus.json"), "species", "no file of its model 'dus.json'"),
        (MANIFEST.replace("\ncus", "\ns__Aus_bus"), "species", "two models of 's__Aus_bus'"),
    ],
)
def test_a_wrong_database_is_refused(tmp_path: Path, manifest: str, rank: str, said: str) -> None:
    with pytest.raises(VagusError, match="fix: ") as caught:
        read_manifest(write_folder(tmp_path / "db", manifest), rank)
    assert said in str(caught.value)


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.qza").write_text("no zip")
    with pytest.raises(VagusError, match="cannot be opened"):
        read_manifest(tmp_path / "x.qza", "species")
    with pytest.raises(VagusError, match="no manifest"):
        read_manifest(tmp_path, "species")


def test_medium(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(MEDIUM)
    assert read_medium(tmp_path / "m.csv") == [
        {"reaction": "EX_glc__D_m", "flux": "10.0"},
        {"reaction": "EX_o2_m", "flux": "2.0"},
    ]
    (tmp_path / "m.tsv").write_text("reaction\tflux\tarm\nEX_o2_m\t2\t\nEX_o2_m\t3\tdiet\n")
    assert [row["arm"] for row in read_medium(tmp_path / "m.tsv")] == ["", "diet"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reaction,rate\nEX_o2_e,1\n", "no column flux"),
        ("reaction,flux\n", "no column reaction, flux (no rows)"),
        ("reaction,flux\nEX_o2_e,much\n", "flux 'much' of EX_o2_e"),
        ("reaction,flux\nEX_o2_e,-1\n", "flux '-1' of EX_o2_e"),
        ("reaction,flux\nEX_o2_e,nan\n", "flux 'nan'"),
        ("reaction,flux\nEX_o2_e,1\nEX_o2(e),2\n", "EX_o2_m stands twice"),
    ],
)
def test_a_wrong_medium_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(VagusError, match="fix: ") as caught:
        read_medium(tmp_path / "m.csv")
    assert said in str(caught.value)


def test_synonyms(tmp_path: Path) -> None:
    (tmp_path / "s.tsv").write_text("# note\ntaxon\tmodel\ns__Aus_dus\tAus bus\n")
    assert read_synonyms(tmp_path / "s.tsv") == {"aus dus": "aus bus"}
    (tmp_path / "s.tsv").write_text("taxon\tmodel\nAus dus\tAus bus\naus dus\tAus cus\n")
    with pytest.raises(VagusError, match="stands twice"):
        read_synonyms(tmp_path / "s.tsv")


def make_config(**fluxes: Any) -> dict[str, Any]:
    settings = {"models": "db.zip", "profiles": [], "rank": "species", **fluxes}
    return {"fluxes": settings, "profiles": [{"name": "stool.species"}], "shotgun": {"taxonomy": "auto"}}


def test_profiles_of_a_run() -> None:
    assert flux_profiles(make_config(models=""), {"shotgun"}) == {}
    assert flux_profiles(make_config(), {"shotgun", "amplicon"}) == {
        "stool": "stool.species",
        "shotgun": "shotgun.species",
    }
    both = flux_profiles(make_config(rank="genus"), {"shotgun", "amplicon"})
    assert both == {"shotgun": "shotgun.genus", "amplicon": "amplicon.genus"}
    # Species are added up to genera where a species profile is named for a database of genera.
    named = flux_profiles(make_config(rank="genus", profiles=["shotgun.species"]), {"shotgun"})
    assert named == {"shotgun": "shotgun.species"}


@pytest.mark.parametrize(
    ("profiles", "said"),
    [
        (
            ["amplicon.genus"],
            "amplicon.genus is not made in this run; allowed: stool.species, shotgun.species",
        ),
        (["shotgun.species", "shotgun.genus"], "are of one assay"),
    ],
)
def test_profiles_that_cannot_be(profiles: list[str], said: str) -> None:
    with pytest.raises(VagusError, match=said):
        flux_profiles(make_config(profiles=profiles), {"shotgun"})


def test_batches_hold_every_sample() -> None:
    samples = [Sample(f"S{i}", "P", "v", "shotgun", "stool") for i in range(101)]
    design = Design({}, [], samples, [], {}, [])
    assert count_batches(design, "shotgun", 50) == 3
    assert count_batches(design, "stool", 101) == 1
    assert count_batches(Design({}, [], [], [], {}, []), "shotgun", 50) == 1


def test_a_right_config_passes_and_wrong_ones_are_told(trial: Any) -> None:
    write_folder(trial.folder / "db")
    (trial.folder / "diet.csv").write_text(MEDIUM)
    table = "taxon\t" + "\t".join(f"S{i}{v}" for i in range(1, 5) for v in "bw")
    (trial.folder / "species.tsv").write_text(f"{table}\nAus bus" + "\t1" * 8 + "\n")
    trial.config["profiles"] = [{"name": "stool.species", "path": "species.tsv", "kind": "counts"}]
    trial.config["fluxes"] = {"models": "db", "medium": "diet.csv"}
    assert trial.load().samples
    # the sheets are checked again with each of these, and nothing else is wrong
    diets = trial.folder / "diets.csv"
    diets.write_text("reaction,flux,arm,visit,sample\nEX_o2_e,1,probiotik,,\n")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"models": "nowhere"}, "'fluxes.models': file not found"),
        ({"medium": ""}, "'fluxes.medium': a model database, but no medium"),
        ({"medium": "diets.csv"}, "'fluxes.medium': .*no arm 'probiotik' in the trial.*'probiotic'"),
        ({"rank": "genus"}, "'fluxes.models': .*one a species"),
        ({"tradeoff": 0}, "'fluxes.tradeoff'"),
        ({"profiles": ["stool.genus"]}, "'fluxes.profiles': stool.genus is not made"),
        ({"python": "no/python"}, "'fluxes.python': no such program"),
        ({"synonyms": "diet.csv"}, "'fluxes.synonyms': .*no column taxon, model"),
    ]
    for change, said in wrong:
        trial.config["fluxes"] = {"models": "db", "medium": "diet.csv", **change}
        lines = trial.problems()
        assert any(re.search(said, line) for line in lines), (change, lines)

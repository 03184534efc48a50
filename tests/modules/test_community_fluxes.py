"""Community fluxes: matching and naming, and MICOM on the E. coli core models of its own tests."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modules.made_fluxes import (
    COLI,
    MEDIUM,
    MODELS,
    ROOT,
    SALTS,
    make_design,
    make_species,
    micom_python,
    run_fluxes,
    write_medium,
)

from vagus.design.flux_inputs import read_medium
from vagus.errors import VagusError
from vagus.modules import community_fluxes

LOW_OXYGEN = {"EX_glc__D_e": 10.0, "EX_o2_e": 2.0, **SALTS}
# MICOM called without Vagus and without its workflows, in its own Python.
DIRECT = """
import json, sys, warnings, zipfile, os, tempfile
warnings.filterwarnings("ignore")
asked = json.load(sys.stdin)
import cobra, pandas as pd
from micom import Community
from micom.media import minimal_medium
folder = tempfile.mkdtemp()
zipfile.ZipFile(asked["models"]).extractall(folder)
files = {f: os.path.join(r, f) for r, _, fs in os.walk(folder) for f in fs}
told = {}
for sample, row in asked["samples"].items():
    taxa = pd.DataFrame([(t.replace(" ", "_"), a, files[t + ".json"]) for t, a in row.items()],
                        columns=["id", "abundance", "file"])
    com = Community(taxa, id=sample, progress=False, solver="hybrid")
    com.medium = {k[:-1] + "m": v for k, v in asked["medium"].items()}
    sol = com.cooperative_tradeoff(fraction=asked["tradeoff"], fluxes=False)
    rates = sol.members.growth_rate.drop("medium")
    least = {"community_growth": sol.growth_rate, "min_growth": rates, "weights": "mass"}
    flux = minimal_medium(com, solution=True, **least)["solution"].fluxes.loc["medium"].dropna()
    told[sample] = {"growth": sol.growth_rate, "net": {k: v for k, v in flux.items() if k[:3] == "EX_"}}
one = cobra.io.load_json_model(files["Escherichia coli 1.json"])
one.medium = asked["medium"]
told["fba"] = one.slim_optimize()
print("ANSWER" + json.dumps(told))
"""


def test_batches_are_all_samples_once() -> None:
    names = [f"S{i}" for i in range(7)]
    parts = [community_fluxes.batch_of(names, b, 3) for b in range(3)]
    assert sorted(s for part in parts for s in part) == names
    assert community_fluxes.batch_of(["S0"], 2, 3) == []


def test_the_diet_of_an_arm_goes_before_that_of_all(tmp_path: Path) -> None:
    path = tmp_path / "diet.tsv"
    path.write_text(
        "reaction\tflux\tarm\tsample\nEX_o2_e\t5\tprobiotic\t\nEX_o2_e\t1\t\t\nEX_o2_e\t9\t\tS2\n"
        "EX_glc_e\t3\tplacebo\t\n"
    )
    design, rows = make_design(["S0", "S1", "S2"]), read_medium(path)
    assert community_fluxes.medium_of(rows, "S0", design) == {"EX_o2_m": 1.0, "EX_glc_m": 3.0}
    assert community_fluxes.medium_of(rows, "S1", design) == {"EX_o2_m": 5.0}
    assert community_fluxes.medium_of(rows, "S2", design) == {"EX_o2_m": 9.0, "EX_glc_m": 3.0}


def test_a_python_without_micom_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(VagusError, match=r"'fluxes\.python': .* is no program; .*fix: "):
        community_fluxes.find_python(str(tmp_path / "python"))
    with pytest.raises(VagusError, match=r"no Python with MICOM: .*make micom"):
        community_fluxes.find_python("", tmp_path, str(tmp_path / "python"))
    empty = tmp_path / "bare"
    empty.write_text("#!/bin/sh\nexit 1\n")
    empty.chmod(0o755)
    with pytest.raises(VagusError, match="cannot import micom"):
        community_fluxes.find_python(str(empty))


def test_the_clones_own_micom_comes_before_the_rules_python(tmp_path: Path) -> None:
    python = tmp_path / ".tools" / "micom" / "bin" / "python"
    python.parent.mkdir(parents=True)
    other = tmp_path / "other"
    for path in (python, other):
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)
    assert community_fluxes.find_python("", tmp_path, str(other)) == str(python)
    python.unlink()
    assert community_fluxes.find_python("", tmp_path, str(other)) == str(other)
    assert community_fluxes.find_python(str(other), tmp_path) == str(other)


def test_the_driver_imports_nothing_of_vagus() -> None:
    text = (ROOT / "scripts/vagus/modules/micom_driver.py").read_text()
    assert "import vagus" not in text
    assert "from vagus" not in text
    for path in (ROOT / "scripts" / "vagus").rglob("*.py"):
        if path.name != "micom_driver.py":
            lines = [line.split() for line in path.read_text().splitlines()]
            first = {
                words[1].split(".")[0] for words in lines if words[:1] in (["import"], ["from"]) and words[1:]
            }
            assert not first & {"micom", "cobra", "optlang", "swiglpk"}, path


# ---- with MICOM ----------------------------------------------------------------------------------------


def direct(samples: dict[str, dict[str, float]], medium: dict[str, float], tradeoff: float) -> dict[str, Any]:
    asked = {"models": str(MODELS), "samples": samples, "medium": medium, "tradeoff": tradeoff}
    done = subprocess.run(
        [micom_python(), "-I", "-c", DIRECT],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout.partition("ANSWER")[2])
    return answer


@pytest.fixture(scope="module")
def low_oxygen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    micom_python()
    folder = tmp_path_factory.mktemp("fluxes")
    values: dict[str, dict[str, float]] = {
        "P0.v1": {COLI[0]: 0.5, COLI[1]: 0.3, COLI[2]: 0.2},
        "P1.v1": {COLI[0]: 0.5, COLI[1]: 0.3, COLI[2]: 0.2},
        "NA": {COLI[0]: 1.0},
        "other": {COLI[0]: 0.1, COLI[3]: 0.8, "Nomen nescio": 0.1},
        "strange": {"Nomen nescio": 1.0},
    }
    species = make_species(values)
    return run_fluxes(folder, species, write_medium(folder / "diet.csv", LOW_OXYGEN), batches=2)


def test_ecoli_with_little_oxygen_ferments(low_oxygen: Any) -> None:
    frame = low_oxygen.frame
    assert {"acetate", "ethanol", "formate"} <= set(frame.columns)
    assert (frame[["acetate", "ethanol", "formate"]] > 1).all(axis=None)
    assert "glc_D" not in frame
    assert list(frame.index) == ["P0.v1", "P1.v1", "NA", "other"]


def test_equal_samples_are_equal_and_copies_of_one_model_do_what_one_does(low_oxygen: Any) -> None:
    np.testing.assert_allclose(low_oxygen.frame.loc["P0.v1"], low_oxygen.frame.loc["P1.v1"], rtol=1e-6)
    for sample in low_oxygen.frame.index:
        np.testing.assert_allclose(low_oxygen.frame.loc[sample], low_oxygen.frame.loc["NA"], rtol=2e-3)


def test_equal_communities_are_equal_where_micom_leaves_it_open(tmp_path: Path) -> None:
    """With oxygen 4 several answers share the least uptake: more formate, or more carbon dioxide."""
    micom_python()
    diet = write_medium(tmp_path / "diet.csv", {"EX_glc__D_e": 10.0, "EX_o2_e": 4.0, **SALTS})
    rng = np.random.default_rng(1)
    mixes = {f"S{i}": dict(zip(COLI[:3], rng.dirichlet([1, 1, 1]), strict=True)) for i in range(5)}
    mixes |= {f"T{i}": dict(zip(COLI, mix, strict=False)) for i, mix in enumerate([(1, 2), (2, 3), (3, 1)])}
    species = make_species({"one": {COLI[0]: 1.0}, **mixes})
    settled = run_fluxes(tmp_path / "ours", species, diet)
    assert settled.meta["open_ended"] == []
    assert (settled.frame.max() - settled.frame.min()).max() < 0.005
    assert settled.frame.loc["one", "formate"] > 1
    left_open = run_fluxes(tmp_path / "micom", species, diet, ties="micom")
    # The same growth and the same uptake: only what is given off was open.
    assert left_open.meta["growth_rate"] == pytest.approx(settled.meta["growth_rate"], rel=1e-3)
    for compound in ("glc_D", "o2"):
        ours, theirs = (
            t.table[t.table["compound"] == compound].set_index("sample")["net"] for t in (settled, left_open)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    ours, theirs = (
        t.table["net"].clip(lower=0).groupby(t.table["sample"]).sum() for t in (settled, left_open)
    )
    assert (ours <= theirs + 0.01).all()


def test_a_sample_without_models_leaves_with_the_reason(low_oxygen: Any) -> None:
    meta = low_oxygen.meta
    assert meta["left_out"] == {"strange": "no taxon of it has a model in the database"}
    assert meta["covered"]["other"] == pytest.approx(0.9)
    assert (meta["unmatched_taxa"], meta["unmatched_mean_share"]) == (1, pytest.approx(0.22))
    assert set(meta["growth_rate"]) == set(low_oxygen.frame.index)
    assert list(low_oxygen.taxa.loc[low_oxygen.taxa["model"] == "", "taxon"]) == ["Nomen nescio"]


def test_the_profile_says_what_it_is(low_oxygen: Any) -> None:
    meta = low_oxygen.meta
    assert (meta["kind"], meta["unit"], meta["inferred"]) == ("score", "mmol/(gDW h)", True)
    assert meta["engine"] == "MICOM"
    assert meta["engine_version"].count(".") == 2
    for key in ("reference_sha256", "medium_sha256"):
        assert len(meta[key]) == 64
    assert meta["medium_unknown"] == []


def test_production_and_uptake_make_the_net_flux(low_oxygen: Any) -> None:
    table = low_oxygen.table
    np.testing.assert_allclose(table["net"], table["production"] - table["consumption"], atol=1e-3)


def test_as_micom_called_directly(low_oxygen: Any) -> None:
    samples = {"P0.v1": {COLI[0]: 0.5, COLI[1]: 0.3, COLI[2]: 0.2}, "NA": {COLI[0]: 1.0}}
    answer = direct(samples, LOW_OXYGEN, 0.5)
    for sample in samples:
        assert low_oxygen.meta["growth_rate"][sample] == pytest.approx(answer[sample]["growth"], rel=1e-3)
        # half of what flux balance analysis of the one model gives, for the tradeoff is one half
        assert low_oxygen.meta["growth_rate"][sample] == pytest.approx(answer["fba"] / 2, rel=1e-3)
        ours = low_oxygen.table[low_oxygen.table["sample"] == sample].set_index("metabolite")["net"]
        for name in ("ac", "etoh", "for", "glc__D", "o2", "nh4"):
            theirs = answer[sample]["net"][f"EX_{name}_m"]
            assert ours[name.replace("__", "_")] == pytest.approx(theirs, rel=1e-3), name


def test_published_growth_without_oxygen(tmp_path: Path) -> None:
    """Glucose 10, no oxygen: growth 0.2117; and what one then gives off (doi 10.1128/ecosalplus.10.2.1)."""
    micom_python()
    medium = write_medium(tmp_path / "diet.csv", {"EX_glc__D_e": 10.0, **SALTS})
    found = run_fluxes(tmp_path, make_species({"S": {COLI[0]: 1.0}}), medium, tradeoff=1.0)
    assert found.meta["growth_rate"]["S"] == pytest.approx(0.2117, abs=5e-4)
    row = found.frame.loc["S"]
    assert row["acetate"] == pytest.approx(8.504, rel=5e-3)
    assert row["ethanol"] == pytest.approx(8.279, rel=5e-3)
    assert row["formate"] == pytest.approx(17.805, rel=5e-3)


def test_growth_is_linear_in_the_diet(tmp_path: Path) -> None:
    """Twice the diet is more than twice the growth, for upkeep costs the same; a third adds as much."""
    micom_python()
    rates = []
    for times in (1, 2, 3):
        diet = write_medium(tmp_path / f"{times}.csv", {"EX_glc__D_e": 10.0 * times, **SALTS})
        found = run_fluxes(tmp_path / str(times), make_species({"S": {COLI[0]: 1.0}}), diet, tradeoff=1.0)
        rates.append(found.meta["growth_rate"]["S"])
    assert rates[1] > 2 * rates[0]
    assert rates[2] - rates[1] == pytest.approx(rates[1] - rates[0], rel=2e-3)


def test_every_option_does_something(tmp_path: Path) -> None:
    micom_python()
    species = make_species({"S": {COLI[0]: 0.5, COLI[1]: 0.4995, COLI[2]: 0.0005}})
    diet = write_medium(tmp_path / "diet.csv", LOW_OXYGEN)

    def run(name: str, **settings: Any) -> Any:
        return run_fluxes(tmp_path / name, species, settings.pop("medium", diet), **settings)

    usual = run("usual")
    assert len(usual.growth) == 2
    assert len(run("rare", min_abundance=0.0).growth) == 3
    rate = usual.meta["growth_rate"]["S"]
    assert run("tradeoff", tradeoff=0.9).meta["growth_rate"]["S"] == pytest.approx(rate * 1.8, rel=1e-2)
    made = run("value", value="production")
    assert (made.frame.loc["S", usual.frame.columns] >= usual.frame.loc["S"] - 1e-3).all()
    assert made.meta["value"] == "production"
    # With the oxygen of MICOM's own medium these are different answers.
    plenty = {
        key: run(key, medium=MEDIUM, **settings).table.set_index("compound")["net"]
        for key, settings in {
            "mass": {}, "moles": {"weights": "none"}, "pfba": {"strategy": "pfba"},
            "any": {"strategy": "none"},
        }.items()
    }  # fmt: skip
    assert plenty["mass"]["glc_D"] > plenty["moles"]["glc_D"] + 0.1
    assert plenty["mass"]["glc_D"] > plenty["pfba"]["glc_D"] + 0.1
    assert plenty["any"]["glc_D"] < plenty["mass"]["glc_D"] - 0.1
    carbon = run("carbon", medium=MEDIUM, weights="carbon").table.set_index("compound")["net"]
    assert carbon["glc_D"] == pytest.approx(plenty["mass"]["glc_D"], rel=1e-3)
    for key, settings in {"osqp": {"solver": "osqp"}, "two": {"threads": 2}}.items():
        np.testing.assert_allclose(run(key, **settings).frame, usual.frame, rtol=2e-3)


def test_synonyms_and_a_folder_as_database(tmp_path: Path) -> None:
    micom_python()
    import zipfile

    with zipfile.ZipFile(MODELS) as archive:
        archive.extractall(tmp_path / "x")
    folder = next((tmp_path / "x").glob("*/data"))
    (tmp_path / "synonyms.tsv").write_text("taxon\tmodel\nNomen nescio\tEscherichia coli 1\n")
    species = make_species({"S": {"Nomen nescio": 1.0}})
    found = run_fluxes(tmp_path / "r", species, models=folder, synonyms=str(tmp_path / "synonyms.tsv"))
    assert found.taxa.loc[0, ["model", "matched_by"]].tolist() == [COLI[0], "synonym"]
    with pytest.raises(VagusError, match=r"no sample has a flux \(first reason: no taxon of it has"):
        run_fluxes(tmp_path / "r", species)


def test_a_diet_on_which_nothing_grows_is_told(tmp_path: Path) -> None:
    micom_python()
    medium = write_medium(tmp_path / "diet.csv", {"EX_o2_e": 10.0, "EX_unobtainium_e": 1.0, **SALTS})
    with pytest.raises(
        VagusError, match=r"no sample has a flux \(first reason: (nothing grows|MICOM found no)"
    ):
        run_fluxes(tmp_path, make_species({"S": {COLI[0]: 1.0}}), medium)
    facts = json.loads((tmp_path / "0.facts").read_text())
    assert facts["unknown_reactions"] == ["EX_unobtainium_m"]


def test_a_broken_model_is_one_line_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    micom_python()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "manifest.csv").write_text("species,file\nAus bus,a.json\n")
    (tmp_path / "db" / "a.json").write_text("{}")
    with pytest.raises(VagusError, match=r"^MICOM \(1 samples\) failed: error: ") as caught:
        run_fluxes(tmp_path / "r", make_species({"S": {"Aus bus": 1.0}}), models=tmp_path / "db")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "temporary").iterdir())
    run_fluxes(tmp_path / "s", make_species({"S": {COLI[0]: 1.0}}))
    assert not list((tmp_path / "temporary").iterdir())

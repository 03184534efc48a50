"""From a KO profile to module, metabolite and balance profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from modules.made_modules import make_profile

from vagus.errors import VagusError
from vagus.modules.module_file import load_modules
from vagus.modules.module_profiles import TABLE_COLUMNS, count_genomes, main, make_profiles
from vagus.profile import read_profile, write_profile
from vagus.shotgun.genome_size import read_markers

ROOT = Path(__file__).parents[2] / "resources"
MODULES, STOICHIOMETRY = ROOT / "modules" / "neuroactive.yaml", ROOT / "modules" / "stoichiometry.tsv"
MARKERS = ROOT / "single_copy_markers.tsv"
BUTYRATE = ["K00626", "K00074", "K01715", "K00248", "K01034", "K01035"]
WRITTEN = ("module", "metabolite", "balance", "module_by_species", "omixer")


def test_a_butyrate_producer_and_a_gaba_producer() -> None:
    features = [f"{ko}|Aus bus" for ko in BUTYRATE] + ["K01580|Cus dus", "K07250|Cus dus", "K00135|Cus dus"]
    values = np.array([[1.0, 0.0]] * 6 + [[2.0, 8.0], [1.0, 2.0], [1.0, 2.0]])
    made, table = make_profiles(
        make_profile(values, features), load_modules(MODULES), STOICHIOMETRY, read_markers(MARKERS)
    )
    module = made["module"].to_frame()
    assert module.loc["S0", "BUT_acetylCoA"] == pytest.approx(1.0)
    assert module.loc["S1", "BUT_acetylCoA"] == 0
    np.testing.assert_allclose(module["GABA_gad"], [2.0, 8.0])
    np.testing.assert_allclose(made["balance"].to_frame()["GABA_balance"], [1.0, 2.0])
    metabolite = made["metabolite"].to_frame()
    # The last step of butyrate synthesis is a module too, and not counted twice.
    np.testing.assert_allclose(metabolite["butyrate|made"], [1.0, 0.0])
    np.testing.assert_allclose(metabolite["acetyl_coa|used"], [2.0, 0.0])
    by_species = made["module_by_species"]
    assert "GABA_gad|Cus dus" in by_species.features
    assert not any(f == "GABA_gad|Aus bus" for f in by_species.features)
    assert made["module"].meta["unit"] == "copies per genome"
    assert made["module"].meta["by_taxon"] is True
    assert list(table.columns) == TABLE_COLUMNS
    row = table.set_index(["sample", "module"]).loc[("S0", "BUT_acetylCoA")]
    assert (row["carriers"], row["tier"], row["coverage"]) == (1, "A", 1.0)


def test_depth_is_divided_out_by_marker_genes() -> None:
    markers = read_markers(MARKERS)[:12]
    features = [*markers, "K01667"]
    depth = np.array([[5.0, 50.0, 0.0]] * 12 + [[10.0, 100.0, 3.0]])
    profile = make_profile(depth, features)
    profile.meta |= {"kind": "relative", "unit": "depth"}
    found = count_genomes(profile, markers)
    assert found.samples == ["S0", "S1"]
    assert found.meta["left_out"] == {"S2": "no single-copy marker gene was seen"}
    np.testing.assert_allclose(found.to_frame()["K01667"], [2.0, 2.0])
    few = make_profile(depth[-3:], features[-3:])
    few.meta |= {"kind": "relative", "unit": "depth"}
    assert count_genomes(few, markers) is few


def test_a_table_of_ec_numbers() -> None:
    profile = make_profile(np.array([[3.0], [1.0]]), ["4.1.99.1", "1.1.1.1"])
    made, _ = make_profiles(profile, load_modules(MODULES), STOICHIOMETRY, read_markers(MARKERS))
    assert made["module"].to_frame().loc["S0", "INDOLE"] == pytest.approx(3.0)
    assert made["module"].meta["not_computable_by_ec"]


def test_a_table_of_neither_is_refused() -> None:
    profile = make_profile(np.ones((1, 1)), ["PF00001"])
    with pytest.raises(VagusError, match="'PF00001' are neither KO nor EC"):
        make_profiles(profile, load_modules(MODULES), STOICHIOMETRY, read_markers(MARKERS))


def test_written_profiles_are_read_back(tmp_path: Path) -> None:
    profile = make_profile(np.array([[1.0, 4.0], [2.0, 0.0]]), ["K01667|Aus bus", "K01580|Aus bus"])
    write_profile(profile, tmp_path / "shotgun.ko.biom")
    (tmp_path / "own.txt").write_text("MX\tindole\nK01667\n///\n")
    outputs = [str(tmp_path / f"shotgun.{level}.biom") for level in WRITTEN]
    settings = {
        "omixer_coverage": 1,
        "omixer_estimator": "median",
        "omixer_normalise": False,
        "depth_correction": True,
    }
    main(
        str(tmp_path / "shotgun.ko.biom"), str(MODULES), str(STOICHIOMETRY), str(MARKERS), outputs,
        str(tmp_path / "t" / "modules.tsv"), str(tmp_path / "own.txt"), settings,
    )  # fmt: skip
    module = read_profile(outputs[0])
    np.testing.assert_allclose(module.to_frame()["INDOLE"], [1.0, 4.0])
    np.testing.assert_allclose(read_profile(outputs[-1]).to_frame()["MX"], [1.0, 4.0])
    table = pd.read_csv(tmp_path / "t" / "modules.tsv", sep="\t")
    assert len(table) == 2 * len(module.features)

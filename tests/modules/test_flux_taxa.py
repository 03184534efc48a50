"""Which taxa have a model, and which samples leave."""

from __future__ import annotations

import numpy as np
import pytest
from modules.made_fluxes import make_species

from vagus.design.flux_inputs import Model
from vagus.modules.flux_taxa import leave_out, match_taxa, taxon_name

BASE = [Model("m1", "Aus bus", "a.json"), Model("m2", "Cus dus", "c.json")]


@pytest.mark.parametrize(
    ("feature", "lineage", "rank", "name"),
    [
        ("Aus bus", [], "species", "Aus bus"),
        ("s__Aus_bus", [], "genus", "aus"),
        ("k__B|g__Aus|s__Aus_bus", [], "species", "s__Aus_bus"),
        ("x", ["B", "", "", "", "", "Aus", "Aus bus"], "species", "Aus bus"),
        ("x", ["B", "", "", "", "", "Aus", "bus"], "species", "Aus bus"),
        ("x", ["B", "", "", "", "", "Aus", "Aus bus"], "genus", "Aus"),
        # what is known at genus only is no species of it
        ("unclassified Aus", ["B", "", "", "", "", "Aus", ""], "species", ""),
        ("unclassified", ["B", "", "", "", "", "", ""], "genus", ""),
    ],
)
def test_taxon_name(feature: str, lineage: list[str], rank: str, name: str) -> None:
    assert taxon_name(feature, lineage, rank) == name


def test_taxa_are_matched_by_name_or_synonym_and_the_rest_is_listed() -> None:
    species = make_species({"S": {"s__Aus_bus": 0.4, "Eus fus": 0.3, "Gus hus": 0.2, "Aus bus_B": 0.1}})
    matched = match_taxa(species, BASE, "species", {"eus fus": "cus dus"}, 0.0)
    np.testing.assert_allclose(matched.shares.loc["S"], [0.4, 0.3])
    assert matched.covered["S"] == pytest.approx(0.7)
    taxa = matched.taxa.set_index("taxon")
    assert taxa["matched_by"].to_dict() == {
        "s__Aus_bus": "name", "Eus fus": "synonym", "Gus hus": "", "Aus bus_B": "",
    }  # fmt: skip
    assert taxa.loc["Eus fus", "model"] == "Cus dus"
    assert list(taxa["mean_share"]) == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_species_add_up_to_genera() -> None:
    species = make_species({"S": {"Aus bus": 1.0, "Aus cus": 2.0, "Dus eus": 1.0}})
    matched = match_taxa(species, [Model("m1", "g__Aus", "a")], "genus", {}, 0.0)
    assert matched.shares.loc["S", "m1"] == pytest.approx(0.75)


def test_what_has_no_name_counts_as_not_covered() -> None:
    species = make_species({"S": {"Aus bus": 60.0}}, kind="counts", unclassified={"S": 0.4})
    assert match_taxa(species, BASE, "species", {}, 0.0).covered["S"] == pytest.approx(0.6)


def test_samples_leave_with_their_reason() -> None:
    species = make_species(
        {
            "kept": {"Aus bus": 0.5, "Eus fus": 0.5},
            "little": {"Aus bus": 0.4, "Eus fus": 0.6},
            "none": {"Eus fus": 1.0},
            "empty": {},
        }
    )
    gone = leave_out(match_taxa(species, BASE, "species", {}, 0.01), 0.5)
    assert set(gone) == {"little", "none", "empty"}
    assert gone["none"] == "no taxon of it has a model in the database"
    assert "40 % of it, less than fluxes.min_covered (50 %)" in gone["little"]
    rare = leave_out(match_taxa(species, BASE, "species", {}, 0.6), 0.5)
    assert rare["kept"] == "no taxon with a model reaches fluxes.min_abundance"

"""From metabolites of models to compounds of a profile."""

from __future__ import annotations

import numpy as np
import pandas as pd
from modules.made_fluxes import IDS, ROOT

from vagus.modules import merge_fluxes
from vagus.modules.module_file import load_modules


def test_metabolites_of_one_compound_are_added_up() -> None:
    rows = [
        ("S", "net", "12ppd__R_m", 1.0), ("S", "net", "12ppd__S_m", 2.0),
        ("S", "production", "12ppd__S_e", 5.0),
        ("S", "net", "xyz_m", -1.0), ("T", "net", "xyz_m", 3.0),
    ]  # fmt: skip
    fluxes = pd.DataFrame(rows, columns=["sample", "measure", "metabolite", "flux"])
    table = merge_fluxes.name_compounds(fluxes, merge_fluxes.read_exchange_ids(IDS)).set_index(
        ["sample", "compound"]
    )
    assert table.loc[("S", "propanediol"), ["net", "production", "consumption"]].tolist() == [3.0, 5.0, 0.0]
    assert table.loc[("S", "propanediol"), "metabolite"] == "12ppd_R,12ppd_S"
    values, names = merge_fluxes.flux_table(table.reset_index(), ["S", "T", "U"], "net")
    assert names == ["propanediol", "xyz"]
    np.testing.assert_allclose(values.toarray(), [[3.0, 0.0, 0.0], [-1.0, 3.0, 0.0]])


def test_what_only_the_solver_tells_apart_is_one_value() -> None:
    rows = [("S", 2.6102, 1.0), ("T", 2.6100, 1.1), ("U", 2.6101, 1.0)]
    table = pd.DataFrame([(s, c, v) for s, a, b in rows for c, v in (("a", a), ("b", b))])
    table.columns = ["sample", "compound", "net"]
    values, _ = merge_fluxes.flux_table(table, ["S", "T", "U"], "net")
    np.testing.assert_array_equal(values.toarray(), [[2.6101] * 3, [1.0, 1.1, 1.0]])


def test_exchange_ids_name_compounds_of_the_module_file() -> None:
    ids = merge_fluxes.read_exchange_ids(IDS)
    known = {c.id for c in load_modules(ROOT / "resources" / "modules" / "neuroactive.yaml").compounds}
    # Compounds that no module makes or uses, under names of our own.
    own = {
        "ethanol", "acetaldehyde", "hydrogen", "methane", "cadaverine", "agmatine", "phenethylamine",
        "phenylalanine", "spermine", "valerate", "phenylacetate",
    }  # fmt: skip
    assert set(ids.values()) - known == own
    assert not any("__" in i or i.endswith(("_e", "_m")) for i in ids)
    assert ids["ac"] == "acetate"
    assert ids["lac_D"] == "d_lactate"

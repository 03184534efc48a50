"""Modules present and absent in well-studied organisms: hand-made KO sets, and real gene tables."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from modules.made_modules import make_profile
from modules.panel import GENERA, PANEL

from vagus.modules.module_file import load_modules
from vagus.modules.score_modules import score_modules

ROOT = Path(__file__).parents[2]
MODULES = load_modules(ROOT / "resources" / "modules" / "neuroactive.yaml").modules
ARCHAEA = ROOT.parent / "shared" / "data" / "picrust2_archaea" / "ko.txt.gz"


@pytest.mark.parametrize("organism", PANEL)
def test_modules_of_an_organism(organism: str) -> None:
    _, kos, expected = PANEL[organism]
    features = [f"{ko}|{organism}" for ko in kos.split()]
    scores = score_modules(MODULES, make_profile(np.ones((len(features), 1)), features))
    found = {m for m, value in zip(scores.modules, scores.value[:, 0], strict=True) if value > 0}
    assert found == set(expected.split())


@pytest.mark.parametrize("genera", GENERA)
def test_modules_of_a_genus(genera: str) -> None:
    source, kos, expected = GENERA[genera]
    assert all(part.startswith("doi:10.") for part in source.split())
    features = [f"{ko}|{genera}" for ko in kos.split()]
    scores = score_modules(MODULES, make_profile(np.ones((len(features), 1)), features))
    found = {m for m, value in zip(scores.modules, scores.value[:, 0], strict=True) if value > 0}
    assert found == set(expected.split())


@pytest.mark.skipif(not ARCHAEA.exists(), reason=f"{ARCHAEA} is absent")
def test_archaea_have_no_outer_membrane_and_no_bile_acid_dehydroxylation() -> None:
    with gzip.open(ARCHAEA, "rt") as handle:
        table = pd.read_csv(handle, sep="\t", index_col=0)
    table.columns = [c.removeprefix("ko:") for c in table.columns]
    profile = make_profile(table.to_numpy(float).T, list(table.columns))
    present = pd.Series((score_modules(MODULES, profile).value > 0).mean(axis=1), [m.id for m in MODULES])
    print(present[present > 0].sort_values(ascending=False).to_string())
    assert len(table) > 900
    assert (present[["LPS_core", "LPS_hexaacyl", "BAI"]] == 0).all()
    # One genome of 1,002 has bacterial modules of many kinds at once, as a contaminated one would.
    assert (present[["TMA_cut", "BUT_terminal_kinase", "BUT_acetylCoA"]] < 0.002).all()
    assert present["GLU_dehydrogenase"] > 0.3

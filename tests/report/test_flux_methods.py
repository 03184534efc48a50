"""The methods tell of community fluxes where there are some, and that they are inferred."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report.fake_trial import build, make_results
from scipy import sparse

from vagus.profile import Profile, read_profile, write_profile
from vagus.report.flux_methods import flux_words

META = {
    "kind": "score",
    "unit": "mmol/(gDW h)",
    "engine": "MICOM",
    "engine_version": "0.39.1",
    "reference": "models.qza",
    "reference_sha256": "0" * 64,
    "inferred": True,
    "assay": "amplicon",
    "level": "flux",
    "medium": "diet.csv",
    "rank": "genus",
    "tradeoff": 0.5,
    "strategy": "minimal_imports",
    "weights": "mass",
    "ties": "fewest_exports",
    "value": "net",
    "unmatched_mean_share": 0.123,
    "min_covered": 0.5,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {},
            "uptake from the diet by mass, of these the one with the fewest molecules given off; the",
        ),
        ({"weights": "none", "ties": "micom"}, "the least uptake from the diet in moles;"),
        ({"strategy": "pfba"}, "the least flux in all (parsimonious);"),
        ({"strategy": "none"}, "any of the possible fluxes;"),
        ({"value": "production"}, "what its members give off"),
    ],
)
def test_words(change: dict[str, str], said: str) -> None:
    text = flux_words({**META, **change})
    assert said in text
    assert "inferred, not measured" in text


def test_report_tells_of_fluxes_only_where_there_are_some(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4)
    assert "MICOM" not in build(root)
    samples = read_profile(root / "profiles" / "amplicon.genus.biom").samples
    table = sparse.csr_array(np.ones((1, len(samples))))
    path = root / "profiles" / "amplicon.flux.biom"
    write_profile(Profile("amplicon.flux", table, ["butyrate"], samples, {}, META), path)
    page = build(root)
    assert "Fluxes (amplicon) were inferred, not measured" in page
    assert "genus names matched with the models of models.qza" in page
    assert "10.1128/mSystems.00606-19" in page
    assert "12.3\N{NO-BREAK SPACE}% of the profile" in page

"""How the fluxes of community models were computed, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vagus.report.load_results import Results
from vagus.report.sentences import PERCENT

STRATEGIES = {
    "minimal_imports": "of the possible fluxes those with the least uptake from the diet",
    "pfba": "of the possible fluxes those with the least flux in all (parsimonious)",
    "none": "any of the possible fluxes",
}
MEASURED = {"mass": " by mass", "carbon": " by carbon", "none": " in moles"}
VALUES = {
    "net": "what the community as a whole gives off",
    "production": "what its members give off, also to each other",
}


def flux_profiles(results: Results) -> list[dict[str, Any]]:
    """Return the meta data of the flux profiles that MICOM made."""
    return [p.meta for p in results.profiles.values() if p.meta.get("engine") == "MICOM"]


def flux_words(meta: Mapping[str, Any]) -> str:
    """Say how the fluxes of a profile were computed, and that they are inferred.

    Parameters
    ----------
    meta
        Of a profile of `merge_fluxes`.
    """
    strategy = str(meta["strategy"])
    least = STRATEGIES[strategy]
    if strategy == "minimal_imports":
        ties = ", of these the one with the fewest molecules given off"
        least += MEASURED[str(meta["weights"])] + (ties if meta["ties"] == "fewest_exports" else "")
    unmatched, covered = 100 * float(meta["unmatched_mean_share"]), 100 * float(meta["min_covered"])
    return (
        f"Fluxes ({meta['assay']}) were inferred, not measured, by community models of each sample (MICOM): "
        f"{meta['rank']} names matched with the models of {meta['reference']}, the diet {meta['medium']}, "
        f"cooperative tradeoff {meta['tradeoff']}, {least}; the values are {VALUES[str(meta['value'])]}. "
        f"Taxa without a model were {unmatched:.3g}{PERCENT} of the profile on average; samples of which "
        f"less than {covered:g}{PERCENT} had models were left out."
    )

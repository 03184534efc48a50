"""How genes were inferred from 16S sequences, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vagus.report.load_results import Results
from vagus.report.sentences import PERCENT

ENGINES = ("nearest", "picrust2")


def function16s_meta(results: Results) -> dict[str, Any]:
    """Return the meta data of the profile of how far genes were inferred; empty where none were."""
    profile = results.profiles.get("amplicon.inference")
    return profile.meta if profile is not None and profile.meta.get("engine") in ENGINES else {}


def function16s_words(meta: Mapping[str, Any]) -> str:
    """Say how genes were inferred, and what was lost.

    Parameters
    ----------
    meta
        Of the profile `amplicon.inference`.
    """
    limit, covered = float(meta["max_distance"]), 100 * float(meta["min_covered"])
    if meta["engine"] == "nearest":
        how = (
            f"each variant has the genes of the genomes of {meta['reference']} whose 16S gene is most like "
            f"it (VSEARCH), reads divided by 16S copies; variants more than {100 * limit:g}{PERCENT} away"
        )
    else:
        version = meta["engine_version"]
        how = f"{version} predicted the genes of each variant; variants with an NSTI above {limit:g}"
    return (
        f"Genes were inferred from 16S sequences, not measured: {how} were left out and their reads counted "
        f"as lost. Samples of which less than {covered:g}{PERCENT} of the reads were left have no inferred "
        "genes. A change of inferred genes is a change of taxa."
    )

"""A small trial, its species and a diet, and the way from them to a flux profile, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from vagus.design.model import Design, Participant, Sample, write_design
from vagus.errors import VagusError
from vagus.modules import community_fluxes, merge_fluxes
from vagus.profile import Profile, read_profile, write_profile

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "micom_test" / "micom" / "data"
MODELS, MEDIUM = DATA / "artifacts" / "species_models.qza", DATA / "artifacts" / "medium.qza"
IDS = ROOT / "resources" / "modules" / "exchange_ids.tsv"
SETTINGS: dict[str, Any] = {
    "rank": "species",
    "min_abundance": 0.001,
    "min_covered": 0.5,
    "tradeoff": 0.5,
    "strategy": "minimal_imports",
    "weights": "mass",
    "ties": "fewest_exports",
    "value": "net",
    "solver": "hybrid",
    "python": "",
    "threads": 1,
    "synonyms": "",
}
COLI = [f"Escherichia coli {i}" for i in range(1, 5)]
# What the E. coli core model needs besides a carbon source, more than it can take up.
SALTS = {"EX_nh4_e": 100.0, "EX_pi_e": 100.0, "EX_h2o_e": 100.0, "EX_h_e": 100.0, "EX_co2_e": 100.0}


@dataclass
class Fluxes:
    """What the two rules leave: profile (samples x compounds), its meta, and the tables."""

    frame: pd.DataFrame
    meta: dict[str, Any]
    table: pd.DataFrame
    growth: pd.DataFrame
    taxa: pd.DataFrame


def micom_python() -> str:
    """Return the Python that has MICOM, or skip."""
    if not MODELS.exists():
        pytest.skip(f"no {MODELS}: the models of MICOM's own tests")
    try:
        return community_fluxes.find_python("")
    except VagusError as error:
        pytest.skip(str(error))


def make_design(samples: Sequence[str], assay: str = "shotgun") -> Design:
    """Return a trial in which every sample is of a participant of its own, arms taking turns."""
    arms = ["placebo", "probiotic"]
    people = [Participant(f"P{i}", arms[i % 2]) for i in range(len(samples))]
    rows = [Sample(s, f"P{i}", "v1", assay, "stool") for i, s in enumerate(samples)]
    plan = {
        "design": "parallel",
        "arms": arms,
        "reference_arm": "placebo",
        "visits": ["v1"],
        "baseline": "v1",
    }
    return Design(plan, people, rows, [], {}, [])


def make_species(values: Mapping[str, Mapping[str, float]], **meta: Any) -> Profile:
    """Return sample -> taxon -> value as a profile."""
    taxa = list(dict.fromkeys(t for row in values.values() for t in row))
    table = np.array([[row.get(t, 0.0) for row in values.values()] for t in taxa])
    facts = {"kind": "relative", "unit": "share", "engine": "imported", "engine_version": "", **meta}
    return Profile("shotgun.species", sparse.csr_array(table), taxa, list(values), {}, facts)


def write_medium(path: Path, fluxes: Mapping[str, float]) -> Path:
    """Write a diet."""
    path.write_text("reaction,flux\n" + "".join(f"{r},{f}\n" for r, f in fluxes.items()))
    return path


def run_fluxes(
    folder: Path,
    species: Profile,
    medium: Path = MEDIUM,
    batches: int = 1,
    models: Path = MODELS,
    **settings: Any,
) -> Fluxes:
    """Take a profile through both rules."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {**SETTINGS, **settings}
    write_profile(species, folder / "shotgun.species.biom")
    write_design(make_design(species.samples), folder / "design.json")
    names = ("fluxes", "growth", "facts")
    parts = [{n: str(folder / f"{batch}.{n}") for n in names} for batch in range(batches)]
    for batch, outputs in enumerate(parts):
        community_fluxes.main(
            str(folder / "shotgun.species.biom"), str(models), str(medium), chosen["synonyms"] or None,
            str(folder / "design.json"), outputs, chosen, batch, batches,
        )  # fmt: skip
    inputs = {
        "profile": str(folder / "shotgun.species.biom"),
        "models": str(models),
        "medium": str(medium),
        "ids": str(IDS),
        **{n: [part[n] for part in parts] for n in names},
    }
    outputs = {n: str(folder / f"{n}.tsv") for n in ("table", "growth", "taxa")}
    outputs["profile"] = str(folder / "shotgun.flux.biom")
    merge_fluxes.main(inputs, outputs, chosen, "shotgun")
    profile = read_profile(outputs["profile"])
    tables = [pd.read_csv(outputs[n], sep="\t", keep_default_na=False) for n in ("table", "growth", "taxa")]
    return Fluxes(profile.to_frame(), profile.meta, *tables)

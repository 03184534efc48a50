"""The flux profile of all samples: what each community gives off, compound by compound."""

import csv
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.flux_inputs import base_id, read_manifest, read_synonyms
from vagus.errors import VagusError
from vagus.modules.community_fluxes import read_batch
from vagus.modules.flux_taxa import match_taxa
from vagus.profile import Profile, read_profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

UNIT = "mmol/(gDW h)"
MEASURES = ("net", "production", "consumption")
TABLE_COLUMNS = ["sample", "compound", "metabolite", *MEASURES]
ID_COLUMNS = ["compound", "id", "seen"]
# Fluxes below this are the solver's, not the community's (its tolerance is 1e-6).
NOTHING = 1e-6
# Samples whose fluxes of a compound differ by less than this share of the largest are the same to the solver,
# which reaches equal communities from different sides; their differences must not be tested.
SAME = 1e-3


def read_exchange_ids(path: str | Path) -> dict[str, str]:
    """Read which metabolite of a model is which compound.

    Parameters
    ----------
    path
        TSV of `ID_COLUMNS`; lines that start with `#` are comments.

    Returns
    -------
    dict
        Id without compartment (see `base_id`) -> compound.

    Raises
    ------
    VagusError
        If a column is missing or an id stands twice.
    """
    lines = [x for x in Path(path).read_text(encoding="utf-8").splitlines() if x.strip() and x[0] != "#"]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    if not rows or list(rows[0]) != ID_COLUMNS:
        raise VagusError(f"{path}: allowed columns: {', '.join(ID_COLUMNS)}; fix: take the file as it ships")
    found: dict[str, str] = {}
    for row in rows:
        if found.setdefault(row["id"], row["compound"]) != row["compound"]:
            raise VagusError(f"{path}: id {row['id']} is two compounds; fix: give it one")
    return found


def name_compounds(fluxes: pd.DataFrame, ids: Mapping[str, str]) -> pd.DataFrame:
    """Put fluxes by metabolite and measure into one row for each sample and compound.

    Parameters
    ----------
    fluxes
        sample, measure, metabolite, flux.
    ids
        See `read_exchange_ids`; a metabolite that it does not name keeps its own id.

    Returns
    -------
    pandas.DataFrame
        `TABLE_COLUMNS`; metabolites of one compound are added up.
    """
    base = fluxes["metabolite"].map(base_id)
    table = fluxes.assign(metabolite=base, compound=base.map(lambda b: ids.get(b, b)))
    names = table.groupby("compound")["metabolite"].agg(lambda m: ",".join(sorted(set(m))))
    wide = table.pivot_table(
        index=["sample", "compound"], columns="measure", values="flux", aggfunc="sum", fill_value=0.0
    )
    wide = wide.reindex(columns=list(MEASURES), fill_value=0.0).reset_index()
    wide["metabolite"] = wide["compound"].map(names)
    return wide[TABLE_COLUMNS]


def flux_table(table: pd.DataFrame, samples: Sequence[str], value: str) -> tuple[sparse.csr_array, list[str]]:
    """Return compounds x samples of what is given off.

    Parameters
    ----------
    table
        `TABLE_COLUMNS`.
    samples
        Columns; one without any flux is 0 throughout.
    value
        `net` (below 0 where the community takes the compound up) or `production`.

    Returns
    -------
    values, compounds
        Compounds that at least one sample gives off, by name; those that differ by less than `SAME` are
        their median.
    """
    wide = table.pivot(index="compound", columns="sample", values=value)
    wide = wide.reindex(columns=list(samples)).fillna(0.0)
    wide = wide.where(wide.abs() > NOTHING, 0.0)
    wide = wide[(wide > 0).any(axis=1)].sort_index()
    values = wide.to_numpy(dtype=np.float64, copy=True)
    if values.size:
        alike = np.ptp(values, axis=1) <= SAME * np.abs(values).max(axis=1)
        values[alike] = np.median(values[alike], axis=1, keepdims=True)
    return sparse.csr_array(values), [str(c) for c in wide.index]


def sum_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of the names and sums of the files of a folder."""
    path = Path(path)
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file())
        text = "".join(f"{sum_file(p)}  {p.relative_to(path)}\n" for p in inside)
        return hashlib.sha256(text.encode()).hexdigest()
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def join_facts(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join what the batches tell: versions, samples left out, shares covered, reactions no model has."""
    joined: dict[str, Any] = {"versions": {}, "left_out": {}, "covered": {}}
    for one in facts:
        for key in joined:
            joined[key] |= one[key]
    for key in ("presolved", "open_ended"):
        joined[key] = sorted(s for one in facts for s in one[key])
    ran = [set(one["unknown_reactions"]) for one in facts if one["versions"]]
    joined["unknown_reactions"] = sorted(set.intersection(*ran)) if ran else []
    return joined


def main(
    inputs: Mapping[str, Any], outputs: Mapping[str, str], settings: Mapping[str, Any], assay: str
) -> None:
    """Join the batches, name the compounds, write profile and tables."""
    facts = join_facts([json.loads(Path(p).read_text(encoding="utf-8")) for p in inputs["facts"]])
    source = read_profile(inputs["profile"])
    samples = [s for s in source.samples if s not in facts["left_out"]]
    if not samples:
        reason = next(iter(facts["left_out"].values()), "the profile has no sample")
        raise VagusError(
            f"profile {source.name}: no sample has a flux (first reason: {reason}); allowed: at least one; "
            "fix: see fluxes.rank, .synonyms, .min_covered and .medium, and the database's names"
        )
    fluxes, growth = (pd.concat([read_batch(p) for p in inputs[key]]) for key in ("fluxes", "growth"))
    table = name_compounds(fluxes, read_exchange_ids(inputs["ids"]))
    values, compounds = flux_table(table, samples, settings["value"])
    names = read_synonyms(settings["synonyms"]) if settings["synonyms"] else {}
    models = read_manifest(inputs["models"], settings["rank"])
    taxa = match_taxa(source, models, settings["rank"], names, settings["min_abundance"]).taxa
    rate = (growth["abundance"] * growth["growth_rate"]).groupby(growth["sample"]).sum()
    unmatched = taxa[(taxa["matched_by"].fillna("") == "") & (taxa["samples"] > 0)]
    meta = {
        "kind": "score",
        "unit": UNIT,
        "engine": "MICOM",
        "engine_version": facts["versions"].get("micom", ""),
        "solver_versions": {k: v for k, v in facts["versions"].items() if k != "micom"},
        "reference": Path(inputs["models"]).name,
        "reference_sha256": sum_file(inputs["models"]),
        "medium": Path(inputs["medium"]).name,
        "medium_sha256": sum_file(inputs["medium"]),
        "presolved": facts["presolved"],
        "open_ended": facts["open_ended"],
        "medium_unknown": facts["unknown_reactions"],
        "inferred": True,
        "level": "flux",
        "assay": assay,
        "source_profile": source.name,
        **{k: settings[k] for k in ("rank", "tradeoff", "strategy", "weights", "ties", "value", "solver")},
        **{k: settings[k] for k in ("min_abundance", "min_covered")},
        "growth_rate": {s: round(float(rate[s]), 6) for s in samples if s in rate.index},
        "covered": facts["covered"],
        "unmatched_taxa": len(unmatched),
        "unmatched_mean_share": round(float(unmatched["mean_share"].sum()), 6),
        "left_out": {**(source.meta.get("left_out") or {}), **facts["left_out"]},
    }
    write_profile(Profile(f"{assay}.flux", values, compounds, samples, {}, meta), outputs["profile"])
    for frame, key in ((table, "table"), (growth, "growth"), (taxa, "taxa")):
        frame.to_csv(outputs[key], sep="\t", index=False, float_format="%.6g")
    print(
        f"{assay}.flux: {len(compounds)} compounds, {len(samples)} samples, {len(unmatched)} taxa unmatched"
    )


if "snakemake" in globals():
    run_step(
        lambda: main(
            {
                **{k: getattr(snakemake.input, k) for k in ("profile", "models", "medium", "ids")},
                **{k: list(getattr(snakemake.input, k)) for k in ("fluxes", "growth", "facts")},
            },
            dict(snakemake.output.items()),
            snakemake.params.settings,
            snakemake.wildcards.assay,
        ),
        snakemake.log[0],
    )

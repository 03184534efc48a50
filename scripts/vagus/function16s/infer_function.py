"""Rule `infer_function`: gene copies per genome of every sample, inferred from its 16S genes."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from vagus.design.model import Design, load_design
from vagus.function16s.predictions import Predictions, nearest_predictions, picrust2_predictions
from vagus.profile import Profile, read_profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

Floats = npt.NDArray[np.float64]
VARIANT_COLUMNS = ["feature", "genome", "ties", "distance", "copies_16s", "reads", "status"]
SAMPLE_COLUMNS = [
    "sample",
    "participant",
    "arm",
    "visit",
    "reads",
    "lost_share",
    "distance",
    "genomes",
    "status",
]
ARM_COLUMNS = ["arm", "visit", "n", "median", "max"]
NOT_FOUND, TOO_FAR, KEPT = "no genome like it", "past the cut-off", "kept"


@dataclass(frozen=True)
class Inferred:
    """Functions of the samples.

    Parameters
    ----------
    shares
        Share of each genome among the cells (G x N), columns adding up to 1.
    samples
        The N samples that are kept.
    genes
        trait -> (genes x N copies per genome, names).
    variants, flow
        `VARIANT_COLUMNS`; `SAMPLE_COLUMNS` without who and when, a row for each sample, kept or not.
    """

    shares: sparse.csr_array
    samples: list[str]
    genes: dict[str, tuple[sparse.csr_array, list[str]]]
    variants: pd.DataFrame
    flow: pd.DataFrame


def infer_function(counts: Profile, known: Predictions, max_distance: float, min_covered: float) -> Inferred:
    """Turn read counts of variants into gene copies per genome.

    Parameters
    ----------
    counts
        Reads, variants x samples.
    known
        Genomes of the variants.
    max_distance
        Variants farther from their genome are dropped.
    min_covered
        Least share of a sample's reads that must be left, 0 to 1; the sample is left out otherwise.

    Returns
    -------
    Inferred
        A variant's reads are divided evenly among the genomes that tie, and by the 16S copies of each: cells.
        A gene's copies per genome are its copies in each genome, weighted with the cells.

    References
    ----------
    Copy-number correction as in Langille MGI et al. (2013) Nat Biotechnol 31:814, doi:10.1038/nbt.2676
    """
    row = {feature: i for i, feature in enumerate(counts.features)}
    column = {genome: g for g, genome in enumerate(known.genomes)}
    assigned = known.assigned[known.assigned["feature"].isin(row)]
    ties = assigned.groupby("feature")["genome"].transform("size")
    near = (assigned["distance"] <= max_distance).to_numpy()
    kept = assigned[near]
    weight = 1.0 / (ties[near].to_numpy(float) * kept["copies_16s"].to_numpy(float))
    at = ([column[g] for g in kept["genome"]], [row[f] for f in kept["feature"]])
    cells_of = sparse.csr_array((weight, at), (len(known.genomes), len(counts.features)))
    cells = sparse.csc_array(cells_of @ counts.table)
    distance = assigned.groupby("feature")["distance"].min()
    state = pd.Series(NOT_FOUND, index=counts.features, dtype=object)
    state[distance.index] = np.where(distance <= max_distance, KEPT, TOO_FAR)
    held = (state == KEPT).to_numpy()
    reads = np.asarray(counts.table.sum(axis=0)).ravel()
    covered = np.asarray(counts.table[np.flatnonzero(held)].sum(axis=0)).ravel()
    far = distance.reindex(counts.features).to_numpy(float)
    summed = np.where(held, np.nan_to_num(far), 0.0) @ counts.table
    some = np.where(covered > 0, covered, 1.0)
    totals = np.asarray(cells.sum(axis=0)).ravel()
    share = np.divide(covered, reads, out=np.zeros_like(reads), where=reads > 0)
    good = (share >= min_covered) & (totals > 0)
    use = np.flatnonzero(good)
    shares = sparse.csr_array(cells[:, use] @ sparse.diags_array(1.0 / totals[use]))
    flow = pd.DataFrame(
        {
            "sample": counts.samples,
            "reads": reads.astype(int),
            "lost_share": np.where(reads > 0, 1 - share, np.nan),
            "distance": np.where(covered > 0, summed / some, np.nan),
            "genomes": np.diff(cells.indptr),
            "status": np.where(good, "kept", _reasons(share, min_covered)),
        }
    )
    return Inferred(
        shares,
        [counts.samples[i] for i in use],
        {trait: (sparse.csr_array(table @ shares), names) for trait, (table, names) in known.genes.items()},
        _describe_variants(counts, assigned, state),
        flow,
    )


def _reasons(share: Floats, min_covered: float) -> list[str]:
    return [
        f"{100 * s:.1f} % of its reads have a genome near enough; {100 * min_covered:g} % are asked for"
        for s in share
    ]


def _describe_variants(counts: Profile, assigned: pd.DataFrame, state: pd.Series) -> pd.DataFrame:
    first = assigned.drop_duplicates("feature").set_index("feature")
    ties = assigned.groupby("feature").size()
    table = pd.DataFrame({"feature": counts.features})
    table["genome"] = table["feature"].map(first["genome"]).fillna("")
    table["ties"] = table["feature"].map(ties).fillna(0).astype(int)
    table["distance"] = table["feature"].map(first["distance"])
    table["copies_16s"] = table["feature"].map(assigned.groupby("feature")["copies_16s"].mean())
    table["reads"] = np.asarray(counts.table.sum(axis=1)).ravel().astype(int)
    table["status"] = state.to_numpy()
    return table[VARIANT_COLUMNS].sort_values(["reads", "feature"], ascending=[False, True])


def add_trial(flow: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Add participant, arm and visit to the rows of samples: `SAMPLE_COLUMNS`."""
    sample = {s.sample: s for s in design.samples}
    arm = {p.participant: p.arm for p in design.participants}
    table = flow.copy()
    table["participant"] = [(sample[s].participant if s in sample else None) or "" for s in table["sample"]]
    table["arm"] = [arm.get(p, "") for p in table["participant"]]
    table["visit"] = [(sample[s].visit if s in sample else None) or "" for s in table["sample"]]
    return table[SAMPLE_COLUMNS]


def by_arm(flow: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Return the lost share of reads in each arm and visit: `ARM_COLUMNS`, in the plan's order."""
    order = {name: i for names in (design.visits, design.arms) for i, name in enumerate(names)}
    groups = flow[flow["arm"] != ""].groupby(["arm", "visit"], sort=False)["lost_share"]
    table = groups.agg(n="size", median="median", max="max").reset_index()
    table = table.sort_values(["visit", "arm"], key=lambda column: column.map(order))
    return table[ARM_COLUMNS].reset_index(drop=True)


def make_profiles(
    done: Inferred, known: Predictions, flow: pd.DataFrame, facts: Mapping[str, Any]
) -> list[Profile]:
    """Return the profiles: every trait, the genomes, and how far they are.

    Parameters
    ----------
    done, known
        As inferred.
    flow
        `SAMPLE_COLUMNS`.
    facts
        For the meta: engine, its version, the reference and its checksum.
    """
    bad, good = flow[flow["status"] != "kept"], flow[flow["status"] == "kept"]
    far, lost = (good[c].to_numpy(float).round(6) for c in ("distance", "lost_share"))
    meta: dict[str, Any] = {
        **facts,
        "inferred": True,
        "kind": "copies_per_genome",
        "unit": "copies per genome",
        "assay": "amplicon",
        "left_out": dict(zip(bad["sample"], bad["status"], strict=True)),
        "distance": dict(zip(good["sample"], far.tolist(), strict=True)),
        "distance_unit": known.distance_unit,
        "lost_share": dict(zip(good["sample"], lost.tolist(), strict=True)),
    }
    made = [
        Profile(f"amplicon.{trait}", table, names, done.samples, {}, meta | {"level": trait})
        for trait, (table, names) in done.genes.items()
    ]
    there = np.flatnonzero(np.diff(done.shares.indptr))
    genomes = [known.genomes[i] for i in there]
    of_cells = meta | {"level": "genome", "kind": "relative", "unit": "share of cells"}
    made.append(Profile("amplicon.genome", done.shares[there], genomes, done.samples, {}, of_cells))
    # How far the genomes are and what is lost may differ between arms: tested like any other profile.
    values = 100 * np.vstack([lost, far])
    about = meta | {"level": "inference", "kind": "score", "unit": "percent"}
    features = ["lost_reads_percent", "genome_distance_percent"]
    made.append(Profile("amplicon.inference", sparse.csr_array(values), features, done.samples, {}, about))
    return made


def checksum(paths: Sequence[str | Path]) -> str:
    """SHA-256 over the checksums of some files, in their order."""
    whole = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as handle:
            whole.update(hashlib.file_digest(handle, "sha256").digest())
    return whole.hexdigest()


def main(
    counts: str,
    design: str,
    engine: str,
    source: str,
    references: Sequence[str],
    reference_files: Sequence[str],
    version: str,
    settings: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> None:
    """Read, infer and write."""
    traits = list(settings["traits"])
    known = (
        nearest_predictions(source, references, traits)
        if engine == "nearest"
        else picrust2_predictions(source, traits)
    )
    limit = float(settings["max_distance"] if engine == "nearest" else settings["max_nsti"])
    done = infer_function(read_profile(counts), known, limit, float(settings["min_covered"]))
    trial = load_design(design)
    flow = add_trial(done.flow, trial)
    arms = by_arm(flow, trial)
    facts = {
        "engine": engine,
        "engine_version": version,
        "reference": ", ".join(Path(r).name for r in references) or "PICRUSt2's own",
        "reference_sha256": checksum(reference_files),
        "max_distance": limit,
        "min_covered": float(settings["min_covered"]),
        "lost_share_by_arm": arms.to_dict("records"),
    }
    for profile in make_profiles(done, known, flow, facts):
        level = profile.name.partition(".")[2]
        write_profile(profile, outputs["profiles"][level])
        print(f"{profile.name}: {len(profile.features)} features, {len(profile.samples)} samples")
    for trait, (table, names) in known.genes.items():
        meta = {
            "kind": "copies_per_genome",
            "unit": "copies",
            "level": f"genome_{trait}",
            "assay": "amplicon",
        }
        genes = Profile(
            f"amplicon.genome_{trait}", table, names, known.genomes, {}, meta | facts | {"inferred": True}
        )
        write_profile(genes, outputs["genes"][trait])
    done.variants.to_csv(outputs["variants"], sep="\t", index=False, float_format="%.6g")
    flow.to_csv(outputs["samples"], sep="\t", index=False, float_format="%.6g")
    arms.to_csv(outputs["arms"], sep="\t", index=False, float_format="%.6g")
    for sample, status in zip(flow["sample"], flow["status"], strict=True):
        if status != "kept":
            print(f"NOTE: sample {sample} left out: {status}")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.counts,
            snakemake.input.design,
            snakemake.params.engine,
            snakemake.input.source,
            list(snakemake.params.references),
            list(snakemake.input.references),
            Path(snakemake.input.version).read_text(encoding="utf-8").strip(),
            snakemake.params.settings,
            {
                "profiles": dict(zip(snakemake.params.levels, snakemake.output.profiles, strict=True)),
                "genes": dict(zip(snakemake.params.settings["traits"], snakemake.output.genes, strict=True)),
                "variants": snakemake.output.variants,
                "samples": snakemake.output.samples,
                "arms": snakemake.output.arms,
            },
        ),
        snakemake.log[0],
    )

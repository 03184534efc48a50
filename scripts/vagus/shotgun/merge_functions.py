"""Rule `merge_functions`: KOs and pathways of all stool samples as profiles, whole and by species."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.design.model import Design, load_design
from vagus.profile import Profile, write_profile
from vagus.shotgun.merge import TableBuilder, common_facts, find_samples, usable_samples, write_samples
from vagus.shotgun.tables import FUNCTION_COLUMNS, read_rows
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# `<level>_by_species` holds `<feature>|<species>` of the same table.
STRATIFIED = "_by_species"
SAMPLE_COLUMNS = ["sample", "engine", "reads", "assigned_share", "genome_equivalents", "unit", "left_out"]


def merge_functions(
    groups: Sequence[str | Path], design: Design, levels: Sequence[str]
) -> tuple[dict[str, Profile], list[dict]]:
    """Join the functions of all stool samples.

    Parameters
    ----------
    groups
        Folders of one function engine.
    design
        The trial.
    levels
        `ko`, `pathway`, and either with `_by_species`.

    Returns
    -------
    profiles, rows
        One profile a level: the sum over species, or `<feature>|<species>`; one row of `SAMPLE_COLUMNS` per
        sample. A sample in which no marker gene was found has no number of genomes and is left out.

    Raises
    ------
    VagusError
        If a table is damaged.
    """
    builders = {level: TableBuilder() for level in levels}
    rows: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for sample, folder, stats, reason in usable_samples(design, find_samples(groups)):
        rows.append({**{key: stats.get(key) for key in SAMPLE_COLUMNS}, "left_out": reason})
        if reason:
            left_out[sample] = reason
            continue
        kept.append(stats)
        for base in dict.fromkeys(level.removesuffix(STRATIFIED) for level in levels):
            found = read_rows(folder / f"{sample}.{base}.tsv", FUNCTION_COLUMNS)
            if base in builders:
                builders[base].add(sample, ((feature, float(value)) for feature, _, value in found))
            if base + STRATIFIED in builders:
                builders[base + STRATIFIED].add(
                    sample, ((f"{feature}|{taxon}", float(value)) for feature, taxon, value in found if taxon)
                )
    facts = common_facts(kept, ["engine", "version", "unit", "reference"])
    profiles = {}
    for level, builder in builders.items():
        table, features = builder.finish()
        meta = {
            "kind": "copies_per_genome" if facts.get("unit") == "copies per genome" else "relative",
            "unit": facts.get("unit", ""),
            "engine": facts.get("engine", ""),
            "engine_version": facts.get("version", ""),
            "reference": facts.get("reference", ""),
            "level": level,
            "assay": "shotgun",
            "gap_filling": "off",
            "left_out": left_out,
        }
        profiles[level] = Profile(f"shotgun.{level}", table, features, builder.samples, {}, meta)
    return profiles, rows


def main(groups: list[str], design: str, levels: list[str], outputs: list[str], samples: str) -> None:
    """Read, join and write."""
    profiles, rows = merge_functions(groups, load_design(design), levels)
    for level, path in zip(levels, outputs, strict=True):
        write_profile(profiles[level], path)
        size = f"{len(profiles[level].features)} features, {len(profiles[level].samples)} samples"
        print(f"shotgun.{level}: {size}")
    write_samples(rows, SAMPLE_COLUMNS, samples)


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.groups),
            snakemake.input.design,
            list(snakemake.params.levels),
            list(snakemake.output.profiles),
            snakemake.output.samples,
        ),
        snakemake.log[0],
    )

"""Rule `merge_taxa`: species and genera of all stool samples as profiles, with the share that has no name."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.profile import Profile, write_profile
from vagus.profiles.collapse_ranks import name_lineages
from vagus.shotgun.merge import TableBuilder, common_facts, find_samples, usable_samples, write_samples
from vagus.shotgun.tables import RANKS, TAXON_COLUMNS, UNCLASSIFIED, read_rows
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

LEVELS = {"species": 7, "genus": 6}
SAMPLE_COLUMNS = [
    "sample",
    "engine",
    "reads",
    "species",
    "unclassified_species",
    "unclassified_genus",
    "detection_limit",
    "left_out",
]


def read_taxa(path: Path) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield lineage and value of a sample's table; `unclassified` has a lineage of seven blanks.

    Raises
    ------
    VagusError
        Naming the row that is no lineage of seven ranks and a number that is not negative.
    """
    for number, cells in enumerate(read_rows(path, TAXON_COLUMNS), 2):
        lineage = ("",) * len(RANKS) if cells[0] == UNCLASSIFIED else tuple(cells[0].split(";"))
        try:
            value = float(cells[1])
        except (IndexError, ValueError):
            value = -1.0
        if len(lineage) != len(RANKS) or not value >= 0:
            raise VagusError(
                f"{path}, row {number}: {cells}; expected seven ranks joined by ';' (or '{UNCLASSIFIED}') "
                "and a value of at least 0"
            )
        yield lineage, value


def merge_taxa(groups: Sequence[str | Path], design: Design) -> tuple[dict[str, Profile], list[dict]]:
    """Join the taxa of all stool samples.

    A read that is named only above a level counts as unclassified at that level: it is never given to a
    neighbour. Unclassified is no feature of the profile; its share stands in `meta["unclassified"]`, and
    relative profiles hold shares of the whole sample, so that with it they sum to 1.

    Parameters
    ----------
    groups
        Folders of one taxonomy engine.
    design
        The trial.

    Returns
    -------
    profiles, rows
        `species` and `genus`; one row of `SAMPLE_COLUMNS` per sample.

    Raises
    ------
    VagusError
        If a table is damaged.
    """
    builders = {level: TableBuilder() for level in LEVELS}
    unclassified: dict[str, dict[str, float]] = {level: {} for level in LEVELS}
    limits: dict[str, float] = {}
    left_out: dict[str, str] = {}
    rows, kept = [], []
    for sample, folder, stats, reason in usable_samples(design, find_samples(groups)):
        taxa = list(read_taxa(folder / f"{sample}.taxa.tsv"))
        total = sum(value for _, value in taxa)
        if not reason and not any(value > 0 and lineage[5] for lineage, value in taxa):
            reason = "no read was named to genus or species"
        row: dict[str, Any] = {**{key: stats.get(key) for key in SAMPLE_COLUMNS}, "left_out": reason}
        for level, depth in LEVELS.items():
            named = [(lineage[:depth], value) for lineage, value in taxa if lineage[depth - 1] and value > 0]
            share = 1.0 - sum(value for _, value in named) / total if total > 0 else 1.0
            row[f"unclassified_{level}"] = share
            if not reason:
                builders[level].add(sample, ((";".join(lineage), value) for lineage, value in named))
                unclassified[level][sample] = round(share, 6)
            if level == "species":
                row["species"] = len(named)
        rows.append(row)
        if reason:
            left_out[sample] = reason
        else:
            kept.append(stats)
            if stats.get("detection_limit") is not None:
                limits[sample] = stats["detection_limit"]
    facts = common_facts(kept, ["engine", "version", "kind", "unit", "reference", "ambiguous_reads"])
    profiles = {}
    for level, builder in builders.items():
        table, keys = builder.finish()
        lineages = [tuple(key.split(";")) for key in keys]
        names = name_lineages(lineages)
        meta = {
            "kind": facts.get("kind", "relative"),
            "unit": facts.get("unit", ""),
            "engine": facts.get("engine", ""),
            "engine_version": facts.get("version", ""),
            "reference": facts.get("reference", ""),
            "ambiguous_reads": facts.get("ambiguous_reads", ""),
            "level": level,
            "assay": "shotgun",
            "unclassified": unclassified[level],
            "detection_limit": limits,
            "left_out": left_out,
        }
        taxonomy = {name: list(lineage) for name, lineage in zip(names, lineages, strict=True)}
        profiles[level] = Profile(f"shotgun.{level}", table, names, builder.samples, taxonomy, meta)
    return profiles, rows


def main(groups: list[str], design: str, outputs: dict[str, str], samples: str) -> None:
    """Read, join and write."""
    profiles, rows = merge_taxa(groups, load_design(design))
    for level, path in outputs.items():
        write_profile(profiles[level], path)
        size = f"{len(profiles[level].features)} features, {len(profiles[level].samples)} samples"
        print(f"shotgun.{level}: {size}")
    write_samples(rows, SAMPLE_COLUMNS, samples)
    for row in rows:
        if row["left_out"]:
            print(f"NOTE: sample {row['sample']} left out: {row['left_out']}")


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.groups),
            snakemake.input.design,
            dict(zip(snakemake.params.levels, snakemake.output.profiles, strict=True)),
            snakemake.output.samples,
        ),
        snakemake.log[0],
    )

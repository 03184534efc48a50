"""Which shotgun engines a config asks for, and what they read; imported whenever the Snakefile is parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vagus.design.findings import Findings
from vagus.design.places import Places

FILE = "config"
# Chosen by the figures of resources/docs/engines.md.
ROADS = {"fast": ("kraken2", "sketch"), "reference": ("bowtie2", "diamond")}
# What an engine needs from `databases` when the genomes sheet builds nothing for it.
NEEDS = {
    "sourmash": ("sourmash", "sourmash_taxonomy"),
    "kraken2": ("kraken2",),
    "metaphlan": ("metaphlan",),
    "sylph": ("sylph", "sylph_taxonomy"),
    "sketch": ("proteins",),
    "diamond": ("proteins",),
    "humann": ("humann_nucleotide", "humann_protein", "humann_mapping"),
}
FROM_GENOMES = ("bowtie2", "sourmash", "kraken2", "sketch", "diamond")
# These read the genomes sheet only.
ONLY_FROM_GENOMES = ("bowtie2",)


@dataclass(frozen=True)
class ShotgunChoice:
    """The engines of a run; `none` where a half is not wanted."""

    taxonomy: str
    function: str

    @property
    def engines(self) -> list[str]:
        """Engines that run."""
        return [engine for engine in (self.taxonomy, self.function) if engine != "none"]


def choose_engines(config: Mapping[str, Any], has_proteins: bool) -> ShotgunChoice:
    """Return the engines that `shotgun.speed`, `.taxonomy` and `.function` ask for.

    Parameters
    ----------
    config
        With its defaults filled in.
    has_proteins
        Whether the genomes sheet names proteins.
    """
    settings = config["shotgun"]
    taxonomy, function = ROADS.get(settings["speed"], ROADS["reference"])
    if settings["function"] == "auto" and not (has_proteins or config["databases"]["proteins"]):
        function = "none"
    return ShotgunChoice(
        taxonomy if settings["taxonomy"] == "auto" else str(settings["taxonomy"]),
        function if settings["function"] == "auto" else str(settings["function"]),
    )


def check_shotgun(
    config: Mapping[str, Any], has_genomes: bool, has_proteins: bool, places: Places, findings: Findings
) -> None:
    """Demand that every engine of a run has its reference, and the host its file.

    Parameters
    ----------
    config
        With its defaults filled in.
    has_genomes, has_proteins
        What the genomes sheet holds.
    places
        Where files are looked for.
    findings
        Where problems go.
    """
    databases = config["databases"]
    choice = choose_engines(config, has_proteins)
    for engine in choice.engines:
        built = has_proteins if engine in ("sketch", "diamond") else has_genomes
        needs = NEEDS.get(engine, ())
        missing = [key for key in needs if not databases.get(key)]
        half = 0 < len(missing) < len(needs)
        if engine in ONLY_FROM_GENOMES and not built:
            findings.problem(
                FILE,
                f"{engine} has no reference, but there are shotgun samples",
                "name a sheet of genomes in shotgun.genomes, or choose an engine that reads a database "
                "(shotgun.taxonomy: kraken2, sourmash, metaphlan or sylph)",
                column="shotgun.genomes",
            )
        if missing and (half or not (built and engine in FROM_GENOMES)):
            own = (
                "name a sheet of genomes in shotgun.genomes"
                + (" with a column 'proteins'" if engine in ("sketch", "diamond") else "")
                + ", or "
                if engine in FROM_GENOMES and not half
                else ""
            )
            findings.problem(
                FILE,
                f"{engine} has no reference, but there are shotgun samples",
                f"{own}give {' and '.join(f'databases.{key}' for key in missing)}, "
                "or choose another engine (shotgun.taxonomy, shotgun.function)",
                column="databases",
            )
    if config["shotgun"]["ambiguous_reads"] == "bracken" and choice.taxonomy != "kraken2":
        findings.problem(
            FILE,
            f"Bracken reads the reports of Kraken 2, but the species come from {choice.taxonomy}",
            "set share or genus, or choose kraken2 in shotgun.taxonomy",
            column="shotgun.ambiguous_reads",
            value="bracken",
        )
    host = str(config["shotgun"]["host"])
    if host:
        _check_host(host, places, findings)


def _check_host(host: str, places: Places, findings: Findings) -> None:
    from vagus.errors import VagusError
    from vagus.reads.build_host_index import host_kind

    found = find_prefix(host, places)
    if found is None:
        findings.problem(
            FILE,
            "file not found",
            f"correct the path (looked in {places.searched(host)})",
            column="shotgun.host",
            value=host,
            allowed="FASTA, prefix of a bowtie2 index, minimap2 index (.mmi)",
        )
        return
    try:
        host_kind(found)
    except VagusError as error:
        findings.problem(
            FILE, str(error), "give the host as FASTA or index", column="shotgun.host", value=host
        )


def find_prefix(value: str, places: Places) -> Path | None:
    """Find a file, or the prefix of a bowtie2 index, of which no file has that very name."""
    found = places.find(value)
    if found is not None:
        return found
    for ending in (".1.bt2", ".1.bt2l"):
        found = places.find(value + ending)
        if found is not None:
            return found.with_name(found.name.removesuffix(ending))
    return None


def make_groups(samples: Iterable[str], size: int) -> dict[str, list[str]]:
    """Cut samples into the groups that one profiling job takes, in the order of the sheet."""
    names = list(samples)
    return {f"group{i // size + 1}": names[i : i + size] for i in range(0, len(names), size)}

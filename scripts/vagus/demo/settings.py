"""The settings of the simulated trial, read from `config/demo`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from vagus.errors import VagusError


@dataclass(frozen=True)
class QualityCurve:
    """Mean Phred score along a read.

    Parameters
    ----------
    first, plateau, last
        Mean score at the first base, on the plateau and at the last base.
    knee
        Where the fall begins, as a share of the read.
    """

    first: float
    plateau: float
    last: float
    knee: float


@dataclass(frozen=True)
class Settings:
    """Every number of the simulation; the meaning of each stands in `config/demo/demo.yaml`."""

    title: str
    arms: Mapping[str, str]
    participants_per_arm: int
    dropouts: int
    failed_libraries: int
    sequencing_runs: int
    negatives_per_run: int
    target_genus: str
    fold_change: float
    score_effect: float
    participant_sd_genus: float
    participant_sd_template: float
    visit_sd_genus: float
    visit_sd_template: float
    depth: int
    depth_sd: float
    negative_depth: int
    read_length: int
    forward_primer: str
    reverse_primer: str
    chimera_share: float
    phix_share: float
    off_target_share: float
    flipped_share: float
    dna_conc_median: float
    dna_conc_sd: float
    contaminant_load: float
    cross_talk_share: float
    quality_forward: QualityCurve
    quality_reverse: QualityCurve
    quality_sd_read: float
    quality_sd_base: float
    contaminants: Sequence[str]
    mock: Sequence[str]
    community: Sequence[Mapping[str, Any]]

    @property
    def templates(self) -> list[str]:
        """Accessions of the stool community, in the order of the file."""
        return [str(entry["template"]) for entry in self.community]

    @property
    def shares(self) -> list[float]:
        """Typical share of each template of the community, in percent."""
        return [float(entry["share"]) for entry in self.community]


@dataclass(frozen=True)
class GenomeSpec:
    """One simulated genome.

    Parameters
    ----------
    id
        Key of the reference sheet.
    species
        Genus and epithet.
    strain
        Strain name.
    length, gc
        Bases, and their share of G and C.
    part
        Share of the genus, in genome copies.
    reference
        False: lives in the stool but is left out of the reference.
    strain_of
        Id of the genome of which this one is a near copy.
    """

    id: str
    species: str
    strain: str
    length: int
    gc: float
    part: float
    reference: bool = True
    strain_of: str = ""

    @property
    def genus(self) -> str:
        """First word of the species."""
        return self.species.split()[0]


@dataclass(frozen=True)
class ShotgunSettings:
    """Every number of the shotgun half; the meaning of each stands in `config/demo/shotgun.yaml`."""

    participants_per_arm_shotgun: int
    run: str
    suffix: str
    pairs: int
    pairs_sd: float
    read_length: int
    insert_mean: float
    insert_sd: float
    short_insert_share: float
    short_insert_min: int
    host_share: float
    phix_share: float
    host_length: int
    host_gc: float
    adapter_forward: str
    adapter_reverse: str
    quality_forward: QualityCurve
    quality_reverse: QualityCurve
    quality_sd_read: float
    quality_sd_base: float
    marker_length: Sequence[int]
    family_length: Sequence[int]
    genus_divergence: Sequence[float]
    species_divergence: float
    species_synonymous: float
    strain_divergence: float
    amino_acids: Mapping[str, float]
    markers: Sequence[str]
    housekeeping: Sequence[str]
    modules: Sequence[Mapping[str, Any]]
    accessory_share: float
    accessory: Sequence[str]
    genomes: Sequence[GenomeSpec]
    engine: Mapping[str, Any]

    @property
    def kos(self) -> list[str]:
        """Every protein family by its KO, in the order of the file."""
        own = [str(ko) for module in self.modules for ko in module["kos"]]
        return [*self.markers, *self.housekeeping, *own, *self.accessory]


def read_shotgun_settings(paths: Sequence[str | Path], **changes: Any) -> ShotgunSettings:
    """Read the settings of the shotgun half; later files and then `changes` override earlier ones.

    Parameters
    ----------
    paths
        YAML files.
    changes
        Single settings by name; None leaves a setting alone.

    Returns
    -------
    ShotgunSettings
        Complete settings.

    Raises
    ------
    VagusError
        On an unknown or a missing key, or genomes and families that contradict each other.
    """
    values = read_values(paths, [f.name for f in fields(ShotgunSettings)])
    for mate in ("quality_forward", "quality_reverse"):
        values[mate] = QualityCurve(**values[mate])
    values["genomes"] = [GenomeSpec(**entry) for entry in values["genomes"]]
    settings = replace(ShotgunSettings(**values), **{k: v for k, v in changes.items() if v is not None})
    where = f"{paths[0]}: "
    for what, names in (("KO", settings.kos), ("genome", [g.id for g in settings.genomes])):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise VagusError(f"{where}{what} {twice[0]} is listed twice; list it once")
    for genus in dict.fromkeys(g.genus for g in settings.genomes):
        total = sum(g.part for g in settings.genomes if g.genus == genus)
        if abs(total - 1) > 1e-9:
            raise VagusError(f"{where}the parts of genus {genus} sum to {total:g}; allowed: 1")
    earlier: dict[str, GenomeSpec] = {}
    for genome in settings.genomes:
        parent = earlier.get(genome.strain_of)
        if genome.strain_of and (parent is None or parent.species != genome.species):
            raise VagusError(
                f"{where}genome {genome.id}: strain_of {genome.strain_of} is no earlier genome of its "
                "species; name one or leave it out"
            )
        earlier[genome.id] = genome
    if settings.participants_per_arm_shotgun < 1 or settings.pairs < 50:
        raise VagusError(
            f"{where}{settings.participants_per_arm_shotgun} participants per arm, {settings.pairs} read "
            "pairs per library; allowed: at least 1 and at least 50"
        )
    return settings


def read_values(paths: Sequence[str | Path], names: Sequence[str]) -> dict[str, Any]:
    """Read YAML files over each other; every key must be one of `names`, and all of them given."""
    values: dict[str, Any] = {}
    for path in paths:
        loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        for key in loaded:
            if key not in names:
                near = get_close_matches(str(key), names, 1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                raise VagusError(f"{path}: unknown setting '{key}'{hint}")
        values.update(loaded)
    missing = [name for name in names if name not in values]
    if missing:
        raise VagusError(f"{paths[0]}: missing setting '{missing[0]}'; add it")
    return values


def read_settings(paths: Sequence[str | Path], **changes: Any) -> Settings:
    """Read settings; later files and then `changes` override earlier ones.

    Parameters
    ----------
    paths
        YAML files.
    changes
        Single settings by name; None leaves a setting alone.

    Returns
    -------
    Settings
        Complete settings.

    Raises
    ------
    VagusError
        On an unknown or a missing key, or a number that no trial can have.
    """
    values = read_values(paths, [f.name for f in fields(Settings)])
    values["quality_forward"] = QualityCurve(**values["quality_forward"])
    values["quality_reverse"] = QualityCurve(**values["quality_reverse"])
    settings = replace(Settings(**values), **{k: v for k, v in changes.items() if v is not None})
    if settings.participants_per_arm < 2 or settings.depth < 50:
        raise VagusError(
            f"simulated trial: {settings.participants_per_arm} participants per arm, {settings.depth} read "
            "pairs per library; allowed: at least 2 and at least 50"
        )
    if settings.fold_change <= 0:
        raise VagusError(f"simulated trial: fold_change is {settings.fold_change}; allowed: above 0")
    return settings

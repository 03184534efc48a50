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
    values: dict[str, Any] = {}
    names = [f.name for f in fields(Settings)]
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

"""Modules of files in the format of Omixer-RPM that the user brings, scored as its documentation says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vagus.errors import VagusError
from vagus.modules.omixer_file import OmixerModule
from vagus.modules.score_modules import UNKNOWN_TAXA, taxon_blocks
from vagus.profile import Profile

ESTIMATORS = ("median", "average", "sum", "minimum")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OmixerSettings:
    """How modules are scored.

    Parameters
    ----------
    coverage
        Least share of the steps that must be there, 0 to 1; -1 learns it from the data. A learned value
        differs between data sets, so it can not be registered beforehand.
    estimator
        One of `ESTIMATORS`, over the steps that are there.
    normalise
        Divide by the number of steps of the module (for `sum`: of all its steps, seen or not).
    """

    coverage: float = -1.0
    estimator: str = "median"
    normalise: bool = False

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise VagusError(
                f"modules.omixer_estimator: {self.estimator!r}; allowed: {', '.join(ESTIMATORS)}"
            )
        if not (self.coverage == -1 or 0 <= self.coverage <= 1):
            raise VagusError(
                f"modules.omixer_coverage: {self.coverage!r}; allowed: 0 to 1, or -1 to learn it"
            )


def learn_coverage(coverages: Floats) -> float:
    """Return the coverage in front of the largest jump in the cumulative number of recruited modules.

    Parameters
    ----------
    coverages
        Coverage of every module in every taxon and sample, 0 to 1; zeros are not looked at.

    Returns
    -------
    float
        1.0 where there is no jump. Modules are recruited from full coverage downwards.
    """
    values, counts = np.unique(np.round(coverages[coverages > 0], 9), return_counts=True)
    if len(values) < 2:
        return float(values[0]) if len(values) else 1.0
    # From the highest coverage down; the value in front of the largest jump is the last that is accepted.
    values, counts = values[::-1], counts[::-1]
    jump = int(np.argmax(counts[1:]))
    return float(values[jump])


def estimate(steps: Floats, settings: OmixerSettings) -> Floats:
    """Return the abundance of one module over N samples from its steps (S x N), 0 where no step is there."""
    there = steps > 0
    seen = there.sum(axis=0)
    some = seen > 0
    total = steps.sum(axis=0)
    if settings.estimator == "sum":
        value = total
    elif settings.estimator == "average":
        value = total / np.maximum(seen, 1)
    elif settings.estimator == "minimum":
        value = np.where(some, np.where(there, steps, np.inf).min(axis=0, initial=np.inf), 0.0)
    else:
        value = np.zeros(steps.shape[1])
        value[some] = np.nanmedian(np.where(there, steps, np.nan)[:, some], axis=0)
    return np.where(some, value / len(steps) if settings.normalise else value, 0.0)


def score_omixer(
    modules: Sequence[OmixerModule], profile: Profile, settings: OmixerSettings
) -> tuple[Floats, float]:
    """Score modules taxon by taxon and add them up.

    Parameters
    ----------
    modules
        As `read_omixer` gives them.
    profile
        KO profile, with or without taxa.
    settings
        How.

    Returns
    -------
    values, coverage
        M x N, and the coverage that was used.

    Notes
    -----
    Written from the documentation of Omixer-RPM (Darzi Y et al. 2016 ISME J 10:1025,
    doi:10.1038/ismej.2015.188), not from its program. A complex is as abundant as its rarest part, a step as
    its most abundant alternative; that is our reading of "best-scoring path".
    """
    features = sorted(
        {part for m in modules for step in m.steps for alternative in step for part in alternative}
    )
    place = {feature: i for i, feature in enumerate(features)}
    index = [
        [[np.array([place[p] for p in alternative]) for alternative in step] for step in m.steps]
        for m in modules
    ]
    found: list[tuple[str, list[Floats]]] = []
    for taxon, block in taxon_blocks(profile, features):
        if taxon and taxon.lower() in UNKNOWN_TAXA:
            continue
        scored = [
            np.array([np.max([block[enzyme].min(axis=0) for enzyme in step], axis=0) for step in module])
            for module in index
        ]
        found.append((taxon, scored))
    covers = [[(steps > 0).mean(axis=0) for steps in scored] for _, scored in found]
    least = settings.coverage
    if least < 0:
        least = learn_coverage(np.concatenate([c for taxon in covers for c in taxon])) if covers else 1.0
    values = np.zeros((len(modules), len(profile.samples)))
    for (_, scored), taxon_covers in zip(found, covers, strict=True):
        for row, (steps, cover) in enumerate(zip(scored, taxon_covers, strict=True)):
            values[row] += np.where(cover >= least - 1e-9, estimate(steps, settings), 0.0)
    return values, least

"""Random modules of the shape of a real one, of genes that are as prevalent as its own."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vagus.modules.ec_modules import EcModule, EcStep
from vagus.modules.score_modules import UNKNOWN_TAXA, split_feature
from vagus.profile import Profile

# A KO is replaced by one of this many whose prevalence is nearest.
NEAREST = 40
# Fixed, so that a table can be made again; each module draws by its own id, whatever stands beside it.
SEED = 1


def has_taxa(profile: Profile) -> bool:
    """Return whether any feature of a KO profile is of a named species."""
    return any(split_feature(f)[1].lower() not in UNKNOWN_TAXA for f in profile.features)


def count_organisms(profile: Profile) -> dict[str, int]:
    """Return KO -> number of pairs of species and sample (samples without species) that hold it."""
    taxa = has_taxa(profile)
    table = profile.table
    ends = np.concatenate([[0], np.cumsum(table.data > 0)])
    seen = (ends[table.indptr[1:]] - ends[table.indptr[:-1]]).tolist()
    counts: dict[str, int] = {}
    for feature, number in zip(profile.features, seen, strict=True):
        ko, taxon = split_feature(feature)
        if not (taxa and taxon.lower() in UNKNOWN_TAXA):
            counts[ko] = counts.get(ko, 0) + number
    return counts


def required_kos(module: Any) -> list[str]:
    """Return the KOs of the required steps, each once."""
    parts = (
        ko for step in module.steps if not step.optional for enzyme in step.alternatives for ko in enzyme
    )
    return list(dict.fromkeys(parts))


def pools(kos: Sequence[str], counts: Mapping[str, int], own: set[str]) -> dict[str, list[str]]:
    """Return for each KO those of the profile that may stand in for it.

    Parameters
    ----------
    kos
        Of one module.
    counts
        See `count_organisms`.
    own
        All KOs of the module, which never stand in.

    Returns
    -------
    dict
        KO -> the `NEAREST` others whose prevalence is nearest, and all that are as near as the last of
        them. A KO that no organism has is left out: what is as prevalent is also in no organism, so its place
        in a random module is empty, as it is in the module itself.
    """
    others = sorted((number, ko) for ko, number in counts.items() if number > 0 and ko not in own)
    numbers = np.array([number for number, _ in others])
    found = {}
    for ko in kos:
        number = counts.get(ko, 0)
        if number == 0 or not others:
            continue
        # All within one distance, so that as many rarer ones as more common ones stand in.
        place = int(np.searchsorted(numbers, number))
        near = np.sort(np.abs(numbers[max(0, place - NEAREST) : place + NEAREST] - number))
        reach = near[min(NEAREST, len(near)) - 1]
        left, right = np.searchsorted(numbers, [number - reach, number + reach + 1])
        found[ko] = [ko for _, ko in others[left:right]]
    return found


def draw_modules(
    module: Any, counts: Mapping[str, int], draws: int, seed: int = SEED
) -> tuple[list[EcModule], float]:
    """Draw random modules of the shape of one.

    Parameters
    ----------
    module
        Steps, alternatives, subunits, signatures and coverage are kept, and a KO that stands in several
        steps stays one KO.
    counts
        See `count_organisms`.
    draws
        How many.
    seed
        Together with the module's id.

    Returns
    -------
    modules, mismatch
        None where no other KO is there to draw; mean difference of prevalence between a KO and what stands
        in for it, as a share of the KO's own (0 is a perfect match).
    """
    rng = np.random.default_rng([seed, zlib.crc32(str(module.id).encode())])
    own = {ko for step in module.steps for enzyme in step.alternatives for ko in enzyme}
    kos = required_kos(module)
    pool = pools(kos, counts, own)
    if not pool:
        return [], 0.0
    made, gaps = [], []
    for number in range(draws):
        stand_in: dict[str, str] = {}
        used: set[str] = set()
        for ko in kos:
            if ko not in pool:
                # No KO has this name, so it is in no organism.
                stand_in[ko] = f"{module.id} without {ko}"
                continue
            free = [other for other in pool[ko] if other not in used] or pool[ko]
            chosen = free[int(rng.integers(len(free)))]
            used.add(chosen)
            stand_in[ko] = chosen
            gaps.append(abs(counts[chosen] - counts[ko]) / counts[ko])
        steps = tuple(
            EcStep(tuple(tuple(stand_in[ko] for ko in e) for e in s.alternatives), False, s.signature)
            for s in module.steps
            if not s.optional
        )
        made.append(EcModule(f"{module.id} {number}", steps, module.coverage))
    return made, float(np.mean(gaps))

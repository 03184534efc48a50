"""Sum the sequence variants of one genus, family or phylum."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from scipy import sparse

from vagus.errors import VagusError
from vagus.profile import Profile, read_profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

LEVELS = {"phylum": 2, "class": 3, "order": 4, "family": 5, "genus": 6, "species": 7}


def name_lineages(lineages: list[tuple[str, ...]]) -> list[str]:
    """Give each lineage a short name that no other lineage has.

    The name is the lowest rank; where that is blank, "unclassified <lowest known rank>". Equal names of
    different lineages get the next known rank above in brackets, and the whole lineage if that is not enough.

    Parameters
    ----------
    lineages
        Distinct lineages, cut at the rank that is named.

    Returns
    -------
    list of str
        One unique name per lineage.
    """

    def known(lineage: tuple[str, ...]) -> list[str]:
        return [rank for rank in lineage if rank]

    names = []
    for lineage in lineages:
        ranks = known(lineage)
        if lineage[-1]:
            names.append(lineage[-1])
        else:
            names.append(f"unclassified {ranks[-1]}" if ranks else "unclassified")
    counts = Counter(names)
    longer = []
    for name, lineage in zip(names, lineages, strict=True):
        ranks = known(lineage)
        longer.append(f"{name} ({ranks[-2]})" if counts[name] > 1 and len(ranks) > 1 else name)
    counts = Counter(longer)
    return [
        f"{name} ({';'.join(rank or '?' for rank in lineage)})" if counts[new] > 1 else new
        for name, new, lineage in zip(names, longer, lineages, strict=True)
    ]


def collapse_profile(profile: Profile, level: str) -> Profile:
    """Sum features that share a lineage down to a rank.

    Parameters
    ----------
    profile
        Counts with a lineage per feature (domain first).
    level
        One of `LEVELS`.

    Returns
    -------
    Profile
        Named `<assay>.<level>`, features sorted by name; no reads are lost.

    Raises
    ------
    VagusError
        If the rank is unknown or a feature has no lineage.
    """
    if level not in LEVELS:
        raise VagusError(f"rank {level!r} is unknown; allowed: {', '.join(LEVELS)}")
    depth = LEVELS[level]
    bare = [f for f in profile.features if f not in profile.taxonomy]
    if bare:
        raise VagusError(
            f"profile {profile.name}: feature {bare[0]} has no taxonomy; import one with lineages"
        )
    keys = [tuple(([*profile.taxonomy[f]] + [""] * depth)[:depth]) for f in profile.features]
    lineages = sorted(set(keys))
    name_of = dict(zip(lineages, name_lineages(lineages), strict=True))
    order = sorted(lineages, key=lambda lineage: name_of[lineage])
    place = {lineage: i for i, lineage in enumerate(order)}
    rows = np.array([place[k] for k in keys], dtype=int)
    adder = sparse.csr_array(
        (np.ones(len(keys)), (rows, np.arange(len(keys)))), shape=(len(order), len(keys))
    )
    assay = profile.name.split(".")[0]
    names = [name_of[lineage] for lineage in order]
    taxonomy = {name_of[lineage]: list(lineage) for lineage in order}
    meta = {**profile.meta, "name": f"{assay}.{level}", "level": level}
    return Profile(f"{assay}.{level}", adder @ profile.table, names, list(profile.samples), taxonomy, meta)


def main(profile: str, profiles_out: list[str], levels: list[str]) -> None:
    """Read once, sum at each rank and write a profile for each."""
    source = read_profile(profile)
    for level, profile_out in zip(levels, profiles_out, strict=True):
        result = collapse_profile(source, level)
        write_profile(result, profile_out)
        print(f"{len(source.features)} features became {len(result.features)} at the rank {level}")


if "snakemake" in globals():
    run_step(
        lambda: main(snakemake.input.profile, list(snakemake.output.profiles), list(snakemake.params.levels)),
        snakemake.log[0],
    )

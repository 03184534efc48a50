"""Profiles of taxa from lineages, under the names that our own profiles give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vagus.errors import VagusError
from vagus.profiles.collapse_ranks import name_lineages
from vagus.profiles.readers.table import Facts, Table, join_columns
from vagus.shotgun.tables import RANKS, UNCLASSIFIED


def rank_depth(level: str, where: str, more: Sequence[str] = ()) -> int:
    """Return how many ranks a level has; `VagusError` if the profile's level is no rank.

    Parameters
    ----------
    level
        Of the profile, or of `more`, which are as deep as species.
    where
        File, for the message.
    more
        Levels below species.
    """
    if level in more:
        return len(RANKS)
    if level not in RANKS:
        allowed = ", ".join(f"<assay>.{rank}" for rank in (*RANKS, *more))
        raise VagusError(
            f"{where}: the level {level!r} is no rank; allowed: a profile called {allowed}; fix: name the "
            "profile after the rank that is to be taken from the table"
        )
    return RANKS.index(level) + 1


def cut_lineages(
    columns: Sequence[Mapping[str, float]], samples: list[str], depth: int, facts: Facts
) -> Table:
    """Sum lineages at a rank.

    Parameters
    ----------
    columns
        Per sample, lineage of seven ranks joined by `;` (or `unclassified`) -> value.
    samples
        Their ids.
    depth
        Ranks that are kept.
    facts
        Gets `unclassified`: the share of each sample that has no name at this rank, which is no feature.

    Returns
    -------
    Table
        Features under their short names.
    """
    cut: list[dict[str, float]] = []
    shares = {}
    for sample, column in zip(samples, columns, strict=True):
        named: dict[str, float] = {}
        for lineage, value in column.items():
            ranks = lineage.split(";")
            if lineage != UNCLASSIFIED and ranks[depth - 1]:
                key = ";".join(ranks[:depth])
                named[key] = named.get(key, 0.0) + value
        total = sum(column.values())
        shares[sample] = round(max(0.0, 1 - sum(named.values()) / total), 6) if total else 1.0
        cut.append(named)
    values, keys = join_columns(cut)
    lineages = [tuple(key.split(";")) for key in keys]
    names = name_lineages(lineages)
    facts.per_sample["unclassified"] = shares
    taxonomy = {name: list(lineage) for name, lineage in zip(names, lineages, strict=True)}
    return Table(values, names, samples, taxonomy, facts)

"""Give reads that fit several species back to them, by how each species' own reads are known to fall."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vagus.errors import VagusError
from vagus.reads.fastq import open_bytes
from vagus.shotgun.lineages import add_values
from vagus.shotgun.tables import RANKS, SampleReads

COLUMNS = ["read_length", "paired", "species", "lineage", "share"]
# A species whose reads are hardly ever its own can not be counted by them.
LEAST_OWN = 0.01
# The first reads of a sample tell its read length.
LOOKED_AT = 1000


@dataclass(frozen=True)
class Kind:
    """Reads of one length (bases), single or in pairs."""

    length: int
    paired: bool


Shares = dict[Kind, dict[str, dict[str, float]]]


def write_shares(shares: Shares, path: str | Path) -> None:
    """Write kind -> species -> lineage at which its reads end -> share of its reads (0 to 1)."""
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("\t".join(COLUMNS) + "\n")
        for kind in sorted(shares, key=lambda k: (k.length, k.paired)):
            for species, found in sorted(shares[kind].items()):
                for lineage, share in sorted(found.items()):
                    handle.write(f"{kind.length}\t{int(kind.paired)}\t{species}\t{lineage}\t{share:.6g}\n")


def read_shares(path: str | Path) -> Shares:
    """Read what `write_shares` wrote; `VagusError` if the columns are others."""
    shares: Shares = {}
    with open(path, encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        if next(rows, []) != COLUMNS:
            raise VagusError(f"{path}: not a table of read shares; fix: delete it, it is made anew")
        for length, paired, species, lineage, share in rows:
            kind = Kind(int(length), paired == "1")
            shares.setdefault(kind, {}).setdefault(species, {})[lineage] = float(share)
    return shares


def kind_of(reads: SampleReads) -> Kind:
    """Return the mean length (bases) of the first reads of a sample; paired if it has any pair."""
    lengths: list[int] = []
    for path in reads.files:
        with open_bytes(path) as handle:
            lengths += [len(line.strip()) for line in islice(handle, 1, 4 * LOOKED_AT, 4)]
        if lengths:
            break
    return Kind(round(sum(lengths) / len(lengths)) if lengths else 0, bool(reads.pairs))


def nearest_shares(shares: Shares, kind: Kind) -> dict[str, dict[str, float]]:
    """Return the shares of the kind of reads nearest to this one; a pair tells more than its length."""
    if not shares:
        return {}
    best = min(shares, key=lambda k: (k.paired != kind.paired, abs(k.length - kind.length), k.length))
    return shares[best]


def lift_rare(counts: Mapping[str, float], min_reads: float, min_genus_share: float) -> dict[str, float]:
    """Count the reads of rare species for their genus.

    Parameters
    ----------
    counts
        Lineage -> reads.
    min_reads
        A species with fewer reads is not named; its reads are counted for its genus.
    min_genus_share
        A species with a smaller share of the reads of its genus' most abundant species is not named either:
        a misread base turns a few reads in a thousand of one species into those of a near-identical other.
    """
    top: dict[str, float] = {}
    for lineage, reads in counts.items():
        genus, _, species = lineage.rpartition(";")
        if species:
            top[genus] = max(top.get(genus, 0.0), reads)

    def keeps(lineage: str, reads: float) -> bool:
        genus, _, species = lineage.rpartition(";")
        return not genus or not species or reads >= max(min_reads, min_genus_share * top[genus])

    return add_values((k if keeps(k, v) else f"{k.rpartition(';')[0]};", v) for k, v in counts.items())


def lineages_above(lineage: str) -> list[str]:
    """Return the lineages above one, from its genus up to its domain, without blank ends."""
    names = lineage.split(";")
    found: list[str] = []
    for level in range(len(RANKS) - 1, 0, -1):
        upper = ";".join([*names[:level], *[""] * (len(RANKS) - level)])
        if names[level - 1] and upper not in found:
            found.append(upper)
    return found


def claim_shared(
    counts: Mapping[str, float], named: Iterable[str], shares: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Move reads from genera (and ranks above) down to the species that they must have come from.

    Parameters
    ----------
    counts
        Lineage -> reads, as the engine gave them: each to the last rank on which its hits agree.
    named
        Species (lineages) that are taken to be there.
    shares
        Species -> lineage -> share of its reads that the engine leaves there (`read_shares`).

    Returns
    -------
    dict
        Lineage -> reads; the sum is that of `counts`.

    Notes
    -----
    A species with `n` reads of its own, and `p` the share of its reads that are its own, has `n / p` reads,
    and so claims `n / p * q` of the reads at a lineage above it where a share `q` of its reads ends. That is
    the idea of Bracken (Lu 2017, doi:10.7717/peerj-cs.104), with one difference: Bracken spreads *all* reads
    of a genus over its species, here what no species can claim stays at the genus. A relative that the
    reference lacks thus does not land on its neighbour. Where claims exceed the reads, they are cut alike.
    """
    claims: dict[str, dict[str, float]] = {}
    for species in named:
        falls = shares.get(species, {})
        own = falls.get(species, 0.0)
        if own < LEAST_OWN or not counts.get(species):
            continue
        for upper in lineages_above(species):
            if falls.get(upper):
                claims.setdefault(upper, {})[species] = counts[species] / own * falls[upper]
    moved = dict(counts)
    for upper, wanted in claims.items():
        have = counts.get(upper, 0.0)
        cut = min(1.0, have / sum(wanted.values())) if have else 0.0
        for species, reads in sorted(wanted.items()):
            whole = float(int(reads * cut + 1e-9))
            moved[species] += whole
            moved[upper] = moved.get(upper, 0.0) - whole
    return {lineage: reads for lineage, reads in moved.items() if reads or lineage in counts}


def settle_counts(
    counts: Mapping[str, float],
    min_reads: float,
    min_genus_share: float,
    shares: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, float]:
    """Leave rare species to their genus, then give shared reads to those that are named.

    Parameters
    ----------
    counts
        Lineage -> reads.
    min_reads, min_genus_share
        As in `lift_rare`; looked at before shared reads are given, so that these name no species.
    shares
        As in `claim_shared`; None gives none.
    """
    kept = lift_rare(counts, min_reads, min_genus_share)
    if not shares:
        return kept
    named = [lineage for lineage in kept if ";" in lineage and not lineage.endswith(";")]
    # The reads of rare species, now at their genus, are not shared ones: they stay there.
    rare = {k: v - counts.get(k, 0.0) for k, v in kept.items() if k.endswith(";")}
    given = claim_shared({k: v - rare.get(k, 0.0) for k, v in kept.items()}, named, shares)
    return {k: v for k, v in add_values([*given.items(), *rare.items()]).items() if v or k in counts}

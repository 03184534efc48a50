"""Genome equivalents: the depth of the universal single-copy genes, the yardstick of all functions."""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vagus.errors import VagusError

MARKER_COLUMNS = ("ko", "name", "source")
LEAST_MARKERS = 5
MODES = ("markers", "none")
NO_MARKER = "no marker found"
_KO = re.compile(r"K\d{5}")


@dataclass(frozen=True)
class GenomeEquivalents:
    """How many genomes deep a sample was sequenced.

    Parameters
    ----------
    value
        Depth of the typical marker gene; 0 if none was seen.
    method
        `median`; `mean` where fewer than half of the markers were seen, whose median would be 0; `none`.
    seen
        Markers with any depth.
    markers
        Markers that the reference has.
    """

    value: float
    method: str
    seen: int
    markers: int

    def as_stats(self) -> dict[str, Any]:
        """Return what goes into the statistics of a sample."""
        return {
            "genome_equivalents": self.value if self.method != "none" else None,
            "genome_equivalents_method": self.method,
            "markers": self.markers,
            "markers_seen": self.seen,
        }


def read_markers(path: str | Path) -> list[str]:
    """Read the table of universal single-copy genes.

    Parameters
    ----------
    path
        TSV with columns ko, name, source.

    Returns
    -------
    list of str
        KO numbers.

    Raises
    ------
    VagusError
        If a column is missing, or a KO is none or stands twice.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        table = csv.DictReader(handle, delimiter="\t")
        missing = [c for c in MARKER_COLUMNS if c not in (table.fieldnames or [])]
        if missing:
            raise VagusError(f"{path}: no column {', '.join(missing)}; allowed: {', '.join(MARKER_COLUMNS)}")
        found: list[str] = []
        for number, row in enumerate(table, 2):
            ko = (row["ko"] or "").strip()
            if not _KO.fullmatch(ko) or ko in found:
                what = "stands twice" if ko in found else "is no KO number"
                raise VagusError(f"{path}, row {number}: {ko!r} {what}; fix: one KO a row, K and five digits")
            found.append(ko)
    return found


def reference_markers(kos: Collection[str], markers: Sequence[str], reference: str) -> list[str]:
    """Return the markers that a reference has.

    Parameters
    ----------
    kos
        KO numbers of the reference.
    markers
        KO numbers of the universal single-copy genes.
    reference
        Its name, for the message.

    Raises
    ------
    VagusError
        If there are fewer than `LEAST_MARKERS`: their median would hang on one gene.
    """
    known = set(kos)
    present = [m for m in markers if m in known]
    if len(present) < LEAST_MARKERS:
        absent = [m for m in markers if m not in known]
        raise VagusError(
            f"{reference}: {len(present)} of the {len(markers)} single-copy marker genes are labelled, "
            f"{LEAST_MARKERS} are needed to count genomes (absent: {', '.join(absent[:5])}, ...); fix: label "
            "all proteins of the genomes, ribosomal ones too, or set genome_equivalents: none"
        )
    return present


def genome_equivalents(depths: Mapping[str, float], markers: Sequence[str]) -> GenomeEquivalents:
    """Estimate how many genomes deep a sample was sequenced.

    Parameters
    ----------
    depths
        KO -> depth, summed over all organisms.
    markers
        Markers that the reference has.

    Returns
    -------
    GenomeEquivalents
        The median depth of the markers, which a marker that is doubled or lost in some genomes does not move.

    References
    ----------
    Nayfach S, Pollard KS (2015) Genome Biol 16:51, doi:10.1186/s13059-015-0611-7;
    Manor O, Borenstein E (2015) Genome Biol 16:53, doi:10.1186/s13059-015-0610-8
    """
    seen = [depths.get(m, 0.0) for m in markers]
    positive = sum(depth > 0 for depth in seen)
    method = "median" if 2 * positive > len(seen) else "mean"
    value = statistics.median(seen) if method == "median" else statistics.fmean(seen) if seen else 0.0
    return GenomeEquivalents(value, method, positive, len(seen))


def per_genome(
    depths: Mapping[tuple[str, str], float], markers: Sequence[str] | None
) -> tuple[dict[tuple[str, str], float], dict[str, Any]]:
    """Turn depths into copies per genome.

    Parameters
    ----------
    depths
        (KO, taxon) -> depth.
    markers
        Markers that the reference has; None leaves the depths as they are.

    Returns
    -------
    tuple
        Values, and what to note in the statistics: genome_equivalents, markers, kind, unit, and a reason if
        no marker was seen, so that nothing can be said per genome.
    """
    if markers is None:
        facts = {**GenomeEquivalents(0.0, "none", 0, 0).as_stats(), "kind": "relative", "unit": "depth"}
        return {k: v for k, v in depths.items() if v > 0}, facts
    totals: dict[str, float] = {}
    for (ko, _), depth in depths.items():
        totals[ko] = totals.get(ko, 0.0) + depth
    found = genome_equivalents(totals, markers)
    facts = {**found.as_stats(), "kind": "copies_per_genome", "unit": "copies per genome"}
    if found.value <= 0:
        reason = f"none of the {found.markers} single-copy marker genes was seen"
        return {}, {**facts, "status": NO_MARKER, "reason": reason}
    return {key: depth / found.value for key, depth in depths.items() if depth > 0}, facts


def choose_markers(
    settings: Mapping[str, Any], path: str | Path, kos: Collection[str], reference: str
) -> list[str] | None:
    """Return the markers to divide by, as the setting `genome_equivalents` says.

    Raises
    ------
    VagusError
        If the setting is another than `MODES`, or the reference has too few markers.
    """
    mode = settings.get("genome_equivalents") or "markers"
    if mode not in MODES:
        raise VagusError(f"genome_equivalents: {mode!r}; allowed: {', '.join(MODES)}; fix: set one of them")
    return None if mode == "none" else reference_markers(kos, read_markers(path), reference)

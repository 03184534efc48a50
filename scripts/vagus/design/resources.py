"""What ships with Vagus: primer pairs and the ranges of clinical scales."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vagus.design.findings import did_you_mean, listed
from vagus.design.schema import CLONE, read_yaml
from vagus.errors import VagusError


@dataclass(frozen=True)
class PrimerPair:
    """A pair of primers.

    Parameters
    ----------
    name
        As in `resources/primers.tsv`; "custom" for a pair given by its sequences.
    forward, reverse
        5'-3', IUPAC.
    insert
        Usual length between the primers (bases), None when not known.
    length_min, length_max
        Range of that length in gut bacteria, None when not known.
    """

    name: str
    forward: str
    reverse: str
    insert: int | None = None
    length_min: int | None = None
    length_max: int | None = None


@functools.cache
def load_primers(clone: Path = CLONE) -> dict[str, PrimerPair]:
    """Return the primer pairs by name.

    Parameters
    ----------
    clone
        Root of the clone.
    """
    text = (clone / "resources" / "primers.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    header, pairs = lines[0], {}
    for cells in lines[1:]:
        row = dict(zip(header, cells, strict=True))
        pairs[row["name"]] = PrimerPair(
            row["name"],
            row["forward"],
            row["reverse"],
            int(row["insert"]),
            int(row["length_min"]),
            int(row["length_max"]),
        )
    return pairs


def resolve_primers(given: str | dict[str, str], clone: Path = CLONE) -> PrimerPair | None:
    """Return the primer pair that the config asks for.

    Parameters
    ----------
    given
        The config's `reads.primers`.
    clone
        Root of the clone.

    Returns
    -------
    PrimerPair or None
        None when the primers are already gone.

    Raises
    ------
    VagusError
        If the name is unknown.
    """
    if not given:
        return None
    if isinstance(given, dict):
        # Inosine pairs with all four bases; the tools know it as N.
        clean = {k: v.upper().replace("U", "T").replace("I", "N") for k, v in given.items()}
        return PrimerPair("custom", clean["forward"], clean["reverse"])
    pairs = load_primers(clone)
    by_key = {name.lower(): pair for name, pair in pairs.items()}
    if given.lower() not in by_key:
        fix = did_you_mean(given, pairs, "give the sequences as {forward: ..., reverse: ...}")
        raise VagusError(
            f"config: reads.primers: unknown primer pair {given!r}; allowed: {listed(pairs)}; fix: {fix}"
        )
    return by_key[given.lower()]


@functools.cache
def load_scales(clone: Path = CLONE) -> dict[str, dict[str, Any]]:
    """Return the clinical scales by every name they go by, in the form of `scale_key`.

    Parameters
    ----------
    clone
        Root of the clone.
    """
    scales: dict[str, dict[str, Any]] = {}
    for path in sorted((clone / "resources" / "scales").glob("*.yaml")):
        scale = read_yaml(path)
        for name in [scale["scale"], *scale["aliases"]]:
            scales[scale_key(name)] = scale
    return scales


def scale_key(name: str) -> str:
    """Return a name without case, blanks and punctuation: `PHQ-9` and `phq_9` are `phq9`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())

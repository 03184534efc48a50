"""Measured substances: their scale, their units, and the names of timed measures."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from vagus.design.findings import listed
from vagus.design.model import Measure
from vagus.design.resources import scale_key
from vagus.design.schema import CLONE
from vagus.errors import VagusError

_TIMED = re.compile(r"^(.+)@([0-9]+(?:\.[0-9]+)?)$")


@dataclass(frozen=True)
class Biomarker:
    """A substance.

    Parameters
    ----------
    measure, name
        Short and full name.
    scale
        `log2` or `linear`: how it is compared.
    molar_mass
        g/mol, None where units of mass and amount are not converted.
    """

    measure: str
    name: str
    scale: str
    molar_mass: float | None


@functools.cache
def load_biomarkers(clone: Path = CLONE) -> dict[str, Biomarker]:
    """Return the biomarkers by every name they go by, in the form of `scale_key`.

    Parameters
    ----------
    clone
        Root of the clone.
    """
    found: dict[str, Biomarker] = {}
    for row in _rows(clone / "resources" / "biomarkers.tsv"):
        mass = float(row["molar_mass"]) if row["molar_mass"] else None
        marker = Biomarker(row["measure"], row["name"], row["scale"], mass)
        for name in [row["measure"], row["name"], *row["aliases"].split(",")]:
            if name.strip():
                found[scale_key(name)] = marker
    return found


@functools.cache
def load_units(clone: Path = CLONE) -> dict[str, tuple[str, float, float]]:
    """Return unit to (quantity, factor, offset); a value times factor plus offset is in the base unit."""
    rows = _rows(clone / "resources" / "units.tsv")
    return {row["unit"]: (row["quantity"], float(row["factor"]), float(row["offset"])) for row in rows}


def split_timed(measure: str) -> tuple[str, float | None]:
    """Return name and minutes of a timed measure such as `cortisol@30`; minutes are None of any other."""
    match = _TIMED.match(measure)
    return (match.group(1), float(match.group(2))) if match else (measure, None)


def biomarker_of(measure: str, clone: Path = CLONE) -> Biomarker | None:
    """Return the biomarker that a measure, timed or not, is of; None of scores and unknown substances."""
    return load_biomarkers(clone).get(scale_key(split_timed(measure)[0]))


def in_biomarker_panel(measure: str, clone: Path = CLONE) -> bool:
    """Whether a measure belongs to `panel.biomarkers`: a known substance, or any timed measure."""
    return split_timed(measure)[1] is not None or biomarker_of(measure, clone) is not None


def convert(value: float, unit: str, to: str, measure: str, clone: Path = CLONE) -> float:
    """Return a value in another unit.

    Parameters
    ----------
    value
        In `unit`.
    unit, to
        Units as written.
    measure
        Of which; between mass and amount its molar mass is needed.
    clone
        Root of the clone.

    Returns
    -------
    float
        In `to`.

    Raises
    ------
    VagusError
        If a unit is unknown, or the two are of quantities that cannot be converted.
    """
    units = load_units(clone)
    known = {}
    for word in (unit, to):
        if _plain(word) not in units:
            raise VagusError(f"unit '{word}' is not known; allowed: {listed(units)}")
        known[word] = units[_plain(word)]
    (kind, factor, offset), (kind_to, factor_to, offset_to) = known[unit], known[to]
    base = value * factor + offset
    if kind != kind_to:
        marker = biomarker_of(measure, clone)
        if {kind, kind_to} != {"mass", "molar"} or marker is None or marker.molar_mass is None:
            raise VagusError(f"'{unit}' of {measure} cannot be converted to '{to}'")
        base = base / marker.molar_mass if kind == "mass" else base * marker.molar_mass
    return (base - offset_to) / factor_to


def one_unit(measures: list[Measure], clone: Path = CLONE) -> tuple[list[Measure], dict[str, int]]:
    """Bring every measure that comes in several units to that of its first row.

    Parameters
    ----------
    measures
        Of the sheet; units that cannot be converted are left for the check to refuse.
    clone
        Root of the clone.

    Returns
    -------
    tuple
        The measures, and how many values of which were converted.
    """
    first: dict[str, str] = {}
    out: list[Measure] = []
    counts: dict[str, int] = {}
    for m in measures:
        to = first.setdefault(m.measure, m.unit)
        if m.unit != to:
            try:
                value = None if m.value is None else convert(m.value, m.unit, to, m.measure, clone)
                lod = None if m.lod is None else convert(m.lod, m.unit, to, m.measure, clone)
            except VagusError:
                out.append(m)
                continue
            m = Measure(m.participant, m.visit, m.measure, value, to, lod)
            counts[m.measure] = counts.get(m.measure, 0) + 1
        out.append(m)
    return out, counts


def _plain(unit: str) -> str:
    return unit.strip().replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u").lower()


def _rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("# ")]
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[1:]]

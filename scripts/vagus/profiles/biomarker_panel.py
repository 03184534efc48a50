"""Biomarkers as a profile: limits of detection, logarithms, and areas under timed measures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.biomarkers import biomarker_of, in_biomarker_panel, split_timed
from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.profile import Profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

NAME, DETECTION = "panel.biomarkers", "panel.detection"
# Beyond this share below the limit, a mean is made of the stand-in and not of measurements.
MAX_BELOW = 0.5
# Minutes after awakening within which the response is read (peak near 30).
AWAKENING = (20.0, 45.0)
LIMIT_COLUMNS = ["measure", "arm", "visit", "n", "below_lod", "share", "lod", "unit", "scale", "status"]


def auc_ground(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the area under the curve with respect to ground.

    Parameters
    ----------
    times
        (k,) rising, minutes.
    values
        (n, k); a row with a missing value has no area.

    Returns
    -------
    ndarray
        (n,) value times minutes (Pruessner 2003, doi 10.1016/S0306-4530(02)00108-7).
    """
    area: np.ndarray = ((values[:, 1:] + values[:, :-1]) / 2 * np.diff(times)).sum(axis=1)
    return area


def auc_increase(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the area with respect to increase: that to ground without the first value times the whole time.

    Arguments, result and source are those of `auc_ground`; it is negative where values fall.
    """
    area: np.ndarray = auc_ground(times, values) - values[:, 0] * (times[-1] - times[0])
    return area


def awakening_response(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the value nearest to 30 minutes (of 20 to 45) minus the first; NaN without such a sample."""
    inside = [i for i, t in enumerate(times) if AWAKENING[0] <= t - times[0] <= AWAKENING[1]]
    if not inside:
        return np.full(len(values), np.nan)
    at = min(inside, key=lambda i: (abs(times[i] - times[0] - 30), i))
    rise: np.ndarray = values[:, at] - values[:, 0]
    return rise


def biomarker_panel(design: Design) -> tuple[Profile, Profile, pd.DataFrame]:
    """Arrange the biomarkers by participant and visit.

    Parameters
    ----------
    design
        The checked trial. A value below its `lod`, or empty with a `lod`, is below the limit of detection.

    Returns
    -------
    tuple
        The profile `panel.biomarkers` (kind `score`; log2 where resources/biomarkers.tsv says so; half the
        limit stands in below it); the profile `panel.detection` (1 detected, 0 below the limit) of those of
        which more than half is below the limit, and which the first therefore leaves out; and the table of
        limits by arm and visit.

    Raises
    ------
    VagusError
        If a value that enters a logarithm is not positive and has no limit of detection.
    """
    places = [(p.participant, v) for p in design.participants for v in design.visits]
    row = {place: i for i, place in enumerate(places)}
    names = [m for m in dict.fromkeys(m.measure for m in design.measures) if in_biomarker_panel(m)]
    values = {name: np.full(len(places), np.nan) for name in names}
    below = {name: np.zeros(len(places), dtype=bool) for name in names}
    units: dict[str, str] = {}
    lods: dict[str, float] = {}
    for m in design.measures:
        place = (m.participant, m.visit)
        if m.measure not in values or place not in row:
            continue
        units.setdefault(m.measure, m.unit)
        i = row[place]
        if m.lod is not None:
            lods[m.measure] = max(m.lod, lods.get(m.measure, m.lod))
            if m.value is None or m.value < m.lod:
                values[m.measure][i], below[m.measure][i] = m.lod / 2, True
                continue
        if m.value is not None:
            values[m.measure][i] = m.value
    features: dict[str, tuple[np.ndarray, str]] = {}
    hidden: list[str] = []
    for name in names:
        seen = np.isfinite(values[name])
        if split_timed(name)[1] is None:
            if seen.any() and below[name][seen].mean() > MAX_BELOW:
                hidden.append(name)
            else:
                features[name] = _scaled(name, values[name], units[name], places)
    features |= _timed_features(names, values, units, places)
    table = np.vstack([v for v, _ in features.values()]) if features else np.empty((0, len(places)))
    meta = _meta("biomarkers", {f: unit for f, (_, unit) in features.items()})
    samples = [f"{p}|{v}" for p, v in places]
    panel = Profile(NAME, sparse.csr_array(table), list(features), samples, {}, meta)
    shown = [np.where(np.isfinite(values[h]), 1.0 - below[h], np.nan) for h in hidden]
    detected = np.vstack(shown) if hidden else np.empty((0, len(places)))
    meta = _meta("detection", dict.fromkeys(hidden, "1 is detected"))
    meta["rules"] = {
        f"{h}.detected": {
            "measure": h,
            "outcome": "detection",
            "rule": f"value >= {lods[h]:g}",
            "source": "limit of detection",
        }
        for h in hidden
    }
    detection = Profile(DETECTION, sparse.csr_array(detected), list(meta["rules"]), samples, {}, meta)
    return panel, detection, _limits(design, names, values, below, lods, units, hidden, row)


def _scaled(
    name: str, values: np.ndarray, unit: str, places: list[tuple[str, str]]
) -> tuple[np.ndarray, str]:
    marker = biomarker_of(name)
    if marker is None or marker.scale != "log2":
        return values, unit or "value"
    wrong = np.flatnonzero(values <= 0)
    if len(wrong):
        who, visit = places[wrong[0]]
        raise VagusError(
            f"measures: {name} of {who} at {visit} is {values[wrong[0]]:g}, and is compared on a log scale; "
            "allowed: above 0; fix: give the limit of detection in the column lod, or leave the value empty"
        )
    return np.log2(values), f"log2 fold change ({unit})" if unit else "log2 fold change"


def _timed_features(
    names: list[str], values: dict[str, np.ndarray], units: dict[str, str], places: list[tuple[str, str]]
) -> dict[str, tuple[np.ndarray, str]]:
    """Return AUCg, AUCi and awakening response of every substance with two times or more."""
    groups: dict[str, list[tuple[float, str]]] = {}
    for name in names:
        base, minutes = split_timed(name)
        if minutes is not None:
            groups.setdefault(base, []).append((minutes, name))
    found: dict[str, tuple[np.ndarray, str]] = {}
    for base, members in groups.items():
        members.sort()
        if len(members) < 2:
            minutes, name = members[0]
            found[name] = _scaled(name, values[name], units[name], places)
            continue
        times = np.array([minutes for minutes, _ in members])
        matrix = np.column_stack([values[name] for _, name in members])
        unit = units[members[0][1]]
        area = f"{unit} x min".strip()
        ground, word = _scaled(base, auc_ground(times, matrix), area, places)
        found[f"{base}.auc_ground"] = (ground, word)
        found[f"{base}.auc_increase"] = (auc_increase(times, matrix), area)
        rise = awakening_response(times, matrix)
        if times[0] == 0 and np.isfinite(rise).any():
            found[f"{base}.awakening"] = (rise, unit or "value")
    return found


def _limits(
    design: Design,
    names: list[str],
    values: dict[str, np.ndarray],
    below: dict[str, np.ndarray],
    lods: dict[str, float],
    units: dict[str, str],
    hidden: list[str],
    row: dict[tuple[str, str], int],
) -> pd.DataFrame:
    rows: list[list[Any]] = []
    for name in names:
        marker = biomarker_of(name)
        status = "ok"
        if name in hidden:
            status = f"more than {MAX_BELOW:.0%} below the limit of detection: only detection is compared"
        for arm in design.arms:
            people = [p.participant for p in design.participants if p.arm == arm]
            for visit in design.visits:
                at = [row[p, visit] for p in people]
                n = int(np.isfinite(values[name][at]).sum())
                low = int(below[name][at].sum())
                share = low / n if n else np.nan
                scale = marker.scale if marker else "linear"
                lod = lods.get(name, np.nan)
                rows.append([name, arm, visit, n, low, share, lod, units[name], scale, status])
    return pd.DataFrame(rows, columns=LIMIT_COLUMNS)


def _meta(level: str, units: dict[str, str]) -> dict[str, Any]:
    return {
        "kind": "score",
        "unit": "",
        "units": units,
        "engine": "measures sheet",
        "engine_version": "",
        "reference": "resources/biomarkers.tsv",
        "reference_sha256": "",
        "inferred": False,
        "level": level,
        "assay": "panel",
    }


def main(design: str, panel_out: str, detection_out: str, limits_out: str) -> None:
    """Read the design, arrange and write."""
    panel, detection, limits = biomarker_panel(load_design(design))
    write_profile(panel, panel_out)
    write_profile(detection, detection_out)
    limits.to_csv(limits_out, sep="\t", index=False, float_format="%.10g")
    for measure, status in dict(zip(limits["measure"], limits["status"], strict=True)).items():
        if status != "ok":
            print(f"NOTE: {measure}: {status}")
    print(f"{len(panel.features)} biomarkers, {len(detection.features)} compared by detection only")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.design,
            snakemake.output.panel,
            snakemake.output.detection,
            snakemake.output.limits,
        ),
        snakemake.log[0],
    )

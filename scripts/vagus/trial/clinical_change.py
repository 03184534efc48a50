"""Severity by arm and visit, and who changed by more than the error of measurement."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import stats

from vagus.design.model import Design, load_design
from vagus.design.resources import load_scales, scale_key
from vagus.profiles.response_profile import measure_frame
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

BAND_COLUMNS = ["measure", "scale", "arm", "visit", "band", "n", "of", "share", "source"]
CHANGE_COLUMNS = [
    "measure",
    "scale",
    "arm",
    "visit",
    "n",
    "improved",
    "unchanged",
    "worsened",
    "reliability",
    "reliability_source",
    "sd_baseline",
    "smallest_reliable_change",
    "status",
]
# Fewest pairs from which a test-retest correlation is taken.
MIN_PAIRS = 8


def band_table(design: Design, scales: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Count participants by band of severity.

    Parameters
    ----------
    design
        The checked trial.
    scales
        From `vagus.design.resources.load_scales`.

    Returns
    -------
    DataFrame
        `BAND_COLUMNS`, one row per scale, arm, visit and band; `of` is how many were measured.
    """
    arms = {arm: [p.participant for p in design.participants if p.arm == arm] for arm in design.arms}
    rows = []
    for measure, scale in _scored(design, scales):
        frame = measure_frame(design, measure)
        for arm, people in arms.items():
            for visit in design.visits:
                values = frame.loc[people, visit].dropna().to_numpy()
                # Bands are of whole totals: a mean of raters such as 13.5 belongs to the band it has reached.
                floors = [band["min"] for band in scale["severity"]]
                place = np.searchsorted(floors, values, side="right") - 1
                for i, band in enumerate(scale["severity"]):
                    n, of = int((place == i).sum()), len(values)
                    share = n / of if of else np.nan
                    rows.append(
                        [measure, scale["name"], arm, visit, band["name"], n, of, share, scale["source"]]
                    )
    return pd.DataFrame(rows, columns=BAND_COLUMNS)


def reliable_change(start: np.ndarray, later: np.ndarray, sd: float, reliability: float) -> np.ndarray:
    """Return the reliable change index, (later - start) / (sd * sqrt(2 * (1 - reliability))).

    Parameters
    ----------
    start, later
        (participants,) values.
    sd
        Standard deviation at the baseline.
    reliability
        Test-retest reliability, below 1 (Jacobson & Truax 1991, doi 10.1037/0022-006X.59.1.12).
    """
    index: np.ndarray = (later - start) / (sd * np.sqrt(2 * (1 - reliability)))
    return index


def change_table(
    design: Design, scales: Mapping[str, Mapping[str, Any]], confidence: float = 0.95
) -> pd.DataFrame:
    """Count who changed reliably, by arm and visit.

    Parameters
    ----------
    design
        The checked trial.
    scales
        From `vagus.design.resources.load_scales`; a scale's own `reliability` is used where it has one, else
        the correlation between baseline and visit in the reference arm, or in the only arm. That one holds
        true change too, so that it is low and the index careful.
    confidence
        Level beyond which a change is more than error.

    Returns
    -------
    DataFrame
        `CHANGE_COLUMNS`, one row per scale, arm and visit after the baseline.
    """
    z = stats.norm.ppf(0.5 + confidence / 2)
    arms = {arm: [p.participant for p in design.participants if p.arm == arm] for arm in design.arms}
    steady = design.reference_arm or (design.arms[0] if design.arms else "")
    rows = []
    for measure, scale in _known(design, scales):
        frame = measure_frame(design, measure)
        sd = float(frame[design.baseline].std(ddof=1))
        for visit in design.followup_visits:
            r, source = _reliability(scale, frame.loc[arms.get(steady, [])], design.baseline, visit, steady)
            for arm, people in arms.items():
                pair = frame.loc[people, [design.baseline, visit]].dropna().to_numpy()
                row: dict[str, Any] = {
                    "measure": measure,
                    "scale": scale["name"],
                    "arm": arm,
                    "visit": visit,
                    "n": len(pair),
                    "reliability": r,
                    "reliability_source": source,
                    "sd_baseline": sd,
                }
                if not 0 <= r < 1 or not sd > 0:
                    rows.append(row | {"status": "no reliability or no spread at baseline"})
                    continue
                index = reliable_change(pair[:, 0], pair[:, 1], sd, r)
                if scale["better"] == "lower":
                    index = -index
                rows.append(
                    row
                    | {
                        "improved": int((index > z).sum()),
                        "unchanged": int((np.abs(index) <= z).sum()),
                        "worsened": int((index < -z).sum()),
                        "smallest_reliable_change": z * sd * np.sqrt(2 * (1 - r)),
                        "status": "ok",
                    }
                )
    table = pd.DataFrame(rows, columns=CHANGE_COLUMNS)
    return table.astype(dict.fromkeys(("improved", "unchanged", "worsened"), "Int64"))


def _known(design: Design, scales: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    names = dict.fromkeys(m.measure for m in design.measures)
    return [(name, scales[scale_key(name)]) for name in names if scale_key(name) in scales]


def _scored(design: Design, scales: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, scale) for name, scale in _known(design, scales) if scale["severity"]]


def _reliability(
    scale: Mapping[str, Any], frame: pd.DataFrame, baseline: str, visit: str, arm: str
) -> tuple[float, str]:
    """Return a reliability and where it is from; NaN when there is none."""
    own = scale.get("reliability")
    if own:
        return float(own["value"]), f"{own['kind']}, {own['source']}"
    pair = frame[[baseline, visit]].dropna().to_numpy()
    if len(pair) < MIN_PAIRS or np.any(np.std(pair, axis=0) == 0):
        return float("nan"), f"none: fewer than {MIN_PAIRS} of {arm} with both visits"
    return (
        float(np.corrcoef(pair.T)[0, 1]),
        f"correlation of {baseline} and {visit} in {arm}, n = {len(pair)}",
    )


def main(design: str, bands: str, changes: str, confidence: float) -> None:
    """Read the design, write the bands and the reliable changes."""
    trial, scales = load_design(design), load_scales()
    Path(bands).parent.mkdir(parents=True, exist_ok=True)
    table = band_table(trial, scales)
    table.to_csv(bands, sep="\t", index=False, float_format="%.10g")
    changed = change_table(trial, scales, confidence)
    changed.to_csv(changes, sep="\t", index=False, float_format="%.10g")
    print(f"{len(table)} rows of bands, {len(changed)} of reliable change")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.design,
            snakemake.output.bands,
            snakemake.output.changes,
            snakemake.params.confidence,
        ),
        snakemake.log[0],
    )

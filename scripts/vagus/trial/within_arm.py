"""The change from baseline inside each arm, with its interval and without a p-value.

Whether one arm changed and another did not is no comparison of arms: the difference between a significant
and a non-significant change need not be significant. The comparison is in `arm_effects`.
"""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import stats

from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.fits import FEW, NO_SPREAD, OK
from vagus.trial.values import BELOW, trial_values

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

COLUMNS = [
    "profile",
    "feature",
    "arm",
    "visit",
    "n",
    "mean_baseline",
    "mean_visit",
    "change",
    "std_error",
    "df",
    "ci_low",
    "ci_high",
    "unit",
    "status",
]


def within_arm(
    profile: Profile,
    design: Design,
    min_prevalence: float = 0.2,
    pseudocount: float = 0.5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Describe the change from baseline inside every arm, at every later visit.

    In a crossover, the change from the visit before each period to the one after it, by the period's arm.

    Parameters
    ----------
    profile
        Any profile.
    design
        The checked trial; one arm is enough.
    min_prevalence, pseudocount
        As in `arm_effects`; the same scale is used.
    confidence
        Level of the interval, Student's t with n - 1 degrees of freedom on the participants' differences.

    Returns
    -------
    DataFrame
        `COLUMNS`, one row per visit, arm and feature. n counts participants with both values.

    Raises
    ------
    VagusError
        If the profile does not fit the design, or a setting is out of range.
    """
    if not 0 < confidence < 1:
        raise VagusError(
            f"config: trial.confidence is {confidence}; allowed: between 0 and 1; fix: give e.g. 0.95"
        )
    values = trial_values(profile, design, min_prevalence, pseudocount)
    for note in values.notes:
        print(f"{profile.name}: {note}")
    parts = []
    for before, visit, people_of in _stretches(design):
        for arm in design.arms:
            people = people_of[arm]
            start, later = values.at(before, people), values.at(visit, people)
            rows = _describe(start, later, confidence)
            rows.insert(0, "profile", values.profile)
            rows.insert(1, "feature", values.features)
            rows.insert(2, "arm", arm)
            rows.insert(3, "visit", visit)
            rows["unit"] = values.units
            below = ~values.passes
            rows.loc[below, "status"] = BELOW
            rows.loc[below, ["mean_baseline", "mean_visit", *_SPREAD]] = np.nan
            parts.append(rows)
    parts = [p for p in parts if len(p)]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _stretches(design: Design) -> list[tuple[str, str, dict[str, list[str]]]]:
    """Return start, end and who had which arm in between: from the baseline on, or each crossover period."""
    if design.plan.get("design") != "crossover":
        people = {a: [p.participant for p in design.participants if p.arm == a] for a in design.arms}
        return [(design.baseline, visit, people) for visit in design.followup_visits]
    found = []
    for i, period in enumerate(design.periods):
        # A period without a visit before it has no change of its own.
        if period.get("before"):
            given = {p.participant: design.sequences.get(p.sequence, []) for p in design.participants}
            people = {a: [p for p, arms in given.items() if arms[i : i + 1] == [a]] for a in design.arms}
            found.append((str(period["before"]), str(period["after"]), people))
    return found


_SPREAD = ["change", "std_error", "df", "ci_low", "ci_high"]


def _describe(start: np.ndarray, later: np.ndarray, confidence: float) -> pd.DataFrame:
    """Return n, means, mean difference and interval per column, over rows with both values."""
    both = np.isfinite(start) & np.isfinite(later)
    n = both.sum(axis=0)
    start, later = np.where(both, start, np.nan), np.where(both, later, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        # Columns without any pair: their mean is NaN, and the status says why.
        warnings.simplefilter("ignore", RuntimeWarning)
        mean_start, mean_later = np.nanmean(start, axis=0), np.nanmean(later, axis=0)
        difference = later - start
        change = np.nanmean(difference, axis=0)
        deviation = np.nanstd(difference, axis=0, ddof=1)
        error = deviation / np.sqrt(n)
        half = stats.t.ppf(0.5 + confidence / 2, n - 1) * error
        scale = np.maximum(np.abs(mean_start), np.abs(mean_later))
    status = np.where(n < 2, FEW, np.where(deviation <= 1e-12 * scale, NO_SPREAD, OK))
    good = status == OK
    return pd.DataFrame(
        {
            "n": n,
            "mean_baseline": mean_start,
            "mean_visit": mean_later,
            "change": change,
            "std_error": np.where(good, error, np.nan),
            "df": np.where(good, n - 1.0, np.nan),
            "ci_low": np.where(good, change - half, np.nan),
            "ci_high": np.where(good, change + half, np.nan),
            "status": pd.Series(status, dtype=object),
        }
    )


def main(
    profile: str, design: str, output: str, min_prevalence: float, pseudocount: float, confidence: float
) -> None:
    """Read a profile and the design, write the table of changes."""
    table = within_arm(read_profile(profile), load_design(design), min_prevalence, pseudocount, confidence)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    print(f"{Path(output).name}: {len(table)} rows")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            snakemake.output[0],
            snakemake.params.min_prevalence,
            snakemake.params.pseudocount,
            snakemake.params.confidence,
        ),
        snakemake.log[0],
    )

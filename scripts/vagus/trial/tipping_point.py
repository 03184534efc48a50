"""How far the missing would have to differ from the measured for the conclusion to change."""

import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.ancova import fit_ancova
from vagus.trial.estimands import why_not_between
from vagus.trial.fits import OK
from vagus.trial.imputation import impute, pool
from vagus.trial.values import adjustment_columns, trial_values

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# In standard deviations of what the model leaves of the measured values.
STEPS = tuple(round(0.25 * i, 2) for i in range(-12, 13))
IMPUTATIONS = 50
COMPLETE, IMPUTED = "complete cases", "multiple imputation"
COLUMNS = [
    "profile",
    "feature",
    "contrast",
    "visit",
    "analysis",
    "shifted",
    "delta_sd",
    "delta",
    "n_arm",
    "missing_arm",
    "n_reference",
    "missing_reference",
    "estimate",
    "std_error",
    "df",
    "ci_low",
    "ci_high",
    "p_value",
    "missing_information",
    "changes_conclusion",
    "tipping",
    "unit",
    "status",
]


def tipping_point(
    profile: Profile,
    design: Design,
    confidence: float = 0.95,
    m: int = IMPUTATIONS,
    errors: str = "auto",
) -> pd.DataFrame:
    """Impute missing scores of the primary visit, and shift what was imputed in one arm in steps.

    Parameters
    ----------
    profile
        Kind `score`.
    design
        The checked trial; its seed makes the draws repeatable.
    confidence
        Level of the intervals; the conclusion is whether the interval leaves out 0.
    m
        Imputations.
    errors
        Standard errors of the ANCOVA, as in `arm_effects`.

    Returns
    -------
    DataFrame
        `COLUMNS`. Per feature and contrast: the complete cases; the imputed data under missing at random
        (delta 0); and these with delta added to the imputed values of the arm, then of the reference. tipping
        marks on each side the first delta that changes the conclusion. Participants without a baseline are
        not imputed. No rows when the arms cannot be compared or the profile is not of scores.

    Notes
    -----
    Missing outcomes are drawn from the model of the comparison (arm, baseline, strata, covariates), and the
    data sets pooled by Rubin's rules; delta adjustment: Cro et al. 2020, doi 10.1002/sim.8569.
    """
    reason = why_not_between(design)
    if profile.kind != "score":
        reason = f"{profile.kind} profile: only scores are imputed"
    if reason:
        print(f"{profile.name}: {reason}; the table has no rows")
        return pd.DataFrame(columns=COLUMNS)
    values = trial_values(profile, design)
    reference = str(design.reference_arm)
    order = {a: i for i, a in enumerate([reference, *(a for a in design.arms if a != reference)])}
    # By name, so that the draws do not depend on the order of the sheet.
    chosen = sorted((p.participant, p.arm) for p in design.participants if p.arm in order)
    people = [who for who, _ in chosen]
    arm = np.array([order[a] for _, a in chosen], dtype=np.int64)
    adjust = adjustment_columns(design, people)
    visit = design.primary_visit
    start, later = values.at(design.baseline, people), values.at(visit, people)
    rows: list[dict[str, Any]] = []
    for j, feature in enumerate(values.features):
        use = np.isfinite(start[:, j]) & np.isfinite(adjust).all(axis=1)
        label = {"profile": profile.name, "feature": feature, "visit": visit, "unit": values.units[j]}
        seed = zlib.crc32(f"{profile.name}|{feature}|{visit}".encode())
        rng = np.random.default_rng([int(design.plan.get("seed") or 0), seed])
        block = start[use, j], later[use, j], arm[use], adjust[use]
        for row in _one_feature(*block, design, rng, confidence, m, errors):
            rows.append(label | row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _one_feature(
    start: np.ndarray,
    later: np.ndarray,
    arm: np.ndarray,
    adjust: np.ndarray,
    design: Design,
    rng: np.random.Generator,
    confidence: float,
    m: int,
    errors: str,
) -> list[dict[str, Any]]:
    others = len(design.contrasts())
    plain = fit_ancova(later[:, None], start[:, None], arm, adjust, others, errors, confidence)
    gone = ~np.isfinite(later)
    counts = [(int(((arm == i) & ~gone).sum()), int(((arm == i) & gone).sum())) for i in range(others + 1)]
    rows = []
    for i, contrast in enumerate(design.contrasts()):
        row = {
            "contrast": contrast,
            "n_arm": counts[i + 1][0],
            "missing_arm": counts[i + 1][1],
            "n_reference": counts[0][0],
            "missing_reference": counts[0][1],
        }
        status = str(plain.status[i, 0])
        rows.append(
            row
            | {"analysis": COMPLETE, "shifted": "", "status": status, "df": float(plain.df[i, 0])}
            | {
                name: float(getattr(plain, name)[i, 0])
                for name in ("estimate", "std_error", "ci_low", "ci_high", "p_value")
            }
        )
        if status != OK or not (counts[i + 1][1] or counts[0][1]):
            continue
        # Every contrast by itself: the other arms stay in the model, as in the comparison.
        rows += [
            row | r for r in _shifts(start, later, arm, adjust, i + 1, others, rng, confidence, m, errors)
        ]
    return rows


def _shifts(
    start: np.ndarray,
    later: np.ndarray,
    arm: np.ndarray,
    adjust: np.ndarray,
    code: int,
    others: int,
    rng: np.random.Generator,
    confidence: float,
    m: int,
    errors: str,
) -> list[dict[str, Any]]:
    dummies = [(arm == k).astype(float) for k in range(1, others + 1)]
    model = np.column_stack([np.ones(len(arm)), *dummies, start, adjust])
    try:
        complete, gone = impute(later, model, rng, m)
    except VagusError as error:
        return [{"analysis": IMPUTED, "shifted": "", "status": str(error)}]
    solve = np.linalg.pinv(model[~gone], rcond=1e-10)
    rest = later[~gone] - model[~gone] @ (solve @ later[~gone])
    sd = float(np.sqrt((rest**2).sum() / (len(rest) - np.linalg.matrix_rank(model[~gone]))))
    rows: list[dict[str, Any]] = []
    for shifted, which in (("arm", code), ("reference", 0)):
        mine = gone & (arm == which)
        if not mine.any():
            continue
        side = []
        for step in STEPS:
            moved = complete + step * sd * mine[:, None]
            fit = fit_ancova(
                moved, np.repeat(start[:, None], m, axis=1), arm, adjust, others, errors, confidence
            )
            found = pool(
                fit.estimate[code - 1], fit.std_error[code - 1], float(fit.df[code - 1, 0]), confidence
            )
            side.append(
                {
                    "analysis": IMPUTED,
                    "shifted": shifted,
                    "delta_sd": step,
                    "delta": step * sd,
                    "estimate": found.estimate,
                    "std_error": found.std_error,
                    "df": found.df,
                    "ci_low": found.ci_low,
                    "ci_high": found.ci_high,
                    "p_value": found.p_value,
                    "missing_information": found.missing_information,
                    "status": OK,
                }
            )
        rows += _mark(side)
    return rows


def _mark(side: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark where the conclusion is another than at delta 0, and the first such delta on each side."""
    middle = next(row for row in side if row["delta_sd"] == 0)
    for row in side:
        row["changes_conclusion"] = _conclusion(row) != _conclusion(middle)
        row["tipping"] = False
    for direction in (-1, 1):
        changed = [r for r in side if r["changes_conclusion"] and np.sign(r["delta_sd"]) == direction]
        if changed:
            min(changed, key=lambda r: abs(r["delta_sd"]))["tipping"] = True
    return side


def _conclusion(row: dict[str, Any]) -> int:
    return int(row["ci_low"] > 0) - int(row["ci_high"] < 0)


def main(profile: str, design: str, output: str, confidence: float, errors: str = "auto") -> None:
    """Read a profile and the design, write the table."""
    table = tipping_point(read_profile(profile), load_design(design), confidence, errors=errors)
    for column in ("changes_conclusion", "tipping"):
        table[column] = table[column].map({True: "yes", False: "no"})
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    print(f"{len(table)} rows, {int((table['tipping'] == 'yes').sum())} tipping points")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            snakemake.output[0],
            snakemake.params.confidence,
            snakemake.params.errors,
        ),
        snakemake.log[0],
    )

"""Whether the effect of an arm differs between strata: tests of interaction, and no tests inside strata.

A subgroup in which p is small beside one in which it is not shows no difference between them: the p of each
hangs on its size, and every subgroup is one more chance to be wrong. The question is whether the effects
differ, and that is the interaction; its p is the only one here. The effect in each stratum stands beside it
with its interval, and there is no column for its p.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import Design, load_design
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.adjust import adjust_p
from vagus.trial.ancova import ERROR_WORDS, choose_errors
from vagus.trial.estimands import why_not_between
from vagus.trial.fits import FEW, MIN_PER_ARM, OK, missing_patterns
from vagus.trial.interaction import Estimates, fit_interaction
from vagus.trial.values import BELOW, TrialValues, adjustment_columns, trial_values

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

BASELINE = "baseline"
PER_SD = "per SD"
MEAN, ABOVE = "mean", "mean + 1 SD"
COLUMNS = [
    "profile",
    "feature",
    "contrast",
    "visit",
    "moderator",
    "comparison",
    "model",
    "n_arm",
    "n_reference",
    "estimate",
    "std_error",
    "df",
    "ci_low",
    "ci_high",
    "p_value",
    "q_value",
    "unit",
    "level",
    "effect",
    "effect_low",
    "effect_high",
    "n_arm_level",
    "n_reference_level",
    "other_level",
    "other_effect",
    "other_low",
    "other_high",
    "n_arm_other",
    "n_reference_other",
    "prevalence",
    "status",
]


@dataclass
class Moderator:
    """What may change the effect of an arm.

    Parameters
    ----------
    name
        Column of the participants sheet, or `baseline`.
    columns
        (participants, steps) dummies of the levels beside the first, or numbers; None for the baseline.
    levels
        Names, the first being what the others are compared with.
    member
        (participants,) place of the level, -1 when missing; None for numbers.
    """

    name: str
    columns: np.ndarray | None
    levels: list[str]
    member: np.ndarray | None = None


def read_moderator(design: Design, name: str, people: Sequence[str]) -> Moderator:
    """Return a moderator: levels for text, strata and columns of two values, else numbers per SD.

    Parameters
    ----------
    design
        The checked trial.
    name
        Column of the participants sheet, or `baseline`.
    people
        Participants, in this order.

    Returns
    -------
    Moderator
        The commonest level comes first, then the others by name.
    """
    if name == BASELINE:
        return Moderator(name, None, [MEAN, ABOVE])
    rows = {p.participant: p.covariates.get(name) for p in design.participants}
    values = [None if rows[p] in (None, "") or rows[p] != rows[p] else rows[p] for p in people]
    known = [v for v in values if v is not None]
    strata = design.plan.get("strata") or []
    if not any(isinstance(v, str) for v in known) and name not in strata and len(set(known)) > 2:
        numbers = np.array([np.nan if v is None else float(v) for v in values])
        return Moderator(name, numbers[:, None], [MEAN, ABOVE])
    text = [None if v is None else (f"{v:g}" if isinstance(v, float) else str(v)) for v in values]
    found = sorted({v for v in text if v is not None}, key=lambda v: (-text.count(v), v))
    levels = [*found[:1], *sorted(found[1:])]
    member = np.array([-1 if v is None else levels.index(v) for v in text])
    dummies = [np.where(member < 0, np.nan, member == i) for i in range(1, len(levels))]
    columns = np.column_stack(dummies) if dummies else np.zeros((len(people), 0))
    return Moderator(name, columns.astype(np.float64), levels, member)


def interaction_effects(
    profile: Profile,
    design: Design,
    min_prevalence: float = 0.2,
    pseudocount: float = 0.5,
    confidence: float = 0.95,
    robust: str = "auto",
) -> pd.DataFrame:
    """Estimate how the effect of every arm depends on the moderators that the plan names.

    One model per moderator and visit: value at the visit ~ arm * moderator + value at baseline + strata +
    covariates, by least squares with robust errors, on the scale of `arm_effects`. The baseline as a
    moderator is the feature's own value before the intervention; numbers count per SD of the participants in
    the model.

    Parameters
    ----------
    profile
        Any profile.
    design
        The checked trial; its plan's `interactions` name the moderators.
    min_prevalence, pseudocount, confidence, robust
        As in `arm_effects`; not the classical errors.

    Returns
    -------
    DataFrame
        `COLUMNS`: `estimate` to `q_value` are the interaction, the effect at `level` minus that at
        `other_level`; `effect*` and `other_*` are the effects there with their intervals. `q_value` is
        Benjamini-Hochberg's over the features, inside contrast, visit, moderator and comparison.

    Raises
    ------
    VagusError
        If the profile does not fit the design, or a setting is out of range.
    """
    names = [str(n) for n in design.plan.get("interactions") or []]
    reason = why_not_between(design) or ("" if names else "the plan names no interactions")
    if reason:
        print(f"{profile.name}: {reason}; the table has no rows")
        return pd.DataFrame(columns=COLUMNS)
    values = trial_values(profile, design, min_prevalence, pseudocount)
    for note in values.notes:
        print(f"{profile.name}: {note}")
    arms = [str(design.reference_arm), *[a for a in design.arms if a != design.reference_arm]]
    code = {p.participant: arms.index(p.arm) for p in design.participants if p.arm in arms}
    people, arm = list(code), np.array(list(code.values()), dtype=np.int64)
    adjust = adjustment_columns(design, people)
    start = values.at(design.baseline, people)
    parts = []
    for name in names:
        moderator = read_moderator(design, name, people)
        if len(moderator.levels) < 2:
            print(f"{profile.name}: no interaction with {name}: it has one value only")
            continue
        for visit in design.followup_visits:
            later = values.at(visit, people)
            parts += _one(values, design, moderator, visit, later, start, arm, adjust, confidence, robust)
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _errors(robust: str, moderator: Moderator, arm: np.ndarray) -> str:
    """Return what `auto` stands for: an interaction rests on the participants of each arm at each level."""
    if moderator.member is None:
        return choose_errors(robust, arm)
    known = moderator.member >= 0
    return choose_errors(robust, arm[known] * len(moderator.levels) + moderator.member[known])


def _one(
    values: TrialValues,
    design: Design,
    moderator: Moderator,
    visit: str,
    later: np.ndarray,
    start: np.ndarray,
    arm: np.ndarray,
    adjust: np.ndarray,
    confidence: float,
    robust: str,
) -> list[pd.DataFrame]:
    """Return the rows of one moderator at one visit, a table per contrast and step."""
    robust = _errors(robust, moderator, arm)
    contrasts = design.contrasts()
    steps = len(moderator.levels) - 1
    known = np.all(np.isfinite(adjust), axis=1)
    if moderator.columns is not None:
        known &= np.all(np.isfinite(moderator.columns), axis=1)
    complete = np.isfinite(later) & np.isfinite(start) & known[:, None]
    terms = ["arm", moderator.name, f"arm:{moderator.name}"]
    terms += [t for t in [BASELINE, *design.covariates] if t != moderator.name]
    tables = [
        [
            _blank(
                values,
                moderator,
                contrast,
                visit,
                s + 1,
                f"{' + '.join(terms)}; OLS, {ERROR_WORDS.get(robust, robust)}",
            )
            for s in range(steps)
        ]
        for contrast in contrasts
    ]
    tested = np.flatnonzero(values.passes)
    for rows, of_tested in missing_patterns(complete[:, tested]):
        columns = tested[of_tested]
        counts = np.bincount(arm[rows], minlength=len(contrasts) + 1)
        used = [0, *[j for j in range(1, len(counts)) if counts[j] >= MIN_PER_ARM]]
        for j, by_step in enumerate(tables):
            for table in by_step:
                table.loc[columns, ["n_arm", "n_reference"]] = [counts[j + 1], counts[0]]
                table.loc[columns, "status"] = FEW
        if counts[0] < MIN_PER_ARM or len(used) < 2:
            continue
        rows = rows & np.isin(arm, used)
        columns_of = moderator.columns if moderator.columns is None else moderator.columns[rows]
        fit = fit_interaction(
            later[np.ix_(rows, columns)],
            start[np.ix_(rows, columns)],
            np.array([used.index(a) for a in arm[rows]], dtype=np.int64),
            columns_of,
            adjust[rows],
            confidence,
            robust,
        )
        for place, j in enumerate(used[1:]):
            for s in range(steps):
                table = tables[j - 1][s]
                _put(table, columns, fit.interaction[place][s], "estimate", "ci_low", "ci_high")
                table.loc[columns, "std_error"] = fit.interaction[place][s].std_error
                table.loc[columns, "p_value"] = fit.interaction[place][s].p_value
                table.loc[columns, "df"] = fit.interaction[place][s].df
                table.loc[columns, "status"] = fit.status[place, s]
                _put(table, columns, fit.effect[place][s + 1], "effect", "effect_low", "effect_high")
                _put(table, columns, fit.effect[place][0], "other_effect", "other_low", "other_high")
                if moderator.member is not None:
                    _count(table, columns, moderator.member[rows], arm[rows], j, s + 1)
    for by_step in tables:
        for table in by_step:
            table["q_value"] = adjust_p(table["p_value"].to_numpy(dtype=np.float64), "bh")
    return [table for by_step in tables for table in by_step]


def _blank(
    values: TrialValues, moderator: Moderator, contrast: str, visit: str, step: int, terms: str
) -> pd.DataFrame:
    level, other = moderator.levels[step], moderator.levels[0]
    table = pd.DataFrame(index=range(len(values.features)), columns=COLUMNS, dtype=float)
    fixed: dict[str, Any] = {
        "profile": values.profile,
        "feature": values.features,
        "contrast": contrast,
        "visit": visit,
        "moderator": moderator.name,
        "comparison": PER_SD if moderator.member is None else f"{level} vs {other}",
        "model": f"value ~ {terms}",
        "unit": values.units,
        "level": level,
        "other_level": other,
        "prevalence": values.prevalence,
        "status": BELOW,
        "n_arm": 0,
        "n_reference": 0,
    }
    return table.assign(**fixed)


def _put(table: pd.DataFrame, rows: np.ndarray, found: Estimates, estimate: str, low: str, high: str) -> None:
    table.loc[rows, estimate] = found.estimate
    table.loc[rows, low] = found.ci_low
    table.loc[rows, high] = found.ci_high


_NUMBERS = ["estimate", "std_error", "df", "ci_low", "ci_high", "p_value"]
_EFFECTS = {
    "level": ["effect", "effect_low", "effect_high"],
    "other": ["other_effect", "other_low", "other_high"],
}


def _count(
    table: pd.DataFrame, rows: np.ndarray, member: np.ndarray, arm: np.ndarray, j: int, step: int
) -> None:
    """Count participants of the arm and the reference at both levels; too few of any give no estimate."""
    for side, place in (("level", step), ("other", 0)):
        n_arm = int(((member == place) & (arm == j)).sum())
        n_reference = int(((member == place) & (arm == 0)).sum())
        table.loc[rows, [f"n_arm_{side}", f"n_reference_{side}"]] = [n_arm, n_reference]
        if min(n_arm, n_reference) < MIN_PER_ARM:
            table.loc[rows, [*_NUMBERS, *_EFFECTS[side]]] = np.nan
            table.loc[rows, "status"] = FEW


def main(
    profile: str,
    design: str,
    output: str,
    min_prevalence: float,
    pseudocount: float,
    confidence: float,
    errors: str = "auto",
) -> None:
    """Read a profile and the design, write the table of interactions."""
    table = interaction_effects(
        read_profile(profile), load_design(design), min_prevalence, pseudocount, confidence, errors
    )
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    tested = int((table["status"] == OK).sum())
    print(f"{Path(output).name}: {len(table)} rows, {tested} with an interaction")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            snakemake.output[0],
            snakemake.params.min_prevalence,
            snakemake.params.pseudocount,
            snakemake.params.confidence,
            snakemake.params.errors,
        ),
        snakemake.log[0],
    )

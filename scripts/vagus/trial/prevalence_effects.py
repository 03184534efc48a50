"""Whether the arms differ in who carries a feature: presence at the visit, adjusted for presence before."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import Design, load_design
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.adjust import adjust_p
from vagus.trial.crossover_presence import fit_crossover_presence
from vagus.trial.estimands import why_not_between
from vagus.trial.firth import FirthFit, fit_firth
from vagus.trial.raw_values import ZERO_MEANS_ABSENT, presence
from vagus.trial.two_periods import TwoPeriods, two_periods
from vagus.trial.values import BELOW, TrialValues, adjustment_columns, trial_values

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

UNIT = "log odds ratio (natural)"
# What became of a feature between the baseline and the visit: before, after.
MOVES = {"gained": (0, 1), "lost": (1, 0), "kept": (1, 1), "never": (0, 0)}
COLUMNS = [
    "profile",
    "feature",
    "contrast",
    "visit",
    "estimand",
    "model",
    "n_arm",
    "n_reference",
    "estimate",
    "std_error",
    "ci_low",
    "ci_high",
    "p_value",
    "q_value",
    "unit",
    "risk_difference",
    "rd_low",
    "rd_high",
    *[f"{move}_{side}" for side in ("arm", "reference") for move in MOVES],
    "prevalence",
    "status",
]
ESTIMAND_CROSSOVER = "odds ratio of presence at the end of a period in the same participant"
MODEL_CROSSOVER = (
    "Firth logistic: in the second period rather than the first ~ sequence, of those with the feature in one "
    "period only; profile penalised likelihood"
)
ESTIMAND = "odds ratio of presence, adjusted for presence at baseline; participants with both samples"


def prevalence_effects(
    profile: Profile, design: Design, min_prevalence: float = 0.2, confidence: float = 0.95
) -> pd.DataFrame:
    """Compare the arms in the presence of every feature, at every visit after the baseline.

    presence at the visit ~ arm + presence at baseline + strata + covariates, all arms in one model, by
    Firth's penalised logistic regression (doi 10.1093/biomet/80.1.27; doi 10.1002/sim.1047): a feature that
    one arm has in everybody still has a finite estimate. Presence is a claim of its own beside the abundance;
    whether a rare feature is seen depends on the depth of the sample.

    In a crossover of two arms in two periods the odds are compared inside participants, see
    `fit_crossover_presence`; the rows stand at the primary visit.

    Parameters
    ----------
    profile
        Any profile; only kinds in which zero means absent have rows.
    design
        The checked trial.
    min_prevalence
        As in `arm_effects`: the same features are analysed.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        `COLUMNS`. Estimate, interval and p are of the profile penalised likelihood; `std_error` is Wald's and
        gives neither. `risk_difference` is standardised over the participants, see `fit_firth`. `q_value` is
        Benjamini-Hochberg's inside contrast and visit. `gained_arm` to `never_reference` count participants.

    Raises
    ------
    VagusError
        If the profile does not fit the design, or a setting is out of range.
    """
    crossed = two_periods(design) if design.plan.get("design") == "crossover" else None
    reason = crossed if isinstance(crossed, str) else "" if crossed else why_not_between(design)
    if not reason and profile.kind not in ZERO_MEANS_ABSENT:
        reason = (
            f"no model of presence: a zero among values of kind {profile.kind or 'unknown'} does not mean "
            f"absent (it does in {', '.join(ZERO_MEANS_ABSENT)})"
        )
    if reason:
        print(f"{profile.name}: {reason}; the table has no rows")
        return pd.DataFrame(columns=COLUMNS)
    values = presence(profile, design, trial_values(profile, design, min_prevalence))
    for note in values.notes:
        print(f"{profile.name}: {note}")
    if isinstance(crossed, TwoPeriods):
        return _crossover(values, design, crossed, confidence)
    arms = [str(design.reference_arm), *[a for a in design.arms if a != design.reference_arm]]
    code = {p.participant: arms.index(p.arm) for p in design.participants if p.arm in arms}
    people = list(code)
    arm = np.array(list(code.values()), dtype=np.int64)
    adjust = adjustment_columns(design, people)
    complete = np.all(np.isfinite(adjust), axis=1)
    before = values.at(design.baseline, people)
    parts = []
    for visit in design.followup_visits:
        after = values.at(visit, people)
        fit = fit_firth(
            after[:, values.passes], before[:, values.passes], arm, adjust, len(arms) - 1, confidence
        )
        both = np.isfinite(before) & np.isfinite(after) & complete[:, None]
        counts = {
            move: [
                (both & (before == start) & (after == end) & (arm == j)[:, None]).sum(axis=0)
                for j in range(len(arms))
            ]
            for move, (start, end) in MOVES.items()
        }
        for i, contrast in enumerate(design.contrasts()):
            parts.append(_rows(values, design, fit, i, contrast, visit, counts))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _rows(
    values: TrialValues,
    design: Design,
    fit: FirthFit,
    i: int,
    contrast: str,
    visit: str,
    counts: dict[str, list[np.ndarray]],
) -> pd.DataFrame:
    """Return the rows of one contrast at one visit, untested features included."""
    passes = values.passes

    def spread(column: Any, blank: Any = np.nan) -> np.ndarray:
        out = np.full(len(passes), blank, dtype=object if isinstance(blank, str) else None)
        out[passes] = column
        return out

    used = spread(fit.baseline_used | (fit.status[i] != "ok"), True)
    numbers = {
        name: spread(getattr(fit, name)[i])
        for name in (
            "estimate", "std_error", "ci_low", "ci_high", "p_value", "risk_difference", "rd_low", "rd_high",
        )
    }  # fmt: skip
    moves = {
        f"{move}_{side}": counts[move][j] for side, j in (("arm", i + 1), ("reference", 0)) for move in MOVES
    }
    return pd.DataFrame(
        {
            "profile": values.profile,
            "feature": values.features,
            "contrast": contrast,
            "visit": visit,
            "estimand": ESTIMAND,
            "model": [_model_text(design, bool(u)) for u in used],
            "n_arm": spread(fit.n_arm[i], 0),
            "n_reference": spread(fit.n_reference, 0),
            **numbers,
            "q_value": spread(adjust_p(fit.p_value[i], "bh")),
            "unit": UNIT,
            **moves,
            "prevalence": values.prevalence,
            "status": spread(fit.status[i], BELOW),
        }
    )


def _crossover(values: TrialValues, design: Design, crossed: TwoPeriods, confidence: float) -> pd.DataFrame:
    """Return the rows of a crossover."""
    passes = values.passes
    first, second = (values.at(visit, crossed.people) for visit in crossed.ends)
    fit = fit_crossover_presence(first[:, passes], second[:, passes], crossed.later, confidence)
    later = (crossed.later == 1)[:, None]
    counts: dict[str, np.ndarray] = {}
    starts = [values.at(visit, crossed.people) for visit in crossed.starts or ()]
    for side, on in (("arm", True), ("reference", False)):
        # Who had the feature before and after the period in which they had this arm.
        after = np.where(later == on, second, first)
        before = np.where(later == on, starts[1], starts[0]) if starts else np.full(after.shape, np.nan)
        for move, (start, end) in MOVES.items():
            counts[f"{move}_{side}"] = ((before == start) & (after == end)).sum(axis=0)

    def spread(column: Any, blank: Any = np.nan) -> np.ndarray:
        out = np.full(len(passes), blank, dtype=object if isinstance(blank, str) else None)
        out[passes] = column
        return out

    numbers = {
        name: spread(getattr(fit, name))
        for name in (
            "estimate", "std_error", "ci_low", "ci_high", "p_value", "risk_difference", "rd_low", "rd_high",
        )
    }  # fmt: skip
    table = pd.DataFrame(
        {
            "profile": values.profile,
            "feature": values.features,
            "contrast": crossed.contrast,
            "visit": design.primary_visit,
            "estimand": ESTIMAND_CROSSOVER,
            "model": [f"{MODEL_CROSSOVER}; {int(d)} of them" for d in spread(fit.discordant, 0)],
            "n_arm": spread(fit.n, 0),
            "n_reference": spread(fit.n, 0),
            **numbers,
            "q_value": spread(adjust_p(fit.p_value, "bh")),
            "unit": UNIT,
            **counts,
            "prevalence": values.prevalence,
            "status": spread(fit.status, BELOW),
        }
    )
    return table[COLUMNS]


def _model_text(design: Design, baseline: bool) -> str:
    terms = ["arm"] + (["presence at baseline"] if baseline else []) + design.covariates
    note = "" if baseline else "; presence at baseline does not vary"
    return f"Firth logistic: presence ~ {' + '.join(terms)}; profile penalised likelihood{note}"


def main(profile: str, design: str, output: str, min_prevalence: float, confidence: float) -> None:
    """Read a profile and the design, write the table of effects on presence."""
    table = prevalence_effects(read_profile(profile), load_design(design), min_prevalence, confidence)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    tested = int((table["status"] == "ok").sum())
    print(f"{Path(output).name}: {len(table)} rows, {tested} with an estimate")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            snakemake.output[0],
            snakemake.params.min_prevalence,
            snakemake.params.confidence,
        ),
        snakemake.log[0],
    )

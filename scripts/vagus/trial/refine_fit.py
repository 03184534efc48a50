"""What comes between the fit of a model and its rows: the shift of a composition, and re-randomisation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vagus.design.model import Design
from vagus.errors import VagusError
from vagus.trial.estimands import why_not_between
from vagus.trial.fits import ContrastFit
from vagus.trial.mode_shift import SHIFTED_UNIT, shift_fit
from vagus.trial.models import fit_arms
from vagus.trial.permutation import strata_of
from vagus.trial.rerandomise import ArrangedZeros, rerandomise
from vagus.trial.transform import CLR_UNIT
from vagus.trial.values import TrialValues, adjustment_columns
from vagus.trial.zero_sensitivity import (
    NOT_WHOLE,
    ZeroResponse,
    centre_values,
    feature_sensitivity,
    log_counts,
    row_sensitivity,
)

BIASES = ("shift", "none")

Floats = NDArray[np.float64]


@dataclass
class Refined:
    """A fit with what all its features together tell.

    Parameters
    ----------
    fit
        With the shift taken out where there were features enough.
    estimate_clr, bias_shift, p_rerandomised, zero_sensitivity
        (rows, features) the estimate before the shift, the shift of a feature without zeros (NaN where none
        was taken), the p-value of the re-randomisation test (NaN where it was not made), and how far the
        feature follows the shift (NaN where it is not known).
    shifted
        (rows,) whether the shift was taken.
    notes
        What was done, in words.
    """

    fit: ContrastFit
    estimate_clr: Floats
    bias_shift: Floats
    p_rerandomised: Floats
    zero_sensitivity: Floats
    shifted: NDArray[np.bool_]
    notes: list[str]

    def units(self, row: int, plain: list[str]) -> list[str]:
        """Return the units of a row's estimates."""
        return [SHIFTED_UNIT] * len(plain) if self.shifted[row] else plain


def refine_fit(
    fit: ContrastFit,
    values: TrialValues,
    design: Design,
    model: str = "auto",
    robust: str = "auto",
    confidence: float = 0.95,
    bias: str = "shift",
    rerandomisations: int = 0,
    mixed: str = "kenward_roger",
) -> Refined:
    """Take the shift out of a composition's effects, and test them by re-randomisation.

    Parameters
    ----------
    fit
        Of `fit_arms`.
    values, design, model, robust, confidence, mixed
        As they were given to it.
    bias
        `shift` takes the mode out of centred log-ratios; `none` leaves them.
    rerandomisations
        Most arrangements of the arms; 0 makes no such test. It is made where a participant has one arm, by
        the ANCOVA of the visit and between two arms at a time, whatever the main model is.

    Raises
    ------
    VagusError
        If a setting is out of range.
    """
    if bias not in BIASES:
        raise VagusError(f"config: trial.compositional_bias is {bias!r}; allowed: {', '.join(BIASES)}")
    rows = len(fit.contrasts)
    nothing = np.full(fit.estimate.shape, np.nan)
    composition = bool(values.units) and all(unit == CLR_UNIT for unit in values.units)
    clr = fit.estimate if composition else nothing
    done = Refined(fit, clr, nothing.copy(), nothing.copy(), nothing.copy(), np.zeros(rows, dtype=bool), [])
    logs = log_counts(values)
    if composition and bias == "shift":
        frame = values.frame if logs is None else logs

        def refit(weights: Floats, sensitivity: Floats) -> ContrastFit:
            numbers = frame.to_numpy(copy=True)
            typical = numbers[:, values.passes] @ weights
            numbers[:, values.passes] -= np.outer(typical, sensitivity)
            against = replace(values, frame=pd.DataFrame(numbers, frame.index, frame.columns))
            return fit_arms(against, design, model, robust, confidence, mixed).fit

        zeros: ZeroResponse | None = None
        if logs is not None and values.counts is not None:
            counts = values.counts.loc[:, values.passes]
            centre = fit_arms(centre_values(values, logs), design, model, robust, confidence, mixed).fit
            zeros = ZeroResponse(
                *row_sensitivity(counts, design, fit, values.pseudocount), centre.estimate[:, 0]
            )
        after = shift_fit(fit, refit, confidence, zeros=zeros)
        done.fit, done.shifted = after.fit, after.applied
        done.bias_shift = np.where(
            after.applied[:, None] & np.isfinite(fit.estimate), after.bias[:, None], np.nan
        )
        if zeros is not None:
            known = np.isfinite(done.bias_shift) & np.isfinite(zeros.centre)[:, None]
            done.zero_sensitivity = np.where(known, zeros.sensitivity, np.nan)
        elif values.counts is not None and after.applied.any():
            done.notes.append(NOT_WHOLE)
        if not after.applied.all() and rows:
            done.notes.append("too few features for a mode: effects are against the mean of all features")
    if rerandomisations and not why_not_between(design):
        done.notes += _rerandomise(done, values, logs, design, rerandomisations)
    return done


def _rerandomise(
    done: Refined, values: TrialValues, logs: pd.DataFrame | None, design: Design, number: int
) -> list[str]:
    """Fill in the p-values, contrast by contrast; return the schemes."""
    strata = list(design.plan.get("strata") or [])
    said: list[str] = []
    arms = {f"{arm} vs {reference}": (arm, reference) for arm, reference in design.contrast_arms()}
    for row, (contrast, visit) in enumerate(zip(done.fit.contrasts, done.fit.visits, strict=True)):
        arm, reference = arms[contrast]
        people = [p for p in design.participants if p.arm in (arm, reference)]
        ids = [p.participant for p in people]
        found = rerandomise(
            values.at(visit, ids)[:, values.passes],
            values.at(design.baseline, ids)[:, values.passes],
            np.array([p.arm == arm for p in people], dtype=bool),
            strata_of([[p.covariates.get(name) for p in people] for name in strata], len(ids)),
            adjustment_columns(design, ids),
            number,
            int(design.plan.get("seed") or 1),
            bool(done.shifted[row]),
            strata,
            _zeros_of_row(values, logs, design, visit, ids) if done.shifted[row] else None,
        )
        done.p_rerandomised[row] = np.where(np.isfinite(done.fit.p_value[row]), found.p_value, np.nan)
        said.append(found.scheme)
    return list(dict.fromkeys(said))


def _zeros_of_row(
    values: TrialValues, logs: pd.DataFrame | None, design: Design, visit: str, ids: list[str]
) -> ArrangedZeros | None:
    """Return what the shift of every arrangement has to know of features with zeros."""
    if logs is None or values.counts is None:
        return None
    counts = replace(values, frame=values.counts).at(visit, ids)[:, values.passes]
    one = np.zeros(len(ids), dtype=np.int64)
    # One for all arrangements: it must not know which of them was drawn.
    found = feature_sensitivity(counts, one, np.arange(len(ids)), values.pseudocount)[0]
    centre = centre_values(values, logs)
    return ArrangedZeros(
        np.where(np.isfinite(found), found, 1.0),
        centre.at(visit, ids)[:, 0],
        centre.at(design.baseline, ids)[:, 0],
    )

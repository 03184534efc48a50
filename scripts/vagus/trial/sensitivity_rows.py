"""Rows of the table of methods beside each other, and whether the methods agree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vagus.design.model import Design
from vagus.trial.fits import OK
from vagus.trial.values import BELOW, TrialValues

METHODS = ("pseudocount_half", "pseudocount_one", "multiplicative", "rank", "ancombc2")
ALPHA = 0.05
COLUMNS = [
    "profile",
    "feature",
    "contrast",
    "visit",
    *[f"{what}_{method}" for method in METHODS for what in ("estimate", "p", "status")],
    "methods",
    "agree",
    "agreement",
    "robust",
    "prevalence",
    "status",
]
# Estimates, p and status, (arms, features) each.
Found = tuple[np.ndarray, np.ndarray, np.ndarray]


def method_rows(
    values: TrialValues, design: Design, found: dict[str, Found], i: int, contrast: str
) -> pd.DataFrame:
    """Return the rows of one contrast, with what the methods have in common.

    Parameters
    ----------
    values
        Features and which of them are tested.
    design
        The checked trial.
    found
        What each of `METHODS` found.
    i, contrast
        Place of the contrast in the arrays, and its name.

    Returns
    -------
    DataFrame
        `COLUMNS`, in another order.
    """
    passes = values.passes
    table = pd.DataFrame(
        {
            "profile": values.profile,
            "feature": values.features,
            "contrast": contrast,
            "visit": design.primary_visit,
            "prevalence": values.prevalence,
        }
    )
    signs = np.full((len(METHODS), len(passes)), np.nan)
    hits = np.zeros((len(METHODS), len(passes)), dtype=bool)
    for row, method in enumerate(METHODS):
        estimate, p, status = (part[i] for part in found[method])
        good = passes & (status == OK)
        table[f"estimate_{method}"] = np.where(good, estimate, np.nan)
        table[f"p_{method}"] = np.where(good, p, np.nan)
        table[f"status_{method}"] = np.where(passes, status, BELOW)
        signs[row, good] = np.sign(estimate[good])
        hits[row, good] = p[good] < ALPHA
    known = np.isfinite(signs)
    first = signs[known.argmax(axis=0), np.arange(len(passes))]
    agree = (hits & (signs == first) & (first != 0)).sum(axis=0)
    methods = known.sum(axis=0)
    table["methods"] = methods
    table["agree"] = agree
    table["agreement"] = np.where(methods > 0, agree / np.maximum(methods, 1), np.nan)
    table["robust"] = (methods > 1) & (agree == methods)
    # Ranks are possible wherever there are values: what they say is what hinders all.
    table["status"] = np.where(~passes, BELOW, np.where(methods > 0, OK, found["rank"][2][i]))
    return table

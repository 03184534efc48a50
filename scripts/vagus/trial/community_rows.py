"""Rows of the table of community tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vagus.trial.permanova import OK, CommunityTest
from vagus.trial.permutation import Floats, Scheme
from vagus.trial.rank_shift import RankShift

COLUMNS = [
    "profile",
    "test",
    "distance",
    "visit",
    "contrast",
    "n_arm",
    "n_reference",
    "statistic",
    "r2",
    "df",
    "df_residual",
    "median_arm",
    "median_reference",
    "estimate",
    "ci_low",
    "ci_high",
    "p_value",
    "permutations",
    "scheme",
    "status",
    "note",
]
# With fewer arrangements no p reaches 0.05.
FEWEST = 20


@dataclass
class Group:
    """Who is compared with whom.

    Parameters
    ----------
    contrast
        `<arm> vs <reference>` or all arms.
    participants
        One row each.
    scheme
        Arms (0 is the reference) and how they are permuted.
    adjust
        Strata and covariates as columns, or None.
    n_arm, n_reference
        Participants outside of and in the reference arm.
    note
        Who was left out.
    """

    contrast: str
    participants: list[str]
    scheme: Scheme
    adjust: Floats | None
    n_arm: int
    n_reference: int
    note: str = ""


def beta_row(test: str, distance: str, visit: str, group: Group, found: CommunityTest) -> dict[str, object]:
    """Return the row of a test with F and R2."""
    row = _row(test, distance, visit, group)
    row |= {
        "statistic": found.statistic,
        "r2": found.r2,
        "df": found.df,
        "df_residual": found.df_residual,
        "p_value": found.p_value,
        "permutations": found.permutations,
        "status": found.status,
    }
    return row


def shift_row(
    test: str, distance: str, visit: str, group: Group, values: Floats, found: RankShift
) -> dict[str, object]:
    """Return the row of a rank comparison: the statistic is U, the estimate the Hodges-Lehmann shift."""
    row = _row(test, distance, visit, group)
    arm = group.scheme.arm
    row |= {
        "statistic": found.u,
        "median_arm": float(np.median(values[arm == 1])) if (arm == 1).any() else np.nan,
        "median_reference": float(np.median(values[arm == 0])) if (arm == 0).any() else np.nan,
        "estimate": found.estimate,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "p_value": found.p_value,
        "permutations": group.scheme.count if found.status == OK else 0,
        "status": found.status,
    }
    if found.status == OK and not np.isfinite(found.ci_low):
        row["note"] = "; ".join(filter(None, [group.note, "too few arrangements for an interval"]))
    return row


def _row(test: str, distance: str, visit: str, group: Group) -> dict[str, object]:
    scheme = group.scheme
    few = ""
    if 1 < scheme.distinct < FEWEST:
        few = f"{scheme.distinct} arrangements: p cannot be below {1 / scheme.distinct:.2g}"
    return {
        "test": test,
        "distance": distance,
        "visit": visit,
        "contrast": group.contrast,
        "n_arm": group.n_arm,
        "n_reference": group.n_reference,
        "scheme": scheme.words(),
        "note": "; ".join(filter(None, [group.note, few])),
    }

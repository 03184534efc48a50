"""Error control over the families of the plan, in their order, across profiles and features."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import Design, load_design
from vagus.design.plan_hash import REGISTERED, UNREGISTERED
from vagus.steps import run_step
from vagus.trial.adjust import adjust_p

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ADDED = ["family", "role", "rejected"]
FAMILY_COLUMNS = [
    "order",
    "family",
    "profiles",
    "control",
    "alpha",
    "gate",
    "tests",
    "rejected",
    "state",
    "role",
    "estimand",
    "missing_profiles",
]
CONFIRMATORY, EXPLORATORY = "confirmatory", "exploratory"
EXPLORATORY_ALPHA = 0.05


def control_errors(effects: pd.DataFrame, design: Design) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Adjust the p-values of every family of the plan, and open or close the gates between families.

    A family holds the rows of its profiles, at its visits (by default the primary one), of its features and
    contrasts (by default all); a row belongs to the first family that takes it. Families are tested in their
    order. One that is a gate must be passed, with every hypothesis rejected, before those after it are tested
    (serial gatekeeping; Westfall & Krishen 2001, doi 10.1016/S0378-3758(01)00077-5). Rows in no family are
    exploratory and adjusted inside profile, contrast and visit by Benjamini-Hochberg at 0.05.

    Parameters
    ----------
    effects
        Rows of `vagus.trial.arm_effects` of all profiles.
    design
        The checked trial with its families and its registration.

    Returns
    -------
    tuple
        The rows with `q_value`, `family` ("" in none), `role` (confirmatory, exploratory, or not registered)
        and `rejected`; and one row per family with `FAMILY_COLUMNS`. Behind a closed gate nothing is
        tested: q_value is NaN, and the role exploratory.
    """
    table = effects.reset_index(drop=True).copy()
    p = table["p_value"].to_numpy(dtype=np.float64) if len(table) else np.empty(0)
    registration = design.registration.get("status", UNREGISTERED)
    role = {REGISTERED: CONFIRMATORY, UNREGISTERED: UNREGISTERED}.get(registration, EXPLORATORY)
    q, rejected = np.full(len(table), np.nan), np.zeros(len(table), dtype=bool)
    names = np.full(len(table), "", dtype=object)
    roles = np.full(len(table), EXPLORATORY, dtype=object)
    taken = np.zeros(len(table), dtype=bool)
    closed_by, summaries = "", []
    for place, family in enumerate(design.plan.get("families") or [], 1):
        rows = family_rows(table, family, design, taken)
        taken[rows] = True
        names[rows] = family["name"]
        control, alpha = str(family.get("control") or "bh"), float(family.get("alpha") or 0.05)
        state = f"not tested: {closed_by} is a gate that was not passed" if closed_by else "tested"
        tested = np.isfinite(p[rows])
        if not closed_by:
            q[rows] = adjust_p(p[rows], control)
            rejected[rows] = q[rows] <= alpha
            roles[rows] = role
        if not tested.any():
            state = state if closed_by else "no hypothesis could be tested"
        if family.get("gate") and not closed_by:
            # A hypothesis that could not be tested was not rejected, so the gate stays shut.
            passed = len(rows) > 0 and bool(rejected[rows].all())
            state = "gate passed" if passed else "gate not passed"
            closed_by = "" if passed else str(family["name"])
        present = set(table["profile"]) if len(table) else set()
        summaries.append(
            {
                "order": place,
                "family": family["name"],
                "profiles": ", ".join(family["profiles"]),
                "control": control,
                "alpha": alpha,
                "gate": bool(family.get("gate")),
                "tests": int(tested.sum()),
                "rejected": int(rejected[rows].sum()),
                "state": state,
                "role": role if not state.startswith("not tested") else EXPLORATORY,
                "estimand": _summary(family, design),
                "missing_profiles": ", ".join(x for x in family["profiles"] if x not in present),
            }
        )
    rest = np.flatnonzero(~taken)
    if len(rest):
        for index in table.loc[rest].groupby(["profile", "contrast", "visit"], sort=False).indices.values():
            at = rest[index]
            q[at] = adjust_p(p[at], "bh")
            rejected[at] = q[at] <= EXPLORATORY_ALPHA
    table["q_value"], table["family"], table["role"], table["rejected"] = q, names, roles, rejected
    return table, pd.DataFrame(summaries, columns=FAMILY_COLUMNS)


def family_rows(
    table: pd.DataFrame, family: Mapping[str, Any], design: Design, taken: np.ndarray
) -> np.ndarray:
    """Return the rows of a family that no family before took, in the order of its hypotheses.

    Parameters
    ----------
    table
        Rows of all profiles.
    family
        Of the plan. The order is that of its profiles, then of its features (as listed, else as in the
        profile), of the contrasts and of the visits.
    design
        The checked trial.
    taken
        (rows,) whether an earlier family holds the row.
    """
    keys = {
        "profile": list(family.get("profiles") or []),
        "feature": list(family.get("features") or []),
        "contrast": list(family.get("contrasts") or []) or design.contrasts(),
        "visit": list(family.get("visits") or []) or [design.primary_visit],
    }
    mine = ~taken
    ranks = []
    for column, wanted in keys.items():
        if not wanted:
            # Features as they come.
            ranks.append(pd.factorize(table[column])[0])
            continue
        rank = table[column].map({name: i for i, name in enumerate(wanted)})
        mine &= rank.notna().to_numpy()
        ranks.append(rank.fillna(-1).to_numpy(dtype=np.int64))
    rows = np.flatnonzero(mine)
    order = np.lexsort([rank[rows] for rank in reversed(ranks)])
    found: np.ndarray = rows[order]
    return found


def _summary(family: Mapping[str, Any], design: Design) -> str:
    from vagus.trial.estimands import estimand_of

    block = estimand_of(family["profiles"][0], design)
    block.update({k: v for k, v in (family.get("estimand") or {}).items() if v})
    return " ".join(str(block.get("summary") or "").split())


def read_effects(paths: Sequence[str]) -> list[pd.DataFrame]:
    """Read tables of effects; "NA" may be the name of a feature, so only an empty cell is missing."""
    text = ["profile", "feature", "contrast", "visit", "estimand", "model", "unit", "status"]
    return [
        pd.read_csv(path, sep="\t", dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
        for path in paths
    ]


def main(effects: Sequence[str], design: str, outputs: Sequence[str], families: str) -> None:
    """Read the tables of all profiles and the design, write them controlled, and the families."""
    tables = read_effects(effects)
    filled = [t for t in tables if len(t)]
    rows = pd.concat(filled, ignore_index=True) if filled else tables[0] if tables else pd.DataFrame()
    controlled, summary = control_errors(rows, load_design(design))
    # Back to one table a profile: the rows come in the order of the files.
    ends = np.cumsum([len(t) for t in tables])
    for path, end, table in zip(outputs, ends, tables, strict=True):
        part = controlled.iloc[end - len(table) : end].copy()
        part = part[[c for c in table.columns if c not in ADDED] + ADDED]
        part["rejected"] = part["rejected"].map({True: "yes", False: "no"})
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        part.to_csv(path, sep="\t", index=False, float_format="%.10g")
    summary["gate"] = summary["gate"].map({True: "yes", False: "no"})
    Path(families).parent.mkdir(parents=True, exist_ok=True)
    summary.to_csv(families, sep="\t", index=False, float_format="%.10g")
    for _, row in summary.iterrows():
        print(f"family {row['family']}: {row['rejected']} of {row['tests']} rejected ({row['state']})")
    print(f"{len(controlled)} rows of {len(tables)} profiles")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.effects,
            snakemake.input.design,
            snakemake.output.effects,
            snakemake.output.families,
        ),
        snakemake.log[0],
    )

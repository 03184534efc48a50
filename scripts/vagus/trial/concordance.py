"""Rule `concordance`: does the genes' potential for a compound go with the compound where it was measured?"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from vagus.design.model import Design, load_design
from vagus.modules.module_file import Compound, load_modules
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.values import trial_values

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

COLUMNS = [
    "profile", "compound", "measure", "comparison", "n", "spearman", "ci_low", "ci_high", "sign_agreement",
    "verdict", "note", "n_below_lod", "spearman_in_arms", "in_arms_low", "in_arms_high", "comparisons",
]  # fmt: skip
MADE = "|made"
SUPPORTED, NOT_SUPPORTED, NOT_MEASURED = "supported", "not supported", "not measured"
# Fewer pairs, or fewer that differ from the commonest value, have no interval worth the name: with 70 % ties
# and 8 to 20 pairs the bootstrap called 5 to 9 % of null compounds supported.
LEAST_PAIRS = 8
RESAMPLES = 2000
SEED = 20
ARMS_ONLY = "goes with the arms; not shown inside them"
Floats = npt.NDArray[np.float64]


def match_measures(measures: Sequence[str], compounds: Sequence[Compound]) -> dict[str, str]:
    """Return measure -> compound, by the names under which labs report it.

    Parameters
    ----------
    measures
        Names of the measures sheet; case, underscores and a first word such as `stool_` do not matter.
    compounds
        With `measured_as`.
    """
    known = {name: c.id for c in compounds for name in (c.id, c.name.lower(), *c.measured_as)}
    found: dict[str, str] = {}
    for measure in measures:
        plain = measure.lower().replace("_", " ").strip()
        tries = [measure.lower(), plain, plain.partition(" ")[2]]
        hit = next((known[name] for name in tries if name in known), None)
        if hit:
            found[measure] = hit
    return found


def spearman_interval(
    first: Floats,
    second: Floats,
    confidence: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    arms: Sequence[str] | None = None,
) -> tuple[float, float, float]:
    """Spearman's correlation with a percentile interval by bootstrap over participants.

    Parameters
    ----------
    first, second
        One value a participant, both without NaN.
    confidence
        Level of the interval.
    resamples, seed
        Of the bootstrap.
    arms
        If given, the mean rank of the participant's arm is taken off both sides first: the rank correlation
        with the arms partialled out.

    Returns
    -------
    tuple
        Correlation and the ends of its interval; NaN where one side does not vary.

    References
    ----------
    Efron B, Tibshirani RJ (1993) An Introduction to the Bootstrap, doi:10.1201/9780429246593
    """
    rng = np.random.default_rng(seed)
    draws = np.vstack([np.arange(len(first)), rng.integers(0, len(first), (resamples, len(first)))])
    one, two = (rankdata(side[draws], axis=1) for side in (first, second))
    groups = np.asarray(arms if arms is not None else [""] * len(first))[draws]
    for arm in np.unique(groups):
        here = groups == arm
        count = np.maximum(here.sum(axis=1, keepdims=True), 1)
        for side in (one, two):
            side -= here * ((side * here).sum(axis=1, keepdims=True) / count)
    scale = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    good = scale > 1e-9 * len(first)
    rho = np.where(good, (one * two).sum(axis=1) / np.where(good, scale, 1.0), np.nan)
    if not good[0]:
        return float("nan"), float("nan"), float("nan")
    low, high = np.nanquantile(rho[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(rho[0]), float(low), float(high)


def _differing(side: Floats) -> int:
    """Count the values that differ from the commonest, and one that is it."""
    return len(side) - int(np.unique(side, return_counts=True)[1].max()) + 1


def _row(key: Sequence[str], pairs: Floats, arms: Sequence[str], confidence: float) -> dict[str, Any]:
    """Return the row of one comparison from participants x (potential, measured), NaN where missing."""
    whole = np.isfinite(pairs).all(axis=1)
    pairs, arms = pairs[whole], list(np.asarray(arms)[whole])
    row: dict[str, Any] = dict(zip(COLUMNS, key, strict=False))
    row |= {"n": len(pairs), "verdict": NOT_SUPPORTED, "note": ""}
    if len(pairs) < LEAST_PAIRS:
        return row | {"note": f"fewer than {LEAST_PAIRS} participants with both"}
    rho, low, high = spearman_interval(pairs[:, 0], pairs[:, 1], confidence)
    if np.isnan(rho):
        return row | {"note": "one side does not vary"}
    row["spearman"] = rho
    if row["comparison"] != "baseline":
        moved = (pairs != 0).all(axis=1)
        if moved.any():
            signs = np.sign(pairs[moved])
            row["sign_agreement"] = float((signs[:, 0] == signs[:, 1]).mean())
    if min(map(_differing, pairs.T)) < LEAST_PAIRS:
        return row | {"note": f"fewer than {LEAST_PAIRS} participants differ from the commonest value"}
    inside = spearman_interval(pairs[:, 0], pairs[:, 1], confidence, arms=arms)
    row |= {"ci_low": low, "ci_high": high, "verdict": SUPPORTED if low > 0 else NOT_SUPPORTED}
    row |= dict(zip(("spearman_in_arms", "in_arms_low", "in_arms_high"), inside, strict=True))
    return row | {"note": ARMS_ONLY if low > 0 and not inside[1] > 0 else ""}


def measured_values(design: Design, wanted: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what laboratories measured, on a scale on which its changes compare with those of genes.

    Parameters
    ----------
    design
        With the measures.
    wanted
        Names of measures.

    Returns
    -------
    values, below
        (participant, visit) x measures; and whether a value was below its limit of detection, which the sheet
        says by an empty value beside a limit. Those come after all that was detected, as ties. A measure
        that is never negative is taken as log2, as the genes' potential is: a change is then a ratio on
        both sides. Zero becomes half the smallest positive value. Others stay as they are.
    """
    rows = [m for m in design.measures if m.measure in set(wanted)]
    index = pd.MultiIndex.from_tuples(
        list(dict.fromkeys((m.participant, m.visit) for m in rows)), names=["participant", "visit"]
    )
    values = pd.DataFrame(np.nan, index, list(wanted))
    below = pd.DataFrame(False, index, list(wanted))
    for name in wanted:
        mine = [m for m in rows if m.measure == name]
        found = [float(m.value) for m in mine if m.value is not None]
        limits = [float(m.lod) for m in mine if m.value is None and m.lod is not None]
        positive = [v for v in found if v > 0]
        log = min(found, default=0.0) >= 0 and bool(positive)
        floor = 0.5 * min([*limits, *positive], default=0.0) if log else min([*limits, *found], default=0.0)
        for m in mine:
            if m.value is None and m.lod is None:
                continue
            value = floor if m.value is None else float(m.value)
            values.loc[(m.participant, m.visit), name] = (
                np.log2(value if value > 0 else floor) if log else value
            )
            below.loc[(m.participant, m.visit), name] = m.value is None
    return values, below


def compare_compounds(
    profile: Profile, design: Design, compounds: Sequence[Compound], confidence: float = 0.95
) -> pd.DataFrame:
    """Hold potentials against measurements, at baseline and in their changes.

    Parameters
    ----------
    profile
        `<assay>.metabolite`, features `<compound>|made`.
    design
        With the measures.
    compounds
        Of the module file.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        `COLUMNS`; one row for a compound, measure and comparison (`baseline`, or `change to <visit>`), and
        one row `not measured` for each compound without a measure. Supported: the whole interval lies above
        0. All arms are taken together, as it is a question to the genes and not to the treatment. A treatment
        that moves both makes changes go together without any gene making the compound; the correlation with
        the arms partialled out stands beside it, and `note` says where only the arms carry it.
        `comparisons` counts the intervals of the profile: about 1 in 40 is supported by chance alone.
    """
    potential = trial_values(profile, design, 0.0).frame
    measured = match_measures(list(dict.fromkeys(m.measure for m in design.measures)), compounds)
    lab, below = measured_values(design, list(measured))
    people = [p.participant for p in design.participants]
    arms = [p.arm for p in design.participants]
    rows: list[dict[str, Any]] = []

    def both(feature: str, measure: str, visit: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
        index = pd.MultiIndex.from_product([people, [visit]])
        sides = [potential[feature].reindex(index), lab[measure].reindex(index)]
        hidden = below[measure].reindex(index, fill_value=False).to_numpy(bool)
        return np.column_stack([side.to_numpy(float) for side in sides]), hidden

    for feature in [f for f in profile.features if f.endswith(MADE)]:
        compound = feature.removesuffix(MADE)
        names = [measure for measure, hit in measured.items() if hit == compound]
        for measure in names:
            start, gone = both(feature, measure, design.baseline)
            for visit in (None, *design.followup_visits):
                pairs, hidden, comparison = start, gone, "baseline"
                if visit is not None:
                    later, unseen = both(feature, measure, visit)
                    pairs, hidden, comparison = later - start, gone | unseen, f"change to {visit}"
                row = _row((profile.name, compound, measure, comparison), pairs, arms, confidence)
                rows.append(row | {"n_below_lod": int((hidden & np.isfinite(pairs).all(axis=1)).sum())})
        if not names:
            rows.append({"profile": profile.name, "compound": compound, "verdict": NOT_MEASURED})
    made = pd.DataFrame(rows, columns=COLUMNS)
    return made.assign(comparisons=int(made["ci_low"].notna().sum()))


def main(profiles: Sequence[str], design: str, modules: str, output: str, confidence: float) -> None:
    """Read, compare and write."""
    trial, compounds = load_design(design), load_modules(modules).compounds
    tables = [compare_compounds(read_profile(path), trial, compounds, confidence) for path in profiles]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=COLUMNS)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.6g")
    print(table["verdict"].value_counts().to_string())


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.profiles),
            snakemake.input.design,
            snakemake.input.modules,
            snakemake.output[0],
            float(snakemake.params.confidence),
        ),
        snakemake.log[0],
    )

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
    "verdict", "note",
]  # fmt: skip
MADE = "|made"
SUPPORTED, NOT_SUPPORTED, NOT_MEASURED = "supported", "not supported", "not measured"
# Below this a rank correlation has no interval worth the name.
LEAST_PAIRS = 8
RESAMPLES = 2000
SEED = 20
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
    first: Floats, second: Floats, confidence: float, resamples: int = RESAMPLES, seed: int = SEED
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
    one, two = (side - side.mean(axis=1, keepdims=True) for side in (one, two))
    scale = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    good = scale > 0
    rho = np.where(good, (one * two).sum(axis=1) / np.where(good, scale, 1.0), np.nan)
    if not good[0]:
        return float("nan"), float("nan"), float("nan")
    low, high = np.nanquantile(rho[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(rho[0]), float(low), float(high)


def _row(
    profile: str, compound: str, measure: str, comparison: str, pairs: Floats, confidence: float
) -> dict[str, Any]:
    """Return the row of one comparison from participants x (potential, measured), NaN where missing."""
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    row: dict[str, Any] = {
        "profile": profile, "compound": compound, "measure": measure, "comparison": comparison,
        "n": len(pairs),
        "spearman": np.nan, "ci_low": np.nan, "ci_high": np.nan, "sign_agreement": np.nan,
        "verdict": NOT_SUPPORTED, "note": "",
    }  # fmt: skip
    if len(pairs) < LEAST_PAIRS:
        return row | {"note": f"fewer than {LEAST_PAIRS} participants with both"}
    rho, low, high = spearman_interval(pairs[:, 0], pairs[:, 1], confidence)
    row |= {"spearman": rho, "ci_low": low, "ci_high": high}
    if np.isnan(rho):
        return row | {"note": "one side does not vary"}
    if comparison != "baseline":
        moved = (pairs != 0).all(axis=1)
        if moved.any():
            signs = np.sign(pairs[moved])
            row["sign_agreement"] = float((signs[:, 0] == signs[:, 1]).mean())
    return row | {"verdict": SUPPORTED if low > 0 else NOT_SUPPORTED}


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
        0. All arms are taken together: it is a question to the genes, not to the treatment.
    """
    values = trial_values(profile, design, 0.0).frame
    measured = match_measures(list(dict.fromkeys(m.measure for m in design.measures)), compounds)
    numbers: dict[str, dict[tuple[str, str], float]] = {}
    for m in design.measures:
        if m.measure in measured and m.value is not None:
            numbers.setdefault(m.measure, {})[m.participant, m.visit] = float(m.value)
    people = [p.participant for p in design.participants]
    rows: list[dict[str, Any]] = []

    def both(feature: str, measure: str, visit: str) -> Floats:
        index = pd.MultiIndex.from_product([people, [visit]])
        lab = [numbers.get(measure, {}).get((person, visit), np.nan) for person in people]
        return np.column_stack([values[feature].reindex(index).to_numpy(float), lab])

    for feature in [f for f in profile.features if f.endswith(MADE)]:
        compound = feature.removesuffix(MADE)
        names = [measure for measure, hit in measured.items() if hit == compound]
        for measure in names:
            start = both(feature, measure, design.baseline)
            rows.append(_row(profile.name, compound, measure, "baseline", start, confidence))
            rows += [
                _row(
                    profile.name, compound, measure, f"change to {visit}",
                    both(feature, measure, visit) - start, confidence,
                )
                for visit in design.followup_visits
            ]  # fmt: skip
        if not names:
            rows.append({"profile": profile.name, "compound": compound, "verdict": NOT_MEASURED})
    return pd.DataFrame(rows, columns=COLUMNS)


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

"""Whether an effect hangs on the method: zero rules, ranks and ANCOM-BC2 beside each other."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from skbio.stats.composition import ancombc2, multi_replace

from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.ancova import choose_errors, fit_ancova
from vagus.trial.columns import independent
from vagus.trial.estimands import why_not_between
from vagus.trial.fits import CONSTANT, FEW, MIN_PER_ARM, OK
from vagus.trial.permutation import strata_of
from vagus.trial.raw_values import raw_values
from vagus.trial.sensitivity_rows import COLUMNS, METHODS, Found, method_rows
from vagus.trial.transform import COMPOSITIONAL, replace_zeros
from vagus.trial.values import TrialValues, adjustment_columns, trial_values
from vagus.trial.van_elteren import van_elteren

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

NAMES = {
    "pseudocount_half": "ANCOVA of the CLR with pseudocount 0.5",
    "pseudocount_one": "ANCOVA of the CLR with pseudocount 1",
    "multiplicative": "ANCOVA of the CLR with multiplicative replacement",
    "rank": "stratified rank test on the change",
    "ancombc2": "ANCOM-BC2",
}
# Below this, ANCOM-BC2 has nothing from which to learn the bias.
MIN_FEATURES = 3
NO_PARTS = "no parts of a whole"


class Trial:
    """The participants of a comparison, their arms, and what is adjusted for.

    Parameters
    ----------
    design
        The checked trial.
    errors
        Standard errors of the ANCOVA.
    """

    def __init__(self, design: Design, errors: str = "auto") -> None:
        self.arms = [str(design.reference_arm), *[a for a in design.arms if a != design.reference_arm]]
        code = {p.participant: self.arms.index(p.arm) for p in design.participants if p.arm in self.arms}
        self.people = list(code)
        self.arm = np.array(list(code.values()), dtype=np.int64)
        # As the main analysis, of which this is a part.
        self.errors = choose_errors(errors, self.arm, composition=True)
        self.adjust = adjustment_columns(design, self.people)
        rows = {p.participant: p.covariates for p in design.participants}
        names = design.plan.get("strata") or []
        self.stratum = strata_of([[rows[p].get(n) for p in self.people] for n in names], len(self.people))
        self.known = np.all(np.isfinite(self.adjust), axis=1)


def sensitivity(
    profile: Profile,
    design: Design,
    min_prevalence: float = 0.2,
    pseudocount: float = 0.5,
    errors: str = "auto",
) -> pd.DataFrame:
    """Estimate every effect at the primary visit in several ways.

    - ANCOVA of the CLR with HC3 or HC2 errors, as in `arm_effects`, with pseudocounts 0.5 and 1 and with
      multiplicative replacement (Martin-Fernandez et al. 2003, doi 10.1023/A:1023866030544; scikit-bio's
      `multi_replace`);
    - van Elteren's rank test inside the plan's strata on the change of the logarithm of the share; its
      estimate is the chance that the arm rose more, less one half. It leaves covariates aside;
    - ANCOM-BC2 (Lin & Peddada 2024, doi 10.1038/s41592-023-02092-7; scikit-bio's `ancombc2`) on the samples
      of the visit: ~ arm + strata + covariates, without the baseline, as it has no random effects.

    Parameters
    ----------
    profile
        Any profile; scores have no rows.
    design
        The checked trial.
    min_prevalence
        As in `arm_effects`.
    pseudocount
        Added to counts for the rank test and ANCOM-BC2.
    errors
        Standard errors of the ANCOVA, as in `arm_effects`.

    Returns
    -------
    DataFrame
        `COLUMNS`. Estimates are log2 fold changes but for the rank test. `methods` had an estimate; `agree`
        of them have p < 0.05 and the sign of the first; `robust` if two or more had one and all agree. p are
        not adjusted: this asks whether a result hangs on the method, and finds none.

    Raises
    ------
    VagusError
        If the profile does not fit the design, or a setting is out of range.
    """
    reason = why_not_between(design)
    if not reason and design.primary_visit not in design.followup_visits:
        reason = "no visit after the baseline"
    if not reason and profile.kind not in COMPOSITIONAL:
        reason = f"values of kind {profile.kind or 'unknown'} have no zeros to replace"
    if reason:
        print(f"{profile.name}: {reason}; the table has no rows")
        return pd.DataFrame(columns=COLUMNS)
    values = trial_values(profile, design, min_prevalence, pseudocount)
    trial = Trial(design, errors)
    raw = raw_values(profile, design, values)
    found = {
        method: _tell(RUN[method], profile, design, values, raw, trial, pseudocount) for method in METHODS
    }
    for method, (_, _, status) in found.items():
        told = {str(s) for s in status[:, values.passes].ravel()} - {OK, CONSTANT, FEW}
        for words in sorted(told):
            print(f"{profile.name}: {NAMES[method]}: {words}")
    parts = [method_rows(values, design, found, i, c) for i, c in enumerate(design.contrasts())]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _tell(
    method: Callable[..., Found],
    profile: Profile,
    design: Design,
    values: TrialValues,
    raw: pd.DataFrame,
    trial: Trial,
    pseudocount: float,
) -> Found:
    """Run a method; where it refuses the profile, its words are the status of every feature."""
    try:
        return method(profile, design, values, raw, trial, pseudocount)
    except VagusError as refused:
        shape = (len(trial.arms) - 1, len(values.features))
        return np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, str(refused), dtype=object)


def _ancova(design: Design, frame: pd.DataFrame, trial: Trial) -> Found:
    def at(visit: str) -> np.ndarray:
        wanted = pd.MultiIndex.from_product([trial.people, [visit]])
        return frame.reindex(wanted).to_numpy(dtype=np.float64)

    fit = fit_ancova(
        at(design.primary_visit),
        at(design.baseline),
        trial.arm,
        trial.adjust,
        len(trial.arms) - 1,
        trial.errors,
    )
    return fit.estimate, fit.p_value, fit.status


def _clr(values: np.ndarray) -> np.ndarray:
    logs = np.log2(values)
    return logs - logs.mean(axis=1, keepdims=True)


def _need_parts(profile: Profile) -> None:
    if profile.meta.get("transform") == "log2":
        raise VagusError(f"{NO_PARTS}: compared on a log2 scale, which has no pseudocount")


def _pseudocount(amount: float) -> Callable[..., Found]:
    def run(
        profile: Profile, design: Design, values: TrialValues, raw: pd.DataFrame, trial: Trial, _: float
    ) -> Found:
        _need_parts(profile)
        _need_counts(profile, f"pseudocount {amount:g}")
        return _ancova(design, _clr_frame(raw + amount), trial)

    return run


def _clr_frame(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(_clr(frame.to_numpy(dtype=np.float64)), frame.index, frame.columns)


def _need_counts(profile: Profile, method: str) -> None:
    try:
        profile.need_counts(method)
    except VagusError as refused:
        raise VagusError(f"needs counts: {refused}") from None


def _multiplicative(
    profile: Profile, design: Design, values: TrialValues, raw: pd.DataFrame, trial: Trial, _: float
) -> Found:
    _need_parts(profile)
    numbers = raw.to_numpy(dtype=np.float64)
    out = np.full(numbers.shape, np.nan)
    # A sample with a missing part has no closed composition.
    whole = np.isfinite(numbers).all(axis=1) & (numbers > 0).any(axis=1)
    if whole.any():
        shares = numbers[whole] / numbers[whole].sum(axis=1, keepdims=True)
        out[whole] = _clr(multi_replace(shares) if (shares == 0).any() else shares)
    return _ancova(design, pd.DataFrame(out, raw.index, raw.columns), trial)


def _rank(
    profile: Profile, design: Design, values: TrialValues, raw: pd.DataFrame, trial: Trial, pseudocount: float
) -> Found:
    if profile.meta.get("transform") == "log2":
        frame = values.frame
    else:
        filled = replace_zeros(raw.to_numpy(dtype=np.float64), profile.kind, pseudocount)
        logs = np.log2(filled / np.nansum(filled, axis=1, keepdims=True))
        frame = pd.DataFrame(logs, raw.index, raw.columns)
    at = [
        frame.reindex(pd.MultiIndex.from_product([trial.people, [visit]])).to_numpy(dtype=np.float64)
        for visit in (design.primary_visit, design.baseline)
    ]
    change = np.where(trial.known[:, None], at[0] - at[1], np.nan)
    estimates, ps, statuses = [], [], []
    for j in range(1, len(trial.arms)):
        pair = np.isin(trial.arm, (0, j))
        test = van_elteren(change[pair], trial.arm[pair] == j, trial.stratum[pair])
        few = (test.n_arm < MIN_PER_ARM) | (test.n_reference < MIN_PER_ARM)
        status = np.where(few, FEW, np.where(np.isfinite(test.z), OK, CONSTANT)).astype(object)
        estimates.append(np.where(status == OK, test.shift, np.nan))
        ps.append(np.where(status == OK, test.p_value, np.nan))
        statuses.append(status)
    return np.array(estimates), np.array(ps), np.array(statuses, dtype=object)


def _ancombc2(
    profile: Profile, design: Design, values: TrialValues, raw: pd.DataFrame, trial: Trial, pseudocount: float
) -> Found:
    _need_counts(profile, "ANCOM-BC2")
    tested = np.flatnonzero(values.passes)
    if len(tested) < MIN_FEATURES:
        raise VagusError(f"fewer than {MIN_FEATURES} features, too few to learn the bias from")
    counts = raw.reindex(pd.MultiIndex.from_product([trial.people, [design.primary_visit]])).to_numpy()
    rows = trial.known & np.isfinite(counts).all(axis=1)
    sizes = np.bincount(trial.arm[rows], minlength=len(trial.arms))
    used = [j for j in range(1, len(trial.arms)) if sizes[j] >= MIN_PER_ARM]
    shape = (len(trial.arms) - 1, len(values.features))
    estimate, p, status = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, FEW, dtype=object)
    if sizes[0] < MIN_PER_ARM or not used:
        return estimate, p, status
    rows &= np.isin(trial.arm, [0, *used])
    columns = {f"arm{j}": (trial.arm[rows] == j).astype(float) for j in used}
    full = np.column_stack([np.ones(rows.sum()), *columns.values(), trial.adjust[rows]])
    kept = independent(full)
    if kept[: len(used) + 1] != list(range(len(used) + 1)) or rows.sum() - len(kept) < 1:
        raise VagusError("not estimable: too few samples for arm, strata and covariates")
    columns |= {f"x{c}": full[:, c] for c in kept[len(used) + 1 :]}
    people = [p for p, here in zip(trial.people, rows, strict=True) if here]
    table = pd.DataFrame(counts[np.ix_(rows, tested)], people, [f"f{i}" for i in tested])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = ancombc2(
                table, pd.DataFrame(columns, people), " + ".join(columns), pseudocount=pseudocount
            ).result
    except (ValueError, np.linalg.LinAlgError, ZeroDivisionError, FloatingPointError) as error:
        raise VagusError(f"not estimable: {' '.join(str(error).split())}") from None
    for j in used:
        part = result.xs(f"arm{j}", level="Covariate").reindex(table.columns)
        good = np.isfinite(part["Log(FC)"].to_numpy()) & np.isfinite(part["pvalue"].to_numpy())
        # scikit-bio's logarithm is the natural one.
        estimate[j - 1, tested] = np.where(good, part["Log(FC)"].to_numpy() / np.log(2), np.nan)
        p[j - 1, tested] = np.where(good, part["pvalue"].to_numpy(), np.nan)
        status[j - 1, tested] = np.where(good, OK, "not estimable")
    return estimate, p, status


RUN: dict[str, Callable[..., Found]] = {
    "pseudocount_half": _pseudocount(0.5),
    "pseudocount_one": _pseudocount(1.0),
    "multiplicative": _multiplicative,
    "rank": _rank,
    "ancombc2": _ancombc2,
}


def main(
    profile: str, design: str, output: str, min_prevalence: float, pseudocount: float, errors: str = "auto"
) -> None:
    """Read a profile and the design, write the table of methods."""
    table = sensitivity(read_profile(profile), load_design(design), min_prevalence, pseudocount, errors)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.10g")
    print(f"{Path(output).name}: {len(table)} rows, {int(table['robust'].sum())} robust")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            snakemake.output[0],
            snakemake.params.min_prevalence,
            snakemake.params.pseudocount,
            snakemake.params.errors,
        ),
        snakemake.log[0],
    )

"""Find contaminants from the negative controls and the DNA concentrations; keep the stool samples."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse, stats

from vagus.design.model import load_design
from vagus.errors import VagusError
from vagus.ledger import MERGED_RUN, ledger_row, write_ledger
from vagus.profile import Profile, read_profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

METHODS = ("none", "prevalence", "frequency", "combined")
RANKS = ["domain", "phylum", "class", "order", "family", "genus", "species"]
TRUE_SAMPLES = ("stool", "donor", "product")


def prevalence_test(
    in_negatives: np.ndarray, n_negatives: int, in_samples: np.ndarray, n_samples: int
) -> np.ndarray:
    """Test whether a feature is present in negatives more often than in samples.

    One-sided chi-square test of two proportions with Yates' correction, or the mid-P Fisher test where an
    expected number is below 5. A feature seen in fewer than two libraries has no
    score; one seen in all has 0.5.

    Parameters
    ----------
    in_negatives, in_samples
        Number of negatives and of samples with the feature, (features,).
    n_negatives, n_samples
        Number of negatives and of samples.

    Returns
    -------
    numpy.ndarray
        P values, (features,); small means contaminant, NaN not testable.

    Notes
    -----
    Method: Davis et al. 2018, doi 10.1186/s40168-018-0605-2.
    """
    a = np.asarray(in_negatives, dtype=float)
    c = np.asarray(in_samples, dtype=float)
    p = np.full(len(a), np.nan)
    total = n_negatives + n_samples
    if not n_negatives or not n_samples:
        return p
    present = a + c
    small = np.minimum(present, total - present) * min(n_negatives, n_samples) / total < 5
    testable = present > 1
    fisher = testable & small
    # Mid-P: half of the probability of the table itself, as the score of a discrete test.
    p[fisher] = stats.hypergeom.sf(
        a[fisher], total, present[fisher], n_negatives
    ) + 0.5 * stats.hypergeom.pmf(a[fisher], total, present[fisher], n_negatives)
    chi2 = testable & ~small
    share = present[chi2] / total
    delta = a[chi2] / n_negatives - c[chi2] / n_samples
    yates = np.minimum(0.5, np.abs(delta) / (1 / n_negatives + 1 / n_samples))
    off = np.abs(a[chi2] - n_negatives * share) - yates
    scale = total / (n_negatives * n_samples * share * (1 - share))
    p[chi2] = stats.norm.sf(np.sign(delta) * off * np.sqrt(scale))
    p[testable & (present == total)] = 0.5
    return p


def frequency_test(table: sparse.csr_array, concentration: np.ndarray) -> np.ndarray:
    """Test whether the share of a feature falls as the DNA concentration rises.

    Compares log share = a - log concentration (a contaminant's constant mass diluted by the sample's DNA)
    with log share = b (a member of the community) by the ratio of their residual sums of squares.

    Parameters
    ----------
    table
        Counts, features x samples; samples without reads must be left out.
    concentration
        DNA concentration, (samples,), all positive, in any one unit.

    Returns
    -------
    numpy.ndarray
        P values from F(n-1, n-1), (features,); small means contaminant, NaN fewer than two samples.

    Notes
    -----
    Method: Davis et al. 2018, doi 10.1186/s40168-018-0605-2.
    """
    counts = sparse.coo_array(table)
    rows, cols = counts.coords
    keep = counts.data > 0
    rows, cols, data = rows[keep], cols[keep], counts.data[keep]
    depth = np.asarray(table.sum(axis=0)).ravel()
    log_share = np.log(data / depth[cols])
    shifted = log_share + np.log(concentration)[cols]
    size = table.shape[0]
    n = np.bincount(rows, minlength=size)

    def residual_ss(y: np.ndarray) -> np.ndarray:
        mean = np.bincount(rows, y, minlength=size) / np.maximum(n, 1)
        return np.asarray(np.bincount(rows, (y - mean[rows]) ** 2, minlength=size))

    contaminant, flat = residual_ss(shifted), residual_ss(log_share)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = contaminant / flat
        p = np.asarray(stats.f.cdf(ratio, n - 1, n - 1), dtype=float)
    p[(n < 2) | np.isnan(ratio)] = np.nan
    return p


def combine_tests(p_prevalence: np.ndarray, p_frequency: np.ndarray) -> np.ndarray:
    """Combine both tests by Fisher's method; where only one could be made, that one stands.

    Parameters
    ----------
    p_prevalence, p_frequency
        P values, (features,), NaN where not testable.

    Returns
    -------
    numpy.ndarray
        Combined P values, (features,).
    """
    tiny = np.finfo(float).tiny
    both = -2 * (np.log(np.maximum(p_prevalence, tiny)) + np.log(np.maximum(p_frequency, tiny)))
    p = stats.chi2.sf(both, 4)
    return np.where(np.isnan(p_prevalence), p_frequency, np.where(np.isnan(p_frequency), p_prevalence, p))


def find_contaminants(
    profile: Profile,
    types: dict[str, str],
    concentration: dict[str, float | None],
    method: str = "prevalence",
    threshold: float = 0.1,
) -> tuple[pd.DataFrame, list[str]]:
    """Score every feature and say which are contaminants and why.

    Parameters
    ----------
    profile
        Counts of all sample types.
    types
        Sample id -> `stool`, `negative`, `mock`, `donor` or `product`; mocks take no part.
    concentration
        Sample id -> DNA concentration, None when not measured.
    method
        One of `METHODS`.
    threshold
        A feature whose P value lies strictly below is a contaminant.

    Returns
    -------
    pandas.DataFrame
        One row per feature: feature, p_prevalence, p_frequency, p, prevalence_in_samples,
        prevalence_in_negatives, reads, contaminant, reason.
    list of str
        What could not be done.

    Raises
    ------
    VagusError
        If the method is unknown or the threshold not between 0 and 1.
    """
    if method not in METHODS:
        raise VagusError(f"config: decontam.method is {method!r}; allowed: {', '.join(METHODS)}")
    if not 0 <= threshold <= 1:
        raise VagusError(f"config: decontam.threshold is {threshold}; allowed: 0 to 1; fix: give e.g. 0.1")
    depth = np.asarray(profile.table.sum(axis=0)).ravel()
    kind = np.array([types.get(s, "") for s in profile.samples], dtype=object)
    negative = np.flatnonzero((kind == "negative") & (depth > 0))
    real = np.flatnonzero(np.isin(kind, TRUE_SAMPLES) & (depth > 0))
    dna = np.array([concentration.get(s) or np.nan for s in profile.samples], dtype=float)
    measured = real[dna[real] > 0]
    columns = sparse.csc_array(profile.table)
    size = len(profile.features)

    def presence(which: np.ndarray) -> np.ndarray:
        return np.asarray((columns[:, which] > 0).sum(axis=1), dtype=float).ravel()

    in_negative, in_real = presence(negative), presence(real)
    nothing = np.full(size, np.nan)
    p_prevalence, p_frequency, notes = nothing, nothing, []
    if method in ("prevalence", "combined"):
        if not len(negative):
            notes.append("prevalence test skipped: no negative control with reads")
        elif not len(real):
            notes.append("prevalence test skipped: no sample with reads")
        else:
            p_prevalence = prevalence_test(in_negative, len(negative), in_real, len(real))
    if method in ("frequency", "combined"):
        if len(measured) < 2:
            notes.append("frequency test skipped: fewer than two samples with reads and a dna_conc above 0")
        elif np.ptp(dna[measured]) == 0:
            notes.append("frequency test skipped: dna_conc is the same in all samples")
        else:
            p_frequency = frequency_test(sparse.csr_array(columns[:, measured]), dna[measured])
            unmeasured = len(real) - len(measured)
            if unmeasured:
                notes.append(f"frequency test without {unmeasured} samples that have no dna_conc above 0")
    if method == "none":
        notes.append("decontam.method is none: nothing was tested")
    p = combine_tests(p_prevalence, p_frequency)
    contaminant = p < threshold
    frame = pd.DataFrame(
        {
            "feature": profile.features,
            "p_prevalence": p_prevalence,
            "p_frequency": p_frequency,
            "p": p,
            "prevalence_in_samples": in_real / len(real) if len(real) else nothing,
            "prevalence_in_negatives": in_negative / len(negative) if len(negative) else nothing,
            "reads": np.asarray(columns[:, real].sum(axis=1)).ravel().astype(np.int64),
            "contaminant": contaminant,
        }
    )
    frame["reason"] = _reasons(frame, in_real, len(real), in_negative, len(negative), threshold, notes)
    return frame, notes


def _reasons(
    frame: pd.DataFrame,
    in_real: np.ndarray,
    n_real: int,
    in_negative: np.ndarray,
    n_negative: int,
    threshold: float,
    notes: list[str],
) -> list[str]:
    """Say in words why each feature was kept or removed."""
    skipped = "; ".join(n for n in notes if "skipped" in n or "none" in n)
    reasons = []
    scores = zip(frame["p"], frame["p_prevalence"], frame["p_frequency"], frame["contaminant"], strict=True)
    for i, (p, p_prevalence, p_frequency, contaminant) in enumerate(scores):
        parts = []
        if contaminant and not np.isnan(p_prevalence):
            parts.append(
                f"in {in_negative[i]:.0f}/{n_negative} negatives and {in_real[i]:.0f}/{n_real} samples"
            )
        if contaminant and not np.isnan(p_frequency):
            parts.append(f"share against DNA concentration: p {p_frequency:.2g}")
        if contaminant:
            parts.append(f"p {p:.2g} below {threshold:g}")
        elif np.isnan(p) and not skipped:
            parts.append("seen in too few libraries to be tested")
        if skipped:
            parts.append(skipped)
        reasons.append("; ".join(parts))
    return reasons


def read_taxonomy(path: str | Path, features: list[str]) -> dict[str, list[str]]:
    """Read the lineage of each feature.

    Parameters
    ----------
    path
        TSV with `feature` and the seven `RANKS`; "" is unclassified.
    features
        Features that must be there.

    Returns
    -------
    dict
        Feature -> lineage of seven ranks.

    Raises
    ------
    VagusError
        If a column or a feature is missing.
    """
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [c for c in ["feature", *RANKS] if c not in frame.columns]
    if missing:
        raise VagusError(f"{path}: column '{missing[0]}' is missing; allowed: feature, {', '.join(RANKS)}")
    lineage = dict(zip(frame["feature"], frame[RANKS].to_numpy().tolist(), strict=True))
    absent = [f for f in features if f not in lineage]
    if absent:
        raise VagusError(
            f"{path}: no row for feature {absent[0]} ({len(absent)} missing); remake the taxonomy"
        )
    return {f: lineage[f] for f in features}


def remove_contaminants(
    profile: Profile, contaminants: set[str], types: dict[str, str]
) -> tuple[Profile, list[dict[str, Any]]]:
    """Take the contaminants out of the samples; keep the stool samples that still have reads.

    Parameters
    ----------
    profile
        Counts of all sample types.
    contaminants
        Features to remove.
    types
        Sample id -> type. Negatives and mocks keep all their reads: they show what was there.

    Returns
    -------
    Profile
        Stool samples only, without empty samples and features.
    list of dict
        Ledger rows, one per sample of the profile.
    """
    bad = np.array([f in contaminants for f in profile.features], dtype=bool)
    before = np.asarray(profile.table.sum(axis=0)).ravel().astype(np.int64)
    lost = np.asarray(profile.table[np.flatnonzero(bad)].sum(axis=0)).ravel().astype(np.int64)
    rows = []
    for i, sample in enumerate(profile.samples):
        gone = int(lost[i]) if types.get(sample) in TRUE_SAMPLES else 0
        reason = "all reads were of contaminants" if gone and gone == before[i] else ""
        rows.append(ledger_row(sample, MERGED_RUN, "decontam", int(before[i]), int(before[i]) - gone, reason))
    after = {r["sample"]: r["reads_out"] for r in rows}
    stool = [s for s in profile.samples if types.get(s) == "stool" and after[s] > 0]
    good = np.flatnonzero(~bad)
    features = [profile.features[i] for i in good]
    taxonomy = {f: profile.taxonomy[f] for f in features if f in profile.taxonomy}
    clean = Profile("amplicon.asv", profile.table[good], features, profile.samples, taxonomy, profile.meta)
    clean = clean.subset(stool)
    clean.meta |= {
        "name": "amplicon.asv",
        "level": "asv",
        "assay": "amplicon",
        "kind": "counts",
        "unit": "reads",
    }
    return clean, rows


def main(
    counts: str,
    design: str,
    taxonomy: str,
    table_out: str,
    ledger_out: str,
    profile_out: str,
    method: str,
    threshold: float,
) -> None:
    """Read, test, remove and write."""
    trial = load_design(design)
    profile = read_profile(counts)
    profile.taxonomy = read_taxonomy(taxonomy, profile.features)
    types = {s.sample: s.type for s in trial.samples}
    unknown = [s for s in profile.samples if s not in types]
    if unknown:
        raise VagusError(f"{counts}: sample {unknown[0]} is not in the design; remake the profile")
    concentration = {s.sample: s.dna_conc for s in trial.samples}
    frame, notes = find_contaminants(profile, types, concentration, method, threshold)
    for note in notes:
        print(f"NOTE: {note}")
    frame["taxon"] = [
        next((r for r in reversed(profile.taxonomy[f]) if r), "unclassified") for f in frame["feature"]
    ]
    contaminants = set(frame.loc[frame["contaminant"], "feature"])
    clean, rows = remove_contaminants(profile, contaminants, types)
    clean.meta["decontam"] = {
        "method": method,
        "threshold": threshold,
        "features_removed": len(contaminants),
        "notes": notes,
    }
    print(f"{len(contaminants)} of {len(profile.features)} features are contaminants")
    frame = frame.sort_values(["contaminant", "p", "feature"], ascending=[False, True, True])
    frame.to_csv(table_out, sep="\t", index=False)
    write_ledger(rows, ledger_out)
    write_profile(clean, profile_out)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.counts,
            snakemake.input.design,
            snakemake.input.taxonomy,
            snakemake.output.table,
            snakemake.output.ledger,
            snakemake.output.profile,
            snakemake.params.method,
            snakemake.params.threshold,
        ),
        snakemake.log[0],
    )

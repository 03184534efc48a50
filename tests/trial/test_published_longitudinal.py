"""The mixed model against outputs that others stored: q2-longitudinal (statsmodels) and MaAsLin 3.

q2-longitudinal's tests hold `MixedLM` results of the ECAM infants (Bokulich et al. 2018, doi
10.1128/mSystems.00219-18), rounded to three digits: the same model. Its p-values are from the normal
distribution, ours from t with Satterthwaite's degrees of freedom.

MaAsLin 3's test holds a run on HMP2 without a random effect, 1527 samples as if of 1527 people: the
coefficients and errors are those of least squares, which our engine gives when each sample is its own
participant. Its p-values are against the median over taxa and are not compared.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.mixed_model import fit_random_intercept

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
ECAM = SHARED / "q2_longitudinal_ecam" / "data"
HMP2 = SHARED / "maaslin3_hmp2"


def columns_of(names, frame):
    """Return the columns of a patsy-like table: products of `a[T.b]`, numbers and the intercept."""
    out = []
    for name in names:
        column = np.ones(len(frame))
        for part in name.split(":"):
            if part == "Intercept":
                continue
            if "[T." in part:
                variable, level = part.removesuffix("]").split("[T.")
                column = column * (frame[variable] == level)
            else:
                column = column * frame[part]
        out.append(column.to_numpy(dtype=float) if hasattr(column, "to_numpy") else column)
    return np.column_stack(out)


@pytest.mark.parametrize(
    "file",
    ["", "_complex_formula", "_formula_depth", "_no_group_columns", "_one_variable"],
    ids=lambda f: f or "three_factors",
)
def test_ecam_richness_as_q2_longitudinal_has_it(file):
    if not ECAM.is_dir():
        pytest.skip(f"{ECAM} is absent")
    infants = pd.read_csv(ECAM / "ecam_map_maturity.txt", sep="\t", index_col=0)
    stored = pd.read_csv(ECAM / f"linear_mixed_effects{file}.tsv", sep="\t", index_col=0)
    fixed = stored.drop("Group Var")
    x = columns_of(fixed.index, infants)
    person = pd.factorize(infants["studyid"])[0]
    y = infants[["observed_otus"]].to_numpy(dtype=float)
    fit = fit_random_intercept(y, x, person, np.eye(len(fixed)))
    assert set(fit.status.ravel()) == {"ok"}
    # Three digits are stored. The errors of MixedLM are up to 0.55 % larger than those of lme4 (seen on the
    # formula_depth model: ours differ from lme4's in the ninth digit there).
    off = np.abs(fit.estimate[:, 0] - fixed["Coef."])
    assert (off < 6e-4 + 1e-3 * fixed["Std.Err."]).all()
    np.testing.assert_allclose(fit.std_error[:, 0], fixed["Std.Err."], rtol=6e-3, atol=6e-4)
    assert (fit.std_error[:, 0] < fixed["Std.Err."] + 6e-4).all()
    between = (fit.ratio * fit.residual_variance)[0]
    assert between == pytest.approx(stored.loc["Group Var", "Coef."], rel=1e-3)
    assert (fit.df < len(y) - len(fixed) + 1e-9).all()


@pytest.fixture(scope="module")
def hmp2():
    if not HMP2.is_dir():
        pytest.skip(f"{HMP2} is absent")
    taxa = pd.read_csv(HMP2 / "inst/extdata/HMP2_taxonomy.tsv", sep="\t", index_col=0)
    sheet = pd.read_csv(HMP2 / "inst/extdata/HMP2_metadata.tsv", sep="\t", index_col=0).loc[taxa.index]
    stored = pd.read_csv(HMP2 / "tests/testthat/expected_results_run1.tsv", sep="\t")
    # Where MaAsLin could not fit a taxon, it stored nothing.
    stored = stored[(stored["model"] == "abundance") & stored["coef"].notna()]
    table = {"intercept": np.ones(len(sheet))}
    for variable, levels in {
        "diagnosis": ["UC", "CD"],
        "dysbiosis_state": ["dysbiosis_UC", "dysbiosis_CD"],
        "antibiotics": ["Yes"],
    }.items():
        for level in levels:
            table[variable + level] = (sheet[variable] == level).to_numpy(dtype=float)
    for variable in ("age", "reads"):
        value = sheet[variable].to_numpy(dtype=float)
        table[variable] = (value - np.nanmean(value)) / np.nanstd(value, ddof=1)
    share = taxa.to_numpy(dtype=float)
    share = share / share.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        logs = pd.DataFrame(np.log2(share), index=taxa.index, columns=taxa.columns)
    return (
        logs.where(np.isfinite(logs)),
        pd.DataFrame(table, index=taxa.index),
        sheet["participant_id"],
        stored,
    )


def fit_taxon(hmp2, taxon, person):
    """Fit one taxon where it is present; returns coefficients and errors by name."""
    logs, x, _, _ = hmp2
    rows = logs[taxon].notna().to_numpy() & x.notna().all(axis=1).to_numpy()
    used = x.to_numpy()[rows]
    fit = fit_random_intercept(logs.loc[rows, [taxon]].to_numpy(), used, person[rows], np.eye(x.shape[1]))
    return pd.DataFrame({"coef": fit.estimate[:, 0], "stderr": fit.std_error[:, 0]}, index=x.columns)


def test_hmp2_coefficients_as_maaslin_has_them_when_samples_count_as_people(hmp2):
    logs, _, _, stored = hmp2
    checked = 0
    for taxon, rows in stored.groupby("feature"):
        ours = fit_taxon(hmp2, taxon, np.arange(len(logs))).loc[rows["name"]]
        np.testing.assert_allclose(ours["coef"], rows["coef"], rtol=1e-6, err_msg=taxon)
        np.testing.assert_allclose(ours["stderr"], rows["stderr"], rtol=1e-6, err_msg=taxon)
        checked += len(rows)
    assert checked > 600


def test_hmp2_errors_of_what_is_fixed_in_a_person_are_too_small_without_the_random_effect(hmp2):
    _, _, person, stored = hmp2
    code = pd.factorize(person)[0]
    ratio = []
    for taxon, rows in stored[stored["name"].isin(["diagnosisUC", "diagnosisCD"])].groupby("feature"):
        ours = fit_taxon(hmp2, taxon, code).loc[rows["name"], "stderr"]
        ratio.extend(ours.to_numpy() / rows["stderr"].to_numpy())
    print(f"HMP2, diagnosis: median standard error with over without a participant: {np.median(ratio):.2f}")
    assert np.median(ratio) > 1.5

"""Genes for a compound against the compound as it was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from trial.trial_designs import make_design, make_profile

from vagus.design.model import Measure
from vagus.modules.module_file import load_modules
from vagus.trial.concordance import (
    ARMS_ONLY,
    NOT_MEASURED,
    compare_compounds,
    match_measures,
    measured_values,
    spearman_interval,
)

COMPOUNDS = load_modules(Path(__file__).parents[2] / "resources" / "modules" / "neuroactive.yaml").compounds
PEOPLE = 40


def run(noise: float, seed: int = 1, people: int = PEOPLE, drop: int = 0) -> pd.DataFrame:
    """Butyrate is measured as its genes say, plus noise; indole has no measure."""
    rng = np.random.default_rng(seed)
    design = make_design(arms=("placebo", "probiotic") * (people // 2))
    level = rng.normal(0, 1, (people, 2))
    lab = level + noise * rng.normal(0, 1, (people, 2))
    samples = [s.sample for s in design.samples if s.participant]
    values = 2.0 ** np.column_stack([level.ravel(), rng.normal(0, 1, 2 * people)])
    profile = make_profile(
        values,
        samples,
        "shotgun.metabolite",
        "copies_per_genome",
        ["butyrate|made", "indole|made"],
        transform="log2",
    )
    design.measures.extend(
        Measure(f"P{i}", visit, "stool_butyric acid", float(lab[i, j]), "mM", None)
        for i in range(drop, people)
        for j, visit in enumerate(("v1", "v2"))
    )
    return compare_compounds(profile, design, COMPOUNDS)


def test_what_goes_together_is_supported() -> None:
    table = run(noise=0.3).set_index(["compound", "comparison"])
    for comparison in ("baseline", "change to v2"):
        row = table.loc[("butyrate", comparison)]
        assert row["verdict"] == "supported"
        assert 0.8 < row["spearman"] < 1
        assert row["ci_low"] < row["spearman"] < row["ci_high"]
        assert row["n"] == PEOPLE
    assert table.loc[("butyrate", "change to v2"), "sign_agreement"] > 0.7
    assert np.isnan(table.loc[("butyrate", "baseline"), "sign_agreement"])
    assert table.loc["indole", "verdict"].tolist() == [NOT_MEASURED]


def test_noise_is_seldom_supported() -> None:
    """One side of a 95 % interval: about 2.5 % by chance."""
    verdicts = [run(noise=1e6, seed=seed)["verdict"].iloc[0] for seed in range(120)]
    assert verdicts.count("supported") <= 9


def test_missing_participants_are_counted_and_too_few_say_so() -> None:
    assert run(0.3, drop=5)["n"].iloc[0] == PEOPLE - 5
    row = run(0.1, drop=PEOPLE - 4).iloc[0]
    assert (row["n"], row["verdict"]) == (4, "not supported")
    assert "fewer than 8" in row["note"]


def test_the_correlation_is_scipys_and_its_interval_covers() -> None:
    rng = np.random.default_rng(3)
    one = rng.integers(0, 6, 30).astype(float)
    two = one + rng.normal(0, 2, 30)
    assert spearman_interval(one, two, 0.95)[0] == pytest.approx(spearmanr(one, two).statistic)
    assert np.isnan(spearman_interval(np.ones(10), two[:10], 0.95)[0])
    # Of a normal pair with correlation r Spearman's is 6 / pi * asin(r / 2).
    true = 6 / np.pi * np.arcsin(0.5 / 2)
    covered = 0
    for seed in range(200):
        pair = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 60)
        _, low, high = spearman_interval(pair[:, 0], pair[:, 1], 0.95, 400)
        covered += low <= true <= high
    assert 0.90 <= covered / 200 <= 0.98


def test_names_of_the_laboratory_are_understood() -> None:
    names = ["Butyric acid", "stool_GABA", "Indole", "HAMD17", "serum_tryptophan"]
    assert match_measures(names, COMPOUNDS) == {
        "Butyric acid": "butyrate",
        "stool_GABA": "gaba",
        "Indole": "indole",
        "serum_tryptophan": "tryptophan",
    }


@pytest.mark.slow
@pytest.mark.parametrize(("n", "ties"), [(60, 0.0), (12, 0.0), (60, 0.7), (20, 0.7)])
def test_null_compounds_are_seldom_supported_with_ties_too(n: int, ties: float) -> None:
    """One side of 95 % is 2.5 %; where ties leave too little there is no interval."""
    supported = 0
    for seed in range(600):
        rng = np.random.default_rng(seed)
        design = make_design(arms=("placebo", "probiotic") * (n // 2), visits=("v1", "v2"))
        samples = [s.sample for s in design.samples if s.participant and s.visit == "v1"]
        genes = rng.normal(0, 1, n)
        genes = np.maximum(genes, np.quantile(genes, ties)) if ties else genes
        profile = make_profile(
            2.0 ** genes[:, None], samples, "shotgun.metabolite", "relative", ["gaba|made"], transform="log2"
        )
        design.measures.extend(
            Measure(f"P{i}", "v1", "gaba", float(x), "mM", None) for i, x in enumerate(rng.normal(0, 1, n))
        )
        supported += compare_compounds(profile, design, COMPOUNDS)["verdict"].iloc[0] == "supported"
    print(f"n = {n}, ties {ties:g}: {supported} of 600 supported")
    # 600 runs at 2.5 % are 15; 27 is three standard errors above.
    assert supported <= 27


def test_a_true_correlation_is_covered_and_found() -> None:
    pearson = 2 * np.sin(np.pi / 6 * 0.6)  # of a normal pair whose Spearman's is 0.6
    covered = found = 0
    for seed in range(400):
        pair = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, pearson], [pearson, 1]], 60)
        _, low, high = spearman_interval(pair[:, 0], pair[:, 1], 0.95, 500, seed)
        covered += low <= 0.6 <= high
        found += low > 0
    assert 0.92 <= covered / 400 <= 0.98
    assert found >= 395


def test_with_the_arms_partialled_out_it_is_the_correlation_of_ranks_less_their_arms_mean() -> None:
    rng = np.random.default_rng(5)
    one, two = rng.normal(0, 1, 31), rng.integers(0, 9, 31).astype(float)
    arms = np.array(["a", "b", "c"])[rng.integers(0, 3, 31)]
    sides = [pd.Series(side).rank() for side in (one, two)]
    apart = [side - side.groupby(arms).transform("mean") for side in sides]
    rho, low, high = spearman_interval(one, two, 0.95, arms=list(arms))
    assert rho == pytest.approx(np.corrcoef(*apart)[0, 1])
    assert low < rho < high
    alone = spearman_interval(one, two, 0.95, arms=["a"] * 31)
    assert alone == pytest.approx(spearman_interval(one, two, 0.95))


def test_changes_that_only_the_arms_carry_are_told_apart() -> None:
    """The treatment moves the genes and the compound, and inside the arms neither follows the other."""
    rng = np.random.default_rng(2)
    design = make_design(arms=("placebo", "probiotic") * 30)
    treated = np.arange(60) % 2
    genes = np.column_stack([rng.normal(0, 1, 60), np.zeros(60)])
    lab = np.column_stack([rng.normal(0, 1, 60), np.zeros(60)])
    genes[:, 1] = genes[:, 0] + 4 * treated + rng.normal(0, 1, 60)
    lab[:, 1] = lab[:, 0] + 4 * treated + rng.normal(0, 1, 60)
    samples = [s.sample for s in design.samples if s.participant]
    profile = make_profile(
        2.0 ** genes.reshape(-1, 1), samples, "x.metabolite", "relative", ["gaba|made"], transform="log2"
    )
    design.measures.extend(
        Measure(f"P{i}", visit, "gaba", float(lab[i, j]), "z", None)
        for i in range(60)
        for j, visit in enumerate(("v1", "v2"))
    )
    row = compare_compounds(profile, design, COMPOUNDS).set_index("comparison").loc["change to v2"]
    assert row["verdict"] == "supported"
    assert row["note"] == ARMS_ONLY
    assert row["spearman"] > 0.6 > 0.3 > row["in_arms_low"]
    assert row["in_arms_low"] < 0 < row["in_arms_high"]


def test_what_is_below_its_limit_counts_as_lowest_and_changes_are_ratios() -> None:
    design = make_design(arms=("placebo", "probiotic") * 10)
    for i in range(20):
        value = None if i < 6 else float(i)
        design.measures.append(Measure(f"P{i}", "v1", "gaba", value, "uM", 2.0))
        design.measures.append(Measure(f"P{i}", "v2", "gaba", 4.0 * i if i else 0.0, "uM", None))
    design.measures.append(Measure("P19", "v1", "serum_gaba", None, "uM", None))
    values, below = measured_values(design, ["gaba", "serum_gaba"])
    assert below["gaba"].sum() == 6
    first = values["gaba"].xs("v1", level="visit")
    assert first.nunique() == 15
    assert first["P0"] == first.min() == np.log2(1.0)
    assert values.loc[("P9", "v2"), "gaba"] - values.loc[("P9", "v1"), "gaba"] == pytest.approx(2.0)
    assert np.isfinite(values["gaba"]).all()
    assert values["serum_gaba"].isna().all()
    samples = [s.sample for s in design.samples if s.participant]
    level = 2.0 ** np.repeat(np.arange(20.0), 2)
    profile = make_profile(
        level[:, None], samples, "x.metabolite", "relative", ["gaba|made"], transform="log2"
    )
    table = compare_compounds(profile, design, COMPOUNDS).set_index(["measure", "comparison"])
    row = table.loc[("gaba", "baseline")]
    assert (row["n"], row["n_below_lod"]) == (20, 6)
    assert row["spearman"] == pytest.approx(spearmanr(np.arange(20), first.to_numpy()).statistic)
    # Stool and serum stand apart; one interval was made, for the other three there is none to count.
    assert table.loc[("serum_gaba", "baseline"), "n"] == 0
    assert (table["comparisons"] == table["ci_low"].notna().sum()).all()


def test_many_ties_leave_no_interval() -> None:
    design = make_design(arms=("placebo", "probiotic") * 10)
    samples = [s.sample for s in design.samples if s.participant and s.visit == "v1"]
    genes = np.where(np.arange(20) < 15, 1.0, np.arange(20) + 1.0)
    profile = make_profile(
        genes[:, None], samples, "x.metabolite", "relative", ["gaba|made"], transform="log2"
    )
    design.measures.extend(Measure(f"P{i}", "v1", "gaba", float(i), "mM", None) for i in range(20))
    row = compare_compounds(profile, design, COMPOUNDS).iloc[0]
    assert row["spearman"] == pytest.approx(spearmanr(genes, np.arange(20)).statistic)
    assert np.isnan(row["ci_low"])
    assert row["verdict"] == "not supported"
    assert "differ from the commonest value" in row["note"]

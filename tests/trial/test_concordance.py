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
from vagus.trial.concordance import NOT_MEASURED, compare_compounds, match_measures, spearman_interval

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

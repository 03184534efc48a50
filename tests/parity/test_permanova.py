"""PERMANOVA, dispersion and the arm by visit interaction against vegan (stored outputs of permanova.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from vagus.trial.permanova import Cloud, change_gram, dispersion, permanova
from vagus.trial.permutation import Scheme, strata_of

DATA = Path(__file__).parent / "data"
SCENARIOS = ["balanced", "unbalanced", "strata", "covariate", "three_arms"]


def stored(scenario, test):
    rows = pd.read_csv(DATA / "permanova_input.tsv", sep="\t")
    rows = rows[rows["scenario"] == scenario].reset_index(drop=True)
    expected = pd.read_csv(DATA / "permanova_expected.tsv", sep="\t")
    expected = expected[(expected["scenario"] == scenario) & (expected["test"] == test)]
    return rows, expected.iloc[0]


def scheme_of(rows, permutations=9999):
    arms = ["placebo", *[a for a in rows["arm"].unique() if a != "placebo"]]
    arm = rows["arm"].map(arms.index).to_numpy()
    return Scheme(arm, strata_of([rows["site"]], len(rows)), permutations, (5,))


def adjust_of(rows):
    dummies = pd.get_dummies(rows["site"], drop_first=True, dtype=float).to_numpy()
    return np.column_stack([dummies, rows["age"]])


def compare(found, expected):
    assert found.status == "ok"
    assert (found.df, found.df_residual) == (expected["df"], expected["residual"])
    assert found.statistic == pytest.approx(expected["f"], rel=1e-8)
    assert found.r2 == pytest.approx(expected["r2"], rel=1e-8)
    if np.isfinite(expected["p"]):
        # Both p are of 9,999 random arrangements: four standard errors of their difference.
        error = np.sqrt(2 * expected["p"] * (1 - expected["p"]) / 9999)
        assert abs(found.p_value - expected["p"]) < 4 * error


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("as_gram", [False, True])
def test_change_agrees_with_adonis2(scenario, as_gram):
    rows, expected = stored(scenario, "change")
    points = rows[[f"y{i}" for i in range(1, 7)]].to_numpy()
    cloud = Cloud(gram=points @ points.T) if as_gram else Cloud.of(points)
    compare(permanova(cloud, scheme_of(rows), rows["participant"], adjust_of(rows)), expected)


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s != "covariate"])
def test_interaction_on_bray_curtis_agrees_with_adonis2(scenario):
    rows, expected = stored(scenario, "interaction")
    counts = [rows[[f"{t}{i}" for i in range(1, 7)]].to_numpy(float) for t in "ab"]
    shares = np.vstack([c / c.sum(axis=1, keepdims=True) for c in counts])
    squared = squareform(pdist(shares, "cityblock") / 2) ** 2
    n = len(rows)
    cloud = Cloud(gram=change_gram(squared.reshape(2, n, 2, n)))
    compare(permanova(cloud, scheme_of(rows), rows["participant"], adjust_of(rows)), expected)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_dispersion_agrees_with_betadisper(scenario):
    rows, expected = stored(scenario, "dispersion")
    points = rows[[f"y{i}" for i in range(1, 7)]].to_numpy()
    compare(dispersion(Cloud.of(points), scheme_of(rows), rows["participant"]), expected)

"""Community tests of a crossover: sequences are compared, and the period is no effect."""

import numpy as np
import pandas as pd
import pytest
from crossover_trial import crossover_design, given, orders
from scipy.spatial.distance import pdist, squareform
from trial_designs import make_profile

from vagus.trial.community_effects import TESTS, community_effects
from vagus.trial.crossover_community import IN_CROSSOVER, crossover_tests
from vagus.trial.permanova import Cloud, permanova
from vagus.trial.permutation import Scheme
from vagus.trial.spaces import spaces
from vagus.trial.transform import clr_log2
from vagus.trial.two_periods import two_periods

FEATURES = 12


def draw(rng, n, effect=0.0, drift=0.0, starts=True):
    """Return the design and a profile; the arm moves three features, the second period three others."""
    design, ids = crossover_design(n, starts)
    own = rng.normal(4, 1, (n, 1, FEATURES))
    visits = 4 if starts else 2
    log = own + rng.normal(0, 0.4, (n, visits, FEATURES))
    for period in (0, 1):
        end = 2 * period + 1 if starts else period
        log[:, end, :3] += effect * given(n)[period][:, None]
        log[:, end, 3:6] += drift * period
    return design, make_profile(rng.poisson(np.exp(log)).reshape(n * visits, FEATURES), ids)


def run(design, profile, tests=TESTS, permutations=199, tables=None):
    return community_effects(profile, design, tables or {}, list(tests), permutations).beta


def test_the_tests_of_a_crossover_and_no_others(capsys):
    design, profile = draw(np.random.default_rng(1), 20)
    table = run(design, profile)
    made = set(zip(table["test"], table["distance"], strict=True))
    assert {("change", "aitchison"), ("residual", "aitchison"), ("within", "aitchison")} <= made
    assert ("interaction", "bray_curtis") in made
    assert not {"dispersion", "volatility"} & set(table["test"])
    assert "not made of a crossover: dispersion, volatility" in capsys.readouterr().out
    assert set(table["contrast"]) == {"probiotic vs placebo"}
    assert set(table["visit"]) == {"e2"}
    assert set(table["n_arm"]) == set(table["n_reference"]) == {20}
    assert table["scheme"].str.startswith("sequences permuted among participants").all()
    assert table["note"].str.contains("by sequence").all()


def test_without_the_starts_of_periods_their_tests_are_left_out():
    design, profile = draw(np.random.default_rng(2), 12, starts=False)
    assert set(run(design, profile)["test"]) == {"change", "interaction"}


def test_change_is_permanova_of_the_differences_by_sequence():
    design, profile = draw(np.random.default_rng(3), 20, effect=0.8)
    row = run(design, profile, ["change"]).set_index("distance").loc["aitchison"]
    clr = clr_log2(profile.table.toarray().T, "counts", 0.5).reshape(20, 4, FEATURES)
    later = np.array([name == "AB" for name in orders(20)], dtype=np.int64)
    scheme = Scheme(later, np.zeros(20, np.int64), 199)
    plain = permanova(Cloud.of(clr[:, 3] - clr[:, 1]), scheme, [str(i) for i in range(20)])
    assert row["statistic"] == pytest.approx(plain.statistic)
    assert row["r2"] == pytest.approx(plain.r2)


def test_an_effect_is_found_and_a_drift_is_not():
    design, profile = draw(np.random.default_rng(4), 24, effect=1.0)
    found = run(design, profile, ["change", "residual", "interaction"])["p_value"]
    assert (found <= 0.01).all()
    design, profile = draw(np.random.default_rng(5), 24, drift=3.0)
    drifted = run(design, profile)["p_value"]
    assert (drifted > 0.01).all()


def test_the_shift_of_the_distance_moved_is_the_effect_once():
    rng = np.random.default_rng(6)
    n = 60
    design, ids = crossover_design(n)
    # Points on a line: a period with the arm moves by 5, one with placebo by 2, the second by 1 more.
    moved = 2 + 3 * given(n) + np.array([[0.0], [1.0]]) + rng.normal(0, 0.1, (2, n))
    line = np.zeros((n, 4))
    line[:, 1], line[:, 3] = moved[0], moved[1]
    square = pd.DataFrame(squareform(pdist(line.reshape(-1, 1))), index=ids, columns=ids)
    profile = make_profile(rng.poisson(9, (4 * n, 5)), ids)
    row = run(design, profile, ["within"], tables={"line": square}).set_index("distance").loc["line"]
    assert row["estimate"] == pytest.approx(3, abs=0.1)
    assert row["ci_low"] < 3 < row["ci_high"]
    assert row["median_arm"] - row["median_reference"] == pytest.approx(3, abs=0.5)
    assert row["p_value"] <= 0.01


def test_type_one_error_with_a_drift():
    rng = np.random.default_rng(7)
    hits = {}
    trials = 400
    for _ in range(trials):
        design, profile = draw(rng, 16, drift=1.0)
        space = next(spaces(profile, design, {}, 0.5))
        assert space.name == "aitchison"
        for row in crossover_tests(space, design, two_periods(design), list(IN_CROSSOVER), 99, 0.95):
            hits[row["test"]] = hits.get(row["test"], 0) + (row["p_value"] <= 0.05)
    # Three and a half standard errors of 400 trials around 0.05.
    assert set(hits) == {"change", "residual", "within"}
    assert all(abs(hit / trials - 0.05) < 0.038 for hit in hits.values()), hits


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sequences": {"AB": ["placebo", "probiotic"]}}, "fewer than two participants have each"),
        (
            {"periods": [{"before": None, "after": "e1"}]},
            "two arms, one of them the reference, in two periods",
        ),
        ({"arms": ["placebo", "probiotic", "fibre"]}, "two arms, one of them the reference, in two periods"),
        ({"design": "parallel"}, "not a crossover"),
    ],
)
def test_what_cannot_be_compared_by_sequences(change, reason):
    design, _ = crossover_design(8)
    design.plan |= change
    assert reason in str(two_periods(design))

"""Hodges-Lehmann shift with its permutation interval, against R's wilcox.test and by its definition."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from vagus.errors import VagusError
from vagus.trial.permanova import Cloud, permanova
from vagus.trial.permutation import Scheme
from vagus.trial.rank_shift import rank_shift, stratum_ranks


def scheme(arm, stratum=None, permutations=20_000):
    arm = np.array(arm)
    return Scheme(arm, np.zeros(len(arm), np.int64) if stratum is None else np.array(stratum), permutations)


def test_exact_figures_of_wilcox_test():
    # R 4.2.2, wilcox.test(x, y, conf.int = TRUE): W = 35, p = 0.2544, shift 0.305, interval -0.15 to 0.76.
    x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    y = [1.15, 0.88, 0.90, 0.74, 1.21]
    found = rank_shift(np.array(x + y), scheme([1] * 10 + [0] * 5))
    assert found.u == 35
    assert found.p_value == pytest.approx(0.2544, abs=5e-5)
    assert found.p_value == pytest.approx(mannwhitneyu(x, y, method="exact").pvalue)
    assert found.estimate == pytest.approx(0.305)
    assert (found.ci_low, found.ci_high) == pytest.approx((-0.15, 0.76))


def test_interval_is_what_the_test_does_not_reject():
    rng = np.random.default_rng(2)
    arm, stratum = np.array([0, 1] * 8), np.repeat([0, 1], 8)
    values = rng.normal(size=16) + 0.8 * arm + 5 * stratum
    plan = scheme(arm, stratum)
    found = rank_shift(values, plan)
    for shift, rejected in (
        (found.ci_low - 1e-9, True),
        (found.ci_low + 1e-9, False),
        (found.ci_high - 1e-9, False),
        (found.ci_high + 1e-9, True),
    ):
        assert (rank_shift(values - shift * arm, plan).p_value <= 0.05) == rejected


def test_relabelling_the_reference_flips_the_sign_and_adding_a_constant_changes_nothing():
    rng = np.random.default_rng(3)
    arm = np.array([0] * 6 + [1] * 5)
    values = rng.normal(size=11)
    a, b = rank_shift(values, scheme(arm)), rank_shift(values + 7, scheme(1 - arm))
    assert (a.estimate, a.ci_low, a.ci_high) == pytest.approx((-b.estimate, -b.ci_high, -b.ci_low))
    assert a.p_value == b.p_value


def test_too_few_have_no_interval_and_a_lonely_arm_has_a_status():
    few = rank_shift(np.array([1.0, 2, 3, 4]), scheme([0, 0, 1, 1]))
    assert np.isnan(few.ci_low)
    assert few.p_value == pytest.approx(2 / 6)
    assert rank_shift(np.array([1.0, 2]), scheme([0, 1], [0, 1])).status == "no stratum with both arms"
    with pytest.raises(VagusError, match="between 0 and 1"):
        rank_shift(np.arange(4.0), scheme([0, 0, 1, 1]), 1.0)


def test_coverage_of_the_interval():
    rng = np.random.default_rng(6)
    arm = np.repeat([0, 1], 8)
    inside = 0
    for i in range(1500):
        values = rng.exponential(size=16) + 0.7 * arm
        found = rank_shift(values, Scheme(arm, np.zeros(16, np.int64), 400, (i,)))
        inside += found.ci_low <= 0.7 <= found.ci_high
    # Exact 95.0 % for 8 and 8; three standard errors.
    assert 0.933 <= inside / 1500 <= 0.967


def test_ranks_of_strata_are_centred_and_carry_an_omnibus_test():
    stratum = np.array([0] * 6 + [1] * 3)
    ranks = stratum_ranks(np.arange(9.0), stratum)[:, 0]
    assert ranks[:6].sum() == pytest.approx(0)
    assert np.allclose(ranks[6:], [-1 / 3, 0, 1 / 3])
    arm = np.repeat([0, 1, 2], 6)
    values = np.random.default_rng(1).normal(size=18) + 3.0 * (arm == 2)
    cloud = Cloud.of(stratum_ranks(values, np.zeros(18, np.int64)))
    found = permanova(cloud, scheme(arm, permutations=999), [str(i) for i in range(18)])
    assert found.p_value < 0.01

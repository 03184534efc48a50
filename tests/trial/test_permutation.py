"""Re-arrangements: their number, their strata, and the p-value they give."""

import itertools

import numpy as np
import pytest

from vagus.errors import VagusError
from vagus.trial.permutation import Scheme, big_number, strata_of


def scheme(arm, stratum=None, permutations=9999, names=()):
    arm = np.array(arm)
    stratum = np.zeros(len(arm), np.int64) if stratum is None else np.array(stratum)
    return Scheme(arm, stratum, permutations, (3,), names)


def test_all_distinct_arrangements_are_gone_through_when_they_are_few():
    plan = scheme([0, 0, 1, 1, 2, 1], [0, 0, 0, 1, 1, 1])
    rows = np.concatenate(list(plan.batches()))
    assert plan.exact
    assert plan.distinct == plan.count == 3 * 3
    expected = {
        (*a, *b) for a in itertools.permutations((0, 0, 1)) for b in itertools.permutations((1, 2, 1))
    }
    assert {tuple(row) for row in rows.tolist()} == expected
    assert len(rows) == len(expected)
    assert plan.words() == "arms permuted among participants; all 9 arrangements"


def test_random_arrangements_keep_the_arms_of_every_stratum_and_repeat_with_the_seed():
    arm, stratum = np.arange(40) % 3, np.arange(40) // 10
    plan = scheme(arm, stratum, 500, ("site", "sex"))
    rows = np.concatenate(list(plan.batches()))
    assert rows.shape == (500, 40)
    for level in range(4):
        inside = stratum == level
        assert (np.sort(rows[:, inside], axis=1) == np.sort(arm[inside])).all()
    assert (rows == np.concatenate(list(scheme(arm, stratum, 500).batches()))).all()
    assert len({tuple(r) for r in rows.tolist()}) == 500
    words = "arms permuted among participants inside strata of site x sex; 500 random of"
    assert plan.words().startswith(words)


def test_every_arrangement_is_drawn_equally_often():
    # 70 arrangements: each expected 20000 / 70 times; chi-square with 69 degrees of freedom.
    _, times = np.unique(np.concatenate(list(_draws(20_000))), axis=0, return_counts=True)
    assert len(times) == 70
    assert ((times - 20_000 / 70) ** 2 / (20_000 / 70)).sum() < 111


def _draws(m):
    plan = scheme([0, 0, 1, 1] * 2, permutations=m)
    # More arrangements than wanted are asked for, so that the random road is taken.
    plan.distinct = 10**9
    yield from plan.batches()


def test_p_counts_ties_and_the_observed_arrangement():
    few = scheme([0, 0, 1, 1])
    permuted = np.array([[3.0], [1.0], [2.0], [3.0 - 1e-13], [0.0], [-np.inf]])
    assert few.p_value(np.array([3.0]), permuted)[0] == pytest.approx(2 / 6)
    many = scheme(np.arange(30) % 2, permutations=99)
    assert many.p_value(np.array([5.0]), np.zeros((99, 1)))[0] == pytest.approx(1 / 100)
    assert np.isnan(many.p_value(np.array([np.nan]), np.zeros((99, 1)))[0])


def test_no_permutation_is_refused():
    with pytest.raises(VagusError, match=r"trial\.permutations is 0; allowed: at least 1"):
        scheme([0, 1], permutations=0)


def test_strata_are_crossed_and_large_counts_are_written_short():
    assert strata_of([["a", "b", "a"], [1, 1, 2]], 3).tolist() == [0, 2, 1]
    assert strata_of([], 3).tolist() == [0, 0, 0]
    assert big_number(12_870) == "12,870"
    assert big_number(1_234_567_890) == "1.2e9"
    assert big_number(10**400) == "1.0e400"

"""Zero rules and the centred log-ratio."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vagus.errors import VagusError
from vagus.trial.transform import clr_log2, log2_values, replace_zeros

tables = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 8)), elements=st.integers(0, 5000))


def test_counts_by_hand():
    # 0.5, 1.5, 7.5 -> geometric mean 5.625 ** (1/3)
    expected = np.log2([0.5, 1.5, 7.5]) - np.log2(5.625) / 3
    np.testing.assert_allclose(clr_log2(np.array([[0, 1, 7.0]]), "counts", 0.5)[0], expected)


def test_relative_zeros_are_replaced_and_rows_still_sum_to_one():
    table = np.array([[0.0, 0.2, 0.8], [0.1, 0.4, 0.5], [0, 0, 2.0]])
    filled = replace_zeros(table, "relative")
    np.testing.assert_allclose(filled.sum(axis=1), 1)
    assert filled[0, 0] == pytest.approx(0.05)  # half the smallest proportion
    assert filled[0, 2] / filled[0, 1] == pytest.approx(4)  # ratios of what was seen stay


def test_intensity_zeros_become_half_the_smallest_value_of_the_feature():
    filled = replace_zeros(np.array([[0.0, 5, 0], [8, 6, 0], [4, 0, 0.0]]), "intensity")
    np.testing.assert_allclose(filled, [[2, 5, 2], [8, 6, 2], [4, 2.5, 2]])


@settings(max_examples=50, deadline=None)
@given(tables, st.sampled_from(["counts", "relative", "copies_per_genome", "intensity"]))
def test_rows_are_finite_and_sum_to_zero_unless_the_sample_is_empty(table, kind):
    clr = clr_log2(table, kind)
    empty = ~(table > 0).any(axis=1)
    assert np.isnan(clr[empty]).all()
    assert np.isfinite(clr[~empty]).all()
    np.testing.assert_allclose(clr[~empty].sum(axis=1), 0, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(tables.filter(lambda t: (t > 0).any(axis=1).all()), st.floats(1e-3, 1e3))
def test_depth_of_a_sample_does_not_matter(table, depth):
    deep = table.copy()
    deep[0] *= depth
    np.testing.assert_allclose(clr_log2(deep, "relative"), clr_log2(table, "relative"), atol=1e-8)
    # A pseudocount scaled with the depth leaves counts unchanged too.
    np.testing.assert_allclose(
        clr_log2(table * depth, "counts", 0.5 * depth), clr_log2(table, "counts", 0.5), atol=1e-8
    )


def test_positive_intensities_do_not_mind_depth():
    table = np.random.default_rng(1).uniform(1, 100, (5, 7))
    deep = table * np.array([1, 10, 0.1, 3, 7])[:, None]
    np.testing.assert_allclose(clr_log2(deep, "intensity"), clr_log2(table, "intensity"), atol=1e-12)


def test_missing_values_stay_missing():
    clr = clr_log2(np.array([[4.0, np.nan, 1.0], [2, 2, 2]]), "intensity")
    np.testing.assert_allclose(clr, [[1, np.nan, -1], [0, 0, 0]])


def test_what_has_no_logarithm_is_refused():
    with pytest.raises(VagusError, match=r"negative values.*kind 'score'"):
        clr_log2(np.array([[-1.0, 2.0]]), "intensity")
    with pytest.raises(VagusError, match="no zero rule for kind 'score'"):
        clr_log2(np.array([[1.0, 2.0]]), "score")
    with pytest.raises(VagusError, match=r"trial\.pseudocount is 0"):
        clr_log2(np.array([[1.0, 2.0]]), "counts", 0)


def test_log2_values_leave_each_feature_to_itself() -> None:
    values = np.array([[8.0, 0.0, 0.0], [2.0, 4.0, 0.0], [np.nan, 1.0, 0.0]])
    found = log2_values(values)
    np.testing.assert_array_equal(found[:, 0], [3.0, 1.0, np.nan])
    # A zero is half the least value of its feature; one that is nowhere seen has no logarithm.
    np.testing.assert_array_equal(found[:, 1], [-1.0, 2.0, 0.0])
    assert np.isnan(found[:, 2]).all()
    # Doubling the depth of everything moves every feature by one, and no other feature matters.
    moved = log2_values(2 * values) - found
    np.testing.assert_allclose(moved[~np.isnan(found)], 1)
    np.testing.assert_array_equal(log2_values(values[:, :1]), found[:, :1])
    with pytest.raises(VagusError, match="negative"):
        log2_values(np.array([[-1.0]]))

"""PERMANOVA with one row per participant: by hand, by its own brute force, and its properties."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from skbio.stats.distance import DistanceMatrix
from skbio.stats.distance import permanova as skbio_permanova

from vagus.errors import VagusError
from vagus.trial.permanova import Cloud, change_gram, dispersion, model_basis, permanova
from vagus.trial.permutation import Scheme


def make(n=24, arms=2, p=5, strata=1, seed=0, permutations=199):
    rng = np.random.default_rng(seed)
    stratum = np.arange(n) % strata
    arm = np.empty(n, np.int64)
    for level in range(strata):
        inside = np.flatnonzero(stratum == level)
        arm[inside] = rng.permutation(np.arange(len(inside)) % arms)
    points = rng.normal(size=(n, p)) + 0.5 * stratum[:, None]
    return points, Scheme(arm, stratum, permutations, (1,)), [f"P{i}" for i in range(n)]


def brute_f(points, arm, adjust):
    """Residual sums of squares of two least-squares fits."""
    n = len(arm)
    base = np.column_stack([np.ones(n), adjust]) if adjust is not None else np.ones((n, 1))
    full = np.column_stack([base, *[arm == g for g in range(1, arm.max() + 1)]]).astype(float)

    def left(design):
        fitted = design @ np.linalg.lstsq(design, points, rcond=None)[0]
        return ((points - fitted) ** 2).sum(), np.linalg.matrix_rank(design)

    (small, r0), (big, r1) = left(base), left(full)
    return ((small - big) / (r1 - r0)) / (big / (n - r1))


@pytest.mark.parametrize(("arms", "p"), [(2, 5), (3, 5), (3, 60)])
def test_f_and_p_are_those_of_refitting_every_arrangement(arms, p):
    points, scheme, who = make(arms=arms, p=p, strata=2)
    rng = np.random.default_rng(9)
    adjust = np.column_stack([scheme.stratum, rng.normal(size=len(who))])
    found = permanova(Cloud.of(points), scheme, who, adjust)
    assert found.statistic == pytest.approx(brute_f(points, scheme.arm, adjust), rel=1e-10)
    permuted = [brute_f(points, a, adjust) for a in np.concatenate(list(scheme.batches()))]
    reach = sum(f >= found.statistic * (1 - 1e-9) for f in permuted)
    assert found.p_value == pytest.approx((reach + 1) / 200)


def test_agrees_with_scikit_bio_without_strata():
    points, scheme, who = make(arms=3)
    other = skbio_permanova(DistanceMatrix(squareform(pdist(points))), scheme.arm, permutations=9)
    found = permanova(Cloud.of(points), scheme, who)
    assert found.statistic == pytest.approx(other["test statistic"], rel=1e-10)
    f = found.statistic
    assert found.r2 == pytest.approx(1 / (1 + found.df_residual / (found.df * f)), rel=1e-10)


def test_coordinates_and_inner_products_give_the_same():
    points, scheme, who = make(strata=2)
    adjust = scheme.stratum[:, None].astype(float)
    for test in (lambda c: permanova(c, scheme, who, adjust), lambda c: dispersion(c, scheme, who)):
        a, b = test(Cloud(points=points)), test(Cloud(gram=points @ points.T))
        assert (a.statistic, a.r2) == (pytest.approx(b.statistic), pytest.approx(b.r2))
        assert a.p_value == b.p_value


def test_interaction_of_euclidean_distances_is_the_test_on_change():
    rng = np.random.default_rng(4)
    values, (_, scheme, who) = rng.normal(size=(3, 24, 7)), make()
    for visits in (2, 3):
        stack = values[:visits]
        squared = squareform(pdist(stack.reshape(-1, 7))) ** 2
        gram = change_gram(squared.reshape(visits, 24, visits, 24))
        rows = (stack - stack.mean(axis=0)).transpose(1, 0, 2).reshape(24, -1)
        middle = np.eye(24) - 1 / 24
        assert np.allclose(middle @ gram @ middle, middle @ (rows @ rows.T) @ middle)
    change = permanova(Cloud.of(values[1] - values[0]), scheme, who)
    squared = squareform(pdist(values[:2].reshape(-1, 7))) ** 2
    same = permanova(Cloud(gram=change_gram(squared.reshape(2, 24, 2, 24))), scheme, who)
    assert same.statistic == pytest.approx(change.statistic, rel=1e-9)
    assert same.p_value == change.p_value


def test_rows_and_features_may_come_in_any_order():
    points, scheme, who = make(strata=2)
    found = permanova(Cloud.of(points), scheme, who)
    order = np.random.default_rng(5).permutation(len(who))
    turned = Scheme(scheme.arm[order], scheme.stratum[order], 199, (1,))
    again = permanova(Cloud.of(points[order][:, ::-1]), turned, [who[i] for i in order])
    assert (again.statistic, again.r2) == (pytest.approx(found.statistic), pytest.approx(found.r2))


def test_a_real_difference_is_found_and_strata_do_not_pose_as_one():
    points, scheme, who = make(n=40, strata=2, permutations=999)
    points[scheme.arm == 1] += 1.5
    assert permanova(Cloud.of(points), scheme, who, scheme.stratum[:, None]).p_value == 1 / 1000
    # Arms unequal over sites that differ: the free permutation is fooled, the one inside sites is not.
    rng = np.random.default_rng(8)
    site = np.repeat([0, 1], 20)
    arm = np.concatenate([np.arange(20) < 4, np.arange(20) < 16]).astype(np.int64)
    values = rng.normal(size=(40, 5)) + 3.0 * site[:, None]
    free = permanova(Cloud.of(values), Scheme(arm, np.zeros(40, np.int64), 999), who)
    inside = permanova(Cloud.of(values), Scheme(arm, site, 999), who, site[:, None].astype(float))
    assert free.p_value < 0.01 < 0.1 < inside.p_value


def test_stacked_rows_of_a_participant_are_refused_with_the_way_out():
    points, scheme, who = make()
    who[3] = who[0]
    for test in (permanova, dispersion):
        with pytest.raises(
            VagusError, match=r"participant 'P0' has more than one row.*65 of 100.*'residual'"
        ):
            test(Cloud.of(points), scheme, who)


def test_what_cannot_be_tested_says_why():
    points, scheme, who = make(n=8)
    flat = permanova(Cloud.of(np.ones((8, 3))), scheme, who)
    assert (flat.status, np.isnan(flat.p_value)) == ("rows do not vary", True)
    one = Scheme(np.array([0] * 7 + [1]), np.zeros(8, np.int64), 99)
    assert permanova(Cloud.of(points), one, who).status == "fewer than two participants in an arm"
    alone = Scheme(scheme.arm, scheme.arm, 99)
    stuck = permanova(Cloud.of(points), alone, who)
    assert (stuck.status, stuck.permutations) == ("arms cannot be re-arranged", 0)
    aliased = permanova(Cloud.of(points), scheme, who, scheme.arm[:, None].astype(float))
    assert aliased.status == "arms cannot be told from strata and covariates"
    none = Scheme(np.empty(0, np.int64), np.empty(0, np.int64), 99)
    assert permanova(Cloud.of(np.empty((0, 3))), none, []).status != "ok"
    same = dispersion(Cloud.of(np.tile(np.eye(4), (2, 1))[:, :1] * 0 + [[1.0]]), scheme, who)
    assert same.status == "rows do not vary"


def test_dispersion_is_found_where_one_arm_scatters_more():
    points, scheme, who = make(n=40, permutations=999)
    even = dispersion(Cloud.of(points), scheme, who)
    points[scheme.arm == 1] *= 3
    wide = dispersion(Cloud.of(points), scheme, who)
    assert wide.p_value == 1 / 1000
    assert even.p_value > 0.05


def test_basis_drops_what_adds_nothing():
    x = np.arange(6.0)
    assert model_basis(np.column_stack([x, 2 * x, np.ones(6), np.zeros(6)]), 6).shape == (6, 2)
    assert model_basis(None, 6).shape == (6, 1)

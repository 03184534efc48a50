"""The constrained longitudinal model; parity with lmerTest is in tests/parity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trial_designs import make_design, make_profile, sample_ids

from vagus.errors import VagusError
from vagus.trial.arm_effects import arm_effects
from vagus.trial.clda import fit_clda

VISITS = ["v1", "v2", "v3"]


def cube(seed, n=16, features=5, gone=0.15):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(1, n, features)) + rng.normal(size=(3, n, features))
    y[rng.random(y.shape[:2]) < gone] = np.nan
    y[:2, :4] = np.where(np.isnan(y[:2, :4]), 0.3, y[:2, :4])
    return y, np.arange(n) % 2


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_relabelling_the_reference_flips_the_signs(seed):
    y, arm = cube(seed)
    one, two = fit_clda(y, arm, ["a", "b"], VISITS), fit_clda(y, 1 - arm, ["b", "a"], VISITS)
    assert two.contrasts[0] == "a vs b"
    np.testing.assert_array_equal(one.status, two.status)
    np.testing.assert_allclose(one.estimate, -two.estimate, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.p_value, two.p_value, rtol=1e-6)
    np.testing.assert_allclose(one.ci_low, -two.ci_high, rtol=1e-6, atol=1e-9)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_order_of_participants_and_features_does_not_matter(seed):
    y, arm = cube(seed)
    rng = np.random.default_rng(seed)
    people, features = rng.permutation(len(arm)), rng.permutation(y.shape[2])
    one = fit_clda(y, arm, ["a", "b"], VISITS)
    two = fit_clda(y[:, people][:, :, features], arm[people], ["a", "b"], VISITS)
    np.testing.assert_allclose(one.p_value[:, features], two.p_value, rtol=1e-6)


def test_a_baseline_shift_of_one_arm_pulls_the_effect_as_adjustment_does():
    # All arms share the baseline mean, so that a chance difference there counts against the later ones.
    y, arm = cube(1, 40, gone=0)
    y[0, arm == 1] += 1.0
    shifted, other = fit_clda(y, arm, ["a", "b"], VISITS), y.copy()
    other[0, arm == 1] -= 1.0
    plain = fit_clda(other, arm, ["a", "b"], VISITS)
    assert (shifted.estimate < plain.estimate).all()


def test_whoever_misses_a_visit_still_counts_at_the_others():
    y, arm = cube(2, 20, gone=0)
    y[2, [3, 4]] = np.nan
    fit = fit_clda(y, arm, ["a", "b"], VISITS)
    assert (fit.n_arm[:, 0].tolist(), fit.n_reference[:, 0].tolist()) == ([10, 9], [10, 9])
    fewer = fit_clda(y[:, [i for i in range(20) if i not in (3, 4)]], arm[2:], ["a", "b"], VISITS)
    assert not np.allclose(fit.estimate[0], fewer.estimate[0])


def test_too_few_at_a_visit_leave_the_others_alone():
    y, arm = cube(3, 20, gone=0)
    y[2, arm == 1] = np.nan
    y[2, 1] = 0.5
    fit = fit_clda(y, arm, ["a", "b"], VISITS)
    assert set(fit.status[0]) == {"ok"}
    assert set(fit.status[1]) == {"too few participants"}
    y[0] = np.nan
    assert set(fit_clda(y, arm, ["a", "b"], VISITS).status.ravel()) == {"too few participants"}


def test_wrong_shapes_and_levels_are_refused():
    y, arm = cube(4)
    with pytest.raises(VagusError, match="3 visits, 2 names"):
        fit_clda(y, arm, ["a", "b"], VISITS[:2])
    with pytest.raises(VagusError, match=r"trial\.confidence is 95"):
        fit_clda(y, arm, ["a", "b"], VISITS, confidence=95)


def test_through_the_table():
    arms = ("placebo",) * 9 + ("probiotic",) * 9 + ("fibre",) * 9
    design = make_design(
        arms, visits=("v1", "v2", "v3"), covariates=[{"age": 30.0 + i % 7} for i in range(27)]
    )
    design.plan["covariates"] = ["age"]
    rng = np.random.default_rng(5)
    counts = rng.poisson(rng.gamma(2, 20, (27, 1, 8)), (27, 3, 8)).reshape(81, 8).astype(float)
    counts[:, 7] = 0
    table = arm_effects(make_profile(counts, sample_ids(design)), design)
    keys = table[["visit", "contrast"]].drop_duplicates().to_numpy().tolist()
    assert keys == [[v, f"{a} vs placebo"] for v in ("v2", "v3") for a in ("probiotic", "fibre")]
    text = "cLDA: value ~ visit + arm:follow-up visit + age + ({} | participant); REML, Kenward-Roger errors"
    lines = table["model"].str.startswith(text.format("1 + time"))
    assert (table["model"].str.startswith(text.format("1")) | lines).all()
    assert lines.any()
    plain = arm_effects(make_profile(counts, sample_ids(design)), design, model="clda_intercept")
    assert plain["model"].str.startswith(text.format("1")).all()
    # Another spacing of the visits is another line.
    design.plan["times"] = {"v1": 0, "v2": 1, "v3": 9}
    other = arm_effects(make_profile(counts, sample_ids(design)), design)
    assert not np.allclose(other["std_error"], table["std_error"], equal_nan=True)
    assert set(table.loc[table["feature"] == "f7", "status"]) == {"below prevalence"}
    tested = table[table["status"] == "ok"]
    assert len(tested) == 28
    assert tested[["estimate", "std_error", "df", "ci_low", "ci_high", "p_value"]].notna().to_numpy().all()
    with pytest.raises(VagusError, match=r"trial\.model is 'lme'; allowed: auto, ancova, clda"):
        arm_effects(make_profile(counts, sample_ids(design)), design, model="lme")

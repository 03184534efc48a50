"""Features with zeros follow the shift of a composition in part, and by just that part it is taken out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from trial.trial_designs import make_design, make_profile, sample_ids

from vagus.design.model import Participant, Sample
from vagus.trial.arm_effects import arm_effects
from vagus.trial.fits import ContrastFit, empty_fit, t_inference
from vagus.trial.mode_shift import find_mode, shift_fit
from vagus.trial.rerandomise import ArrangedZeros, rerandomise
from vagus.trial.values import trial_values
from vagus.trial.zero_sensitivity import (
    LEAST_SENSITIVITY,
    ZeroResponse,
    count_response,
    feature_sensitivity,
    log_counts,
    row_sensitivity,
)

ALL = np.arange(20_000)


@pytest.mark.parametrize("pseudocount", [0.5, 1.0])
@pytest.mark.parametrize("rate", [0.05, 0.7, 3.0, 40.0])
def test_its_mean_is_the_derivative_of_the_mean_log(rate: float, pseudocount: float) -> None:
    def mean_log(log_rate: float) -> float:
        return float(stats.poisson.pmf(ALL[:500], np.exp(log_rate)) @ np.log(ALL[:500] + pseudocount))

    step = 1e-4
    slope = (mean_log(np.log(rate) + step) - mean_log(np.log(rate) - step)) / (2 * step)
    expected = stats.poisson.pmf(ALL[:500], rate) @ count_response(ALL[:500].astype(float), pseudocount)
    assert expected == pytest.approx(slope, rel=1e-6)


def test_whatever_the_rates_are() -> None:
    """Negative binomial, and people without the feature: the rates' distribution is not asked."""

    def mean_log(log_scale: float) -> float:
        mean = 4 * np.exp(log_scale)
        pmf = stats.nbinom.pmf(ALL, 0.6, 0.6 / (0.6 + mean))
        return 0.7 * float(pmf @ np.log(ALL + 0.5)) + 0.3 * np.log(0.5)

    pmf = stats.nbinom.pmf(ALL, 0.6, 0.6 / 4.6)
    expected = 0.7 * float(pmf @ count_response(ALL.astype(float)))
    assert expected == pytest.approx((mean_log(1e-4) - mean_log(-1e-4)) / 2e-4, rel=1e-6)


def test_draws_give_it_with_the_variance_that_is_told() -> None:
    rng = np.random.default_rng(1)
    rates = 1.5 * rng.gamma(1.0, 1.0, (40, 3000))
    counts = rng.poisson(rates).astype(float)
    value, variance = feature_sensitivity(counts, np.arange(40) % 2, np.arange(40))
    pmf = stats.nbinom.pmf(ALL, 1.0, 1.0 / 2.5)
    assert value.mean() == pytest.approx(float(pmf @ count_response(ALL.astype(float))), abs=0.005)
    assert variance.mean() == pytest.approx(value.var(), rel=0.1)


def test_constant_features_those_never_seen_and_those_always_seen() -> None:
    counts = np.column_stack(
        [np.full(6, 7.0), np.zeros(6), [1, 2, 3, 1, 2, 3], [0, 5, 0, 5, 0, 5], np.full(6, np.nan)]
    ).astype(float)
    value, variance = feature_sensitivity(counts, np.array([0, 0, 0, 1, 1, 1]), np.arange(6))
    assert value[:3].tolist() == [1, 0, 1]
    assert variance[:3].tolist() == [0, 0, 0]
    assert value[3] == pytest.approx(0.5 * 5 * np.log(5.5 / 4.5))
    assert np.isnan(value[4])


def test_arms_count_alike_and_samples_of_a_person_go_together() -> None:
    rng = np.random.default_rng(2)
    counts = rng.poisson(1.0, (12, 4)).astype(float)
    group = np.array([0] * 8 + [1] * 4)
    part = count_response(counts)
    value, variance = feature_sensitivity(counts, group, np.arange(12))
    assert value == pytest.approx((part[:8].mean(axis=0) + part[8:].mean(axis=0)) / 2)
    expected = (part[:8].var(axis=0, ddof=1) / 8 + part[8:].var(axis=0, ddof=1) / 4) / 4
    assert variance == pytest.approx(expected)
    # Six people, one sample under each of two arms: the variance of the mean of their means.
    value, variance = feature_sensitivity(counts, np.repeat([0, 1], 6), np.tile(np.arange(6), 2))
    assert variance == pytest.approx(((part[:6] + part[6:]) / 2).var(axis=0, ddof=1) / 6)


def test_a_count_below_one_and_a_missing_one() -> None:
    assert count_response(np.array([0.0, 1.0, 0.5])) == pytest.approx([0, np.log(3), 0.5 * np.log(2)])
    assert np.isnan(count_response(np.array([np.nan])))[0]


def test_mode_as_a_slope() -> None:
    rng = np.random.default_rng(3)
    slope = rng.uniform(0.1, 1, 300)
    values = -1.4 * slope + rng.normal(0, 0.05, 300)
    values[:80] += 2
    mode, weights = find_mode(values, 0.05, slope)
    assert mode == pytest.approx(-1.4, abs=0.03)
    assert values @ weights == pytest.approx(float(mode), abs=1e-8)
    assert slope @ weights == pytest.approx(1)
    table = rng.normal(0, 1, (3, 40))
    for m in (39, 40):
        plain, ones = find_mode(table[:, :m], 1.0), find_mode(table[:, :m], 1.0, np.ones(m))
        assert ones[0] == pytest.approx(plain[0], abs=1e-8)
        assert ones[1] == pytest.approx(plain[1], abs=1e-8)
    slope[:10] = 0
    assert np.isfinite(find_mode(values, 0.05, slope)[0])


def fitted(estimate: np.ndarray, error: float) -> ContrastFit:
    fit = empty_fit(["a vs b"], ["end"], len(estimate), "model")
    fit.estimate[0], fit.std_error[0], fit.df[0], fit.status[0] = estimate, error, 30, "ok"
    fit.ci_low[0], fit.ci_high[0], fit.p_value[0] = t_inference(estimate, fit.std_error[0], fit.df[0], 0.95)
    return fit


def test_what_is_nothing_but_shift_becomes_nothing() -> None:
    """Effects `sensitivity * (delta + truth) - centre` give delta and the truth."""
    follows = np.concatenate([np.ones(20), np.linspace(0.05, 0.95, 20)])
    truth = np.where(np.arange(40) % 4 == 0, 3.0, 0.0) * (follows > 0.2)
    delta, centre = -1.2, -0.4
    logs = follows * (delta + truth)
    variance = np.where(follows < 1, 0.01, 0.0)

    def refit(weights: np.ndarray, sensitivity: np.ndarray) -> ContrastFit:
        assert weights @ sensitivity == pytest.approx(1)
        return fitted(logs - sensitivity * (logs @ weights), 0.2)

    zeros = ZeroResponse(follows[None], variance[None], np.array([centre]))
    done = shift_fit(fitted(logs - centre, 0.1), refit, zeros=zeros)
    assert done.bias[0] == pytest.approx(delta - centre, abs=1e-9)
    divisor = np.maximum(follows, LEAST_SENSITIVITY)
    assert done.fit.estimate[0] == pytest.approx(truth * follows / divisor, abs=1e-9)
    assert done.fit.std_error[0] == pytest.approx(np.sqrt(0.04 + delta**2 * variance) / divisor)
    # Without an effect on the mean log nothing is known of zeros, and all are taken to follow.
    plain = shift_fit(fitted(logs - centre, 0.1), lambda w, s: fitted(logs, 0.2))
    unknown = shift_fit(
        fitted(logs - centre, 0.1),
        lambda w, s: fitted(logs, 0.2),
        zeros=ZeroResponse(follows[None], variance[None], np.array([np.nan])),
    )
    assert np.array_equal(plain.fit.estimate, unknown.fit.estimate)


def trial(
    depths: tuple[float, float] = (3000, 3000),
    seed: int = 4,
    extra: int = 0,
    fold: float = 1.0,
    rare: float | None = None,
):
    """Return the counts of 20 + 20 people, 60 features, the depth of each arm after baseline, and the design.

    The last eight features are multiplied by `fold` in the arm; `rare` is their mean log abundance, that of
    the others being 0.
    """
    rng = np.random.default_rng(seed)
    design = make_design(arms=("placebo", "probiotic") * 20, visits=("v1", "v2"))
    mean = rng.normal(0, 1.5, 60)
    if rare is not None:
        mean[52:] = rare
    level = mean + rng.normal(0, 0.7, (40, 1, 60)) + rng.normal(0, 0.4, (40, 2, 60))
    level[1::2, 1, 52:] += np.log(fold)
    shares = np.exp(level)
    shares /= shares.sum(axis=2, keepdims=True)
    depth = np.full((40, 2, 1), 3000.0)
    depth[0::2, 1], depth[1::2, 1] = depths
    return rng.poisson(depth * shares).reshape(80, 60).astype(float) + extra, design


def test_nothing_changes_without_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, design = trial(extra=1)
    profile = make_profile(counts, sample_ids(design))
    table = arm_effects(profile, design, rerandomisations=50)
    monkeypatch.setattr("vagus.trial.refine_fit.log_counts", lambda values: None)
    plain = arm_effects(profile, design, rerandomisations=50)
    for name in ("estimate", "std_error", "p_value", "df", "bias_shift", "p_rerandomised"):
        assert table[name].to_numpy() == pytest.approx(plain[name].to_numpy(), rel=1e-6, abs=1e-9)
    assert table["estimate"].to_numpy() == pytest.approx(
        (table["estimate_clr"] - table["bias_shift"]).to_numpy()
    )
    assert (table["zero_sensitivity"] == 1).all()
    assert plain["zero_sensitivity"].isna().all()


def test_deeper_reads_in_one_arm_are_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shift of 3 of all log counts alike: rare features follow it in part."""
    counts, design = trial((800, 6400))
    profile = make_profile(counts, sample_ids(design))
    table = arm_effects(profile, design)
    rare = (table["zero_sensitivity"] < 0.7).to_numpy()
    assert rare.sum() >= 5
    t = (table["estimate"] / table["std_error"]).to_numpy()
    assert np.abs(t[rare]).mean() < 1.3
    assert (table["p_value"] < 0.05).mean() < 0.12
    monkeypatch.setattr("vagus.trial.refine_fit.log_counts", lambda values: None)
    plain = arm_effects(profile, design)
    assert (plain["estimate"] / plain["std_error"])[rare].mean() < -2


@pytest.mark.parametrize("visits", [2, 3])
def test_effects_are_fold_changes_of_abundances(visits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean log of a feature with zeros shows less than its log2 fold change of 3."""
    told, plain = [], []
    for seed in range(5):
        counts, design = trial(seed=10 + seed, fold=8.0, rare=-3.0)
        if visits == 3:
            design = make_design(arms=("placebo", "probiotic") * 20, visits=("v1", "v2", "v3"))
            counts = counts.reshape(40, 2, 60)[:, [0, 1, 1]].reshape(120, 60)
        for tables in (told, plain):
            with monkeypatch.context() as patch:
                if tables is plain:
                    patch.setattr("vagus.trial.refine_fit.log_counts", lambda values: None)
                tables.append(arm_effects(make_profile(counts, sample_ids(design)), design))
    moved = [f"f{i}" for i in range(52, 60)]
    mean, uncorrected = (
        np.nanmean([table.loc[table["feature"].isin(moved), "estimate"].mean() for table in tables])
        for tables in (told, plain)
    )
    assert mean == pytest.approx(3, abs=0.3)
    assert uncorrected < 2.5


def test_other_kinds_and_parts_of_counts_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    counts, design = trial()
    shares = counts / counts.sum(axis=1, keepdims=True)
    table = arm_effects(make_profile(shares, sample_ids(design), kind="relative"), design)
    assert table["zero_sensitivity"].isna().all()
    assert table["estimate"].to_numpy() == pytest.approx(
        (table["estimate_clr"] - table["bias_shift"]).to_numpy()
    )
    assert "whole numbers" not in capsys.readouterr().out
    table = arm_effects(make_profile(counts * 0.3, sample_ids(design)), design)
    assert table["zero_sensitivity"].isna().all()
    assert "counts are not whole numbers" in capsys.readouterr().out


def test_the_samples_are_those_that_a_row_compares() -> None:
    design = make_design(arms=("placebo", "low", "high") * 3, visits=("v1", "v2", "v3"), reference="placebo")
    rng = np.random.default_rng(6)
    counts = rng.poisson(1.5, (27, 5)).astype(float)
    counts[4] = 0
    values = trial_values(make_profile(counts, sample_ids(design)), design, 0.0)
    assert values.counts is not None
    fit = empty_fit(["low vs placebo", "high vs placebo"], ["v2", "v3"], 5, "model")
    found, error = row_sensitivity(values.counts, design, fit)
    # The sample without a read is missing: P1 (low) at v2.
    cube = counts.reshape(9, 3, 5)
    part = count_response(cube)
    low = (part[0::3, 1].mean(axis=0) + part[[4, 7], 1].mean(axis=0)) / 2
    high = (part[0::3, 2].mean(axis=0) + part[2::3, 2].mean(axis=0)) / 2
    zeros = [(cube[rows, v] == 0).any(axis=0) for rows, v in (([0, 3, 6, 4, 7], 1), ([0, 3, 6, 2, 5, 8], 2))]
    assert found == pytest.approx(np.where(zeros, [low, high], 1))
    assert ((error > 0) == zeros).all()
    nobody = empty_fit(["low vs placebo"], ["v9"], 5, "model")
    assert (row_sensitivity(values.counts, design, nobody)[0] == 1).all()


def test_a_crossover_compares_the_ends_of_all_periods() -> None:
    design = make_design(arms=("placebo",) * 4, visits=("v0", "v1", "v2"), design="crossover")
    design.plan.update(
        arms=["placebo", "probiotic"],
        periods=[{"after": "v1"}, {"after": "v2"}],
        sequences={"PA": ["placebo", "probiotic"], "AP": ["probiotic", "placebo"]},
    )
    design.participants[:] = [Participant(f"P{i}", "", sequence="AP" if i % 2 else "PA") for i in range(4)]
    design.samples[:] = [
        Sample(f"P{i}_{v}", f"P{i}", v, "amplicon", "stool") for i in range(4) for v in ("v0", "v1", "v2")
    ]
    counts = np.random.default_rng(7).poisson(1.0, (12, 6)).astype(float)
    values = trial_values(make_profile(counts, sample_ids(design)), design, 0.0)
    assert values.counts is not None
    fit = empty_fit(["probiotic vs placebo"], ["v2"], 6, "model")
    later = counts.reshape(4, 3, 6)[:, 1:]
    expected = count_response(later).mean(axis=(0, 1))
    expected = np.where((later == 0).any(axis=(0, 1)), expected, 1)
    assert row_sensitivity(values.counts, design, fit)[0][0] == pytest.approx(expected)


def test_log_counts_are_those_of_the_log_ratios() -> None:
    counts, design = trial()
    values = trial_values(make_profile(counts, sample_ids(design)), design, pseudocount=1.0)
    logs = log_counts(values)
    assert logs is not None
    assert np.allclose(logs.sub(logs.mean(axis=1), axis=0), values.frame)


def test_rerandomisation_with_all_following_is_as_before() -> None:
    rng = np.random.default_rng(8)
    outcome, base = rng.normal(0, 1, (2, 16, 25))
    treated, stratum = np.arange(16) % 2 == 0, np.zeros(16, dtype=np.int64)
    parts = outcome, base, treated, stratum, np.empty((16, 0)), 200, 1, True
    zeros = ArrangedZeros(np.ones(25), rng.normal(0, 1, 16), rng.normal(0, 1, 16))
    plain = rerandomise(*parts)
    assert rerandomise(*parts, zeros=zeros).p_value == pytest.approx(plain.p_value, abs=1e-12)


def test_rerandomisation_takes_out_what_a_feature_follows() -> None:
    """Features that follow by a third are not found to rise."""
    rng = np.random.default_rng(9)
    n, features = 24, 120
    follows = np.where(np.arange(features) < 60, 1.0, 0.3)
    treated = np.arange(n) % 2 == 0
    logs = np.where(treated, -0.8, 0.0)[:, None] * follows + rng.normal(0, 0.3, (n, features))
    centre, nothing = logs.mean(axis=1), np.zeros((n, features))
    people = treated, np.zeros(n, dtype=np.int64), np.empty((n, 0))
    outcome = logs - centre[:, None]
    zeros = ArrangedZeros(follows, centre, np.zeros(n))
    plain = rerandomise(outcome, nothing, *people, 400, 1, True).p_value
    told = rerandomise(outcome, nothing, *people, 400, 1, True, zeros=zeros).p_value
    assert (plain[60:] <= 0.05).mean() > 0.9
    assert (told[60:] <= 0.05).mean() < 0.15
    assert (told[:60] <= 0.05).mean() < 0.15

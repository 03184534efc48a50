"""Type I error and coverage of every confirmatory model, on counts with all that disturbs a real trial.

The figures are printed; those of one run stand in resources/docs/calibration.md.
"""

import numpy as np
import pytest
from calibration import FEATURES, crossover, make_world, parallel

from vagus.trial.ancova import fit_ancova
from vagus.trial.clda import fit_clda
from vagus.trial.crossover import fit_crossover

pytestmark = pytest.mark.slow
SIZES = (8, 16, 40)
TRIALS = {8: 600, 16: 400, 40: 200}
ARMS, VISITS = ["placebo", "probiotic"], ["v0", "v1", "v2"]
LARGE, LARGE_RUNS = 1500, 4
# Standard deviation of the participants' own change from visit to visit, log scale.
LINES = 0.5


def fit(model, rng, world, n):
    """Return estimate, lower and upper limit and p-value (rows, features) of one made trial."""
    if model == "crossover":
        y, given, sequence = crossover(rng, world, n)
        found, _ = fit_crossover(y, None, given, sequence, ARMS, "v")
    elif model.startswith("clda"):
        y, arm, batch = parallel(rng, world, n, 3, LINES if "lines" in model else 0.0)
        times = None if "intercept" in model else np.arange(3.0)
        found = fit_clda(y, arm, ARMS, VISITS, batch, times=times, small="satterthwaite" not in model)
    else:
        y, arm, batch = parallel(rng, world, n, 2)
        found = fit_ancova(y[1], y[0], arm, batch, robust=model)
    return found.estimate, found.ci_low, found.ci_high, found.p_value


def measure(model, n):
    """Return type I error without an effect, coverage and power with one, and their standard errors."""
    null, real = make_world(11, False), make_world(11, True)
    rng = np.random.default_rng(n)
    # The truth on the CLR scale, zeros and pseudocount included: the same estimator's mean in large trials.
    truth = np.mean([fit(model, rng, real, LARGE)[0] for _ in range(LARGE_RUNS)], axis=0)
    errors, covered, power = [], [], []
    for _ in range(TRIALS[n]):
        p = fit(model, rng, null, n)[3]
        errors.append(np.nanmean(p < 0.05))
        _, low, high, p = fit(model, rng, real, n)
        covered.append(np.nanmean((low <= truth) & (truth <= high)))
        power.append(np.nanmean((p < 0.05)[:, real.effect > 0]))
    spread = np.std(errors) / np.sqrt(len(errors)), np.std(covered) / np.sqrt(len(covered))
    return np.mean(errors), spread[0], np.mean(covered), spread[1], np.mean(power)


# Known to fall short: HC3 is conservative in small arms, where `auto` takes HC2; Satterthwaite's degrees of
# freedom alone take the variances for known; a random intercept alone does not know of lines.
SHORT = {
    *[("hc3", n) for n in (8, 16)],
    *[("clda_satterthwaite", 8), ("clda_satterthwaite_lines", 8)],
    *[("clda_intercept_lines", n) for n in SIZES],
}
CLDA = ("clda", "clda_satterthwaite", "clda_intercept")
MODELS = ("auto", "hc3", "hc2", "classical", *CLDA, *[f"{m}_lines" for m in CLDA])
CASES = [
    pytest.param(m, n, marks=[pytest.mark.xfail(strict=True, reason="see SHORT")] if (m, n) in SHORT else [])
    for m in (*MODELS, "crossover")
    for n in SIZES
]


@pytest.mark.parametrize(("model", "n"), CASES)
def test_type_one_error_and_coverage(model, n, capsys):
    error, error_sd, cover, cover_sd, power = measure(model, n)
    with capsys.disabled():
        print(
            f"\n| {model} | {n} | {TRIALS[n] * FEATURES} | {error:.4f} ({error_sd:.4f}) "
            f"| {100 * cover:.2f} ({100 * cover_sd:.2f}) | {power:.2f} |"
        )
    assert 0.04 - 2 * error_sd <= error <= 0.06 + 2 * error_sd
    assert 0.935 - 2 * cover_sd <= cover <= 0.965 + 2 * cover_sd

"""The models of the trial floor on 10,000 features, and the mixed model against a loop of lmerTest."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.ancova import fit_ancova
from vagus.trial.clda import fit_clda

pytestmark = pytest.mark.benchmark
PARTICIPANTS, FEATURES, LMER_FITS = 200, 10_000, 30
MOST_SECONDS, MOST_ANCOVA, MOST_GB, LEAST_RATIO = 5.0, 0.5, 2.0, 200
LEAST_WITH_SLOPES = 100


def trial(visits: int, features: int, lines: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return (visits, participants, features) with a tenth of the later visits missing, and the arms.

    With `lines` participants also have slopes of their own over the visits.
    """
    rng = np.random.default_rng(visits)
    own = rng.normal(size=(1, PARTICIPANTS, features))
    y = own + rng.normal(size=(visits, PARTICIPANTS, features))
    if lines:
        y += rng.normal(0, 0.5, size=own.shape) * np.arange(visits)[:, None, None]
    y[1:][rng.random((visits - 1, PARTICIPANTS)) < 0.1] = np.nan
    return y, np.arange(PARTICIPANTS) % 2


def seconds_of_clda(visits: int, features: int, runs: int = 1, lines: bool = False) -> float:
    y, arm = trial(visits, features, lines)
    times = np.arange(visits, dtype=float) if lines else None
    names = [f"v{i}" for i in range(visits)]
    best = np.inf
    for _ in range(runs):
        start = time.perf_counter()
        fit = fit_clda(y, arm, ["placebo", "probiotic"], names, times=times)
        best = min(best, time.perf_counter() - start)
    assert (fit.status == "ok").all()
    return best


def run_alone(visits: int, lines: bool) -> None:
    """Fit the large trial and print the seconds and the peak memory (GB) of this process."""
    import resource

    seconds = seconds_of_clda(visits, FEATURES, lines=lines)
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


@pytest.mark.parametrize(("visits", "lines"), [(2, False), (3, False), (3, True), (5, True)])
def test_ten_thousand_mixed_models_within_seconds_and_against_lmertest(
    visits: int, lines: bool, tmp_path: Path
) -> None:
    root = Path(__file__).parents[2]
    code = f"from benchmarks.test_speed_trial import run_alone; run_alone({visits}, {lines})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        # One thread, as the rule and the loop of lmerTest have; a busy machine stalls spinning threads.
        env={
            "PYTHONPATH": f"{root / 'scripts'}:{root / 'tests'}",
            "PATH": "/usr/bin:/bin",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    seconds, gigabytes = (float(v) for v in done.stdout.split())
    print(
        f"\ncLDA{' with slopes' * lines}, {FEATURES} features x {PARTICIPANTS} x {visits}: {seconds:.2f} s, "
        f"peak {gigabytes:.2f} GB"
    )
    # The limits that were asked for are those of the random intercept; a slope costs more the more visits.
    assert lines or seconds < MOST_SECONDS
    assert gigabytes < MOST_GB
    if not shutil.which("Rscript"):
        pytest.skip("Rscript is absent: not compared")
    y, arm = trial(visits, FEATURES, lines)
    some = y[:, :, :LMER_FITS]
    table = pd.DataFrame(some.reshape(-1, LMER_FITS), columns=[f"f{j + 1}" for j in range(LMER_FITS)]).assign(
        visit=np.repeat([f"v{i}" for i in range(visits)], PARTICIPANTS),
        participant=np.tile(np.arange(PARTICIPANTS), visits),
        arm=np.tile(arm, visits),
    )
    table.to_csv(tmp_path / "table.tsv", sep="\t", index=False, na_rep="NA")
    script = Path(__file__).parent / "lmertest_loop.R"
    r = subprocess.run(
        ["Rscript", str(script), str(tmp_path / "table.tsv"), "slope" if lines else "intercept"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "there is no package" in r.stderr:
        pytest.skip("lmerTest is absent: not compared")
    assert r.returncode == 0, r.stderr
    first, second = r.stdout.strip().splitlines()
    per_fit = float(first)
    times = np.arange(visits, dtype=float) if lines else None
    fit = fit_clda(some, arm, ["placebo", "probiotic"], [f"v{i}" for i in range(visits)], times=times)
    np.testing.assert_allclose(fit.p_value[0], [float(v) for v in second.split()], rtol=1e-3)
    ratio = per_fit * FEATURES / seconds
    print(f"lmerTest: {1000 * per_fit:.0f} ms a fit; ratio {ratio:.0f}")
    assert ratio > (LEAST_WITH_SLOPES if lines else LEAST_RATIO)


def test_ten_thousand_ancovas() -> None:
    y, arm = trial(2, FEATURES)
    rng = np.random.default_rng(0)
    adjust = rng.normal(size=(PARTICIPANTS, 3))
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        fit = fit_ancova(y[1], y[0], arm, adjust)
        best = min(best, time.perf_counter() - start)
    assert (fit.status == "ok").all()
    print(f"\nANCOVA with HC3, {FEATURES} features x {PARTICIPANTS}: {best:.3f} s")
    assert best < MOST_ANCOVA


def test_cost_is_linear_in_features() -> None:
    small, large = seconds_of_clda(3, 2_000, 3), seconds_of_clda(3, 10_000, 3)
    print(f"\ncLDA: 2,000 features {small:.3f} s, 10,000 features {large:.3f} s, ratio {large / small:.1f}")
    assert large / small < 7.5


@pytest.mark.parametrize("lines", [False, True])
def test_the_cost_grows_with_the_participants_and_no_faster(lines: bool) -> None:
    """Ten times as many participants: no table of participants by participants may come in."""
    seconds = {}
    for people in (1_000, 10_000):
        rng = np.random.default_rng(people)
        y = rng.normal(size=(1, people, 200)) + rng.normal(size=(3, people, 200))
        y += rng.normal(0, 0.5, size=(1, people, 200)) * np.arange(3)[:, None, None]
        y[1:][rng.random((2, people)) < 0.2] = np.nan
        times = np.arange(3.0) if lines else None
        seconds[people] = np.inf
        for _ in range(3):
            start = time.perf_counter()
            fit = fit_clda(y, np.arange(people) % 2, ["a", "b"], ["v0", "v1", "v2"], times=times, small=True)
            seconds[people] = min(seconds[people], time.perf_counter() - start)
        assert (fit.status == "ok").all()
    ratio = seconds[10_000] / seconds[1_000]
    few, many = seconds.values()
    print(
        f"\ncLDA{' with slopes' * lines}, 200 features x 3 visits: 1,000 participants {few:.2f} s, "
        f"10,000 {many:.2f} s, ratio {ratio:.1f}"
    )
    assert ratio < 15

"""Made trials for the calibration of the models: whole counts with all that disturbs a real trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vagus.trial.transform import clr_log2

FEATURES = 40


@dataclass
class World:
    """What stays the same over the trials of one setting."""

    middle: np.ndarray
    batch: np.ndarray
    effect: np.ndarray
    drift: np.ndarray


def make_world(seed: int, effect: bool) -> World:
    """Draw features that are common and rare; with an effect, one in ten is doubled by the arm."""
    rng = np.random.default_rng(seed)
    shift = np.zeros(FEATURES)
    if effect:
        shift[:: FEATURES // 4] = np.log(2)
    return World(
        np.sort(rng.normal(0, 1.5, FEATURES)),
        rng.normal(0, 0.5, FEATURES),
        shift,
        rng.normal(0, 0.3, FEATURES),
    )


def counts_to_clr(rng: np.random.Generator, log_mean: np.ndarray) -> np.ndarray:
    """Draw negative binomial counts (dispersion 0.5) at depths that differ tenfold, and transform them.

    `log_mean` is (visits, participants, features); so is what comes back.
    """
    share = np.exp(log_mean)
    share /= share.sum(axis=-1, keepdims=True)
    depth = 10 ** rng.uniform(3, 4, share.shape[:-1])[..., None]
    counts = rng.poisson(depth * share * rng.gamma(2, 0.5, share.shape)).astype(float)
    return clr_log2(counts.reshape(-1, share.shape[-1]), "counts", 0.5).reshape(share.shape)


def parallel(
    rng: np.random.Generator, world: World, n: int, visits: int, lines: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (visits, participants, features), the arms and the batch column.

    A fifth drops out, at random given what was seen before: a low first feature drops out more often, and
    more so in the arm. `lines` is the standard deviation between participants of their change from visit to
    visit, on the log scale.
    """
    arm = np.arange(2 * n) % 2
    batch = rng.permutation(2 * n) % 2
    own = rng.normal(0, 0.7, (1, 2 * n, FEATURES))
    visit = rng.normal(0, 0.4, (visits, 2 * n, FEATURES))
    log_mean = world.middle + own + visit + world.batch * batch[:, None]
    if lines:
        log_mean += rng.normal(0, lines, (1, 2 * n, FEATURES)) * np.arange(visits)[:, None, None]
    log_mean[1:] += world.effect * arm[:, None] + world.drift * np.arange(1, visits)[:, None, None]
    y = counts_to_clr(rng, log_mean)
    for v in range(1, visits):
        before = y[v - 1, :, 0]
        with np.errstate(invalid="ignore"):
            low = before < np.nanmedian(before)
        chance = 0.2 / (visits - 1) * np.where(low, 1.5, 0.5) * np.where(arm == 1, 1.2, 0.8)
        y[v:, rng.random(2 * n) < chance] = np.nan
    return y, arm, batch[:, None].astype(float)


def crossover(rng: np.random.Generator, world: World, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the period ends (periods, participants, features), the arms given, and the sequences."""
    sequence = np.arange(2 * n) % 2
    given = np.stack([sequence, 1 - sequence])
    batch = rng.permutation(2 * n) % 2
    own = rng.normal(0, 0.7, (1, 2 * n, FEATURES))
    log_mean = world.middle + own + rng.normal(0, 0.4, (2, 2 * n, FEATURES)) + world.batch * batch[:, None]
    log_mean = log_mean + world.effect * given[:, :, None]
    log_mean[1] += world.drift
    y = counts_to_clr(rng, log_mean)
    low = y[0, :, 0] < np.median(y[0, :, 0])
    y[1, rng.random(2 * n) < 0.2 * np.where(low, 1.5, 0.5)] = np.nan
    return y, given, sequence

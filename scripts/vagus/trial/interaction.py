"""Whether the effect of an arm depends on a moderator: least squares with HC3 for all features at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vagus.errors import VagusError
from vagus.trial.columns import given_by, independent
from vagus.trial.fits import ALIASED, CONSTANT, FEW, NO_SPREAD, OK, TINY

BASELINE_CONSTANT = "baseline does not vary"
# Features that are solved together; bounds the memory.
BLOCK = 500

Floats = NDArray[np.float64]


@dataclass
class Estimates:
    """Estimate, error, interval and p of one combination of coefficients, (features,) each."""

    estimate: Floats
    std_error: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats


@dataclass
class InteractionFit:
    """Interactions of one moderator.

    Parameters
    ----------
    interaction
        [arm][step] how the effect of the arm differs between a step of the moderator and its start.
    effect
        [arm][step] effect of the arm there; step 0 is the start. Their p is never shown.
    df
        (features,) n - rank.
    status
        (arms, steps, features) `ok` or why there is no interaction.
    """

    interaction: list[list[Estimates]]
    effect: list[list[Estimates]]
    df: Floats
    status: NDArray[np.object_]


def fit_interaction(
    outcome: Floats,
    baseline: Floats,
    arm: NDArray[np.int64],
    moderator: Floats | None,
    adjust: Floats | None = None,
    confidence: float = 0.95,
) -> InteractionFit:
    """Fit `outcome ~ arm * moderator + baseline + adjust` to every feature.

    Parameters
    ----------
    outcome, baseline
        (participants, features) complete values; participants with a missing one are left out by the caller.
    arm
        (participants,) 0 for the reference, 1, 2, ...; every code up to the largest occurs.
    moderator
        (participants, steps) dummies of the levels beside the first, or one column of numbers, which is
        centred and scaled to SD 1 here; None for the feature's own baseline, centred and scaled likewise.
    adjust
        (participants, columns) strata and covariates without an intercept; columns that the others give are
        dropped, as the moderator's own among the strata.
    confidence
        Level of the intervals.

    Returns
    -------
    InteractionFit
        Standard errors are HC3 (MacKinnon & White 1985, doi 10.1016/0304-4076(85)90158-7), with Student's t
        on n - rank degrees of freedom.

    Raises
    ------
    VagusError
        If shapes disagree or `confidence` is out of range.
    """
    n, features = outcome.shape
    adjust = np.empty((n, 0)) if adjust is None else np.asarray(adjust, dtype=np.float64)
    sizes = {len(baseline), len(arm), len(adjust), n, n if moderator is None else len(moderator)}
    if len(sizes) > 1 or baseline.shape != outcome.shape:
        raise VagusError(f"interaction: rows disagree: {sorted(sizes)}")
    if not 0 < confidence < 1:
        raise VagusError(
            f"config: trial.confidence is {confidence}; allowed: between 0 and 1; fix: give e.g. 0.95"
        )
    k = int(max(arm, default=0))
    arms = np.column_stack([(arm == j).astype(np.float64) for j in range(1, k + 1)])
    steps = 1 if moderator is None else moderator.shape[1]
    if moderator is None:
        given = [np.ones((n, 1)), arms]
    else:
        if steps == 1 and not np.isin(moderator, (0.0, 1.0)).all():
            moderator = _scale(moderator)
        products = [arms[:, [j]] * moderator for j in range(k)]
        given = [np.ones((n, 1)), arms, *products, moderator]
    full = np.column_stack([*given, _scale(adjust)])
    own = sum(block.shape[1] for block in given)
    kept = independent(full)
    shared = full[:, kept]
    # An arm or interaction that the rest of the model gives cannot be told from it.
    lost = [given_by(np.delete(full, c, axis=1), full[:, c]) for c in range(own)]
    places = [-1 if gone else kept.index(c) for c, gone in enumerate(lost)]
    fit = _empty(k, steps, features)
    for start in range(0, features, BLOCK):
        part = slice(start, start + BLOCK)
        block = outcome[:, part], baseline[:, part]
        _fit_block(fit, part, *block, arms, shared, moderator is None, places, confidence)
    return fit


def _scale(columns: Floats) -> Floats:
    """Centre, and divide by the standard deviation (n - 1) where there is one."""
    if not columns.size:
        return columns
    spread = columns.std(axis=0, ddof=1) if len(columns) > 1 else np.zeros(columns.shape[1])
    return (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _empty(k: int, steps: int, features: int) -> InteractionFit:
    def blank() -> Estimates:
        return Estimates(*[np.full(features, np.nan) for _ in range(5)])

    return InteractionFit(
        interaction=[[blank() for _ in range(steps)] for _ in range(k)],
        effect=[[blank() for _ in range(steps + 1)] for _ in range(k)],
        df=np.full(features, np.nan),
        status=np.full((k, steps, features), FEW, dtype=object),
    )


def _fit_block(
    fit: InteractionFit,
    part: slice,
    y: Floats,
    x: Floats,
    arms: Floats,
    shared: Floats,
    by_baseline: bool,
    places: list[int],
    confidence: float,
) -> None:
    """Fit features and write them into `fit`; `places` are those of columns in `shared`, -1 if lost."""
    n, k = arms.shape
    size_y, size_x = np.abs(y).max(axis=0), np.abs(x).max(axis=0)
    y, x = y - y.mean(axis=0), x - x.mean(axis=0)
    total = (y**2).sum(axis=0)
    constant = total <= n * (TINY * size_y) ** 2
    varies = (x**2).sum(axis=0) > n * (TINY * size_x) ** 2
    x = np.where(varies, _scale(x), 0.0)
    left = x - shared @ (np.linalg.pinv(shared, rcond=1e-10) @ x)
    swallowed = varies & ((left**2).sum(axis=0) <= TINY * (x**2).sum(axis=0))
    x = np.where(swallowed, 0.0, x)

    # (features, participants, columns): shared columns, the baseline, its products with the arms.
    blocks = [np.broadcast_to(shared, (y.shape[1], *shared.shape)), x.T[:, :, None]]
    steps = fit.status.shape[1]
    if by_baseline:
        blocks.append(x.T[:, :, None] * arms[None])
    design = np.concatenate(blocks, axis=2)
    dead = ~(np.abs(design) > 0).any(axis=1)
    gram = np.einsum("fni,fnj->fij", design, design)
    gram += np.where(dead, 1.0, 0.0)[:, :, None] * np.eye(design.shape[2])
    scale = np.sqrt(np.einsum("fii->fi", gram))
    values = np.linalg.eigvalsh(gram / scale[:, :, None] / scale[:, None, :])
    short = values[:, 0] < 1e-12
    gram[short] = np.eye(design.shape[2])
    solve = np.einsum("fij,fnj->fin", np.linalg.inv(gram), design)
    beta = np.einsum("fin,nf->fi", solve, y)
    residual = y.T - np.einsum("fni,fi->fn", design, beta)
    leverage = np.einsum("fni,fin->fn", design, solve)
    df = n - (design.shape[2] - dead.sum(axis=1))
    fit.df[part] = np.where(df > 0, df, np.nan)
    alone = leverage > 1 - 1e-9
    share = np.where(alone, 0.0, residual / np.where(alone, 1.0, 1 - leverage))
    exact = (residual**2).sum(axis=1) <= 1e-20 * total

    def solved(target: Estimates, wanted: list[int]) -> NDArray[np.object_]:
        """Write the sum of some coefficients, and return its status."""
        status = np.full(y.shape[1], OK, dtype=object)
        influence = solve[:, wanted].sum(axis=1)
        estimate = beta[:, wanted].sum(axis=1)
        status[exact] = NO_SPREAD
        # Weight on a participant whom the model fits exactly: nothing tells how wrong that value is.
        status[(np.abs(influence) * alone).max(axis=1) > 1e-8] = FEW
        status[df < 1] = FEW
        status[short | swallowed] = ALIASED
        if -1 in wanted:
            status[:] = ALIASED
        if by_baseline:
            status[~varies] = BASELINE_CONSTANT
        status[constant] = CONSTANT
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(((influence * share) ** 2).sum(axis=1))
            p = 2 * stats.t.sf(np.abs(estimate / error), df)
            half = stats.t.ppf(0.5 + confidence / 2, df) * error
        numbers = (estimate, error, estimate - half, estimate + half, p)
        for name, number in zip(vars(target), numbers, strict=True):
            getattr(target, name)[part] = np.where(status == OK, number, np.nan)
        return status

    for j in range(k):
        main = places[1 + j]
        solved(fit.effect[j][0], [main])
        for step in range(steps):
            # Products with the baseline are columns of a feature and stand last.
            c = design.shape[2] - k + j if by_baseline else places[1 + k + j * steps + step]
            solved(fit.effect[j][step + 1], [main, c])
            fit.status[j, step, part] = solved(fit.interaction[j][step], [c])

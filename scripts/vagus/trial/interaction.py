"""Whether the effect of an arm depends on a moderator: least squares, robust errors, all features at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vagus.errors import VagusError
from vagus.trial.ancova import choose_errors
from vagus.trial.columns import given_by, independent
from vagus.trial.fits import ALIASED, CONSTANT, FEW, NO_SPREAD, OK, TINY

BASELINE_CONSTANT = "baseline does not vary"
# Features that are solved together; bounds the memory.
BLOCK = 500

Floats = NDArray[np.float64]


@dataclass
class Estimates:
    """One combination of coefficients, (features,) each; degrees of freedom are those of its error."""

    estimate: Floats
    std_error: Floats
    df: Floats
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
    status
        (arms, steps, features) `ok` or why there is no interaction.
    """

    interaction: list[list[Estimates]]
    effect: list[list[Estimates]]
    status: NDArray[np.object_]


def fit_interaction(
    outcome: Floats,
    baseline: Floats,
    arm: NDArray[np.int64],
    moderator: Floats | None,
    adjust: Floats | None = None,
    confidence: float = 0.95,
    robust: str = "auto",
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
    robust
        Standard errors `hc3`, `hc2` (with the degrees of freedom of Bell & McCaffrey) or `auto`, as in
        `fit_ancova`.

    Returns
    -------
    InteractionFit

    Raises
    ------
    VagusError
        If shapes disagree, or `confidence` or `robust` is out of range.
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
    robust = choose_errors(robust, arm)
    if robust not in ("hc3", "hc2"):
        raise VagusError(f"interaction: standard errors {robust!r}; allowed: auto, hc3, hc2")
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
        _fit_block(fit, part, *block, arms, shared, moderator is None, places, confidence, robust)
    return fit


def _scale(columns: Floats) -> Floats:
    """Centre, and divide by the standard deviation (n - 1) where there is one."""
    if not columns.size:
        return columns
    spread = columns.std(axis=0, ddof=1) if len(columns) > 1 else np.zeros(columns.shape[1])
    return (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _empty(k: int, steps: int, features: int) -> InteractionFit:
    def blank() -> Estimates:
        return Estimates(*[np.full(features, np.nan) for _ in range(6)])

    return InteractionFit(
        interaction=[[blank() for _ in range(steps)] for _ in range(k)],
        effect=[[blank() for _ in range(steps + 1)] for _ in range(k)],
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
    robust: str,
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
    inverse = np.linalg.inv(gram)
    solve = np.einsum("fij,fnj->fin", inverse, design)
    beta = np.einsum("fin,nf->fi", solve, y)
    residual = y.T - np.einsum("fni,fi->fn", design, beta)
    leverage = np.einsum("fni,fin->fn", design, solve)
    df = n - (design.shape[2] - dead.sum(axis=1))
    alone = leverage > 1 - 1e-9
    spare = np.where(alone, 1.0, 1 - leverage)
    share = np.where(alone, 0.0, residual / (spare if robust == "hc3" else np.sqrt(spare)))
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
            freedom = df.astype(np.float64)
            if robust == "hc2":
                weight = np.where(alone, 0.0, influence**2 / spare)
                freedom = _bell_mccaffrey(weight, design, inverse, leverage)
            p = 2 * stats.t.sf(np.abs(estimate / error), freedom)
            half = stats.t.ppf(0.5 + confidence / 2, freedom) * error
        numbers = (estimate, error, freedom, estimate - half, estimate + half, p)
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


def _bell_mccaffrey(weight: Floats, design: Floats, inverse: Floats, leverage: Floats) -> Floats:
    """Return the degrees of freedom of a sum of squared residuals with weights, as in `ancova`.

    With the residual maker M = I - H, tr(MWM)^2 / tr(MWMWM); H enters by traces of columns x columns.
    """
    first = (weight * (1 - leverage)).sum(axis=1)
    turned = inverse @ np.einsum("fn,fni,fnj->fij", weight, design, design, optimize=True)
    second = (weight**2 * (1 - 2 * leverage)).sum(axis=1) + np.einsum("fij,fji->f", turned, turned)
    return np.asarray(first**2 / second)

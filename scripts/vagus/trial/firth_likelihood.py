"""The penalised likelihood of logistic regressions that share all columns but one, and how it is climbed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

MAX_STEPS, MAX_HALVINGS = 200, 30
# Largest change of a coefficient in one Newton step, as in logistf.
MAX_JUMP = 5.0
# Share of the promised rise that a step must bring, or it is halved: without it, steps may swing for ever.
ENOUGH = 1e-3
# What a Newton step could still add to the log-likelihood when a feature counts as done; and when it cannot
# climb any more for rounding.
GAIN, ROUNDING_GAIN = 1e-14, 1e-9

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def hold(beta: Floats, column: int, value: Floats | float) -> Floats:
    """Return coefficients with one column set."""
    out = beta.copy()
    out[:, column] = value
    return out


class Logistic:
    """The penalised likelihood of features that share all columns but the last.

    Parameters
    ----------
    shared
        (participants, columns) of full rank.
    y, x
        (participants, features) presence, and presence at baseline; a baseline of zeros is no column.
    """

    def __init__(self, shared: Floats, y: Floats, x: Floats) -> None:
        self.shared, self.y, self.x = shared, y, x
        n, q = shared.shape
        self.products = np.einsum("ni,nj->nij", shared, shared).reshape(n, q * q)
        self.dead = ~(x != 0).any(axis=0)

    def _gram(self, weight: Floats, who: NDArray[np.int64]) -> Floats:
        """Return X' diag(weight) X of features; a column of zeros gets a one on the diagonal."""
        x, q = self.x[:, who], self.shared.shape[1]
        gram = np.empty((len(who), q + 1, q + 1))
        gram[:, :q, :q] = (self.products.T @ weight).T.reshape(-1, q, q)
        gram[:, q, :q] = gram[:, :q, q] = (self.shared.T @ (weight * x)).T
        gram[:, q, q] = np.where(self.dead[who], 1.0, (weight * x * x).sum(axis=0))
        return gram

    def _pieces(self, beta: Floats, who: NDArray[np.int64]) -> tuple[Floats, Floats, Floats, Floats]:
        """Return penalised log-likelihood, penalised score, and inverses of curvature and information.

        Firth's score is that of data in which participant i counts 1 + h_i times, h the leverage. The
        curvature is that of these data: with the information alone, steps overshoot where h is near 1.
        """
        y, x, q = self.y[:, who], self.x[:, who], self.shared.shape[1]
        eta = self.shared @ beta[:, :q].T + x * beta[:, q]
        fitted = expit(eta)
        weight = fitted * (1 - fitted)
        information = self._gram(weight, who)
        sign, log_det = np.linalg.slogdet(information)
        usable = (sign > 0) & np.isfinite(log_det) & (log_det > -600)
        information[~usable] = np.eye(q + 1)
        inverse = np.linalg.inv(information).astype(np.float64, copy=False)
        quadratic = self.products @ inverse[:, :q, :q].reshape(-1, q * q).T
        quadratic += x * (2 * (self.shared @ inverse[:, :q, q].T) + x * inverse[:, q, q])
        leverage = weight * quadratic
        left = y - fitted + leverage * (0.5 - fitted)
        score = np.column_stack([left.T @ self.shared, (left * x).sum(axis=0)])
        curvature = self._gram(weight * (1 + leverage), who)
        # Far out, where weights differ by many powers of ten, rounding alone may make it singular.
        usable &= np.linalg.slogdet(curvature)[0] > 0
        curvature[~usable] = np.eye(q + 1)
        value = (y * eta - np.logaddexp(0.0, eta)).sum(axis=0) + 0.5 * log_det
        solved = np.linalg.inv(curvature).astype(np.float64, copy=False)
        return np.where(usable, value, -np.inf), score, solved, inverse

    def maximise(self, beta: Floats, fixed: int | None = None) -> tuple[Floats, Floats, Bools]:
        """Climb from `beta`, with one coefficient held when `fixed` is given.

        Returns
        -------
        tuple
            (features, columns) coefficients, (features,) penalised log-likelihood, (features,) converged.
        """
        beta = beta.copy()
        everyone = np.arange(len(beta))
        value, score, inverse, _ = self._pieces(beta, everyone)
        done = np.zeros(len(beta), dtype=bool)
        for _ in range(MAX_STEPS):
            if fixed is not None:
                score[:, fixed] = 0.0
                # The inverse of the curvature without a row and column, out of the whole inverse.
                edge = inverse[:, :, fixed]
                inverse = inverse - edge[:, :, None] * edge[:, None, :] / edge[:, fixed][:, None, None]
            step = np.einsum("fij,fj->fi", inverse, score)
            gain = (score * step).sum(axis=1)
            done[everyone] = gain < GAIN
            keep = ~done[everyone]
            if not keep.any():
                break
            everyone, step, gain = everyone[keep], step[keep], gain[keep]
            step /= np.maximum(1.0, np.abs(step).max(axis=1) / MAX_JUMP)[:, None]
            score, inverse = score[keep], inverse[keep]
            rise = (score * step).sum(axis=1)
            todo = np.arange(len(everyone))
            for _ in range(MAX_HALVINGS):
                who = everyone[todo]
                trial = beta[who] + step[todo]
                new, new_score, new_inverse, _ = self._pieces(trial, who)
                enough = value[who] + ENOUGH * rise[todo] - 1e-13 * (1 + np.abs(value[who]))
                better = new >= enough
                beta[who[better]], value[who[better]] = trial[better], new[better]
                score[todo[better]], inverse[todo[better]] = new_score[better], new_inverse[better]
                todo = todo[~better]
                if not len(todo):
                    break
                step[todo] /= 2
                rise[todo] /= 2
            else:
                # No way up is left: these are at the top to rounding, or stuck.
                done[everyone[todo]] = gain[todo] < ROUNDING_GAIN
                go_on = np.ones(len(everyone), dtype=bool)
                go_on[todo] = False
                everyone, score, inverse = everyone[go_on], score[go_on], inverse[go_on]
                if not len(everyone):
                    break
        return beta, value, done

    def covariance(self, beta: Floats) -> Floats:
        """Return (features, columns, columns) inverse information at `beta`."""
        return self._pieces(beta, np.arange(len(beta)))[3]

    def slope(self, beta: Floats, column: int, who: NDArray[np.int64]) -> Floats:
        """Return the penalised score of one coefficient: the slope of its profile at a held maximum."""
        return self._pieces(beta, who)[1][:, column]

    def risk_difference(
        self, beta: Floats, covariance: Floats, column: int, used: list[int]
    ) -> tuple[Floats, Floats]:
        """Return the standardised risk difference of an arm (`column`) and its delta-method error."""
        sides, gradients = [], []
        q = self.shared.shape[1]
        for on in (1.0, 0.0):
            rows = self.shared.copy()
            rows[:, 1 : len(used) + 1] = 0.0
            rows[:, column] = on
            fitted = expit(rows @ beta[:, :q].T + self.x * beta[:, q])
            weight = fitted * (1 - fitted)
            sides.append(fitted.mean(axis=0))
            gradients.append(np.column_stack([weight.T @ rows, (weight * self.x).sum(axis=0)]) / len(rows))
        gradient = gradients[0] - gradients[1]
        return sides[0] - sides[1], np.sqrt(np.einsum("fi,fij,fj->f", gradient, covariance, gradient))


def profile_bound(
    model: Logistic, best: Floats, top: Floats, column: int, error: Floats, z: float
) -> tuple[Floats, Bools]:
    """Find where the root of the profile's deviance reaches `z`, on the side of its sign.

    The root of the deviance is nearly straight in the coefficient, so Newton steps need few fits; a bracket
    that only ever shrinks keeps them from leaving.

    Parameters
    ----------
    model
        The likelihood.
    best, top
        (features, columns) maximum, and (features,) penalised log-likelihood there.
    column
        Coefficient whose bound is looked for.
    error
        (features,) its Wald error, where the search starts.
    z
        Normal quantile; negative for the lower bound.

    Returns
    -------
    tuple
        (features,) bounds, and whether they were found.
    """
    side, aim = np.sign(z), abs(z)
    inside, outside = np.zeros(len(best)), np.full(len(best), np.inf)
    away = aim * error
    beta, good = best.copy(), np.ones(len(best), dtype=bool)
    who = np.arange(len(best))
    finished = np.zeros(len(best), dtype=bool)
    for _ in range(60):
        if not len(who):
            break
        part = Logistic(model.shared, model.y[:, who], model.x[:, who])
        # The other coefficients start from where the last fit left them.
        held, value, found = part.maximise(
            hold(beta[who], column, best[who, column] + side * away[who]), column
        )
        beta[who], good[who] = held, found
        root = np.sqrt(2 * np.maximum(top[who] - value, 0.0))
        slope = -side * part.slope(held, column, np.arange(len(who))) / np.maximum(root, 1e-12)
        short = root < aim
        inside[who] = np.where(short, np.maximum(inside[who], away[who]), inside[who])
        outside[who] = np.where(short, outside[who], np.minimum(outside[who], away[who]))
        finished[who] = np.abs(root - aim) < 1e-9
        with np.errstate(divide="ignore", invalid="ignore"):
            step = away[who] + (aim - root) / slope
        capped = np.minimum(outside[who], 4 * away[who])
        middle = np.where(np.isfinite(outside[who]), (inside[who] + outside[who]) / 2, 2 * away[who] + 1e-6)
        onward = np.where((step > inside[who]) & (step < capped), step, middle)
        away[who] = np.where(finished[who], away[who], onward)
        who = who[~finished[who]]
    return best[:, column] + side * away, good & finished

"""What every model of the trial floor returns, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vagus.errors import VagusError

OK = "ok"
FEW = "too few participants"
CONSTANT = "constant"
NO_SPREAD = "no residual variance"
ALIASED = "not estimable: arm follows a covariate"
MIN_PER_ARM = 2
# Ends the text of a mixed model whose fit lies on the boundary.
BOUNDARY = "; participant variance 0"
SLOPE_BOUNDARY = "; intercept and slope on the boundary"

# Below this share of a column's own sum of squares, what is left of it is rounding.
TINY = 1e-12

Floats = NDArray[np.float64]


@dataclass
class ContrastFit:
    """Estimates of every contrast for every feature, whatever the model.

    Parameters
    ----------
    contrasts, visits
        (rows,) text: what is compared, and at which visit.
    estimate, std_error, df, ci_low, ci_high, p_value
        (rows, features); NaN where the status is not `ok`.
    n_arm, n_reference
        (rows, features) participants of the arm and of the reference arm that the estimate rests on.
    model
        (rows, features) the model that was fitted, in words.
    status
        (rows, features) `ok` or why there is no estimate.
    plain_model
        The model in words, for a feature that was not fitted.
    """

    contrasts: list[str]
    visits: list[str]
    estimate: Floats
    std_error: Floats
    df: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats
    n_arm: NDArray[np.int64]
    n_reference: NDArray[np.int64]
    model: NDArray[np.object_]
    status: NDArray[np.object_]
    plain_model: str


def empty_fit(contrasts: list[str], visits: list[str], features: int, model: str) -> ContrastFit:
    """Return a fit without any estimate; every status is `too few participants`."""
    shape = (len(contrasts), features)

    def blank() -> Floats:
        return np.full(shape, np.nan)

    return ContrastFit(
        contrasts=list(contrasts),
        visits=list(visits),
        estimate=blank(),
        std_error=blank(),
        df=blank(),
        ci_low=blank(),
        ci_high=blank(),
        p_value=blank(),
        n_arm=np.zeros(shape, dtype=np.int64),
        n_reference=np.zeros(shape, dtype=np.int64),
        model=_texts(shape, model),
        status=_texts(shape, FEW),
        plain_model=model,
    )


def _texts(shape: tuple[int, int], text: str) -> NDArray[np.object_]:
    return np.full(shape, text, dtype=object)


def t_inference(
    estimate: Floats, std_error: Floats, df: Floats, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Return the limits of the interval and the two-sided p-value from Student's t.

    Parameters
    ----------
    estimate, std_error, df
        Of one shape.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    tuple
        Lower limit, upper limit, p-value.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        half = stats.t.ppf(0.5 + confidence / 2, df) * std_error
        p = np.asarray(2 * stats.t.sf(np.abs(estimate / std_error), df))
    return estimate - half, estimate + half, p


def check_confidence(confidence: float) -> None:
    """Raise `VagusError` unless the level is between 0 and 1."""
    if not 0 < confidence < 1:
        raise VagusError(
            f"config: trial.confidence is {confidence}; allowed: between 0 and 1; fix: give e.g. 0.95"
        )


def missing_patterns(known: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.int64]]]:
    """Group the columns of a table by which of their rows are known.

    Parameters
    ----------
    known
        (rows, features) whether a value is there.

    Yields
    ------
    tuple
        (rows,) the known rows, and the indices of the features that have just these.
    """
    if known.shape[1] == 0:
        return
    if bool((known == known[:, :1]).all()):
        yield known[:, 0], np.arange(known.shape[1])
        return
    packed = np.ascontiguousarray(np.packbits(known, axis=0).T)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, member = np.unique(keys, return_inverse=True)
    order = np.argsort(member, kind="stable")
    for columns in np.split(order, np.cumsum(np.bincount(member))[:-1]):
        yield known[:, columns[0]], columns

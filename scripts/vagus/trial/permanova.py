"""PERMANOVA and dispersion with one row per participant, arms permuted inside strata, in matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vagus.errors import VagusError
from vagus.trial.permutation import Codes, Floats, Scheme
from vagus.trial.stacked import STACKED

OK = "ok"
# Below this share of the total, a sum of squares is rounding.
NOTHING = 1e-12


@dataclass
class Cloud:
    """Points of n participants, by coordinates or by their inner products, whichever is smaller.

    Parameters
    ----------
    points
        n x r coordinates, or None.
    gram
        n x n inner products, or None. It need not be positive: distances that fit no Euclidean space, such as
        Bray-Curtis, have negative eigenvalues, and nothing here needs a square root of them.
    """

    points: Floats | None = None
    gram: Floats | None = None

    @classmethod
    def of(cls, points: Floats) -> Cloud:
        """Keep n x r coordinates, as inner products when there are more features than participants."""
        points = np.ascontiguousarray(points, dtype=np.float64)
        n, r = points.shape
        return cls(points=points) if r <= n else cls(gram=points @ points.T)

    @property
    def n(self) -> int:
        """Number of participants."""
        held = self.gram if self.points is None else self.points
        assert held is not None
        return len(held)

    @property
    def norms(self) -> Floats:
        """(n,) squared lengths."""
        if self.points is not None:
            return np.asarray(np.einsum("ij,ij->i", self.points, self.points))
        assert self.gram is not None
        return np.diag(self.gram).copy()

    def without(self, basis: Floats) -> Cloud:
        """Return the residuals on the columns of an orthonormal n x q basis."""
        if self.points is not None:
            return Cloud(points=self.points - basis @ (basis.T @ self.points))
        assert self.gram is not None
        left = self.gram - basis @ (basis.T @ self.gram)
        return Cloud(gram=left - (left @ basis) @ basis.T)

    def to_all(self, weights: Floats) -> Floats:
        """Return weights (b, n) times inner products: (b, n)."""
        if self.points is not None:
            return np.asarray((weights @ self.points) @ self.points.T)
        assert self.gram is not None
        return np.asarray(weights @ self.gram)

    def between(self, weights: Floats) -> Floats:
        """Return the inner products (b, k, k) of weighted sums, from weights (b, k, n)."""
        b, k, n = weights.shape
        flat = weights.reshape(b * k, n)
        if self.points is not None:
            sums = (flat @ self.points).reshape(b, k, -1)
            return np.asarray(sums @ sums.transpose(0, 2, 1))
        assert self.gram is not None
        return np.asarray((flat @ self.gram).reshape(b, k, n) @ weights.transpose(0, 2, 1))


@dataclass
class CommunityTest:
    """A test of the arms.

    Parameters
    ----------
    statistic
        Pseudo-F.
    r2
        Share of the total sum of squares (about the mean) that the arms explain, as adonis2 prints it.
    p_value
        By permutation; NaN without one.
    df, df_residual
        Degrees of freedom of arms and residual; they scale F and do not touch p.
    permutations
        Number of arrangements gone through.
    scheme
        What was permuted, in words.
    status
        `ok`, or why there is no p-value.
    """

    statistic: float
    r2: float
    p_value: float
    df: int
    df_residual: int
    permutations: int
    scheme: str
    status: str = OK


def refuse_repeated(participants: Sequence[str]) -> None:
    """Refuse rows that share a participant.

    Parameters
    ----------
    participants
        Of each row.

    Raises
    ------
    VagusError
        Naming a participant with more than one row, and what to use instead.
    """
    seen: set[str] = set()
    for name in participants:
        if name in seen:
            raise VagusError(f"permanova: participant {name!r} has more than one row; this {STACKED}")
        seen.add(name)


def permanova(
    cloud: Cloud, scheme: Scheme, participants: Sequence[str], adjust: Floats | None = None
) -> CommunityTest:
    """Test whether arms differ in location, one row per participant.

    The model is row ~ strata and covariates + arm, sums of squares of arms after the rest (adonis2 with `by
    = "terms"` and arm last). Under the null of no effect, rows, strata and covariates are fixed and only the
    arms were drawn; permuting arms inside the randomisation strata therefore makes any statistic exact, this
    one included, however the rows were computed, as long as no arm was used to compute them.

    Parameters
    ----------
    cloud
        Rows.
    scheme
        Arms, strata and permutations.
    participants
        Of each row.
    adjust
        n x q columns to adjust for, without NaN; None for none.

    Returns
    -------
    CommunityTest
        Pseudo-F, R2 and p.

    Raises
    ------
    VagusError
        If a participant has more than one row, or sizes differ.

    Notes
    -----
    Anderson 2001, doi 10.1111/j.1442-9993.2001.01070.pp.x; McArdle & Anderson 2001, doi
    10.1890/0012-9658(2001)082[0290:FMMTCD]2.0.CO;2. Cost per permutation is one row times the n x min(n, r)
    matrix; labels of at most a million entries are held at once.
    """
    refuse_repeated(participants)
    n = len(scheme.arm)
    if cloud.n != n or len(participants) != n:
        raise VagusError(f"permanova: {cloud.n} rows, {n} arms, {len(participants)} participants")
    k = int(scheme.arm.max(initial=-1)) + 1
    basis = model_basis(adjust if n else None, n)
    df, df_residual = k - 1, n - basis.shape[1] - (k - 1)

    def failed(status: str) -> CommunityTest:
        return CommunityTest(np.nan, np.nan, np.nan, df, df_residual, 0, scheme.words(), status)

    if k < 2 or np.bincount(scheme.arm, minlength=k).min() < 2:
        return failed("fewer than two participants in an arm")
    if df_residual < 1:
        return failed("no degrees of freedom left")
    total = float(cloud.without(np.full((n, 1), n**-0.5)).norms.sum())
    rows = cloud.without(basis)
    left = float(rows.norms.sum())
    if not total > NOTHING * np.abs(cloud.norms).sum() or left <= NOTHING * total:
        return failed("rows do not vary")

    def statistic(arms: Codes) -> tuple[Floats, Floats]:
        codes = arms[:, None, :] == np.arange(1, k)[None, :, None]
        weights = codes.astype(np.float64)
        inner = rows.between(weights)
        on_basis = weights @ basis
        design = weights @ weights.transpose(0, 2, 1) - on_basis @ on_basis.transpose(0, 2, 1)
        if k == 2:
            size = design[:, 0, 0]
            good = size > NOTHING * n
            between = np.where(good, inner[:, 0, 0] / np.where(good, size, 1.0), np.nan)
        else:
            inverse = np.linalg.pinv(design, rcond=1e-10, hermitian=True)
            between = np.einsum("bij,bji->b", inverse, inner)
        return between, (between / df) / ((left - between) / df_residual)

    between, observed = statistic(scheme.arm[None, :])
    if not np.isfinite(observed[0]):
        return failed("arms cannot be told from strata and covariates")
    f, r2 = float(observed[0]), float(between[0]) / total
    if scheme.distinct < 2:
        return CommunityTest(f, r2, np.nan, df, df_residual, 0, scheme.words(), "arms cannot be re-arranged")
    permuted = np.concatenate([statistic(arms)[1] for arms in scheme.batches()])
    permuted = np.where(np.isfinite(permuted), permuted, -np.inf)
    p = float(scheme.p_value(observed, permuted[:, None])[0])
    return CommunityTest(f, r2, p, df, df_residual, scheme.count, scheme.words())


def dispersion(cloud: Cloud, scheme: Scheme, participants: Sequence[str]) -> CommunityTest:
    """Test whether arms differ in how far their rows lie from their own centre.

    The statistic is betadisper's: F of the distances to the arm's centroid. Arms are permuted among
    participants and the centroids found anew, so the test is exact when the arms differ in nothing; it reads
    beside the test of location, for a difference there is one too.

    Parameters
    ----------
    cloud
        Rows.
    scheme
        Arms, strata and permutations.
    participants
        Of each row.

    Returns
    -------
    CommunityTest
        F, the share of the distances' sum of squares between arms, and p.

    Raises
    ------
    VagusError
        If a participant has more than one row.

    Notes
    -----
    Anderson 2006, doi 10.1111/j.1541-0420.2005.00440.x. With distances that fit no Euclidean space a squared
    distance to a centroid may be negative; its absolute value is used, as in vegan.
    """
    refuse_repeated(participants)
    n = len(scheme.arm)
    k = int(scheme.arm.max(initial=-1)) + 1
    df, df_residual = k - 1, n - k

    def failed(status: str) -> CommunityTest:
        return CommunityTest(np.nan, np.nan, np.nan, df, df_residual, 0, scheme.words(), status)

    if k < 2 or np.bincount(scheme.arm, minlength=k).min() < 3:
        return failed("fewer than three participants in an arm")
    rows = cloud.without(np.full((n, 1), n**-0.5))
    norms = rows.norms
    if not norms.sum() > NOTHING * np.abs(cloud.norms).sum():
        return failed("rows do not vary")

    def statistic(arms: Codes) -> tuple[Floats, Floats]:
        own = np.zeros(arms.shape)
        masks = []
        for g in range(k):
            mask = (arms == g).astype(np.float64)
            size = mask.sum(axis=1, keepdims=True)
            cross = rows.to_all(mask) / size
            centre = np.einsum("bn,bn->b", cross, mask)[:, None] / size
            own += mask * np.sqrt(np.abs(norms[None, :] - 2 * cross + centre))
            masks.append(mask)
        mean = own.mean(axis=1)
        total = ((own - mean[:, None]) ** 2).sum(axis=1)
        between = np.zeros(len(arms))
        for mask in masks:
            size = mask.sum(axis=1)
            between += size * ((mask * own).sum(axis=1) / size - mean) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return between / total, (between / df) / ((total - between) / df_residual)

    share, observed = statistic(scheme.arm[None, :])
    if not np.isfinite(observed[0]):
        return failed("distances to the centre do not vary")
    f, r2 = float(observed[0]), float(share[0])
    if scheme.distinct < 2:
        return CommunityTest(f, r2, np.nan, df, df_residual, 0, scheme.words(), "arms cannot be re-arranged")
    permuted = np.concatenate([statistic(arms)[1] for arms in scheme.batches()])
    permuted = np.where(np.isfinite(permuted), permuted, -np.inf)
    p = float(scheme.p_value(observed, permuted[:, None])[0])
    return CommunityTest(f, r2, p, df, df_residual, scheme.count, scheme.words())


def model_basis(adjust: Floats | None, n: int) -> Floats:
    """Return an orthonormal basis of the intercept and the adjustment columns, n x rank."""
    if not n:
        return np.empty((0, 0))
    columns = np.ones((n, 1)) if adjust is None else np.column_stack([np.ones(n), adjust])
    centred = columns.copy()
    centred[:, 1:] -= centred[:, 1:].mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    centred = centred[:, size > 1e-10 * max(1.0, float(np.abs(columns).max()))]
    centred = centred / np.sqrt((centred**2).sum(axis=0))
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, scale > 1e-9])


def change_gram(squared: Floats) -> Floats:
    """Inner products of participants' courses over visits, from distances alone.

    The rows of a participant are contrasted over visits (post minus pre for two visits; for V visits, V - 1
    orthonormal contrasts), which projects participants out; a test of arms on these is the arm by visit
    interaction of whole participants. For Euclidean distances and two visits it is the test on change.

    Parameters
    ----------
    squared
        V x n x V x n squared distances between visit v of participant i and visit w of participant j.

    Returns
    -------
    ndarray
        n x n; for two visits the inner products of the changes, divided by two.
    """
    visits = squared.shape[0]
    centre = np.eye(visits) - 1.0 / visits
    # Rows of the contrast sum to zero, so that Gower's centring drops out.
    gram = -0.5 * np.einsum("vw,viwj->ij", centre, squared)
    return np.asarray((gram + gram.T) / 2)

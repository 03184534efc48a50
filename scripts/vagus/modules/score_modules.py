"""Score modules in KO profiles: in every taxon by itself, then added up over the community."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

if TYPE_CHECKING:
    from vagus.profile import Profile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
# Features of a stratified profile are `<KO>|<taxon>`.
BETWEEN = "|"
# The taxon of reads without a species; what it holds is of many organisms.
UNKNOWN_TAXA = frozenset({"", "unclassified", "unknown"})
# Coverages are ratios of small whole numbers; a threshold of 0.667 is met by two steps of three.
CLOSE = 5e-4


class StepLike(Protocol):
    """A step as it is scored: what `vagus.modules.module_file.Step` has."""

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def optional(self) -> bool: ...
    @property
    def signature(self) -> bool: ...


class ModuleLike(Protocol):
    """A module as it is scored: what `vagus.modules.module_file.Module` has."""

    @property
    def id(self) -> str: ...
    @property
    def steps(self) -> Sequence[StepLike]: ...
    @property
    def coverage(self) -> float: ...


@dataclass(frozen=True)
class Compiled:
    """Modules as index arrays, so that all are scored at once.

    Parameters
    ----------
    ids
        Of the M modules.
    kos
        The K KOs that any of them names.
    parts, part_starts
        KO of each subunit (P), and where each enzyme begins among them (E).
    enzyme_starts
        Where each required step begins among the enzymes (S). Optional steps do not count for a value and
        are not here.
    step_starts
        Where each module begins among the steps (M).
    signature
        Whether a step is a signature (S).
    needed
        Least number of required steps that must be there (M).
    """

    ids: list[str]
    kos: list[str]
    parts: Ints
    part_starts: Ints
    enzyme_starts: Ints
    step_starts: Ints
    signature: npt.NDArray[np.bool_]
    needed: Ints


@dataclass(frozen=True)
class Scores:
    """Modules in the samples of a profile.

    Parameters
    ----------
    modules, samples
        The M rows and N columns of the arrays.
    value
        Sum over all taxa, in the unit of the profile (M x N).
    unclassified
        What of it is in reads without a species (M x N).
    carriers
        Number of species with the module (M x N).
    redundancy
        Effective number of carriers: exp of Shannon's entropy of their shares, Hill number of order 1
        (Hill 1973, doi:10.2307/1934352); 0 where there is none (M x N).
    coverage
        Best coverage of the required steps in any one taxon (M x N), 0 to 1, by what was seen in the sample.
    taxa
        Species; row blocks of `by_taxon`.
    by_taxon
        Values of all modules in the first species, then the second, ... (T*M x N); None without taxa.
    as_seen
        The value without any correction (M x N).
    """

    modules: list[str]
    samples: list[str]
    value: Floats
    unclassified: Floats
    carriers: Floats
    redundancy: Floats
    coverage: Floats
    taxa: list[str]
    by_taxon: sparse.csr_array | None
    as_seen: Floats


# For some modules: from a species' markers (P x N) and its values (M x N) to its values; see `detection`.
Corrector = Callable[[Compiled], Callable[[Floats, Floats], Floats]]


def compile_modules(modules: Iterable[ModuleLike]) -> Compiled:
    """Turn modules into index arrays.

    Parameters
    ----------
    modules
        Each with at least one required step.
    """
    place: dict[str, int] = {}
    ids: list[str] = []
    parts: list[int] = []
    part_starts: list[int] = []
    enzyme_starts: list[int] = []
    step_starts: list[int] = []
    signature: list[bool] = []
    needed: list[int] = []
    for module in modules:
        ids.append(module.id)
        step_starts.append(len(enzyme_starts))
        required = [step for step in module.steps if not step.optional]
        needed.append(max(1, int(np.ceil((module.coverage - CLOSE) * len(required)))))
        for step in required:
            enzyme_starts.append(len(part_starts))
            signature.append(step.signature)
            for enzyme in step.alternatives:
                part_starts.append(len(parts))
                parts += [place.setdefault(ko, len(place)) for ko in enzyme]
    return Compiled(
        ids,
        list(place),
        np.array(parts, np.intp),
        np.array(part_starts, np.intp),
        np.array(enzyme_starts, np.intp),
        np.array(step_starts, np.intp),
        np.array(signature, bool),
        np.array(needed, np.intp),
    )


def step_values(compiled: Compiled, kos: Floats) -> Floats:
    """Return the required steps of all modules in one taxon, S x N, from its KOs (K x N)."""
    enzymes = np.minimum.reduceat(kos[compiled.parts], compiled.part_starts, axis=0)
    return np.asarray(np.add.reduceat(enzymes, compiled.enzyme_starts, axis=0))


def score_block(compiled: Compiled, kos: Floats) -> tuple[Floats, Floats]:
    """Score all modules in one taxon.

    Parameters
    ----------
    compiled
        The modules.
    kos
        K x N, in the order of `compiled.kos`.

    Returns
    -------
    value, coverage
        M x N. A complex is as abundant as its rarest subunit, a step is the sum of its enzymes, a module the
        geometric mean of its required steps that are there; it is 0 where fewer than `needed` steps or not
        all signature steps are there.
    """
    steps = step_values(compiled, kos)
    there = steps > 0
    logs = np.log(steps, out=np.zeros_like(steps), where=there)
    seen = np.add.reduceat(there, compiled.step_starts, axis=0, dtype=np.intp)
    signed = np.logical_and.reduceat(there | ~compiled.signature[:, None], compiled.step_starts, axis=0)
    present = signed & (seen >= compiled.needed[:, None])
    mean = np.add.reduceat(logs, compiled.step_starts, axis=0) / np.maximum(seen, 1)
    lengths = np.diff(np.append(compiled.step_starts, len(compiled.enzyme_starts)))
    return np.where(present, np.exp(mean), 0.0), seen / lengths[:, None]


def split_feature(feature: str) -> tuple[str, str]:
    """Return KO and taxon of a feature; the taxon is "" where it has none."""
    ko, _, taxon = feature.partition(BETWEEN)
    return ko.removeprefix("ko:").removeprefix("EC:"), taxon


def taxon_blocks(profile: Profile, kos: Sequence[str]) -> Iterator[tuple[str, Floats]]:
    """Yield the taxa of a profile with their KOs.

    Parameters
    ----------
    profile
        Features `<KO>` or `<KO>|<taxon>`.
    kos
        Wanted, K.

    Yields
    ------
    tuple
        Taxon, and K x N values; one taxon is in memory at a time. Taxa without any of the KOs are left out.
    """
    place = {ko: i for i, ko in enumerate(kos)}
    rows: dict[str, tuple[list[int], list[int]]] = {}
    for row, feature in enumerate(profile.features):
        ko, taxon = split_feature(feature)
        at = place.get(ko)
        if at is not None:
            found = rows.setdefault(taxon, ([], []))
            found[0].append(row)
            found[1].append(at)
    table = sparse.csr_array(profile.table)
    for taxon in sorted(rows):
        source, target = rows[taxon]
        block = np.zeros((len(kos), table.shape[1]))
        np.add.at(block, target, table[source].toarray())
        yield taxon, block


def score_modules(
    modules: Iterable[ModuleLike],
    profile: Profile,
    keep_taxa: bool = True,
    corrector: Corrector | None = None,
    markers: Sequence[str] = (),
) -> Scores:
    """Score modules in every taxon and sample of a KO profile.

    Parameters
    ----------
    modules
        As `module_file.load_modules` gives them.
    profile
        KO profile; `<KO>|<taxon>` is scored taxon by taxon, so that no module is put together from two
        organisms. Of a profile without taxa the community is scored as if it were one organism.
    keep_taxa
        Return the values of each taxon too.
    corrector
        What corrects the values of named species for their depth, told from the `markers`; None does not.
    markers
        KOs of universal single-copy genes.

    Returns
    -------
    Scores
        See there.

    References
    ----------
    The rule is our own and fixed beforehand. Compare Vieira-Silva S et al. (2016) Nat Microbiol 1:16088,
    doi:10.1038/nmicrobiol.2016.88, in whose program the coverage cut-off is learned from the data.
    """
    compiled = compile_modules(modules)
    shape = (len(compiled.ids), len(profile.samples))
    value, unclassified, carriers, entropy, best, as_seen = (np.zeros(shape) for _ in range(6))
    count = len(compiled.kos)
    kos = list(dict.fromkeys([*compiled.kos, *(markers if corrector else ())]))
    marker_rows = [kos.index(marker) for marker in markers if corrector]
    correct = corrector(compiled) if corrector else None
    taxa: list[str] = []
    blocks: list[sparse.csr_array] = []
    named = np.zeros(shape)
    for taxon, block in taxon_blocks(profile, kos):
        unknown = taxon.lower() in UNKNOWN_TAXA
        found, coverage = score_block(compiled, block[:count])
        as_seen += found
        if correct and not unknown:
            found = correct(block[marker_rows], found)
        value += found
        best = np.maximum(best, coverage)
        if unknown:
            unclassified += found
            continue
        here = found > 0
        carriers += here
        named += found
        # Of the shares p = x / X: -sum p log p = log X - sum x log x / X.
        entropy += found * np.log(found, out=np.zeros_like(found), where=here)
        if keep_taxa and here.any():
            taxa.append(taxon)
            blocks.append(sparse.csr_array(found))
    some = named > 0
    total = np.where(some, named, 1.0)
    redundancy = np.where(some, np.exp(np.log(total) - entropy / total), 0.0)
    stacked = sparse.csr_array(sparse.vstack(blocks, format="csr")) if blocks else None
    samples = list(profile.samples)
    return Scores(
        compiled.ids, samples, value, unclassified, carriers, redundancy, best, taxa, stacked, as_seen
    )


def log_ratios(
    scores: Scores, balances: Iterable[tuple[str, Sequence[str], Sequence[str]]]
) -> tuple[list[str], Floats]:
    """Return balances between modules: log2 of the sum of some over the sum of others.

    Parameters
    ----------
    scores
        Of the modules.
    balances
        Id, modules above the line, modules below it.

    Returns
    -------
    ids, values
        B ids; B x N, NaN where either side is 0: a half that is not there has no ratio, and no number is
        made up for it.
    """
    place = {module: i for i, module in enumerate(scores.modules)}
    ids: list[str] = []
    rows: list[Floats] = []
    for name, above, below in balances:
        over, under = (scores.value[[place[m] for m in side]].sum(axis=0) for side in (above, below))
        good = (over > 0) & (under > 0)
        ids.append(name)
        rows.append(np.where(good, np.log2(np.where(good, over, 1.0) / np.where(good, under, 1.0)), np.nan))
    return ids, np.array(rows).reshape(len(ids), len(scores.samples))

"""Values do not depend on depth: exactly where counts are in proportion, and within a per cent where they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.module_depth import doubling, score
from hypothesis import given, settings
from hypothesis import strategies as st
from modules.made_communities import KOS, MARKERS, MODULE_ROWS, MODULES, PLACE, make_community
from modules.made_modules import Module, Step, make_profile

from vagus.modules.module_file import load_modules
from vagus.modules.module_profiles import make_profiles
from vagus.modules.score_modules import compile_modules, score_block, score_modules
from vagus.modules.shallow_taxa import LEAST_READS, lend_modules, marker_depth
from vagus.profile import Profile

ROOT = Path(__file__).parents[2] / "resources" / "modules"
MARKER_ROWS = [PLACE[ko] for ko in MARKERS]


@pytest.mark.parametrize("rule", ["own", "lend"])
def test_twice_the_reads_change_nothing(rule: str) -> None:
    rng = np.random.default_rng(1)
    once = make_community(rng, 20, 6).read(rng, 1e6)
    twice = Profile(once.name, once.table * 2, once.features, once.samples, {}, dict(once.meta))
    modules = load_modules(ROOT / "neuroactive.yaml")
    made = [make_profiles(p, modules, ROOT / "stoichiometry.tsv", MARKERS, rule)[0] for p in (once, twice)]
    for level in ("module", "metabolite", "balance", "module_by_species"):
        first, second = made[0][level], made[1][level]
        assert first.features == second.features
        np.testing.assert_allclose(first.table.toarray(), second.table.toarray(), rtol=1e-12)
        assert first.meta["shallow_species"] == rule


@pytest.fixture(scope="module")
def by_depth() -> dict[str, dict[float, np.ndarray]]:
    """Rule -> pairs -> modules x samples of one community; pairs 0 is the truth."""
    rng = np.random.default_rng(7)
    community = make_community(rng)
    found: dict[str, dict[float, np.ndarray]] = {rule: {0: community.truth()} for rule in ("own", "lend")}
    for pairs in (1e6, 2e6, 5e6, 10e6):
        for rule, values in score(community, rng, pairs).items():
            found[rule][pairs] = values
    return found


@pytest.mark.parametrize(("rule", "pairs"), [("own", 5e6), ("lend", 1e6), ("lend", 5e6)])
def test_twice_the_depth_changes_less_than_a_per_cent(
    by_depth: dict[str, dict[float, np.ndarray]], rule: str, pairs: float
) -> None:
    change = doubling(by_depth[rule][pairs], by_depth[rule][2 * pairs])
    print(rule, pairs, change)
    assert abs(change) < 0.01


def test_each_sample_by_itself_runs_low_in_shallow_samples(
    by_depth: dict[str, dict[float, np.ndarray]],
) -> None:
    assert doubling(by_depth["own"][1e6], by_depth["own"][2e6]) > 0.015
    row = [m.id for m in MODULES].index("RIBOSOME")
    own, lent = (np.median(by_depth[rule][1e6][row]) for rule in ("own", "lend"))
    assert own < 0.95 < 0.965 < lent < 1.01
    truth = by_depth["own"][0]
    some = truth.mean(axis=1) > 0.02
    errors = {
        (rule, pairs): np.sqrt(np.mean((by_depth[rule][pairs][some] - truth[some]) ** 2))
        for rule in ("own", "lend")
        for pairs in (1e6, 5e6)
    }
    print(errors)
    assert errors["lend", 1e6] < 0.85 * errors["own", 1e6]
    assert errors["lend", 5e6] <= errors["own", 5e6]


@pytest.mark.parametrize("reads", [0.3, 1, 3, 10, 40])
@pytest.mark.parametrize("unit", [1.0, 37.5, 1e-6])
def test_reads_per_gene_are_told_from_scatter(reads: float, unit: float) -> None:
    rng = np.random.default_rng(3)
    length = rng.lognormal(0, 0.3, 36)
    markers = rng.poisson(reads * length[:, None], (36, 400)) / length[:, None] * unit
    abundance, found = marker_depth(markers)
    assert abundance.mean() == pytest.approx(reads * unit, rel=0.1)
    assert np.median(found[abundance > 0]) == pytest.approx(reads, rel=0.35)


def one_species(genes: np.ndarray, reads: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return KOs x samples: counts of a species with these genes (KOs x samples) read so deep."""
    return rng.poisson(genes * reads).astype(float)


def lend(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return own values, lent values and where they are lent."""
    compiled = compile_modules(MODULES)
    own, _ = score_block(compiled, block[MODULE_ROWS])
    return own, *lend_modules(compiled, block[MODULE_ROWS], block[MARKER_ROWS], own)


TRP = [PLACE[ko] for ko in ("K01657", "K01658", "K00766", "K01817", "K01609", "K01695", "K01696")]
TRP_ROW = [m.id for m in MODULES].index("TRP_synthesis")


def test_a_strain_that_lost_a_module_has_lost_it_where_it_can_be_seen() -> None:
    rng = np.random.default_rng(5)
    genes = np.zeros((len(KOS), 20))
    genes[[*MARKER_ROWS, *TRP]] = 1
    genes[TRP, 1] = 0
    reads = np.array([60.0] * 10 + [2.0] * 10)
    block = one_species(genes, reads, rng)
    own, lent, shallow = lend(block)
    assert not shallow[:10].any()
    assert shallow[10:].all()
    np.testing.assert_array_equal(lent[:, :10], own[:, :10])
    assert lent[TRP_ROW, 1] == 0
    # Shallow: by abundance, and near the truth together; alone they show the module in some samples only.
    assert lent[TRP_ROW, 10:].sum() == pytest.approx(reads[10:].sum(), rel=0.2)
    assert (lent[TRP_ROW, 10:] > 0).all()
    # Modules that no strain has are lent to none.
    assert (lent[own[:, :10].sum(axis=1) == 0, 10:] == 0).all()


def test_what_is_seen_decides_between_strains() -> None:
    rng = np.random.default_rng(6)
    genes = np.zeros((len(KOS), 60))
    genes[[*MARKER_ROWS, *TRP]] = 1
    genes[np.ix_(TRP, range(0, 60, 2))] = 0
    reads = np.array([60.0] * 30 + [3.0] * 30)
    _, lent, shallow = lend(one_species(genes, reads, rng))
    without, with_it = lent[TRP_ROW, 30::2], lent[TRP_ROW, 31::2]
    assert shallow[30:].all()
    assert without.mean() < 0.05 * with_it.mean()
    assert with_it.mean() == pytest.approx(3.0, rel=0.25)


def test_a_species_that_is_rare_everywhere_is_scored_from_all_samples() -> None:
    rng = np.random.default_rng(8)
    genes = np.zeros((len(KOS), 40))
    genes[[*MARKER_ROWS, *TRP]] = 1
    own, lent, shallow = lend(one_species(genes, np.full(40, 0.5), rng))
    assert shallow.all()
    assert own[TRP_ROW].mean() < 0.2
    assert lent[TRP_ROW].mean() == pytest.approx(0.5, rel=0.15)


def test_without_markers_every_sample_is_by_itself() -> None:
    rng = np.random.default_rng(9)
    genes = np.zeros((len(KOS), 10))
    genes[[*MARKER_ROWS[:9], *TRP]] = 1
    own, lent, shallow = lend(one_species(genes, np.full(10, 1.0), rng))
    assert not shallow.any()
    np.testing.assert_array_equal(own, lent)
    assert LEAST_READS > 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_samples_features_and_modules_is_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    profile = make_community(rng, 6, 8).read(rng, 3e5)
    base = score_modules(MODULES, profile, lender=lend_modules, markers=MARKERS)
    rows, columns = rng.permutation(len(profile.features)), rng.permutation(8)
    mixed = Profile(
        profile.name,
        profile.table[rows][:, columns],
        [profile.features[i] for i in rows],
        [profile.samples[i] for i in columns],
        {},
        profile.meta,
    )
    again = score_modules(MODULES[::-1], mixed, lender=lend_modules, markers=MARKERS[::-1])
    for name in ("value", "carriers", "redundancy", "lent", "unclassified"):
        wanted = getattr(base, name)[:, columns]
        np.testing.assert_allclose(getattr(again, name)[::-1], wanted, rtol=1e-8, atol=1e-12)
    assert (base.lent <= base.value * (1 + 1e-12)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_more_reads_never_take_a_module_away(seed: int) -> None:
    """Presence and coverage grow with reads of any KO; so does the value, as long as no new step appears."""
    rng = np.random.default_rng(seed)
    profile = make_community(rng, 5, 4).read(rng, 2e5)
    base = score_modules(MODULES, profile)
    more = profile.table.copy()
    chosen = rng.random(more.nnz) < 0.3
    more.data[chosen] += rng.poisson(5, chosen.sum())
    grown = score_modules(MODULES, Profile(profile.name, more, profile.features, profile.samples, {}, {}))
    assert (grown.value >= base.value * (1 - 1e-9)).all()
    rows = rng.permutation(len(profile.features))
    part = Profile(profile.name, profile.table[rows[:-20]], [profile.features[i] for i in rows[:-20]],
                   profile.samples, {}, {})  # fmt: skip
    fewer = score_modules(MODULES, part)
    assert ((base.value > 0) >= (fewer.value > 0)).all()
    assert (base.coverage >= fewer.coverage).all()
    assert (base.carriers >= fewer.carriers).all()


def test_a_new_rare_step_lowers_a_mean_and_a_marker_lowers_all() -> None:
    """What does not hold, so that nobody builds on it."""
    chain = Module("M", (Step((("A",),)), Step((("B",),)), Step((("C",),))), 2 / 3)
    table = np.array([[9.0], [9.0], [0.0]])
    before = score_modules([chain], make_profile(table, ["A", "B", "C"])).value[0, 0]
    table[2] = 1.0
    after = score_modules([chain], make_profile(table, ["A", "B", "C"])).value[0, 0]
    assert after < before
    rng = np.random.default_rng(2)
    profile = make_community(rng, 5, 3).read(rng, 1e6)
    modules = load_modules(ROOT / "neuroactive.yaml")
    rows = [i for i, f in enumerate(profile.features) if f.split("|")[0] in MARKERS[:20]]
    more = profile.table.copy().tolil()
    more[rows] = more[rows] * 2
    richer = Profile(profile.name, more.tocsr(), profile.features, profile.samples, {}, dict(profile.meta))
    one, two = (
        make_profiles(p, modules, None, MARKERS, "own")[0]["module"].to_frame()["TRP_synthesis"]
        for p in (profile, richer)
    )
    assert (two[one > 0] < one[one > 0]).all()

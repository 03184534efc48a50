"""Values do not depend on depth: exactly with counts in proportion, within a per cent with counts drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.module_depth import doubling, score
from hypothesis import given, settings
from hypothesis import strategies as st
from modules.made_communities import COMPILED, KOS, MARKERS, MODULE_ROWS, MODULES, PLACE, make_community
from modules.made_modules import Module, Step, make_profile

from vagus.modules.detection import LEAST_SHARE, make_corrector, marker_depth, seen_share
from vagus.modules.module_file import load_modules
from vagus.modules.module_profiles import make_profiles
from vagus.modules.score_modules import Compiled, compile_modules, score_block, score_modules
from vagus.profile import Profile

ROOT = Path(__file__).parents[2] / "resources" / "modules"
MARKER_ROWS = [PLACE[ko] for ko in MARKERS]


@pytest.mark.parametrize("rule", [False, True])
def test_twice_the_reads_change_nothing(rule: bool) -> None:
    rng = np.random.default_rng(1)
    once = make_community(rng, 20, 6).read(rng, 1e6)
    twice = Profile(once.name, once.table * 2, once.features, once.samples, {}, dict(once.meta))
    modules = load_modules(ROOT / "neuroactive.yaml")
    made = [make_profiles(p, modules, ROOT / "stoichiometry.tsv", MARKERS, rule)[0] for p in (once, twice)]
    for level in ("module", "metabolite", "balance", "module_by_species"):
        first, second = made[0][level], made[1][level]
        assert first.features == second.features
        np.testing.assert_allclose(first.table.toarray(), second.table.toarray(), rtol=1e-12)
        assert first.meta["depth_correction"] is rule


@pytest.fixture(scope="module")
def by_depth() -> dict[str, dict[float, np.ndarray]]:
    """Rule -> pairs -> modules x samples of one community; pairs 0 is the truth."""
    rng = np.random.default_rng(7)
    community = make_community(rng)
    found: dict[str, dict[float, np.ndarray]] = {
        rule: {0: community.truth()} for rule in ("as seen", "corrected")
    }
    for pairs in (1e6, 2e6, 5e6, 10e6):
        for rule, values in score(community, rng, pairs).items():
            found[rule][pairs] = values
    return found


@pytest.mark.parametrize(("rule", "pairs"), [("as seen", 5e6), ("corrected", 1e6), ("corrected", 5e6)])
def test_twice_the_depth_changes_less_than_a_per_cent(
    by_depth: dict[str, dict[float, np.ndarray]], rule: str, pairs: float
) -> None:
    change = doubling(by_depth[rule][pairs], by_depth[rule][2 * pairs])
    print(rule, pairs, change)
    assert abs(change) < 0.01


def test_what_is_seen_runs_low_in_shallow_samples(
    by_depth: dict[str, dict[float, np.ndarray]],
) -> None:
    assert doubling(by_depth["as seen"][1e6], by_depth["as seen"][2e6]) > 0.015
    row = [m.id for m in MODULES].index("RIBOSOME")
    seen, corrected = (np.median(by_depth[rule][1e6][row]) for rule in ("as seen", "corrected"))
    assert seen < 0.96 < 0.97 < corrected < 1.01
    truth = by_depth["as seen"][0]
    some = truth.mean(axis=1) > 0.02
    errors = {
        (rule, pairs): np.sqrt(np.mean((by_depth[rule][pairs][some] - truth[some]) ** 2))
        for rule in ("as seen", "corrected")
        for pairs in (1e6, 5e6)
    }
    print(errors)
    assert all(errors["corrected", pairs] < errors["as seen", pairs] for pairs in (1e6, 5e6))


@pytest.mark.parametrize("reads", [0.3, 1, 3, 10, 40])
@pytest.mark.parametrize("unit", [1.0, 37.5, 1e-6])
def test_reads_per_gene_are_told_from_scatter(reads: float, unit: float) -> None:
    rng = np.random.default_rng(3)
    length = rng.lognormal(0, 0.3, 36)
    markers = rng.poisson(reads * length[:, None], (36, 400)) / length[:, None] * unit
    abundance, found = marker_depth(markers)
    assert abundance.mean() == pytest.approx(reads * unit, rel=0.1)
    assert np.median(found[abundance > 0]) == pytest.approx(reads, rel=0.35)


TRP = [PLACE[ko] for ko in ("K01656", "K00766", "K01817", "K01609", "K01694")]
TRP_ROW = [m.id for m in MODULES].index("TRP_synthesis")


def one_species(
    genes: np.ndarray, reads: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return values as seen and corrected of a species with these genes (KOs x samples) read so deep."""
    block = rng.poisson(genes * reads).astype(float)
    seen, _ = score_block(COMPILED, block[MODULE_ROWS])
    return seen, make_corrector(COMPILED)(block[MARKER_ROWS], seen)


@pytest.mark.parametrize("reads", [0.5, 1.0, 2.0, 5.0, 20.0])
def test_the_share_that_is_seen_is_what_draws_give(reads: float) -> None:
    """Simulated with the scorer itself: all genes of the shortest enzymes, of every module."""
    rng = np.random.default_rng(11)
    shortest = [
        Module(
            m.id,
            tuple(
                Step((min(s.alternatives, key=len),), s.optional, s.signature)
                for s in m.steps
                if not s.optional
            ),
            m.coverage,
        )
        for m in MODULES
    ]
    compiled = compile_modules(shortest)
    # Every KO of a step is drawn for itself, as if it stood in no other step.
    apart = Compiled(
        compiled.ids,
        [str(i) for i in range(len(compiled.parts))],
        np.arange(len(compiled.parts)),
        compiled.part_starts,
        compiled.enzyme_starts,
        compiled.step_starts,
        compiled.signature,
        compiled.needed,
    )
    draws = rng.poisson(reads, (len(apart.parts), 20_000)).astype(float)
    found = score_block(apart, draws)[0]
    error = found.std(axis=1) / np.sqrt(draws.shape[1]) / reads
    share = seen_share(COMPILED, np.array([reads]))[:, 0]
    assert (np.abs(found.mean(axis=1) / reads - share) < 4.5 * error + 1e-9).all()
    single = [
        i for i, m in enumerate(MODULES) if len(m.required) == 1 and len(m.required[0].alternatives[0]) == 1
    ]
    np.testing.assert_allclose(share[single], 1, rtol=1e-9)


def test_a_strain_that_lost_a_module_has_lost_it() -> None:
    rng = np.random.default_rng(5)
    genes = np.zeros((len(KOS), 4000))
    genes[[*MARKER_ROWS, *TRP]] = 1
    genes[TRP, ::2] = 0
    seen, corrected = one_species(genes, np.full(4000, 3.0), rng)
    assert (corrected[TRP_ROW, ::2] == 0).all()
    assert ((seen > 0) == (corrected > 0)).all()
    # Carriers are seen too low, and corrected to their abundance.
    # One gene serves in two steps, so the module is a little above one copy.
    truth = score_block(COMPILED, 3 * genes[MODULE_ROWS, 1:2])[0][TRP_ROW, 0]
    assert truth == pytest.approx(3 * 2 ** (1 / 5))
    assert seen[TRP_ROW, 1::2].mean() < 0.92 * truth
    assert corrected[TRP_ROW, 1::2].mean() == pytest.approx(truth, rel=0.05)


def test_a_deep_species_is_left_as_it_is() -> None:
    rng = np.random.default_rng(6)
    genes = np.zeros((len(KOS), 10))
    genes[[*MARKER_ROWS, *TRP]] = 1
    seen, corrected = one_species(genes, np.full(10, 5000.0), rng)
    np.testing.assert_array_equal(seen, corrected)


def test_chance_sights_stand_for_ten_at_most() -> None:
    rng = np.random.default_rng(8)
    genes = np.zeros((len(KOS), 400))
    genes[[*MARKER_ROWS, *TRP]] = 1
    seen, corrected = one_species(genes, np.full(400, 0.3), rng)
    ratio = corrected[seen > 0] / seen[seen > 0]
    assert ratio.max() <= 1 / LEAST_SHARE + 1e-9


def test_without_markers_nothing_is_corrected() -> None:
    rng = np.random.default_rng(9)
    genes = np.zeros((len(KOS), 50))
    genes[[*MARKER_ROWS[:9], *TRP]] = 1
    seen, corrected = one_species(genes, np.full(50, 1.0), rng)
    np.testing.assert_array_equal(seen, corrected)
    table = np.ones((len(MARKERS) + 1, 2))
    features = [f"{ko}|unclassified" for ko in [*MARKERS, "K01667"]]
    scores = score_modules(MODULES, make_profile(table, features), corrector=make_corrector, markers=MARKERS)
    np.testing.assert_array_equal(scores.value, scores.as_seen)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_samples_features_and_modules_is_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    profile = make_community(rng, 6, 8).read(rng, 3e5)
    base = score_modules(MODULES, profile, corrector=make_corrector, markers=MARKERS)
    rows, columns = rng.permutation(len(profile.features)), rng.permutation(8)
    mixed = Profile(
        profile.name,
        profile.table[rows][:, columns],
        [profile.features[i] for i in rows],
        [profile.samples[i] for i in columns],
        {},
        profile.meta,
    )
    again = score_modules(MODULES[::-1], mixed, corrector=make_corrector, markers=MARKERS[::-1])
    for name in ("value", "carriers", "redundancy", "as_seen", "unclassified"):
        wanted = getattr(base, name)[:, columns]
        np.testing.assert_allclose(getattr(again, name)[::-1], wanted, rtol=1e-8, atol=1e-12)


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
        make_profiles(p, modules, None, MARKERS, False)[0]["module"].to_frame()["TRP_synthesis"]
        for p in (profile, richer)
    )
    assert (two[one > 0] < one[one > 0]).all()

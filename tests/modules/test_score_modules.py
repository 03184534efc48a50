"""Modules are scored in each taxon by the rule that is written down, whatever the order and the depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules.made_modules import Module, Step, make_profile, random_modules, random_profile, score_by_loop

from vagus.modules.ec_modules import by_ec
from vagus.modules.score_modules import compile_modules, log_ratios, score_block, score_modules
from vagus.profile import Profile

CHAIN = Module("CHAIN", (Step((("A",),)), Step((("B", "C"), ("D",))), Step((("E",),), signature=True)), 2 / 3)


def like(profile: Profile, table: Any, features: list[str] | None = None) -> Profile:
    return Profile(profile.name, table, features or profile.features, profile.samples, {}, profile.meta)


def values(kos: dict[str, float], module: Module = CHAIN) -> float:
    profile = make_profile(np.array([[v] for v in kos.values()]), list(kos))
    return float(score_modules([module], profile).value[0, 0])


def test_step_is_the_sum_complex_the_minimum_module_the_geometric_mean() -> None:
    found = values({"A": 8.0, "B": 3.0, "C": 1.0, "D": 1.0, "E": 4.0})
    assert found == pytest.approx((8 * (1 + 1) * 4) ** (1 / 3))


def test_coverage_and_signature_decide_presence() -> None:
    # Two of three steps are enough, and the mean is over those.
    assert values({"A": 8.0, "E": 2.0}) == pytest.approx(4.0)
    assert values({"E": 2.0}) == 0
    assert values({"A": 8.0, "B": 3.0, "C": 1.0}) == 0
    # Half a complex is no step.
    assert values({"B": 3.0, "E": 2.0}) == 0


def test_an_optional_step_changes_nothing() -> None:
    module = Module("O", (Step((("A",),)), Step((("Z",),), optional=True)))
    assert values({"A": 5.0}, module) == values({"A": 5.0, "Z": 100.0}, module) == pytest.approx(5)


def test_two_organisms_make_no_module_together() -> None:
    table = np.array([[8.0], [2.0], [2.0]])
    apart = make_profile(table, ["A|one", "D|one", "E|two"])
    assert score_modules([CHAIN], apart).value[0, 0] == 0
    together = make_profile(table, ["A|one", "D|one", "E|one"])
    assert score_modules([CHAIN], together).value[0, 0] == pytest.approx(32 ** (1 / 3))


def test_community_value_carriers_and_redundancy() -> None:
    module = Module("ONE", (Step((("A",),)),))
    table = np.array([[3.0, 0.0, 1.0], [3.0, 0.0, 0.0], [2.0, 5.0, 0.0]])
    found = score_modules([module], make_profile(table, ["A|x", "A|y", "A|unclassified"]))
    np.testing.assert_allclose(found.value, [[8.0, 5.0, 1.0]])
    np.testing.assert_allclose(found.unclassified, [[2.0, 5.0, 0.0]])
    assert found.carriers.tolist() == [[2.0, 0.0, 1.0]]
    np.testing.assert_allclose(found.redundancy, [[2.0, 0.0, 1.0]])
    assert found.taxa == ["x", "y"]
    assert found.by_taxon is not None
    np.testing.assert_allclose(found.by_taxon.toarray(), [[3.0, 0.0, 1.0], [3.0, 0.0, 0.0]])


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    modules, profile = random_modules(rng, 12, 30), random_profile(rng, 5, 30, 7, 0.5)
    found = score_modules(modules, profile)
    loop = score_by_loop(modules, profile)
    assert any(value for value, _ in loop.values())
    for i, module in enumerate(modules):
        for j, sample in enumerate(profile.samples):
            rows = {t: loop[m, t, s] for m, t, s in loop if m == module.id and s == sample}
            named = {t: v for t, (v, _) in rows.items() if t != "unclassified" and v > 0}
            assert found.value[i, j] == pytest.approx(sum(v for v, _ in rows.values()))
            assert found.unclassified[i, j] == pytest.approx(rows.get("unclassified", (0.0, 0.0))[0])
            assert found.carriers[i, j] == len(named)
            assert found.coverage[i, j] == pytest.approx(max(c for _, c in rows.values()))
            shares = np.array(list(named.values())) / (sum(named.values()) or 1)
            expected = np.exp(-(shares * np.log(shares)).sum()) if named else 0.0
            assert found.redundancy[i, j] == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_scale_order_and_monotonicity(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    modules, profile = random_modules(rng, 6, 20), random_profile(rng, 3, 20, 4, 0.6)
    base = score_modules(modules, profile)
    # In proportion to depth before it is divided by genomes, and so unchanged after.
    scaled = like(profile, profile.table * factor)
    np.testing.assert_allclose(score_modules(modules, scaled).value, base.value * factor, rtol=1e-9)
    order = rng.permutation(len(profile.features))
    mixed = like(profile, profile.table[order], [profile.features[i] for i in order])
    np.testing.assert_allclose(score_modules(modules[::-1], mixed).value[::-1], base.value, rtol=1e-9)
    # More of what is there already never makes less.
    more = profile.table.copy()
    more.data = more.data * rng.uniform(1, 3, len(more.data))
    grown = score_modules(modules, like(profile, more))
    assert (grown.value >= base.value * (1 - 1e-9)).all()


def test_presence_never_shrinks_with_another_ko() -> None:
    rng = np.random.default_rng(1)
    modules = random_modules(rng, 40, 15)
    compiled = compile_modules(modules)
    kos = (rng.random((len(compiled.kos), 200)) < 0.4).astype(float)
    before, cover = score_block(compiled, kos)
    kos[rng.integers(0, len(kos), 200), np.arange(200)] = 1.0
    after, covered = score_block(compiled, kos)
    assert ((after > 0) >= (before > 0)).all()
    assert (covered >= cover).all()
    assert ((after > 0) & (before == 0)).any()


def test_a_profile_without_any_ko_of_the_modules_scores_zero() -> None:
    found = score_modules([CHAIN], make_profile(np.ones((1, 2)), ["K99999|x"]))
    assert found.value.tolist() == [[0.0, 0.0]]
    assert found.by_taxon is None


def test_a_balance_needs_both_sides() -> None:
    make, waste = Module("MAKE", (Step((("A",),)),)), Module("WASTE", (Step((("B",),)),))
    table = np.array([[8.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    scores = score_modules([make, waste], make_profile(table, ["A", "B"]))
    ids, ratio = log_ratios(scores, [("BALANCE", ["MAKE"], ["WASTE"])])
    assert ids == ["BALANCE"]
    np.testing.assert_allclose(ratio, [[2.0, np.nan, np.nan]], rtol=1e-12)


def test_modules_by_ec_leave_out_what_ec_can_not_tell() -> None:
    known = Module("KNOWN", (Step((("A",),), ec=("1.1.1.1", "1.1.1.2")), Step((("B",),), ec=("1.-.-.-",))))
    blind = Module("BLIND", (Step((("A",),), ec=("1.1.1.1",)), Step((("B",),), signature=True)))
    made, left_out = by_ec([known, blind])
    assert left_out == ["BLIND"]
    profile = make_profile(np.array([[2.0], [3.0]]), ["EC:1.1.1.1", "1.1.1.2"])
    assert score_modules(made, profile).value[0, 0] == pytest.approx(5.0)

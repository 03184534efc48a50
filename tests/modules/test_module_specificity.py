"""Random modules of equal shape and prevalence: null stays null, operons are found, tiers hold on genomes."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from modules.made_modules import make_profile, random_modules, random_profile
from scipy import sparse, stats

from vagus.modules.ec_modules import EcModule, EcStep
from vagus.modules.module_file import load_modules
from vagus.modules.module_specificity import (
    EVERYWHERE,
    LESS,
    MORE,
    NO_GENE,
    NOTHING_ALIKE,
    ONE_GENE,
    TABLE_COLUMNS,
    main,
    measure_specificity,
    of_genomes,
    take_modules,
    tally_modules,
)
from vagus.modules.random_modules import NEAREST, count_organisms, draw_modules, pools, required_kos
from vagus.modules.score_modules import compile_modules, score_block, score_modules
from vagus.profile import Profile, write_profile

ROOT = Path(__file__).parents[2]
MODULES = load_modules(ROOT / "resources" / "modules" / "neuroactive.yaml").modules
ARCHAEA = ROOT.parent / "shared" / "data" / "picrust2_archaea" / "ko.txt.gz"


class Tiered(EcModule):
    """A made module with what the table says of it."""

    axis, tier = "MADE", "B"


def chain(name: str, kos: list[str], coverage: float = 1.0) -> Tiered:
    return Tiered(name, tuple(EcStep(((ko,),), False, False) for ko in kos), coverage)


def organisms(has: np.ndarray) -> Profile:
    """Return a profile of one sample from species x KOs."""
    rows, columns = np.nonzero(has)
    features = [f"K{k:05d}|species {t}" for t, k in zip(rows, columns, strict=True)]
    return make_profile(np.ones((len(features), 1)), features)


def independent(rng: np.random.Generator, species: int, kos: int) -> np.ndarray:
    return rng.random((species, kos)) < rng.uniform(0.1, 0.95, kos)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_percentiles_are_uniform_where_genes_are_independent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    profile = organisms(independent(rng, 300, 2000))
    modules = [
        chain(f"M{i}", [f"K{k:05d}" for k in rng.choice(2000, rng.integers(2, 5), replace=False)])
        for i in range(150)
    ]
    found = measure_specificity(modules, profile, 100)
    # Those of rare genes tie with their random modules at next to nothing. Chosen by what is expected of
    # them, for a choice by what was seen would bend the percentiles.
    found = found[found["complete_random"] > 0.02]
    print(len(found), stats.kstest(found["percentile"], "uniform"))
    assert len(found) > 100
    assert stats.kstest(found["percentile"], "uniform").pvalue > 0.01
    assert found["verdict"].isin([MORE, LESS]).mean() < 0.1


def test_an_operon_is_more_often_complete_than_random() -> None:
    rng = np.random.default_rng(4)
    has = independent(rng, 300, 600)
    # Four genes that are in the same organisms, and four as common that are not.
    has[:, :4] = (rng.random((300, 1)) < 0.4) & (rng.random((300, 4)) < 0.98)
    has[:, 4:8] = rng.random((300, 4)) < 0.4
    # Two genes that exclude each other.
    has[:, 8] = rng.random(300) < 0.5
    has[:, 9] = ~has[:, 8]
    modules = [
        chain(name, [f"K{k:05d}" for k in kos])
        for name, kos in {"OPERON": range(4), "SCATTERED": range(4, 8), "EXCLUSIVE": (8, 9)}.items()
    ]
    found = measure_specificity(modules, organisms(has), 200).set_index("module")
    assert found.loc["OPERON", "verdict"] == MORE
    assert found.loc["OPERON", "percentile"] == 1
    assert found.loc["OPERON", "complete"] > 5 * found.loc["OPERON", "complete_random_high"]
    assert found.loc["SCATTERED", "verdict"] == "as random"
    assert found.loc["EXCLUSIVE", "verdict"] == LESS
    assert found["mismatch"].max() < 0.1


def test_random_modules_keep_the_shape() -> None:
    rng = np.random.default_rng(5)
    counts = count_organisms(organisms(independent(rng, 100, 6297)))
    # Give the genes of the file a prevalence; one is in no organism.
    names = sorted({ko for m in MODULES for ko in required_kos(m)})
    counts = {f"X{ko}": n for ko, n in counts.items()}
    counts |= {ko: int(rng.integers(1, 100)) for ko in names}
    del counts["K00626"]
    for module in MODULES:
        made, _ = draw_modules(module, counts, 5)
        assert len(made) == 5
        required = [step for step in module.steps if not step.optional]
        own = set(required_kos(module))
        for random in made:
            assert random.coverage == module.coverage
            shape = [[len(e) for e in s.alternatives] for s in random.steps]
            assert shape == [[len(e) for e in s.alternatives] for s in required]
            assert [s.signature for s in random.steps] == [s.signature for s in required]
            drawn = required_kos(random)
            assert not own & set(drawn)
            # A KO in two steps stays one KO, and two stay two.
            assert len(drawn) == len(own)
            assert sum(ko not in counts for ko in drawn) == ("K00626" in own)


def test_stand_ins_are_as_prevalent() -> None:
    counts = {f"K{k:05d}": k // 10 + 1 for k in range(2000)} | {"NONE": 0}
    found = pools(["K01000", "K00000", "NONE", "ABSENT"], counts, {"K01000", "K00000"})
    assert set(found) == {"K01000", "K00000"}
    assert all(NEAREST <= len(pool) < NEAREST + 20 for pool in found.values())
    assert max(abs(counts[ko] - counts["K01000"]) for ko in found["K01000"]) <= 3
    ties = pools(["A"], {"A": 3} | {f"B{i}": 3 for i in range(100)} | {"C": 4}, {"A"})
    assert set(ties["A"]) == {f"B{i}" for i in range(100)}


def test_draws_do_not_depend_on_what_stands_beside() -> None:
    rng = np.random.default_rng(6)
    has = independent(rng, 60, 300)
    modules = [chain(f"M{i}", [f"K{k:05d}" for k in rng.choice(300, 3, replace=False)]) for i in range(6)]
    profile = organisms(has)
    found = measure_specificity(modules, profile, 20).set_index("module")
    order = rng.permutation(len(profile.features))
    mixed = Profile(
        profile.name,
        profile.table[order],
        [profile.features[i] for i in order],
        profile.samples,
        {},
        profile.meta,
    )
    again = measure_specificity(modules[::-2], mixed, 20).set_index("module")
    pd.testing.assert_frame_equal(found.loc[again.index], again)
    other = measure_specificity(modules, profile, 20, seed=2).set_index("module")
    assert (other["complete"] == found["complete"]).all()
    assert (other["complete_random"] != found["complete_random"]).any()


@pytest.mark.parametrize("unknown", [False, True])
def test_the_tally_is_what_the_scorer_says(unknown: bool) -> None:
    rng = np.random.default_rng(7)
    modules, profile = random_modules(rng, 30, 40), random_profile(rng, 8, 40, 9, 0.4, unknown)
    tally, scores = tally_modules(modules, profile), score_modules(modules, profile)
    named = scores.value - scores.unclassified
    np.testing.assert_allclose(tally.value, np.median(named, axis=1))
    np.testing.assert_allclose(tally.prevalence, (named > 0).mean(axis=1))
    np.testing.assert_allclose(tally.complete * tally.organisms, scores.carriers.sum(axis=1))
    assert scores.by_taxon is not None
    by_taxon = (scores.by_taxon.toarray() > 0).any(axis=1).reshape(-1, len(modules))
    np.testing.assert_allclose(tally.carriers, by_taxon.sum(axis=0))


def test_samples_are_the_organisms_where_there_are_no_species() -> None:
    table = np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 4.0]])
    profile = make_profile(table, ["K00001", "K00002", "K00003"])
    assert count_organisms(profile) == {"K00001": 2, "K00002": 1, "K00003": 1}
    tally = tally_modules([chain("M", ["K00001", "K00002"])], profile)
    assert (tally.carriers[0], tally.prevalence[0]) == (1, pytest.approx(1 / 3))


def test_verdicts_where_nothing_can_be_compared() -> None:
    profile = make_profile(np.ones((2, 2)), ["K00001|a", "K00002|a"])
    modules = [
        chain("ALL", ["K00001", "K00002"]),
        chain("ONE", ["K00001", "K77777"], 0.5),
        chain("NONE", ["K88888"]),
    ]
    found = measure_specificity(modules, profile, 10).set_index("module")
    assert found["verdict"].to_dict() == {"ALL": NOTHING_ALIKE, "ONE": ONE_GENE, "NONE": NO_GENE}
    assert found["draws"].tolist() == [0, 10, 0]
    assert measure_specificity(modules, profile, 0)["verdict"].tolist() == ["", "", ""]


def test_taking_some_modules_keeps_their_values() -> None:
    rng = np.random.default_rng(8)
    compiled = compile_modules(random_modules(rng, 25, 30))
    kos = rng.random((len(compiled.kos), 6)) * (rng.random((len(compiled.kos), 6)) < 0.7)
    keep = np.array([0, 3, 4, 11, 24])
    for part, whole in zip(
        score_block(take_modules(compiled, keep), kos), score_block(compiled, kos), strict=True
    ):
        np.testing.assert_array_equal(part, whole[keep])


def test_the_table_is_written(tmp_path: Path) -> None:
    write_profile(make_profile(np.ones((2, 2)), ["K01667|a", "K00001|a"]), tmp_path / "shotgun.ko.biom")
    modules = ROOT / "resources" / "modules" / "neuroactive.yaml"
    main(str(tmp_path / "shotgun.ko.biom"), str(modules), str(tmp_path / "new" / "t.tsv"), 3)
    table = pd.read_csv(tmp_path / "new" / "t.tsv", sep="\t")
    assert list(table.columns) == TABLE_COLUMNS
    assert table["module"].tolist() == [m.id for m in MODULES]
    write_profile(make_profile(np.ones((1, 2)), ["4.1.99.1"]), tmp_path / "own.ko.biom")
    main(str(tmp_path / "own.ko.biom"), str(modules), str(tmp_path / "ec.tsv"), 3)
    assert pd.read_csv(tmp_path / "ec.tsv", sep="\t").set_index("module").loc["INDOLE", "prevalence"] == 1


@pytest.fixture(scope="module")
def archaea() -> pd.DataFrame:
    """All modules in 1,002 archaeal genomes, each an organism of one made sample."""
    if not ARCHAEA.exists():
        pytest.skip(f"{ARCHAEA} is absent")
    with gzip.open(ARCHAEA, "rt") as handle:
        table = pd.read_csv(handle, sep="\t", index_col=0)
    values = table.to_numpy(float)
    rows, columns = np.nonzero(values)
    kos = [c.removeprefix("ko:") for c in table.columns]
    features = [f"{kos[k]}|{table.index[g]}" for g, k in zip(rows, columns, strict=True)]
    found = measure_specificity(MODULES, make_profile(values[rows, columns][:, None], features), 100)
    assert found["organisms"].max() > 900
    return found.set_index("module")


@pytest.mark.parametrize(
    ("module", "verdict"),
    [
        # Pathways whose genes go together: tryptophan (most archaea make it), menaquinone by either way (few
        # do, and those have the whole), dissimilatory sulfate reduction (Archaeoglobus), iorAB side by side.
        ("TRP_synthesis", MORE),
        ("MK_classic", MORE),
        ("MK_futalosine", MORE),
        ("H2S_dsr", MORE),
        ("IAA_ferredoxin", MORE),
        # Archaea make methanopterin instead of folate: of the folate genes they have a few, and these for
        # other ends (GTP cyclohydrolase of the tetrahydrobiopterin kind), so the module is as rare as chance.
        ("FOLATE", "as random"),
        # Enzymes in place of each other: a genome that has one lacks the other, so fewer have any.
        ("H2S_cysteine", LESS),
        ("GLU_dehydrogenase", "as random"),
        # What all have can not go together more than chance.
        ("RIBOSOME", EVERYWHERE),
        # No archaeon makes secondary bile acids or indolepropionate.
        ("BAI", NO_GENE),
        ("IPA_fld", NO_GENE),
        # One enzyme is one gene, whose prevalence is that of its stand-ins.
        ("INDOLE", ONE_GENE),
        ("BSH", ONE_GENE),
    ],
)
def test_archaea(archaea: pd.DataFrame, module: str, verdict: str) -> None:
    assert archaea.loc[module, "verdict"] == verdict


def test_what_nearly_all_archaea_have_is_tiered_as_housekeeping(archaea: pd.DataFrame) -> None:
    everywhere = archaea[archaea["complete"] > 0.9]
    assert set(everywhere.index) == {"RIBOSOME", "SAM"}
    assert (everywhere["tier"] == "C").all()
    assert (archaea.loc[archaea["tier"] != "C", "complete"] < 0.85).all()
    # Housekeeping of bacteria need not be that of archaea: they make acetate by an ADP-forming synthetase,
    # few have ClpB, they have archaella in place of flagella, and other glutamate synthases.
    elsewhere = archaea.loc[["ACE_pta_ack", "CLPB", "FLAGELLIN", "GLU_synthase"], "complete"]
    assert (elsewhere < 0.1).all()
    # What is claimed of few gut bacteria is in few archaea.
    specific = [
        "BUT_acetylCoA",
        "PRO_acrylate",
        "PRO_propanediol",
        "TMA_cut",
        "HISTAMINE",
        "P_CRESOL",
        "LPS_core",
    ]
    assert (archaea.loc[specific, "complete"] < 0.01).all()


def test_genomes_are_the_organisms_where_samples_are_mixtures_of_them() -> None:
    genes = Profile(
        "x.genome_ko", sparse.csr_array([[1, 0, 2], [0, 3, 0]]), ["K00001", "K00002"], ["a", "b", "c"]
    )
    made = of_genomes(genes)
    assert made.samples == ["genomes"]
    assert dict(zip(made.features, made.table.toarray().ravel(), strict=True)) == {
        "K00001|a": 1, "K00001|c": 2, "K00002|b": 3,
    }  # fmt: skip
    assert tally_modules([], made).organisms == 0

"""Accuracy and cost of every shotgun engine on the same reads; writes `resources/docs/engines.md`."""

from __future__ import annotations

import shutil

import pytest
from benchmarks import function_cases, humann_steps
from benchmarks import shotgun_engines as engines
from benchmarks.engine_scores import (
    ALONE,
    DEEP,
    EMPTY,
    FUNCTION,
    GUT,
    HALF,
    HUMANN,
    LEAST_RATIO,
    MOST_BRAY_CURTIS,
    NEITHER,
    ONE_GENOME,
    OUTSIDER,
    POINT,
    TAXONOMY,
    TRUE_SHARES,
    WAYS,
    Figures,
    against_humann,
    demo_ratio,
    run_engine,
)
from benchmarks.engines_page import write_page

PAGE = engines.ROOT / "resources" / "docs" / "engines.md"
SETS = (
    "humann_demo_2016",
    "gut_pangenomes_11sp",
    "sourmash_genomes",
    "camisim_genomes",
    "instrain_N5_271",
    "biosiftr_shotgun_function",
)
missing = [name for name in SETS if not (engines.DATA / name).is_dir()]
absent_tools = [tool for tool in ("kraken2", "diamond", "bowtie2") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(bool(missing), reason=f"{engines.DATA} has no {', '.join(missing)}"),
    pytest.mark.skipif(bool(absent_tools), reason=f"not installed: {', '.join(absent_tools)}"),
]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """Run every engine on every case, and write the page."""
    folder = tmp_path_factory.mktemp("engines")
    taxa = [
        engines.humann_demo(folder / "humann"),
        engines.humann_demo(folder / "neither", "unclassified"),
        engines.gut_pangenomes(folder / "gut"),
        engines.gut_pangenomes(folder / "alone", OUTSIDER),
        *(engines.mixture(folder / f"mixture{i}", name) for i, name in enumerate(engines.MIXTURES)),
    ]
    taxa.append(engines.no_reads(folder / "empty", taxa[-1], EMPTY))
    genes = [
        function_cases.annotated_genes(folder / "genes", 1),
        function_cases.annotated_genes(folder / "deep", 20),
        function_cases.table_of_one_genome(folder / "one_genome"),
        function_cases.table_of_one_genome(folder / "half_genome", leave_out=True),
    ]
    genes.append(engines.no_reads(folder / "no_genes", genes[1], f"KOfam, {EMPTY}"))
    both = [function_cases.two_species(folder / "both"), function_cases.two_species_demo(folder / "demo")]
    found = Figures()
    for names, cases in ((TAXONOMY, taxa), (FUNCTION, genes)):
        for case in cases:
            for engine in names:
                run_engine(found, engine, case, folder)
    found.rebuilt = genes[2].rebuilt
    for case in both:
        for engine in ("kraken2", *FUNCTION, *(WAYS if humann_steps.find_humann() else ())):
            run_engine(found, engine, case, folder)
    found.loosest = engines.loosest_kraken2(taxa[0], folder / "kraken2")
    PAGE.write_text(write_page(found), encoding="utf-8")
    print(f"\n{PAGE.read_text(encoding='utf-8')}")
    return found


def test_kraken2_finds_both_species_of_the_humann_demo_and_no_third(figures: Figures) -> None:
    score = figures.taxa["kraken2", HUMANN]
    assert (score.found, score.false) == (2, 0)


@pytest.mark.parametrize("engine", ["kraken2", "bowtie2"])
def test_shares_of_the_humann_demo(figures: Figures, engine: str) -> None:
    shares = figures.taxa[engine, HUMANN].shares
    assert all(abs(shares[name] - share) <= POINT for name, share in TRUE_SHARES.items())


@pytest.mark.parametrize("engine", TAXONOMY)
def test_reads_of_neither_species_stay_unclassified(figures: Figures, engine: str) -> None:
    assert figures.taxa[engine, NEITHER].unclassified == 1


def test_kraken2_composition_of_the_gut_pangenomes(figures: Figures) -> None:
    score = figures.taxa["kraken2", GUT]
    assert score.bray_curtis <= MOST_BRAY_CURTIS
    assert (score.found, score.false) == (11, 0)
    assert abs(score.unclassified - score.outside) <= POINT


def test_an_organism_outside_the_reference_is_not_forced_onto_another(figures: Figures) -> None:
    for engine in TAXONOMY:
        assert not figures.taxa[engine, ALONE].shares, engine


@pytest.mark.parametrize("engine", TAXONOMY)
@pytest.mark.parametrize("name", [name for name in engines.MIXTURES if name not in engines.STRANGERS])
def test_mixtures_have_their_species_and_no_other(figures: Figures, engine: str, name: str) -> None:
    score = figures.taxa[engine, name]
    assert (score.found, score.false) == (score.expected, 0)
    assert score.bray_curtis <= MOST_BRAY_CURTIS


NEIGHBOURS_NAMED = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="conserved k-mers are named by the nearest species held"
)


@pytest.mark.parametrize(
    "engine",
    [*(pytest.param(name, marks=NEIGHBOURS_NAMED) for name in ("sourmash", "kraken2")), "bowtie2"],
)
def test_a_stranger_is_not_its_neighbour(figures: Figures, engine: str) -> None:
    for name in engines.STRANGERS:
        assert not figures.taxa[engine, name].false, name


@pytest.mark.parametrize("engine", FUNCTION)
def test_a_table_of_one_genome_is_read_back(figures: Figures, engine: str) -> None:
    for name in (ONE_GENOME, f"{ONE_GENOME}{HALF}"):
        score = figures.function[engine, name]
        assert score.recall >= 0.9, name
        assert score.precision >= 0.9, name


needs_humann = pytest.mark.skipif(
    humann_steps.find_humann() is None, reason="HUMAnN is not installed; set VAGUS_HUMANN"
)


@needs_humann
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="at scaled 20 few k-mers of a gene are kept")
def test_the_fast_road_is_as_near_to_the_truth_as_humann(figures: Figures) -> None:
    _, ours, theirs = against_humann(figures, WAYS[0], ("kraken2", "sketch"))
    assert ours >= theirs


@needs_humann
def test_the_fast_road_takes_a_tenth_of_the_cpu_of_humann_on_its_demo(figures: Figures) -> None:
    assert demo_ratio(figures, WAYS[0], ("kraken2", "sketch")) >= LEAST_RATIO


@needs_humann
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="counting sketches costs more with more reads")
def test_the_fast_road_takes_a_tenth_of_the_cpu_of_humann_on_more_reads(figures: Figures) -> None:
    assert against_humann(figures, WAYS[0], ("kraken2", "sketch"))[0] >= LEAST_RATIO


@pytest.mark.parametrize("engine", FUNCTION)
def test_functions_are_found_and_no_other(figures: Figures, engine: str) -> None:
    score = figures.function[engine, DEEP]
    assert score.recall >= 0.95
    assert score.precision >= 0.95


def test_the_page_holds_every_figure(figures: Figures) -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("|--")]
    for engine in (*TAXONOMY, *FUNCTION):
        assert sum(f"| {engine} |" in row for row in rows) >= len([k for k in figures.run if k[0] == engine])

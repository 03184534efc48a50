"""The nearest genome is the one with the fewest differences, whichever way round the variant lies."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
from function16s.made_reference import mutate, random_gene, write_reference

from vagus.errors import VagusError
from vagus.function16s.nearest_genomes import choose_nearest, find_nearest, main
from vagus.function16s.reference_tables import find_reference, plain_sequences

ARCHAEA = Path(__file__).parents[3] / "shared" / "data" / "picrust2_archaea"
COMPLEMENT = str.maketrans("ACGT", "TGCA")
pytestmark = pytest.mark.skipif(shutil.which("vsearch") is None, reason="needs vsearch")


@pytest.fixture(scope="module")
def genes() -> dict[str, str]:
    rng = random.Random(3)
    genes = {f"g{i}": random_gene(rng) for i in range(6)}
    # g1's twin differs outside the region that is sequenced.
    genes["g1twin"] = genes["g1"][:300] + random_gene(rng, 100)
    return genes


@pytest.fixture
def folder(tmp_path: Path, genes: dict[str, str]) -> Path:
    return write_reference(
        tmp_path, genes, {g: i + 1 for i, g in enumerate(genes)}, {g: {"K00001": 1} for g in genes}
    )


def nearest(folder: Path, variants: dict[str, str]) -> pd.DataFrame:
    return find_nearest(variants, [find_reference(folder)], ["ko"], 1)


def test_distance_is_the_share_of_differing_bases(folder: Path, genes: dict[str, str]) -> None:
    rng = random.Random(5)
    variants = {f"v{n}": mutate(genes["g4"][50:300], n, rng) for n in (0, 1, 5, 20)}
    table = nearest(folder, variants).set_index("feature")
    assert set(table["genome"]) == {"g4"}
    assert set(table["copies_16s"]) == {5.0}
    for n in (0, 1, 5, 20):
        assert table.at[f"v{n}", "distance"] == pytest.approx(n / 250, abs=2e-4)


def test_genomes_that_tie_are_all_named(folder: Path, genes: dict[str, str]) -> None:
    table = nearest(folder, {"v": genes["g1"][20:280]})
    assert list(table["genome"]) == ["g1", "g1twin"]
    assert set(table["distance"]) == {0.0}


def test_a_variant_may_be_the_other_way_round(folder: Path, genes: dict[str, str]) -> None:
    table = nearest(folder, {"v": genes["g2"][20:280].translate(COMPLEMENT)[::-1]})
    assert list(table["genome"]) == ["g2"]


def test_a_variant_like_nothing_has_no_row(folder: Path) -> None:
    assert nearest(folder, {"v": random_gene(random.Random(77), 250)}).empty
    assert nearest(folder, {}).empty


def test_only_a_part_of_a_variant_on_a_gene_is_no_match(folder: Path, genes: dict[str, str]) -> None:
    """End gaps count for nothing, so that a scrap of a gene would be a perfect match."""
    assert nearest(folder, {"v": random_gene(random.Random(8), 200) + genes["g3"][:60]}).empty


def test_a_genome_that_a_table_lacks_is_not_searched(tmp_path: Path, genes: dict[str, str]) -> None:
    kept = {g: {"K00001": 1} for g in genes if g != "g1"}
    folder = write_reference(tmp_path, genes, dict.fromkeys(genes, 1), kept)
    assert list(nearest(folder, {"v": genes["g1"][20:280]})["genome"]) == ["g1twin"]
    with pytest.raises(VagusError, match=r"no ec.txt.gz; fix: add the table, or take ec out"):
        find_nearest({"v": genes["g1"]}, [find_reference(folder)], ["ec"], 1)


def test_nothing_in_common_is_said(tmp_path: Path, genes: dict[str, str]) -> None:
    folder = write_reference(tmp_path, genes, {"other": 1}, {"other": {"K00001": 1}})
    with pytest.raises(
        VagusError, match="no genome is in the FASTA, the 16S table and the gene tables at once"
    ):
        nearest(folder, {"v": genes["g1"]})


def test_ties_do_not_hang_on_the_last_digit() -> None:
    hits = pd.DataFrame(
        {"feature": ["v"] * 3, "genome": ["a", "b", "c"], "identity": [99.2, 99.2 - 1e-5, 98.8]}
    )
    table = choose_nearest(hits, {"a": 1, "b": 2, "c": 3})
    assert list(table["genome"]) == ["a", "b"]


def test_table_and_version_are_written(folder: Path, genes: dict[str, str], tmp_path: Path) -> None:
    fasta = tmp_path / "asv.txt"
    fasta.write_text(f">v1\n{genes['g0'][:200]}\n>v2\n{genes['g5'][:200]}\n")
    out, version = tmp_path / "out" / "table.tsv", tmp_path / "version.txt"
    main(str(fasta), [str(folder)], str(out), str(version), ["ko"], 1)
    assert out.read_text().splitlines() == [
        "feature\tgenome\tdistance\tcopies_16s", "v1\tg0\t0\t1", "v2\tg5\t0\t6",
    ]  # fmt: skip
    assert version.read_text().startswith("vsearch 2.")


@pytest.mark.skipif(not ARCHAEA.is_dir(), reason="needs ../shared/data/picrust2_archaea")
def test_archaea_are_their_own_nearest_genome() -> None:
    """Every 25th archaeon, by 250 bases of its gene: itself, or genomes with the very same 250 bases."""
    reference = find_reference(ARCHAEA)
    genes = dict(plain_sequences([reference]))
    variants = {genome: gene[500:750] for genome, gene in list(genes.items())[::25]}
    table = find_nearest(variants, [reference], ["ko"], 2)
    assert (table["distance"] == 0).all()
    for genome, bases in variants.items():
        same = {other for other, gene in genes.items() if bases in gene}
        found = set(table.loc[table["feature"] == genome, "genome"])
        assert found == same

"""The share of ambiguous reads is measured as the engines see it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from shotgun.made_genomes import mutate, random_genome, write_fasta

from vagus.errors import VagusError
from vagus.resources.build_bowtie2_reference import build_bowtie2
from vagus.resources.build_kraken2_reference import build_kraken2
from vagus.resources.genome_sheet import Genome, genome_rows, lineage_of
from vagus.resources.measure_read_shares import cut_tiles, main, make_counter
from vagus.shotgun.read_shares import Kind, read_shares

NAMES = {"one": "Aus bus", "twin": "Aus cus", "other": "Dus eus"}


def test_tiles_are_even_of_both_strands_and_inside_contigs() -> None:
    contigs = [b"A" * 30 + b"C" * 30, b"GG", b"T" * 40]
    tiles = [mates[0] for mates in cut_tiles(contigs, 10, False, 1000)]
    assert len(tiles) == 51 + 31
    assert {len(tile) for tile in tiles} == {10}
    assert tiles[0] == b"A" * 10
    assert tiles[1] == b"T" * 10
    few = list(cut_tiles(contigs, 10, True, 8))
    assert len(few) == 8
    assert all(len(mate) == 10 for mates in few for mate in mates)
    assert list(cut_tiles([b"ACGT"], 10, False, 5)) == []


def test_mates_look_at_each_other() -> None:
    contig = bytes(np.random.default_rng(1).choice(list(b"ACGT"), 25).tolist())
    ((first, second),) = cut_tiles([contig], 10, True, 1)
    assert first == contig[:10]
    assert second.translate(bytes.maketrans(b"ACGT", b"TGCA"))[::-1] == contig[15:]


@pytest.mark.parametrize("engine", ["kraken2", "bowtie2"])
def test_half_shared_genomes_share_half_of_their_reads(tmp_path, engine) -> None:
    program = {"kraken2": "kraken2-build", "bowtie2": "bowtie2-build"}[engine]
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    rng = np.random.default_rng(3)
    common, one, twin = (random_genome(rng, n) for n in (30_000, 30_000, 90_000))
    made = {
        "one": np.concatenate([common, one]),
        "twin": np.concatenate([mutate(rng, twin, 0.0), common]),
        "other": random_genome(rng, 40_000),
    }
    genomes = []
    for name, dna in made.items():
        write_fasta(tmp_path / f"{name}.fa", dna)
        lineage = lineage_of({"domain": "Bacteria", "species": NAMES[name]})
        genomes.append(Genome(name, tmp_path / f"{name}.fa", lineage))
    reference, sheet = tmp_path / "ref" / "r", tmp_path / "tax.tsv"
    if engine == "kraken2":
        build_kraken2(genomes, reference)
    else:
        build_bowtie2(genomes, reference, sheet, tmp_path / "m.json")
    out = tmp_path / "shares.tsv"
    main(
        genome_rows(genomes),
        [str(g.path) for g in genomes],
        engine,
        str(reference),
        str(sheet),
        [100],
        {},
        str(out),
        2,
    )
    shares = read_shares(out)
    assert set(shares) == {Kind(100, False), Kind(100, True)}
    genus = "Bacteria;;;;;Aus;"
    for found in shares.values():
        assert found[f"{genus}Aus bus"][genus] == pytest.approx(0.5, abs=0.02)
        assert found[f"{genus}Aus cus"][genus] == pytest.approx(0.25, abs=0.02)
        assert found["Bacteria;;;;;Dus;Dus eus"] == {"Bacteria;;;;;Dus;Dus eus": 1.0}


def test_an_engine_without_single_reads_is_named() -> None:
    with pytest.raises(VagusError, match="allowed: kraken2, bowtie2"):
        make_counter("sourmash", "", "", {})

"""The simulated genomes: genes that code what the protein files say, families as far apart as declared."""

from __future__ import annotations

import gzip
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from vagus.demo import simulate_trial as demo
from vagus.demo.settings import ShotgunSettings, read_shotgun_settings
from vagus.demo.shotgun_genomes import (
    CODE,
    Genome,
    amino_frequencies,
    back_translate,
    codon_steps,
    draw_bases,
    make_genomes,
    translate,
    write_reference_genomes,
)
from vagus.demo.templates import RANKS, reverse_complement
from vagus.errors import VagusError

SHOTGUN = demo.SETTINGS / "shotgun.yaml"
SEED = 5
# Written out from the table of the bacterial code, not from the module.
KNOWN = {"ATG": "M", "TGG": "W", "TAA": "*", "TAG": "*", "TGA": "*", "AAA": "K", "CTG": "L", "GCC": "A"}
KNOWN |= {"TCG": "S", "AGC": "S", "CGT": "R", "AGG": "R", "GAT": "D", "ATA": "I", "TTT": "F", "CAC": "H"}


@pytest.fixture(scope="module")
def shotgun() -> ShotgunSettings:
    return read_shotgun_settings([SHOTGUN])


def lineages(shotgun: ShotgunSettings) -> dict[str, tuple[str, ...]]:
    return {g.genus: ("Bacteria", "P", "C", "O", "F", g.genus) for g in shotgun.genomes}


@pytest.fixture(scope="module")
def genomes(shotgun: ShotgunSettings) -> list[Genome]:
    return make_genomes(shotgun, lineages(shotgun), SEED)


@pytest.fixture(scope="module")
def proteins(genomes: list[Genome]) -> dict[str, dict[str, str]]:
    return {g.spec.id: {gene.ko: g.protein(gene) for gene in g.genes} for g in genomes}


def identity(first: dict[str, str], second: dict[str, str]) -> np.ndarray:
    shared = sorted(set(first) & set(second))
    return np.array([np.mean([a == b for a, b in zip(first[k], second[k], strict=True)]) for k in shared])


def test_the_code_is_that_of_bacteria() -> None:
    order = "ACGT"
    for codon, letter in KNOWN.items():
        a, b, c = (order.index(base) for base in codon)
        assert CODE[16 * a + 4 * b + c] == letter
    assert CODE.count("*") == 3
    assert CODE.count("L") == CODE.count("S") == CODE.count("R") == 6


def test_back_translation_keeps_the_protein_and_moves_the_gc(shotgun: ShotgunSettings) -> None:
    rng = np.random.default_rng(1)
    frequencies = amino_frequencies(shotgun)
    assert frequencies.sum() == pytest.approx(1)
    protein = rng.choice(20, 20_000, p=frequencies)
    for gc in (0.38, 0.5, 0.6):
        codes = back_translate(protein, rng.random(len(protein)), codon_steps(frequencies, gc))
        assert translate(codes) == "".join("ACDEFGHIKLMNPQRSTVWY"[p] for p in protein) + "*"
        assert np.isin(codes, [1, 2]).mean() == pytest.approx(gc, abs=0.01)


def test_genomes_are_as_declared(shotgun: ShotgunSettings, genomes: list[Genome]) -> None:
    assert [g.spec for g in genomes] == list(shotgun.genomes)
    for genome in genomes:
        assert len(genome.codes) == genome.spec.length
        assert np.isin(genome.codes, [1, 2]).mean() == pytest.approx(genome.spec.gc, abs=0.015)
        ends = [(gene.start, gene.end) for gene in genome.genes]
        assert all(b[0] >= a[1] for a, b in itertools.pairwise(ends))
        assert 0.25 < np.mean([gene.reverse for gene in genome.genes]) < 0.75


def test_every_gene_codes_one_whole_protein(genomes: list[Genome]) -> None:
    for genome in genomes:
        for gene in genome.genes:
            protein = translate(genome.coding(gene))
            assert protein[0] == "M"
            assert protein.index("*") == len(protein) - 1


def test_markers_are_once_everywhere_and_modules_where_named(
    shotgun: ShotgunSettings, genomes: list[Genome]
) -> None:
    assert len(set(shotgun.markers)) >= 20
    assert 110 <= len(shotgun.kos) <= 130
    for genome in genomes:
        found = [gene.ko for gene in genome.genes]
        assert len(found) == len(set(found))
        assert set(shotgun.markers) | set(shotgun.housekeeping) <= set(found)
        for module in shotgun.modules:
            has = set(module["kos"]) & set(found)
            assert has == (set(module["kos"]) if genome.spec.genus in module["genera"] else set())
    reference = {gene.ko for g in genomes if g.spec.reference for gene in g.genes}
    assert reference == set(shotgun.kos)


def test_families_are_as_far_apart_as_declared(proteins: dict[str, dict[str, str]]) -> None:
    for first, second in (("SIM01", "SIM03"), ("SIM01", "SIM09"), ("SIM05", "SIM13"), ("SIM14", "SIM01")):
        between = identity(proteins[first], proteins[second])
        assert 0.76 < between.mean() < 0.84
        assert np.mean((between >= 0.7) & (between <= 0.9)) > 0.9
    for first, second in (("SIM01", "SIM02"), ("SIM09", "SIM11")):
        assert 0.90 < identity(proteins[first], proteins[second]).mean() < 0.95
    unrelated = proteins["SIM01"]
    kos = sorted(unrelated)
    mixed = [
        np.mean([a == b for a, b in zip(unrelated[x], unrelated[y], strict=False)])
        for x, y in itertools.pairwise(kos)
    ]
    assert np.mean(mixed) < 0.12


def test_strains_are_near_copies(shotgun: ShotgunSettings, genomes: list[Genome]) -> None:
    made = {g.spec.id: g for g in genomes}
    pairs = [(made[g.strain_of], made[g.id]) for g in shotgun.genomes if g.strain_of]
    assert pairs
    for parent, strain in pairs:
        assert 0.001 < (parent.codes != strain.codes).mean() < 0.003
        assert [g.ko for g in parent.genes] == [g.ko for g in strain.genes]


def test_written_reference_is_what_was_made(
    shotgun: ShotgunSettings, genomes: list[Genome], tmp_path: Path
) -> None:
    write_reference_genomes(genomes, tmp_path)
    sheet = pd.read_csv(tmp_path / "genomes.tsv", sep="\t")
    assert list(sheet.columns) == ["genome", "path", "proteins", *RANKS, "species", "strain"]
    hidden = [g.id for g in shotgun.genomes if not g.reference]
    assert hidden
    assert set(sheet["genome"]) == {g.id for g in shotgun.genomes} - set(hidden)
    assert sheet["species"].nunique() == len(sheet) - 1  # two strains of one species
    by_id = {g.spec.id: g for g in genomes}
    coding = 0
    for row in sheet.itertuples():
        header, *lines = gzip.decompress((tmp_path / str(row.path)).read_bytes()).decode().splitlines()
        text = "".join(lines)
        assert header.startswith(f">{row.genome}_1 {row.species} ")
        assert len(text) == by_id[str(row.genome)].spec.length
        records = (tmp_path / str(row.proteins)).read_text().splitlines()
        assert len(records) == 2 * len(by_id[str(row.genome)].genes)
        for gene, name, protein in zip(
            by_id[str(row.genome)].genes, records[::2], records[1::2], strict=True
        ):
            piece = text[gene.start : gene.end]
            piece = reverse_complement(piece) if gene.reverse else piece
            codons = [piece[i : i + 3] for i in range(0, len(piece), 3)]
            assert name.split("|")[1:] == [gene.ko, row.species]
            assert name.startswith(f">{row.genome}_")
            assert len(codons) == len(protein) + 1
            wrong = [c for c, p in zip(codons, protein, strict=False) if KNOWN.get(c, p) != p]
            assert not wrong
            coding += 1
    assert coding > 900


def test_same_seed_same_genomes_other_seed_others(shotgun: ShotgunSettings, genomes: list[Genome]) -> None:
    again = make_genomes(shotgun, lineages(shotgun), SEED)
    other = make_genomes(shotgun, lineages(shotgun), SEED + 1)
    assert all(np.array_equal(a.codes, b.codes) for a, b in zip(genomes, again, strict=True))
    assert all((a.codes != b.codes).mean() > 0.5 for a, b in zip(genomes, other, strict=True))


def test_bases_have_the_gc() -> None:
    codes = draw_bases(100_000, 0.3, np.random.default_rng(2))
    shares = np.bincount(codes, minlength=4) / len(codes)
    assert shares == pytest.approx([0.35, 0.15, 0.15, 0.35], abs=0.01)


def test_contradictions_are_named(shotgun: ShotgunSettings, tmp_path: Path) -> None:
    values = yaml.safe_load(SHOTGUN.read_text())

    def refused(change: dict[str, object], match: str) -> None:
        path = tmp_path / "shotgun.yaml"
        path.write_text(yaml.safe_dump({**values, **change}))
        with pytest.raises(VagusError, match=match):
            read_shotgun_settings([path])

    first, *rest = values["genomes"]
    refused({"genomes": [{**first, "part": 0.5}, *rest]}, "parts of genus Bacteroides sum to 0.9; allowed: 1")
    refused({"genomes": [first, *rest[:-1], {**rest[-1], "id": "SIM01"}]}, "genome SIM01 is listed twice")
    refused({"genomes": [{**first, "strain_of": "SIM02"}, *rest]}, "strain_of SIM02 is no earlier genome")
    refused({"accessory": ["K02863"]}, "KO K02863 is listed twice")
    refused({"pairz": 1}, "unknown setting 'pairz'; did you mean 'pairs'")
    refused({"pairs": 10}, "at least 1 and at least 50")
    short = replace(shotgun, genomes=[replace(shotgun.genomes[2], length=20_000)])
    only = replace(short, modules=[])
    with pytest.raises(VagusError, match=r"SIM03 of 20000 bases is too short for .* allowed: at least"):
        make_genomes(only, lineages(shotgun), SEED)
    with pytest.raises(VagusError, match="names genus Faecalibacterium, which has no genome"):
        make_genomes(short, lineages(shotgun), SEED)
    with pytest.raises(VagusError, match="SIM01 is of genus Bacteroides, which the 16S community"):
        make_genomes(shotgun, {"Alistipes": ("",) * 6}, SEED)

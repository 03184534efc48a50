import json

import numpy as np
import pytest
import sourmash
from shotgun.made_genomes import lineage, mutate, random_genome, write_sample, write_taxonomy
from sourmash.sourmash_args import SaveSignaturesToLocation

from vagus.errors import VagusError
from vagus.reads.fastq import write_empty
from vagus.shotgun.kmer_shares import is_distant, share_out
from vagus.shotgun.sourmash_taxa import main, parse_gather, split_shares
from vagus.shotgun.tables import TAXON_COLUMNS, read_rows

SPECIES = {"a": "Aus primus", "b": "Aus secundus", "c": "Bus tertius"}


def test_gather_tables():
    assert parse_gather(["match_name,f_unique_weighted", "g,0.25"], "x")[0].share == 0.25
    assert parse_gather([], "x") == []
    with pytest.raises(VagusError, match="not a table"):
        parse_gather(["name,f", "g,1"], "x")


def test_shared_kmers_go_by_depth():
    one, two = np.array([1, 2, 3, 4], np.uint64), np.array([3, 4, 5, 6], np.uint64)
    counts = {1: 30, 2: 30, 3: 40, 4: 40, 5: 10, 6: 10}
    assert share_out([one, two], counts, 160) == pytest.approx([0.75, 0.25], abs=1e-3)


def test_lost_kmers_are_not_unclassified():
    values, factor = split_shares([("x", 0.43)], 0.86)
    assert values == pytest.approx({"x": 0.5, "unclassified": 0.5})
    assert factor == pytest.approx(1 / 0.86)
    assert split_shares([("x", 0.9)], 0.5)[0]["unclassified"] == pytest.approx(0)


def test_a_relative_is_told_by_few_kmers_seen_often():
    assert is_distant(10_000, np.full(300, 20), 31, 0.95)
    assert not is_distant(10_000, np.full(300, 1), 31, 0.95)
    assert not is_distant(10_000, np.full(3000, 20), 31, 0.95)


@pytest.mark.parametrize("seed", range(7, 13))
def test_near_identical_genomes_a_relative_and_one_out_of_reference(tmp_path, seed):
    rng = np.random.default_rng(seed)
    genomes = {"a": random_genome(rng, 150_000), "c": random_genome(rng, 150_000)}
    genomes["b"] = mutate(rng, genomes["a"], 0.005)
    database = tmp_path / "db.zip"
    with SaveSignaturesToLocation(str(database)) as save:
        for name, genome in genomes.items():
            sketch = sourmash.MinHash(n=0, ksize=31, scaled=20)
            sketch.add_sequence(genome.tobytes().decode())
            save.add(sourmash.SourmashSignature(sketch, name=name))
    genomes["alien"] = random_genome(rng, 150_000)
    genomes["relative"] = mutate(rng, genomes["c"], 0.09)
    sheet = write_taxonomy(tmp_path / "t.tsv", SPECIES)
    clean = tmp_path / "clean"
    mixtures = {
        "s1": {"a": 20, "c": 0.5, "alien": 5},
        "s2": {"b": 1, "c": 4, "alien": 5},
        "s3": {"a": 6, "relative": 20},
    }
    drawn = {
        s: write_sample(rng, clean, s, genomes, d, 400 if s == "s2" else None) for s, d in mixtures.items()
    }
    write_empty(clean / "s4__run1_R1.fastq.gz")
    out = tmp_path / "out"
    main([str(clean)], [*mixtures, "s4"], str(database), str(sheet), str(out), {"scaled": 20}, 1)
    for sample, mixture in mixtures.items():
        rows = {k: float(v) for k, v in read_rows(out / f"{sample}.taxa.tsv", TAXON_COLUMNS)}
        stats = json.loads((out / f"{sample}.stats.json").read_text())
        total = sum(drawn[sample].values())
        assert stats["reads"] == total
        known = {lineage(SPECIES[g]) for g in mixture if g in SPECIES}
        # k-mers that misread bases turned into those of the twin count for the genus, never for the twin.
        assert {k for k in rows if not k.endswith(";")} == {*known, "unclassified"}
        assert sum(v for k, v in rows.items() if k.endswith(";")) < 0.005
        for genome in mixture:
            key = lineage(SPECIES[genome]) if genome in SPECIES else "unclassified"
            assert rows[key] == pytest.approx(drawn[sample][genome] / total, abs=0.03)
        assert stats["unmatched_kmer_share"] > rows["unclassified"]
    assert json.loads((out / "s3.stats.json").read_text())["dropped_as_distant"] == ["c"]
    assert read_rows(out / "s4.taxa.tsv", TAXON_COLUMNS) == []

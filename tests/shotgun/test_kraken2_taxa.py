import json
import shutil

import numpy as np
import pytest
from shotgun.kraken2_db import as_sequences, build_database
from shotgun.made_genomes import mutate, random_genome, write_sample

from vagus.errors import VagusError
from vagus.reads.fastq import write_empty
from vagus.shotgun import kraken2_taxa as module
from vagus.shotgun.kraken2_report import count_nodes, parse_bracken, parse_report
from vagus.shotgun.kraken2_taxa import Kraken2Settings, find_distribution, main
from vagus.shotgun.read_shares import lift_rare
from vagus.shotgun.tables import TAXON_COLUMNS, read_rows

REPORT = [
    "10.00\t10\t10\tU\t0\tunclassified",
    "90.00\t90\t1\tR\t1\troot",
    "89.00\t89\t2\tR1\t131567\t  cellular organisms",
    "87.00\t87\t3\tD\t2\t    Bacteria",
    "84.00\t84\t4\tF\t9\t      Bacteroidaceae",
    "80.00\t80\t30\tG\t816\t        Bacteroides",
    "50.00\t50\t40\tS\t821\t          Bacteroides vulgatus",
    "10.00\t10\t10\tS1\t8211\t            Bacteroides vulgatus strain x",
]
GENUS = "Bacteria;;;;Bacteroidaceae;Bacteroides;"
EXPECTED = {
    "unclassified": 13, "Bacteria;;;;;;": 3, "Bacteria;;;;Bacteroidaceae;;": 4, GENUS: 30,
    f"{GENUS}Bacteroides vulgatus": 50,
}  # fmt: skip
SPECIES = {"a": "Aus primus", "b": "Aus secundus", "c": "Bus tertius"}


def test_report_with_six_and_eight_columns():
    assert count_nodes(parse_report(REPORT, "r")) == EXPECTED
    wide = ["\t".join([*(c := line.split("\t"))[:3], "7", "5", *c[3:]]) for line in REPORT]
    assert count_nodes(parse_report(wide, "r")) == EXPECTED
    with pytest.raises(VagusError, match="row 1"):
        parse_report(["a\tb"], "r")


def test_domain_written_as_r2_by_older_kraken():
    lines = [line.replace("\tD\t", "\tR2\t") for line in REPORT]
    assert count_nodes(parse_report(lines, "r")) == EXPECTED


def test_bracken_takes_from_the_genus_and_keeps_the_sum():
    table = ["name\ttaxonomy_id\ttaxonomy_lvl\tkraken_assigned_reads\tadded_reads"
             "\tnew_est_reads\tfraction_total_reads",
             "Bacteroides vulgatus\t821\tS\t50\t33\t83\t1.0"]  # fmt: skip
    found = parse_bracken(table, parse_report(REPORT, "r"), "b")
    assert found[f"{GENUS}Bacteroides vulgatus"] == 83
    assert GENUS not in found
    assert sum(found.values()) == 100


def test_rare_species_go_to_their_genus():
    counts = {"x;A;A a": 10_000.0, "x;A;A b": 49.0, "x;A;A c": 51.0, "x;B;B d": 9.0, "unclassified": 1.0}
    assert lift_rare(counts, 10, 0.005) == {
        "x;A;A a": 10_000.0, "x;A;": 49.0, "x;A;A c": 51.0, "x;B;": 9.0, "unclassified": 1.0,
    }  # fmt: skip


@pytest.mark.skipif(not shutil.which("kraken2-build"), reason="kraken2 is not installed")
def test_near_identical_genomes_and_one_out_of_reference(tmp_path):
    rng = np.random.default_rng(5)
    genomes = {"a": random_genome(rng, 100_000), "c": random_genome(rng, 100_000)}
    genomes["b"] = mutate(rng, genomes["a"], 0.005)
    database = build_database(tmp_path / "db", as_sequences(genomes), SPECIES)
    genomes["alien"] = random_genome(rng, 100_000)
    clean = tmp_path / "clean"
    mixtures = {
        "s1": {"a": 20, "c": 0.1, "alien": 2},
        "s2": {"b": 0.5, "c": 20},
        "s3": {"a": 0.1, "b": 0.1, "alien": 20},
    }
    drawn = {
        s: write_sample(rng, clean, s, genomes, d, 300 if s == "s2" else None) for s, d in mixtures.items()
    }
    write_empty(clean / "s4__run1_R1.fastq.gz")
    out = tmp_path / "out"
    main([str(clean)], [*mixtures, "s4"], str(database), str(out), {}, 1)
    for sample, mixture in mixtures.items():
        rows = {k: float(v) for k, v in read_rows(out / f"{sample}.taxa.tsv", TAXON_COLUMNS)}
        stats = json.loads((out / f"{sample}.stats.json").read_text())
        called = {k.rpartition(";")[2] for k in rows if k != "unclassified"} - {""}
        assert called <= {SPECIES[g] for g in mixture if g != "alien"}
        assert sum(rows.values()) == stats["reads"] == sum(drawn[sample].values())
        if "alien" in mixture:
            assert (
                drawn[sample]["alien"]
                <= rows["unclassified"]
                <= drawn[sample]["alien"] + 0.02 * stats["reads"]
            )
    rows = {k: float(v) for k, v in read_rows(out / "s1.taxa.tsv", TAXON_COLUMNS)}
    assert "Bacteria;;;;Ausaceae;Aus;Aus primus" in rows
    assert "Bacteria;;;;Busaceae;Bus;Bus tertius" in rows
    assert read_rows(out / "s4.taxa.tsv", TAXON_COLUMNS) == []
    assert json.loads((out / "s4.stats.json").read_text())["reads"] == 0


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [("ambiguous", "both", "share, bracken, genus"), ("confidence", 1.5, "0 to 1")],
)
def test_settings_that_are_not_allowed(key, value, allowed):
    with pytest.raises(VagusError, match=f"allowed: {allowed}"):
        Kraken2Settings.of({key: value})


def test_bracken_is_demanded_only_where_it_is_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_tool", _absent)
    (tmp_path / "database150mers.kmer_distrib").touch()
    assert find_distribution(tmp_path, Kraken2Settings()) is None
    with pytest.raises(VagusError, match="there is not the program bracken"):
        find_distribution(tmp_path, Kraken2Settings(ambiguous="bracken"))
    monkeypatch.setattr(module, "find_tool", lambda name: name)
    assert find_distribution(tmp_path, Kraken2Settings()) == 150
    assert find_distribution(tmp_path, Kraken2Settings(), has_shares=True) is None
    assert find_distribution(tmp_path, Kraken2Settings(ambiguous="bracken"), has_shares=True) == 150
    assert find_distribution(tmp_path, Kraken2Settings(ambiguous="genus")) is None


def _absent(name):
    raise VagusError(f"{name} is not installed")

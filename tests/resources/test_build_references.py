"""References of made genomes, built by the real tools, then asked for what they must know."""

import csv
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from resources.made_genomes import SPECIES, sequences, write_genomes, write_reads

from vagus.errors import VagusError
from vagus.reads.tools import find_tool
from vagus.resources.build_bowtie2_reference import SUFFIXES, build_bowtie2
from vagus.resources.build_diamond_reference import Label, build_diamond, parse_header
from vagus.resources.build_kraken2_reference import build_kraken2, make_taxids, parent_of, write_dmp
from vagus.resources.build_sourmash_reference import build_sourmash
from vagus.resources.genome_sheet import Genome

MADE = sequences()


def need(tool: str) -> None:
    try:
        find_tool(tool)
    except VagusError:
        pytest.skip(f"{tool} is not installed")


def run(*words: object) -> str:
    command = [find_tool(str(words[0])), *map(str, words[1:])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_sourmash_gather_finds_the_genomes(tmp_path):
    genomes = write_genomes(tmp_path / "in", MADE)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        where = [tmp_path / name / part for part in ("genomes.zip", "taxonomy.tsv", "manifest.json")]
        build_sourmash(genomes if name == "one" else genomes[::-1], *where, threads=2, scaled=100)
    for part in ("genomes.zip", "taxonomy.tsv", "manifest.json"):
        assert (tmp_path / "one" / part).read_bytes() == (tmp_path / "two" / part).read_bytes()
    mix = tmp_path / "mix.fa"
    mix.write_text(f">m\n{MADE['g1']}\n>n\n{MADE['g3'][:12000]}\n")
    run("sourmash", "sketch", "dna", "-p", "k=31,scaled=100,abund", mix, "-o", tmp_path / "mix.sig")
    out = tmp_path / "gather.csv"
    run(
        "sourmash",
        "gather",
        "-q",
        "--threshold-bp",
        "0",
        tmp_path / "mix.sig",
        tmp_path / "one/genomes.zip",
        "-o",
        out,
    )
    rows = list(csv.DictReader(out.open()))
    assert [row["name"] for row in rows] == ["g1", "g3"]
    assert float(rows[0]["f_match"]) == 1.0
    assert float(rows[1]["f_match"]) == pytest.approx(0.5, abs=0.1)
    taxonomy = list(csv.DictReader((tmp_path / "one/taxonomy.tsv").open(), delimiter="\t"))
    assert {row["genome"]: row["species"] for row in taxonomy} == {g: s[-1] for g, s in SPECIES.items()}
    manifest = json.loads((tmp_path / "one/manifest.json").read_text())
    assert set(manifest["inputs"]) == set(SPECIES)
    assert str(tmp_path) not in json.dumps(manifest)


def test_sourmash_refuses_a_genome_without_kmers(tmp_path):
    genomes = write_genomes(tmp_path, {"g1": "ACGT"})
    where = [tmp_path / part for part in ("genomes.zip", "taxonomy.tsv", "manifest.json")]
    with pytest.raises(VagusError, match=r"genome g1: no k-mer .*; fix: lower shotgun\.sourmash_scaled"):
        build_sourmash(genomes, *where)
    assert not where[0].exists()


def test_taxids_are_ours_and_skip_blank_ranks(tmp_path):
    taxids = make_taxids(SPECIES.values())
    assert taxids == make_taxids(reversed(list(SPECIES.values())))
    assert sorted(taxids.values()) == list(range(2, len(taxids) + 2))
    family = ("Bacteria", "Actinomycetota", "", "", "Bifidobacteriaceae", "", "")
    phylum = ("Bacteria", "Actinomycetota", "", "", "", "", "")
    assert parent_of(family, taxids) == taxids[phylum]
    assert parent_of(("Bacteria", "", "", "", "", "", ""), taxids) == 1
    write_dmp(taxids, tmp_path)
    nodes = [line.split("\t|\t") for line in (tmp_path / "nodes.dmp").read_text().splitlines()]
    names = [line.split("\t|\t") for line in (tmp_path / "names.dmp").read_text().splitlines()]
    ranks = {name[1]: (node[2], int(node[1])) for node, name in zip(nodes, names, strict=True)}
    assert ranks["root"] == ("no rank", 1)
    assert ranks["Bacteria"] == ("superkingdom", 1)
    assert ranks["Bifidobacteriaceae"] == ("family", taxids[phylum])


def test_kraken2_names_the_species(tmp_path):
    need("kraken2-build")
    genomes = write_genomes(tmp_path / "in", MADE)
    out = tmp_path / "db"
    out.mkdir()
    (out / "old").write_text("of an earlier run")
    build_kraken2(genomes, out, threads=2)
    names = {"hash.k2d", "opts.k2d", "taxo.k2d", "lineages.tsv", "taxonomy.tsv", "manifest.json"}
    assert {p.name for p in out.iterdir()} == names
    assert {p.name for p in tmp_path.iterdir()} == {"in", "db"}
    lineages = dict(line.split("\t") for line in (out / "lineages.tsv").read_text().splitlines()[1:])
    truth = write_reads(tmp_path / "reads.fq", MADE)
    said = run("kraken2", "--db", out, "--report", tmp_path / "report", tmp_path / "reads.fq").splitlines()
    assert len(said) == len(truth)
    for line in said:
        flag, read, taxid = line.split("\t")[:3]
        assert flag == "C"
        assert lineages[taxid] == ";".join(SPECIES[truth[read]])
    # By number and name: the rank letters of Debian's Kraken 2.1.2 are blank above the class.
    report = [line.rstrip("\n").split("\t") for line in (tmp_path / "report").open()]
    named = {row[4]: row[5].strip() for row in report}
    assert {n: lineages[n].rstrip(";").split(";")[-1] for n in named if n != "1"} | {"1": "root"} == named
    assert int(report[0][1]) == len(truth)
    again = tmp_path / "again"
    build_kraken2(genomes[::-1], again, threads=1)
    for name in names:
        assert (again / name).read_bytes() == (out / name).read_bytes(), name


def test_bracken_is_used_where_it_is(tmp_path, monkeypatch):
    need("kraken2-build")
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = tools / "bracken-build"
    # Stands for a tool that is not packaged here: it demands what the real one needs and leaves the like.
    fake.write_text(
        "#!/bin/sh\nset -e\ntest $1 = -d; test -s $2/seqid2taxid.map; test -s $2/taxonomy/nodes.dmp\n"
        "test -n \"$(find $2/library -name '*.fna')\"\ntouch $2/database.kraken\n"
        "touch $2/database${8}mers.kmer_distrib\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    build_kraken2(write_genomes(tmp_path / "in", MADE)[:1], tmp_path / "db", read_lengths=[150, 100, 150])
    assert {p.name for p in (tmp_path / "db").glob("database*")} == {
        "database100mers.kmer_distrib",
        "database150mers.kmer_distrib",
    }
    assert json.loads((tmp_path / "db/manifest.json").read_text())["parameters"]["bracken_read_lengths"] == [
        100,
        150,
    ]


def test_bowtie2_hits_carry_genome_and_contig(tmp_path):
    need("bowtie2-build")
    genomes = write_genomes(tmp_path / "in", MADE)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build_bowtie2(
            genomes, tmp_path / name / "genomes", tmp_path / name / "t.tsv", tmp_path / name / "m.json", 2
        )
    for suffix in SUFFIXES:
        first, second = (tmp_path / name / f"genomes{suffix}" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    truth = write_reads(tmp_path / "reads.fq", MADE)
    sam = run(
        "bowtie2", "--no-head", "-x", tmp_path / "one/genomes", "-U", tmp_path / "reads.fq"
    ).splitlines()
    assert {line.split("\t")[0]: line.split("\t")[2] for line in sam} == {
        r: f"{g}|c1" for r, g in truth.items()
    }


@pytest.mark.parametrize(
    ("header", "label"),
    [
        ("p1|K00001|Blautia obeum", Label("p1", ("K00001",), "Blautia obeum")),
        ("p1|K00002,K00001|Blautia obeum", Label("p1", ("K00001", "K00002"), "Blautia obeum")),
        ("p1|K00001", Label("p1", ("K00001",))),
        ("p1||Blautia obeum", Label("p1", (), "Blautia obeum")),
        ("p1 K00001 alcohol dehydrogenase", Label("p1", ("K00001",))),
        ("p1 K00001;K00002", Label("p1", ("K00001", "K00002"))),
        ("p1 hypothetical protein AK12345X K123456", Label("p1", ())),
        ("sp|P12345|NAME K00003 words", Label("sp|P12345|NAME", ("K00003",))),
        ("tr|P12345|K00004|Blautia obeum", Label("tr|P12345", ("K00004",), "Blautia obeum")),
        ("p1", Label("p1", ())),
    ],
)
def test_protein_headers(header, label):
    assert parse_header(header) == label


PEPTIDES = {
    "a": "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVK",
    "b": "MSLNEIRKRLNDLGVPWEQAVTHFGDKAYCTPLSNWRRELIMDEGYHKVTQSAVLPGFCW",
    "c": "MVDRWPTCHEGALNQIYFKSMLTPAREDGWCQNVHYIKLFSPTEAMDRGCWNQVHYKLPS",
}


def write_proteins(folder: Path) -> list[Genome]:
    genomes = write_genomes(folder, MADE)
    one, two = folder / "g1.faa", folder / "g2.faa"
    one.write_text(f">a|K00001|Other species\n{PEPTIDES['a']}*\n>b K00002 K00003\n{PEPTIDES['b']}\n")
    two.write_text(f">a hypothetical\n{PEPTIDES['c'][:30]}\n{PEPTIDES['c'][30:]}\n")
    return [replace(genomes[0], proteins=one), replace(genomes[1], proteins=two), genomes[2]]


def build_dmnd(genomes: list[Genome], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    names = ("proteins.dmnd", "labels.tsv", "proteins.faa", "manifest.json")
    build_diamond(genomes, *(folder / name for name in names))


def test_diamond_hits_have_labels(tmp_path):
    need("diamond")
    genomes = write_proteins(tmp_path / "in")
    build_dmnd(genomes, tmp_path / "one")
    build_dmnd(genomes[::-1], tmp_path / "two")
    assert {p.name for p in (tmp_path / "one").iterdir()} == {
        "proteins.dmnd",
        "labels.tsv",
        "proteins.faa",
        "manifest.json",
    }
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    assert (tmp_path / "one/labels.tsv").read_text().splitlines() == [
        "protein\tko\ttaxon",
        "g1|a\tK00001\tOther species",
        "g1|b\tK00002,K00003\tLactobacillus acidophilus",
        "g2|a\t\tLactobacillus gasseri",
    ]
    query = tmp_path / "query.faa"
    query.write_text("".join(f">{name}\n{text}\n" for name, text in PEPTIDES.items()))
    hits = run("diamond", "blastp", "--quiet", "-d", tmp_path / "one/proteins", "-q", query, "-k", 1, "-p", 1)
    assert {tuple(line.split("\t")[:2]) for line in hits.splitlines()} == {
        ("a", "g1|a"),
        ("b", "g1|b"),
        ("c", "g2|a"),
    }


def test_a_shared_catalogue_is_read_once_and_keeps_its_own_species(tmp_path):
    need("diamond")
    first, second, _ = write_proteins(tmp_path / "in")
    build_dmnd([first, replace(second, proteins=first.proteins)], tmp_path / "out")
    rows = [line.split("\t") for line in (tmp_path / "out/labels.tsv").read_text().splitlines()[1:]]
    assert rows == [["g1|a", "K00001", "Other species"], ["g1|b", "K00002,K00003", ""]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">a K00001\nMKV\n>a K00002\nMKL\n", "protein a stands twice"),
        (">a\nMKVLAAGIV\n", "none of the 1 proteins has a KO number; allowed: "),
        (">a K00001\nMK1V\n", "no residues"),
    ],
)
def test_proteins_that_can_not_be_used(tmp_path, text, words):
    genomes = write_proteins(tmp_path / "in")[:1]
    genomes[0].proteins.write_text(text)
    with pytest.raises(VagusError, match=words):
        build_dmnd(genomes, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_no_proteins_is_one_line(tmp_path):
    with pytest.raises(VagusError, match="fix: add a column proteins"):
        build_dmnd(write_genomes(tmp_path / "in", MADE), tmp_path / "out")


@pytest.mark.parametrize("build", ["kraken2", "bowtie2", "sourmash"])
def test_no_genomes_is_one_line(tmp_path, build):
    one, two, three = (tmp_path / name for name in "abc")
    calls = {
        "kraken2": lambda: build_kraken2([], one),
        "bowtie2": lambda: build_bowtie2([], one, two, three),
        "sourmash": lambda: build_sourmash([], one, two, three),
    }
    with pytest.raises(VagusError, match=r"shotgun\.genomes names no genome"):
        calls[build]()


@pytest.mark.slow
def test_real_genomes_are_told_apart(tmp_path):
    """Kraken 2 on fragments of four complete genomes: nearly all get their species, none another."""
    need("kraken2-build")
    data = (
        Path(__file__).resolve().parents[3] / "shared" / "data" / "camisim_genomes" / "defaults" / "genomes"
    )
    files = sorted(data.glob("*.fa.gz")) if data.is_dir() else []
    if not files:
        pytest.skip("the shared genomes are not here")
    genomes = [
        Genome(f.name.split("_ASM")[0], f, ("Bacteria", "", "", "", "", f"G{i}", f"G{i} s{i}"))
        for i, f in enumerate(files)
    ]
    build_kraken2(genomes, tmp_path / "db", threads=2)
    from vagus.resources.fasta import read_fasta

    whole = {g.genome: "".join(s.decode().upper() for _, s in read_fasta(g.path)) for g in genomes}
    truth = write_reads(tmp_path / "reads.fq", whole, each=500)
    lineages = dict(line.split("\t") for line in (tmp_path / "db/lineages.tsv").read_text().splitlines()[1:])
    species = {g.genome: ";".join(g.lineage) for g in genomes}
    right = wrong = 0
    for line in run("kraken2", "--db", tmp_path / "db", tmp_path / "reads.fq").splitlines():
        flag, read, taxid = line.split("\t")[:3]
        named = lineages.get(taxid, "")
        right += named == species[truth[read]]
        wrong += flag == "C" and named.split(";")[-1] not in ("", species[truth[read]].split(";")[-1])
    print(f"right {right} of {len(truth)}, wrong {wrong}")
    assert right / len(truth) > 0.98
    assert wrong / len(truth) < 0.002

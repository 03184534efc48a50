"""Read by read: near-identical genomes, what the reference lacks, ties, gene borders, and no reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from shotgun.made_genomes import mutate, random_genome, write_fasta, write_sample

from vagus.design.findings import Findings
from vagus.errors import VagusError
from vagus.reads.fastq import write_empty
from vagus.reads.tools import find_tool
from vagus.resources.build_bowtie2_reference import build_bowtie2
from vagus.resources.genome_sheet import read_genome_sheet
from vagus.shotgun.bowtie2_taxa import Hit, Tally, common_lineage, count_hits, drop_unlike, main, read_hits
from vagus.shotgun.tables import TAXON_COLUMNS, UNCLASSIFIED, read_rows, read_stats


def sam(name: str, genome: str, score: int, edits: int, flag: int = 0, cigar: str = "100M") -> bytes:
    cells = [name, str(flag), f"{genome}|c1", "1", "9", cigar, "*", "0", "0", "A" * 100, "I" * 100]
    return ("\t".join(cells) + f"\tAS:i:{score}\tNM:i:{edits}\n").encode()


def test_the_best_genome_takes_the_read_and_ties_are_kept() -> None:
    lines = [
        sam("r1", "a", 200, 0),
        sam("r1", "b", 190, 2, 256),
        sam("r2", "a", 180, 4),
        sam("r2", "b", 180, 4, 256),
    ]
    assert list(read_hits(lines, 0.9)) == [
        {"a": Hit(200, 0, 100), "b": Hit(190, 2, 100)},
        {"a": Hit(180, 4, 100), "b": Hit(180, 4, 100)},
    ]


def test_mates_add_up() -> None:
    lines = [sam("p", "a", 200, 0, 0x40), sam("p", "a", 150, 8, 0x80), sam("p", "b", 190, 2, 0x40 | 256)]
    assert list(read_hits(lines, 0.9)) == [{"a": Hit(350, 8, 200), "b": Hit(190, 2, 100)}]


def test_distant_and_short_alignments_do_not_count() -> None:
    assert list(read_hits([sam("r", "a", 100, 11)], 0.9)) == [{}]
    assert list(read_hits([sam("r", "a", 98, 0, cigar="51S49M")], 0.9)) == [{}]
    # a read that hangs over the end of a gene
    assert list(read_hits([sam("r", "a", 120, 0, cigar="40S60M")], 0.9)) == [{"a": Hit(120, 0, 60)}]


@pytest.mark.parametrize(
    ("cigar", "start", "unlike"),
    [
        ("100M", 9, 0),
        ("40S60M", 41, 40),
        # Over the first base of a contig, wholly and in part.
        ("40S60M", 1, 0),
        ("40S60M", 31, 30),
        # Over its last base, 200.
        ("60M40S", 141, 0),
        ("60M40S", 131, 10),
        ("60M40S", 1, 40),
        ("10S50M2D30M10S", 50, 20),
    ],
)
def test_clipped_bases_are_unlike_unless_they_hang_over_an_end(cigar: str, start: int, unlike: int) -> None:
    line = sam("r", "a", 120, 3, cigar=cigar).replace(b"\t1\t9\t", b"\t%d\t9\t" % start)
    header = [b"@HD\tVN:1.0\n", b"@SQ\tSN:a|c1\tLN:200\n"]
    ((hit,),) = (list(found.values()) for found in read_hits([*header, line], 0.5))
    assert hit.edits == 3 + unlike


def test_common_lineage() -> None:
    one, two = "Bacteria;P;C;O;F;G;G one", "Bacteria;P;C;O;F;G;G two"
    assert common_lineage([one]) == one
    assert common_lineage([one, two]) == "Bacteria;P;C;O;F;G;"
    assert common_lineage([one, "Archaea;;;;;;A"]) == UNCLASSIFIED


def test_a_tie_of_two_strains_is_their_species() -> None:
    tally = Tally()
    lineages = {"a": "B;;;;;G;G one", "b": "B;;;;;G;G one", "c": "B;;;;;G;G two"}
    nine, eight = Hit(9, 0, 9), Hit(8, 1, 9)
    found = [{"a": nine, "b": nine, "c": eight}, {"a": nine, "c": nine}, {}]
    count_hits(found, lineages, "sheet", tally)
    assert tally.reads == {"B;;;;;G;G one": 1.0, "B;;;;;G;": 1.0}


def test_a_species_that_its_reads_are_unlike_is_not_named() -> None:
    tally = Tally()
    for edits in (12, 12, 12, 0):
        tally.add("B;;;;;G;G one", Hit(9, edits, 150))
        tally.add("B;;;;;G;G two", Hit(9, edits // 2, 150))
    tally.add("B;;;;;G;", Hit(9, 15, 150))
    assert drop_unlike(tally) == {"B;;;;;G;": 1.0, "B;;;;;G;G two": 4.0}


def test_genome_that_the_sheet_lacks_is_named() -> None:
    with pytest.raises(VagusError, match="sheet: no row for genome 'z'"):
        count_hits([{"z": Hit(9, 0, 9)}], {}, "sheet", Tally())


def test_near_identical_genomes_from_a_tenth_to_twenty_fold(tmp_path: Path) -> None:
    """A twin at 99 % identity is told apart where it differs; a foreign organism stays unclassified."""
    try:
        find_tool("bowtie2-build")
    except VagusError as error:
        pytest.skip(str(error))
    rng = np.random.default_rng(11)
    one = random_genome(rng, 60_000)
    genomes = {"one": one, "twin": mutate(rng, one, 0.01), "two": random_genome(rng, 60_000)}
    genomes["foreign"] = random_genome(rng, 60_000)
    species = {"one": "Aus bus", "twin": "Aus cus", "two": "Dus eus"}
    for name in species:
        write_fasta(tmp_path / f"{name}.fa", genomes[name])
    rows = [f"{name}\t{name}.fa\t{text}" for name, text in species.items()]
    (tmp_path / "genomes.tsv").write_text("\n".join(["genome\tpath\tspecies", *rows]) + "\n")
    findings = Findings()
    sheet = read_genome_sheet(tmp_path / "genomes.tsv", None, findings)
    assert not findings.problems
    build_bowtie2(sheet, tmp_path / "idx", tmp_path / "tax.tsv", tmp_path / "manifest.json", 2)
    clean = tmp_path / "clean"
    depths = {"deep": {"one": 20.0, "two": 1.0, "foreign": 5.0}, "thin": {"twin": 0.5, "two": 0.1}}
    drawn = {s: write_sample(rng, clean, s, genomes, d, 300) for s, d in depths.items()}
    write_empty(clean / "none__run1_R1.fastq.gz")
    out = tmp_path / "out"
    samples = ["deep", "thin", "none"]
    main(
        [str(clean)], samples, str(tmp_path / "idx"), str(tmp_path / "tax.tsv"), str(out), {"min_reads": 5}, 2
    )
    found = {s: {k: float(v) for k, v in read_rows(out / f"{s}.taxa.tsv", TAXON_COLUMNS)} for s in samples}
    by_species = {s: {k.split(";")[-1]: v for k, v in f.items()} for s, f in found.items()}
    deep, thin = by_species["deep"], by_species["thin"]
    # The share of pairs (250 bases read) without any of the 1 % of differing bases is 0.99 ** 300 = 5 %.
    assert deep["Aus bus"] == pytest.approx(drawn["deep"]["one"], rel=0.1)
    assert deep.get("Aus cus", 0) == 0
    assert deep["Dus eus"] == drawn["deep"]["two"]
    assert deep[UNCLASSIFIED] == drawn["deep"]["foreign"]
    assert thin["Aus cus"] == pytest.approx(drawn["thin"]["twin"], rel=0.2)
    assert "Aus bus" not in thin
    assert thin["Dus eus"] == drawn["thin"]["two"]
    for sample in ("deep", "thin"):
        assert sum(found[sample].values()) == sum(drawn[sample].values())
        assert read_stats(out, sample)["detection_limit"] == pytest.approx(5 / sum(drawn[sample].values()))
    assert found["none"] == {}
    assert read_stats(out, "none")["reads"] == 0

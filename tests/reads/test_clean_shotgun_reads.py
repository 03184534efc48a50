"""Cleaning shotgun reads: fastp, the host, PhiX; counts that add up, nothing of the host left behind."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import dnaio
import pytest
from reads.made_reads import make_insert, rc, read_sequences, write_fastq, write_pairs

from vagus.errors import VagusError
from vagus.ledger import check_ledger, read_ledger
from vagus.reads.build_host_index import ALIGNERS, build_host_index
from vagus.reads.clean_shotgun_reads import ShotgunSettings, clean_batch, fastp_rows, main
from vagus.reads.drop_mapped import drop_mapped

DATA = Path(__file__).parents[2].parent / "shared" / "data"
HOST, MICROBE, PHIX = make_insert(901, 20000), make_insert(902, 20000), make_insert(903, 5000)
PLAIN = ShotgunSettings(adapters=False, quality_cutoff=0, min_length=30, poly_g="off")
pytestmark = pytest.mark.skipif(
    not all(shutil.which(tool) for tool in ("fastp", "bowtie2", "bowtie2-build", "minimap2")),
    reason="fastp, bowtie2 or minimap2 is not installed",
)


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Made genomes of a host (for both aligners) and in PhiX's place."""
    folder = tmp_path_factory.mktemp("an index")
    found = {}
    for name, genome in (("host", HOST), ("phix", PHIX)):
        (folder / f"{name}.fa").write_text(f">{name}\n{genome}\n")
        for aligner in ALIGNERS:
            target = folder / f"{name}.{aligner}"
            found[f"{name}.{aligner}"] = build_host_index([folder / f"{name}.fa"], aligner, target, 1)[1]
    return found


def pairs_of(genome: str, n: int, seed: int, length: int = 100) -> list[tuple[str, str]]:
    """Mates of fragments of 250 bases."""
    starts = random.Random(seed).sample(range(len(genome) - 250), n)
    return [(genome[s : s + length], rc(genome[s + 250 - length : s + 250])) for s in starts]


def run_batch(tmp_path: Path, units: list[dict], settings: ShotgunSettings, paired: bool = True):
    """Clean units; return the ledger by (sample, step) and the folder of reads."""
    batch = {"batch": "r1.1", "run": "r1", "paired": paired, "units": units}
    clean = tmp_path / "clean out"
    clean_batch(batch, settings, clean, tmp_path / "ledger.tsv", tmp_path / "logs", 2)
    frame = read_ledger(tmp_path / "ledger.tsv")
    check_ledger(frame)
    assert not [p for p in clean.iterdir() if not p.name.endswith(".fastq.gz")]
    return frame.set_index(["sample", "step"]), clean


def unit_of(sample: str, files: dict[str, str]) -> dict[str, str]:
    return {"sample": sample, "run": "r1", **files}


def numbers(ledger, sample: str) -> list[tuple[str, int, int, int]]:
    rows = ledger.loc[sample]
    return [(s, *map(int, rows.loc[s, ["reads_in", "reads_out", "lost"]])) for s in rows.index]


@pytest.mark.parametrize("aligner", ALIGNERS)
def test_host_and_phix_pairs_leave_when_either_mate_aligns(tmp_path, indexes, aligner):
    microbe, host = pairs_of(MICROBE, 40, 1), pairs_of(HOST, 20, 2)
    one_mate = [(m[0], h[1]) for m, h in zip(pairs_of(MICROBE, 5, 3), pairs_of(HOST, 5, 4), strict=True)]
    other_mate = [(h[0], m[1]) for m, h in zip(pairs_of(MICROBE, 5, 5), pairs_of(HOST, 5, 6), strict=True)]
    pairs = [*microbe, *host, *one_mate, *other_mate, *pairs_of(PHIX, 6, 7)]
    random.Random(8).shuffle(pairs)
    # All names alike up to the blank: a removal by name would take everything.
    files = write_pairs(tmp_path, "S1", pairs, name="read {i} of many")
    settings = ShotgunSettings(
        adapters=False,
        quality_cutoff=0,
        min_length=30,
        host_index=indexes[f"host.{aligner}"],
        host_aligner=aligner,
        phix_index=indexes["phix.bowtie2"],
    )
    ledger, clean = run_batch(tmp_path, [unit_of("S1", files)], settings)
    assert numbers(ledger, "S1") == [
        ("raw", 76, 76, 0),
        ("quality", 76, 76, 0),
        ("host", 76, 46, 30),
        ("phix", 46, 40, 6),
    ]
    assert ledger.loc[("S1", "phix"), "reason"] == "13% of the reads are PhiX"
    left = zip(*(read_sequences(clean / f"S1__r1_R{mate}.fastq.gz") for mate in (1, 2)), strict=True)
    assert list(left) == [pair for pair in pairs if pair in microbe]
    with gzip.open(clean / "S1__r1_R1.fastq.gz", "rt") as handle:
        assert handle.readline().rstrip().endswith(" of many")


@pytest.mark.parametrize("aligner", ALIGNERS)
def test_single_end_ragged_reads_mostly_host(tmp_path, indexes, aligner):
    # minimap2 does not find all reads below 60 bases, bowtie2 does.
    shortest = {"bowtie2": 35, "minimap2": 60}[aligner]
    host = [first[: max(shortest, 40 + i)] for i, (first, _) in enumerate(pairs_of(HOST, 60, 1))]
    microbe = [first[: 40 + 5 * i] for i, (first, _) in enumerate(pairs_of(MICROBE, 12, 2))]
    source = write_fastq(tmp_path / "S1.fastq.gz", host + microbe, name="r{i}/1")
    settings = ShotgunSettings(
        adapters=False,
        quality_cutoff=0,
        min_length=30,
        host_index=indexes[f"host.{aligner}"],
        host_aligner=aligner,
    )
    unit = unit_of("S1", {"fastq_1": str(source), "fastq_2": ""})
    ledger, clean = run_batch(tmp_path, [unit], settings, paired=False)
    assert [p.name for p in clean.iterdir()] == ["S1__r1_R1.fastq.gz"]
    assert read_sequences(clean / "S1__r1_R1.fastq.gz") == microbe
    assert numbers(ledger, "S1")[-1] == ("host", 72, 12, 60)
    assert ledger.loc[("S1", "host"), "reason"] == "83% of the reads are the host's"


def test_sample_of_the_host_alone_ends_there_as_valid_empty_files(tmp_path, indexes):
    units = [
        unit_of(s, write_pairs(tmp_path, s, pairs_of(g, 5, 1))) for s, g in (("S1", HOST), ("S2", MICROBE))
    ]
    settings = ShotgunSettings(host_index=indexes["host.bowtie2"], phix_index=indexes["phix.bowtie2"])
    ledger, clean = run_batch(tmp_path, units, settings)
    assert [row[0] for row in numbers(ledger, "S1")] == ["raw", "quality", "host"]
    assert ledger.loc[("S1", "host"), "status"] == "empty"
    assert [gzip.decompress((clean / f"S1__r1_R{m}.fastq.gz").read_bytes()) for m in (1, 2)] == [b"", b""]
    assert numbers(ledger, "S2")[-1] == ("phix", 5, 5, 0)


def test_low_quality_short_and_n_are_told_apart(tmp_path):
    reads = [first for first, _ in pairs_of(MICROBE, 10, 1)]
    with gzip.open(tmp_path / "S1.fastq.gz", "wt") as handle:
        for i, read in enumerate(reads[:3]):
            handle.write(f"@good{i}\n{read}\n+\n{'I' * 100}\n")
        for i, read in enumerate(reads[3:8]):
            # Good to base 20, then bad: the window cuts it short.
            handle.write(f"@short{i}\n{read}\n+\n{'I' * 20 + '#' * 80}\n")
        for i, read in enumerate(reads[8:]):
            handle.write(f"@n{i}\n{'N' * 9 + read[9:]}\n+\n{'I' * 100}\n")
    unit = unit_of("S1", {"fastq_1": str(tmp_path / "S1.fastq.gz"), "fastq_2": ""})
    ledger, clean = run_batch(tmp_path, [unit], ShotgunSettings(adapters=False), paired=False)
    assert read_sequences(clean / "S1__r1_R1.fastq.gz") == reads[:3]
    assert numbers(ledger, "S1") == [("raw", 10, 10, 0), ("quality", 10, 3, 7)]
    assert ledger.loc[("S1", "quality"), "reason"] == "7 of 10 reads are lost: 5 too short, 2 with too many N"


def test_nothing_passes_fastp(tmp_path):
    files = write_pairs(tmp_path, "S1", pairs_of(MICROBE, 4, 1), quality="#")
    ledger, clean = run_batch(tmp_path, [unit_of("S1", files)], ShotgunSettings())
    assert ledger.loc[("S1", "quality"), "status"] == "empty"
    assert "4 of 4 reads are lost" in ledger.loc[("S1", "quality"), "reason"]
    assert [gzip.decompress((clean / f"S1__r1_R{m}.fastq.gz").read_bytes()) for m in (1, 2)] == [b"", b""]


def test_impossible_qualities_lose_nothing(tmp_path):
    files = write_pairs(tmp_path, "S1", pairs_of(MICROBE, 20, 1), quality="z")
    ledger, _ = run_batch(tmp_path, [unit_of("S1", files)], ShotgunSettings())
    assert numbers(ledger, "S1") == [("raw", 20, 20, 0), ("quality", 20, 20, 0)]


def test_adapters_of_short_fragments_are_trimmed_only_when_asked(tmp_path):
    adapters = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT"
    inserts = [MICROBE[i * 90 : i * 90 + 70] for i in range(30)]
    pairs = [((s + adapters[0])[:100], (rc(s) + adapters[1])[:100]) for s in inserts]
    files = write_pairs(tmp_path, "S1", pairs)
    _, clean = run_batch(tmp_path, [unit_of("S1", files)], ShotgunSettings(min_length=30))
    assert read_sequences(clean / "S1__r1_R1.fastq.gz") == inserts
    assert read_sequences(clean / "S1__r1_R2.fastq.gz") == [rc(s) for s in inserts]
    _, clean = run_batch(tmp_path, [unit_of("S2", files)], PLAIN)
    assert read_sequences(clean / "S2__r1_R1.fastq.gz") == [p[0] for p in pairs]


@pytest.mark.parametrize(
    ("poly_g", "name", "length"),
    [("on", "r{i}", 70), ("off", "A00{i}:1", 100), ("auto", "A00{i}:1", 70), ("auto", "r{i}", 100)],
)
def test_poly_g(tmp_path, poly_g, name, length):
    reads = [MICROBE[i * 90 : i * 90 + 60] + "TATATATATA" + "G" * 30 for i in range(5)]
    source = write_fastq(tmp_path / "S1.fastq.gz", reads, name=name)
    settings = ShotgunSettings(adapters=False, quality_cutoff=0, poly_g=poly_g)
    _, clean = run_batch(
        tmp_path, [unit_of("S1", {"fastq_1": str(source), "fastq_2": ""})], settings, paired=False
    )
    assert [len(s) for s in read_sequences(clean / "S1__r1_R1.fastq.gz")] == [length] * 5


def test_several_gzip_members_and_plain_files(tmp_path):
    lanes = [write_fastq(tmp_path / f"L{i}.gz", [p[0] for p in pairs_of(MICROBE, 30, i)]) for i in (1, 2)]
    (tmp_path / "S1.fastq.gz").write_bytes(b"".join(lane.read_bytes() for lane in lanes))
    (tmp_path / "S2.fastq").write_bytes(gzip.decompress(lanes[0].read_bytes()))
    units = [
        unit_of(s, {"fastq_1": str(tmp_path / f), "fastq_2": ""})
        for s, f in (("S1", "S1.fastq.gz"), ("S2", "S2.fastq"))
    ]
    ledger, _ = run_batch(tmp_path, units, PLAIN, paired=False)
    assert (numbers(ledger, "S1")[1], numbers(ledger, "S2")[1]) == (
        ("quality", 60, 60, 0),
        ("quality", 30, 30, 0),
    )


def test_empty_files_pass_through_and_bad_ones_end_in_words(tmp_path):
    ledger, clean = run_batch(tmp_path, [unit_of("S0", write_pairs(tmp_path, "S0", []))], PLAIN)
    assert ledger.loc[("S0", "raw"), "reason"] == "the read files hold no reads"
    assert gzip.decompress((clean / "S0__r1_R2.fastq.gz").read_bytes()) == b""
    files = write_pairs(tmp_path, "S1", pairs_of(MICROBE, 9, 1))
    # fastp itself ends with status 0 here, and drops the surplus in silence.
    write_fastq(Path(files["fastq_2"]), [p[1] for p in pairs_of(MICROBE, 7, 1)])
    with pytest.raises(VagusError, match=r"raw, sample S1, run r1: .* holds 9 reads and .* 7; fix: mates"):
        run_batch(tmp_path, [unit_of("S1", files)], PLAIN)
    write_fastq(Path(files["fastq_2"]), [])
    with pytest.raises(VagusError, match=r"S1_R2.fastq.gz holds no reads but its mate does"):
        run_batch(tmp_path, [unit_of("S1", files)], PLAIN)
    with pytest.raises(VagusError, match="sample S1 in run r1 stands twice"):
        run_batch(tmp_path, [unit_of("S1", files)] * 2, PLAIN)


def test_nothing_of_the_host_is_left_after_a_failure(tmp_path, indexes):
    files = write_pairs(tmp_path, "S1", pairs_of(HOST, 5, 1))
    settings = ShotgunSettings(host_index=str(tmp_path / "no index"))
    with pytest.raises(VagusError, match="host, sample S1, run r1: bowtie2 failed with status"):
        run_batch(tmp_path, [unit_of("S1", files)], settings)
    assert list((tmp_path / "clean out").iterdir()) == []
    settings = ShotgunSettings(host_index=indexes["host.bowtie2"], phix_index=str(tmp_path / "none"))
    mixed = write_pairs(tmp_path, "S2", pairs_of(HOST, 5, 1) + pairs_of(MICROBE, 5, 1))
    with pytest.raises(VagusError, match="phix, sample S2, run r1: bowtie2 failed"):
        run_batch(tmp_path, [unit_of("S2", mixed)], settings)
    assert list((tmp_path / "clean out").iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("print('r0\\t4\\tx')", "ended after 1 reads"),
        ("print('r0\\t4\\tx\\nr9\\t4\\tx')", "gives read r9 in place of r1"),
        ("print('r0\\t4\\tx\\nr1\\t4\\tx\\nr0\\t0\\tx')", "gives more reads than the files hold"),
        (
            "import sys; print('r0\\t4\\tx'); sys.exit('Error: out of memory')",
            "status 1: Error: out of memory",
        ),
    ],
)
def test_an_aligner_that_does_not_answer_for_every_read(tmp_path, answer, expected):
    source = write_fastq(tmp_path / "a.fastq.gz", ["ACGT" * 10] * 2, name="r{i}")
    command = [sys.executable, "-c", answer]
    with pytest.raises(VagusError, match=expected):
        drop_mapped(command, [source], [tmp_path / "b.fastq.gz"], tmp_path / "log", "host")


def test_secondary_lines_do_not_count(tmp_path):
    source = write_fastq(tmp_path / "a.fastq.gz", ["ACGT" * 10] * 2, name="r{i}")
    lines = "@SQ\\tSN:x\\nr0\\t0\\tx\\nr0\\t2048\\tx\\nr0\\t256\\tx\\nr1\\t4\\tx"
    command = [sys.executable, "-c", f"print('{lines}')"]
    assert drop_mapped(command, [source], [tmp_path / "b.fastq.gz"], tmp_path / "log", "host") == (2, 1)


def test_reports_of_fastp_that_do_not_add_up_are_refused():
    def report(before: int, passed: int, after: int, low: int) -> dict:
        return {
            "summary": {
                "before_filtering": {"total_reads": before},
                "after_filtering": {"total_reads": after},
            },
            "filtering_result": {"passed_filter_reads": passed, "low_quality_reads": low},
        }

    with pytest.raises(VagusError, match="fastp read 8 of 10 reads"):
        fastp_rows(report(16, 16, 16, 0), 2, 10, PLAIN, "S1", "r1")
    with pytest.raises(VagusError, match="do not add up"):
        fastp_rows(report(20, 16, 16, 2), 2, 10, PLAIN, "S1", "r1")
    with pytest.raises(VagusError, match="passed 16 reads but wrote 14"):
        fastp_rows(report(20, 16, 14, 4), 2, 10, PLAIN, "S1", "r1")
    rows = fastp_rows(report(20, 16, 14, 4), 2, 10, ShotgunSettings(deduplicate=True), "S1", "r1")
    assert [(r["step"], r["reads_in"], r["reads_out"]) for r in rows] == [
        ("quality", 10, 8),
        ("duplicates", 8, 7),
    ]


@pytest.mark.parametrize("wrong", [{"quality_cutoff": 40}, {"poly_g": "yes"}, {"host_aligner": "bwa"}])
def test_wrong_settings(wrong):
    with pytest.raises(VagusError, match=f"{next(iter(wrong))} is .*; allowed: "):
        ShotgunSettings(**wrong)


def test_main_takes_the_aligner_from_the_index_and_yaml_booleans(tmp_path, indexes):
    files = write_pairs(tmp_path, "S1", pairs_of(HOST, 3, 1) + pairs_of(MICROBE, 4, 1))
    batch = {"batch": "r1.1", "run": "r1", "paired": True, "units": [unit_of("S1", files)]}
    (tmp_path / "b.json").write_text(json.dumps(batch))
    settings = {
        "adapters": True,
        "quality_cutoff": 20,
        "min_length": 50,
        "poly_g": False,
        "deduplicate": False,
    }
    out = [str(tmp_path / name) for name in ("clean", "ledger.tsv", "logs")]
    main(str(tmp_path / "b.json"), settings, indexes["host.minimap2"], None, *out, 2)
    assert read_ledger(out[1])["reads_out"].tolist() == [7, 7, 4]
    assert sorted(p.name for p in Path(out[2]).iterdir()) == ["S1__r1.fastp.json", "S1__r1.host.log"]
    assert "--disable_trim_poly_g" in json.loads((Path(out[2]) / "S1__r1.fastp.json").read_text())["command"]


@pytest.mark.slow  # fastp clears 4 GB for its table
def test_duplicates_have_their_row(tmp_path):
    pairs = pairs_of(MICROBE, 10, 1)
    files = write_pairs(tmp_path, "S1", [*pairs, *pairs, *pairs[:5]])
    ledger, clean = run_batch(tmp_path, [unit_of("S1", files)], ShotgunSettings(deduplicate=True))
    assert numbers(ledger, "S1")[1:] == [("quality", 25, 25, 0), ("duplicates", 25, 10, 15)]
    assert ledger.loc[("S1", "duplicates"), "reason"] == "15 of 25 reads are duplicates"
    assert read_sequences(clean / "S1__r1_R1.fastq.gz") == [p[0] for p in pairs]


@pytest.mark.parametrize("aligner", ALIGNERS)
@pytest.mark.parametrize(
    "name", ["kneaddata_demo/kneaddata/tests/data/demo.fastq.gz", "stool_wgs/wmgx/single/demo1.fastq.gz"]
)
def test_exactly_the_ten_human_reads_of_real_data_are_dropped(tmp_path, name, aligner):
    source, host = DATA / name, DATA / "kneaddata_demo/host_ttn.fasta"
    if not source.exists() or not host.exists():
        pytest.skip(f"{name} is not there")
    kind, index = build_host_index([host], aligner, tmp_path / "host", 1)
    settings = ShotgunSettings(
        adapters=False, quality_cutoff=0, min_length=30, host_index=index, host_aligner=kind
    )
    unit = unit_of("S1", {"fastq_1": str(source), "fastq_2": ""})
    ledger, clean = run_batch(tmp_path, [unit], settings, paired=False)
    with dnaio.open(source) as reader:
        before = [(r.name, r.sequence) for r in reader]
    with dnaio.open(clean / "S1__r1_R1.fastq.gz") as reader:
        after = [(r.name, r.sequence) for r in reader]
    assert ledger.loc[("S1", "host"), "lost"] == 10
    assert after == [r for r in before if not r[0].startswith("human_TTN_")]


def test_real_ragged_pairs(tmp_path, indexes):
    """The files of this set are not in one order, which is refused; the pairs they share are cleaned."""
    sources = [DATA / f"instrain_N5_271/test/test_data/N5_271_010G1.R{m}.fastq.gz" for m in (1, 2)]
    if not all(s.exists() for s in sources):
        pytest.skip("instrain_N5_271 is not there")
    settings = ShotgunSettings(host_index=indexes["host.bowtie2"], phix_index=indexes["phix.bowtie2"])
    raw = unit_of("S1", {f"fastq_{m}": str(s) for m, s in enumerate(sources, 1)})
    with pytest.raises(VagusError, match=r"host, sample S1, run r1: bowtie2.*improperly paired"):
        run_batch(tmp_path, [raw], replace(settings, adapters=False))
    assert list((tmp_path / "clean out").iterdir()) == []
    mates = []
    for source in sources:
        with dnaio.open(source) as reader:
            mates.append({r.name: r for r in reader})
    shared = list(islice((n for n in mates[0] if n in mates[1]), 3000))
    for mate, records in enumerate(mates, 1):
        with dnaio.open(tmp_path / f"S2_R{mate}.fastq.gz", mode="w") as writer:
            for name in shared:
                writer.write(records[name])
    unit = unit_of("S2", {f"fastq_{m}": str(tmp_path / f"S2_R{m}.fastq.gz") for m in (1, 2)})
    ledger, clean = run_batch(tmp_path, [unit], settings)
    rows = numbers(ledger, "S2")
    assert rows[0] == ("raw", 3000, 3000, 0)
    assert 2500 < rows[1][2] < 3000
    assert rows[2:] == [("host", rows[1][2], rows[1][2], 0), ("phix", rows[1][2], rows[1][2], 0)]
    lengths = {len(s) for m in (1, 2) for s in read_sequences(clean / f"S2__r1_R{m}.fastq.gz")}
    assert min(lengths) >= 50
    assert len(lengths) > 50

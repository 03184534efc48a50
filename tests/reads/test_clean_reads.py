"""Cleaning the reads of a batch: orientation, primers, quality, PhiX, empty samples, one-line errors."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from reads.made_reads import FORWARD, REVERSE, make_insert, pair_of, read_sequences, write_fastq, write_pairs

from vagus.errors import VagusError
from vagus.ledger import check_ledger, read_ledger
from vagus.reads.clean_reads import CleanSettings, clean_batch, main
from vagus.reads.primers import PrimerPair

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PRIMERS = PrimerPair(FORWARD, REVERSE)


def run_batch(tmp_path: Path, units: list[dict], settings: CleanSettings, paired: bool = True):
    """Clean units; return the ledger by (sample, run, step) and the folder of reads."""
    batch = {"batch": "r1.1", "run": "r1", "paired": paired, "units": units}
    clean = tmp_path / "clean"
    clean_batch(batch, settings, clean, tmp_path / "ledger.tsv", tmp_path / "logs", 2)
    frame = read_ledger(tmp_path / "ledger.tsv")
    check_ledger(frame)
    return frame.set_index(["sample", "run", "step"]), clean


def test_primers_are_removed_in_both_orientations_and_primerless_reads_counted(tmp_path):
    insert = make_insert(1)
    pairs = [pair_of(insert)] * 3 + [pair_of(insert, turned=True)] * 2 + [pair_of(insert, primers=False)] * 4
    unit = {"sample": "S1", "run": "r1", **write_pairs(tmp_path, "S1", pairs)}
    ledger, clean = run_batch(tmp_path, [unit], CleanSettings(primers=PRIMERS))
    first = read_sequences(clean / "S1__r1_R1.fastq.gz")
    second = read_sequences(clean / "S1__r1_R2.fastq.gz")
    assert first == [insert[:131]] * 5
    assert {s[:20] for s in second} == {pair_of(insert, primers=False)[1][:20]}
    assert list(ledger.loc[("S1", "r1", "raw"), ["reads_in", "reads_out", "lost"]]) == [9, 9, 0]
    assert list(ledger.loc[("S1", "r1", "primers"), ["reads_in", "reads_out", "lost"]]) == [9, 5, 4]
    assert list(ledger.loc[("S1", "r1", "quality"), ["reads_in", "reads_out"]]) == [5, 5]


def test_read_through_into_the_other_primer_is_removed(tmp_path):
    insert = make_insert(2, 100)
    unit = {"sample": "S1", "run": "r1", **write_pairs(tmp_path, "S1", [pair_of(insert, length=135)])}
    _, clean = run_batch(tmp_path, [unit], CleanSettings(primers=PRIMERS))
    assert read_sequences(clean / "S1__r1_R1.fastq.gz") == [insert]
    assert read_sequences(clean / "S1__r1_R2.fastq.gz") == [pair_of(insert, 100, primers=False)[1]]


def test_keep_untrimmed_keeps_and_says_how_many(tmp_path):
    insert = make_insert(3)
    pairs = [pair_of(insert)] * 3 + [pair_of(insert, primers=False)]
    unit = {"sample": "S1", "run": "r1", **write_pairs(tmp_path, "S1", pairs)}
    ledger, _ = run_batch(tmp_path, [unit], CleanSettings(primers=PRIMERS, keep_untrimmed=True))
    row = ledger.loc[("S1", "r1", "primers")]
    assert (row["lost"], row["status"]) == (0, "warning")
    assert row["reason"] == "kept without a primer: 1 R1, 1 R2 reads"


def test_wrong_primers_are_suspected_in_words(tmp_path):
    pairs = [pair_of(make_insert(4))] + [pair_of(make_insert(4), primers=False)] * 9
    unit = {"sample": "S1", "run": "r1", **write_pairs(tmp_path, "S1", pairs)}
    ledger, _ = run_batch(tmp_path, [unit], CleanSettings(primers=PRIMERS))
    assert ledger.loc[("S1", "r1", "primers"), "reason"] == (
        "9 of 10 reads show no primer: is reads.primers the pair that was used?"
    )


def test_single_end(tmp_path):
    insert = make_insert(5)
    source = write_fastq(tmp_path / "S1.fastq.gz", [pair_of(insert)[0]] * 4 + ["ACGT" * 30])
    unit = {"sample": "S1", "run": "r1", "fastq_1": str(source), "fastq_2": ""}
    ledger, clean = run_batch(tmp_path, [unit], CleanSettings(primers=PRIMERS), paired=False)
    assert [p.name for p in clean.iterdir()] == ["S1__r1_R1.fastq.gz"]
    assert read_sequences(clean / "S1__r1_R1.fastq.gz") == [insert[:131]] * 4
    assert ledger.loc[("S1", "r1", "primers"), "lost"] == 1


def test_nothing_to_do_links_the_originals(tmp_path):
    files = write_pairs(tmp_path, "S1", [pair_of(make_insert(6))] * 7, name="read {i} of many")
    ledger, clean = run_batch(tmp_path, [{"sample": "S1", "run": "r1", **files}], CleanSettings())
    for mate in (1, 2):
        assert (clean / f"S1__r1_R{mate}.fastq.gz").resolve() == Path(files[f"fastq_{mate}"]).resolve()
    assert list(ledger.index.get_level_values("step")) == ["raw"]
    assert ledger["reads_out"].tolist() == [7]


def test_empty_sample_leaves_with_a_reason_and_the_others_go_on(tmp_path):
    units = [
        {"sample": "S0", "run": "r1", **write_pairs(tmp_path, "S0", [])},
        {"sample": "S1", "run": "r1", **write_pairs(tmp_path, "S1", [pair_of(make_insert(7))])},
        {"sample": "S2", "run": "r1", **write_pairs(tmp_path, "S2", [("ACGT" * 20, "ACGT" * 20)])},
    ]
    ledger, clean = run_batch(tmp_path, units, CleanSettings(primers=PRIMERS))
    assert list(ledger.loc[("S0", "r1", "raw"), ["status", "reason"]]) == [
        "empty",
        "the read files hold no reads",
    ]
    assert gzip.decompress((clean / "S0__r1_R2.fastq.gz").read_bytes()) == b""
    assert ledger.loc[("S1", "r1", "quality"), "status"] == "pass"
    # A sample ends with the step that left nothing.
    assert list(ledger.loc["S2"].index.get_level_values("step")) == ["raw", "primers"]
    assert ledger.loc[("S2", "r1", "primers"), "status"] == "empty"
    assert gzip.decompress((clean / "S2__r1_R1.fastq.gz").read_bytes()) == b""


def test_quality_trimming_drops_short_reads(tmp_path):
    units = [
        {
            "sample": "S1",
            "run": "r1",
            **write_pairs(tmp_path, "S1", [pair_of(make_insert(8))] * 2, quality="#"),
        }
    ]
    ledger, _ = run_batch(tmp_path, units, CleanSettings(quality_cutoff=20, min_length=50))
    row = ledger.loc[("S1", "r1", "quality")]
    assert (row["reads_in"], row["reads_out"], row["status"]) == (2, 0, "empty")
    assert row["reason"] == "all reads are shorter than 50 after trimming"


@pytest.fixture(scope="module")
def phix(tmp_path_factory):
    """A made genome in PhiX's place, and its index."""
    if not shutil.which("bowtie2-build"):
        pytest.skip("bowtie2 is not installed")
    folder = tmp_path_factory.mktemp("phix")
    genome = make_insert(99, 5000)
    (folder / "phix.fa").write_text(f">phix\n{genome}\n")
    subprocess.run(["bowtie2-build", "--quiet", folder / "phix.fa", folder / "phix"], check=True)
    return genome, str(folder / "phix")


def test_phix_pairs_are_removed_by_name(tmp_path, phix):
    genome, index = phix
    # Names with blanks, alike up to the blank, and mates marked in the old way.
    alien = pair_of(genome[1000:1200], 150, primers=False)
    half = (make_insert(11, 150), pair_of(genome[2000:2200], 150, primers=False)[1])
    own = pair_of(make_insert(12), primers=False)
    files = write_pairs(tmp_path, "S1", [own, alien, own, half, own], name="run x {i}/1")
    ledger, clean = run_batch(
        tmp_path, [{"sample": "S1", "run": "r1", **files}], CleanSettings(phix_index=index)
    )
    assert list(ledger.loc[("S1", "r1", "phix"), ["reads_in", "reads_out", "reason"]]) == [
        5,
        3,
        "40% of the reads are PhiX",
    ]
    assert read_sequences(clean / "S1__r1_R1.fastq.gz") == [own[0]] * 3
    assert read_sequences(clean / "S1__r1_R2.fastq.gz") == [own[1]] * 3
    assert len(read_sequences(Path(files["fastq_1"]))) == 5, "the user's file is untouched"
    assert "aligned" in (tmp_path / "logs" / "S1__r1.bowtie2.log").read_text()


def test_reads_that_share_a_name_are_refused_when_phix_is_found(tmp_path, phix):
    genome, index = phix
    pairs = [
        pair_of(genome[:200], primers=False),
        *[pair_of(make_insert(i), primers=False) for i in range(9)],
    ]
    files = write_pairs(tmp_path, "S1", pairs, name="same")
    with pytest.raises(VagusError, match="PhiX removal, sample S1, run r1: read names are not unique"):
        run_batch(tmp_path, [{"sample": "S1", "run": "r1", **files}], CleanSettings(phix_index=index))


@pytest.mark.parametrize(
    ("settings", "step"), [(CleanSettings(), "raw"), (CleanSettings(PRIMERS), "trimming")]
)
def test_unequal_mates_are_one_line_with_sample_and_step(tmp_path, settings, step):
    files = write_pairs(tmp_path, "S1", [pair_of(make_insert(1))] * 3)
    write_fastq(Path(files["fastq_2"]), [pair_of(make_insert(1))[1]] * 2)
    with pytest.raises(VagusError) as caught:
        run_batch(tmp_path, [{"sample": "S1", "run": "r1", **files}], settings)
    assert f"{step}, sample S1, run r1" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("settings", [CleanSettings(), CleanSettings(PRIMERS)])
def test_truncated_gzip_is_one_line_with_the_sample(tmp_path, settings):
    files = write_pairs(tmp_path, "S1", [pair_of(make_insert(i)) for i in range(300)])
    whole = Path(files["fastq_1"]).read_bytes()
    Path(files["fastq_1"]).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VagusError, match=r"sample S1, run r1") as caught:
        run_batch(tmp_path, [{"sample": "S1", "run": "r1", **files}], settings)
    assert "\n" not in str(caught.value)


def test_a_sample_twice_in_a_run_is_refused(tmp_path):
    unit = {"sample": "S1", "run": "r1", **write_pairs(tmp_path, "S1", [pair_of(make_insert(1))])}
    with pytest.raises(VagusError, match="sample S1 in run r1 stands twice; fix: give each lane or library"):
        run_batch(tmp_path, [unit, unit], CleanSettings())


def test_main_reads_the_config(tmp_path):
    unit = {"sample": "S1", "run": "r1", **write_pairs(tmp_path, "S1", [pair_of(make_insert(1))])}
    batch = tmp_path / "batch.json"
    batch.write_text(json.dumps({"batch": "r1.1", "run": "r1", "paired": True, "units": [unit]}))
    table = tmp_path / "primers.tsv"
    table.write_text(f"# comment\nname\tforward\treverse\nV4\t{FORWARD}\t{REVERSE}\n")
    reads = {"primers": "V4", "keep_untrimmed": False, "primer_error_rate": 0.12, "quality_cutoff": 0}
    out = [str(tmp_path / name) for name in ("clean", "ledger.tsv", "logs")]
    main(str(batch), {**reads, "min_length": 50}, str(table), None, *out, threads=1)
    assert read_ledger(out[1])["step"].tolist() == ["raw", "primers", "quality"]
    report = json.loads((tmp_path / "logs" / "S1__r1.cutadapt.json").read_text())
    assert report["tag"] == "Cutadapt report"


def test_dadasnake_libraries_lose_their_primers(tmp_path):
    folder = DATA / "dadasnake" / "testdata"
    if not folder.is_dir():
        pytest.skip("the real data folder shared/data/dadasnake is not here")
    names = {
        "222": ("sample_1", "1"),
        "111": ("sample_1", "2"),
        "334": ("sample_2", "2"),
        "333": ("sample_3", "1"),
    }
    units = [
        {"sample": s, "run": r, **{f"fastq_{m}": str(folder / f"lib_{n}_R{m}_001.fastq.gz") for m in (1, 2)}}
        for n, (s, r) in names.items()
    ]
    ledger, clean = run_batch(tmp_path, units, CleanSettings(primers=PRIMERS))
    assert (ledger.xs("raw", level="step")["reads_in"] == 2000).all()
    assert (ledger.xs("primers", level="step")["reads_out"] > 1850).all()
    starts = [s[:4] for s in read_sequences(clean / "sample_1__2_R1.fastq.gz")]
    assert starts.count("TACG") + starts.count("TACA") + starts.count("GACG") > 0.85 * len(starts)

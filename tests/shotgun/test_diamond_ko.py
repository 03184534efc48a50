"""DIAMOND on made genomes: copies per genome are the true ones, by species, at any depth."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from shotgun.made_proteins import Trial, make_trial, read_kos, total_kos

from vagus.errors import VagusError
from vagus.reads.tools import run_tool
from vagus.shotgun.diamond_ko import DiamondSettings, HitSums, centre_inside, main, read_labels, sum_hits
from vagus.shotgun.genome_size import read_markers

RESOURCES = Path(__file__).parents[2] / "resources"
MARKERS, PATHWAYS = str(RESOURCES / "single_copy_markers.tsv"), str(Path(__file__).parent / "pathways.tsv")
DEPTHS = {"x1": 1.0, "x5": 5.0, "x10": 10.0, "x20": 20.0}
needs_diamond = pytest.mark.skipif(shutil.which("diamond") is None, reason="diamond is not installed")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return make_trial(tmp_path_factory.mktemp("made"), read_markers(MARKERS), DEPTHS)


@pytest.fixture(scope="module")
def database(trial: Trial) -> str:
    path = trial.proteins.with_suffix(".dmnd")
    run_tool(["diamond", "makedb", "--quiet", "--threads", "1", "--in", trial.proteins, "--db", path], "test")
    return str(path)


@pytest.fixture(scope="module")
def out(trial: Trial, database: str) -> Path:
    folder = trial.proteins.parent / "out"
    main(
        [str(trial.clean)],
        [*DEPTHS, "empty"],
        database,
        str(trial.proteins),
        MARKERS,
        PATHWAYS,
        str(folder),
        {},
        2,
    )
    return folder


@needs_diamond
@pytest.mark.parametrize(
    ("sample", "each", "on_average"), [("x1", None, 0.15), ("x5", 0.25, 0.05), ("x10", 0.15, 0.05)]
)
def test_copies_per_genome_are_the_true_ones(
    trial: Trial, out: Path, sample: str, each: float | None, on_average: float
) -> None:
    found = total_kos(read_kos(out, sample))
    ratio = np.array([found.get(ko, 0.0) / true for ko, true in trial.truth.items()])
    assert abs(ratio.mean() - 1) < on_average
    if each is not None:
        assert np.abs(ratio - 1).max() < each
    assert set(found) == set(trial.truth) | set(read_markers(MARKERS))


@needs_diamond
def test_values_tell_the_species_and_do_not_follow_depth(trial: Trial, out: Path) -> None:
    found = {sample: read_kos(out, sample) for sample in DEPTHS}
    ratio = np.array([found["x10"].get(key, 0.0) / true for key, true in trial.by_species.items()])
    assert abs(ratio.mean() - 1) < 0.05
    # A read that shows less than the whole of a hit may fall below the identity that a species needs.
    other = {k: v for k, v in found["x10"].items() if k[0] in trial.truth and k not in trial.by_species}
    assert {taxon for _, taxon in other} <= {"unclassified"}
    assert sum(other.values()) < 0.01 * sum(trial.truth.values())
    sums = {s: sum(v for (ko, _), v in found[s].items() if ko in trial.truth) for s in ("x10", "x20")}
    assert sums["x20"] == pytest.approx(sums["x10"], rel=0.03)


@needs_diamond
def test_statistics_and_a_sample_without_reads(out: Path) -> None:
    stats = {s: json.loads((out / f"{s}.stats.json").read_text()) for s in (*DEPTHS, "empty")}
    for sample, depth in DEPTHS.items():
        assert stats[sample]["genome_equivalents"] == pytest.approx(depth, rel=0.1)
        assert 0.6 < stats[sample]["assigned_share"] < stats[sample]["hit_share"] < 1
    assert (stats["x5"]["status"], stats["x5"]["unit"]) == ("ok", "copies per genome")
    assert (stats["empty"]["reads"], stats["empty"]["status"]) == (0, "no reads")
    assert (out / "empty.ko.tsv").read_text() == "feature\ttaxon\tvalue\n"


@needs_diamond
def test_a_broken_database_ends_in_one_line(trial: Trial, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dmnd"
    bad.write_bytes(b"no database")
    with pytest.raises(VagusError, match=r"sample x1.*diamond failed"):
        main(
            [str(trial.clean)],
            ["x1"],
            str(bad),
            str(trial.proteins),
            MARKERS,
            None,
            str(tmp_path / "o"),
            {},
            1,
        )


def test_labels_in_headers_and_in_a_table(tmp_path: Path) -> None:
    fasta, table = tmp_path / "p.faa", tmp_path / "p.tsv"
    fasta.write_text(">a|K00001,K00002|Some species\nMK\n>b K00003 enzyme\nMK\n>c no label\nMK\n")
    assert read_labels(fasta) == {
        "a|K00001,K00002|Some": (("K00001", "K00002"), "Some species"),
        "b": (("K00003",), ""),
    }
    table.write_text("protein\tko\ttaxon\na\tK00001,K00002\tSome species\nc\t\t\n")
    assert read_labels(None, table) == {"a": (("K00001", "K00002"), "Some species")}
    fasta.write_text(">c no label\nMK\n")
    with pytest.raises(VagusError, match="no protein has a KO"):
        read_labels(fasta)


@pytest.mark.parametrize(
    ("hit", "inside"),
    [
        # qstart, qend, qlen, sstart, slen: whole; over the start by less and more than half; over the end
        ((1, 150, 150, 10, 100), True),
        ((61, 150, 150, 1, 100), True),
        ((91, 150, 150, 1, 100), False),
        ((1, 90, 150, 71, 100), True),
        ((1, 60, 150, 81, 100), False),
        ((60, 1, 150, 1, 100), False),
        ((90, 1, 150, 1, 100), True),
    ],
)
def test_a_read_counts_where_its_centre_lies(hit: tuple[int, int, int, int, int], inside: bool) -> None:
    assert centre_inside(*hit) is inside


def test_equal_hits_share_a_read_and_worse_ones_get_nothing() -> None:
    labels = {"p": (("K00001",), "a"), "q": (("K00002",), "b"), "r": (("K00003",), "c")}
    row = "r1\t{}\t{}\t1\t150\t150\t10\t59\t100\t{}\n"
    sums = HitSums()
    sum_hits(
        [row.format("p", 95, 90.0), row.format("q", 80, 90.0), row.format("r", 99, 80.0)], labels, 90, sums
    )
    half = 150 / 300 / 2
    assert sums.depths == {
        ("K00001", "a"): pytest.approx(half),
        ("K00002", "unclassified"): pytest.approx(half),
    }
    assert (sums.reads, sums.with_ko) == (1, 1)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(VagusError, match="allowed: faster, fast, default"):
        DiamondSettings.from_config({"mode": "quick"})

"""Sketches of KOs on made genomes: depth per protein, whatever the reference holds besides."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from shotgun.made_proteins import CODONS, Trial, make_trial, read_kos, total_kos

from vagus.errors import VagusError
from vagus.shotgun.genome_size import read_markers
from vagus.shotgun.sketch_ko import KmerCounts, KoIndex, build, build_index, count_kmers, ko_depths, main
from vagus.shotgun.tables import find_sample_reads

RESOURCES = Path(__file__).parents[2] / "resources"
MARKERS, PATHWAYS = str(RESOURCES / "single_copy_markers.tsv"), str(Path(__file__).parent / "pathways.tsv")
DEPTHS = {"x1": 1.0, "x5": 5.0, "x10": 10.0, "x20": 20.0}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return make_trial(tmp_path_factory.mktemp("made"), read_markers(MARKERS), DEPTHS)


@pytest.fixture(scope="module")
def out(trial: Trial) -> Path:
    folder, index = trial.proteins.parent / "out", trial.proteins.with_suffix(".npz")
    build(str(trial.proteins), None, str(index), {"scaled": 5})
    main([str(trial.clean)], [*DEPTHS, "empty"], str(index), MARKERS, PATHWAYS, str(folder), {}, 2)
    return folder


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


def test_doubling_the_depth_changes_nothing(trial: Trial, out: Path) -> None:
    sums = {s: sum(v for (ko, _), v in read_kos(out, s).items() if ko in trial.truth) for s in ("x10", "x20")}
    assert sums["x20"] == pytest.approx(sums["x10"], rel=0.03)


def test_statistics_and_a_sample_without_reads(out: Path) -> None:
    stats = {s: json.loads((out / f"{s}.stats.json").read_text()) for s in (*DEPTHS, "empty")}
    for sample, depth in DEPTHS.items():
        # Plain depth, although k-mers over a read's end are lost.
        assert stats[sample]["genome_equivalents"] == pytest.approx(depth, rel=0.1)
        assert 0.5 < stats[sample]["assigned_share"] < 0.95
    assert (stats["empty"]["reads"], stats["empty"]["status"]) == (0, "no reads")
    assert (out / "empty.ko.tsv").read_text() == "feature\ttaxon\tvalue\n"


def made_protein(seed: int, size: int) -> str:
    return "M" + "".join(np.random.default_rng(seed).choice(list(CODONS), size))


def as_counts(index: KoIndex, protein: str, depth: int, tmp_path: Path) -> KmerCounts:
    """Count a protein of which each k-mer is seen `depth` times."""
    path = tmp_path / "one.faa"
    path.write_text(f">x|K00009|s\n{protein}\n")
    own = build_index(path, None, index.ksize, index.scaled).hashes
    return KmerCounts(np.where(np.isin(index.hashes, own), depth, 0), 1, 1)


def test_orthologs_that_the_sample_lacks_do_not_dilute_a_ko(tmp_path: Path) -> None:
    fasta = tmp_path / "p.faa"
    proteins = [made_protein(seed, 300 + 10 * seed) for seed in range(30)]
    fasta.write_text("".join(f">p{i}|K00001|s\n{p}\n" for i, p in enumerate([*proteins, proteins[0]])))
    index = build_index(fasta, None, 11, 1)
    assert ko_depths(as_counts(index, proteins[7], 4, tmp_path), index) == {
        ("K00001", ""): pytest.approx(4.0)
    }


def test_a_sparse_sketch_is_right_on_average(tmp_path: Path) -> None:
    fasta = tmp_path / "p.faa"
    proteins = {f"K{i:05d}": made_protein(i, 120) for i in range(300)}
    fasta.write_text("".join(f">p{k}|{k}|s\n{p}\n" for k, p in proteins.items()))
    index = build_index(fasta, None, 11, 100)
    depths = ko_depths(KmerCounts(np.full(len(index.hashes), 2), 1, 1), index)
    assert 0.5 < len(depths) / 300 < 0.85
    assert sum(depths.values()) / 300 == pytest.approx(2.0, rel=0.15)


def test_a_shared_domain_goes_to_the_ko_that_is_there(tmp_path: Path) -> None:
    fasta, shared = tmp_path / "p.faa", made_protein(1, 60)
    here, absent = made_protein(2, 200) + shared, shared + made_protein(3, 200)
    fasta.write_text(
        f">a|K00001|s\n{here}\n>b|K00002|s\n{absent}\n>c|K00003,K00004|s\n{made_protein(4, 100)}\n"
    )
    index = build_index(fasta, None, 11, 1)
    assert ko_depths(as_counts(index, here, 6, tmp_path), index) == {("K00001", ""): pytest.approx(6.0)}
    fused = ko_depths(as_counts(index, made_protein(4, 100), 3, tmp_path), index)
    assert fused == {("K00003", ""): pytest.approx(3.0), ("K00004", ""): pytest.approx(3.0)}


def test_chunks_change_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    index = build_index(trial.proteins, None, 11, 20)
    reads = find_sample_reads([str(trial.clean)], "x1")
    whole = count_kmers(reads, index)
    monkeypatch.setattr("vagus.shotgun.sketch_ko._CHUNK", 37)
    parts = count_kmers(reads, index)
    assert whole.counts.sum() > 0
    assert np.array_equal(whole.counts, parts.counts)
    assert (whole.total, whole.reads) == (parts.total, parts.reads)


def test_the_index_is_kept_as_it_is_and_others_are_refused(trial: Trial, tmp_path: Path) -> None:
    index = build_index(trial.proteins, None, 11, 50)
    index.save(tmp_path / "i.npz")
    again = KoIndex.load(tmp_path / "i.npz")
    assert again.kos == index.kos
    assert np.array_equal(again.pair_weight, index.pair_weight)
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(VagusError, match="is no index of KO sketches"):
        KoIndex.load(tmp_path / "bad.npz")
    with pytest.raises(VagusError, match="lower scaled"):
        build_index(trial.proteins, None, 11, 10**9)

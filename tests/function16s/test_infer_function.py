"""Reads become cells, cells become genes: by hand and against PICRUSt2; what is lost is told."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from vagus.design.model import Design, Participant, Sample
from vagus.errors import VagusError
from vagus.function16s.infer_function import add_trial, by_arm, infer_function, make_profiles
from vagus.function16s.predictions import Predictions, picrust2_predictions
from vagus.profile import Profile

EXPECTED = Path(__file__).parents[3] / "shared" / "data" / "picrust2_expected" / "metagenome_pipeline"


def counts(values: list[list[int]], features: list[str] | None = None) -> Profile:
    table = np.array(values, float)
    names = features or [f"v{i + 1}" for i in range(table.shape[0])]
    samples = [f"s{j + 1}" for j in range(table.shape[1])]
    return Profile("amplicon.asv", sparse.csr_array(table), names, samples, {}, {"kind": "counts"})


def predictions(
    rows: list[tuple[str, str, float, float]], genes: dict[str, list[float]], genomes: list[str]
) -> Predictions:
    assigned = pd.DataFrame(rows, columns=["feature", "genome", "distance", "copies_16s"])
    table = sparse.csr_array(np.array(list(genes.values()), float))
    return Predictions(genomes, assigned, {"ko": (table, list(genes))}, "1 - identity of the 16S gene")


KNOWN = predictions(
    [
        ("v1", "a", 0.0, 2), ("v2", "b", 0.02, 5), ("v3", "a", 0.01, 2), ("v3", "c", 0.01, 1),
        ("v4", "c", 0.2, 1),
    ],
    {"K00001": [1, 0, 2], "K00002": [0, 3, 1]},
    ["a", "b", "c"],
)  # fmt: skip


def test_by_hand() -> None:
    """s1: 20 reads of v1, 50 of v2, 40 of v3 (a and c tie), 10 of v4 (too far), 30 of v5 (like nothing)."""
    done = infer_function(counts([[20], [50], [40], [10], [30]]), KNOWN, 0.05, 0.5)
    # cells: a 20/2 + 20/2 = 20, b 50/5 = 10, c 20/1 = 20
    assert done.shares.toarray().ravel() == pytest.approx([0.4, 0.2, 0.4])
    table, names = done.genes["ko"]
    assert names == ["K00001", "K00002"]
    assert table.toarray().ravel() == pytest.approx([0.4 * 1 + 0.4 * 2, 0.2 * 3 + 0.4 * 1])
    row = done.flow.iloc[0]
    assert row["lost_share"] == pytest.approx(40 / 150)
    assert row["distance"] == pytest.approx((20 * 0 + 50 * 0.02 + 40 * 0.01) / 110)
    assert (row["reads"], row["genomes"], row["status"]) == (150, 3, "kept")
    status = done.variants.set_index("feature")["status"].to_dict()
    assert status == {
        "v1": "kept", "v2": "kept", "v3": "kept", "v4": "past the cut-off", "v5": "no genome like it"
    }  # fmt: skip
    assert done.variants.set_index("feature").at["v3", "ties"] == 2
    assert done.variants.set_index("feature").at["v3", "copies_16s"] == 1.5


def test_the_cut_off_itself_is_near_enough() -> None:
    assert infer_function(counts([[1], [1], [0], [0]]), KNOWN, 0.02, 0).variants["status"].tolist()[:2] == [
        "kept", "kept",
    ]  # fmt: skip


def test_a_sample_with_too_few_covered_reads_leaves_with_its_reason() -> None:
    done = infer_function(counts([[40, 60], [0, 0], [0, 0], [60, 40]]), KNOWN, 0.05, 0.5)
    assert done.samples == ["s2"]
    assert done.flow["status"].tolist() == [
        "40.0 % of its reads have a genome near enough; 50 % are asked for", "kept",
    ]  # fmt: skip
    nothing = infer_function(counts([[0], [0], [0], [60]]), KNOWN, 0.05, 0.0)
    assert nothing.samples == []
    assert np.isnan(nothing.flow["distance"].iloc[0])


def test_depth_does_not_matter() -> None:
    once = infer_function(counts([[20], [50], [40], [10]]), KNOWN, 0.05, 0.5)
    twice = infer_function(counts([[40], [100], [80], [20]]), KNOWN, 0.05, 0.5)
    assert once.genes["ko"][0].toarray() == pytest.approx(twice.genes["ko"][0].toarray(), rel=1e-12)


def test_an_empty_table_gives_empty_profiles() -> None:
    empty = Profile("amplicon.asv", sparse.csr_array((0, 0)), [], [], {}, {"kind": "counts"})
    done = infer_function(empty, KNOWN, 0.05, 0.5)
    assert done.samples == []
    assert done.genes["ko"][0].shape == (2, 0)


def trial() -> Design:
    people = [Participant(f"P{i}", "probiotic" if i % 2 else "placebo") for i in range(4)]
    samples = [
        Sample(f"s{1 + 2 * i + j}", f"P{i}", visit, "amplicon", "stool")
        for i in range(4)
        for j, visit in enumerate(("start", "end"))
    ]
    plan = {"arms": ["placebo", "probiotic"], "visits": ["start", "end"], "baseline": "start"}
    return Design(plan=plan, participants=people, samples=samples, measures=[])


def test_the_lost_share_is_told_by_arm_and_visit() -> None:
    lost = [0, 10, 20, 30, 40, 50, 60, 70]
    done = infer_function(counts([[100 - x for x in lost], [0] * 8, [0] * 8, lost]), KNOWN, 0.05, 0.0)
    table = by_arm(add_trial(done.flow, trial()), trial())
    assert table.to_dict("records") == [
        {"arm": "placebo", "visit": "start", "n": 2, "median": pytest.approx(0.2), "max": pytest.approx(0.4)},
        {
            "arm": "probiotic",
            "visit": "start",
            "n": 2,
            "median": pytest.approx(0.4),
            "max": pytest.approx(0.6),
        },
        {"arm": "placebo", "visit": "end", "n": 2, "median": pytest.approx(0.3), "max": pytest.approx(0.5)},
        {"arm": "probiotic", "visit": "end", "n": 2, "median": pytest.approx(0.5), "max": pytest.approx(0.7)},
    ]


def test_everything_says_inferred() -> None:
    done = infer_function(counts([[40, 60], [5, 0], [0, 9], [60, 4]]), KNOWN, 0.05, 0.5)
    flow = add_trial(done.flow, trial())
    made = {p.name: p for p in make_profiles(done, KNOWN, flow, {"engine": "nearest"})}
    assert set(made) == {"amplicon.ko", "amplicon.genome", "amplicon.inference"}
    assert all(p.meta["inferred"] is True for p in made.values())
    ko = made["amplicon.ko"]
    assert ko.kind == "copies_per_genome"
    assert ko.samples == ["s2"]
    assert ko.meta["left_out"] == {"s1": "42.9 % of its reads have a genome near enough; 50 % are asked for"}
    assert ko.meta["lost_share"]["s2"] == pytest.approx(4 / 73, abs=1e-6)
    assert ko.meta["distance"]["s2"] == pytest.approx(9 * 0.01 / 69, abs=1e-6)
    lost = made["amplicon.inference"].to_frame().loc["s2", "lost_reads_percent"]
    assert lost == pytest.approx(400 / 73, abs=1e-4)


def write_picrust2(folder: Path, split: bool = True) -> Path:
    """Lay PICRUSt2's test files out as its pipeline does; its test names the EC numbers as R would."""
    folder.mkdir(parents=True)
    read = {
        name: pd.read_csv(EXPECTED / f"test_{name}.tsv.gz", sep="\t", dtype={"sequence": str})
        for name in ("predicted_marker", "nsti_in", "predicted_func")
    }
    marker = read["predicted_marker"].merge(read["nsti_in"], on="sequence")
    start = "combined_" if split else ""
    marker.to_csv(folder / f"{start}marker_predicted_and_nsti.tsv.gz", sep="\t", index=False)
    genes = read["predicted_func"].rename(columns=lambda c: c.replace("EC.", "EC:"))
    genes.to_csv(folder / f"{start}EC_predicted.tsv.gz", sep="\t", index=False)
    return folder


@pytest.mark.skipif(not EXPECTED.is_dir(), reason="needs ../shared/data/picrust2_expected")
@pytest.mark.parametrize("split", [True, False])
def test_picrust2s_own_numbers(tmp_path: Path, split: bool) -> None:
    """Its test's variants, genes, markers and NSTI give the metagenome that it expects."""
    known = picrust2_predictions(write_picrust2(tmp_path / "out", split), ["ec"])
    reads = pd.read_csv(EXPECTED / "test_input_sequence_abun.tsv.gz", sep="\t", dtype={"seq": str}).set_index(
        "seq"
    )
    profile = counts(reads.to_numpy().tolist(), list(reads.index))
    # Its expected table was made without a limit of NSTI, and without the variant that has no prediction.
    done = infer_function(profile, known, np.inf, 0.0)
    expected = pd.read_csv(
        EXPECTED / "metagenome_out" / "pred_metagenome_unstrat.tsv.gz", sep="\t", index_col=0
    )
    norm = pd.read_csv(
        EXPECTED / "metagenome_out" / "seqtab_norm.tsv.gz", sep="\t", dtype={"normalized": str}
    ).set_index("normalized")
    table, names = done.genes["ec"]
    ours = pd.DataFrame(table.toarray() * norm.sum().to_numpy(), index=[f"EC.{n}" for n in names])
    assert ours.loc[expected.index].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)
    shares = pd.DataFrame(done.shares.toarray(), index=known.genomes)
    there = norm / norm.sum()
    assert shares.loc[there.index].to_numpy() == pytest.approx(there.to_numpy(), rel=1e-12)
    assert done.flow["lost_share"].tolist() == pytest.approx((reads.loc["extra"] / reads.sum()).tolist())
    # Its default leaves out the one with an NSTI of 2.1.
    state = infer_function(profile, known, 2.0, 0.0).variants.set_index("feature")["status"]
    assert state["2558860574"] == "past the cut-off"
    assert (state == "kept").sum() == 9


def test_a_run_of_picrust2_without_its_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VagusError, match=r"a file of PICRUSt2 is missing; allowed: combined_marker"):
        picrust2_predictions(tmp_path, ["ko"])
    with gzip.open(tmp_path / "marker_predicted_and_nsti.tsv.gz", "wt") as handle:
        handle.write("sequence\t16S_rRNA_Count\nv1\t1\n")
    with pytest.raises(VagusError, match=r"a column is missing; allowed: sequence, 16S_rRNA_Count"):
        picrust2_predictions(tmp_path, ["ko"])

"""The DADA2 table: the chimera vote, merged runs, the ledger, and runs that are empty."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from vagus.amplicon.dada2_table import account, build_table, main, vote_chimeras
from vagus.amplicon.filter_reads import FilterRules, filter_unit, find_ends
from vagus.errors import VagusError
from vagus.ledger import read_ledger
from vagus.profile import read_profile

COUNTS = "sample\trun\tsequence\tcount\tchimera\n"
TRACK = "sample\trun\tfiltered\tdenoised\tmerged\n"
UNITS = "sample\trun\tpaired\treads_in\treads_out\n"


@pytest.mark.parametrize(
    ("flags", "gone"),
    [
        ([1], True),
        ([0], False),
        ([1, 0], True),
        ([1, 1, 0], True),
        ([1] * 9 + [0] * 2, True),
        ([1, 0, 0], False),
    ],
)
def test_the_vote_sets_one_dissenter_aside(flags: list[int], gone: bool) -> None:
    rows = pd.DataFrame({"sequence": ["A"] * len(flags), "chimera": flags})
    assert vote_chimeras(rows) == ({"A"} if gone else set())


def test_runs_of_a_sample_are_summed_and_samples_without_reads_stay() -> None:
    counts = pd.DataFrame({"sample": ["s", "s", "t"], "sequence": ["AA", "AA", "CC"], "count": [3, 4, 9]})
    sequences, table = build_table(counts, ["empty", "s", "t"])
    assert sequences == ["CC", "AA"]
    assert table.toarray().tolist() == [[0, 0, 9], [0, 7, 0]]


def write_runs(folder: Path, counts: str, track: str, units: str) -> dict[str, str]:
    (folder / "filtered").mkdir()
    (folder / "c.tsv").write_text(COUNTS + counts)
    (folder / "t.tsv").write_text(TRACK + track)
    (folder / "filtered" / "counts.tsv").write_text(UNITS + units)
    return {"fasta": f"{folder}/asv.fasta", "counts": f"{folder}/asv.biom", "ledger": f"{folder}/ledger.tsv"}


def run_table(
    folder: Path, outputs: dict[str, str], chimera: str = "consensus", lengths: tuple[int, ...] = ()
) -> None:
    main(
        [f"{folder}/c.tsv"],
        [f"{folder}/t.tsv"],
        [f"{folder}/filtered"],
        [],
        chimera,
        lengths,
        "1.26.0",
        outputs,
    )


def test_every_read_is_accounted_for(tmp_path: Path) -> None:
    outputs = write_runs(
        tmp_path,
        "007\tr1\tAAAA\t10\t0\n007\tr2\tAAAA\t5\t0\n007\tr2\tCCCC\t2\t1\n007\tr2\tGG\t1\t0\n",
        "007\tr1\t12\t11\t10\n007\tr2\t20\t9\t8\nbare\tr1\t0\t0\t0\n",
        "007\tr1\t1\t15\t12\n007\tr2\t1\t22\t20\nbare\tr1\t1\t4\t0\n",
    )
    run_table(tmp_path, outputs, lengths=(3, 9))
    ledger = read_ledger(outputs["ledger"]).set_index(["sample", "run", "step"])
    assert ledger.loc[("007", "all", "chimera"), ["reads_in", "reads_out", "lost"]].tolist() == [18, 15, 3]
    assert ledger.loc[("007", "r2", "merge"), "lost"] == 1
    assert ledger.loc[("bare", "r1", "filter"), "reason"] == "no reads left after filter"
    profile = read_profile(outputs["counts"])
    assert profile.to_frame().loc["007"].tolist() == [15.0]
    assert profile.to_frame().loc["bare"].tolist() == [0.0]
    assert profile.meta["engine_version"] == "1.26.0"


def test_a_trial_without_any_sequence_still_ends_in_a_table(tmp_path: Path) -> None:
    outputs = write_runs(tmp_path, "", "a\tr\t0\t0\t0\n", "a\tr\t1\t9\t0\n")
    run_table(tmp_path, outputs)
    assert read_profile(outputs["counts"]).samples == ["a"]
    assert Path(outputs["fasta"]).read_text() == ""
    assert set(read_ledger(outputs["ledger"])["status"]) == {"empty"}


def test_single_end_has_no_merge_step() -> None:
    filtered = pd.DataFrame(
        [("s", "r", 0, 10, 8)], columns=["sample", "run", "paired", "reads_in", "reads_out"]
    )
    track = pd.DataFrame([("s", "r", 8, 7, 7)], columns=["sample", "run", "filtered", "denoised", "merged"])
    assert [row["step"] for row in account(filtered, track, {"s": 6}, 0)] == ["filter", "denoise", "chimera"]


def test_filter_follows_dada2s_order() -> None:
    fine = "I" * 60
    ends = find_ends(
        ["A" * 60, "A" * 60, "A" * 60, "A" * 30 + "N" + "A" * 29, "A" * 55 + "N" * 5, "A" * 15],
        [fine, "I" * 40 + "#" + "I" * 19, "+" * 60, fine, fine, "I" * 15],
        50,
        2,
        2,
    )
    assert ends.tolist() == [50, 0, 0, 0, 50, 0]
    assert find_ends(["A" * 60], ["I" * 40 + "#" + "I" * 19], 0, 2, 2).tolist() == [40]
    assert find_ends([], [], 50, 2, 2).tolist() == []


def test_pairs_are_kept_only_together_and_empty_libraries_pass(tmp_path: Path) -> None:
    clean, out = tmp_path / "clean", tmp_path / "out"
    clean.mkdir()
    out.mkdir()
    good, bad = "@{}\n" + "A" * 30 + "\n+\n" + "I" * 30 + "\n", "@{}\n" + "A" * 30 + "\n+\n" + "+" * 30 + "\n"
    for name, text in {"s__r_R1": good * 2, "s__r_R2": good + bad, "e__r_R1": "", "e__r_R2": ""}.items():
        with gzip.open(clean / f"{name}.fastq.gz", "wt") as handle:
            handle.write(text.replace("{}", "read"))
    rules = FilterRules((25, 20), (2.0, 2.0), 2)
    row = filter_unit({"sample": "s", "run": "r"}, clean, out, True, rules)
    assert (row["reads_in"], row["reads_out"]) == (2, 1)
    assert filter_unit({"sample": "e", "run": "r"}, clean, out, True, rules)["reads_out"] == 0
    lengths = []
    for i in (1, 2):
        with gzip.open(out / f"s__r_R{i}.fastq.gz", "rt") as handle:
            lengths.append(len(handle.readlines()[1].strip()))
    assert lengths == [25, 20]


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(VagusError, match=r"filter_reads: sample s, run r: .* is missing"):
        filter_unit({"sample": "s", "run": "r"}, tmp_path, tmp_path, False, FilterRules())

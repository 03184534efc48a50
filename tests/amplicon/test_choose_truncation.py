"""Truncation lengths: what passes, how long the amplicon is, which pair is chosen, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from vagus.amplicon.choose_truncation import (
    Reads,
    choose,
    choose_pair,
    choose_single,
    insert_lengths,
    library_files,
    list_candidates,
    main,
    passing_lengths,
    quality_quantiles,
    sample_reads,
)
from vagus.errors import VagusError

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CONFIG = {"trunc_len": "auto", "amplicon_length": "auto", "max_ee": [2, 2], "trunc_q": 2, "min_overlap": 12}
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def make_pairs(length: int, n: int = 200, read: int = 150, seed: int = 1) -> tuple[Reads, Reads]:
    """Pairs of one amplicon length whose quality falls from Q38 to Q12 along the read, faster in the mate."""
    rng = np.random.default_rng(seed)
    inserts = ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]
    first = "".join(chr(33 + int(q)) for q in np.linspace(38, 24, read))
    second = "".join(chr(33 + int(q)) for q in np.linspace(38, 12, read))
    mates = [s.translate(COMPLEMENT)[::-1][:read] for s in inserts]
    return Reads([s[:read] for s in inserts], [first] * n), Reads(mates, [second] * n)


def test_a_read_passes_up_to_the_sum_of_its_expected_errors() -> None:
    # Q10 is 0.1 expected errors a base: 2 are reached at 20 bases, exceeded at the 21st.
    reads = Reads(["A" * 50, "A" * 50, "A" * 30 + "N" + "A" * 19], ["+" * 50, "I" * 50, "I" * 50])
    assert passing_lengths(reads, 2.05, 2).tolist() == [20, 50, 30]


def test_a_read_ends_before_the_low_quality_base() -> None:
    assert passing_lengths(Reads(["A" * 40], ["I" * 35 + "#" + "I" * 4]), 2, 2).tolist() == [35]


@pytest.mark.parametrize("length", [140, 151, 253, 280])
def test_amplicon_length_is_found_by_joining(length: int) -> None:
    found = insert_lengths(*make_pairs(length), 12)
    assert len(found) == 200
    assert set(found.tolist()) == {length}


def test_mates_of_different_amplicons_are_not_joined() -> None:
    forward, _ = make_pairs(250, seed=1)
    _, reverse = make_pairs(250, seed=2)
    assert len(insert_lengths(forward, reverse, 12)) <= 2


def test_candidates_leave_the_overlap() -> None:
    rows = list_candidates(np.full(10, 150), np.full(10, 130), 265)
    assert rows
    assert all(row["forward"] + row["reverse"] >= 265 for row in rows)
    assert list_candidates(np.full(10, 150), np.full(10, 100), 265) == []


def test_longest_pair_among_the_nearly_best_is_chosen() -> None:
    rows = [
        {"forward": 150, "reverse": 120, "passing": 0.900},
        {"forward": 150, "reverse": 140, "passing": 0.895},
        {"forward": 150, "reverse": 150, "passing": 0.700},
    ]
    assert choose_pair(rows)["reverse"] == 140


def test_auto_keeps_the_overlap_and_says_why() -> None:
    result = choose(*make_pairs(253), CONFIG)
    assert result["amplicon_length"] == 253
    assert sum(result["trunc_len"]) >= 253 + 12 + result["margin"]
    assert result["trunc_len"][0] > result["trunc_len"][1]
    assert result["passing"] == 1.0
    assert "253" in result["reason"]
    assert "100.0 % of the pairs" in result["reason"]


def test_lengths_that_cannot_overlap_are_refused_with_a_way_out() -> None:
    with pytest.raises(
        VagusError, match=r"amplicon of 400 .* fix: raise max_ee, lower min_overlap, or give trunc_len"
    ):
        choose(*make_pairs(253), CONFIG | {"amplicon_length": 400})


def test_given_and_none_are_obeyed() -> None:
    assert choose(*make_pairs(253), CONFIG | {"trunc_len": [140, 130]})["trunc_len"] == [140, 130]
    assert choose(*make_pairs(253), CONFIG | {"trunc_len": "none"})["trunc_len"] == [0, 0]


def test_single_end_keeps_most_bases() -> None:
    best, rows = choose_single(np.array([100] * 90 + [150] * 10))
    assert best == 100
    assert {"forward": 100, "reverse": 0, "passing": 1.0} in rows
    result = choose(make_pairs(253)[0], Reads([], []), CONFIG)
    assert result["trunc_len"] == [150, 0]


def test_no_reads_at_all_is_not_an_error() -> None:
    result = choose(Reads([], []), Reads([], []), CONFIG)
    assert result["trunc_len"] == [0, 0]
    assert result["reason"] == "no reads to choose from"


def test_quality_quantiles_count_only_reads_that_reach_the_position() -> None:
    table = quality_quantiles(Reads(["AAA", "A"], ["I5I", "5"]))
    assert table["position"] == [1, 2, 3]
    assert table["q50"] == [30.0, 20.0, 40.0]
    assert table["reads"] == [2, 1, 1]


def test_main_on_real_reads(tmp_path: Path) -> None:
    sop = DATA / "miseq_sop"
    if not sop.exists():
        pytest.skip("the MiSeq SOP reads are not there")
    clean = tmp_path / "clean"
    clean.mkdir()
    units = [{"sample": s, "run": "r"} for s in ("F3D1", "Mock")]
    for unit in units:
        for side in ("1", "2"):
            source = next(sop.glob(f"{unit['sample']}_*_R{side}_001.fastq.gz"))
            (clean / f"{unit['sample']}__r_R{side}.fastq.gz").symlink_to(source)
    batch = {"batch": "r.1", "run": "r", "paired": True, "units": units}
    (tmp_path / "b.json").write_text(json.dumps(batch))
    main([str(tmp_path / "b.json")], [str(clean)], CONFIG, str(tmp_path / "t.json"))
    result = json.loads((tmp_path / "t.json").read_text())
    # V4 without primers is 252 to 254 bases long.
    assert 252 <= result["amplicon_length"] <= 256
    assert result["passing"] > 0.8
    files = library_files([batch], {"r.1": clean})
    assert len(sample_reads(files, 1000)[1].sequences) == 1000

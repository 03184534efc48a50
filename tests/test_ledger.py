"""The ledger accounts for every read."""

import pandas as pd
import pytest

from vagus.errors import VagusError
from vagus.ledger import LEDGER_COLUMNS, check_ledger, ledger_row, read_ledger, write_ledger

ROWS = [
    ledger_row("s1", "r1", "raw", 100, 100),
    ledger_row("s1", "r1", "primers", 100, 90),
    ledger_row("s1", "r2", "raw", 50, 50),
    ledger_row("s1", "r2", "primers", 50, 40),
    ledger_row("s1", "all", "chimera", 130, 120),
    ledger_row("s1", "all", "decontam", 120, 120),
    ledger_row("007", "r1", "raw", 5, 5),
    ledger_row("007", "r1", "primers", 5, 0),
]


def test_status_and_reason_follow_the_reads() -> None:
    assert ledger_row("s", "r", "raw", 3, 3)["status"] == "pass"
    gone = ledger_row("s", "r", "filter", 3, 0)
    assert (gone["status"], gone["reason"], gone["lost"]) == ("empty", "no reads left after filter", 3)
    assert ledger_row("s", "r", "filter", 0, 0)["reason"] == "no reads came into filter"
    assert ledger_row("s", "r", "filter", 3, 2, "few")["status"] == "warning"


def test_round_trip_orders_rows_and_keeps_ids_as_text(tmp_path) -> None:
    write_ledger(ROWS[::-1], tmp_path / "l.tsv")
    frame = read_ledger(tmp_path / "l.tsv")
    assert list(frame.columns) == LEDGER_COLUMNS
    assert list(frame["sample"]) == ["007"] * 2 + ["s1"] * 6
    assert list(frame["step"])[2:] == ["raw", "primers", "raw", "primers", "chimera", "decontam"]
    assert list(frame["run"])[-2:] == ["all", "all"]
    assert frame["reason"].iloc[-1] == ""
    check_ledger(frame)


def test_check_accepts_any_order_and_any_index() -> None:
    frame = pd.DataFrame(ROWS).sample(frac=1, random_state=1)
    frame.index = [0] * len(frame)
    check_ledger(frame)


def test_empty_ledger_is_read_and_passes(tmp_path) -> None:
    write_ledger([], tmp_path / "l.tsv")
    check_ledger(read_ledger(tmp_path / "l.tsv"))


@pytest.mark.parametrize(
    ("at", "change", "message"),
    [
        (1, {"lost": 9}, "sample s1, run r1, step primers: 100 reads in, 90 out, 9 lost do not add up"),
        (1, {"reads_in": 95, "lost": 5}, "step primers: 95 reads in, but the step before left 100"),
        (
            4,
            {"reads_in": 129, "lost": 9},
            "run all, step chimera: 129 reads in, but the step before left 130",
        ),
        (5, {"reads_out": 121, "lost": -1}, "do not add up"),
        (5, {"step": "chimera"}, "sample s1, run all: step chimera stands twice"),
        (5, {"step": "magic"}, "step 'magic' is unknown; allowed: raw, primers"),
    ],
)
def test_check_names_what_does_not_add_up(at, change, message) -> None:
    rows = [dict(r) for r in ROWS]
    rows[at].update(change)
    with pytest.raises(VagusError, match=message):
        check_ledger(pd.DataFrame(rows))


def test_check_is_quick_for_many_samples() -> None:
    import time

    rows = [
        ledger_row(f"s{i}", "r", step, 10, 10) for i in range(5000) for step in ("raw", "primers", "filter")
    ]
    frame = pd.DataFrame(rows)
    start = time.perf_counter()
    check_ledger(frame)
    assert time.perf_counter() - start < 2

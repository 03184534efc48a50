"""The whole ledger adds up, or the run stops."""

from __future__ import annotations

import pytest

from vagus.errors import VagusError
from vagus.ledger import ledger_row, read_ledger, write_ledger
from vagus.reads.combine_ledger import main


def write_parts(tmp_path, merged_in: int) -> list[str]:
    parts = {
        "r1.tsv": [ledger_row("S1", "r1", "raw", 10, 10), ledger_row("S1", "r1", "primers", 10, 8)],
        "r2.tsv": [ledger_row("S1", "r2", "raw", 5, 5), ledger_row("S0", "r2", "raw", 0, 0)],
        "amplicon.tsv": [
            ledger_row("S1", "r1", "filter", 8, 7),
            ledger_row("S1", "r2", "filter", 5, 5),
            ledger_row("S1", "all", "chimera", merged_in, 11),
        ],
    }
    for name, rows in parts.items():
        write_ledger(rows, tmp_path / name)
    return [str(tmp_path / name) for name in parts]


def test_steps_of_all_rooms_are_one_chain(tmp_path):
    main(write_parts(tmp_path, 12), str(tmp_path / "ledger.tsv"))
    frame = read_ledger(tmp_path / "ledger.tsv")
    assert frame["sample"].tolist() == ["S0"] + ["S1"] * 6
    assert frame["step"].tolist() == ["raw", "raw", "primers", "filter", "raw", "filter", "chimera"]
    assert (frame["reads_in"] == frame["reads_out"] + frame["lost"]).all()


def test_a_read_that_is_not_accounted_for_stops_the_run(tmp_path):
    with pytest.raises(
        VagusError, match="sample S1, run all, step chimera: 13 reads in, but the step before left 12"
    ):
        main(write_parts(tmp_path, 13), str(tmp_path / "ledger.tsv"))

"""MultiQC over the tools' logs, and where no tool ran."""

from __future__ import annotations

from pathlib import Path

from reads.made_reads import FORWARD, REVERSE, make_insert, pair_of, write_pairs

from vagus.ledger import ledger_row, write_ledger
from vagus.reads.clean_reads import CleanSettings, clean_batch
from vagus.reads.multiqc import ledger_section, main
from vagus.reads.primers import PrimerPair


def test_ledger_section_accounts_for_all_reads(tmp_path):
    rows = [ledger_row("S1", "r1", "raw", 9, 9), ledger_row("S1", "r1", "primers", 9, 7)]
    write_ledger(
        [*rows, ledger_row("S1", "r1", "phix", 7, 6), ledger_row("S0", "r1", "raw", 0, 0)], tmp_path / "l.tsv"
    )
    assert ledger_section([str(tmp_path / "l.tsv")])["data"] == {
        "S0__r1": {"kept": 0},
        "S1__r1": {"kept": 6, "lost: primers": 2, "lost: phix": 1},
    }


def test_report_names_every_run_of_a_sample(tmp_path: Path):
    pairs = [pair_of(make_insert(1))] * 5
    for run in ("r1", "r2"):
        (tmp_path / run).mkdir()
        unit = {"sample": "S1", "run": run, **write_pairs(tmp_path / run, "lib_S1_L001", pairs)}
        batch = {"batch": f"{run}.1", "run": run, "paired": True, "units": [unit]}
        out = [tmp_path / f"clean_{run}", tmp_path / f"{run}.tsv", tmp_path / f"logs_{run}"]
        clean_batch(batch, CleanSettings(PrimerPair(FORWARD, REVERSE)), *out, 1)
    runs = ("r1", "r2")
    main(
        [str(tmp_path / f"logs_{r}") for r in runs],
        [str(tmp_path / f"{r}.tsv") for r in runs],
        str(tmp_path / "m.html"),
    )
    page = (tmp_path / "m.html").read_text()
    assert "S1__r1" in page
    assert "S1__r2" in page
    assert "Read ledger" in page

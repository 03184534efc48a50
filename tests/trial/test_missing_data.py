"""What is missing, by arm, visit and reason."""

import json

import numpy as np
import pandas as pd
from trial_designs import make_design

from vagus.design.model import Measure, write_design
from vagus.profiles.sample_flow import flow_table
from vagus.trial.missing_data import COLUMNS, main, missing_table


def trial():
    design = make_design()
    gone = "P7_v2"
    design.samples = [s for s in design.samples if s.sample != gone]
    kept = {s.sample for s in design.samples if s.type == "stool"} - {"P0_v2"}
    ledger = pd.DataFrame(
        {
            "sample": ["P0_v2", "P0_v2"],
            "run": ["r", "r"],
            "step": ["raw", "filter"],
            "reads_in": [50, 50],
            "reads_out": [50, 0],
            "lost": [0, 50],
            "reason": ["", "no reads left after filter"],
        }
    )
    seen = pd.DataFrame({"sample": sorted(kept), "run": "r", "step": "raw", "reads_in": 9, "reads_out": 9})
    ledger = pd.concat([ledger, seen.assign(lost=0, reason="")], ignore_index=True)
    for i in range(8):
        design.measures.append(Measure(f"P{i}", "v1", "phq9", 10.0))
        if i != 5:
            design.measures.append(Measure(f"P{i}", "v2", "phq9", None if i == 1 else 8.0))
    design.measures.append(Measure("P0", "v1", "il6", None, "pg/mL", 0.5))
    return design, flow_table(design, ledger, kept)


def test_reasons_by_arm_and_visit():
    design, flow = trial()
    table = missing_table(design, flow, {"amplicon.module": {"left_out": {"P3_v1": "no marker genes"}}})
    assert list(table.columns) == COLUMNS
    found = {tuple(row[:5]): tuple(row[5:7]) for row in table.to_numpy().tolist()}
    assert found[("sample", "amplicon", "probiotic", "v2", "not collected")] == (1, 4)
    assert found[("sample", "amplicon", "placebo", "v2", "failed at filter: no reads left after filter")] == (
        1,
        4,
    )
    assert found[("measure", "phq9", "placebo", "v2", "not measured: empty in the sheet")] == (1, 4)
    assert found[("measure", "phq9", "probiotic", "v2", "not measured: no row in the sheet")] == (1, 4)
    assert found[("profile", "amplicon.module", "placebo", "v1", "left out: no marker genes")] == (1, 4)
    # Below the limit of detection is measured; nobody else has a row, so seven are missing.
    assert found[("measure", "il6", "placebo", "v1", "not measured: no row in the sheet")] == (3, 4)
    assert np.allclose(table["share"], table["n"] / 4)


def test_nothing_missing_is_a_table_without_rows(tmp_path):
    design = make_design()
    kept = {s.sample for s in design.samples if s.type == "stool"}
    flow = flow_table(design, pd.DataFrame(), kept)
    write_design(design, tmp_path / "design.json")
    flow.to_csv(tmp_path / "flow.tsv", sep="\t", index=False)
    (tmp_path / "amplicon.genus.meta.json").write_text(json.dumps({"kind": "counts"}))
    out = tmp_path / "missing.tsv"
    main(
        str(tmp_path / "design.json"),
        str(tmp_path / "flow.tsv"),
        [str(tmp_path / "amplicon.genus.meta.json")],
        str(out),
    )
    assert out.read_text() == "\t".join(COLUMNS) + "\n"

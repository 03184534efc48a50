"""Everybody and every sample has a fate, and its reason."""

import pandas as pd
from scipy import sparse

from vagus.design.model import Design, Participant, Sample, write_design
from vagus.ledger import LEDGER_COLUMNS, ledger_row, write_ledger
from vagus.profile import Profile, write_profile
from vagus.profiles.sample_flow import FLOW_COLUMNS, flow_table, lost_at, main

DESIGN = Design(
    {"arms": ["A", "B"], "visits": ["v1", "v2", "v3"], "baseline": "v1"},
    [Participant("p1", "A"), Participant("p2", "B"), Participant("p3", "B")],
    [
        Sample("p1a", "p1", "v1", "amplicon", "stool"),
        Sample("p1b", "p1", "v2", "amplicon", "stool"),
        Sample("p2a", "p2", "v1", "amplicon", "stool"),
        Sample("p2b", "p2", "v2", "amplicon", "stool"),
        Sample("neg", None, None, "amplicon", "negative"),
        Sample("mock", None, None, "amplicon", "mock"),
    ],
)
ROWS = [
    ledger_row("p1a", "r1", "raw", 9, 9),
    ledger_row("p1b", "r1", "raw", 9, 9),
    ledger_row("p1b", "r1", "primers", 9, 0),
    ledger_row("p1b", "r1", "filter", 0, 0),
    ledger_row("p1b", "r2", "raw", 5, 5),
    ledger_row("p2a", "r1", "raw", 4, 4),
    ledger_row("p2a", "r1", "filter", 4, 0, "all reads below the quality"),
    ledger_row("p2a", "r1", "denoise", 0, 0),
    ledger_row("p2b", "r1", "raw", 7, 7),
    ledger_row("p2b", "all", "chimera", 7, 6),
    ledger_row("p2b", "all", "decontam", 6, 0, "all reads were of contaminants"),
    ledger_row("neg", "r1", "raw", 0, 0),
    ledger_row("mock", "r1", "raw", 8, 8),
]
LEDGER = pd.DataFrame(ROWS)


def test_where_samples_end() -> None:
    assert lost_at(LEDGER) == {
        "p2a": ("filter", "all reads below the quality"),
        "p2b": ("decontam", "all reads were of contaminants"),
        "neg": ("raw", "no reads came into raw"),
    }


def test_of_several_runs_the_one_that_came_furthest_tells() -> None:
    rows = [
        ledger_row("s", "r1", "raw", 3, 3),
        ledger_row("s", "r1", "primers", 3, 0),
        ledger_row("s", "r2", "raw", 3, 3),
        ledger_row("s", "r2", "filter", 3, 0),
        ledger_row("s", "all", "chimera", 0, 0),
    ]
    assert lost_at(pd.DataFrame(rows[:4])) == {"s": ("filter", "no reads left after filter")}
    assert lost_at(pd.DataFrame(rows))["s"][0] == "filter"


def test_every_sample_and_planned_visit_has_one_row() -> None:
    frame = flow_table(DESIGN, LEDGER, {"p1a", "p1b"})
    assert list(frame.columns) == FLOW_COLUMNS
    samples = frame[frame["level"] == "sample"].set_index("id")
    assert samples.index.is_unique
    assert len(samples) == 6 + 1 + 1 + 3
    assert samples.loc["p1a", ["arm", "visit", "status", "reason"]].tolist() == ["A", "v1", "kept", ""]
    assert samples.loc["p2a", ["status", "step", "reason"]].tolist() == [
        "lost",
        "filter",
        "all reads below the quality",
    ]
    assert samples.loc["p3|v2", ["arm", "status", "step", "reason"]].tolist() == [
        "B",
        "lost",
        "sampling",
        "no sample at this visit",
    ]
    assert samples.loc["neg", ["participant", "arm", "status", "step"]].tolist() == ["", "", "lost", "raw"]
    assert samples.loc["mock", "status"] == "kept"


def test_participants_need_the_baseline_and_a_later_visit() -> None:
    def people(kept):
        frame = flow_table(DESIGN, LEDGER, kept)
        return frame[frame["level"] == "participant"].set_index("id")[["arm", "status", "reason"]]

    frame = people({"p1a", "p1b"})
    assert frame.loc["p1"].tolist() == ["A", "kept", "no usable sample at v3"]
    assert frame.loc["p2"].tolist() == ["B", "lost", "no usable sample at any visit"]
    assert people({"p1b"}).loc["p1"].tolist() == ["A", "lost", "no usable sample at v1, v3"]
    one = Design(
        {"arms": ["A"], "visits": ["v1"], "baseline": "v1"}, DESIGN.participants[:1], DESIGN.samples[:1]
    )
    row = flow_table(one, LEDGER, {"p1a"}).iloc[0]
    assert (row["id"], row["status"], row["reason"]) == ("p1", "kept", "")


def test_samples_that_never_ran_or_vanished_are_named() -> None:
    frame = flow_table(DESIGN, LEDGER[LEDGER["sample"] != "p1a"], set()).set_index("id")
    assert frame.loc["p1a", "reason"] == "no reads of this sample were processed"
    assert frame.loc["p1b", "reason"] == "not in the profile although it has reads"
    empty = pd.DataFrame(columns=LEDGER_COLUMNS)
    assert set(flow_table(DESIGN, empty, set(), profiled=())["status"]) == {"lost"}
    other = Design(DESIGN.plan, [], [Sample("w", "p1", "v1", "shotgun", "stool")])
    assert flow_table(other, empty, set()).iloc[0]["reason"] == "no engine was run for the assay shotgun"


def test_step_writes_the_table(tmp_path) -> None:
    write_design(DESIGN, tmp_path / "design.json")
    write_ledger(ROWS, tmp_path / "ledger.tsv")
    table = sparse.csr_array([[1.0, 2.0]])
    write_profile(
        Profile("amplicon.asv", table, ["f"], ["p1a", "p1b"], {}, {"kind": "counts"}), tmp_path / "a.biom"
    )
    design, ledger, profile, flow = [
        str(tmp_path / n) for n in ("design.json", "ledger.tsv", "a.biom", "flow.tsv")
    ]
    main(design, ledger, [profile], flow)
    frame = pd.read_csv(tmp_path / "flow.tsv", sep="\t", keep_default_na=False)
    assert frame["status"].value_counts().to_dict() == {"lost": 10, "kept": 4}
    main(design, None, [], flow)
    assert "no engine was run" in (tmp_path / "flow.tsv").read_text()

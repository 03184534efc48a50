"""The normalised design keeps everything on its way through JSON, and cuts runs into batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vagus.design.batches import make_batches
from vagus.design.model import Design, Participant, Sample, Unit, load_design, write_design
from vagus.errors import VagusError


def make_design(n: int = 5) -> Design:
    samples = [
        Sample(f"S{i}", "P1", "v", "amplicon", "stool", units=[Unit("r1", f"/{i}", f"/{i}b")])
        for i in range(n)
    ]
    samples[0].units.append(Unit("r2", "/x"))
    plan: dict[str, Any] = {
        "arms": ["a", "b", "c"],
        "reference_arm": "b",
        "visits": ["s", "v", "w"],
        "baseline": "v",
        "primary_visit": "w",
        "strata": ["site"],
        "covariates": ["age", "site"],
    }
    return Design(
        plan, [Participant("P1", "a", covariates={"age": None})], samples, original_ids={"P1": "P 1"}
    )


def test_round_trip(trial: Any, tmp_path: Path) -> None:
    design = trial.load()
    write_design(design, tmp_path / "out" / "design.json")
    assert load_design(tmp_path / "out" / "design.json") == design


def test_methods() -> None:
    design = make_design()
    assert design.contrasts() == ["a vs b", "c vs b"]
    assert design.contrast_arms() == [("a", "b"), ("c", "b")]
    assert design.followup_visits == ["w"]
    assert design.covariates == ["site", "age"]
    with pytest.raises(VagusError, match="no participant 'P9'"):
        design.arm_of("P9")
    with pytest.raises(VagusError, match="no sample 'x'"):
        design.sample("x")


def test_load_design_refuses_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(VagusError, match="is missing; make it with"):
        load_design(tmp_path / "no.json")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(VagusError, match="is not a design file"):
        load_design(tmp_path / "a.json")


def test_batches() -> None:
    batches = make_batches(make_design(), 2)
    assert list(batches) == ["r1.1", "r1.2", "r1.3", "r2.1"]
    assert [len(b["units"]) for b in batches.values()] == [2, 2, 1, 1]
    assert batches["r1.1"]["units"][0] == {"sample": "S0", "run": "r1", "fastq_1": "/0", "fastq_2": "/0b"}
    assert batches["r1.1"]["paired"]
    assert not batches["r2.1"]["paired"]
    assert make_batches(make_design(), 2, "shotgun") == {}
    with pytest.raises(VagusError, match=r"reads\.batch_size is 0"):
        make_batches(make_design(), 0)

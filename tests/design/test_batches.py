"""Amplicon and shotgun, paired and single-end: every batch holds libraries that one job can clean alike."""

from __future__ import annotations

from vagus.design.batches import make_batches
from vagus.design.model import Design, Sample, Unit


def library(name: str, assay: str, run: str, paired: bool = True) -> Sample:
    unit = Unit(run, f"/{name}_1.fq", f"/{name}_2.fq" if paired else "")
    return Sample(name, "P1", "v", assay, "stool", units=[unit])


def names(design: Design, size: int, assay: str | None = None) -> dict[str, list[str]]:
    batches = make_batches(design, size, assay)
    assert all(batch["batch"] == name for name, batch in batches.items())
    return {name: [unit["sample"] for unit in batch["units"]] for name, batch in batches.items()}


def test_two_assays_of_one_run() -> None:
    order = [("A1", "amplicon"), ("W1", "shotgun"), ("A2", "amplicon"), ("W2", "shotgun"), ("W3", "shotgun")]
    design = Design({}, [], [library(name, assay, "r1") for name, assay in order])
    assert names(design, 2) == {
        "r1.1": ["A1", "A2"],
        "r1.shotgun.1": ["W1", "W2"],
        "r1.shotgun.2": ["W3"],
    }
    assert {batch["run"] for batch in make_batches(design, 2).values()} == {"r1"}


def test_paired_and_single_end_shotgun_of_one_run() -> None:
    layouts = {"W1": True, "W2": False, "W3": True, "W4": False, "W5": True}
    design = Design({}, [], [library(name, "shotgun", "r1", paired) for name, paired in layouts.items()])
    batches = make_batches(design, 2)
    assert names(design, 2) == {
        "r1.shotgun.1": ["W1", "W3"],
        "r1.shotgun.2": ["W5"],
        "r1.shotgun.3": ["W2", "W4"],
    }
    for batch in batches.values():
        assert {bool(unit["fastq_2"]) for unit in batch["units"]} == {batch["paired"]}


def test_batches_of_one_assay_are_those_of_all() -> None:
    """The Snakefile looks a shotgun batch up among all batches by its name."""
    samples = [library(f"A{i}", "amplicon", f"r{i % 2}") for i in range(5)]
    samples += [library(f"W{i}", "shotgun", f"r{i % 2}", i < 3) for i in range(5)]
    design = Design({}, [], samples)
    both = make_batches(design, 2)
    halves = {assay: make_batches(design, 2, assay) for assay in ("amplicon", "shotgun")}
    assert both == halves["amplicon"] | halves["shotgun"]
    assert not set(halves["amplicon"]) & set(halves["shotgun"])


def test_sample_of_two_runs_is_in_a_batch_of_each() -> None:
    sample = library("W1", "shotgun", "r1")
    sample.units.append(Unit("r2", "/again_1.fq"))
    assert names(Design({}, [], [sample]), 8) == {"r1.shotgun.1": ["W1"], "r2.shotgun.1": ["W1"]}

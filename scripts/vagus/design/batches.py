"""Batches: the libraries of one sequencing run that one job cleans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vagus.design.model import Design
from vagus.errors import VagusError


def make_batches(design: Design, batch_size: int, assay: str | None = None) -> dict[str, dict[str, Any]]:
    """Cut the units of every sequencing run into batches, the grain of the jobs on reads.

    Parameters
    ----------
    design
        The checked trial.
    batch_size
        Most units in a batch.
    assay
        Only the samples of this assay; None takes all.

    Returns
    -------
    dict
        Batch id `<run>.<i>` (from 1), `<run>.shotgun.<i>` for shotgun samples ->
        `{"batch", "run", "paired", "units"}`, a unit being
        `{"sample", "run", "fastq_1", "fastq_2"}`; samples in the order of the sheet.

    Raises
    ------
    VagusError
        If the batch size is not positive.
    """
    if batch_size < 1:
        raise VagusError(f"config: reads.batch_size is {batch_size}; allowed: 1 or more; fix: give e.g. 32")
    runs: dict[tuple[str, str, bool], list[dict[str, str]]] = {}
    for sample in design.samples:
        for unit in sample.units:
            entry = {
                "sample": sample.sample,
                "run": unit.run,
                "fastq_1": unit.fastq_1,
                "fastq_2": unit.fastq_2,
            }
            # The two assays are cleaned differently, also where they shared a flow cell.
            paired = unit.paired if sample.assay != "amplicon" else True
            runs.setdefault((sample.assay, unit.run, paired), []).append(entry)
    batches: dict[str, dict[str, Any]] = {}
    numbers: dict[str, int] = {}
    # Names are given over all samples, whatever is asked for: a batch is called the same everywhere.
    for (kind, run, _), units in runs.items():
        stem = run if kind == "amplicon" else f"{run}.{kind}"
        for chunk in _chunks(units, batch_size):
            numbers[stem] = numbers.get(stem, 0) + 1
            name = f"{stem}.{numbers[stem]}"
            if assay in (None, kind):
                paired = bool(units[0]["fastq_2"])
                batches[name] = {"batch": name, "run": run, "paired": paired, "units": chunk}
    return batches


def _chunks(items: list[dict[str, str]], size: int) -> Iterable[list[dict[str, str]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

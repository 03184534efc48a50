"""The report says how genes were inferred from 16S, and only where they were."""

from __future__ import annotations

import pytest

from vagus.report.function16s_methods import function16s_words

META = {
    "engine": "nearest",
    "engine_version": "vsearch 2.22.1",
    "reference": "bacteria, archaea",
    "max_distance": 0.055,
    "min_covered": 0.5,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ["bacteria, archaea", "more than 5.5", "less than 50"]),
        (
            {"engine": "picrust2", "engine_version": "PICRUSt2 2.6.2", "max_distance": 2},
            ["PICRUSt2 2.6.2", "NSTI above 2"],
        ),
    ],
)
def test_engine_limit_and_loss_are_told(change: dict[str, object], words: list[str]) -> None:
    said = function16s_words({**META, **change})
    assert said.startswith("Genes were inferred from 16S sequences, not measured")
    assert all(word in said for word in words)

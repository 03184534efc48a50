"""The clean reads of a sample: its own, of all runs, paired and single."""

from __future__ import annotations

from pathlib import Path

import pytest

from vagus.errors import VagusError
from vagus.shotgun.tables import find_sample_reads


def test_runs_mates_and_neighbouring_ids(tmp_path: Path) -> None:
    names = ["S1__a_R1", "S1__a_R2", "S1__b_R1", "S1___a_R1", "S11__a_R1"]
    for name in names:
        (tmp_path / f"{name}.fastq.gz").touch()
    found = find_sample_reads([tmp_path], "S1")
    assert [(a.name, b.name) for a, b in found.pairs] == [("S1__a_R1.fastq.gz", "S1__a_R2.fastq.gz")]
    assert [path.name for path in found.singles] == ["S1__b_R1.fastq.gz"]


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VagusError, match="sample S1: no clean reads found in"):
        find_sample_reads([tmp_path], "S1")

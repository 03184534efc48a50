"""A small right trial on disk, which the tests then spoil."""

from __future__ import annotations

import copy
import gzip
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vagus.design.check_sheets import load_trial
from vagus.design.model import Design
from vagus.errors import DesignError

CLONE = Path(__file__).parents[2]
PLAN: dict[str, Any] = {
    "design": "parallel",
    "arms": ["placebo", "probiotic"],
    "reference_arm": "placebo",
    "visits": ["baseline", "week4"],
    "baseline": "baseline",
    "primary_visit": "week4",
    "strata": ["site"],
    "covariates": ["age"],
}


def fastq_text(mate: int, seed: str, n: int = 5, length: int = 30) -> str:
    """FASTQ of n reads with Illumina headers; the seed decides names, seed and mate the bases."""
    rng = random.Random(f"{seed}/{mate}")
    tag = zlib.crc32(seed.encode()) % 10_000
    records = []
    for i in range(n):
        bases = "".join(rng.choices("ACGT", k=length))
        records.append(f"@M1:7:FC:1:{tag}:{i}:{seed} {mate}:N:0:ACGT\n{bases}\n+\n{'I' * length}\n")
    return "".join(records)


class Trial:
    """Four participants in two arms, two visits each, one negative control; paired reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = copy.deepcopy(PLAN)
        self.participants: list[list[str]] = [["participant", "arm", "age", "site"]]
        columns = "sample participant visit assay type run fastq_1 fastq_2 dna_conc collected"
        self.samples: list[list[str]] = [columns.split(" ")]
        self.measures: list[list[str]] = [["participant", "visit", "measure", "value", "unit", "lod"]]
        reference = folder / "reference.fa"
        reference.write_text(">Bacteria;\nACGT\n")
        self.config: dict[str, Any] = {
            "samples": "samples.tsv",
            "participants": "participants.tsv",
            "measures": "measures.tsv",
            "plan": "plan.yaml",
            "taxonomy": {"reference": "reference.fa"},
        }
        (folder / "reads").mkdir()
        for i in range(1, 5):
            self.participants.append([f"P{i}", PLAN["arms"][i % 2], str(30 + i), "AB"[i > 2]])
            for visit, date in (("baseline", "2026-01-10"), ("week4", "2026-02-10")):
                self.add_sample(f"S{i}{visit[0]}", f"P{i}", visit, collected=date)
                self.measures.append([f"P{i}", visit, "phq9", str(10 + i), "points", ""])
        self.add_sample("NEG", "", "", kind="negative")

    def add_sample(
        self, name: str, who: str, visit: str, kind: str = "stool", run: str = "run1", collected: str = ""
    ) -> list[str]:
        """Add a row with read files of its own."""
        files = [self.write_reads(f"{name}_{run}_R{m}.fastq.gz", fastq_text(m, name + run)) for m in (1, 2)]
        row = [name, who, visit, "amplicon", kind, run, *files, "1.5", collected]
        self.samples.append(row)
        return row

    def write_reads(self, name: str, text: str) -> str:
        """Write a read file, gzipped if its name says so; return its path in the sheet."""
        data = text.encode()
        path = self.folder / "reads" / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return f"reads/{name}"

    def cell(self, sheet: str, row: int, column: str, value: str) -> None:
        """Set a cell; row 1 is the first after the header."""
        table: list[list[str]] = getattr(self, sheet)
        table[row][table[0].index(column)] = value

    def write(self) -> None:
        """Write plan and sheets, unless a test has written a file itself."""
        for name in ("participants", "samples", "measures"):
            text = "".join("\t".join(row) + "\n" for row in getattr(self, name))
            self._put(f"{name}.tsv", text)
        self._put("plan.yaml", yaml.safe_dump(self.plan, sort_keys=False))

    def _put(self, name: str, text: str) -> None:
        if not (self.folder / name).exists():
            (self.folder / name).write_text(text, encoding="utf-8")

    def load(self) -> Design:
        """Load the trial."""
        self.write()
        return load_trial(self.config, self.folder, CLONE, [self.folder / "config.yaml"])

    def problems(self) -> list[str]:
        """Load the trial and return its problems as lines."""
        with pytest.raises(DesignError) as caught:
            self.load()
        return [str(p) for p in caught.value.problems]

    def problem(self) -> str:
        """Load the trial, which must have exactly one problem, and return it."""
        lines = self.problems()
        assert len(lines) == 1, lines
        return lines[0]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A right trial."""
    return Trial(tmp_path)


@pytest.fixture
def make_fastq() -> Callable[..., str]:
    """The maker of FASTQ text."""
    return fastq_text

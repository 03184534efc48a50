"""The rule writes design, summary, flow and batches, and stops on bad read files."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from vagus.design.check_design import main
from vagus.design.model import load_design
from vagus.design.summary import format_table, summarise_design
from vagus.errors import DesignError

CLONE = Path(__file__).parents[2]
SNAKEFILE = """
import sys
from pathlib import Path
CLONE = Path("{clone}")
sys.path.insert(0, str(CLONE / "scripts"))
from vagus.design.check_sheets import load_trial
from vagus.design.batches import make_batches
configfile: "config.yaml"
DESIGN = load_trial(config, Path.cwd(), CLONE, [Path(f) for f in workflow.configfiles])
ALL_BATCHES = make_batches(DESIGN, config["reads"]["batch_size"])
pathvars:
    results="results",
    logs="logs",
    benchmarks="benchmarks",
include: str(CLONE / "workflow/rules/design.smk")
rule all:
    default_target: True
    input: rules.check_design.output
"""


def run(trial: Any, batches: int = 3, **reads: Any) -> Path:
    out: Path = trial.folder / "out"
    trial.write()
    trial.config["reads"] = {"batch_size": 4, **reads}
    out.mkdir(exist_ok=True)
    jsons = [out / "batches" / f"run1.{i}.json" for i in range(1, batches + 1)]
    main(
        trial.config,
        trial.folder,
        CLONE,
        [],
        out / "design.json",
        out / "summary.txt",
        out / "flow.tsv",
        out / "plan_deviations.tsv",
        jsons,
    )
    return out


def test_outputs(trial: Any) -> None:
    trial.samples = [r for r in trial.samples if r[0] != "S4w"]
    trial.write_reads("NEG_run1_R1.fastq.gz", "")
    trial.write_reads("NEG_run1_R2.fastq.gz", "")
    out = run(trial, batches=2)
    design = load_design(out / "design.json")
    assert len(design.samples) == 8
    assert any("NEG, run run1: no reads" in n for n in design.notes)
    with (out / "flow.tsv").open() as handle:
        flow = list(csv.DictReader(handle, delimiter="\t"))
    assert list(flow[0]) == ["level", "id", "arm", "visit", "assay", "status", "step", "reason"]
    lost = {(r["level"], r["id"]): r["reason"] for r in flow if r["status"] == "lost"}
    assert lost == {
        ("participant", "P4"): "no sample after the baseline",
        ("sample", "NEG"): "no reads in the files",
    }
    assert len(flow) == 4 + 8
    batch = json.loads((out / "batches" / "run1.2.json").read_text())
    assert (batch["batch"], batch["run"], batch["paired"], len(batch["units"])) == ("run1.2", "run1", True, 4)


def test_summary(trial: Any) -> None:
    trial.cell("participants", 2, "age", "")
    trial.plan["families"] = [{"name": "main", "profiles": ["amplicon.genus"], "control": "bh", "alpha": 0.1}]
    text = (run(trial) / "summary.txt").read_text()
    for line in (
        "Trial: parallel arms",
        "  arms    placebo (reference), probiotic",
        "  visits  baseline (baseline), week4 (primary)",
        "  placebo               2                  2              2",
        "  placebo    amplicon         2      2",
        "  phq9     points         4      4",
        "  age        number          1  covariate     31 to 34, mean 32.67",
        "  site       category        0  stratum       A 2, B 2",
        "  negative  amplicon        1",
        "  contrasts  probiotic vs placebo",
        "  model      value at the visit ~ value at baseline + arm + site + age",
        "amplicon.genus, amplicon.family, amplicon.phylum, amplicon.diversity, panel.clinical",
        "  family 1   main: amplicon.genus (bh, 0.1)",
        "  - covariate 'age': 1 of 4 missing (P2)",
    ):
        assert line in text, f"{line!r} is not in\n{text}"


def test_summary_of_one_participant(trial: Any) -> None:
    keep = ("participant", "sample", "P1", "S1b", "S1w")
    for name in ("participants", "samples", "measures"):
        setattr(trial, name, [row for row in getattr(trial, name) if row[0] in keep])
    text = summarise_design(trial.load())
    assert "contrasts  none: the arms cannot be compared (see the notes)" in text
    assert "one participant only (P1): no arm comparison is possible" in text


def test_bad_reads_stop_it(trial: Any) -> None:
    path = trial.folder / "reads/S1b_run1_R1.fastq.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DesignError, match="truncated gzip"):
        run(trial)
    assert not (trial.folder / "out" / "design.json").exists()


def test_format_table() -> None:
    assert format_table([["a", "n"], ["long", 5], ["b", 10]], "") == "a      n\nlong   5\nb     10"


def test_rule(trial: Any) -> None:
    """Under Snakemake: the outputs are made, and bad reads end in one line without a traceback."""
    trial.write()
    (trial.folder / "config.yaml").write_text(yaml.safe_dump(trial.config))
    (trial.folder / "Snakefile").write_text(SNAKEFILE.format(clone=CLONE))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "rules"]
    done = subprocess.run(command, cwd=trial.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert load_design(trial.folder / "results/design/design.json").can_compare_arms
    assert (trial.folder / "results/design/batches/run1.1.json").exists()
    path = trial.folder / "reads/S1b_run1_R1.fastq.gz"
    path.write_bytes(path.read_bytes()[:-9])
    bad = subprocess.run(command, cwd=trial.folder, capture_output=True, text=True)
    assert bad.returncode != 0
    log = (trial.folder / "logs/check_design.log").read_text()
    assert "sample S1b, run run1: truncated gzip" in log
    assert "Traceback" not in log


def test_odd_qualities_are_taken_where_the_config_says_so(trial: Any) -> None:
    for mate in (1, 2):
        path = trial.folder / f"reads/S1b_run1_R{mate}.fastq.gz"
        text = gzip.decompress(path.read_bytes()).decode()
        lines = text.splitlines()
        lines[3::4] = ["z" * len(line) for line in lines[3::4]]
        path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    with pytest.raises(DesignError, match="are all 'z'"):
        run(trial)
    run(trial, allow_odd_qualities=True)
    assert (trial.folder / "out" / "design.json").exists()

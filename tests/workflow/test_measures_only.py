"""A trial of measures alone, from sheets to report: families, gates, events, responders, missing values."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

CLONE = Path(__file__).resolve().parents[2]
N = 20
PLAN = {
    "arms": ["placebo", "probiotic"],
    "reference_arm": "placebo",
    "visits": ["baseline", "week8"],
    "baseline": "baseline",
    "strata": ["sex"],
    "estimand": {"intercurrent_events": [{"event": "rescue", "strategy": "composite"}]},
    "families": [
        {"name": "clinic", "profiles": ["panel.clinical"], "control": "holm", "gate": True},
        {
            "name": "markers",
            "profiles": ["panel.biomarkers"],
            "estimand": {"intercurrent_events": [{"event": "antibiotics", "strategy": "hypothetical"}]},
        },
    ],
}


def run_snakemake(workdir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(CLONE / "workflow" / "Snakefile")]
    command += ["--cores", "2", *arguments, "--configfile", "config.yaml"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=workdir, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """HAM-D falls by 6 more in one arm; interleukin 6 and cortisol do not differ."""
    rng = np.random.default_rng(5)
    people = [f"P{i:02d}" for i in range(2 * N)]
    sheet = [f"{p}\t{'placebo' if i < N else 'probiotic'}\t{'fm'[i % 2]}" for i, p in enumerate(people)]
    rows = []
    for i, p in enumerate(people):
        start = int(rng.integers(16, 26))
        later = max(0, round(start - 3 - 6 * (i >= N) + rng.normal(0, 2)))
        rows.append(f"{p}\tbaseline\tHAMD17\t{start}\tpoints\t")
        rows += [f"{p}\tweek8\tHAMD17\t{later}\tpoints\t"] if i % 7 != 3 else []
        for visit in PLAN["visits"]:
            il6, cortisol = np.exp(rng.normal(0.5, 0.6, 2))
            rows.append(f"{p}\t{visit}\til6\t{il6 if il6 > 1 else ''}\tpg/mL\t1")
            rows += [f"{p}\t{visit}\tcortisol@{t}\t{cortisol * k}\tnmol/L\t" for t, k in ((0, 9), (30, 14))]
    for name, head, lines in (
        ("participants", "participant\tarm\tsex", sheet),
        ("measures", "participant\tvisit\tmeasure\tvalue\tunit\tlod", rows),
        ("events", "participant\tvisit\tevent", ["P25\tweek8\trescue", "P26\tweek8\tantibiotics"]),
    ):
        (tmp_path / f"{name}.tsv").write_text("\n".join([head, *lines]) + "\n")
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    config = {name: f"{name}.tsv" for name in ("participants", "measures", "events")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**config, "samples": "", "plan": "plan.yaml"}))
    return tmp_path


def test_from_sheets_to_report_and_registered_afterwards(folder: Path) -> None:
    done = run_snakemake(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    trial = folder / "results" / "trial"
    families = pd.read_csv(trial / "families.tsv", sep="\t")
    assert families["state"].tolist() == ["gate passed", "tested"]
    assert families["role"].tolist() == ["not registered"] * 2
    markers = pd.read_csv(trial / "arm_effects" / "panel.biomarkers.tsv", sep="\t")
    assert markers["feature"].tolist() == [
        "il6",
        "cortisol.auc_ground",
        "cortisol.auc_increase",
        "cortisol.awakening",
    ]
    # Antibiotics are hypothetical for biomarkers only.
    assert (markers["n_arm"] == N - 1).all()
    assert markers["estimand"].str.endswith("antibiotics: hypothetical").all()
    clinic = pd.read_csv(trial / "arm_effects" / "panel.clinical.tsv", sep="\t").iloc[0]
    assert clinic["ci_low"] < -6 < clinic["ci_high"]
    assert (clinic["rejected"], clinic["family"]) == ("yes", "clinic")
    responders = pd.read_csv(trial / "responders.tsv", sep="\t").set_index(["feature", "analysis"])
    seen = responders.loc[("HAMD17.response", "observed")]
    assert (seen["n_arm"], seen["n_reference"]) == (17, 17)
    assert seen["risk_difference"] > 0
    tipping = pd.read_csv(trial / "tipping_point" / "panel.clinical.tsv", sep="\t")
    assert tipping.loc[0, ["missing_arm", "missing_reference"]].tolist() == [3, 3]
    assert len(pd.read_csv(trial / "missing.tsv", sep="\t")) == 2
    page = (folder / "results/report/index.html").read_text()
    assert all(f'<section id="{name}"' in page for name in ("plan", "responders", "missing"))

    # The plan that ran is registered; then it is changed.
    summary = (folder / "results/design/summary.txt").read_text()
    digest = summary.split("sha256 ")[1].split()[0]
    (folder / "registered.yaml").write_text(yaml.safe_dump(PLAN, sort_keys=False))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config |= {"plan_hash": digest, "registered_plan": "registered.yaml"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert run_snakemake(folder, "results/trial/families.tsv").returncode == 0
    assert set(pd.read_csv(trial / "families.tsv", sep="\t")["role"]) == {"confirmatory"}
    (folder / "plan.yaml").write_text(yaml.safe_dump({**PLAN, "strata": []}))
    assert run_snakemake(folder, "results/trial/families.tsv").returncode == 0
    assert set(pd.read_csv(trial / "families.tsv", sep="\t")["role"]) == {"exploratory"}
    listed = pd.read_csv(folder / "results/design/plan_deviations.tsv", sep="\t")
    assert listed["key"].tolist() == ["strata"]

"""The whole workflow on a small simulated trial in its own directory: it finds the effect, and no other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from vagus.demo import simulate_trial as demo
from vagus.demo.templates import find_extdata
from vagus.errors import VagusError
from vagus.ledger import check_ledger, read_ledger
from vagus.profile import read_profile

CLONE = Path(__file__).resolve().parents[2]


def run_snakemake(workdir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(CLONE / "workflow" / "Snakefile")),
        # --configfile takes all that follows it, so targets stand before it.
        *("--cores", "2", *arguments, "--configfile", "demo/config.yaml"),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=workdir, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def build(workdir: Path, target: str, *arguments: str) -> Path:
    """Simulate a small trial and let the fast engine run it to a target."""
    try:
        find_extdata()
    except VagusError as error:
        pytest.skip(str(error))
    here = Path.cwd()
    os.chdir(workdir)
    try:
        demo.main(["--out", "demo", "--depth", "500", *arguments])
    finally:
        os.chdir(here)
    config = yaml.safe_load((workdir / "demo/config.yaml").read_text())
    config["amplicon"]["engine"] = "unoise3"
    config["taxonomy"]["method"] = "sintax"
    if target != "all":
        config["phylogeny"] = {"method": "none"}
        config["diversity"] = {"distances": []}
    (workdir / "demo/config.yaml").write_text(yaml.safe_dump(config))
    done = run_snakemake(workdir, target)
    assert done.returncode == 0, done.stderr[-4000:]
    return workdir


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("trial"), "all", "--failed", "1")


@pytest.fixture(scope="module")
def null(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("null"), "trial", "--null")


def effects(workdir: Path, profile: str) -> pd.DataFrame:
    table = pd.read_csv(workdir / f"results/trial/arm_effects/{profile}.tsv", sep="\t")
    return table.set_index("feature")


def truth(workdir: Path, profile: str) -> pd.Series:
    """Return the known effects in the unit of the estimates: a level of many features has them in two."""
    table = pd.read_csv(workdir / "demo/truth.tsv", sep="\t")
    used = set(effects(workdir, profile)["unit"])
    return table[(table["profile"] == profile) & table["unit"].isin(used)].set_index("feature")["truth"]


@pytest.mark.parametrize(
    ("profile", "feature"),
    [
        ("amplicon.genus", "Bifidobacterium"),
        ("amplicon.family", "Bifidobacteriaceae"),
        ("panel.clinical", "HAMD17"),
    ],
)
def test_effect_is_found_and_its_interval_holds_the_truth(trial: Path, profile: str, feature: str) -> None:
    row = effects(trial, profile).loc[feature]
    known = truth(trial, profile)[feature]
    assert row["contrast"] == "probiotic vs placebo"
    assert row["ci_low"] <= known <= row["ci_high"]
    assert row["q_value"] < 0.05
    assert row["estimate"] * known > 0


def test_other_features_show_nothing(trial: Path) -> None:
    table = effects(trial, "amplicon.genus")
    known = truth(trial, "amplicon.genus")
    tested = table[table["q_value"].notna()]
    assert set(tested.index[tested["q_value"] < 0.05]) == {"Bifidobacterium"}
    # Nearly every genus is there under its name, and the intervals hold about as often as they say.
    both = tested.index.intersection(known.index)
    assert len(both) >= 38
    covered = (tested.loc[both, "ci_low"] <= known[both]) & (known[both] <= tested.loc[both, "ci_high"])
    assert covered.mean() >= 0.85


@pytest.mark.parametrize("profile", ["amplicon.genus", "amplicon.family", "amplicon.phylum"])
def test_null_trial_finds_nothing(null: Path, profile: str) -> None:
    table = effects(null, profile)
    assert table["q_value"].notna().any()
    assert not (table["q_value"] < 0.05).any()


def test_ledger_adds_up(trial: Path) -> None:
    ledger = read_ledger(trial / "results/reads/ledger.tsv")
    check_ledger(ledger)
    samples = pd.read_csv(trial / "demo/samples.tsv", sep="\t")
    assert set(ledger["sample"]) == set(samples["sample"])
    raw = ledger[ledger["step"] == "raw"].set_index("sample")["reads_in"]
    assert raw["NEG_run1_1"] < 300 < raw["MOCK"]


def test_failed_library_leaves_with_a_reason(trial: Path) -> None:
    ledger = read_ledger(trial / "results/reads/ledger.tsv")
    raw = ledger[(ledger["step"] == "raw") & (ledger["reads_in"] == 40)]
    assert len(raw) == 1
    rows = ledger[ledger["sample"] == raw.iloc[0]["sample"]]
    assert (rows["status"] == "empty").any()
    assert rows[rows["status"] == "empty"]["reason"].str.len().min() > 0


def test_contaminants_are_removed(trial: Path) -> None:
    table = pd.read_csv(trial / "results/profiles/decontam.tsv", sep="\t")
    assert table["contaminant"].astype(str).str.lower().eq("true").sum() >= 1
    genera = effects(trial, "amplicon.genus").index
    assert "Cupriavidus" not in genera


def test_mock_is_scored(trial: Path) -> None:
    assert "MOCK" in (trial / "results/profiles/mock.tsv").read_text()


def test_profiles_say_what_they_hold(trial: Path) -> None:
    for level, kind in (("genus", "counts"), ("asv", "counts"), ("diversity", "score")):
        meta = json.loads((trial / f"results/profiles/amplicon.{level}.meta.json").read_text())
        assert meta["kind"] == kind


def test_inferred_modules_hold_their_truth(trial: Path) -> None:
    """Genes of the nearest genomes: every truth inside its interval, and the scale is that of genomes."""
    table, known = effects(trial, "amplicon.module"), truth(trial, "amplicon.module")
    assert set(known.index) == {"GABA_gad", "INDOLE", "BSH", "HISTAMINE"}
    for feature, value in known.items():
        assert table.at[feature, "ci_low"] <= value <= table.at[feature, "ci_high"], feature
    modules = read_profile(trial / "results/profiles/amplicon.module.biom").to_frame()
    assert modules["RIBOSOME"].to_numpy() == pytest.approx(1.0)


def test_what_is_inferred_says_so_and_what_was_lost_is_told(trial: Path) -> None:
    for level in ("ko", "genome", "inference", "module", "metabolite", "balance"):
        meta = json.loads((trial / f"results/profiles/amplicon.{level}.meta.json").read_text())
        assert meta["inferred"] is True, level
    meta = json.loads((trial / "results/profiles/amplicon.genus.meta.json").read_text())
    assert meta["inferred"] is False
    arms = pd.read_csv(trial / "results/profiles/amplicon.inferred_by_arm.tsv", sep="\t")
    assert list(arms["visit"] + " " + arms["arm"]) == [
        "baseline placebo", "baseline probiotic", "week8 placebo", "week8 probiotic",
    ]  # fmt: skip
    # Three genera of the community, 2.3 % of a typical stool, have no genome in the reference.
    assert arms["median"].between(0.005, 0.08).all()
    variants = pd.read_csv(trial / "results/profiles/amplicon.inferred_variants.tsv", sep="\t")
    assert (variants.loc[variants["status"] == "kept", "distance"] <= 0.055).all()
    assert "inference" in {p.stem.partition(".")[2] for p in (trial / "results/trial/arm_effects").iterdir()}


def test_report_needs_no_network(trial: Path) -> None:
    text = (trial / "results/report/index.html").read_text()
    assert "probiotic" in text
    assert "Bifidobacterium" in text
    assert "Genes were inferred from 16S sequences, not measured" in text
    loaded = re.findall(
        r"""<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)\s*=\s*["']?(https?:)?//""", text
    )
    assert not loaded
    assert not re.search(r"""@import\s+(url\()?["']?(https?:)?//""", text)


def test_second_run_does_nothing(trial: Path) -> None:
    start = time.monotonic()
    again = run_snakemake(trial)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "Nothing to be done" in again.stdout + again.stderr
    assert time.monotonic() - start < 30  # loose: other work may share the machine


@pytest.mark.parametrize("target", ["check", "reads", "profiles", "trial", "report"])
def test_target_can_be_planned(trial: Path, target: str) -> None:
    planned = run_snakemake(trial, target, "-n", "--forceall")
    assert planned.returncode == 0, planned.stderr[-2000:]


def test_check_prints_the_trial(trial: Path) -> None:
    summary = (trial / "results/design/summary.txt").read_text()
    for word in ("placebo", "probiotic", "baseline", "week8", "HAMD17"):
        assert word in summary

"""The rules of this floor under Snakemake: files, logs, and a user's mistake in one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform
from trial_designs import make_design, make_profile, sample_ids, score_profile

from vagus.design.model import Measure, write_design
from vagus.profile import write_profile
from vagus.profiles.response_profile import response_profile
from vagus.profiles.sample_flow import flow_table

CLONE = Path(__file__).parents[2]
SNAKEFILE = f"""
import sys
from pathlib import Path

CLONE = Path({str(CLONE)!r})
sys.path.insert(0, str(CLONE / "scripts"))
PROFILES = ["panel.clinical"]
OUTCOMES = ["response"]
config = {{
    "truth": "truth.tsv",
    "trial": {{
        "min_prevalence": 0.2, "pseudocount": 0.5, "confidence": 0.95, "model": "auto", "errors": "auto",
        "compositional_bias": "shift", "rerandomisations": 99, "mixed_errors": "kenward_roger",
        "community": ["change", "interaction", "within"], "permutations": 99,
    }},
}}


class DESIGN:
    samples = range(16)


def community_distances(wildcards):
    return ["results/profiles/amplicon.distances/unifrac.tsv"] if wildcards.profile == "amplicon.asv" else []


rule all:
    input:
        "<results>/trial/truth.tsv",
        [f"<results>/trial/within_arm/{{name}}.tsv" for name in PROFILES],
        [f"<results>/trial/tipping_point/{{name}}.tsv" for name in PROFILES],
        [f"<results>/trial/{{name}}.tsv" for name in ("families", "responders", "bands", "missing")],


include: {str(CLONE / "workflow/rules/trial.smk")!r}
"""


def run_snakemake(folder, *more):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    design = make_design()
    profiles = tmp_path / "results" / "profiles"
    start = rng.normal(20, 3, (8, 2))
    later = start + rng.normal(0, 0.5, (8, 2)) - 9.0 * np.repeat([[0, 0], [1, 0]], 4, axis=0)
    later[2] = np.nan
    panel = score_profile(design, start, later, features=["hamd", "gsrs"])
    write_profile(panel, profiles / "panel.clinical.biom")
    design.plan["responder"] = {"measure": "hamd", "rule": "drop >= 5"}
    people = [p.participant for p in design.participants]
    design.measures = [
        Measure(p, visit, "hamd", float(value))
        for p, pair in zip(people, zip(start[:, 0], later[:, 0], strict=True), strict=True)
        for visit, value in zip(design.visits, pair, strict=True)
        if np.isfinite(value)
    ]
    write_profile(response_profile(design, {}), profiles / "panel.response.biom")
    flow_table(design, pd.DataFrame(), {s.sample for s in design.samples if s.type == "stool"}).to_csv(
        profiles / "flow.tsv", sep="\t", index=False
    )
    write_design(design, tmp_path / "results" / "design" / "design.json")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    contrast = "probiotic vs placebo"
    lines = ["profile\tfeature\tcontrast\ttruth", f"panel.clinical\thamd\t{contrast}\t-9"]
    (tmp_path / "truth.tsv").write_text("\n".join([*lines, f"panel.clinical\tgsrs\t{contrast}\t0"]) + "\n")
    return tmp_path


def test_all_tables_are_made_and_a_second_run_has_nothing_to_do(folder):
    done = run_snakemake(folder)
    assert done.returncode == 0, done.stderr
    truth = pd.read_csv(folder / "results/trial/truth.tsv", sep="\t")
    assert list(truth["found"]) == [True, False]
    assert list(truth["status"]) == ["ok", "ok"]
    clinical = pd.read_csv(folder / "results/trial/arm_effects/panel.clinical.tsv", sep="\t")
    assert (clinical.loc[0, "n_arm"], clinical.loc[0, "n_reference"]) == (4, 3)
    assert len(pd.read_csv(folder / "results/trial/within_arm/panel.clinical.tsv", sep="\t")) == 4
    assert list(clinical.columns)[-3:] == ["family", "role", "rejected"]
    assert clinical["q_value"].notna().all()
    # One of the reference has no follow-up.
    tipping = pd.read_csv(folder / "results/trial/tipping_point/panel.clinical.tsv", sep="\t")
    assert set(tipping["shifted"].dropna()) == {"reference"}
    responders = pd.read_csv(folder / "results/trial/responders.tsv", sep="\t")
    assert responders["outcome"].tolist() == ["response"] * 2
    assert len(pd.read_csv(folder / "results/trial/missing.tsv", sep="\t")) == 1
    for name in ("families", "bands", "reliable_change"):
        assert (folder / f"results/trial/{name}.tsv").is_file()
    assert "2 rows, 2 with an estimate" in (folder / "logs/arm_effects/panel.clinical.log").read_text()
    again = run_snakemake(folder, "-n")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_mistake_is_one_line_without_a_traceback(folder):
    path = folder / "results/profiles/amplicon.genus.biom"
    write_profile(make_profile(np.ones((2, 2)), ["P0_v1", "stranger"]), path)
    done = run_snakemake(folder, "results/trial/uncorrected/amplicon.genus.tsv")
    assert done.returncode != 0
    assert "ERROR: profile amplicon.genus: sample 'stranger' is not in the design" in done.stderr
    log = (folder / "logs/arm_effects/amplicon.genus.log").read_text()
    assert log.startswith("ERROR: profile amplicon.genus")
    assert "Traceback" not in log


def test_the_community_of_a_profile_and_of_its_distances(folder):
    design = make_design()
    ids = sample_ids(design)
    rng = np.random.default_rng(2)
    values = rng.poisson(30, (len(ids), 6))
    square = squareform(pdist(rng.random((len(ids), 3)), "cityblock"))
    (folder / "results/profiles/amplicon.distances").mkdir()
    pd.DataFrame(square, ids, ids).to_csv(
        folder / "results/profiles/amplicon.distances/unifrac.tsv", sep="\t", index_label="sample"
    )
    for name in ("amplicon.asv", "amplicon.genus"):
        write_profile(make_profile(values, ids, name), folder / f"results/profiles/{name}.biom")
    wanted = [f"results/trial/beta/{name}.tsv" for name in ("amplicon.asv", "amplicon.genus")]
    done = run_snakemake(folder, *wanted)
    assert done.returncode == 0, done.stderr
    variants, genera = (pd.read_csv(folder / path, sep="\t") for path in wanted)
    assert set(variants["distance"]) - set(genera["distance"]) == {"unifrac"}
    assert set(genera["test"]) == {"change", "interaction", "within"}
    assert (variants["scheme"] == "arms permuted among participants; all 70 arrangements").all()
    for kind in ("trajectories", "ordination"):
        table = pd.read_csv(folder / f"results/trial/{kind}/amplicon.asv.tsv", sep="\t")
        assert len(table) == 16 * variants["distance"].nunique()


def test_presence_interactions_and_sensitivity_have_tables_for_every_profile(folder):
    rng = np.random.default_rng(2)
    people = [{"drug": "xy"[i % 2]} for i in range(24)]
    design = make_design(("placebo",) * 12 + ("probiotic",) * 12, covariates=people)
    design.plan["interactions"] = ["drug", "baseline"]
    write_design(design, folder / "results/design/design.json")
    counts = rng.poisson(2, (48, 6))
    counts[:, 0] += 1
    write_profile(make_profile(counts, sample_ids(design)), folder / "results/profiles/amplicon.genus.biom")
    start = rng.normal(20, 3, (24, 2))
    panel = score_profile(design, start, start + rng.normal(0, 1, (24, 2)), features=["hamd", "gsrs"])
    write_profile(panel, folder / "results/profiles/panel.clinical.biom")
    kinds = ("prevalence_effects", "interaction_effects", "sensitivity")
    paths = [f"results/trial/{k}/{p}.tsv" for k in kinds for p in ("amplicon.genus", "panel.clinical")]
    done = run_snakemake(folder, *paths)
    assert done.returncode == 0, done.stderr
    rows = {path: pd.read_csv(folder / path, sep="\t") for path in paths}
    assert [len(rows[path]) for path in paths] == [6, 0, 12, 4, 6, 0]
    assert (rows[paths[0]]["status"] == "ok").sum() == 5
    assert (rows[paths[2]]["status"] == "ok").all()
    assert (rows[paths[4]]["methods"] == 5).all()
    for kind in ("prevalence_effects", "sensitivity"):
        log = (folder / f"logs/{kind}/panel.clinical.log").read_text()
        assert "values of kind score" in log
        assert "the table has no rows" in log

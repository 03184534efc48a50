"""A trial of tables alone, with a species profile brought along: fluxes reach arm effects and report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from modules.made_fluxes import COLI, MODELS, SALTS, micom_python

from vagus.profile import read_profile

CLONE = Path(__file__).resolve().parents[2]
ARMS = ("placebo", "probiotic")
VISITS = ("baseline", "week8")


def run_snakemake(workdir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(CLONE / "workflow" / "Snakefile")),
        *("--cores", "2", *arguments, "--configfile", "config.yaml"),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=workdir, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def write_trial(folder: Path) -> None:
    """Eight participants; the probiotic arm's diet at week 8 has less oxygen, so that more is fermented."""
    people, samples, names = ["participant\tarm"], [], []
    for i in range(8):
        people.append(f"P{i}\t{ARMS[i % 2]}")
        for visit in VISITS:
            names.append(f"P{i}.{visit}")
            samples.append(f"P{i}.{visit}\tP{i}\t{visit}\tshotgun\tstool\t\t\t\t\t")
    header = "sample participant visit assay type run fastq_1 fastq_2 dna_conc collected".replace(" ", "\t")
    (folder / "samples.tsv").write_text("\n".join([header, *samples]) + "\n")
    (folder / "participants.tsv").write_text("\n".join(people) + "\n")
    plan = {
        "design": "parallel", "arms": list(ARMS), "reference_arm": ARMS[0], "visits": list(VISITS),
        "baseline": VISITS[0], "primary_visit": VISITS[1],
    }  # fmt: skip
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    rows = ["taxon\t" + "\t".join(names)]
    rows += [
        f"s__{COLI[k].replace(' ', '_')}\t" + "\t".join(str(1 + (i + k) % 3) for i in range(16))
        for k in (0, 1)
    ]
    # one sample is nearly all of an organism that has no model
    rows.append("Nomen nescio\t" + "\t".join("90" if name == "P7.week8" else "0.5" for name in names))
    (folder / "species.tsv").write_text("\n".join(rows) + "\n")
    diet = ["reaction\tflux\tarm\tvisit"]
    diet += [f"{r}\t{f}\t\t" for r, f in {"EX_glc__D_e": 10.0, **SALTS}.items()]
    diet += ["EX_o2_e\t4\t\t", f"EX_o2_e\t2\t{ARMS[1]}\t{VISITS[1]}"]
    (folder / "diet.tsv").write_text("\n".join(diet) + "\n")
    config = {
        "samples": "samples.tsv",
        "participants": "participants.tsv",
        "plan": "plan.yaml",
        "profiles": [{"name": "shotgun.species", "path": "species.tsv", "kind": "relative"}],
        "fluxes": {"models": str(MODELS), "medium": "diet.tsv", "batch_size": 9},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def test_a_wrong_flux_room_stops_before_any_job(tmp_path: Path) -> None:
    if not MODELS.exists():
        pytest.skip(f"no {MODELS}: the models of MICOM's own tests")
    write_trial(tmp_path)
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    config["fluxes"] |= {"rank": "genus", "medium": "nowhere.csv"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    done = run_snakemake(tmp_path)
    assert done.returncode != 0
    assert "The design has 3 problems; nothing was run." in done.stderr
    for said in ("'fluxes.models'", "'fluxes.medium': file not found", "'fluxes.profiles'"):
        assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_fluxes_reach_effects_and_report(tmp_path: Path) -> None:
    micom_python()
    write_trial(tmp_path)
    done = run_snakemake(tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    flux = read_profile(tmp_path / "results/profiles/shotgun.flux.biom")
    assert flux.meta["left_out"].keys() == {"P7.week8"}
    assert "fluxes.min_covered" in flux.meta["left_out"]["P7.week8"]
    assert sorted(p.name for p in (tmp_path / "results/fluxes/shotgun").glob("*.json")) == [
        "0.json",
        "1.json",
    ]
    values = flux.to_frame()
    diet = ["P1.week8", "P3.week8", "P5.week8"]
    usual = [s for s in values.index if s not in diet]
    # Copies of one model on one diet: the arm's diet alone makes the difference, the same in all.
    assert (values.loc[diet].max() - values.loc[diet].min() < 0.01).all()
    assert (values.loc[usual].max() - values.loc[usual].min() < 0.01).all()
    effects = pd.read_csv(tmp_path / "results/trial/arm_effects/shotgun.flux.tsv", sep="\t").set_index(
        "feature"
    )
    for compound in ("formate", "ethanol"):
        difference = values.loc[diet, compound].mean() - values.loc[usual, compound].mean()
        assert abs(difference) > 0.5
        assert effects.loc[compound, "estimate"] == pytest.approx(difference, abs=0.02)
    assert (effects["unit"] == "mmol/(gDW h)").all()
    page = (tmp_path / "results/report/index.html").read_text()
    assert "Fluxes (shotgun) were inferred, not measured" in page
    logs = "".join(p.read_text() for p in (tmp_path / "logs/community_fluxes").glob("*.log"))
    assert len(re.findall(r"NOTE: sample P7.week8 left out", logs)) == 1
    assert json.loads((tmp_path / "results/profiles/shotgun.flux.meta.json").read_text())["inferred"] is True
    again = run_snakemake(tmp_path, "-n")
    assert "Nothing to be done" in again.stdout + again.stderr

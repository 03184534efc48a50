"""Tables alone go from a HUMAnN KO table to the effects of modules; what is brought along wins over ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_trial import write_tiny_trial

from vagus.modules.ec_modules import by_ec
from vagus.modules.module_file import load_modules
from vagus.profile import read_profile

CLONE = Path(__file__).resolve().parents[2]
VISITS = ("baseline", "week8")
PEOPLE = [f"P{i}" for i in range(12)]


def run_snakemake(workdir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(CLONE / "workflow" / "Snakefile")),
        *("--cores", "2", *arguments, "--configfile", "config.yaml"),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=workdir, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def change_config(workdir: Path, **keys: object) -> None:
    path = workdir / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}))


def planned(workdir: Path, *arguments: str) -> dict[str, list[str]]:
    """Plan a run; return rule -> outputs of its jobs."""
    done = run_snakemake(workdir, *arguments, "-n")
    assert done.returncode == 0, (done.stderr or done.stdout)[-3000:]
    found: dict[str, list[str]] = {}
    jobs = re.findall(
        r"^(?:local)?rule (\w+):.*?\n    output: (.*?)\n", done.stdout + done.stderr, re.M | re.S
    )
    for rule, outputs in jobs:
        found.setdefault(rule, []).extend(outputs.split(", "))
    return found


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Samples without reads; one module doubles in one arm after baseline, in one species."""
    rng = np.random.default_rng(3)
    modules = load_modules(CLONE / "resources/modules/neuroactive.yaml").modules
    steps = {m.id: [step.alternatives[0][0] for step in m.steps] for m in modules}
    chosen = sorted(steps)[0]
    kos = sorted({ko for ids in steps.values() for ko in ids})
    samples = [f"{p}_{v}" for p in PEOPLE for v in VISITS]
    rows = {}
    for ko in kos:
        for species in ("g__A.s__A_one", "g__B.s__B_two"):
            values = rng.uniform(90, 110, len(samples))
            if ko in steps[chosen]:
                values *= [2 if int(p[1:]) % 2 and v == "week8" else 1 for p in PEOPLE for v in VISITS]
            rows[f"{ko}|{species}"] = values
        rows[ko] = rows[f"{ko}|g__A.s__A_one"] + rows[f"{ko}|g__B.s__B_two"]
    table = pd.DataFrame(rows, index=[f"{s}_Abundance-RPKs" for s in samples]).T
    table.to_csv(tmp_path / "ko.tsv", sep="\t", index_label="# Gene Family")
    sheet = [f"{p}_{v}\t{p}\t{v}\tshotgun\tstool\t" for p in PEOPLE for v in VISITS]
    header = "sample\tparticipant\tvisit\tassay\ttype\tfastq_1"
    (tmp_path / "samples.tsv").write_text("\n".join([header, *sheet]) + "\n")
    people = [f"P{i}\t{'probiotic' if i % 2 else 'placebo'}" for i in range(len(PEOPLE))]
    (tmp_path / "participants.tsv").write_text("\n".join(["participant\tarm", *people]) + "\n")
    (tmp_path / "plan.yaml").write_text(
        "design: parallel\narms: [placebo, probiotic]\nreference_arm: placebo\n"
        "visits: [baseline, week8]\nbaseline: baseline\nprimary_visit: week8\n"
    )
    (tmp_path / "config.yaml").write_text(
        "samples: samples.tsv\nparticipants: participants.tsv\nplan: plan.yaml\n"
        "profiles:\n- {name: shotgun.ko, path: ko.tsv, format: humann}\n"
    )
    (tmp_path / "chosen").write_text(chosen)
    return tmp_path


def test_a_humann_table_becomes_modules_and_their_effects(tables: Path) -> None:
    done = run_snakemake(tables, "profiles", "trial")
    assert done.returncode == 0, done.stderr[-3000:]
    ko = read_profile(tables / "results/profiles/shotgun.ko.biom")
    assert {f.partition("|")[2] for f in ko.features} == {"A one", "B two"}
    module = read_profile(tables / "results/profiles/shotgun.module.biom")
    assert (len(module.samples), module.meta["by_taxon"]) == (24, True)
    chosen = (tables / "chosen").read_text()
    effects = pd.read_csv(tables / "results/trial/arm_effects/shotgun.module.tsv", sep="\t")
    row = effects.set_index("feature").loc[chosen]
    assert row["ci_low"] <= 1 <= row["ci_high"]  # log2 of twice as much
    assert row["q_value"] < 0.05
    flow = pd.read_csv(tables / "results/profiles/flow.tsv", sep="\t")
    assert set(flow["status"]) == {"kept"}
    # Another table is another run, and nothing else is.
    assert planned(tables, "profiles", "trial") == {}
    (tables / "ko.tsv").write_text(
        (tables / "ko.tsv").read_text().replace("_Abundance-RPKs", "_Abundance-CPM")
    )
    assert "import_profile" in planned(tables, "profiles", "trial")


def test_ec_numbers_are_scored_where_an_assay_has_no_kos(tables: Path) -> None:
    modules, _ = by_ec(load_modules(CLONE / "resources/modules/neuroactive.yaml").modules)
    numbers = sorted({ec for module in modules for step in module.steps for (ec,) in step.alternatives})
    samples = [f"{p}_{v}" for p in PEOPLE for v in VISITS]
    table = pd.DataFrame(2.0, index=[f"EC:{ec}" for ec in numbers], columns=samples)
    # Of a module with one EC number in every step, two copies of each are two copies of the module.
    single = next(m for m in modules if all(len(step.alternatives) == 1 for step in m.steps))
    ((lost,),) = single.steps[0].alternatives
    table.loc[f"EC:{lost}", "P1_week8"] = 0
    table.to_csv(tables / "ec.tsv", sep="\t", index_label="id")
    ko = {"name": "shotgun.ko", "path": "ko.tsv", "format": "humann"}
    ec = {"name": "shotgun.ec", "path": "ec.tsv", "kind": "copies_per_genome"}
    change_config(tables, profiles=[ec])
    done = run_snakemake(tables, "results/profiles/shotgun.module.biom")
    assert done.returncode == 0, done.stderr[-3000:]
    module = read_profile(tables / "results/profiles/shotgun.module.biom")
    assert (module.meta["source_profile"], len(module.features)) == ("shotgun.ec", len(modules))
    values = module.to_frame()[single.id]
    assert values["P1_week8"] == 0
    assert (values.drop("P1_week8") == 2).all()
    # KOs are the finer of the two.
    change_config(tables, profiles=[ec, ko])
    done = run_snakemake(tables, "results/profiles/shotgun.module.biom")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (
        read_profile(tables / "results/profiles/shotgun.module.biom").meta["source_profile"] == "shotgun.ko"
    )


def test_a_mistake_in_a_table_is_one_line(tables: Path) -> None:
    (tables / "ko.tsv").write_text("# Gene Family\tP0_baseline\nUniRef90_A\t1\n")
    done = run_snakemake(tables, "profiles")
    assert done.returncode != 0
    assert "humann_regroup_table --input ko.tsv --groups uniref90_ko" in done.stderr
    assert "Traceback" not in (tables / "logs/import_profile/shotgun.ko.log").read_text()


def test_second_files_are_inputs_and_are_missed_before_the_run(tables: Path) -> None:
    entry = {"name": "amplicon.ko", "path": "ko.tsv", "format": "picrust2", "nsti": "nsti.tsv"}
    change_config(tables, profiles=[entry])
    done = run_snakemake(tables, "-n")
    assert "config, 'profiles[1].nsti': file not found (value 'nsti.tsv')" in done.stderr + done.stdout
    (tables / "nsti.tsv").write_text("sample\tweighted_NSTI\n")
    done = run_snakemake(tables, "-n")
    assert re.search(r"rule import_profile:\n    input: \S*ko.tsv, \S*nsti.tsv, ", done.stdout + done.stderr)


def test_modules_that_are_brought_along_win(tables: Path) -> None:
    (tables / "m.tsv").write_text("id\tP0_baseline\nM1\t1\n")
    own = {"name": "shotgun.module", "path": "m.tsv", "kind": "relative"}
    change_config(tables, profiles=[{"name": "shotgun.ko", "path": "ko.tsv", "format": "humann"}, own])
    jobs = planned(tables)
    assert "module_profiles" not in jobs
    assert any("shotgun.module.biom" in output for output in jobs["import_profile"])


def test_samples_of_16s_without_reads_need_no_reference(tables: Path) -> None:
    sheet = tables / "samples.tsv"
    sheet.write_text(sheet.read_text().replace("shotgun", "amplicon"))
    change_config(tables, profiles=[{"name": "amplicon.genus", "path": "ko.tsv", "kind": "relative"}])
    jobs = planned(tables)
    assert set(jobs) >= {"import_profile", "arm_effects"}
    assert not {"decontaminate", "collapse_ranks", "diversity"} & set(jobs)


def test_imports_win_over_our_rules(tmp_path: Path) -> None:
    write_tiny_trial(tmp_path)
    (tmp_path / "t.tsv").write_text("id\tP0.baseline\nx\t1\n")

    def own(*names: str) -> list[dict[str, str]]:
        return [{"name": name, "path": "t.tsv", "kind": "relative"} for name in names]

    change_config(tmp_path, profiles=own("amplicon.genus", "amplicon.diversity"))
    jobs = planned(tmp_path)
    assert not any("genus" in output for output in jobs["collapse_ranks"])
    assert "diversity" not in jobs
    change_config(tmp_path, profiles=own("amplicon.asv"))
    done = run_snakemake(tmp_path, "-n")
    assert "amplicon.asv is made from the reads of the samples sheet" in done.stderr + done.stdout
    sheet = tmp_path / "samples.tsv"
    sheet.write_text(sheet.read_text().replace("amplicon", "shotgun"))
    for kind in ("kraken", "proteins"):
        (tmp_path / kind).mkdir()
    (tmp_path / "proteins/p.faa").write_text(">p K00001\nMA\n")
    change_config(
        tmp_path,
        profiles=own("shotgun.species", "shotgun.ko"),
        shotgun={"taxonomy": "kraken2", "function": "diamond"},
        databases={"kraken2": "kraken", "proteins": "proteins/p.faa"},
    )
    jobs = planned(tmp_path)
    assert jobs["merge_taxa"][:1] == ["results/profiles/shotgun.genus.biom"]
    assert not any("species.biom" in output for output in jobs["merge_taxa"])
    assert not any(output.endswith("shotgun.ko.biom") for output in jobs["merge_functions"])
    assert {o for o in jobs["import_profile"] if o.endswith("biom")} == {
        "results/profiles/shotgun.species.biom", "results/profiles/shotgun.ko.biom",
    }  # fmt: skip

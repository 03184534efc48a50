"""A table of variants and their sequences, without reads, go to inferred modules, by either engine."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from function16s.made_reference import random_gene, write_reference

from vagus.modules.module_file import load_modules
from vagus.profile import read_profile

CLONE = Path(__file__).resolve().parents[2]
PEOPLE, VISITS = [f"P{i}" for i in range(10)], ("baseline", "week8")
MARKERS = [
    line.split("\t")[0] for line in (CLONE / "resources/single_copy_markers.tsv").read_text().splitlines()
]
KOS = [ko for ko in MARKERS if ko.startswith("K0")]
# Stands for PICRUSt2: writes what its pipeline would, in the shape of its release 2.6.
FAKE = """#!{python}
import gzip, pathlib, sys
if "--version" in sys.argv:
    print("PICRUSt2 2.6.2"); sys.exit()
option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert option["--in_traits"] == "KO" and "--no_pathways" in sys.argv
names = [line[1:].split()[0] for line in open(option["-s"]) if line[0] == ">"]
out = pathlib.Path(option["-o"]); out.mkdir()
def write(name, rows):
    with gzip.open(out / name, "wt") as handle:
        handle.writelines("\\t".join(map(str, row)) + "\\n" for row in rows)
kos = {kos!r}
write("combined_marker_predicted_and_nsti.tsv.gz", [
    ["sequence", "16S_rRNA_Count", "metadata_NSTI", "best_domain"],
    *([n, 2, 3.0 if n == "v3" else 0.1, "bac"] for n in names)])
write("combined_KO_predicted.tsv.gz", [["sequence", *("ko:" + k for k in kos), "ko:K01667"],
    *([n, *(1 for _ in kos), int(n == "v0")] for n in names)])
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    rng, dice = random.Random(2), np.random.default_rng(2)
    genes = {f"g{i}": random_gene(rng) for i in range(3)}
    variants = {f"v{i}": gene[60:310] for i, gene in enumerate(genes.values())} | {
        "v3": random_gene(rng, 250)
    }
    (tmp_path / "variants.fasta").write_text("".join(f">{n}\n{s}\n" for n, s in variants.items()))
    content = {g: dict.fromkeys(KOS, 1) | ({"K01667": 1} if g == "g0" else {}) for g in genes}
    write_reference(tmp_path / "reference", genes, {"g0": 1, "g1": 4, "g2": 2}, content)
    samples = [f"{p}_{v}" for p in PEOPLE for v in VISITS]
    counts = pd.DataFrame(dice.integers(100, 900, (4, len(samples))), index=list(variants), columns=samples)
    counts.loc["v3"] = 50
    counts.to_csv(tmp_path / "asv.tsv", sep="\t", index_label="id")
    sheet = [f"{p}_{v}\t{p}\t{v}\tamplicon\tstool\t" for p in PEOPLE for v in VISITS]
    header = "sample\tparticipant\tvisit\tassay\ttype\tfastq_1"
    (tmp_path / "samples.tsv").write_text("\n".join([header, *sheet]) + "\n")
    people = [f"{p}\t{'probiotic' if i % 2 else 'placebo'}" for i, p in enumerate(PEOPLE)]
    (tmp_path / "participants.tsv").write_text("\n".join(["participant\tarm", *people]) + "\n")
    (tmp_path / "plan.yaml").write_text(
        "design: parallel\narms: [placebo, probiotic]\nreference_arm: placebo\n"
        "visits: [baseline, week8]\nbaseline: baseline\nprimary_visit: week8\n"
    )
    return tmp_path


def run(workdir: Path, **function: object) -> pd.DataFrame:
    """Run to the modules; return samples x modules."""
    config = {
        "samples": "samples.tsv",
        "participants": "participants.tsv",
        "plan": "plan.yaml",
        "profiles": [{"name": "amplicon.asv", "path": "asv.tsv", "format": "tsv", "kind": "counts"}],
        "function16s": {"sequences": "variants.fasta", **function},
    }
    (workdir / "config.yaml").write_text(yaml.safe_dump(config))
    path = os.pathsep.join([str(workdir / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    targets = [f"results/profiles/amplicon.{name}" for name in ("module.biom", "specificity.tsv")]
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(CLONE / "workflow" / "Snakefile")),
        *("--cores", "2", *targets, "results/trial/arm_effects/amplicon.inference.tsv"),
        *("--configfile", "config.yaml"),
    ]
    done = subprocess.run(
        command, cwd=workdir, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    profile = read_profile(workdir / "results/profiles/amplicon.module.biom")
    assert profile.meta["inferred"] is True
    return profile.to_frame()


def expected_indole(workdir: Path, copies: list[float]) -> pd.Series:
    """Share of the cells that are of v0."""
    counts = pd.read_csv(workdir / "asv.tsv", sep="\t", index_col=0).iloc[:3].div(copies, axis=0)
    return counts.loc["v0"] / counts.sum()


@pytest.mark.skipif(shutil.which("vsearch") is None, reason="needs vsearch")
def test_nearest_genomes_of_a_table_that_is_brought_along(tables: Path) -> None:
    modules = run(tables, engine="nearest", reference=["reference"])
    assert "INDOLE" in {m.id for m in load_modules(CLONE / "resources/modules/neuroactive.yaml").modules}
    expected = expected_indole(tables, [1, 4, 2])
    assert modules["INDOLE"].to_numpy() == pytest.approx(expected[modules.index].to_numpy(), rel=1e-9)
    assert modules["RIBOSOME"].to_numpy() == pytest.approx(1)
    variants = pd.read_csv(tables / "results/profiles/amplicon.inferred_variants.tsv", sep="\t", index_col=0)
    assert variants["status"].to_dict() == {
        "v0": "kept", "v1": "kept", "v2": "kept", "v3": "no genome like it"
    }  # fmt: skip
    specificity = pd.read_csv(tables / "results/profiles/amplicon.specificity.tsv", sep="\t", index_col=0)
    assert specificity.at["RIBOSOME", "carriers"] == 3
    assert specificity.at["INDOLE", "carriers"] == 1


def test_picrust2_is_called_and_its_outputs_are_read(tables: Path) -> None:
    program = tables / "bin" / "picrust2_pipeline.py"
    program.parent.mkdir()
    program.write_text(FAKE.format(python=sys.executable, kos=KOS))
    program.chmod(0o755)
    modules = run(tables, engine="picrust2")
    expected = expected_indole(tables, [2, 2, 2])
    assert modules["INDOLE"].to_numpy() == pytest.approx(expected[modules.index].to_numpy(), rel=1e-9)
    meta = read_profile(tables / "results/profiles/amplicon.ko.biom").meta
    assert (meta["engine"], meta["engine_version"]) == ("picrust2", "PICRUSt2 2.6.2")
    variants = pd.read_csv(tables / "results/profiles/amplicon.inferred_variants.tsv", sep="\t", index_col=0)
    assert variants.at["v3", "status"] == "past the cut-off"

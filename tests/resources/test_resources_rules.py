"""The rules, run by Snakemake on made genomes: build all, then nothing is to be done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from resources.made_genomes import SPECIES, sequences, write_genomes

from vagus.errors import VagusError
from vagus.reads.tools import find_tool
from vagus.shotgun.read_shares import read_shares

CLONE = Path(__file__).resolve().parents[2]
SNAKEFILE = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(CLONE / "scripts")!r})
from vagus.design.findings import Findings
from vagus.resources.build_bowtie2_reference import SUFFIXES
from vagus.resources.genome_sheet import genome_rows, read_genome_sheet

FOUND = Findings()
GENOMES = read_genome_sheet(config["shotgun"]["genomes"], None, FOUND)
assert not FOUND.problems, FOUND.problems

BOWTIE2_SUFFIXES = SUFFIXES
ENGINE_SETTINGS = dict(kraken2=dict(), bowtie2=dict())

include: "clone/workflow/rules/resources.smk"

rule all:
    default_target: True
    input:
        "<resources>/shotgun/sourmash/genomes.zip",
        "<resources>/shotgun/kraken2",
        "<resources>/shotgun/bowtie2/genomes.1.bt2",
        "<resources>/shotgun/read_shares/kraken2.tsv",
        "<resources>/shotgun/read_shares/bowtie2.tsv",
        "<resources>/shotgun/diamond/proteins.dmnd",
        "<resources>/references/silva_dada2=138.2",
"""


def snakemake(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    # Another cache than the user's own.
    own = {"SNAKEMAKE_OUTPUT_CACHE": str(folder / "cache"), "XDG_CACHE_HOME": str(folder / "xdg")}
    env = {**os.environ, **own}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def workdir(tmp_path):
    for tool in ("kraken2-build", "bowtie2-build", "diamond"):
        try:
            find_tool(tool)
        except VagusError:
            pytest.skip(f"{tool} is not installed")
    write_genomes(tmp_path / "in", sequences())
    (tmp_path / "in/g1.faa").write_text(">a K00001\nMKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ\n")
    rows = [f"{g}\t{s[-1]}\t{'g1.faa' if g == 'g1' else ''}" for g, s in SPECIES.items()]
    (tmp_path / "in/genomes.tsv").write_text("\n".join(["genome\tspecies\tproteins", *rows]) + "\n")
    (tmp_path / "own.fa.gz").write_bytes(b"sequences")
    config = {
        "shotgun": {"genomes": "in/genomes.tsv", "sourmash_scaled": 100, "read_lengths": [100]},
        "references": {"silva_dada2": {"path": str(tmp_path / "own.fa.gz")}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "Snakefile").write_text('configfile: "config.yaml"\n' + SNAKEFILE)
    (tmp_path / "cache").mkdir()
    # The rules with an environment that nothing is installed from: what is tested here is the rules alone.
    for part in ("workflow/rules", "envs"):
        (tmp_path / "clone" / part).mkdir(parents=True)
    rules = (CLONE / "workflow" / "rules" / "resources.smk").read_text()
    (tmp_path / "clone/workflow/rules/resources.smk").write_text(rules)
    (tmp_path / "clone/envs/shotgun.yaml").write_text("channels: [conda-forge]\ndependencies: [sourmash]\n")
    (tmp_path / "clone/scripts").symlink_to(CLONE / "scripts")
    return tmp_path


def test_all_references_are_built_once(workdir):
    snakemake(workdir)
    made = workdir / "resources" / "shotgun"
    assert {p.name for p in made.iterdir()} == {"sourmash", "kraken2", "bowtie2", "diamond", "read_shares"}
    for engine in ("kraken2", "bowtie2"):
        shares = read_shares(made / "read_shares" / f"{engine}.tsv")
        assert {len(found) for found in shares.values()} == {len(set(SPECIES.values()))}
    assert (made / "diamond/labels.tsv").read_text().splitlines()[
        1
    ] == "g1|a\tK00001\tLactobacillus acidophilus"
    for engine in ("sourmash", "kraken2", "bowtie2", "diamond"):
        assert json.loads((made / engine / "manifest.json").read_text())["engine"] == engine
    fetched = workdir / "resources/references/silva_dada2=138.2/silva_nr99_v138.2_toGenus_trainset.fa.gz"
    assert fetched.read_bytes() == b"sequences"
    assert "Nothing to be done" in snakemake(workdir)


def test_the_shared_cache_brings_them_to_another_place(workdir):
    targets = ["resources/shotgun/sourmash/genomes.zip", "resources/shotgun/kraken2"]
    words = ("--cache", "build_sourmash_reference", "build_kraken2_reference", "--", *targets)
    assert snakemake(workdir, *words).count("Moving output") > 1
    first = (workdir / targets[0]).read_bytes()
    (workdir / "resources").rename(workdir / "gone")
    said = snakemake(
        workdir, "--cache", "build_sourmash_reference", "build_kraken2_reference", "--", *targets
    )
    assert "Moving output" not in said
    assert "from cache" in said
    assert (workdir / targets[0]).read_bytes() == first
    assert (workdir / targets[1] / "hash.k2d").exists()

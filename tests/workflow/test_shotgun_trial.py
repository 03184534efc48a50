"""A trial of shotgun libraries alone, on the road where every read is looked at: it finds what was put in."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from vagus.demo import simulate_trial as demo
from vagus.demo.templates import find_extdata
from vagus.errors import VagusError
from vagus.ledger import check_ledger, read_ledger
from vagus.profile import Profile, read_profile

CLONE = Path(__file__).resolve().parents[2]
K = 31
TARGETS = ("profiles", "trial")  # the ledger of the whole run is one of the profiles' targets
BIFIDOBACTERIUM_ONLY = ["K01621", "K15533", "K07407"]
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def run_snakemake(workdir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(CLONE / "workflow" / "Snakefile")),
        *("--cores", "2", *arguments, "--configfile", "demo/config.yaml"),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=workdir, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def keep_shotgun_only(workdir: Path) -> None:
    """Take the 16S half out of the sheet, the config and the plan."""
    folder = workdir / "demo"
    sheet = pd.read_csv(folder / "samples.tsv", sep="\t", dtype=str, keep_default_na=False)
    sheet[sheet["assay"] == "shotgun"].to_csv(folder / "samples.tsv", sep="\t", index=False)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    for key in ("amplicon", "taxonomy", "mock", "function16s"):
        del config[key]
    config["reads"] = {"batch_size": 12}
    pathways = str(CLONE / "tests" / "shotgun" / "pathways.tsv")
    config["shotgun"] |= {"speed": "reference", "pathways": pathways}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    plan = yaml.safe_load((folder / "plan.yaml").read_text())
    plan["families"] = [{"name": "genera", "profiles": ["shotgun.genus"], "control": "bh", "alpha": 0.05}]
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        find_extdata()
    except VagusError as error:
        pytest.skip(str(error))
    workdir = tmp_path_factory.mktemp("shotgun")
    here = Path.cwd()
    os.chdir(workdir)
    try:
        demo.main(["--out", "demo", "--depth", "50", "--shotgun-pairs", "2000"])
    finally:
        os.chdir(here)
    keep_shotgun_only(workdir)
    done = run_snakemake(workdir, *TARGETS)
    assert done.returncode == 0, done.stderr[-4000:]
    return workdir


def sample_names(workdir: Path) -> list[str]:
    return list(pd.read_csv(workdir / "demo/samples.tsv", sep="\t")["sample"])


def known_pairs(workdir: Path, kind: str) -> pd.DataFrame:
    """Pairs of each species (or host, PhiX) of a kind, samples x species."""
    table = pd.read_csv(workdir / "demo/shotgun_truth.tsv", sep="\t")
    return table[table["kind"] == kind].pivot(index="sample", columns="species", values="pairs")


def load_profile(workdir: Path, level: str) -> Profile:
    return read_profile(workdir / f"results/profiles/shotgun.{level}.biom")


def as_frame(profile: Profile) -> pd.DataFrame:
    return pd.DataFrame(profile.table.toarray().T, index=profile.samples, columns=profile.features)


def effects(workdir: Path, level: str) -> pd.DataFrame:
    table = pd.read_csv(workdir / f"results/trial/arm_effects/shotgun.{level}.tsv", sep="\t")
    return table.set_index("feature")


def truth(workdir: Path, level: str) -> pd.Series:
    """Return the known effects in the unit of the estimates: a level of many features has them in two."""
    table = pd.read_csv(workdir / "demo/truth.tsv", sep="\t")
    used = set(effects(workdir, level)["unit"])
    mine = (table["profile"] == f"shotgun.{level}") & table["unit"].isin(used)
    return table[mine].set_index("feature")["truth"]


def read_bases(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") as handle:
        for number, line in enumerate(handle):
            if number % 4 == 1:
                yield line.rstrip()


def host_words(workdir: Path) -> set[str]:
    """All words of the host, both strands: a random genome, so no other sequence holds any of them."""
    with gzip.open(workdir / "demo/host.fna.gz", "rt") as handle:
        host = "".join(line.strip() for line in handle if not line.startswith(">"))
    strands = (host, host.translate(COMPLEMENT)[::-1])
    return {strand[i : i + K] for strand in strands for i in range(len(strand) - K + 1)}


def count_host_pairs(forward: Path, reverse: Path, words: set[str]) -> int:
    """Pairs of which a mate holds a word of the host."""

    def holds(bases: str) -> bool:
        return any(bases[i : i + K] in words for i in range(0, len(bases) - K + 1, 4))

    pairs = zip(read_bases(forward), read_bases(reverse), strict=True)
    return sum(holds(one) or holds(two) for one, two in pairs)


@pytest.mark.parametrize(
    ("level", "kind"),
    [
        ("species", "counts"),
        ("genus", "counts"),
        ("ko", "copies_per_genome"),
        ("ko_by_species", "copies_per_genome"),
        ("pathway", "copies_per_genome"),
        ("module", "copies_per_genome"),
        ("metabolite", "copies_per_genome"),
    ],
)
def test_profile_is_there_with_every_sample(trial: Path, level: str, kind: str) -> None:
    profile = load_profile(trial, level)
    assert profile.kind == kind
    assert set(profile.samples) == set(sample_names(trial))
    assert (as_frame(profile).sum(axis=1) > 0).all()
    assert profile.meta["engine"] == ("bowtie2" if kind == "counts" else "diamond")


def test_there_is_no_amplicon_half(trial: Path) -> None:
    assert not list((trial / "results").rglob("*amplicon*"))
    assert len(sample_names(trial)) == 32


def test_samples_were_cut_into_batches_and_groups(trial: Path) -> None:
    batches = sorted(path.name for path in (trial / "results/shotgun/clean").iterdir())
    assert batches == ["wgs1.shotgun.1", "wgs1.shotgun.2", "wgs1.shotgun.3"]
    for engine in ("taxa/bowtie2", "function/diamond"):
        groups = sorted(path.name for path in (trial / "results/shotgun" / engine).iterdir())
        assert groups == ["group1", "group2", "group3"]


def test_ledger_adds_up_and_counts_the_host(trial: Path) -> None:
    ledger = read_ledger(trial / "results/reads/ledger.tsv")
    check_ledger(ledger)
    assert set(ledger["sample"]) == set(sample_names(trial))
    lost = ledger.pivot(index="sample", columns="step", values="lost")
    raw = ledger[ledger["step"] == "raw"].set_index("sample")["reads_in"]
    table = pd.read_csv(trial / "demo/shotgun_truth.tsv", sep="\t")
    assert (raw == table.groupby("sample")["pairs"].sum()).all()
    for step in ("host", "phix"):
        known = known_pairs(trial, step)[step]
        assert (lost[step] > 0).all()
        # Quality comes first and takes a few of them; nothing else may be taken for the host.
        assert (lost[step] <= known).all()
        assert lost[step].sum() >= 0.97 * known.sum()


def test_no_host_read_is_left(trial: Path) -> None:
    words = host_words(trial)
    known = known_pairs(trial, "host")["host"]
    for sample in sample_names(trial):
        reads = [trial / f"demo/reads/{sample}_R{mate}.fastq.gz" for mate in (1, 2)]
        assert count_host_pairs(reads[0], reads[1], words) == known[sample], "the test sees host reads"
        (first,) = (trial / "results/shotgun/clean").glob(f"*/{sample}__wgs1_R1.fastq.gz")
        second = first.with_name(first.name.replace("_R1.", "_R2."))
        assert count_host_pairs(first, second, words) == 0, sample


def test_species_are_those_that_were_put_in(trial: Path) -> None:
    found, known = as_frame(load_profile(trial, "species")), known_pairs(trial, "reference")
    assert set(found.columns) == set(known.columns), "nothing is missing, nothing made up"
    found, known = (frame.div(frame.sum(axis=1), axis=0) for frame in (found, known))
    bray_curtis = (found - known).abs().sum(axis=1) / 2  # of shares, which sum to 1
    assert len(bray_curtis) == 32
    assert bray_curtis.max() < 0.03
    assert bray_curtis.median() < 0.01


def test_organism_outside_the_reference_stays_unclassified(trial: Path) -> None:
    outside = known_pairs(trial, "out_of_reference").sum(axis=1)
    known = outside / (outside + known_pairs(trial, "reference").sum(axis=1))
    for level in ("species", "genus"):
        found = pd.Series(load_profile(trial, level).meta["unclassified"])
        assert (found - known).abs().max() < 0.03
        # Given to a neighbour, its reads would be missing here.
        assert (found - known).min() > -0.005
    assert known.max() > 0.2, "there is something to see"


def test_bifidobacterium_is_found_and_nothing_else(trial: Path) -> None:
    table = effects(trial, "genus")
    row = table.loc["Bifidobacterium"]
    # Four-fold in one of ten genera: 2 in log2, of which the centre takes a tenth.
    assert row["ci_low"] <= 2 * (1 - 1 / 10) <= row["ci_high"]
    assert row["ci_low"] > 0
    assert set(table.index[table["q_value"] < 0.05]) == {"Bifidobacterium"}
    assert len(table) == 10


@pytest.mark.parametrize(
    ("level", "features"),
    [
        ("species", ["Bifidobacterium simulatum", "Bifidobacterium fictum"]),
        ("ko", BIFIDOBACTERIUM_ONLY),
    ],
)
def test_interval_holds_the_truth(trial: Path, level: str, features: list[str]) -> None:
    table, known = effects(trial, level), truth(trial, level)
    for feature in features:
        row = table.loc[feature]
        assert row["ci_low"] <= known[feature] <= row["ci_high"]
        assert row["estimate"] > 0
        assert row["contrast"] == "probiotic vs placebo"


def test_functions_stand_with_the_species_that_has_them(trial: Path) -> None:
    frame = as_frame(load_profile(trial, "ko_by_species"))
    for ko in BIFIDOBACTERIUM_ONLY:
        mine = frame[[column for column in frame.columns if column.startswith(ko)]].sum()
        right = mine[["Bifidobacterium" in column for column in mine.index]].sum()
        assert mine.sum() > 0
        assert right >= 0.9 * mine.sum()


def test_modules_are_in_copies_per_genome_and_enter_the_trial(trial: Path) -> None:
    modules = as_frame(load_profile(trial, "module"))
    # Every organism has one set of ribosomal proteins. A rare one has too few reads to show all of them, and
    # modules are not put together from several: the sum is below 1 in shallow samples (median 0.77 here).
    assert 0.6 < modules["RIBOSOME"].median() < 1.05
    # The demo's genomes hold no gene of these.
    assert (modules[["TMA_cut", "HISTAMINE", "TRYPTAMINE"]] == 0).all(axis=None)
    random = pd.read_csv(trial / "results" / "profiles" / "shotgun.specificity.tsv", sep="\t").set_index(
        "module"
    )
    assert (random.loc["RIBOSOME", "prevalence"], random.loc["RIBOSOME", "housekeeping"]) == (1, "yes")
    assert random.loc["TMA_cut", "complete"] == 0
    balance = as_frame(load_profile(trial, "balance"))
    assert "GABA_balance" in balance.columns
    effects = pd.read_csv(trial / "results" / "trial" / "arm_effects" / "shotgun.module.tsv", sep="\t")
    row = effects.set_index("feature").loc["RIBOSOME"]
    assert row["unit"] == "log2 fold change"
    assert row["ci_low"] < 0 < row["ci_high"]


def test_second_run_does_nothing(trial: Path) -> None:
    again = run_snakemake(trial, *TARGETS)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "Nothing to be done" in again.stdout + again.stderr

"""The simulated shotgun libraries: reads from where the truth says, and effects that counts estimate."""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from vagus.demo import simulate_trial as demo
from vagus.demo.community import VISITS, apply_effect, centred_log2, close, draw_cohort, draw_log_abundances
from vagus.demo.sequence_library import BASES, Pairs
from vagus.demo.settings import Settings, ShotgunSettings, read_settings, read_shotgun_settings
from vagus.demo.shotgun_genomes import Genome, draw_bases, make_genomes
from vagus.demo.shotgun_reads import (
    Sources,
    compute_shotgun_effects,
    draw_sources,
    join_sources,
    plan_shotgun,
    presence,
    sequence_shotgun,
    spread_genera,
)
from vagus.demo.templates import (
    REFERENCE_NAME,
    Template,
    choose_templates,
    find_extdata,
    read_templates,
    reverse_complement,
)
from vagus.errors import VagusError
from vagus.trial.mode_shift import SHIFTED_UNIT
from vagus.trial.transform import CLR_UNIT

SEED = 3


@pytest.fixture(scope="module")
def settings() -> Settings:
    return read_settings([demo.SETTINGS / "demo.yaml"])


@pytest.fixture(scope="module")
def shotgun() -> ShotgunSettings:
    return read_shotgun_settings([demo.SETTINGS / "shotgun.yaml"])


@pytest.fixture(scope="module")
def community(settings: Settings) -> list[Template]:
    try:
        extdata = find_extdata()
    except VagusError as error:
        pytest.skip(str(error))
    primers = settings.forward_primer, settings.reverse_primer
    return choose_templates(read_templates(extdata / REFERENCE_NAME, *primers), settings.templates)


@pytest.fixture(scope="module")
def genera(community: list[Template]) -> list[str]:
    return [t.rank("genus") for t in community]


@pytest.fixture(scope="module")
def genomes(shotgun: ShotgunSettings, community: list[Template]) -> list[Genome]:
    return make_genomes(shotgun, {t.rank("genus"): t.lineage for t in community}, SEED)


@pytest.fixture(scope="module")
def trials(community: list[Template], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the trial with its shotgun half, and without."""
    base = tmp_path_factory.mktemp("trials")
    small = ["--participants", "3", "--depth", "100"]
    demo.main(["--out", str(base / "with"), *small])
    demo.main(["--out", str(base / "without"), *small, "--no-shotgun"])
    return base / "with", base / "without"


@pytest.fixture(scope="module")
def source() -> Sources:
    rng = np.random.default_rng(8)
    return join_sources([draw_bases(n, 0.5, rng) for n in (30_000, 60_000, 20_000, 5_000)])


@pytest.fixture(scope="module")
def library(settings: Settings, shotgun: ShotgunSettings, source: Sources) -> Pairs:
    counts = np.array([3000, 3000, 0, 0])
    return sequence_shotgun(settings, shotgun, source, counts, np.random.default_rng(9))


def text_of(codes: np.ndarray) -> list[str]:
    return [row.tobytes().decode("ascii") for row in BASES[codes]]


def test_mates_face_each_other_at_the_declared_distance(
    shotgun: ShotgunSettings, source: Sources, library: Pairs
) -> None:
    strands = [BASES[source.codes].tobytes().decode("ascii")]
    strands.append(reverse_complement(strands[0]))
    inserts, starts, found = [], [], [0, 0]
    for ahead, behind in zip(text_of(library.forward), text_of(library.reverse), strict=True):
        for strand, text in enumerate(strands):
            place, end = text.find(ahead[:40]), text.find(reverse_complement(behind[:40]))
            if place >= 0 and end >= 0:
                inserts.append(end + 40 - place)
                starts.append(place if strand == 0 else len(text) - end - 40)
                found[strand] += 1
    assert sum(found) > 0.65 * len(library.forward)  # the others carry an error in these 80 bases
    assert 0.45 < found[0] / sum(found) < 0.55
    long = np.array([i for i in inserts if i >= shotgun.read_length])
    assert len(long) / len(inserts) == pytest.approx(1 - shotgun.short_insert_share, abs=0.008)
    assert long.mean() == pytest.approx(shotgun.insert_mean, abs=4)
    assert long.std() == pytest.approx(shotgun.insert_sd, abs=3)
    assert min(inserts) >= shotgun.short_insert_min
    # Equal pairs from a source of 30 kb and one of 60 kb, spread evenly over each, none from the rest.
    assert max(starts) < 90_000
    edges = [0, 10_000, 20_000, 30_000, 50_000, 70_000, 90_000]
    assert np.histogram(starts, edges)[0] / len(starts) == pytest.approx([1 / 6] * 6, abs=0.025)


def test_short_fragments_run_into_the_adapters(shotgun: ShotgunSettings, library: Pairs) -> None:
    for codes, adapter in (
        (library.forward, shotgun.adapter_forward),
        (library.reverse, shotgun.adapter_reverse),
    ):
        places = [read.find(adapter[:13]) for read in text_of(codes)]
        seen = [p for p in places if p >= 0]
        assert 0.012 < len(seen) / len(codes) < 0.024
        assert min(seen) >= shotgun.short_insert_min


def test_bases_are_misread_as_often_as_declared(
    settings: Settings, shotgun: ShotgunSettings, source: Sources, library: Pairs
) -> None:
    chance = 10.0 ** (-np.stack([library.quality_forward, library.quality_reverse]).astype(float) / 10)
    assert chance.mean() == pytest.approx(0.003, abs=0.0005)
    assert chance[1].mean() > chance[0].mean()
    # One fragment can start in one place only, so that every read is that of the source but for the errors.
    single = replace(shotgun, insert_mean=5000.0, insert_sd=0.0, short_insert_share=0.0)
    lone = join_sources([source.codes[-5000:]])
    pairs = sequence_shotgun(settings, single, lone, np.array([2000]), np.random.default_rng(4))
    expected = [lone.codes[:150], (3 - lone.codes[::-1])[:150]]
    wrong = np.stack([(pairs.forward != e).mean(axis=1) for e in expected]).min(axis=0)
    assert wrong.mean() == pytest.approx(chance[0].mean(), rel=0.2)


def test_pairs_come_from_sources_by_copies_and_length(shotgun: ShotgunSettings) -> None:
    shares, lengths = np.array([0.5, 0.25, 0.25]), np.array([50_000, 100_000, 200_000])
    counts = draw_sources(shotgun, shares, lengths, 400_000, np.random.default_rng(1))
    assert counts.sum() == 400_000
    microbial = 1 - shotgun.host_share - shotgun.phix_share
    expected = [microbial / 4, microbial / 4, microbial / 2, shotgun.host_share, shotgun.phix_share]
    assert counts / 400_000 == pytest.approx(expected, abs=0.003)


def test_copies_are_those_of_the_16s_genera(
    settings: Settings, shotgun: ShotgunSettings, genera: list[str]
) -> None:
    drawn = draw_log_abundances(settings, genera, 6, np.random.default_rng(2))
    shares = close(drawn)
    copies = spread_genera(shotgun, genera, shares)
    assert copies.sum(axis=-1) == pytest.approx(1)
    by_genus = {g: shares[..., [x == g for x in genera]].sum(axis=-1) for g in set(genera)}
    ids = [g.id for g in shotgun.genomes]
    first, second = ids.index("SIM01"), ids.index("SIM03")
    ratio = copies[..., first] / copies[..., second]
    part = shotgun.genomes[first].part
    assert ratio == pytest.approx(part * by_genus["Bacteroides"] / by_genus["Parabacteroides"])
    with pytest.raises(
        VagusError, match="SIM01 is of genus Bacteroides, which the 16S community does not hold"
    ):
        spread_genera(shotgun, ["Akkermansia"], np.ones((1, 1)))


def test_plan_takes_both_visits_of_those_who_stayed(
    settings: Settings, shotgun: ShotgunSettings, community: list[Template], genera: list[str]
) -> None:
    cohort = draw_cohort(settings, community, np.random.default_rng(6))
    assert cohort.left_early
    libraries = plan_shotgun(shotgun, cohort, genera, np.random.default_rng(7))
    assert len(libraries) == 32
    arms = cohort.participants.set_index("participant")["arm"]
    seen = pd.DataFrame([(x.participant, x.visit, arms[x.participant]) for x in libraries])
    assert seen.groupby([2, 1]).size().to_dict() == {
        (a, v): 8 for a in settings.arms.values() for v in VISITS
    }
    assert not set(seen[0]) & cohort.left_early
    copies = spread_genera(shotgun, genera, cohort.shares)
    place = list(cohort.participants["participant"]).index(libraries[3].participant)
    assert np.array_equal(libraries[3].shares, copies[place, 1])
    pairs = np.array([x.pairs for x in libraries])
    assert pairs.mean() == pytest.approx(shotgun.pairs, rel=0.1)
    assert pairs.std() > 100


def test_effects_are_the_exact_shift_of_the_log_ratios(
    settings: Settings, shotgun: ShotgunSettings, community: list[Template], genomes: list[Genome]
) -> None:
    table = compute_shotgun_effects(settings, shotgun, community, genomes, 1)
    assert set(table["unit"]) == {CLR_UNIT, SHIFTED_UNIT}
    typical = table[table["unit"] == SHIFTED_UNIT].set_index(["profile", "feature"])["truth"]
    truth = table[table["unit"] == CLR_UNIT].set_index(["profile", "feature"])["truth"]
    species = truth["shotgun.species"]
    mine = [g.startswith("Bifidobacterium ") for g in species.index]
    k, shift = len(species), np.log2(settings.fold_change)
    assert k == len({g.species for g in shotgun.genomes if g.reference})
    assert sum(mine) == 2
    assert np.allclose(species[mine], shift * (1 - 2 / k), atol=1e-4)
    assert np.allclose(species[[not m for m in mine]], -2 * shift / k, atol=1e-4)
    kos = truth["shotgun.ko"]
    assert set(kos.index) == set(shotgun.kos)
    assert kos.sum() == pytest.approx(0, abs=0.01)
    everywhere = kos[[*shotgun.markers, *shotgun.housekeeping]]
    assert np.ptp(everywhere) < 1e-9  # in every genome: the same copies per genome in everybody
    own = kos[["K01621", "K15533", "K07407"]]
    # The share of the target grows less than its amount, by the growth of the whole.
    assert (own - everywhere.iloc[0]).min() > 1.2
    assert (own - everywhere.iloc[0]).max() < shift
    assert own.min() == pytest.approx(kos.max())
    # Against what is in every genome, a gene's effect is that on its copies per genome.
    assert np.allclose(typical["shotgun.ko"][kos.index], kos - everywhere.iloc[0], atol=2e-4)
    assert np.allclose(typical["shotgun.species"][species.index], np.where(mine, shift, 0), atol=2e-4)
    carried = presence(genomes, shotgun.kos).astype(bool)
    without = ~carried[[g.genus == settings.target_genus for g in shotgun.genomes]].any(axis=0)
    assert without.any()
    assert (kos[np.array(shotgun.kos)[without]] < everywhere.iloc[0]).all()
    null = compute_shotgun_effects(replace(settings, fold_change=1.0), shotgun, community, genomes, 1)
    assert (null["truth"] == 0).all()


def test_effects_are_what_read_counts_estimate(
    settings: Settings,
    shotgun: ShotgunSettings,
    community: list[Template],
    genera: list[str],
    genomes: list[Genome],
) -> None:
    rng = np.random.default_rng(12)
    people = 3000
    active = np.arange(people) % 2 == 0
    target = np.array([g == settings.target_genus for g in genera])
    drawn = draw_log_abundances(settings, genera, people, rng)
    copies = spread_genera(shotgun, genera, close(apply_effect(drawn, active, target, settings.fold_change)))
    lengths = np.array([g.length for g in shotgun.genomes])
    counts = np.array([draw_sources(shotgun, c, lengths, shotgun.pairs, rng) for c in copies[:, -1]])
    names = sorted({g.species for g in shotgun.genomes if g.reference})
    sums = np.stack(
        [counts[:, [i for i, g in enumerate(shotgun.genomes) if g.species == n]].sum(axis=1) for n in names],
        1,
    )
    values = centred_log2(sums + 0.5)
    per_genome = counts[:, : len(lengths)] / lengths
    present = presence(genomes, shotgun.kos)
    families = centred_log2(per_genome @ present / per_genome.sum(axis=1, keepdims=True) + 1e-9)
    truth = compute_shotgun_effects(settings, shotgun, community, genomes, 1)
    known = truth[truth["unit"] == CLR_UNIT].set_index(["profile", "feature"])["truth"]
    common = [k for k, n in enumerate(present.sum(axis=0)) if n >= 4]
    kos = [shotgun.kos[k] for k in common]
    for table, expected in (
        (values, known["shotgun.species"][names].to_numpy()),
        (families[:, common], known["shotgun.ko"][kos].to_numpy()),
    ):
        estimate = table[active].mean(axis=0) - table[~active].mean(axis=0)
        error = np.sqrt(table[active].var(axis=0) + table[~active].var(axis=0)) / np.sqrt(people / 2)
        assert (np.abs(estimate - expected) < 4 * error + 0.05).all()


def test_the_16s_half_does_not_change(trials: tuple[Path, Path]) -> None:
    full, plain = trials

    def digest(folder: Path) -> dict[str, str]:
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    before, after = digest(plain), digest(full)
    differ = {name for name in before if before[name] != after.get(name)}
    assert differ == {"samples.tsv", "truth.tsv", "config.yaml", "README.txt"}
    for name in ("samples.tsv", "truth.tsv"):
        assert (full / name).read_text().startswith((plain / name).read_text())
    assert not [name for name in before if "wgs" in name or "genome" in name]


def test_sheets_name_the_shotgun_libraries(trials: tuple[Path, Path], shotgun: ShotgunSettings) -> None:
    full, _ = trials
    samples = pd.read_csv(full / "samples.tsv", sep="\t", dtype=str, keep_default_na=False)
    rows = samples[samples["assay"] == "shotgun"]
    # Three people an arm, one of whom left early.
    assert len(rows) == 10
    assert set(rows["run"]) == {"wgs1"}
    assert set(rows["type"]) == {"stool"}
    assert (rows["sample"] == rows["participant"] + "_" + rows["visit"] + "_wgs").all()
    amplicon = samples[samples["assay"] == "amplicon"].set_index(["participant", "visit"])["dna_conc"]
    assert all(amplicon[r.participant, r.visit] == r.dna_conc for r in rows.itertuples())
    truth = pd.read_csv(full / "shotgun_truth.tsv", sep="\t")
    assert set(truth["sample"]) == set(rows["sample"])
    assert set(truth["kind"]) == {"reference", "out_of_reference", "host", "phix"}
    for row in rows.itertuples():
        mine = truth[truth["sample"] == row.sample]
        sizes = [len(gzip.decompress((full / str(p)).read_bytes()).splitlines()) // 4 for p in row[7:9]]
        assert sizes == [mine["pairs"].sum()] * 2
        assert mine["share"].sum() == pytest.approx(1, abs=1e-4)
    config = yaml.safe_load((full / "config.yaml").read_text())["shotgun"]
    assert config == {
        "speed": "fast",
        "sketch_scaled": 20,
        "sourmash_scaled": 50,
        "genomes": f"{full}/genomes.tsv",
        "host": f"{full}/host.fna.gz",
    }
    assert Path(config["genomes"]).is_file()
    assert len(gzip.decompress((full / "host.fna.gz").read_bytes())) > shotgun.host_length
    assert "none of the\nspecies exists" in (full / "README.txt").read_text()


def test_gather_recovers_the_species(trials: tuple[Path, Path], tmp_path: Path) -> None:
    if shutil.which("sourmash") is None:
        pytest.skip("sourmash is not installed")
    full, _ = trials
    sheet = pd.read_csv(full / "genomes.tsv", sep="\t")
    truth = pd.read_csv(full / "shotgun_truth.tsv", sep="\t")
    sample = str(truth["sample"].iloc[-1])

    def run(*arguments: str) -> None:
        subprocess.run(["sourmash", *arguments], check=True, capture_output=True, cwd=tmp_path)

    sketch = ("sketch", "dna", "-p", "k=31,scaled=50,abund", "-o")
    run(*sketch, "reference.zip", "--name-from-first", *(str(full / p) for p in sheet["path"]))
    reads = [str(full / f"reads/{sample}_R{mate}.fastq.gz") for mate in (1, 2)]
    run(*sketch, "sample.zip", "--merge", sample, *reads)
    run("gather", "sample.zip", "reference.zip", "--threshold-bp", "0", "-o", "gather.csv")
    species = {f"{row.genome}_1": str(row.species) for row in sheet.itertuples()}
    found = dict.fromkeys(species.values(), 0.0)
    with (tmp_path / "gather.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            found[species[row["name"].split()[0]]] += float(row["f_unique_weighted"])
    mine = truth[(truth["sample"] == sample) & (truth["kind"] == "reference")].set_index("species")["pairs"]
    assert set(mine.index) == set(found)
    shares, total = mine / mine.sum(), sum(found.values())
    for name, value in found.items():
        assert value / total == pytest.approx(shares[name], abs=0.02)

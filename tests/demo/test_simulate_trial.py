"""The simulated trial: the same bytes from a seed, errors as Phred scores say, and a truth that holds."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from vagus.demo import simulate_trial as demo
from vagus.demo.community import (
    VISITS,
    apply_effect,
    centred_log2,
    close,
    compute_truth,
    draw_cohort,
    draw_log_abundances,
    sum_features,
)
from vagus.demo.sequence_library import add_errors, draw_quality, encode, mean_quality, sequence_library
from vagus.demo.settings import Settings, read_settings
from vagus.demo.templates import (
    PHIX_NAME,
    REFERENCE_NAME,
    Template,
    choose_templates,
    find_extdata,
    read_fasta,
    read_templates,
    reverse_complement,
)
from vagus.errors import VagusError
from vagus.trial.mode_shift import SHIFTED_UNIT
from vagus.trial.transform import CLR_UNIT

DEMO = demo.SETTINGS / "demo.yaml"
NULL = demo.SETTINGS / "null.yaml"


@pytest.fixture(scope="module")
def extdata() -> Path:
    try:
        return find_extdata()
    except VagusError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return read_settings([DEMO])


@pytest.fixture(scope="module")
def reference(extdata: Path, settings: Settings) -> list[Template]:
    return read_templates(extdata / REFERENCE_NAME, settings.forward_primer, settings.reverse_primer)


@pytest.fixture(scope="module")
def community(reference: list[Template], settings: Settings) -> list[Template]:
    return choose_templates(reference, settings.templates)


@pytest.fixture(scope="module")
def trial(extdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trial") / "demo"
    demo.main(["--out", str(out), "--participants", "3", "--depth", "150", "--failed", "1"])
    return out


def read_fastq(path: Path) -> tuple[list[str], list[str], list[str]]:
    lines = gzip.decompress(path.read_bytes()).decode("ascii").splitlines()
    return lines[0::4], lines[1::4], lines[3::4]


def digest(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_same_seed_same_bytes(extdata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, seed in ((first, "1"), (second, "1"), (tmp_path / "c", "2")):
        folder.mkdir()
        monkeypatch.chdir(folder)
        demo.main(["--out", "demo", "--participants", "2", "--depth", "60", "--seed", seed])
    assert digest(first) == digest(second)
    other = digest(tmp_path / "c")
    reads = [name for name in other if name.endswith("_R1.fastq.gz")]
    assert reads
    assert all(other[name] != digest(first).get(name) for name in reads)


def test_sheets_name_every_file_and_every_arm(trial: Path) -> None:
    samples = pd.read_csv(trial / "samples.tsv", sep="\t", dtype=str, keep_default_na=False)
    people = pd.read_csv(trial / "participants.tsv", sep="\t")
    assert people["arm"].value_counts().to_dict() == {"placebo": 3, "probiotic": 3}
    # Six people at two visits, one of whom left early; two negatives in each of two runs; one mock.
    amplicon = samples[samples["assay"] == "amplicon"]
    assert amplicon["type"].value_counts().to_dict() == {"stool": 11, "negative": 4, "mock": 1}
    assert set(amplicon.loc[amplicon["type"] == "stool", "participant"]) == set(people["participant"])
    for path in [*samples["fastq_1"], *samples["fastq_2"]]:
        assert (trial / path).is_file()
    assert (amplicon.groupby("participant")["run"].nunique().drop("") == 1).all()
    measures = pd.read_csv(trial / "measures.tsv", sep="\t")
    assert measures.groupby("measure").size().to_dict() == {"GAD7": 11, "HAMD17": 11}
    assert measures.loc[measures["measure"] == "HAMD17", "value"].between(0, 52).all()
    plan = yaml.safe_load((trial / "plan.yaml").read_text())
    assert plan["reference_arm"] == "placebo"
    assert plan["visits"] == list(VISITS)
    assert "simulated" in (trial / "README.txt").read_text()


def test_config_and_plan_fit_the_schemas(trial: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schemas = demo.SETTINGS.parents[1] / "workflow" / "schemas"
    for name in ("config", "plan"):
        schema = yaml.safe_load((schemas / f"{name}.schema.yaml").read_text())
        jsonschema.validate(yaml.safe_load((trial / f"{name}.yaml").read_text()), schema)


def test_failed_library_has_no_primer(trial: Path, settings: Settings) -> None:
    samples = pd.read_csv(trial / "samples.tsv", sep="\t", dtype=str)
    sizes = {p: len(read_fastq(trial / p)[1]) for p in samples["fastq_1"]}
    failed = [p for p, n in sizes.items() if n == 40]
    assert len(failed) == 1
    core = settings.forward_primer[-9:]  # the end without degenerate bases
    assert not any(read[:40].count(core) for read in read_fastq(trial / failed[0])[1])


def test_reads_carry_primers_and_mates_match(trial: Path, settings: Settings) -> None:
    names1, forward, quality = read_fastq(trial / "reads/MOCK_R1.fastq.gz")
    names2, reverse, _ = read_fastq(trial / "reads/MOCK_R2.fastq.gz")
    assert [n.split()[0] for n in names1] == [n.split()[0] for n in names2]
    assert {len(r) for r in forward + reverse} == {settings.read_length}
    assert {len(q) for q in quality} == {settings.read_length}
    # The parts of both primers that have no degenerate base.
    ahead = sum(f[9:19] == "GCCGCGGTAA" for f in forward)
    flipped = sum(f.startswith("GGACTAC") for f in forward)
    assert 0.85 * len(forward) < ahead < 0.97 * len(forward)
    assert 0.01 * len(forward) < flipped < 0.12 * len(forward)
    assert {f[3] for f in forward if f[9:19] == "GCCGCGGTAA"} >= {"C", "T"}


def test_mock_reads_come_from_the_mock(trial: Path, settings: Settings) -> None:
    expected = {s: h for h, s in read_fasta(trial / "mock.fasta")}
    assert len(expected) == len(settings.mock) == 10
    _, forward, _ = read_fastq(trial / "reads/MOCK_R1.fastq.gz")
    head = len(settings.forward_primer)
    starts = {s[:60] for s in expected}
    seen = [f[head : head + 60] in starts for f in forward]
    assert np.mean(seen) > 0.75
    assert {f[head : head + 60] for f in forward} >= starts


def test_quality_falls_along_the_read(settings: Settings) -> None:
    rng = np.random.default_rng(1)
    for curve in (settings.quality_forward, settings.quality_reverse):
        scores = draw_quality(curve, settings, (2000, 250), rng)
        assert scores.min() >= 2
        assert scores.max() <= 38
        means = scores.mean(axis=0)
        assert means[20:60].mean() > means[200:].mean() + 2
        assert np.abs(mean_quality(curve, 250) - means).max() < 3.5
        assert scores.mean(axis=1).std() > 1  # reads differ


def test_errors_are_as_frequent_as_the_scores_say() -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (4000, 250), dtype=np.uint8)
    for q in (10, 20, 30):
        read = add_errors(codes, np.full(codes.shape, q, dtype=np.uint8), rng)
        rate = (read != codes).mean()
        chance = 10 ** (-q / 10)
        assert abs(rate - chance) < 5 * np.sqrt(chance / codes.size)
    moved = (read[read != codes].astype(int) - codes[read != codes]) % 4
    assert 0.4 < (moved == 2).mean() < 0.6  # transitions


def test_library_makes_chimeras_that_are_rarer_than_their_parents(
    extdata: Path, community: list[Template], settings: Settings
) -> None:
    inserts = [t.insert for t in community]
    shares = close(draw_log_abundances(settings, settings.templates, 1, np.random.default_rng(4)))[0, 0]
    phix = read_fasta(extdata / PHIX_NAME)[0][1]
    genes = [t.sequence for t in community if set(t.sequence) <= set("ACGT")]
    clean = Settings(
        **{
            **vars(settings),
            "flipped_share": 0.0,
            "phix_share": 0.0,
            "off_target_share": 0.0,
            "chimera_share": 0.05,
        }
    )
    pairs = sequence_library(clean, inserts, shares, 4000, (genes, phix), np.random.default_rng(5))
    head = len(settings.forward_primer)
    body = pairs.forward[:, head:]
    truth = np.stack([encode(i)[: body.shape[1]] for i in inserts])
    nearest = np.array([(truth != read).sum(axis=1).min() for read in body])
    far = (nearest > 6).mean()
    assert len(pairs.forward) == 4000
    assert 0.02 < far < 0.08


def test_templates_belong_to_one_genus_each(reference: list[Template], settings: Settings) -> None:
    chosen = choose_templates(reference, [*settings.templates, *settings.contaminants, *settings.mock])
    assert len(reference) > 3000
    assert all(230 < len(t.insert) < 270 for t in chosen)
    stool = {t.rank("genus") for t in choose_templates(reference, settings.templates)}
    assert settings.target_genus in stool
    assert len(stool) > 35
    assert not stool & {t.rank("genus") for t in choose_templates(reference, settings.contaminants)}


def test_template_that_no_classifier_can_name_is_refused(reference: list[Template]) -> None:
    genera: dict[str, set[str]] = {}
    for template in reference:
        genera.setdefault(template.insert, set()).add(template.rank("genus"))
    shared = next(t for t in reference if t.insert and len(genera[t.insert]) > 1)
    with pytest.raises(VagusError, match="belongs to several genera"):
        choose_templates(reference, [shared.accession])
    with pytest.raises(VagusError, match="is not in the reference"):
        choose_templates(reference, ["gi_0"])


def test_reverse_complement_knows_degenerate_bases() -> None:
    assert reverse_complement("GGACTACNVGGGTWTCTAAT") == "ATTAGAWACCCBNGTAGTCC"


def test_truth_is_the_exact_shift_of_the_log_ratios(community: list[Template], settings: Settings) -> None:
    truth = compute_truth(settings, community, 1)
    assert list(truth.columns) == ["profile", "feature", "contrast", "truth", "unit"]
    assert set(truth["contrast"]) == {"probiotic vs placebo"}
    typical = truth[truth["unit"] == SHIFTED_UNIT].set_index(["profile", "feature"])["truth"]
    values = truth[truth["unit"] != SHIFTED_UNIT].set_index(["profile", "feature"])["truth"]
    shift = np.log2(settings.fold_change)
    for level, target in (("genus", "Bifidobacterium"), ("family", "Bifidobacteriaceae")):
        table = values[f"amplicon.{level}"]
        k = len(table)
        assert k == len({t.rank(level) for t in community})
        assert table[target] == pytest.approx(shift * (1 - 1 / k), abs=1e-4)
        assert np.allclose(table.drop(target), -shift / k, atol=1e-4)
        assert table.sum() == pytest.approx(0, abs=0.01)
        assert np.allclose(
            typical[f"amplicon.{level}"][table.index], shift * (table.index == target), atol=2e-4
        )
    phylum = values["amplicon.phylum"]
    # Actinobacteria hold other genera too, so the phylum moves less than its target does.
    assert 0 < phylum["Actinobacteria"] < shift * (1 - 1 / len(phylum))
    assert phylum.sum() == pytest.approx(0, abs=0.01)
    assert values["panel.clinical"].to_dict() == {"HAMD17": -4.0, "GAD7": 0.0}
    assert set(truth.loc[truth["profile"].str.startswith("amplicon"), "unit"]) == {CLR_UNIT, SHIFTED_UNIT}


def test_truth_is_what_counts_with_a_pseudocount_estimate(
    community: list[Template], settings: Settings
) -> None:
    rng = np.random.default_rng(11)
    people = 3000
    drawn = draw_log_abundances(settings, [t.rank("genus") for t in community], people, rng)
    active = np.arange(people) % 2 == 0
    target = np.array([t.rank("genus") == settings.target_genus for t in community])
    shares = close(apply_effect(drawn, active, target, settings.fold_change))
    known_effects = compute_truth(settings, community, 1)
    truth = known_effects[known_effects["unit"] == CLR_UNIT].set_index(["profile", "feature"])["truth"]
    for level in ("genus", "family", "phylum"):
        names, sums = sum_features(shares[:, -1], [t.rank(level) for t in community])
        counts = rng.multinomial(settings.depth, sums)
        values = centred_log2(counts + 0.5)
        estimate = values[active].mean(axis=0) - values[~active].mean(axis=0)
        error = np.sqrt(values[active].var(axis=0) + values[~active].var(axis=0)) / np.sqrt(people / 2)
        known = truth[f"amplicon.{level}"][names].to_numpy()
        # Finite depth and the pseudocount pull an effect towards 0 by a few hundredths at most.
        assert (np.abs(estimate - known) < 4 * error + 0.05).all()


def test_null_trial_has_no_effect(community: list[Template]) -> None:
    null = read_settings([DEMO, NULL], participants_per_arm=400)
    truth = compute_truth(null, community, 1)
    assert (truth["truth"] == 0).all()
    cohort = draw_cohort(null, community, np.random.default_rng(3))
    wide = cohort.measures.merge(cohort.participants)
    last = wide[(wide["visit"] == VISITS[-1]) & (wide["measure"] == "HAMD17")]
    means = last.groupby("arm")["value"].mean()
    assert abs(means["probiotic"] - means["placebo"]) < 0.8


def test_score_effect_is_in_the_measures(community: list[Template]) -> None:
    large = read_settings([DEMO], participants_per_arm=600)
    cohort = draw_cohort(large, community, np.random.default_rng(3))
    wide = cohort.measures.merge(cohort.participants)
    last = wide[wide["visit"] == VISITS[-1]].groupby(["measure", "arm"])["value"].mean()
    assert last["HAMD17", "probiotic"] - last["HAMD17", "placebo"] == pytest.approx(-4, abs=0.7)
    assert last["GAD7", "probiotic"] - last["GAD7", "placebo"] == pytest.approx(0, abs=0.5)


def test_unknown_setting_is_named_with_its_neighbour(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("fold_chang: 2\n")
    with pytest.raises(VagusError, match="unknown setting 'fold_chang'; did you mean 'fold_change'"):
        read_settings([DEMO, wrong])
    with pytest.raises(VagusError, match="missing setting 'title'"):
        read_settings([_empty(tmp_path)])
    with pytest.raises(VagusError, match="at least 2"):
        read_settings([DEMO], participants_per_arm=1)


def _empty(folder: Path) -> Path:
    path = folder / "empty.yaml"
    path.write_text("")
    return path

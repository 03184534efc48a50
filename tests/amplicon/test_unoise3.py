"""The UNOISE3 road on made reads with a known answer, and on the MiSeq SOP and Schirmer's mock."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from reads.made_reads import make_insert, pair_of, write_pairs

from vagus.amplicon.sequence_ids import assign_ids, asv_id, read_fasta
from vagus.amplicon.unoise3 import main
from vagus.amplicon.unoise_filter import FilterSettings, Unit, choose_length, collect_units, filter_unit
from vagus.errors import VagusError
from vagus.ledger import check_ledger, ledger_row, read_ledger, write_ledger
from vagus.profile import read_profile
from vagus.reads.clean_reads import CleanSettings, clean_batch
from vagus.reads.combine_ledger import combine_ledgers
from vagus.reads.primers import PrimerPair

DATA = Path(__file__).parents[2].parent / "shared" / "data"
AMPLICON = {
    "trunc_len": "auto",
    "length_range": [],
    "max_ee": [2, 2],
    "trunc_q": 2,
    "min_overlap": 12,
    "unoise_min_size": 8,
    "unoise_alpha": 2.0,
}

if not shutil.which("vsearch"):
    pytest.skip("vsearch is not installed", allow_module_level=True)


def run_road(folder: Path, units: list[dict], paired: bool = True, settings=None, **amplicon):
    """Clean and denoise units, one batch per run; return counts, sequences and the whole ledger."""
    clean, ledgers = [], []
    for run in sorted({u["run"] for u in units}):
        part = [u for u in units if u["run"] == run]
        batch = {"batch": f"{run}.1", "run": run, "paired": paired, "units": part}
        clean.append(str(folder / "clean" / run))
        ledgers.append(str(folder / f"{run}.tsv"))
        logs = folder / "logs" / run
        clean_batch(batch, settings or CleanSettings(), Path(clean[-1]), Path(ledgers[-1]), logs, 2)
    outputs = {
        n: str(folder / f) for n, f in (("fasta", "a.fasta"), ("counts", "a.biom"), ("ledger", "a.tsv"))
    }
    main(clean, ledgers, {**AMPLICON, **amplicon}, 2, outputs)
    ledger = combine_ledgers([*ledgers, outputs["ledger"]])
    return read_profile(outputs["counts"]).to_frame(), dict(read_fasta(outputs["fasta"])), ledger


def with_errors(pairs: list[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """Put one wrong base into a tenth of the pairs, outside the overlap."""
    rng, out = random.Random(seed), []
    for first, second in pairs:
        if rng.random() < 0.1:
            at = rng.randrange(0, 40)
            first = first[:at] + rng.choice([b for b in "ACGT" if b != first[at]]) + first[at + 1 :]
        out.append((first, second))
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two variants; sample A in two runs, sample B with one stray read of the second, an empty sample."""
    folder = tmp_path_factory.mktemp("made")
    x, y = make_insert(21, 253), make_insert(22, 253)
    px, py = pair_of(x, primers=False), pair_of(y, primers=False)
    stems = {
        ("A", "r1"): with_errors([px] * 300 + [py] * 100, 1),
        ("A", "r2"): with_errors([px] * 100, 2),
        ("B", "r1"): [px] * 200 + [py],
        ("E", "r1"): [],
        ("N", "r1"): [("A" * 150, "C" * 150)] * 5,
    }
    units = []
    for (sample, run), pairs in stems.items():
        units.append({"sample": sample, "run": run, **write_pairs(folder, f"{sample}{run}", pairs)})
    return (x, y), run_road(folder, units)


def test_the_two_variants_and_nothing_else(made):
    (x, y), (frame, sequences, _) = made
    assert list(sequences.values()) == [x, y]
    assert list(sequences) == [asv_id(x), asv_id(y)] == list(frame.columns)


def test_runs_of_a_sample_are_summed_and_noise_counted_with_its_parent(made):
    _, (frame, _, _) = made
    assert frame.loc["A"].tolist() == [400, 100]


def test_a_single_stray_read_makes_no_variant(made):
    _, (frame, _, ledger) = made
    assert frame.loc["B"].tolist() == [200, 0]
    row = ledger[(ledger["sample"] == "B") & (ledger["step"] == "denoise")].iloc[0]
    assert (row["reads_in"], row["reads_out"], row["lost"]) == (201, 200, 1)


def test_samples_that_end_have_no_column_but_a_reason(made):
    _, (frame, _, ledger) = made
    assert sorted(frame.index) == ["A", "B"]
    ends = ledger[ledger["status"] == "empty"].set_index("sample")
    assert ends.loc["E", "reason"] == "the read files hold no reads"
    assert ends.loc["N", "step"] == "filter"
    assert ends.loc["N", "reason"].startswith("5 of 5 reads do not merge within the limits")


def test_ledger_adds_up_over_runs(made):
    _, (_, _, ledger) = made
    check_ledger(ledger)
    part = ledger[(ledger["sample"] == "A") & (ledger["run"] == "all")]
    assert part["step"].tolist() == ["denoise", "chimera"]
    assert part["reads_in"].tolist() == [500, 500]


def test_single_end_reads_are_cut_to_one_length(tmp_path):
    x = make_insert(31, 150)
    files = write_pairs(tmp_path, "S", [(x, x)] * 20 + [(x[:147], x)] * 5 + [(x[:60], x)] * 2)
    unit = {"sample": "S", "run": "r1", "fastq_1": files["fastq_1"], "fastq_2": ""}
    frame, sequences, ledger = run_road(tmp_path, [unit], paired=False)
    # 27 reads reach 60 bases, 25 reach 140, 20 reach 150: 140 x 25 is the most.
    assert list(sequences.values()) == [x[:140]]
    assert frame.loc["S"].tolist() == [25]
    assert ledger.set_index("step").loc["filter", "lost"] == 2
    given = run_road(tmp_path / "given", [unit], paired=False, trunc_len=[100])
    assert list(given[1].values()) == [x[:100]]


def test_given_lengths_cut_both_mates(tmp_path):
    x = make_insert(41, 200)
    unit = Unit(
        "S", "r", tuple(Path(p) for p in write_pairs(tmp_path, "S", [pair_of(x, primers=False)]).values()), 1
    )
    assert list(filter_unit(unit, FilterSettings(trunc_len=(150, 100)), tmp_path)) == [x]
    # 110 + 90 bases leave no overlap for an amplicon of 200.
    assert not filter_unit(unit, FilterSettings(trunc_len=(110, 90)), tmp_path)
    assert not filter_unit(unit, FilterSettings(trunc_len=(151, 100)), tmp_path), "shorter mates are dropped"
    assert not filter_unit(unit, FilterSettings(length_range=(201, 300)), tmp_path)


def test_expected_errors_drop_reads(tmp_path):
    x = make_insert(42, 200)
    files = write_pairs(tmp_path, "S", [pair_of(x, primers=False)], quality="+")  # Q10: 0.1 errors a base
    unit = Unit("S", "r", tuple(Path(p) for p in files.values()), 1)
    assert not filter_unit(unit, FilterSettings(max_ee=2), tmp_path)
    assert filter_unit(unit, FilterSettings(max_ee=50), tmp_path)[x] == 1


def test_choose_length_keeps_most_bases(tmp_path):
    files = write_pairs(tmp_path, "S", [(make_insert(1, 150), "A")] * 3)
    unit = Unit("S", "r", (Path(files["fastq_1"]),), 3)
    assert choose_length([unit], 2.0) == 150
    assert choose_length([], 2.0) == 0


def test_mixed_paired_and_single_runs_are_refused(tmp_path):
    for run, mates in (("r1", 2), ("r2", 1)):
        (tmp_path / run).mkdir()
        for mate in range(1, mates + 1):
            (tmp_path / run / f"S__{run}_R{mate}.fastq.gz").write_bytes(b"")
        write_ledger([ledger_row("S", run, "raw", 3, 3)], tmp_path / f"{run}.tsv")
    with pytest.raises(VagusError, match="run r1 is paired-end and run r2 single-end"):
        collect_units([tmp_path / "r1", tmp_path / "r2"], [tmp_path / "r1.tsv", tmp_path / "r2.tsv"])


def test_too_few_reads_say_what_to_change(tmp_path):
    unit = {
        "sample": "S",
        "run": "r1",
        **write_pairs(tmp_path, "S", [pair_of(make_insert(1), primers=False)] * 3),
    }
    with pytest.raises(
        VagusError, match=r"no variant has 8 or more reads; of 3 clean reads 3 passed.*unoise_min_size"
    ):
        run_road(tmp_path, [unit])


def test_ids_depend_on_the_sequence_alone():
    assert asv_id("acgt") == asv_id("ACGT") == "ASV_f1f8f4bf41"
    assert assign_ids(["ACGT", "ACGA"])[0] == "ASV_f1f8f4bf41"


def sop_units() -> list[dict]:
    folder = DATA / "miseq_sop"
    if not folder.is_dir():
        pytest.skip("the real data folder shared/data/miseq_sop is not here")
    return [
        {
            "sample": path.name.split("_")[0],
            "run": "r1",
            "fastq_1": str(path),
            "fastq_2": str(path).replace("_R1_", "_R2_"),
        }
        for path in sorted(folder.glob("*_R1_*.fastq.gz"))
    ]


@pytest.fixture(scope="module")
def sop(tmp_path_factory):
    return run_road(tmp_path_factory.mktemp("sop"), sop_units())


def test_miseq_sop_mock_has_its_20_sequences_and_at_most_3_false(sop):
    frame, sequences, _ = sop
    known = [s.upper().replace("-", "") for _, s in read_fasta(DATA / "miseq_sop" / "HMP_MOCK.v35.fasta")]
    found = frame.columns[frame.loc["Mock"] > 0]
    exact = [asv for asv in found if any(sequences[asv] in k for k in known)]
    assert len(exact) == 20
    assert len(found) - len(exact) <= 3


def test_miseq_sop_totals_and_abundant_variants_are_near_the_published(sop):
    frame, sequences, ledger = sop
    published = {
        "F3D1": 5017, "F3D3": 5486, "F3D5": 3716, "F3D7": 4215, "F3D8": 4547, "F3D9": 6015, "F3D141": 4863,
        "F3D142": 2521, "F3D143": 2519, "F3D144": 3507, "F3D145": 5820, "F3D146": 3879, "F3D150": 4240,
    }  # fmt: skip
    # Another denoiser than the published DADA2: near, not the same.
    shares = np.array([frame.loc[s].sum() / n - 1 for s, n in published.items()])
    assert np.abs(shares).max() < 0.08
    assert abs(shares.mean()) < 0.03
    reference = DATA / "miseq_sop_expected" / "tsv" / "mouse.silva__refseq.fasta"
    ours = set(sequences.values())
    assert all(s.upper() in ours for _, s in list(read_fasta(reference))[:50])
    assert ledger[ledger["step"] == "raw"]["reads_in"].sum() == 74400


def test_schirmer_mock_runs_clean(tmp_path):
    folder = DATA / "schirmer_mock"
    if not folder.is_dir():
        pytest.skip("the real data folder shared/data/schirmer_mock is not here")
    files = {f"fastq_{m}": str(folder / f"sample3_R{m}_001.fastq.gz") for m in (1, 2)}
    primers = CleanSettings(PrimerPair("GTGYCAGCMGCCGCGGTAA", "GGACTACNVGGGTWTCTAAT"))
    frame, sequences, ledger = run_road(
        tmp_path, [{"sample": "mock", "run": "r1", **files}], settings=primers
    )
    rows = ledger.set_index("step")
    assert rows.loc["raw", "reads_in"] == 14352
    assert rows.loc["primers", "reads_out"] > 12000
    assert frame.loc["mock"].sum() == rows.loc["chimera", "reads_out"] > 8000
    assert {len(s) for s in sequences.values()} <= set(range(248, 258))
    assert read_ledger(tmp_path / "a.tsv")["step"].tolist() == ["filter", "denoise", "chimera"]


def test_dadasnake_joins_the_two_runs_of_a_sample(tmp_path):
    folder = DATA / "dadasnake" / "testdata"
    if not folder.is_dir():
        pytest.skip("the real data folder shared/data/dadasnake is not here")
    names = {
        "222": ("sample_1", "1"),
        "111": ("sample_1", "2"),
        "334": ("sample_2", "2"),
        "333": ("sample_3", "1"),
    }
    units = [
        {"sample": s, "run": r, **{f"fastq_{m}": str(folder / f"lib_{n}_R{m}_001.fastq.gz") for m in (1, 2)}}
        for n, (s, r) in names.items()
    ]
    primers = CleanSettings(PrimerPair("GTGYCAGCMGCCGCGGTAA", "GGACTACNVGGGTWTCTAAT"))
    frame, _, ledger = run_road(tmp_path, units, settings=primers)
    assert sorted(frame.index) == ["sample_1", "sample_2", "sample_3"]
    part = ledger[ledger["sample"] == "sample_1"].set_index(["run", "step"])
    filtered = part.loc[("1", "filter"), "reads_out"] + part.loc[("2", "filter"), "reads_out"]
    assert part.loc[("all", "denoise"), "reads_in"] == filtered > 1000
    assert part.loc[("all", "chimera"), "reads_out"] == frame.loc["sample_1"].sum()

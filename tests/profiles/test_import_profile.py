"""Tables of the user are read, checked against the design, or refused in one line."""

import json

import numpy as np
import pytest
from biom import Table

from vagus.design.model import Design, Participant, Sample, write_design
from vagus.errors import VagusError
from vagus.profile import Profile, read_profile, write_profile
from vagus.profiles.import_profile import import_table, main
from vagus.profiles.readers.taxonomy import split_lineage

DESIGN = Design(
    {"arms": ["A"], "visits": ["v1", "v2"], "baseline": "v1"},
    [Participant("p1", "A"), Participant("p_2", "A")],
    [
        Sample("s1", "p1", "v1", "amplicon", "stool"),
        Sample("s_2", "p1", "v2", "amplicon", "stool"),
        Sample("neg", None, None, "amplicon", "negative"),
    ],
    original_ids={"s_2": "s 2", "p_2": "p 2"},
)


def test_tsv_with_taxonomy_original_ids_and_controls(tmp_path) -> None:
    (tmp_path / "t.tsv").write_text(
        "# from a colleague\n#OTU ID\ts1\ts 2\tneg\ttaxonomy\n"
        "OTU1\t3\t0\t1\tk__Bacteria; p__Firmicutes; g__\n"
        "OTU2\t1\t7\t0\tD_0__Bacteria;;x\n",
    )
    profile = import_table(tmp_path / "t.tsv", "amplicon.genus", "tsv", "counts", DESIGN)
    assert (profile.features, profile.samples) == (["OTU1", "OTU2"], ["s1", "s_2"])
    assert profile.table.toarray().tolist() == [[3, 0], [1, 7]]
    assert profile.taxonomy["OTU1"] == ["Bacteria", "Firmicutes", ""]
    assert profile.meta["left_out"] == {"neg": "negative, not a participant's sample"}
    assert (profile.kind, profile.meta["engine"], profile.meta["level"]) == ("counts", "imported", "genus")
    assert len(profile.meta["reference_sha256"]) == 64


def test_a_table_may_be_declared_inferred(tmp_path) -> None:
    (tmp_path / "t.tsv").write_text("id\ts1\nK00001\t3\n")
    measured = import_table(tmp_path / "t.tsv", "amplicon.ko", "tsv", "counts", DESIGN)
    inferred = import_table(tmp_path / "t.tsv", "amplicon.ko", "tsv", "counts", DESIGN, {"inferred": True})
    assert (measured.meta["inferred"], inferred.meta["inferred"]) == (False, True)


@pytest.mark.parametrize("version", [1, 2])
def test_biom_of_both_generations(tmp_path, version) -> None:
    meta = [{"taxonomy": ["k__Bacteria", "p__X"]}, {"taxonomy": ["k__Bacteria", "p__Y"]}]
    table = Table(np.array([[1.0, 2.0], [0.0, 4.0]]), ["f", "g"], ["s1", "s_2"], meta)
    path = tmp_path / "t.biom"
    if version == 1:
        path.write_text(table.to_json("test"))
    else:
        import h5py

        with h5py.File(path, "w") as handle:
            table.to_hdf5(handle, "test")
    profile = import_table(path, "amplicon.phylum", "biom", "counts", DESIGN)
    assert profile.to_frame().loc["s_2"].tolist() == [2, 4]
    assert profile.taxonomy == {"f": ["Bacteria", "X"], "g": ["Bacteria", "Y"]}


def test_our_own_profile_comes_back(tmp_path) -> None:
    source = Profile(
        "amplicon.asv", np.array([[1.0, 2], [0, 3]]), ["f", "g"], ["s1", "s_2"], {}, {"kind": "counts"}
    )
    write_profile(source, tmp_path / "amplicon.asv.biom")
    back = import_table(tmp_path / "amplicon.asv.biom", "amplicon.asv", "biom", "counts", DESIGN)
    assert back.to_frame().equals(source.to_frame())


def test_panels_are_by_participant_and_visit_and_may_miss_values(tmp_path) -> None:
    (tmp_path / "t.tsv").write_text("x\tp1|v1\tp 2|v2\nIL6\t-1.5\t\nBDNF\tNA\t0\n")
    profile = import_table(tmp_path / "t.tsv", "panel.cytokine", "tsv", "score", DESIGN)
    assert profile.samples == ["p1|v1", "p_2|v2"]
    assert np.array_equal(profile.table.toarray(), [[-1.5, np.nan], [np.nan, 0]], equal_nan=True)


def test_samples_without_reads_are_left_out(tmp_path) -> None:
    (tmp_path / "t.tsv").write_text("x\ts1\ts_2\nf\t3\t0\n")
    profile = import_table(tmp_path / "t.tsv", "amplicon.genus", "tsv", "counts", DESIGN)
    assert profile.samples == ["s1"]
    assert profile.meta["left_out"] == {"s_2": "all values are zero"}


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x\ts1\tq9\nf\t1\t2\n", "counts", r"column '3': sample is not in the design \(value 'q9'\)"),
        ("x\ts1\ts_2\nf\t1\tmany\n", "counts", r"row 2, column 's_2': not a number \(value 'many'\)"),
        ("x\ts1\ts_2\nf\t1\tinf\n", "counts", "not a number"),
        ("x\ts1\ts_2\nf\t1\n", "counts", "row 2: 2 cells where the header has 3"),
        ("x\ts1\ts_2\nf\t1\t\n", "counts", "a value is missing .feature 'f', sample 's_2'"),
        ("x\ts1\ts_2\nf\t1\t-2\n", "relative", "a negative value .* use kind: score or intensity"),
        ("x\ts1\ts_2\nf\t1\t0.5\n", "counts", "not a whole number .* use kind: relative"),
        ("x\ts1\ts1\nf\t1\t2\n", "counts", r"sample stands twice \(value 's1'\)"),
        ("x\ts_2\ts 2\nf\t1\t2\n", "counts", r"sample stands twice \(value 's_2'\)"),
        ("x\ts1\nf\t1\nf\t1\n", "counts", r"feature stands twice \(value 'f'\)"),
        ("x\ts1\n\t1\n", "counts", "feature without an id"),
        ("", "counts", "the table is empty"),
        ("x\ts1\nf\t1\n", "reads", r"unknown kind \(value 'reads'\); allowed: counts, relative"),
    ],
)
def test_mistakes_are_one_line(tmp_path, text, kind, message) -> None:
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(VagusError, match=message) as caught:
        import_table(tmp_path / "t.tsv", "amplicon.genus", "tsv", kind, DESIGN)
    assert "\n" not in str(caught.value)


def test_wrong_files(tmp_path) -> None:
    (tmp_path / "t.biom").write_text("nonsense")
    with pytest.raises(VagusError, match="not a BIOM file"):
        import_table(tmp_path / "t.biom", "amplicon.genus", "biom", "counts", DESIGN)
    with pytest.raises(VagusError, match=r"file of profile amplicon\.genus not found"):
        import_table(tmp_path / "no", "amplicon.genus", "tsv", "counts", DESIGN)
    with pytest.raises(VagusError, match=r"unknown format \(value 'xls'\); allowed: tsv, biom, qza"):
        import_table(tmp_path / "t.biom", "amplicon.genus", "xls", "counts", DESIGN)


def test_lineages() -> None:
    assert split_lineage("k__A; p__B;g__") == ["A", "B", ""]
    assert split_lineage("A|B_C") == ["A", "B_C"]
    assert split_lineage(" ") == []


def test_table_without_rows_and_step(tmp_path) -> None:
    (tmp_path / "t.tsv").write_text("x\ts1\n")
    assert import_table(tmp_path / "t.tsv", "a.b", "tsv", "score", DESIGN).table.shape == (0, 1)
    (tmp_path / "t.tsv").write_text("x\ts1\nf\t2\n")
    write_design(DESIGN, tmp_path / "design.json")
    out = tmp_path / "amplicon.genus.biom"
    main(str(tmp_path / "t.tsv"), str(tmp_path / "design.json"), str(out), "amplicon.genus", "tsv", "counts")
    assert read_profile(out).to_frame().loc["s1", "f"] == 2
    assert json.loads((tmp_path / "amplicon.genus.meta.json").read_text())["unit"] == "reads"

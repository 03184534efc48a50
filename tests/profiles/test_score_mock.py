"""A mock is scored by exact sequences or by genera."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from vagus.design.model import Design, Sample, write_design
from vagus.errors import VagusError
from vagus.profile import Profile, write_profile
from vagus.profiles.decontaminate import RANKS
from vagus.profiles.score_mock import (
    Expected,
    main,
    match_sequences,
    match_taxa,
    read_composition,
    reverse_complement,
    score_mocks,
)

SEQUENCES = {"a": "ACGTTT", "b": "GGGCCA", "c": "TTTTTTT", "d": "AAACGT"}
MEMBERS = [
    Expected("one", "CCACGTTTCC", 3.0),
    Expected("two", "GGGCCA", 1.0),
    Expected("three", "CATCATCAT", 0.0),
]


def make(values, samples) -> Profile:
    return Profile(
        "amplicon.asv",
        sparse.csr_array(np.array(values, dtype=float)),
        list("abcd"),
        samples,
        {},
        {"kind": "counts"},
    )


def test_sequences_match_inside_each_other_on_either_strand() -> None:
    assert reverse_complement("ACGTTTN") == "NAAACGT"
    matches = match_sequences(SEQUENCES, MEMBERS)
    assert matches == {"a": [0], "b": [1], "c": [], "d": [0]}
    assert match_sequences({"long": "TTGGGCCATT"}, MEMBERS) == {"long": [1]}, (
        "the reference may be the shorter"
    )
    assert match_sequences({"off": "ACGTTA"}, MEMBERS) == {"off": []}, "one mismatch is false"


def test_scores_by_hand() -> None:
    profile = make([[60, 0], [20, 0], [20, 0], [0, 0]], ["m", "blank"])
    frame = score_mocks(profile, ["m", "blank", "gone"], MEMBERS, SEQUENCES, {}).set_index("sample")
    row = frame.loc["m"]
    assert row[["reads", "asvs", "expected", "found", "exact", "false"]].tolist() == [100, 3, 3, 2, 2, 1]
    assert (row["missing"], row["false_ids"]) == ("three", "c")
    assert row["false_share"] == pytest.approx(0.2)
    # Expected 0.75, 0.25, 0 and no false; observed 0.6, 0.2, 0 and 0.2 false.
    assert row["bray_curtis"] == pytest.approx((0.15 + 0.05 + 0.2) / 2)
    for sample in ("blank", "gone"):
        assert frame.loc[sample, ["reads", "found", "note"]].tolist() == [0, 0, "no reads"]


def test_an_asv_of_several_members_is_divided_as_expected() -> None:
    members = [Expected("x", "AACGTTT", 1.0), Expected("y", "ACGTTTC", 3.0)]
    row = score_mocks(make([[8], [0], [0], [0]], ["m"]), ["m"], members, SEQUENCES, {}).iloc[0]
    assert (row["found"], row["exact"], row["bray_curtis"]) == (2, 1, pytest.approx(0))


def test_genera_match_as_references_write_them() -> None:
    members = [
        Expected("Escherichia"),
        Expected("Clostridium beijerinckii"),
        Expected("Bacteroides"),
        Expected("Shigella"),
    ]
    genera = {
        "a": "Escherichia/Shigella",
        "b": "Clostridium_sensu_stricto",
        "c": "Bacteroidetes",
        "d": "",
        "e": "Escherichia-Shigella",
        "f": "[Clostridium] innocuum group",
    }
    assert match_taxa(genera, members) == {"a": [0, 3], "b": [1], "c": [], "d": [], "e": [0, 3], "f": [1]}
    profile = make([[5], [3], [2], [0]], ["m"])
    row = score_mocks(profile, ["m"], members, {}, {k: genera[k] for k in "abcd"}).iloc[0]
    assert row["matched_by"] == "genus"
    assert (row["found"], row["false"], row["missing"]) == (3, 1, "Bacteroides")
    assert np.isnan(row["bray_curtis"]), "no abundances were given"


def test_without_composition_the_rows_say_so() -> None:
    frame = score_mocks(make([[5], [3], [0], [0]], ["m"]), ["m"], [], SEQUENCES, {})
    assert frame.loc[0, ["reads", "asvs"]].tolist() == [8, 2]
    assert frame.loc[0, "note"] == "not scored: the config gives no mock.composition"


def test_composition_files(tmp_path) -> None:
    path = tmp_path / "c"
    path.write_text(">one x expected=0.5\nacg\nuuu\n>two\nGGG\n")
    assert read_composition(path) == [Expected("one", "ACGTTT", 0.5), Expected("two", "GGG", None)]
    path.write_text("\ufeff# ours\ntaxon\texpected\r\nBlautia\t2\r\nDorea\t\r\n", encoding="utf-8")
    assert read_composition(path) == [Expected("Blautia", "", 2.0), Expected("Dorea", "", None)]
    path.write_text("taxon\nBlautia\n")
    assert read_composition(path) == [Expected("Blautia")]
    for text, message in {
        "genus\nBlautia\n": "no column 'taxon'",
        "": "no column 'taxon'",
        "taxon\n": "no members",
        "taxon\texpected\nBlautia\tmuch\n": r"row 2, column 'expected': not an abundance \(value 'much'\)",
        "taxon\texpected\nBlautia\t-1\n": "allowed: 0 or more",
    }.items():
        path.write_text(text)
        with pytest.raises(VagusError, match=message):
            read_composition(path)
    with pytest.raises(VagusError, match=r"'mock\.composition': file .* not found"):
        read_composition(tmp_path / "absent")


@pytest.mark.parametrize("composition", [True, False])
def test_step_writes_the_table(tmp_path, composition) -> None:
    write_profile(make([[60, 1], [20, 1], [20, 1], [0, 0]], ["m", "s"]), tmp_path / "asv_counts.biom")
    (tmp_path / "asv.fasta").write_text("".join(f">{k}\n{v}\n" for k, v in SEQUENCES.items()))
    pd.DataFrame([[k, *[""] * 7] for k in SEQUENCES], columns=["feature", *RANKS]).to_csv(
        tmp_path / "taxonomy.tsv", sep="\t", index=False
    )
    samples = [Sample("m", None, None, "amplicon", "mock"), Sample("s", "p", "v", "amplicon", "stool")]
    write_design(Design({"arms": ["A"], "visits": ["v"]}, [], samples), tmp_path / "design.json")
    (tmp_path / "mock.fasta").write_text("".join(f">{m.name}\n{m.sequence}\n" for m in MEMBERS))
    names = ["asv_counts.biom", "asv.fasta", "taxonomy.tsv", "design.json"]
    expected = str(tmp_path / "mock.fasta") if composition else None
    main(*[str(tmp_path / n) for n in names], expected, str(tmp_path / "mock.tsv"))
    frame = pd.read_csv(tmp_path / "mock.tsv", sep="\t")
    assert list(frame["sample"]) == ["m"]
    assert (frame["found"].iloc[0] == 2) == composition

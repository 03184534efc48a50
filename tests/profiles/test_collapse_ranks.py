"""Ranks are summed without loss, and every taxon has a name of its own."""

import numpy as np
import pytest
from scipy import sparse

from vagus.errors import VagusError
from vagus.profile import Profile, read_profile, write_profile
from vagus.profiles.collapse_ranks import collapse_profile, main, name_lineages

LACHNO = ["Bacteria", "Firmicutes", "Clostridia", "Clostridiales", "Lachnospiraceae"]
RUMINO = ["Bacteria", "Firmicutes", "Clostridia", "Clostridiales", "Ruminococcaceae"]
TAXONOMY = {
    "a": [*LACHNO, "Blautia", "obeum"],
    "b": [*LACHNO, "Blautia", ""],
    "c": [*LACHNO, "", ""],
    "d": [*LACHNO, "Ruminococcus", ""],
    "e": [*RUMINO, "Ruminococcus", ""],
    "f": ["Bacteria", "", "", "", "", "", ""],
    "g": ["", "", "", "", "", "", ""],
}


def make(taxonomy=TAXONOMY) -> Profile:
    values = np.arange(len(taxonomy) * 2, dtype=float).reshape(-1, 2)
    return Profile(
        "amplicon.asv", sparse.csr_array(values), list(taxonomy), ["s", "t"], taxonomy, {"kind": "counts"}
    )


def test_genera_are_summed_and_namesakes_stay_apart() -> None:
    genus = collapse_profile(make(), "genus")
    frame = genus.to_frame().T
    assert list(frame.index) == [
        "Blautia",
        "Ruminococcus (Lachnospiraceae)",
        "Ruminococcus (Ruminococcaceae)",
        "unclassified",
        "unclassified Bacteria",
        "unclassified Lachnospiraceae",
    ]
    assert frame.loc["Blautia"].tolist() == [2, 4]
    assert frame.loc["Ruminococcus (Lachnospiraceae)"].tolist() == [6, 7]
    assert genus.taxonomy["Ruminococcus (Ruminococcaceae)"] == [*RUMINO, "Ruminococcus"]
    assert (genus.name, genus.meta["level"], genus.kind) == ("amplicon.genus", "genus", "counts")


@pytest.mark.parametrize(("level", "n"), [("genus", 6), ("family", 4), ("phylum", 3), ("species", 7)])
def test_no_read_is_lost_at_any_rank(level, n) -> None:
    result = collapse_profile(make(), level)
    assert len(result.features) == len(set(result.features)) == n
    assert result.table.sum(axis=0).tolist() == make().table.sum(axis=0).tolist()


def test_phyla() -> None:
    frame = collapse_profile(make(), "phylum").to_frame()
    assert list(frame.columns) == ["Firmicutes", "unclassified", "unclassified Bacteria"]
    assert frame["Firmicutes"].tolist() == [20, 25]


def test_order_of_features_changes_nothing() -> None:
    profile = make()
    turned = Profile(
        profile.name,
        profile.table[::-1],
        profile.features[::-1],
        profile.samples,
        profile.taxonomy,
        profile.meta,
    )
    one, two = collapse_profile(profile, "genus"), collapse_profile(turned, "genus")
    assert one.to_frame().equals(two.to_frame())


def test_names_stay_unique_however_lineages_repeat() -> None:
    lineages = [
        ("D", "P1", "C", "O", "F", "Incertae"),
        ("D", "P2", "C", "O", "F", "Incertae"),
        ("D", "P1", "C", "O", "G", "Incertae"),
        ("D", "P1", "C", "O", "uncultured", ""),
        ("D", "P1", "C", "Q", "uncultured", ""),
        ("D", "P1", "C", "Q", "", "Lone"),
    ]
    assert name_lineages(lineages) == [
        "Incertae (D;P1;C;O;F;Incertae)",
        "Incertae (D;P2;C;O;F;Incertae)",
        "Incertae (G)",
        "unclassified uncultured (O)",
        "unclassified uncultured (Q)",
        "Lone",
    ]


def test_empty_profile_and_refusals(tmp_path) -> None:
    empty = Profile("amplicon.asv", sparse.csr_array((0, 2)), [], ["s", "t"], {}, {"kind": "counts"})
    assert collapse_profile(empty, "genus").table.shape == (0, 2)
    with pytest.raises(VagusError, match="rank 'kingdom' is unknown; allowed: phylum"):
        collapse_profile(make(), "kingdom")
    bare = make()
    del bare.taxonomy["c"]
    with pytest.raises(VagusError, match="feature c has no taxonomy"):
        collapse_profile(bare, "genus")
    write_profile(make(), tmp_path / "amplicon.asv.biom")
    main(str(tmp_path / "amplicon.asv.biom"), [str(tmp_path / "amplicon.genus.biom")], ["genus"])
    back = read_profile(tmp_path / "amplicon.genus.biom")
    assert back.to_frame().equals(collapse_profile(make(), "genus").to_frame())

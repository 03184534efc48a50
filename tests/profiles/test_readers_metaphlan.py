"""Merged tables of MetaPhlAn: the rank is taken by the profile's name, percent become shares."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from profiles.reader_data import FIXTURES, bring, need

from vagus.errors import VagusError

REAL = FIXTURES / "merged_abundance_table.txt"
G = "k__Bacteria|p__P|c__C|o__O|f__F|g__G"
HEAD = "#mpa_v30\nclade_name\ta\n"
V4 = f"""#mpa_vJun23_CHOCOPhlAnSGB_202403
clade_name\tclade_taxid\ta_profile\tb.metaphlan
UNCLASSIFIED\t-1\t20\t0
k__Bacteria\t2\t80\t100
{G}\t2|1\t70\t100
{G}|s__G_one\t2|1|1\t30\t60
{G}|s__G_two\t2|1|2\t40\t40
{G}|s__G_two|t__SGB2\t2|1|2|\t15\t40
{G}|s__G_two|t__SGB3\t2|1|2|\t25\t0
"""


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("level", "letter"), [("phylum", "p"), ("family", "f"), ("genus", "g"), ("species", "s")]
)
def test_real_table_against_the_raw_rows(level: str, letter: str) -> None:
    raw = pd.read_csv(need(REAL), sep="\t", comment="#", index_col=0).drop(columns="NCBI_tax_id")
    rows = raw[[i.rsplit("|", 1)[-1].startswith(f"{letter}__") for i in raw.index]] / 100
    samples = [c.removesuffix("_profile") for c in raw.columns]
    profile = bring(REAL, f"shotgun.{level}", "metaphlan", *samples)
    got = profile.to_frame().T
    clades = [zip("kpcofgs", profile.taxonomy[feature], strict=False) for feature in got.index]
    named = ["|".join(f"{x}__{rank.replace(' ', '_')}" for x, rank in clade) for clade in clades]
    assert sorted(named) == sorted(rows.index)
    assert np.allclose(got.to_numpy(), rows.loc[named].to_numpy(), rtol=0, atol=1e-12)
    assert profile.samples == samples
    assert profile.meta["database"] == "mpa_v30_CHOCOPhlAn_201901"
    assert set(profile.meta["unclassified"].values()) == {0}


def test_version_4_with_unclassified_and_sgbs(tmp_path: Path) -> None:
    path = put(tmp_path / "t.txt", V4)
    species = bring(path, "shotgun.species", "metaphlan", "a", "b")
    assert species.to_frame().to_dict("list") == {"G one": [0.3, 0.6], "G two": [0.4, 0.4]}
    # 10 of 80 percent of a have no genus, and so no species.
    assert species.meta["unclassified"] == {"a": 0.3, "b": 0}
    assert species.taxonomy["G one"] == ["Bacteria", "P", "C", "O", "F", "G", "G one"]
    genus = bring(path, "shotgun.genus", "metaphlan", "a", "b")
    assert (genus.to_frame()["G"].tolist(), genus.kind) == ([0.7, 1], "relative")
    sgb = bring(path, "shotgun.sgb", "metaphlan", "a", "b").to_frame()
    assert sgb.to_dict("list") == {"SGB2": [0.15, 0.4], "SGB3": [0.25, 0]}
    assert bring(path, "shotgun.domain", "metaphlan", "a", "b").features == ["Bacteria"]


@pytest.mark.parametrize(
    ("text", "level", "kind", "message"),
    [
        (V4, "taxa", "", "the level 'taxa' is no rank; allowed: .*<assay>.species"),
        (V4, "order", "", "no row of the level order"),
        (V4, "genus", "counts", "metaphlan writes relative"),
        (HEAD + "k__B|g__G\t0.4\nk__B|g__H\t0.6\n", "genus", "", "adds up to 1 in sample"),
        (HEAD + "k__B|g__G\t4000\n", "genus", "", "adds up to 4000 in sample 'a'; allowed"),
        (HEAD + "k__B|g__G\tx\n", "genus", "", "row 3, column 'a': not a number"),
        ("k__B|g__G\t4\n", "genus", "", "no header, so it is no merged table"),
        ("#clade_name\tNCBI_tax_id\trelative_abundance\n", "genus", "", "of one sample; fix: join"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(tmp_path: Path, text: str, level: str, kind: str, message: str) -> None:
    with pytest.raises(VagusError, match=message) as caught:
        bring(put(tmp_path / "t.txt", text), f"shotgun.{level}", "metaphlan", "a", "b", kind=kind)
    assert "\n" not in str(caught.value)

"""Tables between any delimiter and in either direction: MaAsLin, phyloseq, R and spreadsheets."""

from pathlib import Path

import pandas as pd
import pytest
from profiles.reader_data import DATA, bring, need

from vagus.errors import VagusError

ALIM = DATA / "trial_AlimIntest" / "data-raw"
PEERJ = DATA / "trial_peerj32" / "tsv"
OTU = "otu,a,b\nO1,3,0\nO2,1,7\nO3,0,2\n"
TAX = "otu,Phylum,Genus,Species\nO1,P,G,one\nO2,P,G,two\nO3,P,,\n"


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_phyloseq_pair_between_semicolons() -> None:
    raw = pd.read_csv(need(ALIM / "otu.csv"), sep=";", index_col=0)
    ranks = pd.read_csv(ALIM / "tax.csv", sep=";", index_col=0)
    profile = bring(
        ALIM / "otu.csv",
        "amplicon.otu",
        "phyloseq",
        *raw.columns,
        kind="counts",
        taxonomy=str(ALIM / "tax.csv"),
    )
    assert profile.to_frame().T.equals(raw.astype(float))
    for feature, row in ranks.loc[profile.features].iterrows():
        assert profile.taxonomy[feature] == [r.replace("?", "") for r in row] + [""]


def test_phyloseq_pair_collapsed() -> None:
    path = need(PEERJ / "peerj32__peerj32.phyloseq.otu_table.tsv")
    raw = pd.read_csv(path, sep="\t", index_col=0)
    ranks = pd.read_csv(PEERJ / "peerj32__peerj32.phyloseq.tax_table.tsv", sep="\t", index_col=0)
    more = {"taxonomy": str(PEERJ / "peerj32__peerj32.phyloseq.tax_table.tsv"), "collapse": "phylum"}
    got = bring(path, "array.phylum", "phyloseq", *raw.columns, kind="counts", **more).to_frame().T
    expected = raw.groupby(ranks["Phylum"].loc[raw.index].to_numpy()).sum()
    assert got.sort_index().to_numpy().tolist() == expected.sort_index().to_numpy().tolist()
    assert list(got.sort_index().index) == list(expected.sort_index().index)


def test_phyloseq_in_either_direction(tmp_path: Path) -> None:
    tax = put(tmp_path / "x.csv", TAX)
    turned = put(tmp_path / "t.csv", "s,O1,O2,O3\na,3,1,0\nb,0,7,2\n")
    one = bring(put(tmp_path / "o.csv", OTU), "x.otu", "phyloseq", "a", "b", kind="counts", taxonomy=str(tax))
    other = bring(turned, "x.otu", "phyloseq", "a", "b", kind="counts", taxonomy=str(tax))
    assert one.to_frame().equals(other.to_frame())
    assert one.taxonomy == other.taxonomy
    genus = bring(turned, "x.genus", "phyloseq", "a", "b", kind="counts", taxonomy=str(tax), collapse="genus")
    assert genus.to_frame().to_dict("list") == {"G": [4, 7], "unclassified P": [0, 2]}


@pytest.mark.parametrize("name", ["HMP2_taxonomy.tsv"])
def test_maaslin_table_of_r(name: str) -> None:
    path = need(DATA / "maaslin3_hmp2" / "inst" / "extdata" / name)
    raw = pd.read_csv(path, sep="\t", index_col=0)
    profile = bring(path, "shotgun.species", "samples_in_rows", *raw.index, kind="relative")
    kept = raw.loc[raw.sum(axis=1) > 0]
    assert profile.to_frame().equals(kept.astype(float))
    with pytest.raises(
        VagusError, match=r"not a whole number .* use kind: relative for shares, kind: copies_per"
    ):
        bring(path, "shotgun.species", "samples_in_rows", *raw.index, kind="counts")


def test_intensities_are_refused_as_counts() -> None:
    path = need(PEERJ / "peerj32__peerj32.microbes.tsv")
    raw = pd.read_csv(path, sep="\t", index_col=0)
    profile = bring(path, "array.genus", "samples_in_rows", *raw.index, kind="intensity")
    assert profile.to_frame().equals(raw)
    with pytest.raises(VagusError, match="kind: intensity for what a machine measured"):
        bring(path, "array.genus", "samples_in_rows", *raw.index, kind="counts")
    with pytest.raises(VagusError, match="holds intensity; fix: bring the table of read counts along"):
        profile.need_counts("diversity")


def test_delimiters_decimal_commas_and_encodings(tmp_path: Path) -> None:
    for text in ("id\tf\tg\na\t1.5\t2\n", "id,f,g\na,1.5,2\n", "id;f;g\na;1,5;2\n", '"f","g"\n"a",1.5,2\n'):
        profile = bring(put(tmp_path / "t", text), "x.y", "samples_in_rows", "a", kind="relative")
        assert profile.to_frame().to_dict("index") == {"a": {"f": 1.5, "g": 2}}
    path = tmp_path / "latin.csv"
    path.write_bytes("id;Café\na;2\n".encode("latin-1"))
    with pytest.raises(
        VagusError, match=r"row 1: not UTF-8 text \(value '0xe9'\); fix: .* encoding: latin-1"
    ):
        bring(path, "x.y", "samples_in_rows", "a", kind="counts")
    assert bring(path, "x.y", "samples_in_rows", "a", kind="counts", encoding="latin-1").features == ["Café"]
    with pytest.raises(VagusError, match=r"unknown encoding \(value 'klingon'\)"):
        bring(path, "x.y", "samples_in_rows", "a", kind="counts", encoding="klingon")
    with pytest.raises(VagusError, match=r"row 1: not UTF-8 text"):
        bring(need(ALIM / "metadata.csv"), "x.y", "samples_in_rows", "a", kind="score")


@pytest.mark.parametrize(
    ("text", "fmt", "more", "message"),
    [
        ("id,sex\na,F\n", "samples_in_rows", {}, r"row 2, column 'sex': not a number \(value 'F'\)"),
        ("id,f\na,1,2,3\n", "samples_in_rows", {}, "row 2: 4 cells where the header has 2"),
        (OTU, "samples_in_rows", {}, "the table is turned; set format: samples_in_rows .* tsv for columns"),
        ("id\tf\na\t1\nb\t2\n", "tsv", {}, "the table is turned"),
        (OTU, "phyloseq", {"taxonomy": "id,Genus\nother,G\n"}, "names none of the features, such as 'O1'"),
        (OTU, "phyloseq", {"taxonomy": "id,Genus\nO1,G\n", "collapse": "genus"}, "O2 has no taxonomy"),
        ("s,f\na_x,1\n", "samples_in_rows", {}, "or name the end of the ids in sample_suffix"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(tmp_path: Path, text: str, fmt: str, more: dict, message: str) -> None:
    if "taxonomy" in more:
        more = {**more, "taxonomy": str(put(tmp_path / "tax", more["taxonomy"]))}
    with pytest.raises(VagusError, match=message) as caught:
        bring(put(tmp_path / "t", text), "x.y", fmt, "a", "b", kind="counts", **more)
    assert "\n" not in str(caught.value)


def test_suffix_unit_and_tsv_with_a_second_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path / "t.tsv", OTU.replace(",", "\t").replace("a\tb", "a_x\tb"))
    more = {"sample_suffix": "_x", "unit": "spots", "taxonomy": str(put(tmp_path / "tax.csv", TAX))}
    profile = bring(path, "x.genus", "tsv", "a", "b", kind="counts", **more)
    assert (profile.samples, profile.meta["unit"]) == (["a", "b"], "spots")
    assert profile.taxonomy["O1"] == ["", "P", "", "", "", "G", "G one"]
    with pytest.raises(VagusError, match="collapse sums features, which means nothing for kind score"):
        bring(path, "x.genus", "tsv", "a", "b", kind="score", collapse="genus", **more)


def test_lineages_below_the_level_are_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path / "t.tsv", "id\ta\ttaxonomy\nO1\t3\tB;P;C;O;F;G;S\nO2\t1\tB;P;C;O;F;G;T\n")
    assert bring(path, "x.genus", "tsv", "a", kind="counts").features == ["O1", "O2"]
    assert (
        "NOTE: x.genus has lineages below genus; collapse: genus in its entry sums them"
        in capsys.readouterr().out
    )
    assert bring(path, "x.genus", "tsv", "a", kind="counts", collapse="genus").features == ["G"]
    assert "NOTE" not in capsys.readouterr().out

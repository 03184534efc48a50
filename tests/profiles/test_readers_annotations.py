"""Genes annotated by eggNOG-mapper and KofamScan become KOs of samples."""

from pathlib import Path

import pandas as pd
import pytest
from profiles.reader_data import DATA, bring, need

from vagus.errors import VagusError
from vagus.profiles.readers.eggnog import read_annotations
from vagus.profiles.readers.kofamscan import read_kos

KOFAM = DATA / "instrain_N5_271/test/test_data/N5_271_010G1_scaffold_min1000.fa.genes.faa.KOfam_anno.txt"
EGGNOG = """## emapper-2.1.9
#query\tseed_ortholog\tEC\tKEGG_ko\tKEGG_Pathway
g1\tx\t1.1.1.1,1.1.1.2\tko:K00001,ko:K00002\t-
g2\tx\t-\tko:K00001\t-
g3\tx\t-\t-\t-
## 3 queries scanned
"""
ABUNDANCE = "gene,a,b\ng1,2,0\ng2,3,1\ng3,5,0\ng4,0,3\n"
DETAIL = """# gene name           KO      thrshld  score   E-value KO definition
#-------------------- ------ ------- ------ --------- ---------------------
* g1                  K00001  100.00  200.0   1e-60 alcohol dehydrogenase [EC:1.1.1.1]
  g1                  K00002  150.00   90.0   2e-20 alcohol dehydrogenase (NADP+)
  g2                  K00003       -   20.0   0.1   no threshold
* g3                  K00002  150.00  190.0   2e-60 alcohol dehydrogenase (NADP+)
"""
DETAIL_TSV = """#\tgene name\tKO\tthrshld\tscore\tE-value\t"KO definition"
#\t---------\t------\t-------\t------\t---------\t-------------
*\tg1\tK00001\t100\t200\t1e-60\t"alcohol dehydrogenase"
\tg1\tK00002\t150\t90\t2e-20\t"alcohol"
\tg2\tK00003\t\t20\t0.1\t"none"
*\tg3\tK00002\t150\t190\t2e-60\t"alcohol"
"""
BOTH = {"g1": ("K00001",), "g2": (), "g3": ("K00002",)}


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_eggnog_with_abundance(tmp_path: Path) -> None:
    path = put(tmp_path / "x.emapper.annotations", EGGNOG)
    more = {"abundance": str(put(tmp_path / "a.csv", ABUNDANCE))}
    profile = bring(path, "shotgun.ko", "eggnog", "a", "b", kind="counts", **more)
    # g1 counts for both of its KOs.
    assert profile.to_frame().to_dict("list") == {"K00001": [5, 1], "K00002": [2, 0]}
    assert profile.meta["unassigned"] == {"a": 0.5, "b": 0.75}
    assert len(profile.meta["abundance_sha256"]) == 64
    ec = bring(path, "shotgun.ec", "eggnog", "a", "b", kind="counts", **more)
    assert ec.to_frame().to_dict("list") == {"1.1.1.1": [2], "1.1.1.2": [2]}
    assert ec.meta["left_out"] == {"b": "all values are zero"}


def test_ec_numbers_stand_in_where_no_gene_has_a_ko(tmp_path: Path) -> None:
    path = put(
        tmp_path / "x.annotations", EGGNOG.replace("ko:K00001,ko:K00002", "-").replace("ko:K00001", "-")
    )
    assert read_annotations(path)["g1"] == ("1.1.1.1", "1.1.1.2")


def test_a_folder_counts_the_genes_of_each_file(tmp_path: Path) -> None:
    put(tmp_path / "a.emapper.annotations", EGGNOG)
    put(tmp_path / "b.emapper.annotations", EGGNOG.replace("g2\tx\t-\tko:K00001", "g2\tx\t-\tko:K00003"))
    put(tmp_path / "b.emapper.hits", "not read")
    profile = bring(tmp_path, "shotgun.ko", "eggnog", "a", "b", kind="copies_per_genome")
    assert profile.to_frame().to_dict("index") == {
        "a": {"K00001": 2, "K00002": 1, "K00003": 0},
        "b": {"K00001": 1, "K00002": 1, "K00003": 1},
    }
    assert profile.meta["unit"] == "genes"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DETAIL, BOTH),
        (DETAIL_TSV, BOTH),
        ("g1\tK00001\ng2\ng3\tK00002\n", BOTH),
        ("g1\tK00001\tK00002\ng2\n", {"g1": ("K00001", "K00002"), "g2": ()}),
        ("gene,anno\ng1,K00001\ng1,K00002\ng1,K00001\n", {"g1": ("K00001", "K00002")}),
    ],
)
def test_shapes_of_kofamscan(tmp_path: Path, text: str, found: dict) -> None:
    assert read_kos(put(tmp_path / "k.txt", text)) == found


def test_real_annotations_against_the_raw_file(tmp_path: Path) -> None:
    raw = pd.read_csv(need(KOFAM))
    genes = raw["gene"].unique()
    weight = pd.Series(range(1, len(genes) + 1), index=genes)
    table = tmp_path / "a.tsv"
    pd.DataFrame({"a": weight, "b": 1}).to_csv(table, sep="\t", index_label="gene")
    profile = bring(KOFAM, "shotgun.ko", "kofamscan", "a", "b", kind="relative", abundance=str(table))
    known = (
        raw.drop_duplicates().assign(a=lambda f: f["gene"].map(weight), b=1).groupby("anno")[["a", "b"]].sum()
    )
    got = profile.to_frame().T.sort_index()
    assert len(got) == raw["anno"].nunique()
    assert got.to_numpy().tolist() == known.sort_index().to_numpy().tolist()
    assert profile.meta["unassigned"] == {"a": 0, "b": 0}


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    eggnog = put(tmp_path / "x.emapper.annotations", EGGNOG)
    abundance = put(tmp_path / "a.csv", ABUNDANCE)
    other = put(tmp_path / "o.csv", "gene,a\nq,1\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, fmt, more, message in (
        (eggnog, "eggnog", {}, "tells of genes, not of samples; fix: name the table of genes x samples"),
        (abundance, "eggnog", {"abundance": str(abundance)}, "no header '#query'"),
        (eggnog, "eggnog", {"abundance": str(other)}, "none of its genes has a function in .*'g1'"),
        (abundance, "kofamscan", {"abundance": str(abundance)}, "row 2: '2' is no KO"),
        (eggnog, "kofamscan", {"abundance": str(abundance)}, "row 3: no gene, KO, threshold"),
        (empty, "eggnog", {}, "no annotation file in the folder"),
    ):
        with pytest.raises(VagusError, match=message) as caught:
            bring(path, "shotgun.ko", fmt, "a", "b", kind="counts", **more)
        assert "\n" not in str(caught.value)
    with pytest.raises(VagusError, match=r"is not told by the file; allowed: .*; fix: add kind"):
        bring(eggnog, "shotgun.ko", "eggnog", "a", "b", abundance=str(abundance))
    put(tmp_path / "y.emapper.annotations", EGGNOG)
    with pytest.raises(VagusError, match="gene 'g1' stands in another file"):
        bring(tmp_path, "shotgun.ko", "eggnog", "a", "b", kind="counts", abundance=str(abundance))

"""Tables of HUMAnN against the raw file, and made-up ones for what the real one lacks."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from profiles.reader_data import FIXTURES, bring, need

from vagus.errors import VagusError
from vagus.modules.module_file import load_modules
from vagus.modules.score_modules import UNKNOWN_TAXA, score_modules, split_feature
from vagus.profiles.readers.humann import read_humann_table

CLONE = Path(__file__).parents[2]
KOS = """# Gene Family\ta_kneaddata_Abundance-RPKs\tb_kneaddata_Abundance-RPKs
UNMAPPED\t40\t10
UNGROUPED\t0\t10
UNGROUPED|g__X.s__X_y\t0\t10
K00001: an enzyme: of a kind\t6\t8
K00001: an enzyme: of a kind|g__X.s__X_y\t4\t0
K00001: an enzyme: of a kind|unclassified\t2\t0
K00002\t4\t2
K00002|g__X.s__X_y\t3\t0
K00002|g__X.s__X_y.t__SGB1\t1\t2
K00003\t50\t0
"""


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_real_table_against_the_raw_rows() -> None:
    path = need(FIXTURES / "humann_output.tsv")
    raw = pd.read_csv(path, sep="\t", index_col=0)
    raw.index = [i.split(": ")[0] + ("|" + i.split("|")[1] if "|" in i else "") for i in raw.index]
    samples = ("sample1", "sample2", "sample3")
    whole = bring(path, "shotgun.uniref", "humann", *samples).to_frame()
    totals = raw[[("|" not in i) and i != "UNMAPPED" for i in raw.index]]
    assert whole.T.equals(totals.astype(float))
    parts = bring(path, "shotgun.uniref_by_species", "humann", *samples).to_frame()
    assert parts.shape == (3, 8)
    assert parts["UniRef50_A6L0N6|Bacteroides stercoris"].tolist() == [4, 54, 34]
    assert parts["UniRef50_A6L0N6|unclassified"].tolist() == [1, 2, 53]
    strata = raw[["|" in i for i in raw.index]]
    assert parts.sum(axis=1).tolist() == strata.sum().tolist()


def test_uniref_is_refused_as_ko_with_the_command() -> None:
    path = need(FIXTURES / "humann_output.tsv")
    with pytest.raises(
        VagusError, match=r"humann_regroup_table --input humann_output\.tsv --groups uniref50_ko"
    ):
        bring(path, "shotgun.ko", "humann", "sample1", "sample2", "sample3")


def test_ko_profile_keeps_strata_and_counts_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "ko.tsv.gz"
    path.write_bytes(gzip.compress(KOS.encode()))
    profile = bring(path, "shotgun.ko", "humann", "a", "b")
    assert profile.to_frame().to_dict("index") == {
        "a": {
            "K00001|X y": 4, "K00001|unclassified": 2, "K00002|X y": 4, "K00003|unclassified": 50,
        },
        # Its sum has no stratum in b.
        "b": {
            "K00001|X y": 0, "K00001|unclassified": 8, "K00002|X y": 2, "K00003|unclassified": 0,
        },
    }  # fmt: skip
    assert profile.table.sum() == 6 + 8 + 4 + 2 + 50
    assert (profile.kind, profile.meta["unit"]) == ("relative", "reads per kilobase")
    assert profile.meta["unassigned"] == {"a": 0.4, "b": 0.666667}
    assert {split_feature(f)[1] for f in profile.features} - UNKNOWN_TAXA == {"X y"}
    modules = load_modules(CLONE / "resources/modules/neuroactive.yaml").modules
    assert score_modules(modules, profile).samples == ["a", "b"]


def test_a_header_without_its_hash_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / "t.tsv", KOS.removeprefix("# "))
    assert bring(path, "shotgun.ko", "humann", "a", "b").table.sum() == 6 + 8 + 4 + 2 + 50


def test_other_levels_hold_the_sums(tmp_path: Path) -> None:
    profile = bring(put(tmp_path / "t.tsv", KOS), "shotgun.kos", "humann", "a", "b")
    assert profile.to_frame().to_dict("list") == {"K00001": [6, 8], "K00002": [4, 2], "K00003": [50, 0]}


def test_coverage_cpm_and_ec(tmp_path: Path) -> None:
    path = put(tmp_path / "c.tsv", "# Pathway\ta_Coverage\nUNMAPPED\t1\nPWY-1: of x\t0.5\n")
    profile = bring(path, "shotgun.pathcoverage", "humann", "a")
    assert (profile.kind, profile.meta["unit"], profile.features) == ("score", "coverage", ["PWY-1"])
    assert "unassigned" not in profile.meta
    path = put(tmp_path / "e.tsv", "# Gene Family\ta_Abundance-CPM\n1.1.1.1: alcohol dehydrogenase\t5\n")
    profile = bring(path, "shotgun.ko", "humann", "a")
    assert (profile.features, profile.meta["unit"]) == (["1.1.1.1"], "copies per million")


@pytest.mark.parametrize(
    ("text", "name", "kind", "message"),
    [
        (
            KOS,
            "shotgun.ko",
            "counts",
            "kind 'counts' .* humann writes relative; allowed: relative, copies_per",
        ),
        ("# Gene Family\ta\nK00001\tx\n", "shotgun.ko", "", r"row 2, column 'a': not a number \(value 'x'\)"),
        ("# Gene Family\ta\nK00001\t1\t2\n", "shotgun.ko", "", "row 2: 3 cells where the header has 2"),
        ("id\ta\nK00001\t1\n", "shotgun.ko", "", "the first 'id'; allowed: a header '# Gene Family'"),
        ("# Gene Family\ta\nK00001\t1\n", "shotgun.ko_by_species", "", "no row has a stratum"),
        ("# Pathway\ta\nP|g__X.s__X_y\t1\n", "shotgun.pathway", "", "has strata only"),
        ("# Gene Family\tq_Abundance\nK00001\t1\n", "shotgun.ko", "", r"not in the design \(value 'q_Abun"),
        ("# Gene Family\ta\ta_Abundance\nK00001\t1\t1\n", "shotgun.ko", "", "sample stands twice"),
        ("# Gene Family\ta\nGO:1\t1\n", "shotgun.ko", "", "neither KO nor EC numbers .* regroup the table"),
        ("", "shotgun.ko", "", "the table is empty"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, name: str, kind: str, message: str) -> None:
    with pytest.raises(VagusError, match=message) as caught:
        bring(put(tmp_path / "t.tsv", text), name, "humann", "a", "b", kind=kind)
    assert "\n" not in str(caught.value)


def test_a_table_of_many_features_is_read_in_seconds(tmp_path: Path) -> None:
    samples = [f"s{i}" for i in range(50)]
    rows = [
        f"K{i % 20000:05d}|g__G.s__G_s{i // 20000}\t" + "\t".join(["0", "1.5"] * 25) for i in range(40_000)
    ]
    path = put(tmp_path / "t.tsv", "\n".join(["\t".join(["# Gene Family", *samples]), *rows]) + "\n")
    table = read_humann_table(path, "ko")
    assert table.values.shape == (40_000, 50)
    assert table.values.nnz == 40_000 * 25

"""PICRUSt2's own outputs come in with the numbers that stand in them."""

from pathlib import Path

import pandas as pd
import pytest
from profiles.reader_data import DATA, bring, need

from vagus.errors import VagusError
from vagus.modules.module_file import load_modules
from vagus.modules.module_profiles import make_profiles
from vagus.profiles.readers.picrust2 import read_picrust2

CLONE = Path(__file__).parents[2]
HERE = DATA / "picrust2_expected"
OUT = HERE / "metagenome_pipeline" / "metagenome_out"


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def frame(path: Path, level: str) -> pd.DataFrame:
    table = read_picrust2(need(path), level)
    return pd.DataFrame(table.values.toarray(), index=table.features, columns=table.samples)


@pytest.mark.parametrize(
    "path",
    [
        OUT / "pred_metagenome_unstrat.tsv.gz",
        OUT / "pred_metagenome_unstrat_simple.tsv.gz",
        HERE / "pathway_pipeline" / "test_input_ec_unstrat.tsv.gz",
        HERE / "pathway_pipeline" / "per_seq_contrib" / "pred_metagenome_unstrat.tsv.gz",
        *(
            HERE / "pathway_pipeline" / name
            for name in ("exp_path_abun_unstrat.tsv.gz", "exp_path_cov_unstrat.tsv.gz")
        ),
        *(
            HERE / "pathway_pipeline" / "per_seq_contrib" / f"exp_unstrat_{name}_output.tsv.gz"
            for name in ("pathabun", "pathabun_per_seq", "pathcov")
        ),
    ],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_unstratified(path: Path) -> None:
    raw = pd.read_csv(need(path), sep="\t", index_col=0)
    raw.index = raw.index.str.replace(r"^EC[.:]", "", regex=True)
    pd.testing.assert_frame_equal(frame(path, "pathway"), raw, check_names=False, check_exact=True)


@pytest.mark.parametrize(
    "path",
    [OUT / "pred_metagenome_strat.tsv.gz", HERE / "pathway_pipeline" / "test_input_ec_strat.tsv.gz"],
    ids=lambda path: path.name,
)
def test_stratified(path: Path) -> None:
    raw = pd.read_csv(need(path), sep="\t", dtype={"sequence": str})
    raw["function"] = raw["function"].str.replace(r"^EC[.:]", "", regex=True)
    keyed = raw.set_index(raw["function"] + "|" + raw["sequence"]).drop(columns=["function", "sequence"])
    got = frame(path, "ko")
    assert len(got) == len(raw)
    pd.testing.assert_frame_equal(got, keyed, check_names=False, check_exact=True)
    sums = frame(path, "enzyme").sort_index()
    pd.testing.assert_frame_equal(sums, raw.groupby("function").sum(numeric_only=True), check_names=False)


@pytest.mark.parametrize(
    "path",
    [
        OUT / "expected_metagenome_contrib.txt.gz",
        OUT / "expected_metagenome_contrib_rare.txt.gz",
        HERE / "pathway_pipeline" / "per_seq_contrib" / "pred_metagenome_strat.tsv.gz",
    ],
    ids=lambda path: path.name,
)
def test_contributions(path: Path) -> None:
    raw = pd.read_csv(need(path), sep="\t", dtype={"taxon": str})
    got = frame(path, "ko")
    assert got.to_numpy().sum() == pytest.approx(raw["taxon_function_abun"].sum(), rel=1e-12)
    for row in raw.itertuples():
        taxon = "unclassified" if row.taxon == "RARE" else row.taxon
        function = str(row.function).removeprefix("EC.").removeprefix("EC:")
        assert got.loc[f"{function}|{taxon}", row.sample] == row.taxon_function_abun


def test_whole_and_by_sequence_agree() -> None:
    whole = frame(OUT / "pred_metagenome_unstrat.tsv.gz", "ko").sort_index()
    parts = frame(OUT / "pred_metagenome_strat.tsv.gz", "enzyme").sort_index()
    pd.testing.assert_frame_equal(whole, parts, check_names=False)


def test_nsti_is_told_per_sample_and_the_profile_is_inferred(tmp_path: Path) -> None:
    path = put(tmp_path / "t.tsv", "function\ta\tb\nko:K00001\t1.5\t0\nEC:1.1.1.1\t0\t2\n")
    nsti = put(tmp_path / "n.tsv", "sample\tweighted_NSTI\na\t0.05\nb\t0.31\nother\t2\n")
    profile = bring(path, "amplicon.ko", "picrust2", "a", "b", nsti=str(nsti))
    assert profile.features == ["K00001", "1.1.1.1"]
    assert profile.meta["distance"] == {"a": 0.05, "b": 0.31}
    assert (profile.meta["inferred"], profile.kind, profile.meta["source_program"]) == (
        True,
        "relative",
        "picrust2",
    )
    assert len(profile.meta["nsti_sha256"]) == 64


def test_an_ec_table_is_scored_by_ec(tmp_path: Path) -> None:
    modules = load_modules(CLONE / "resources/modules/neuroactive.yaml")
    whole = [ec for m in modules.modules for s in m.steps for ec in s.ec if "-" not in ec]
    rows = [f"EC:{ec}\t{i % 3 + 1}\t1" for i, ec in enumerate(dict.fromkeys(whole))]
    path = put(tmp_path / "t.tsv", "\n".join(["function\ta\tb", *rows]) + "\n")
    profile = bring(path, "amplicon.ko", "picrust2", "a", "b")
    made, _ = make_profiles(profile, modules, None, [])
    assert (made["module"].table.toarray() > 0).all()
    assert made["module"].meta["inferred"] is True
    scored = set(made["module"].features) | set(made["module"].meta["not_computable_by_ec"])
    assert scored == {m.id for m in modules.modules}


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("normalized\ta\nseq1\t1\n", "", "first column 'normalized', so it is not of PICRUSt2"),
        ("function\ta\nK00001\tx\n", "", r"row 2, column 'a': not a number \(value 'x'\)"),
        ("function\ta\nPWY-1\t1\n", "", "neither KO nor EC numbers"),
        (
            "function\ta\nK00001\t1\n",
            "counts",
            "picrust2 writes relative; allowed: relative; fix: leave kind out, and",
        ),
        (
            "sample\tfunction\ttaxon\tgenome_function_count\na\tK00001\ts\t1\n",
            "",
            "no column 'taxon_function_abun'",
        ),
        ("function\ta\nK00001\t1\t2\n", "", "row 2: 3 cells where the header has 2"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, kind: str, message: str) -> None:
    with pytest.raises(VagusError, match=message) as caught:
        bring(put(tmp_path / "t.tsv", text), "amplicon.ko", "picrust2", "a", kind=kind)
    assert "\n" not in str(caught.value)


def test_by_species_needs_sequences_and_nsti_its_columns(tmp_path: Path) -> None:
    path = put(tmp_path / "t.tsv", "function\ta\nK00001\t1\n")
    with pytest.raises(VagusError, match=r"not by sequence; fix: give the stratified table, or name .*\.ko"):
        bring(path, "amplicon.ko_by_species", "picrust2", "a")
    with pytest.raises(VagusError, match="no column 'sample', so it is not weighted_nsti"):
        bring(path, "amplicon.ko", "picrust2", "a", nsti=str(path))

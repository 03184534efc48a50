"""Pathways: required steps, alternatives, complexes, and no pathway from two organisms."""

from __future__ import annotations

from pathlib import Path

import pytest

from vagus.errors import VagusError
from vagus.modules.ko_expression import parse_kos
from vagus.shotgun.pathways import pathway_values, read_pathways

TABLE = Path(__file__).parent / "pathways.tsv"
HEAD = "pathway\tname\tstep\tkos\toptional\tsource\n"


def write(path: Path, rows: str) -> Path:
    path.write_text("# comment\n" + HEAD + rows)
    return path


def test_alternatives_add_and_a_complex_is_its_rarest_subunit(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.tsv",
        "P\tp\t1\tK00001,K00002+K00003\t\ts\nP\tp\t2\tK00004\t\ts\nP\tp\t3\tK00005\tyes\ts\n",
    )
    kos = {("K00001", "a"): 1.0, ("K00002", "a"): 5.0, ("K00003", "a"): 3.0, ("K00004", "a"): 9.0}
    assert pathway_values(kos, read_pathways(path)) == {("P", "a"): pytest.approx(6.0)}


def test_a_missing_required_step_is_not_filled(tmp_path: Path) -> None:
    path = write(tmp_path / "p.tsv", "P\tp\t1\tK00001\t\ts\nP\tp\t2\tK00002\t\ts\nP\tp\t3\tK00003\t\ts\n")
    assert pathway_values({("K00001", ""): 50.0, ("K00002", ""): 50.0}, read_pathways(path)) == {}


def test_two_organisms_do_not_make_one_pathway(tmp_path: Path) -> None:
    pathways = read_pathways(write(tmp_path / "p.tsv", "P\tp\t1\tK00001\t\ts\nP\tp\t2\tK00002\t\ts\n"))
    split = {("K00001", "a"): 1.0, ("K00002", "b"): 1.0}
    assert pathway_values(split, pathways) == {}
    assert pathway_values({(ko, ""): v for (ko, _), v in split.items()}, pathways) == {
        ("P", ""): pytest.approx(1.0)
    }


def test_a_table_of_pathways_scores_what_their_enzymes_say() -> None:
    pathways = {p.pathway: p for p in read_pathways(TABLE)}
    assert len(pathways) >= 10
    assert all(p.source.startswith("doi:10.") or p.source == "vagus" for p in pathways.values())
    steps = dict.fromkeys(["K00626", "K00074", "K01715", "K00248"], 1.0)
    butyrate = pathways["BUT_acetylCoA"]
    assert butyrate.value(steps) == 0
    assert butyrate.value(steps | {"K01034": 2.0}) == 0
    assert butyrate.value(steps | {"K01034": 2.0, "K01035": 1.0}) == pytest.approx(1.0)
    assert butyrate.value(steps | {"K19709": 32.0}) == pytest.approx(2.0)
    assert pathways["GABA_gad"].value({"K01580": 0.25}) == pytest.approx(0.25)


@pytest.mark.parametrize("text", ["", "K1", "K00001;K00002", "K00001,", "K00001+", "(K00001"])
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(VagusError, match="is no KO number"):
        parse_kos(text)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("P\tp\t2\tK00001\t\ts\n", "row 3, column 'step': '2' where step 1"),
        ("P\tp\t1\tK00001\tmaybe\ts\n", "row 3, column 'optional': 'maybe'"),
        ("P\tp\t1\tK00001\tyes\ts\n", "pathway P has no required step"),
        ("P\tp\t1\tK0001\t\ts\n", "row 3, column 'kos'"),
        ("\tp\t1\tK00001\t\ts\n", "row 3, column 'pathway'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(VagusError, match=words):
        read_pathways(write(tmp_path / "p.tsv", rows))

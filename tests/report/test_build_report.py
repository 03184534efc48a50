"""A small invented trial goes in; the page must tell its story, and tell what is missing."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report.fake_trial import build, make_results

from vagus.report.build_report import embed
from vagus.report.figures_ordination import principal_coordinates
from vagus.report.load_results import load_results
from vagus.report.read_tables import read_distances
from vagus.report.sentences import number, percent, split_contrast

EVIL = "</script><script>alert(1)</script>"


class Loads(HTMLParser):
    """Collects what a browser would fetch, and the ids and texts of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.scripts += tag == "script"
        if found.get("id"):
            self.ids.append(str(found["id"]))
        key = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}.get(tag)
        if key and found.get(key):
            self.fetched.append(str(found[key]))


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = make_results(tmp_path_factory.mktemp("trial") / "results")
    return root, build(root)


def test_answer_first(trial: tuple[Path, str]) -> None:
    _, page = trial
    text = (
        "At week8, phq9 was 3.2\N{NO-BREAK SPACE}points lower with probiotic than with placebo "
        "(95\N{NO-BREAK SPACE}% CI −5.3 to −1.1; q = 0.0041; n = 15 probiotic, 16 placebo). The data are "
        "compatible with differences from −5.3 to −1.1; zero (no difference) is not among them."
    )
    assert text in page
    assert page.index(text) < page.index('id="design"')
    found = "Genera (16S): 1 of 16 features with q &lt; 0.05: Bifidobacterium +2.1\N{NO-BREAK SPACE}log2"
    assert f"{found} (+1.4 to +2.8)." in page
    assert 'class="banner" role="alert"' not in page
    assert "Simulated trial" in page


def test_nothing_is_fetched(trial: tuple[Path, str]) -> None:
    _, page = trial
    parser = Loads()
    parser.feed(page)
    assert [f for f in parser.fetched if not f.startswith("data:")] == []
    assert parser.scripts == 4
    assert len(parser.ids) == len(set(parser.ids))
    assert "@import" not in page.split("</style>")[0]
    assert page.count("plotly.js v") == 1


def test_page_stays_small(trial: tuple[Path, str]) -> None:
    root, _ = trial
    assert (root / "report" / "index.html").stat().st_size < 8e6


def test_ids_are_escaped(trial: tuple[Path, str]) -> None:
    root, page = trial
    assert "Probiotic trial &lt;pilot&gt;" in page
    assert "<pilot>" not in page
    assert "<b>genus</b>" not in page
    forest = json.loads((root / "figures" / "forest.amplicon.genus.json").read_text())
    ticks = forest["layout"]["yaxis"]["ticktext"]
    assert 'odd &lt;b&gt;genus&lt;/b&gt; &amp; "co"' in ticks
    assert "</script" not in embed({"x": EVIL})
    assert json.loads(embed({"x": EVIL})) == {"x": EVIL}


def test_tables_match_figures(trial: tuple[Path, str]) -> None:
    root, page = trial
    manifest = json.loads((root / "figures" / "manifest.json").read_text())
    ids = [m["id"] for m in manifest]
    assert {
        "flow",
        "ledger",
        "forest.panel.clinical",
        "forest.amplicon.genus",
        "within.amplicon.genus",
        "quality",
        "truth.amplicon.genus",
        "diversity.shannon",
        "clinical.phq9",
        "composition.genus",
        "ordination.aitchison",
        "ordination.amplicon.genus.aitchison",
        "moved.amplicon.genus",
    } <= set(ids)
    for entry in manifest:
        assert entry["title"]
        assert entry["caption"]
        assert entry["alt"]
        assert (root / "figures" / entry["file"]).is_file()
        assert (root / "report" / "tables" / entry["table"]).is_file()
        assert f'data-table="{entry["id"]}">Download data (TSV)' in page
    forest = json.loads((root / "figures" / "forest.amplicon.genus.json").read_text())
    table = pd.read_csv(root / "report" / "tables" / "forest.amplicon.genus.tsv", sep="\t")
    assert forest["data"][0]["x"] == pytest.approx(table["estimate"].tolist(), rel=1e-4)
    assert table["estimate"].is_monotonic_decreasing
    ledger = json.loads((root / "figures" / "ledger.json").read_text())
    rows = pd.read_csv(root / "report" / "tables" / "ledger.tsv", sep="\t")
    assert ledger["data"][0]["y"] == rows["kept"].tolist()
    lost = rows.filter(like="lost_").sum(axis=1)
    assert (rows["raw"] == rows["kept"] + lost).all()
    embedded = json.loads(page.split('id="tables">')[1].split("</script>")[0])
    assert embedded["ledger"] == (root / "report" / "tables" / "ledger.tsv").read_text()


def test_flow_counts_and_reasons(trial: tuple[Path, str]) -> None:
    root, page = trial
    svg = (root / "figures" / "flow.svg").read_text()
    assert ">32 participants<" in svg
    assert ">15 participants analysed<" in svg
    assert ">16 participants analysed<" in svg
    assert "no reads left after" in svg
    assert "kept apart: 1 mock, 1 negative" in svg
    assert ">31</dd>" in page
    assert ">63 of 64</dd>" in page


def test_within_is_marked_as_description(trial: tuple[Path, str]) -> None:
    _, page = trial
    assert "one arm being significant while the other is not does not show that the arms" in page
    assert "description only" in page


def test_truth_stands_beside(trial: tuple[Path, str]) -> None:
    root, page = trial
    assert "3 of 3 intervals (100\N{NO-BREAK SPACE}%) contain the truth" in page
    figure = json.loads((root / "figures" / "truth.amplicon.genus.json").read_text())
    assert [t["name"] for t in figure["data"]] == ["probiotic vs placebo", "truth"]
    assert figure["data"][1]["x"] == [2.0, 0.0]


def test_methods_cite_what_ran(trial: tuple[Path, str]) -> None:
    _, page = trial
    for doi in (
        "10.1038/nmeth.3869",
        "10.14806/ej.17.1.200",
        "10.1186/s40168-018-0605-2",
        "10.1186/1745-6215-12-264",
    ):
        assert f"doi:{doi}<" in page
    assert "10.7717/peerj.2584" not in page  # VSEARCH did not run
    assert "10.1128/AEM.01996-06" not in page  # nor weighted UniFrac
    assert "<td>5.1</td>" in page
    assert "1.26.0" in page
    assert "start, change or stop a treatment" in page


def test_single_arm_banner(tmp_path: Path) -> None:
    page = build(make_results(tmp_path / "results", n=6, single_arm=True, optional=False))
    assert 'role="alert">No control: change cannot be attributed to the intervention.</p>' in page
    assert "This is a description, not an effect of the intervention." in page
    assert "Simulated trial" not in page
    assert "forest." not in json.dumps(
        [m["id"] for m in json.loads((tmp_path / "results" / "figures" / "manifest.json").read_text())]
    )


def test_one_participant(tmp_path: Path) -> None:
    page = build(make_results(tmp_path / "results", n=1, single_arm=True, reads=False, optional=False))
    assert "One participant: no comparison of arms" in page
    assert "No reads were processed in this run." in page


def test_missing_parts_say_why(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4, optional=False)
    (root / "profiles" / "panel.clinical.biom").unlink()
    page = build(root)
    for words in (
        "No truncation lengths were recorded in this run.",
        "No decontamination table",
        "No mock community was sequenced",
        "No measures were given",
    ):
        assert words in page


def test_only_the_design(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4)
    page = build(root, files=[str(root / "design" / "design.json")])
    assert "There is no effect and no change to report" in page
    assert "The flow table of this run is missing" in page


def test_stale_files_are_not_read(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4)
    files = [str(p) for p in root.rglob("*") if p.is_file() and p.name != "truth.tsv"]
    (root / "figures").mkdir()
    (root / "figures" / "old.json").write_text("{}")
    page = build(root, files=files)
    assert "Truth beside estimate" not in page
    assert not (root / "figures" / "old.json").exists()


def test_inferred_is_marked(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4, optional=False)
    meta = root / "profiles" / "amplicon.genus.meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "inferred": True}))
    page = build(root)
    assert "inferred, not measured" in page
    assert "Inferred from sequences and not measured: amplicon.genus." in page


def test_same_input_same_page(trial: tuple[Path, str]) -> None:
    root, page = trial
    assert build(root) == page


def test_results_know_places(trial: tuple[Path, str]) -> None:
    results = load_results(trial[0])
    people = results.people(results.profiles["panel.clinical"])
    assert people.columns.tolist() == ["participant", "arm", "visit", "phq9"]
    assert set(people["visit"]) == {"baseline", "week8"}


@pytest.mark.parametrize("n", [200, pytest.param(2500, marks=pytest.mark.slow)])
def test_many_samples_stay_small(tmp_path: Path, n: int) -> None:
    root = make_results(tmp_path / "results", n=n, distances=False)
    build(root)
    assert (root / "report" / "index.html").stat().st_size < 8e6
    lines = json.loads((root / "figures" / "diversity.shannon.json").read_text())["data"]
    people = {name for trace in lines for name in trace["text"] if str(name).startswith("P")}
    assert len(people) == 300
    table = pd.read_csv(root / "report" / "tables" / "ledger.tsv", sep="\t")
    assert table.columns.tolist()[0] == "step"
    assert table["samples_ended"].sum() == 1
    means = pd.read_csv(root / "report" / "tables" / "diversity.shannon.tsv", sep="\t")
    assert means.loc[means["row"] == "mean", "n"].sum() == 4 * n - 1


def test_distances_are_thinned_when_read(tmp_path: Path) -> None:
    names = [f"S{i}" for i in range(50)]
    square = pd.DataFrame([[float(abs(i - j)) for j in range(50)] for i in range(50)], names, names)
    square.to_csv(tmp_path / "d.tsv", sep="\t")
    part, total = read_distances(tmp_path / "d.tsv", limit=8)
    assert total == 50
    assert (
        part.index.tolist() == part.columns.tolist() == ["S0", "S7", "S14", "S21", "S28", "S35", "S42", "S49"]
    )
    assert part.loc["S7", "S28"] == 21


def test_principal_coordinates_give_back_distances() -> None:
    points = np.random.default_rng(3).normal(size=(12, 2))
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))
    found, share = principal_coordinates(distances)
    assert np.sqrt(((found[:, None] - found[None]) ** 2).sum(-1)) == pytest.approx(distances)
    assert share.sum() == pytest.approx(1)


def test_numbers_read_well() -> None:
    assert number(-0.04, 1) == "0.0"
    assert number(-1234567.0) == "−1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert number(0.01234) == "0.0123"
    assert percent(999, 1000) == "99.9\N{NO-BREAK SPACE}%"
    assert percent(0, 0) == "\N{EN DASH}"
    assert split_contrast("a vs b vs c", "b vs c") == ("a", "b vs c")

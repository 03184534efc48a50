"""Presence, interactions and agreement on the page: effect and interval first, no p in strata, marks kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from report.fake_trial import build, make_results, write_features

from vagus.report.load_results import load_results
from vagus.report.sections_features import agreement_section, interactions_section, prevalence_section


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_results(tmp_path_factory.mktemp("features") / "results")
    write_features(root)
    return root


def mark_genus(root: Path) -> None:
    path = root / "profiles" / "amplicon.genus.meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "inferred": True}))


def test_the_page_holds_the_three_sections(root: Path) -> None:
    page = build(root)
    for anchor in ("presence", "interactions", "agreement"):
        assert f'id="{anchor}"' in page
    assert page.index('id="effects"') < page.index('id="presence"') < page.index('id="within"')
    assert "&lt;b&gt;genus" in page or "\\u003cb\\u003egenus" in page
    assert "odd <b>genus</b>" not in page


def test_presence_shows_odds_risk_and_who_moved(root: Path) -> None:
    results = load_results(root)
    section = prevalence_section(results)
    assert [f.source for f in section.figures] == ["amplicon.genus"]
    figure = section.figures[0]
    assert "Log odds ratio of presence at week8" in figure.caption
    assert figure.id == "presence.amplicon.genus"
    assert "risk_difference" in figure.table.columns
    head, *rows = section.tables[0][1]
    assert head[1:3] == ["log odds ratio", "risk difference,\N{NO-BREAK SPACE}%"]
    assert rows
    for row in rows:
        assert re.fullmatch(r"[+−]?\d+\.\d+ \([+−]?\d+\.\d+ to [+−]?\d+\.\d+\)", row[1].replace("\xa0", " "))
        assert row[3].count(",") == 3


def test_strata_have_intervals_and_no_p(root: Path) -> None:
    section = interactions_section(load_results(root))
    assert {f.source for f in section.figures} == {"panel.clinical", "amplicon.diversity", "amplicon.genus"}
    assert len({f.id for f in section.figures}) == len(section.figures)
    for figure in section.figures:
        assert figure.figure is not None
        strata = [t for t in figure.figure.data if t.name.startswith("effect at")]
        assert strata
        assert not any(re.search(r"[pq] [<=]", words) for t in strata for words in t.text)
        assert any(
            re.search(r"q [<=]", w) for t in figure.figure.data if t.name == "interaction" for w in t.text
        )
    for _, (head, *rows) in section.tables:
        assert head.count("q") == 1
        assert not any(re.search(r"[pq] [<=]", cell) for row in rows for cell in row[4:])


def test_agreement_counts_methods(root: Path) -> None:
    results = load_results(root)
    section = agreement_section(results)
    table = results.sensitivity
    full = int(((table["agree"] == table["methods"]) & (table["methods"] > 1)).sum())
    caption = section.tables[0][0] if section.tables else section.notes[0]
    assert f"all methods agree in {full} of" in caption
    for _, (head, *rows) in section.tables:
        assert head[2:] == [
            "pseudocount 0.5",
            "pseudocount 1",
            "multiplicative replacement",
            "rank test",
            "ANCOM-BC2",
        ]
        assert all(re.fullmatch(r"[1-5] of [1-5]", row[1]) for row in rows)


def test_inferred_profiles_are_marked_everywhere(root: Path) -> None:
    mark_genus(root)
    results = load_results(root)
    for section in (prevalence_section(results), interactions_section(results), agreement_section(results)):
        assert "nferred, not measured" in section.lead[0]
        for figure in section.figures:
            assert (figure.note != "") == (figure.source == "amplicon.genus")
        for caption, _ in section.tables:
            assert ("inferred, not measured" in caption) == caption.startswith("Genera")


def test_tables_without_an_estimate_say_so(root: Path) -> None:
    results = load_results(root)
    results.prevalence = results.prevalence.assign(estimate=float("nan"))
    results.interactions = results.interactions.assign(estimate=float("nan"), status="constant")
    results.sensitivity = results.sensitivity.assign(methods=0)
    assert "No feature could be compared" in prevalence_section(results).empty
    assert "Reasons given: constant" in interactions_section(results).empty
    assert "second method" in agreement_section(results).empty


def test_empty_tables_give_no_section(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results")
    write_features(root)
    for kind in ("prevalence_effects", "interaction_effects", "sensitivity"):
        for path in (root / "trial" / kind).iterdir():
            pd.read_csv(path, sep="\t").head(0).to_csv(path, sep="\t", index=False)
    page = build(root)
    for anchor in ("presence", "interactions", "agreement"):
        assert f'id="{anchor}"' not in page

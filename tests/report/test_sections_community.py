"""The community in the report: R2 beside its chance level, the scheme, marks of what is inferred."""

from pathlib import Path

import pandas as pd
import pytest
from report.fake_trial import SETTINGS, make_results

from vagus.report import sections_community
from vagus.report.citations import tools_that_ran
from vagus.report.load_results import Results, load_results
from vagus.report.methods import methods
from vagus.report.section import INFERRED
from vagus.report.sections_community import chance_r2, community_section, placed_figures


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    root: Path = make_results(tmp_path_factory.mktemp("community"), reads=False, optional=False)
    return load_results(root, settings=SETTINGS)


def test_the_share_that_arms_explain_stands_before_p(results: Results) -> None:
    section = community_section(results)
    row = results.beta[
        (results.beta["profile"] == "amplicon.genus") & (results.beta["test"] == "residual")
    ].iloc[0]
    said = section.lead[1]
    assert f"explain {100 * row['r2']:.1f}\N{NO-BREAK SPACE}% of the variation" in said
    assert said.index("explain") < said.index("p = ")
    assert "3.3\N{NO-BREAK SPACE}% expected by chance" in said
    assert chance_r2(row) == pytest.approx(1 / 30)
    assert "arms permuted among participants inside strata of sex; 199 random of" in section.notes[0]
    heads = [rows[0][:3] for _, rows in section.tables]
    assert heads[0] == ["profile", "test", "distance"]
    assert len(section.tables) == 3


def test_distance_moved_holds_every_participant_with_a_baseline(results: Results) -> None:
    figure = community_section(results).figures[0]
    assert figure.id == "moved.amplicon.genus"
    # One sample has no reads.
    assert figure.table["participant"].nunique() == 31
    ways = results.trajectories
    ways = ways[(ways["profile"] == "amplicon.genus") & (ways["distance"] == "aitchison")]
    later = ways[ways["visit"] == "week8"].set_index("participant")["to_baseline"]
    drawn = figure.table.set_index("participant")["to_baseline"]
    assert drawn.to_dict() == pytest.approx(later.loc[drawn.index].to_dict())
    assert "Medians: placebo, week8:" in figure.alt


def test_inferred_profiles_are_marked_in_figures_and_rows(results: Results) -> None:
    results.profiles["amplicon.genus"].meta["inferred"] = True
    try:
        section = community_section(results)
        placed = placed_figures(results, "amplicon.asv")
    finally:
        del results.profiles["amplicon.genus"].meta["inferred"]
    for figures in (section.figures, placed):
        marked = {f.source: f.note for f in figures}
        assert marked == {"amplicon.genus": INFERRED, "amplicon.family": ""}
    for _, rows in section.tables:
        for row in rows[1:]:
            assert row[0].endswith(INFERRED) == row[0].startswith("Genera")
    assert INFERRED in section.lead[1]


def test_methods_name_what_was_permuted_and_cite_it(results: Results) -> None:
    said = [s for s in methods(results) if s.startswith("The community:")]
    assert len(said) == 1
    assert said[0].endswith("In all, arms permuted among participants inside strata of sex.")
    assert {"permanova", "dispersion", "hodges_lehmann", "permutation_p"} <= set(tools_that_ran(results))


def test_a_long_table_says_where_the_rest_is(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections_community, "MAX_ROWS", 3)
    caption, rows = community_section(results).tables[0]
    assert len(rows) == 4
    assert caption.endswith("first 3 of 8 rows, all in results/trial/beta")


def test_without_tests_only_the_distances_are_shown(results: Results) -> None:
    bare = Results(results.design, trajectories=results.trajectories, profiles=results.profiles)
    section = community_section(bare)
    assert section.tables == []
    assert "not compared" in section.lead[0]
    assert len(section.figures) == 2


def test_what_was_not_tested_is_counted(results: Results) -> None:
    beta = results.beta.copy()
    beta.loc[:2, "status"] = "arms cannot be re-arranged"
    bare = Results(results.design, beta=beta, trajectories=results.trajectories, profiles=results.profiles)
    assert "Not tested: arms cannot be re-arranged (3)." in community_section(bare).notes


def test_arrows_are_drawn_by_the_coordinates_of_the_table(results: Results) -> None:
    figure = placed_figures(results, "amplicon.asv")[0]
    table = results.ordination
    table = table[(table["profile"] == "amplicon.genus") & (table["distance"] == "aitchison")]
    assert len(figure.table) == len(table)
    both = figure.table.merge(table, on="sample")
    pd.testing.assert_series_equal(both["axis_1"], both["axis1"], check_names=False)
    assert f"{100 * table['explained1'].iloc[0]:.1f}" in figure.alt

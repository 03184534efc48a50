"""Infants of a formula trial and children with and without autism: genera and metabolites, both measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from trial.real_concordance import (
    DATA,
    HE,
    KANG,
    NUMBERS,
    PAGE,
    ROOT,
    Study,
    compare,
    genus_potential,
    matched,
    metabolite_profile,
    page_figures,
    read_study,
    write_sheets,
)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent")


@pytest.fixture(scope="module")
def infants() -> Study:
    return read_study(HE)


@pytest.fixture(scope="module")
def table(infants: Study) -> pd.DataFrame:
    return compare(infants)


def test_the_study_is_the_published_one(infants: Study) -> None:
    assert infants.places["participant"].nunique() == 80
    assert infants.genera.shape[0] == infants.measured.shape[0] == 277
    assert infants.measured.shape[1] == 120
    visits = infants.places["visit"].value_counts()
    assert visits.to_dict() == {"month2": 67, "month4": 68, "month6": 74, "month12": 68}
    often = infants.places["participant"].value_counts().value_counts().to_dict()
    assert often == {4: 52, 3: 17, 2: 7, 1: 4}
    assert infants.genera.sum(axis=1).to_numpy() == pytest.approx(1)
    names = matched(infants)
    assert len(names) == 35
    assert names["4-Aminobutyrate"] == "gaba"
    assert names["Formate"] == "formate"
    assert names["Lactate"] == "l_lactate"


def test_the_other_study_is_cases_and_controls() -> None:
    other = read_study(KANG)
    assert other.places["arm"].value_counts().to_dict() == {"autistic": 23, "neurotypical": 21}
    assert len(matched(other)) == 25


def test_potential_is_the_share_of_the_genera_that_have_the_trait(infants: Study) -> None:
    ko, made = genus_potential(infants), metabolite_profile(infants)
    assert made.meta["inferred"]
    share = infants.genera
    makers = ["Bacteroides", "Parabacteroides", "Escherichia"]
    frame = made.to_frame().loc[share.index]
    # Escherichia has two ways to GABA, from glutamate and from putrescine.
    assert frame["gaba|made"].to_numpy() == pytest.approx(
        (share[makers].sum(axis=1) + share["Escherichia"]).to_numpy()
    )
    covered = pd.Series(ko.meta["covered_share"]).loc[share.index]
    assert covered.to_numpy() == pytest.approx(share[ko.meta["genera"]].sum(axis=1).to_numpy())
    assert 0.6 < covered.median() < 0.9


@pytest.mark.parametrize("measure", ["4-Aminobutyrate", "Butyrate"])
def test_correlations_are_scipys(infants: Study, table: pd.DataFrame, measure: str) -> None:
    compound = matched(infants)[measure]
    potential = metabolite_profile(infants).to_frame()[f"{compound}|made"]
    by_place = pd.DataFrame({"genes": potential, "lab": infants.measured[measure]}).join(
        infants.places[["participant", "visit"]]
    )
    wide = by_place.pivot(index="participant", columns="visit", values=["genes", "lab"])
    rows = table[table["measure"] == measure].set_index("comparison")
    start = wide.xs("month2", axis=1, level="visit").dropna()
    assert rows.loc["baseline", "n"] == len(start) == 67
    assert rows.loc["baseline", "spearman"] == pytest.approx(spearmanr(start["genes"], start["lab"])[0])
    # Changes are ratios on both sides; a zero counts as half the smallest positive value.
    logs = {
        side: np.log2(wide[side].where(wide[side] != 0, by_place.loc[by_place[side] > 0, side].min() / 2))
        for side in ("genes", "lab")
    }
    for visit in ("month4", "month6", "month12"):
        moved = pd.DataFrame({s: logs[s][visit] - logs[s]["month2"] for s in logs}).dropna()
        row = rows.loc[f"change to {visit}"]
        assert row["n"] == len(moved)
        assert row["spearman"] == pytest.approx(spearmanr(moved["genes"], moved["lab"])[0])


def test_the_page_shows_the_figures_of_this_run() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(NUMBERS[0])[1].split(NUMBERS[1])[0].strip() == page_figures().strip()


@pytest.mark.slow
def test_the_workflow_says_the_same_from_tables_alone(
    infants: Study, table: pd.DataFrame, tmp_path: Path
) -> None:
    write_sheets(infants, tmp_path)
    words = ["--snakefile", str(ROOT / "workflow" / "Snakefile"), "--cores", "1"]
    words += ["results/trial/concordance.tsv", "results/report/index.html", "--configfile", "config.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = pd.read_csv(tmp_path / "results/trial/concordance.tsv", sep="\t", keep_default_na=False)
    key = ["compound", "measure", "comparison"]
    both = table.fillna({"measure": "", "comparison": ""}).merge(found, on=key, suffixes=("", "_run"))
    assert len(both) == len(table) == len(found)
    for column in ("n", "spearman", "ci_low", "ci_high", "spearman_in_arms"):
        run = pd.to_numeric(both[f"{column}_run"], errors="coerce").to_numpy(float)
        assert run == pytest.approx(both[column].to_numpy(float), rel=1e-5, nan_ok=True)
    assert (both["verdict"] == both["verdict_run"]).all()
    page = (tmp_path / "results/report/index.html").read_text(encoding="utf-8")
    assert "L-lactate" in page

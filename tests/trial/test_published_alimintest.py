"""A real crossover: 10 g against 40 g of fibre a day, five days each, Tap et al. 2015.

doi 10.1111/1462-2920.13006; 19 participants, visits 2 and 3 around the first period, 4 and 5 around the
second. The naive comparison of short-chain fatty acids (signed ranks of the period ends) finds nothing.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from trial_designs import make_design, make_profile

from vagus.design.check_crossover import can_compare_periods
from vagus.trial.arm_effects import arm_effects
from vagus.trial.within_arm import within_arm

FILE = (
    Path(__file__).parents[2].parent
    / "shared/data/trial_AlimIntest/tsv/alimintestData__alimintestData.metadata.tsv"
)
ACIDS = ["acetate", "propionate", "butyrate"]


@pytest.fixture(scope="module")
def sheet():
    if not FILE.is_file():
        pytest.skip(f"{FILE} is absent")
    return pd.read_csv(FILE, sep="\t", encoding="latin-1")


def crossover(sheet, periods):
    people = sheet.drop_duplicates("Subject_Id").sort_values("Subject_Id")
    sequences = {"r10-40": ["fibre10", "fibre40"], "r40-10": ["fibre40", "fibre10"]}
    runs = list(people["Diet_run"])
    design = make_design(
        tuple(sequences[r][0] for r in runs), ("2", "3", "4", "5"), "fibre10", design="crossover"
    )
    design.plan.update(arms=["fibre10", "fibre40"], sequences=sequences, periods=periods)
    for p, run in zip(design.participants, runs, strict=True):
        p.sequence = run
    names = {s: f"P{i}" for i, s in enumerate(people["Subject_Id"])}
    ids = [f"{names[s]}|{t}" for s, t in zip(sheet["Subject_Id"], sheet["Time.point"], strict=True)]
    design.can_compare_arms = can_compare_periods(design)
    return design, make_profile(sheet[ACIDS], ids, "panel.scfa", "score", ACIDS, unit="mM")


BARE = [{"before": None, "after": "3"}, {"before": None, "after": "5"}]
FULL = [{"before": "2", "after": "3"}, {"before": "4", "after": "5"}]


def ends(sheet):
    """Return the values at the ends of both periods, by dose and participant."""
    first = np.where(sheet["Diet_run"] == "r10-40", 10, 40)
    dose = np.where(sheet["Time.point"] == 3, first, 50 - first)
    at = sheet[sheet["Time.point"].isin([3, 5])].assign(dose=dose[sheet["Time.point"].isin([3, 5])])
    return at.pivot(index="Subject_Id", columns="dose", values=ACIDS)


def test_the_trial_is_the_described_one(sheet):
    runs = sheet.drop_duplicates("Subject_Id")["Diet_run"].value_counts()
    assert dict(runs) == {"r10-40": 10, "r40-10": 9}
    assert set(sheet.groupby("Subject_Id").size()) == {4}


def test_the_naive_paired_figures(sheet):
    wide = ends(sheet)
    for acid, p in {"acetate": 0.87, "propionate": 0.50, "butyrate": 0.64}.items():
        both = wide[acid].dropna()
        assert stats.wilcoxon(both[40], both[10]).pvalue == pytest.approx(p, abs=0.0051)


@pytest.mark.parametrize("periods", [BARE, FULL], ids=["period ends", "with period baselines"])
def test_no_acid_changes_and_the_period_is_in_the_model(sheet, periods, capsys):
    design, profile = crossover(sheet, periods)
    table = arm_effects(profile, design).set_index("feature")
    with capsys.disabled():
        print("\n", table[["n_arm", "estimate", "ci_low", "ci_high", "df", "p_value"]].round(3).to_string())
    assert list(table["contrast"].unique()) == ["fibre40 vs fibre10"]
    assert (table["p_value"] > 0.05).all()
    assert ((table["ci_low"] < 0) & (table["ci_high"] > 0)).all()
    assert (table["visit"] == "5").all()
    assert table["model"].str.contains("period").all()
    assert "must not be used to choose the analysis" in capsys.readouterr().out


def test_without_the_period_it_is_the_paired_difference_up_to_the_imbalance(sheet):
    # 10 against 9: the effect is the mean of the two sequences' mean differences, the paired test's the mean
    # over all participants.
    design, profile = crossover(sheet, BARE)
    table = arm_effects(profile, design).set_index("feature")
    runs = sheet.drop_duplicates("Subject_Id").set_index("Subject_Id")["Diet_run"]
    for acid in ACIDS:
        wide = ends(sheet)[acid]
        by_run = (wide[40] - wide[10]).groupby(runs).mean()
        assert table.loc[acid, "estimate"] == pytest.approx(by_run.mean(), rel=1e-9)


def test_change_inside_each_period(sheet):
    design, profile = crossover(sheet, FULL)
    table = within_arm(profile, design)
    rows = table[table["feature"] == "butyrate"].set_index(["arm", "visit"])
    assert len(rows) == 4
    wide = sheet.pivot(index="Subject_Id", columns="Time.point", values="butyrate")
    runs = sheet.drop_duplicates("Subject_Id").set_index("Subject_Id")["Diet_run"]
    late = (wide[5] - wide[4])[runs == "r10-40"]
    assert rows.loc[("fibre40", "5"), "change"] == pytest.approx(late.mean())
    assert rows.loc[("fibre40", "5"), "n"] == late.notna().sum()

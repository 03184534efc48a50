"""Known effects beside their estimates."""

import numpy as np
import pandas as pd
import pytest
from trial_designs import make_design

from vagus.design.model import write_design
from vagus.errors import VagusError
from vagus.trial.arm_effects import COLUMNS as EFFECT_COLUMNS
from vagus.trial.compare_truth import COLUMNS, compare_truth, main, read_truth

CONTRAST = "probiotic vs placebo"


def effects():
    rows = pd.DataFrame(
        {
            "feature": ["NA", "Roseburia", "Bacteroides", "Dialister"],
            "estimate": [2.0, -1.0, 0.1, np.nan],
            "ci_low": [1.5, -1.4, -0.3, np.nan],
            "ci_high": [2.5, -0.6, 0.5, np.nan],
            "q_value": [0.001, 0.02, 0.8, np.nan],
            "status": ["ok", "ok", "ok", "below prevalence"],
        }
    ).assign(profile="amplicon.genus", contrast=CONTRAST, visit="v2", unit="log2 fold change (CLR)")
    return rows.reindex(columns=EFFECT_COLUMNS)


def write_truth(path, rows):
    lines = ["profile\tfeature\tcontrast\ttruth\tunit", *["\t".join(r) for r in rows]]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_truth_beside_estimate(tmp_path):
    unit = "log2 fold change (CLR)"
    truth = write_truth(
        tmp_path / "truth.tsv",
        [
            ("amplicon.genus", "NA", CONTRAST, "1.8", unit),
            ("amplicon.genus", "Roseburia", CONTRAST, "1", unit),
            ("amplicon.genus", "Bacteroides", CONTRAST, "0", ""),
            ("amplicon.genus", "Dialister", CONTRAST, "0", unit),
            ("amplicon.genus", "Prevotella", CONTRAST, "0", unit),
        ],
    )
    effects().to_csv(tmp_path / "amplicon.genus.tsv", sep="\t", index=False)
    write_design(make_design(), tmp_path / "design.json")
    out = tmp_path / "trial" / "truth.tsv"
    main(str(truth), [str(tmp_path / "amplicon.genus.tsv")], str(tmp_path / "design.json"), str(out))
    table = pd.read_csv(out, sep="\t", dtype=str, keep_default_na=False)
    assert list(table.columns) == COLUMNS
    assert list(table["feature"]) == ["NA", "Roseburia", "Bacteroides", "Dialister", "Prevotella"]
    # Roseburia: significant, but in the wrong direction.
    assert list(table["covered"]) == ["True", "False", "True", "", ""]
    assert list(table["found"]) == ["True", "False", "False", "", ""]
    assert list(table["status"]) == ["ok", "ok", "ok", "below prevalence", "no such row in arm_effects"]
    assert list(table["visit"]) == ["v2"] * 4 + [""]


def test_alpha_is_the_plans(tmp_path):
    truth = read_truth(write_truth(tmp_path / "t.tsv", [("amplicon.genus", "Roseburia", CONTRAST, "-1", "")]))
    strict = [{"name": "a", "profiles": ["amplicon.genus"], "control": "bh", "alpha": 0.01}]
    assert list(compare_truth(truth, effects(), make_design())["found"]) == [True]
    assert list(compare_truth(truth, effects(), make_design(families=strict))["found"]) == [False]


def test_another_unit_is_not_compared(tmp_path):
    truth = read_truth(write_truth(tmp_path / "t.tsv", [("amplicon.genus", "NA", CONTRAST, "1.4", "ln")]))
    row = compare_truth(truth, effects(), make_design()).iloc[0]
    assert row["status"] == "truth in another unit: ln"
    assert pd.isna(row["covered"])
    assert pd.isna(row["found"])


def test_no_effects_at_all(tmp_path):
    truth = read_truth(write_truth(tmp_path / "t.tsv", [("amplicon.genus", "NA", CONTRAST, "1.4", "")]))
    table = compare_truth(truth, pd.DataFrame(columns=EFFECT_COLUMNS), make_design())
    assert list(table["status"]) == ["no such row in arm_effects"]


def test_a_bad_truth_file_is_named(tmp_path):
    with pytest.raises(VagusError, match=r"none\.tsv, which does not exist"):
        read_truth(tmp_path / "none.tsv")
    row = ("amplicon.genus", "NA", CONTRAST, "big", "")
    with pytest.raises(VagusError, match=r"row 2, column 'truth': 'big' is not a number"):
        read_truth(write_truth(tmp_path / "a.tsv", [row]))
    row = ("amplicon.genus", "NA", CONTRAST, "1", "")
    with pytest.raises(VagusError, match="row 3: this effect stands twice"):
        read_truth(write_truth(tmp_path / "b.tsv", [row, row]))
    (tmp_path / "c.tsv").write_text("profile\tfeature\ttruth\n")
    with pytest.raises(VagusError, match="column 'contrast' is missing"):
        read_truth(tmp_path / "c.tsv")

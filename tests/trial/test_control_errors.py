"""Error control across the profiles of a family, and the gates between families."""

import time

import numpy as np
import pandas as pd
import pytest
from trial_designs import make_design

from vagus.design.model import write_design
from vagus.trial.adjust import adjust_p
from vagus.trial.control_errors import control_errors, main

CONTRAST = "probiotic vs placebo"


def effects(profile, p, visit="v2", features=None, contrast=CONTRAST):
    features = features or [f"f{i}" for i in range(len(p))]
    return pd.DataFrame(
        {"profile": profile, "feature": features, "contrast": contrast, "visit": visit, "p_value": p}
    )


def family(name, *profiles, **more):
    return {"name": name, "profiles": list(profiles), "control": "bh", "alpha": 0.05, **more}


def test_bh_and_holm_reach_across_the_profiles_of_a_family():
    table = pd.concat([effects("a.x", [0.01, 0.04]), effects("b.y", [0.02, 0.9]), effects("c.z", [0.03])])
    for control in ("bh", "holm"):
        design = make_design(families=[family("main", "b.y", "a.x", control=control)])
        out, families = control_errors(table, design)
        expected = adjust_p(np.array([0.01, 0.04, 0.02, 0.9]), control)
        np.testing.assert_allclose(out["q_value"], [*expected, 0.03])
        assert list(out["family"]) == ["main"] * 4 + [""]
        assert families.loc[0, ["tests", "rejected"]].tolist() == [4, int((expected <= 0.05).sum())]
    # By itself f0 of a.x would be rejected by either; Holm across both asks for p <= 0.0125 of the first.
    assert out["rejected"].tolist() == [True, False, False, False, True]


def test_fixed_sequence_follows_the_order_of_the_plan():
    table = pd.concat([effects("a.x", [0.01, 0.03]), effects("b.y", [0.2])])
    first = make_design(families=[family("main", "b.y", "a.x", control="fixed_sequence")])
    assert control_errors(table, first)[0]["q_value"].tolist() == [0.2, 0.2, 0.2]
    last = make_design(families=[family("main", "a.x", "b.y", control="fixed_sequence")])
    assert control_errors(table, last)[0]["q_value"].tolist() == [0.01, 0.03, 0.2]
    features = make_design(families=[family("m", "a.x", features=["f1", "f0"], control="fixed_sequence")])
    assert control_errors(table, features)[0]["q_value"].tolist() == [0.03, 0.03, 0.2]


def test_other_visits_features_and_contrasts_are_exploratory_by_themselves():
    table = pd.concat([effects("a.x", [0.02, 0.04]), effects("a.x", [0.02, 0.04], visit="v3")])
    visits = ("v1", "v2", "v3")
    design = make_design(visits=visits, families=[family("main", "a.x", features=["f0"])])
    design.registration = {"status": "registered"}
    out, _ = control_errors(table, design)
    # The primary visit is the last one.
    assert out["family"].tolist() == ["", "", "main", ""]
    assert out["role"].tolist() == ["exploratory", "exploratory", "confirmatory", "exploratory"]
    assert out["q_value"].tolist() == [0.04, 0.04, 0.02, 0.04]


@pytest.mark.parametrize(("p", "state"), [(0.04, "gate passed"), (0.06, "gate not passed")])
def test_a_gate_lets_the_next_families_be_tested_only_when_all_of_it_is_rejected(p, state):
    table = pd.concat([effects("a.x", [0.01, p]), effects("b.y", [1e-6]), effects("c.z", [1e-6])])
    gate = family("first", "a.x", control="fixed_sequence", gate=True)
    design = make_design(families=[gate, family("second", "b.y"), family("third", "c.z")])
    design.registration = {"status": "registered"}
    out, families = control_errors(table, design)
    passed = state == "gate passed"
    assert families.loc[0, "state"] == state
    assert out["rejected"].tolist() == [True, passed, passed, passed]
    assert out["q_value"].notna().tolist() == [True, True, passed, passed]
    assert families["role"].tolist() == ["confirmatory"] + ["confirmatory" if passed else "exploratory"] * 2
    if not passed:
        assert families.loc[2, "state"] == "not tested: first is a gate that was not passed"


def test_a_gate_that_could_not_be_tested_stays_shut():
    table = pd.concat([effects("a.x", [0.01, np.nan]), effects("b.y", [1e-6])])
    for gated in ("a.x", "no.such"):
        design = make_design(families=[family("first", gated, gate=True), family("second", "b.y")])
        out, families = control_errors(table, design)
        assert not out.loc[2, "rejected"]
        assert families.loc[0, "missing_profiles"] == ("" if gated == "a.x" else "no.such")


@pytest.mark.parametrize(
    ("status", "role"),
    [("registered", "confirmatory"), ("deviates", "exploratory"), ("not registered", "not registered")],
)
def test_only_a_registered_plan_confirms(status, role):
    design = make_design(families=[family("main", "a.x")])
    design.registration = {"status": status}
    out, families = control_errors(pd.concat([effects("a.x", [0.01]), effects("b.y", [0.01])]), design)
    assert out["role"].tolist() == [role, "exploratory"]
    assert families["role"].tolist() == [role]


def test_family_wise_error_under_the_null_holds_over_profiles_and_gate():
    rng = np.random.default_rng(5)
    gate = family("first", "a.x", control="holm", gate=True)
    design = make_design(families=[gate, family("second", "b.y", "c.z", control="holm")])
    wrong = 0
    for _ in range(400):
        table = pd.concat([effects("a.x", rng.uniform(size=2)), effects("b.y", rng.uniform(size=3))])
        table = pd.concat([table, effects("c.z", rng.uniform(size=3))])
        wrong += bool(control_errors(table, design)[0]["rejected"].any())
    assert wrong / 400 <= 0.08  # 0.05 expected; standard error 0.011


def test_ten_thousand_features_in_many_profiles_are_fast():
    rng = np.random.default_rng(1)
    table = pd.concat([effects(f"a.p{i}", rng.uniform(size=10_000)) for i in range(12)])
    names = [f"a.p{i}" for i in range(6)]
    began = time.perf_counter()
    out, families = control_errors(table, make_design(families=[family("main", *names)]))
    assert time.perf_counter() - began < 5
    assert (len(out), families.loc[0, "tests"]) == (120_000, 60_000)


def test_tables_are_written_one_a_profile_with_an_empty_one_among_them(tmp_path):
    write_design(make_design(families=[family("main", "a.x", "b.y")]), tmp_path / "design.json")
    tables = {"a.x": effects("a.x", [0.04]), "n.o": effects("n.o", []), "b.y": effects("b.y", [0.03])}
    tables["b.y"]["feature"] = "NA"
    for name, table in tables.items():
        table.assign(q_value=np.nan).to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    ins = [str(tmp_path / f"{name}.tsv") for name in tables]
    outs = [str(tmp_path / "out" / f"{name}.tsv") for name in tables]
    main(ins, str(tmp_path / "design.json"), outs, str(tmp_path / "families.tsv"))
    written = [pd.read_csv(o, sep="\t", keep_default_na=False) for o in outs]
    assert [len(w) for w in written] == [1, 0, 1]
    assert written[2].loc[0, "feature"] == "NA"
    assert (written[0].loc[0, "q_value"], written[0].loc[0, "rejected"]) == (0.04, "yes")
    assert list(written[1].columns)[-3:] == ["family", "role", "rejected"]
    summary = pd.read_csv(tmp_path / "families.tsv", sep="\t")
    assert summary.loc[0, ["tests", "rejected", "gate"]].tolist() == [2, 2, "no"]

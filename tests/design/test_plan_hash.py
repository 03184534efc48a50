"""The hash of a plan knows every value and no way of writing; deviations are listed key by key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from vagus.design.check_plan import read_plan
from vagus.design.findings import Findings
from vagus.design.plan_hash import canonical_plan, hash_plan, plan_deviations
from vagus.design.summary import summarise_design

HASH = "9bad5a0154f9135a111aa05a7eabe764205536602b9876cd1bc6237234522093"
TEXT = """
arms: [placebo, probiotic]
reference_arm: placebo
visits: [baseline, week4, week8]
baseline: baseline
strata: [site]
estimand:
  summary: difference of means
  intercurrent_events:
    - {event: antibiotics, strategy: hypothetical}
families:
  - {name: clinical, profiles: [panel.clinical], control: holm, gate: true}
  - {name: genera, profiles: [amplicon.genus], alpha: 0.1}
responder: {measure: phq9, rule: "drop >= 50%"}
seed: 3
"""
REORDERED = """
# the same, otherwise written
seed: 3
responder:
  rule: 'drop >= 50%'   # half
  measure: phq9
families:
  - name: clinical
    gate: true
    control: holm
    profiles:
      - panel.clinical
    alpha: 5.0e-2
  - {alpha: 1.0e-1, profiles: [amplicon.genus], name: genera, control: bh}
estimand:
  intercurrent_events: [{strategy: hypothetical, event: antibiotics}]
  summary: "difference  of means"
strata: [site]
covariates: []
primary_visit: week8
baseline: baseline
visits: [baseline, week4, week8]
arms: [placebo, probiotic]
reference_arm: placebo
design: parallel
"""


def plan_of(text: str, folder: Path) -> dict[str, Any]:
    path = folder / "plan.yaml"
    path.write_text(text)
    findings = Findings()
    plan = read_plan(path, "plan.yaml", findings)
    assert not findings.problems, findings.problems
    return plan


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, (dict, list)):
        keys = value if isinstance(value, dict) else range(len(value))
        return [leaf for key in keys for leaf in leaves(value[key], (*path, key))]
    return [path]


def test_order_comments_and_defaults_do_not_change_the_hash(tmp_path: Path) -> None:
    first, second = plan_of(TEXT, tmp_path), plan_of(REORDERED, tmp_path)
    assert hash_plan(first) == hash_plan(second)
    assert plan_deviations(first, second) == []
    assert len(hash_plan(first)) == 64
    # Fixed for good: a plan that was registered must keep its hash in later versions.
    assert hash_plan(first) == HASH


def test_every_value_changes_the_hash(tmp_path: Path) -> None:
    plan = plan_of(TEXT, tmp_path)
    seen = {hash_plan(plan)}
    places = leaves(plan)
    assert len(places) > 25
    for path in places:
        other = copy.deepcopy(plan)
        inner = other
        for key in path[:-1]:
            inner = inner[key]
        old = inner[path[-1]]
        inner[path[-1]] = (
            not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else "x"
        )
        digest = hash_plan(other)
        assert digest not in seen, path
        seen.add(digest)
        assert len(plan_deviations(plan, other)) >= 1, path


def test_the_order_of_families_is_a_value(tmp_path: Path) -> None:
    plan = plan_of(TEXT, tmp_path)
    other = copy.deepcopy(plan)
    other["families"].reverse()
    assert hash_plan(other) != hash_plan(plan)
    assert [r["key"] for r in plan_deviations(plan, other)] == ["families (order)"]


def test_a_default_is_left_out_of_what_is_hashed(tmp_path: Path) -> None:
    found = canonical_plan(plan_of(TEXT, tmp_path))
    assert found["families"][1] == {"name": "genera", "profiles": ["amplicon.genus"], "alpha": 0.1}
    assert "design" not in found


def test_deviations_name_key_and_both_values(tmp_path: Path) -> None:
    plan = plan_of(TEXT, tmp_path)
    other = copy.deepcopy(plan)
    other["families"][1]["alpha"] = 0.2
    other["covariates"] = ["age"]
    del other["estimand"]["intercurrent_events"][0]
    rows = {r["key"]: r for r in plan_deviations(plan, other)}
    assert rows["families[genera].alpha"] == {
        "key": "families[genera].alpha",
        "registered": "0.1",
        "now": "0.2",
        "change": "changed",
    }
    assert rows["covariates"]["now"] == '["age"]'
    assert rows["estimand.intercurrent_events[antibiotics].strategy"]["change"] == "removed"


def test_registration_is_found_in_the_design(trial: Any) -> None:
    design = trial.load()
    assert design.registration["status"] == "not registered"
    trial.config["plan_hash"] = "sha256:" + design.registration["hash"].upper()
    assert trial.load().registration["status"] == "registered"


def test_a_changed_plan_is_exploratory_and_its_deviations_are_listed(trial: Any) -> None:
    registered = trial.load().registration["hash"]
    (trial.folder / "registered.yaml").write_text(yaml.safe_dump(trial.plan))
    trial.plan["covariates"] = []
    (trial.folder / "plan.yaml").unlink()
    trial.config |= {"plan_hash": registered, "registered_plan": "registered.yaml"}
    design = trial.load()
    assert design.registration["status"] == "deviates"
    assert [r["key"] for r in design.registration["deviations"]] == ["covariates"]
    assert any("every result is exploratory; 1 deviation is listed" in n for n in design.notes)


def test_a_file_that_is_not_the_registered_plan_is_refused(trial: Any) -> None:
    registered = trial.load().registration["hash"]
    (trial.folder / "other.yaml").write_text(yaml.safe_dump({**trial.plan, "seed": 7}))
    trial.config |= {"plan_hash": registered, "registered_plan": "other.yaml"}
    line = trial.problem()
    assert "other.yaml is not the registered plan: its hash is" in line
    assert "registered_plan" in line


@pytest.mark.parametrize("given", ["abc", "sha1:" + "0" * 40])
def test_a_hash_that_is_none_is_refused(trial: Any, given: str) -> None:
    trial.config["plan_hash"] = given
    assert "64 hexadecimal digits" in trial.problem()


def test_the_check_prints_hash_and_status(trial: Any) -> None:
    design = trial.load()
    text = summarise_design(design)
    assert f"plan       not registered; sha256 {design.registration['hash']}" in text

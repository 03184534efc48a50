"""Schemas are valid, complete, and our check says the same as a JSON Schema library."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from vagus.design.findings import Findings
from vagus.design.make_config_readme import leaves
from vagus.design.schema import check_schema, fill_defaults, load_schema

NAMES = ["config", "plan", "participants", "samples", "measures"]
PLAN = {"arms": ["a", "b"], "visits": ["v"]}


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_and_described(name: str) -> None:
    schema = load_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    for key, sub, _ in leaves(schema):
        assert len(sub.get("description", "")) > 5, key
    if name != "participants":
        assert schema["additionalProperties"] is False


def test_every_config_key_has_a_default() -> None:
    for key, sub, _ in leaves(load_schema("config")):
        assert "default" in sub or key.startswith(("profiles[]", "reads.primers.")), key


def test_defaults_are_right() -> None:
    findings = Findings()
    config = fill_defaults({})
    assert check_schema(config, load_schema("config"), "config", findings), findings.problems
    assert config["amplicon"]["max_ee"] == [2, 2]
    assert fill_defaults(config) == config


def test_fill_defaults_keeps_what_is_given_and_does_not_change_it() -> None:
    given: dict[str, Any] = {
        "amplicon": {"nbases": "1e8", "trunc_q": 3},
        "profiles": [{"name": "a.b", "path": "x", "kind": "counts"}],
    }
    filled = fill_defaults(given)
    assert filled["amplicon"]["nbases"] == 100_000_000
    assert filled["amplicon"]["trunc_q"] == 3
    assert filled["profiles"][0]["format"] == "tsv"
    assert given["amplicon"] == {"nbases": "1e8", "trunc_q": 3}


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("config", {}, True),
        ("config", {"reads": {"primers": {"forward": "ACGT", "reverse": "ACGTN"}}}, True),
        ("config", {"reads": {"primers": {"forward": "ACGT"}}}, False),
        ("config", {"reads": {"primers": {"forward": "ACGT", "reverse": "AC GT"}}}, False),
        ("config", {"reads": {"primers": 5}}, False),
        ("config", {"reads": {"phix": "yes"}}, False),
        ("config", {"reads": {"batch_size": True}}, False),
        ("config", {"reads": {"batch_size": 1.5}}, False),
        ("config", {"reads": []}, False),
        ("config", {"amplicon": {"trunc_len": [240, 160]}}, True),
        ("config", {"amplicon": {"trunc_len": [240, 160, 1]}}, False),
        ("config", {"amplicon": {"trunc_len": ["240", 160]}}, False),
        ("config", {"amplicon": {"trunc_len": "automatic"}}, False),
        ("config", {"amplicon": {"max_ee": [0, 2]}}, False),
        ("config", {"diversity": {"depth": "none", "distances": []}}, True),
        ("config", {"diversity": {"distances": ["jaccard"]}}, False),
        ("config", {"diversity": {"distances": ["aitchison", "aitchison"]}}, False),
        ("config", {"trial": {"confidence": 1}}, False),
        ("config", {"profiles": [{"name": "a.b", "path": "x"}]}, True),
        ("config", {"profiles": [{"name": "a.b"}]}, False),
        ("config", {"profiles": [{"name": "A", "path": "x", "kind": "counts"}]}, False),
        ("config", {"pathvars": {"results": "out"}}, True),
        ("config", {"pathvars": {"results": 1}}, False),
        ("plan", PLAN, True),
        ("plan", {"arms": ["a"]}, False),
        ("plan", {**PLAN, "arms": []}, False),
        ("plan", {**PLAN, "reference_arm": None}, True),
        ("plan", {**PLAN, "reference_arm": 3}, False),
        ("plan", {**PLAN, "responder": {"measure": "m", "rule": "drop >= 50%"}}, True),
        ("plan", {**PLAN, "responder": {"measure": "m", "rule": "half"}}, False),
        (
            "plan",
            {**PLAN, "estimand": {"intercurrent_events": [{"event": "e", "strategy": "ignore"}]}},
            False,
        ),
        ("plan", {**PLAN, "levels": {"site": ["A"]}}, True),
        ("plan", {**PLAN, "levels": {"site": "A"}}, False),
    ],
)
def test_same_verdict_as_a_json_schema_library(name: str, value: Any, right: bool) -> None:
    schema = load_schema(name)
    assert jsonschema.Draft202012Validator(schema).is_valid(value) is right
    assert check_schema(value, schema, name, Findings()) is right

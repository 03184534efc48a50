"""The generated pages are current."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vagus.design.findings import Findings
from vagus.design.make_config_readme import leaves, make_config, make_readme
from vagus.design.read_sheets import read_table
from vagus.design.schema import check_schema, fill_defaults, load_schema

CONFIG = Path(__file__).parents[2] / "config"
FIX = "run `python scripts/vagus/design/make_config_readme.py`"


def test_readme_is_current() -> None:
    assert (CONFIG / "README.md").read_text(encoding="utf-8") == make_readme(), FIX


def test_readme_names_every_key() -> None:
    text = make_readme()
    for name in ("config", "plan", "participants", "samples", "measures"):
        for key, _, _ in leaves(load_schema(name)):
            assert f"`{key}`" in text


def test_config_holds_exactly_the_defaults() -> None:
    text = (CONFIG / "config.yaml").read_text(encoding="utf-8")
    assert text == make_config(), FIX
    assert yaml.safe_load(text) == fill_defaults({})


@pytest.mark.parametrize("name", ["participants", "samples", "measures"])
def test_template_has_a_right_header(name: str) -> None:
    findings = Findings()
    table = read_table(CONFIG / f"{name}.tsv", name, name, findings, may_be_empty=True)
    assert findings.problems == []
    assert set(load_schema(name)["properties"]) <= set(table.columns)


@pytest.mark.parametrize("name", ["participants", "samples", "measures"])
def test_template_examples_are_right(name: str, tmp_path: Path) -> None:
    """The example rows stand before the header in comments; behind it, without #, they must read."""
    lines = (CONFIG / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line[1:] for line in lines if line.startswith("#") and not line.startswith("# ")]
    (tmp_path / "sheet.tsv").write_text("\n".join([lines[-1], *rows]) + "\n", encoding="utf-8")
    findings = Findings()
    table = read_table(tmp_path / "sheet.tsv", name, name, findings)
    assert findings.problems == []
    assert len(table.rows) == len(rows) >= 2


def test_template_plan_is_right() -> None:
    findings = Findings()
    plan = yaml.safe_load((CONFIG / "plan.yaml").read_text(encoding="utf-8"))
    assert check_schema(plan, load_schema("plan"), "plan", findings), findings.problems
    assert set(plan) == set(load_schema("plan")["properties"])

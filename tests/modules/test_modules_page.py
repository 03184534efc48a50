"""The page of the modules is current and shows every module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vagus.modules.make_modules_page import PAGE, figure, main, make_page
from vagus.modules.module_file import Compound, Module, ModuleSet, Step, load_modules


@pytest.fixture(scope="module")
def modules() -> ModuleSet:
    return load_modules()


def compound(name: str) -> Compound:
    return Compound(name, name, None, None, None, (name,))


def test_page_is_current(modules: ModuleSet) -> None:
    assert PAGE.read_text(encoding="utf-8") == make_page(modules), (
        "run `python scripts/vagus/modules/make_modules_page.py`"
    )


def test_every_module_has_its_figure_and_table(modules: ModuleSet) -> None:
    sections = dict(
        part.split("\n", 1) for part in re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]
    )
    assert list(sections) == [m.id for axis in _axes(modules) for m in modules.modules if m.axis == axis]
    for module in modules.modules:
        text = sections[module.id]
        assert text.count("```mermaid\nflowchart LR\n") == 1
        for step in module.steps:
            assert all(ko in text for subunits in step.alternatives for ko in subunits)
            assert all(ec in text for ec in step.ec)
        for source in module.sources:
            kind, value = source.split(":", 1)
            assert f"https://{'doi.org' if kind == 'doi' else 'pubmed.ncbi.nlm.nih.gov'}/{value})" in text


def test_absent_compounds_and_balances_are_on_the_page(modules: ModuleSet) -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = {c.id: c.name for c in modules.compounds}
    tail = text[text.index("## What no bacterial gene supports") :]
    assert all(f"| {names[a.compound]} |" in tail for a in modules.absent)
    assert all(f"| {b.id} |" in text for b in modules.balances)


def test_counts_add_up(modules: ModuleSet) -> None:
    rows = re.findall(r"^\| ([A-Za-z ,-]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", make_page(modules), re.M)
    *axes, (name, total, *tiers) = rows
    assert name == "all"
    assert int(total) == len(modules.modules) == sum(map(int, tiers)) == sum(int(row[1]) for row in axes)
    assert all(int(row[1]) == sum(map(int, row[2:])) for row in axes)


def test_a_figure_marks_signature_and_optional_steps() -> None:
    steps = (
        Step("first", (("K00001",), ("K00002", "K00003")), ("1.1.1.1",)),
        Step("aside", (("K00004",),), (), optional=True),
        Step("last", (("K00005",),), (), signature=True),
    )
    module = Module("M", "m", "GAS", ("b",), ("a",), steps, 1.0, "A", ("pmid:1",))
    lines = figure(module, {"a": compound("a"), "b": compound("b")}).splitlines()
    assert '  u_a(["a"])' in lines
    assert '  s1["first<br/>K00001<br/>or K00002 + K00003"]' in lines
    assert '  s2["aside<br/>K00004"]:::optional' in lines
    assert '  s3[["last<br/>K00005"]]' in lines
    arrows = [line.strip() for line in lines if (">" in line and "--" in line) or "-.->" in line]
    assert arrows == ["u_a --> s1", "s1 -.-> s2", "s1 --> s3", "s2 -.-> s3", "s3 --> m_b"]


def test_a_control_has_no_arrows() -> None:
    module = Module("M", "m", "CONTROL", (), (), (Step("s", (("K00001",),), ()),) * 2, 1.0, "C", ("pmid:1",))
    assert "->" not in figure(module, {})


def test_check_tells_an_old_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "modules.md"
    assert main(["--check"], page) == 1
    assert "is not current; fix: run" in capsys.readouterr().out
    assert main([], page) == 0
    assert main(["--check"], page) == 0
    page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert main(["--check"], page) == 1


def _axes(modules: ModuleSet) -> list[str]:
    from vagus.modules.make_modules_page import AXES

    assert {m.axis for m in modules.modules} <= set(AXES)
    return list(AXES)

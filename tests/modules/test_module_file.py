"""The shipped module file, and every rule by a copy that breaks it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vagus.design.schema import load_schema
from vagus.errors import VagusError
from vagus.modules.lint_modules import lint, main
from vagus.modules.make_modules_page import AXES
from vagus.modules.module_file import Module, ModuleSet, load_modules

ROOT = Path(__file__).parents[2]
MARKERS = ROOT / "resources" / "single_copy_markers.tsv"
SCIENCE = ROOT.parent / "shared" / "SCIENCE.md"

SMALL: dict[str, Any] = {
    "version": "1.0.0",
    "licence": "CC-BY-4.0",
    "title": "small",
    "compounds": [
        {
            "id": "a",
            "name": "A",
            "chebi": "CHEBI:1",
            "hmdb": "HMDB0000001",
            "kegg": "C00001",
            "measured_as": ["a"],
        },
        {"id": "b", "name": "B", "chebi": None, "hmdb": None, "kegg": None, "measured_as": ["b", "b acid"]},
        {"id": "c", "name": "C", "chebi": None, "hmdb": None, "kegg": None, "measured_as": ["c"]},
    ],
    "modules": [
        {
            "id": "M1",
            "name": "b from a",
            "axis": "GAS",
            "makes": ["b"],
            "uses": ["a"],
            "steps": [
                {"name": "one", "ko": "K00001,K00002+K00003", "ec": ["1.1.1.1", "1.3.1.n5"]},
                {"name": "two", "ko": "(K00004,K00005)+K00006", "ec": [], "signature": True},
                {"name": "three", "ko": "K00007", "ec": []},
                {"name": "four", "ko": "K00008", "ec": [], "optional": True},
            ],
            "coverage": 0.66,
            "tier": "A",
            "sources": ["doi:10.1000/x.1", "pmid:1"],
            "crossref": {"gbm": ["MGB001"], "gmm": ["MF0001"]},
            "notes": "n",
        },
        {
            "id": "M2",
            "name": "b used",
            "axis": "GAS",
            "makes": [],
            "uses": ["b"],
            "steps": [{"name": "one", "ko": "K00009", "ec": []}],
            "coverage": 1.0,
            "tier": "B",
            "sources": ["pmid:2"],
        },
    ],
    "absent": [{"compound": "c", "reason": "r", "sources": ["pmid:3"]}],
    "balances": [{"id": "B1", "numerator": ["M1"], "denominator": ["M2"], "note": "n"}],
    "unchecked": ["M1: ec", "a: chebi"],
}


def write(path: Path, raw: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return path


def at(*keys: str | int) -> Callable[[dict[str, Any]], Any]:
    """Return what walks down to the block of these keys."""

    def walk(raw: Any) -> Any:
        for key in keys:
            raw = raw[key]
        return raw

    return walk


M1, STEP, COMPOUND = at("modules", 0), at("modules", 0, "steps", 0), at("compounds", 0)
SIGNATURE, BALANCE, ABSENT = at("modules", 0, "steps", 1), at("balances", 0), at("absent", 0)
BROKEN = [
    (M1, {"uses": ["ba"]}, r"'M1.uses': unknown compound \(value 'ba'\)"),
    (M1, {"makes": ["z"]}, r"'M1.makes': unknown compound \(value 'z'\)"),
    (ABSENT, {"compound": "z"}, r"'absent': unknown compound \(value 'z'\)"),
    (ABSENT, {"compound": "b"}, "called absent, yet module M1 makes it"),
    (M1, {"makes": ["a"]}, r"'M1': compound both made and used \(value 'a'\)"),
    (at("modules", 1), {"uses": []}, "'M2': neither makes nor uses a compound"),
    (STEP, {"ko": "K00001+K00002,K00001+K00003"}, r"'M1.one.ko': KO twice in one step.*value 'K00001'"),
    (STEP, {"ko": "K1"}, "'M1.one.ko': 'K1': 'K1' is no KO number"),
    (STEP, {"name": "two"}, r"'M1': two steps of one name \(value 'two'\)"),
    (at("modules", 1, "steps", 0), {"optional": True}, "'M2': no required step"),
    (SIGNATURE, {"optional": True}, "'M1.two': a signature step cannot be optional"),
    (M1, {"coverage": 0.6}, r"'M1.coverage': coverage is not a whole number of its 3 .*0.33, 0.66, 1.0"),
    (M1, {"coverage": 0.67}, "'M1.coverage': coverage is not a whole number"),
    (M1, {"coverage": 1.2}, r"modules\[1\].coverage': wrong value"),
    (at("compounds", 1), {"id": "a"}, r"id twice in compounds \(value 'a'\)"),
    (at("modules", 1), {"id": "M1"}, r"id twice in modules or balances \(value 'M1'\)"),
    (BALANCE, {"id": "M2"}, r"id twice in modules or balances \(value 'M2'\)"),
    (
        COMPOUND,
        {"measured_as": ["a", "b acid"]},
        r"measured name of two compounds, a and b \(value 'b acid'\)",
    ),
    (COMPOUND, {"measured_as": ["A"]}, r"measured_as\[1\]': wrong value"),
    (at("modules", 0), {"uses": []}, r"'compounds': compound that no module makes or uses \(value 'a'\)"),
    (BALANCE, {"numerator": ["M3"]}, r"'B1.numerator': unknown module \(value 'M3'\)"),
    (BALANCE, {"denominator": ["M1"]}, r"'B1': module on both sides \(value 'M1'\)"),
    (M1, {"sources": ["10.1000/x.1"]}, r"sources\[1\]': wrong value"),
    (M1, {"sources": ["doi:11.1000/x"]}, r"sources\[1\]': wrong value"),
    (M1, {"sources": ["pmid:x1"]}, r"sources\[1\]': wrong value"),
    (M1, {"sources": []}, "sources': wrong value"),
    (COMPOUND, {"chebi": "17968"}, "chebi': wrong value"),
    (COMPOUND, {"hmdb": "HMDB00039"}, "hmdb': wrong value"),
    (COMPOUND, {"kegg": "K00001"}, "kegg': wrong value"),
    (STEP, {"ec": ["1.1.1.-"]}, r"ec\[1\]': wrong value"),
    (STEP, {"ec": ["8.1.1.1"]}, r"ec\[1\]': wrong value"),
    (M1, {"axis": "BRAIN"}, "axis': wrong value"),
    (M1, {"tier": "D"}, "tier': wrong value"),
    (M1, {"crossref": {"gbm": ["MF0001"]}}, r"gbm\[1\]': wrong value"),
    (at(), {"unchecked": ["M1: colour"]}, r"'unchecked': no such id or field \(value 'M1: colour'\)"),
    (at(), {"extra": 1}, "unknown key 'extra'"),
]


def test_a_right_file_is_read_as_written(tmp_path: Path) -> None:
    modules = load_modules(write(tmp_path / "m.yaml", SMALL))
    first, second = modules.modules
    assert first.steps[0].alternatives == (("K00001",), ("K00002", "K00003"))
    assert first.steps[1].alternatives == (("K00004", "K00006"), ("K00005", "K00006"))
    assert [s.signature for s in first.steps] == [False, True, False, False]
    assert [s.optional for s in first.steps] == [False, False, False, True]
    assert (len(first.required), first.needed) == (3, 2)
    assert (second.needed, second.makes, second.notes, dict(second.crossref)) == (1, (), "", {})
    assert first.crossref == {"gbm": ("MGB001",), "gmm": ("MF0001",)}
    assert modules.compounds[1].measured_as == ("b", "b acid")
    assert modules.unchecked == ("M1: ec", "a: chebi")


@pytest.mark.parametrize(("where", "change", "words"), BROKEN)
def test_a_broken_copy_is_refused(
    tmp_path: Path, where: Callable[[Any], Any], change: dict[str, Any], words: str
) -> None:
    raw = copy.deepcopy(SMALL)
    where(raw).update(change)
    with pytest.raises(VagusError, match=words):
        load_modules(write(tmp_path / "m.yaml", raw))


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    raw = copy.deepcopy(SMALL)
    M1(raw).update({"coverage": 0.5, "uses": ["a", "z"]})
    BALANCE(raw).update({"numerator": ["M9"]})
    path = write(tmp_path / "m.yaml", raw)
    with pytest.raises(VagusError) as caught:
        load_modules(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path} has 3 problems:"
    assert [line.split(".")[0].strip() for line in lines[1:]] == ["1", "2", "3"]
    assert [f"  {i}. {line}" for i, line in enumerate(lint([path]), 1)] == lines[1:]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [1", encoding="utf-8")
    with pytest.raises(VagusError, match=r"bad\.yaml: line \d+: not valid YAML"):
        load_modules(tmp_path / "bad.yaml")
    with pytest.raises(VagusError, match=r"none\.yaml: cannot be read"):
        load_modules(tmp_path / "none.yaml")


def test_the_command_prints_problems_and_returns_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == ""
    raw = copy.deepcopy(SMALL)
    M1(raw)["coverage"] = 0.5
    assert main([str(write(tmp_path / "m.yaml", raw))]) == 1
    assert capsys.readouterr().out.count("\n") == 1


@pytest.fixture(scope="module")
def shipped() -> ModuleSet:
    return load_modules()


def kos(module: Module) -> set[str]:
    return {ko for step in module.steps for subunits in step.alternatives for ko in subunits}


def test_the_shipped_file_covers_every_axis(shipped: ModuleSet) -> None:
    assert len(shipped.modules) >= 60
    axes = load_schema("modules")["properties"]["modules"]["items"]["properties"]["axis"]["enum"]
    assert {m.axis for m in shipped.modules} == set(axes) == set(AXES)


def test_shipped_coverage_is_two_thirds_rounded_up(shipped: ModuleSet) -> None:
    for module in shipped.modules:
        required = len(module.required)
        needed = required if required <= 2 else -(-2 * required // 3)
        assert module.needed == needed, module.id
        # the plain comparison that a scorer makes must agree with the number of steps
        assert needed / required >= module.coverage > (needed - 1) / required


def test_the_ribosome_is_made_of_single_copy_markers(shipped: ModuleSet) -> None:
    markers = set(re.findall(r"^K\d{5}", MARKERS.read_text(encoding="utf-8"), re.M))
    ribosome = next(m for m in shipped.modules if m.id == "RIBOSOME")
    assert len(kos(ribosome)) == 12
    assert kos(ribosome) <= markers


def test_genes_that_no_gut_bacterium_vouches_for_stay_out(shipped: ModuleSet) -> None:
    """Animal genes, and calls of other module sets that are not to be inherited."""
    used = set().union(*(kos(m) for m in shipped.modules))
    banned = {"K00463", "K00502", "K00503", "K00553", "K00492", "K00623", "K00624", "K00613", "K03150"}
    assert not used & banned
    assert {"serotonin", "noradrenaline", "adrenaline"} <= {a.compound for a in shipped.absent}


def test_every_step_without_an_ec_number_is_explained(shipped: ModuleSet) -> None:
    for module in shipped.modules:
        if any(not step.ec for step in module.steps):
            assert re.search("EC number|no enzyme|No enzyme|antiporter", module.notes), module.id


def test_shipped_kos_are_those_of_the_facts(shipped: ModuleSet) -> None:
    if not SCIENCE.exists():
        pytest.skip(f"{SCIENCE} is absent")
    text = SCIENCE.read_text(encoding="utf-8")
    table = set(re.findall(r"K\d{5}", text[text.index("## 1.6") : text.index("## 1.7")]))
    used = set().union(*(kos(m) for m in shipped.modules if m.id != "RIBOSOME"))
    assert used <= table
    # what the table names only to leave it out
    assert table - used == {"K00463", "K00502", "K00503", "K00553", "K00613"}

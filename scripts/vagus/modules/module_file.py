"""The module file: which genes let bacteria make or use which compound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vagus.design.findings import Findings
from vagus.design.schema import CLONE, check_schema, load_schema, read_yaml
from vagus.errors import VagusError
from vagus.modules.ko_expression import parse_kos
from vagus.modules.module_rules import check_rules

MODULES = CLONE / "resources" / "modules" / "neuroactive.yaml"


@dataclass(frozen=True)
class Step:
    """One reaction of a module.

    Parameters
    ----------
    name
        What happens.
    alternatives
        Enzymes that each can do it; an enzyme is the KOs of its subunits.
    ec
        EC numbers that each can do it, for tables without KOs; empty where there is none.
    optional
        Whether the module runs without it.
    signature
        Whether the module is absent without it.
    """

    name: str
    alternatives: tuple[tuple[str, ...], ...]
    ec: tuple[str, ...]
    optional: bool = False
    signature: bool = False


@dataclass(frozen=True)
class Module:
    """A way to make or use compounds.

    Parameters
    ----------
    id, name, axis
        Id, what it does, and its group.
    makes, uses
        Ids of compounds; a module that only uses makes nothing.
    steps
        In order.
    coverage
        Least share of the required steps.
    tier
        A shown in gut isolates, B plausible or contested, C housekeeping.
    sources
        `doi:...` and `pmid:...`.
    crossref
        Name of another module set -> ids in it.
    notes
        Doubt and limits, "" if none.
    """

    id: str
    name: str
    axis: str
    makes: tuple[str, ...]
    uses: tuple[str, ...]
    steps: tuple[Step, ...]
    coverage: float
    tier: str
    sources: tuple[str, ...]
    crossref: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: str = ""

    @property
    def required(self) -> tuple[Step, ...]:
        """The steps that count."""
        return tuple(step for step in self.steps if not step.optional)

    @property
    def needed(self) -> int:
        """How many of the required steps must be seen."""
        return round(self.coverage * len(self.required))


@dataclass(frozen=True)
class Compound:
    """A compound: its ids elsewhere (None where unsure) and the names that laboratories give it."""

    id: str
    name: str
    chebi: str | None
    hmdb: str | None
    kegg: str | None
    measured_as: tuple[str, ...]


@dataclass(frozen=True)
class Absent:
    """A compound that no bacterial KO supports, and why."""

    compound: str
    reason: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Balance:
    """A log-ratio of modules."""

    id: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class ModuleSet:
    """A module file; `unchecked` names the fields that nobody has looked up yet."""

    version: str
    licence: str
    title: str
    modules: tuple[Module, ...]
    compounds: tuple[Compound, ...]
    absent: tuple[Absent, ...]
    balances: tuple[Balance, ...]
    unchecked: tuple[str, ...] = ()


def find_problems(path: str | Path) -> tuple[Any, Findings]:
    """Read a module file and gather everything that is wrong in it.

    Parameters
    ----------
    path
        YAML as `workflow/schemas/modules.schema.yaml` has it.

    Returns
    -------
    tuple
        The file as plain types, and what was found. The rules are checked once the schema holds.

    Raises
    ------
    VagusError
        If it cannot be read or is not YAML.
    """
    try:
        raw = read_yaml(path)
    except OSError as error:
        raise VagusError(f"{path}: cannot be read ({error.strerror}); fix: give the path of a file") from None
    except VagusError as error:
        raise VagusError(f"{path}: {error}") from None
    findings = Findings()
    if check_schema(raw, load_schema("modules"), str(path), findings):
        check_rules(raw, str(path), findings)
    return raw, findings


def load_modules(path: str | Path = MODULES) -> ModuleSet:
    """Read and check a module file.

    Parameters
    ----------
    path
        YAML as `workflow/schemas/modules.schema.yaml` has it.

    Returns
    -------
    ModuleSet
        In the order of the file.

    Raises
    ------
    VagusError
        Naming every problem at once.
    """
    raw, findings = find_problems(path)
    if findings.problems:
        many = "s" if len(findings.problems) > 1 else ""
        lines = [f"  {i}. {problem}" for i, problem in enumerate(findings.problems, 1)]
        raise VagusError("\n".join([f"{path} has {len(lines)} problem{many}:", *lines]))
    return ModuleSet(
        raw["version"],
        raw["licence"],
        raw["title"],
        tuple(_module(entry) for entry in raw["modules"]),
        tuple(Compound(**entry | {"measured_as": tuple(entry["measured_as"])}) for entry in raw["compounds"]),
        tuple(Absent(a["compound"], a["reason"], tuple(a["sources"])) for a in raw["absent"]),
        tuple(
            Balance(b["id"], tuple(b["numerator"]), tuple(b["denominator"]), b["note"])
            for b in raw["balances"]
        ),
        tuple(raw.get("unchecked", [])),
    )


def _module(entry: Mapping[str, Any]) -> Module:
    steps = tuple(
        Step(
            step["name"],
            parse_kos(step["ko"]),
            tuple(step["ec"]),
            step.get("optional", False),
            step.get("signature", False),
        )
        for step in entry["steps"]
    )
    return Module(
        entry["id"],
        entry["name"],
        entry["axis"],
        tuple(entry["makes"]),
        tuple(entry["uses"]),
        steps,
        float(entry["coverage"]),
        entry["tier"],
        tuple(entry["sources"]),
        {key: tuple(ids) for key, ids in entry.get("crossref", {}).items()},
        entry.get("notes", ""),
    )

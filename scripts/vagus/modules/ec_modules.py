"""Modules by EC numbers, for tables that have no KOs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EcStep:
    """A step by its EC numbers; each is an alternative."""

    alternatives: tuple[tuple[str, ...], ...]
    optional: bool
    signature: bool


@dataclass(frozen=True)
class EcModule:
    """A module whose steps are EC numbers."""

    id: str
    steps: tuple[EcStep, ...]
    coverage: float


def by_ec(modules: Iterable[Any]) -> tuple[list[EcModule], list[str]]:
    """Turn modules of KOs into modules of EC numbers, for tables that have no KOs.

    Parameters
    ----------
    modules
        With `ec` in their steps.

    Returns
    -------
    modules, left_out
        Modules that can be seen by EC, and the ids of those that can not: a signature step without a whole EC
        number, or no step with one. Other steps without an EC number are not looked for.
    """
    made: list[EcModule] = []
    left_out: list[str] = []
    for module in modules:
        steps = []
        blind = False
        for step in module.steps:
            whole = tuple((ec,) for ec in step.ec if "-" not in ec)
            if whole:
                steps.append(EcStep(whole, step.optional, step.signature))
            blind |= step.signature and not whole
        if blind or all(step.optional for step in steps):
            left_out.append(module.id)
        else:
            made.append(EcModule(module.id, tuple(steps), module.coverage))
    return made, left_out

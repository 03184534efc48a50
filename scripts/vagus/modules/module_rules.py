"""Rules of a module file that a schema cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vagus.design.findings import Findings, did_you_mean, listed
from vagus.errors import VagusError
from vagus.modules.ko_expression import parse_kos, written_kos


def check_rules(raw: Mapping[str, Any], file: str, findings: Findings) -> None:
    """Check a module file that fits its schema and add every problem.

    Parameters
    ----------
    raw
        The file as plain types.
    file
        Its name, for the messages.
    findings
        Where problems go.
    """
    compounds = [c["id"] for c in raw["compounds"]]
    modules = [m["id"] for m in raw["modules"]]
    names = [*modules, *(b["id"] for b in raw["balances"])]
    for block, ids in (("compounds", compounds), ("modules or balances", names)):
        for twice in _repeats(ids):
            findings.problem(file, f"id twice in {block}", "rename one of them", value=twice)
    _check_names(raw["compounds"], file, findings)
    for module in raw["modules"]:
        _check_module(module, compounds, file, findings)
    _check_absent(raw, compounds, file, findings)
    for balance in raw["balances"]:
        _check_balance(balance, modules, file, findings)
    _check_unchecked(raw, file, findings)


def _check_names(compounds: Iterable[Mapping[str, Any]], file: str, findings: Findings) -> None:
    """A measured name must lead to one compound."""
    owners: dict[str, str] = {}
    for compound in compounds:
        for name in compound["measured_as"]:
            if name in owners:
                findings.problem(
                    file,
                    f"measured name of two compounds, {owners[name]} and {compound['id']}",
                    "leave it with one of them",
                    column=compound["id"],
                    value=name,
                )
            owners.setdefault(name, compound["id"])


def _check_module(module: Mapping[str, Any], compounds: list[str], file: str, findings: Findings) -> None:
    name = module["id"]
    for side in ("makes", "uses"):
        for compound in module[side]:
            if compound not in compounds:
                _unknown(compound, compounds, "compound", f"{name}.{side}", file, findings)
    both = [c for c in module["makes"] if c in module["uses"]]
    if both:
        findings.problem(
            file, "compound both made and used", "keep one side", column=name, value=listed(both)
        )
    if not module["makes"] and not module["uses"] and module["axis"] != "CONTROL":
        findings.problem(
            file, "neither makes nor uses a compound", "name one, or set axis: CONTROL", column=name
        )
    for twice in _repeats([step["name"] for step in module["steps"]]):
        findings.problem(file, "two steps of one name", "rename one of them", column=name, value=twice)
    for step in module["steps"]:
        _check_step(step, f"{name}.{step['name']}", file, findings)
    required = sum(not step.get("optional", False) for step in module["steps"])
    if required == 0:
        findings.problem(file, "no required step", "take 'optional: true' off one step", column=name)
        return
    # two decimals, cut: seen / required >= coverage then holds in floating point too
    shares = [int(100 * k / required + 1e-9) / 100 for k in range(1, required + 1)]
    if module["coverage"] not in shares:
        findings.problem(
            file,
            f"coverage is not a whole number of its {required} required steps",
            "give one of these",
            column=f"{name}.coverage",
            value=str(module["coverage"]),
            allowed=listed(shares),
        )


def _check_step(step: Mapping[str, Any], where: str, file: str, findings: Findings) -> None:
    try:
        parse_kos(step["ko"])
    except VagusError as error:
        findings.problem(file, str(error), "rewrite it", column=f"{where}.ko")
    for twice in _repeats(written_kos(step["ko"])):
        findings.problem(
            file,
            "KO twice in one step, so it would count twice",
            "write it once, as in K00001+(K00002,K00003)",
            column=f"{where}.ko",
            value=twice,
        )
    if step.get("signature") and step.get("optional"):
        findings.problem(
            file,
            "a signature step cannot be optional",
            "take off 'optional' or 'signature'",
            column=where,
        )


def _check_absent(raw: Mapping[str, Any], compounds: list[str], file: str, findings: Findings) -> None:
    made = {c: m["id"] for m in raw["modules"] for c in m["makes"]}
    used = {c for m in raw["modules"] for c in (*m["makes"], *m["uses"])}
    absent = [a["compound"] for a in raw["absent"]]
    for compound in absent:
        if compound not in compounds:
            _unknown(compound, compounds, "compound", "absent", file, findings)
        if compound in made:
            findings.problem(
                file,
                f"called absent, yet module {made[compound]} makes it",
                "drop one of the two",
                column="absent",
                value=compound,
            )
    for compound in compounds:
        if compound not in used and compound not in absent:
            findings.problem(
                file, "compound that no module makes or uses", "remove it", column="compounds", value=compound
            )


def _check_balance(balance: Mapping[str, Any], modules: list[str], file: str, findings: Findings) -> None:
    for side in ("numerator", "denominator"):
        for name in balance[side]:
            if name not in modules:
                _unknown(name, modules, "module", f"{balance['id']}.{side}", file, findings)
    both = [name for name in balance["numerator"] if name in balance["denominator"]]
    if both:
        findings.problem(
            file, "module on both sides", "keep one side", column=balance["id"], value=listed(both)
        )


def _check_unchecked(raw: Mapping[str, Any], file: str, findings: Findings) -> None:
    fields = {
        entry["id"]: {*entry, *(key for step in entry.get("steps", []) for key in step)}
        for entry in (*raw["compounds"], *raw["modules"])
    }
    for item in raw.get("unchecked", []):
        name, _, key = item.partition(": ")
        if key not in fields.get(name, set()):
            findings.problem(file, "no such id or field", "write 'id: field'", column="unchecked", value=item)


def _unknown(word: str, known: list[str], kind: str, where: str, file: str, findings: Findings) -> None:
    findings.problem(
        file,
        f"unknown {kind}",
        did_you_mean(word, known, f"add it, or name a {kind} of this file"),
        column=where,
        value=word,
    )


def _repeats(words: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    twice: list[str] = []
    for word in words:
        if word in seen and word not in twice:
            twice.append(word)
        seen.add(word)
    return twice

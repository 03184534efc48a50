"""Write resources/docs/modules.md from the module file; `--check` only tells whether it is current.

Run it from the clone: `python scripts/vagus/modules/make_modules_page.py`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.design.schema import CLONE
from vagus.modules.module_file import Compound, Module, ModuleSet, Step, load_modules

PAGE = CLONE / "resources" / "docs" / "modules.md"
AXES = {
    "SCFA": "Short-chain fatty acids",
    "GABA_GLUTAMATE": "GABA and glutamate",
    "TRYPTOPHAN": "Tryptophan",
    "CATECHOLAMINE": "Catecholamines",
    "AMINE": "Amines, phenols and methylamines",
    "BILE_ACID": "Bile acids",
    "HORMONE": "Hormones",
    "INFLAMMATION": "Inflammation",
    "VITAMIN": "Vitamins",
    "GAS": "Gases",
    "CONTROL": "Controls and housekeeping",
}
TIERS = {"A": "shown in gut isolates", "B": "plausible or contested", "C": "housekeeping, nearly everywhere"}
HEAD = """# Modules: genes to neuroactive molecules

This page is generated from `resources/modules/neuroactive.yaml` by
`python scripts/vagus/modules/make_modules_page.py`.

How to read a figure: rounded nodes are compounds, boxes are steps with their KO numbers. `or` stands between
enzymes that each can do the step, `+` between the subunits of one enzyme. A step with a double frame is a
**signature**: without it the module is absent, whatever else is seen. A dashed step is optional and not
counted. Steps without arrows have no order. Coverage says how many of the required steps must be seen in one
organism. A module says what genes allow, not what is made.
"""


def make_page(modules: ModuleSet) -> str:
    """Return the page.

    Parameters
    ----------
    modules
        What `load_modules` returned.
    """
    compounds = {c.id: c for c in modules.compounds}
    parts = [HEAD, _counts(modules)]
    for axis, title in AXES.items():
        members = [m for m in modules.modules if m.axis == axis]
        if members:
            parts.append(f"## {title}\n")
            parts += [_section(m, compounds) for m in members]
    parts += [_balances(modules), _absent(modules, compounds), _compounds(modules), _unchecked(modules)]
    return "\n".join(parts).rstrip() + "\n"


def figure(module: Module, compounds: Mapping[str, Compound]) -> str:
    """Return a module as a mermaid flow chart.

    Parameters
    ----------
    module
        The module.
    compounds
        Id -> compound.
    """
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'  u_{c}(["{_quoted(compounds[c].name)}"])' for c in module.uses]
    for i, step in enumerate(module.steps, 1):
        left, right = ("[[", "]]") if step.signature else ("[", "]")
        kos = _kos(step, "<br/>or ")
        dashed = ":::optional" if step.optional else ""
        lines.append(f'  s{i}{left}"{_quoted(step.name)}<br/>{kos}"{right}{dashed}')
    lines += [f'  m_{c}(["{_quoted(compounds[c].name)}"])' for c in module.makes]
    if module.uses or module.makes:
        lines += _arrows(module)
    if any(step.optional for step in module.steps):
        lines.append("  classDef optional stroke-dasharray: 5 5")
    return "\n".join([*lines, "```"])


def _arrows(module: Module) -> list[str]:
    """Required steps in a chain; an optional one hangs on its neighbours by dashed arrows."""
    lines = []
    ends = [f"u_{c}" for c in module.uses]
    waiting: list[str] = []
    for i, step in enumerate(module.steps, 1):
        here = f"s{i}"
        if step.optional:
            lines += [f"  {end} -.-> {here}" for end in ends]
            waiting.append(here)
            continue
        lines += [f"  {end} --> {here}" for end in ends] + [f"  {end} -.-> {here}" for end in waiting]
        ends, waiting = [here], []
    for compound in module.makes:
        lines += [f"  {end} --> m_{compound}" for end in ends]
        lines += [f"  {end} -.-> m_{compound}" for end in waiting]
    return lines


def _section(module: Module, compounds: Mapping[str, Compound]) -> str:
    required, needed = len(module.required), module.needed
    lines = [
        f"### {module.id}",
        "",
        f"{module.name[0].upper()}{module.name[1:]}.",
        "",
        figure(module, compounds),
        "",
        "| step | KO | EC | kind |",
        "|---|---|---|---|",
    ]
    for step in module.steps:
        kind = "optional" if step.optional else ("signature" if step.signature else "required")
        lines.append(
            f"| {_cell(step.name)} | {_kos(step, ' or ')} | {', '.join(step.ec) or 'none'} | {kind} |"
        )
    lines += [
        "",
        f"- Makes {_named(module.makes, compounds)}; uses {_named(module.uses, compounds)}.",
        f"- Coverage {module.coverage:g}: {needed} of {required} required step{'s' if required > 1 else ''}.",
        f"- Tier {module.tier}: {TIERS[module.tier]}.",
        f"- Sources: {_links(module.sources)}.",
    ]
    for key, ids in module.crossref.items():
        lines.append(f"- Compare {key.upper()} {', '.join(ids)}.")
    if module.notes:
        lines.append(f"- {module.notes}")
    return "\n".join(lines) + "\n"


def _counts(modules: ModuleSet) -> str:
    cells = Counter((m.axis, m.tier) for m in modules.modules)
    lines = [
        f"Version {modules.version}, licence {modules.licence}: {len(modules.modules)} modules, "
        f"{len(modules.compounds)} compounds.",
        "",
        "| axis | modules | tier A | tier B | tier C |",
        "|---|---|---|---|---|",
    ]
    for axis, title in AXES.items():
        row = [cells[axis, tier] for tier in TIERS]
        lines.append(f"| {title} | {sum(row)} | {' | '.join(map(str, row))} |")
    total = [sum(m.tier == tier for m in modules.modules) for tier in TIERS]
    lines.append(f"| all | {sum(total)} | {' | '.join(map(str, total))} |")
    return "\n".join([*lines, "", *(f"- Tier {key}: {text}." for key, text in TIERS.items())]) + "\n"


def _balances(modules: ModuleSet) -> str:
    lines = [
        "## Balances",
        "",
        "Log-ratios of modules.",
        "",
        "| id | above | below | meaning |",
        "|---|---|---|---|",
    ]
    for b in modules.balances:
        lines.append(f"| {b.id} | {', '.join(b.numerator)} | {', '.join(b.denominator)} | {_cell(b.note)} |")
    return "\n".join(lines) + "\n"


def _absent(modules: ModuleSet, compounds: Mapping[str, Compound]) -> str:
    lines = ["## What no bacterial gene supports", "", "| compound | why | sources |", "|---|---|---|"]
    for a in modules.absent:
        lines.append(f"| {_cell(compounds[a.compound].name)} | {_cell(a.reason)} | {_links(a.sources)} |")
    return "\n".join(lines) + "\n"


def _compounds(modules: ModuleSet) -> str:
    lines = [
        "## Compounds",
        "",
        "| id | name | ChEBI | HMDB | KEGG | measured as |",
        "|---|---|---|---|---|---|",
    ]
    for c in modules.compounds:
        ids = " | ".join(v or "" for v in (c.chebi, c.hmdb, c.kegg))
        lines.append(f"| {c.id} | {_cell(c.name)} | {ids} | {_cell('; '.join(c.measured_as))} |")
    return "\n".join(lines) + "\n"


def _unchecked(modules: ModuleSet) -> str:
    if not modules.unchecked:
        return ""
    head = "## Not looked up\n\nThese fields were written from memory and not yet looked up.\n\n"
    return head + "".join(f"- {item}\n" for item in modules.unchecked)


def _kos(step: Step, between: str) -> str:
    return between.join(" + ".join(subunits) for subunits in step.alternatives)


def _named(ids: Sequence[str], compounds: Mapping[str, Compound]) -> str:
    return ", ".join(compounds[c].name for c in ids) or "no compound of the list"


def _links(sources: Sequence[str]) -> str:
    links = []
    for source in sources:
        kind, _, value = source.partition(":")
        base = "https://doi.org/" if kind == "doi" else "https://pubmed.ncbi.nlm.nih.gov/"
        links.append(f"[{source}]({base}{value})")
    return ", ".join(links)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")


def main(arguments: Sequence[str], page: Path = PAGE) -> int:
    """Write the page, or with `--check` return 1 if it is not current.

    Parameters
    ----------
    arguments
        `--check` or nothing.
    page
        Where to.
    """
    text = make_page(load_modules())
    if "--check" not in arguments:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == text:
        return 0
    print(f"{page} is not current; fix: run `python scripts/vagus/modules/make_modules_page.py`")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

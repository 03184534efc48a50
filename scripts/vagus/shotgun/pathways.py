"""Pathways from KO numbers: every required step must be there, nothing is filled in."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vagus.errors import VagusError
from vagus.modules.ko_expression import parse_kos
from vagus.shotgun.genome_size import per_genome
from vagus.shotgun.tables import write_function

PATHWAY_COLUMNS = ("pathway", "name", "step", "kos", "optional", "source")
_YES = {"yes": True, "no": False, "": False}


@dataclass(frozen=True)
class Step:
    """One reaction of a pathway.

    Parameters
    ----------
    alternatives
        Enzymes that each can do it; an enzyme is one KO, or the KOs of the subunits of a complex.
    optional
        Whether the pathway runs without it.
    """

    alternatives: tuple[tuple[str, ...], ...]
    optional: bool = False

    def value(self, kos: Mapping[str, float]) -> float:
        """Return the sum over the enzymes; a complex is as abundant as its rarest subunit."""
        return sum(min(kos.get(ko, 0.0) for ko in enzyme) for enzyme in self.alternatives)


@dataclass(frozen=True)
class Pathway:
    """A pathway: its id, name, steps in order, and source."""

    pathway: str
    name: str
    steps: tuple[Step, ...]
    source: str

    def value(self, kos: Mapping[str, float]) -> float:
        """Return the geometric mean over the required steps, 0 if one is absent."""
        values = [step.value(kos) for step in self.steps if not step.optional]
        if min(values) <= 0:
            return 0.0
        return math.exp(sum(math.log(v) for v in values) / len(values))


def read_pathways(path: str | Path) -> list[Pathway]:
    """Read the pathway file.

    Parameters
    ----------
    path
        TSV, one step a row: pathway, name, step (1, 2, ...), kos, optional (yes, no or blank), source. Lines
        that start with `#` are comments.

    Returns
    -------
    list of Pathway
        In the order of the file.

    Raises
    ------
    VagusError
        Naming the row that is wrong.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        lines = [(n, line) for n, line in enumerate(handle, 1) if line.strip() and not line.startswith("#")]
    table = csv.DictReader((line for _, line in lines), delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [c for c in PATHWAY_COLUMNS if c not in (table.fieldnames or [])]
    if missing:
        raise VagusError(f"{path}: no column {', '.join(missing)}; allowed: {', '.join(PATHWAY_COLUMNS)}")
    rows: dict[str, list[dict[str, str]]] = {}
    steps: dict[str, list[Step]] = {}
    for (number, _), raw in zip(lines[1:], table, strict=True):
        row = {key: (raw[key] or "").strip() for key in PATHWAY_COLUMNS}
        where, key = f"{path}, row {number}", row["pathway"]
        if not key:
            raise VagusError(f"{where}, column 'pathway': it is blank; fix: give the id of the pathway")
        if row["optional"] not in _YES:
            raise VagusError(f"{where}, column 'optional': {row['optional']!r}; allowed: yes, no or blank")
        if row["step"] != str(len(rows.get(key, [])) + 1):
            raise VagusError(
                f"{where}, column 'step': {row['step']!r} where step {len(rows.get(key, [])) + 1} of {key} "
                "was expected; fix: number the steps of a pathway 1, 2, ... in order"
            )
        try:
            alternatives = parse_kos(row["kos"])
        except VagusError as error:
            raise VagusError(f"{where}, column 'kos': {error}") from None
        rows.setdefault(key, []).append(row)
        steps.setdefault(key, []).append(Step(alternatives, _YES[row["optional"]]))
    for key, found in steps.items():
        if all(step.optional for step in found):
            raise VagusError(
                f"{path}: pathway {key} has no required step; fix: leave 'optional' blank in one"
            )
    return [Pathway(k, r[0]["name"], tuple(steps[k]), r[0]["source"]) for k, r in rows.items()]


def pathway_values(
    kos: Mapping[tuple[str, str], float], pathways: Sequence[Pathway]
) -> dict[tuple[str, str], float]:
    """Score pathways within each taxon, so that no pathway is put together from two organisms.

    Parameters
    ----------
    kos
        (KO, taxon) -> copies per genome; taxon "" where the engine does not tell taxa apart.
    pathways
        What to score.

    Returns
    -------
    dict
        (pathway, taxon) -> value, where it is above 0. The community's value is the sum over its taxa.
    """
    by_taxon: dict[str, dict[str, float]] = {}
    for (ko, taxon), value in kos.items():
        by_taxon.setdefault(taxon, {})[ko] = value
    scored = {(p.pathway, t): p.value(found) for t, found in sorted(by_taxon.items()) for p in pathways}
    return {key: value for key, value in scored.items() if value > 0}


def write_functions(
    depths: Mapping[tuple[str, str], float],
    markers: Sequence[str] | None,
    pathways: Sequence[Pathway] | None,
    stats: Mapping[str, Any],
    folder: Path,
    sample: str,
) -> None:
    """Write the KOs and pathways of a sample from the depths of its KOs.

    Parameters
    ----------
    depths
        (KO, taxon) -> depth.
    markers
        Single-copy markers of the reference; None writes plain depths.
    pathways
        Pathways to score; None writes no `<sample>.pathway.tsv`.
    stats
        What the engine notes.
    folder
        Existing folder.
    sample
        Sample id.
    """
    values, facts = per_genome(depths, markers)
    noted = {"status": "ok", **stats, **facts}
    if stats.get("reads") == 0:
        noted |= {"status": "no reads", "reason": "the sample has no reads"}
    if pathways is not None:
        write_function(pathway_values(values, pathways), noted, folder, sample, "pathway")
    write_function(values, noted, folder, sample, "ko")

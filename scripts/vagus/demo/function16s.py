"""Genomes behind the 16S genes of the simulated trial: a reference of the engine `nearest`, and its truth."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vagus.demo.community import (
    TRUTH_COLUMNS,
    TRUTH_PEOPLE,
    apply_effect,
    close,
    draw_log_abundances,
)  # fmt: skip
from vagus.demo.settings import Settings, read_values
from vagus.demo.templates import Template
from vagus.errors import VagusError

FOLDER = "function16s"
UNIT = "log2 fold change"
# [seed, STREAM] makes random numbers of our own, so that the other halves stay as they are (1, 2, 3 and 7).
STREAM = 5


@dataclass(frozen=True)
class FunctionSettings:
    """What the genomes hold; the meaning of each stands in `config/demo/function16s.yaml`."""

    absent: Sequence[str]
    copies_16s: Sequence[int]
    everyone: Sequence[str]
    modules: Sequence[Mapping[str, Any]]
    truth: Mapping[str, str]

    @property
    def kos(self) -> list[str]:
        """Every KO, once, in the order of the file."""
        return list(dict.fromkeys([*self.everyone, *(ko for m in self.modules for ko in m["kos"])]))


def read_function_settings(paths: Sequence[str | Path]) -> FunctionSettings:
    """Read the settings; later files override earlier ones.

    Raises
    ------
    VagusError
        On an unknown or a missing key, or a truth about a KO that no genome has.
    """
    settings = FunctionSettings(**read_values(paths, [f.name for f in fields(FunctionSettings)]))
    for module, ko in settings.truth.items():
        if ko not in settings.kos:
            raise VagusError(f"{paths[0]}: truth of {module}: no genome has {ko}; add it to a module")
    return settings


def gene_counts(function: FunctionSettings, templates: Sequence[Template]) -> np.ndarray:
    """Return copies of each KO in the genome of each template, templates x KOs.

    Raises
    ------
    VagusError
        If a genus is not in the community.
    """
    genera = [t.rank("genus") for t in templates]
    unknown = {str(g) for m in function.modules for g in m["genera"]} | set(function.absent)
    unknown -= set(genera)
    if unknown:
        raise VagusError(
            f"config/demo/function16s.yaml: genus {min(unknown)} is not in the community of demo.yaml"
        )
    place = {ko: i for i, ko in enumerate(function.kos)}
    counts = np.zeros((len(templates), len(place)), int)
    counts[:, [place[ko] for ko in function.everyone]] = 1
    for module in function.modules:
        here = [i for i, genus in enumerate(genera) if genus in module["genera"]]
        counts[np.ix_(here, [place[ko] for ko in module["kos"]])] += 1
    return counts


def draw_copies(function: FunctionSettings, templates: Sequence[Template], seed: int) -> np.ndarray:
    """Draw the number of 16S genes in the genome of each template."""
    least, most = function.copies_16s
    return np.random.default_rng([seed, STREAM]).integers(least, most + 1, len(templates))


def in_reference(function: FunctionSettings, templates: Sequence[Template]) -> list[int]:
    """Return the places of the templates that have a genome in the reference."""
    return [i for i, t in enumerate(templates) if t.rank("genus") not in function.absent]


def write_function_reference(
    folder: str | Path, function: FunctionSettings, templates: Sequence[Template], seed: int
) -> None:
    """Write the reference in PICRUSt2's layout, the same bytes every time.

    Parameters
    ----------
    folder
        Of the trial; the reference is in `FOLDER` there.
    function, templates, seed
        What lives in the stool and what it holds.
    """
    root = Path(folder) / FOLDER
    (root / "sim_ref").mkdir(parents=True, exist_ok=True)
    counts, copies = gene_counts(function, templates), draw_copies(function, templates, seed)
    known = in_reference(function, templates)
    fasta = "".join(f">{templates[i].accession}\n{templates[i].sequence}\n" for i in known)
    (root / "sim_ref" / "sim_ref.fna").write_text(fasta, encoding="ascii")
    rows = ["assembly\t16S_rRNA_Count", *(f"{templates[i].accession}\t{copies[i]}" for i in known)]
    _write_gzip(rows, root / "16S.txt.gz")
    rows = ["\t".join(["assembly", *(f"ko:{ko}" for ko in function.kos)])]
    rows += ["\t".join([templates[i].accession, *map(str, counts[i])]) for i in known]
    _write_gzip(rows, root / "ko.txt.gz")


def _write_gzip(rows: Sequence[str], path: Path) -> None:
    path.write_bytes(gzip.compress(("\n".join(rows) + "\n").encode("ascii"), 6, mtime=0))


def compute_function_truth(
    settings: Settings, function: FunctionSettings, templates: Sequence[Template], seed: int
) -> pd.DataFrame:
    """Compute what a perfect analysis of inferred functions would report, on the people of `compute_truth`.

    Parameters
    ----------
    settings, function
        Effects, spread, and what the genomes hold.
    templates
        The community, in the order of `settings.templates`.
    seed
        Seed of the draw of people.

    Returns
    -------
    pandas.DataFrame
        Rows of `TRUTH_COLUMNS` for `amplicon.module`: difference between the arms in the mean log2 of copies
        per genome, over the organisms that have a genome in the reference.
    """
    rng = np.random.default_rng([seed, 2])
    genera = [t.rank("genus") for t in templates]
    target = np.array([g == settings.target_genus for g in genera])
    drawn = draw_log_abundances(settings, genera, TRUTH_PEOPLE, rng)
    everyone = np.ones(TRUTH_PEOPLE, dtype=bool)
    treated = apply_effect(drawn, everyone, target, settings.fold_change)
    known = in_reference(function, templates)
    per_read = 1.0 / draw_copies(function, templates, seed)[known]
    column = {ko: i for i, ko in enumerate(function.kos)}
    has = gene_counts(function, templates)[known]
    contrast = f"{settings.arms['active']} vs {settings.arms['reference']}"
    rows: list[list[object]] = []
    for module, ko in function.truth.items():
        logs = []
        for drawing in (treated, drawn):
            cells = close(drawing)[:, -1][:, known] * per_read
            logs.append(np.log2(cells @ has[:, column[ko]] / cells.sum(axis=1)))
        shift = float((logs[0] - logs[1]).mean())
        rows.append(["amplicon.module", module, contrast, round(shift, 4) + 0.0, UNIT])
    return pd.DataFrame(rows, columns=TRUTH_COLUMNS)

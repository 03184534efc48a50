"""What an engine predicts of the sequence variants, in one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.errors import Problem, VagusError
from vagus.function16s.reference_tables import find_reference, read_genes


@dataclass(frozen=True)
class Predictions:
    """Genomes that stand for the variants, and their genes.

    Parameters
    ----------
    genomes
        The G genomes: of a reference, or predicted, one a variant.
    assigned
        feature, genome, distance, copies_16s: a variant may have several genomes, which share its reads.
    genes
        trait -> (genes x G copies, names of the genes).
    distance_unit
        What the distances are.
    excluded
        Variants that the engine itself left out, and why.
    """

    genomes: list[str]
    assigned: pd.DataFrame
    genes: dict[str, tuple[sparse.csr_array, list[str]]]
    distance_unit: str
    excluded: dict[str, str] = field(default_factory=dict)


def nearest_predictions(
    table: str | Path, folders: Sequence[str | Path], traits: Sequence[str]
) -> Predictions:
    """Read the genes of the genomes that rule `nearest_genomes` found.

    Parameters
    ----------
    table
        Its output.
    folders
        The references.
    traits
        `ko`, `ec`.
    """
    assigned = pd.read_csv(table, sep="\t", dtype={"feature": str, "genome": str})
    genomes = sorted(set(assigned["genome"]))
    genes = {}
    for trait in traits:
        parts = []
        for folder in folders:
            counts, names, found = read_genes(find_reference(folder).tables[trait], trait, genomes)
            parts.append((counts, names, found))
        genes[trait] = _join(parts, genomes)
    return Predictions(genomes, assigned, genes, "1 - identity of the 16S gene")


def _join(
    parts: Sequence[tuple[sparse.csr_array, list[str], list[str]]], genomes: Sequence[str]
) -> tuple[sparse.csr_array, list[str]]:
    """Put genes x genomes tables side by side, in the order of `genomes`."""
    names = sorted({name for _, found, _ in parts for name in found})
    row = {name: i for i, name in enumerate(names)}
    column = {genome: j for j, genome in enumerate(genomes)}
    rows, columns, values = [], [], []
    for counts, found, here in parts:
        entries = counts.tocoo()
        rows.append(np.array([row[n] for n in found], np.intp)[entries.row])
        columns.append(np.array([column[g] for g in here], np.intp)[entries.col])
        values.append(entries.data)
    at = (np.concatenate(rows), np.concatenate(columns))
    joined = sparse.coo_array((np.concatenate(values), at), (len(names), len(genomes)))
    return sparse.csr_array(joined), names


# Names of PICRUSt2's files since 2.6 (both domains) and before.
MARKER = ("combined_marker_predicted_and_nsti.tsv.gz", "marker_predicted_and_nsti.tsv.gz")
PREDICTED = ("combined_{}_predicted.tsv.gz", "{}_predicted.tsv.gz")


def _first(folder: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    fix = "run picrust2_pipeline.py again, without --remove_intermediate"
    raise VagusError(
        str(Problem(str(folder), "a file of PICRUSt2 is missing", fix, allowed=" or ".join(names)))
    )


def picrust2_predictions(folder: str | Path, traits: Sequence[str]) -> Predictions:
    """Read what PICRUSt2 predicted for every variant.

    Parameters
    ----------
    folder
        Output of `picrust2_pipeline.py`, of 2.6 (both domains) or before.
    traits
        `ko`, `ec`.

    Returns
    -------
    Predictions
        One genome a variant, named as the variant; distance is the NSTI, substitutions a site.

    Raises
    ------
    VagusError
        If a file is missing or lacks a column.

    References
    ----------
    Douglas GM et al. (2020) Nat Biotechnol 38:685-688, doi:10.1038/s41587-020-0548-6
    """
    root = Path(folder)
    marker_file = _first(root, MARKER)
    marker = pd.read_csv(marker_file, sep="\t", dtype={"sequence": str})
    lacking = {"sequence", "metadata_NSTI"} - set(marker)
    count = next((c for c in marker if str(c).lower().startswith("16s_rrna_count")), None)
    if lacking or count is None:
        allowed = "sequence, 16S_rRNA_Count, metadata_NSTI"
        raise VagusError(
            str(Problem(str(marker_file), "a column is missing", "give the file as PICRUSt2 wrote it", 1,
                        allowed=allowed))
        )  # fmt: skip
    assigned = pd.DataFrame(
        {
            "feature": marker["sequence"],
            "genome": marker["sequence"],
            "distance": marker["metadata_NSTI"].astype(float),
            "copies_16s": marker[count].astype(float),
        }
    )
    genomes = list(assigned["genome"])
    genes = {}
    for trait in traits:
        path = _first(root, [name.format(trait.upper()) for name in PREDICTED])
        genes[trait] = _join([read_genes(path, trait, genomes)], genomes)
    return Predictions(genomes, assigned, genes, "NSTI, substitutions a site")

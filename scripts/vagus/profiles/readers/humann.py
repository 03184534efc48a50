"""Tables of HUMAnN: gene families, KOs, pathways and their coverage, of one sample or joined."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from scipy import sparse

from vagus.errors import VagusError
from vagus.modules.score_modules import BETWEEN
from vagus.profiles.readers.function_ids import BY_SPECIES, check_functions, is_gene_level
from vagus.profiles.readers.table import Facts, Table
from vagus.shotgun.humann_table import JoinedTable, read_joined

# What HUMAnN and KneadData hang on sample ids, and what it says of the unit.
UNITS = {
    "_Abundance-RPKs": "reads per kilobase",
    "_Abundance-RPK": "reads per kilobase",
    "_Abundance-CPM": "copies per million",
    "_Abundance-RELAB": "share",
    "_Abundance": "",
    "_Coverage": "coverage",
}
SUFFIXES = (*UNITS, "_kneaddata_paired_merged", "_kneaddata_merged", "_kneaddata")
_UNIREF = re.compile(r"UniRef(50|90)_")


def read_humann_table(path: str | Path, level: str, encoding: str = "") -> Table:
    """Read a table of HUMAnN 2 to 4.

    Parameters
    ----------
    path
        TSV, plain or gzipped.
    level
        Of the profile. `ko` holds `<KO>|<species>` where the table has strata, and no sums of them, so that
        modules are scored species by species and nothing counts twice; so does any level that ends in
        `_by_species`. Other levels hold the sums.
    encoding
        "" is UTF-8.

    Returns
    -------
    Table
        UNMAPPED, UNGROUPED and UNINTEGRATED are no features; their share stands in `unassigned`.

    Raises
    ------
    VagusError
        If it is no table of HUMAnN, has no strata where they are asked for, or as a KO profile has no KOs.

    References
    ----------
    Beghini F et al. (2021) eLife 10:e65088, doi:10.7554/eLife.65088
    """
    joined = read_joined(path, encoding)
    _check_genes(joined, str(path), level)
    by_taxon = bool(joined.keys) and (is_gene_level(level) or level.endswith(BY_SPECIES))
    if level.endswith(BY_SPECIES) and not joined.keys:
        fix = f"give the stratified table, or name the profile .{level.removesuffix(BY_SPECIES)}"
        raise VagusError(f"{path}: no row has a stratum such as '|g__X.s__Y'; fix: {fix}")
    if not by_taxon and joined.keys and not joined.features:
        raise VagusError(
            f"{path}: has strata only, and a pathway is not the sum of its strata; fix: give the "
            f"unstratified table, or name the profile .{level}{BY_SPECIES}"
        )
    if by_taxon:
        values, keys = joined.stratify()
        features = [f"{feature}{BETWEEN}{taxon}" for feature, taxon in keys]
    else:
        values, features = joined.totals, joined.features
    units = {unit for sample in joined.samples for end, unit in UNITS.items() if sample.endswith(end)} - {""}
    unit = units.pop() if len(units) == 1 else ""
    covers = "coverage" in joined.head.lower() or unit == "coverage"
    facts = Facts(
        ("score",) if covers else ("relative", "copies_per_genome"),
        unit,
        "humann",
        suffixes=SUFFIXES,
        per_sample={} if covers else {"unassigned": _unassigned(joined, values)},
        meta={"by_taxon": by_taxon},
    )
    return Table(values, features, joined.samples, {}, facts)


def _check_genes(joined: JoinedTable, where: str, level: str) -> None:
    """Refuse gene families as KOs, with the command that regroups them."""
    names = joined.features or [feature for feature, _ in joined.keys]
    family = next((m for name in names for m in [_UNIREF.match(name)] if m), None)
    command = ""
    if family:
        made = f"{Path(where).name.removesuffix('.gz').removesuffix('.tsv')}_ko.tsv"
        command = (
            f"regroup it with `humann_regroup_table --input {Path(where).name} "
            f"--groups uniref{family[1]}_ko --output {made}`"
        )
    check_functions(names, where, level, command)


def _unassigned(joined: JoinedTable, values: sparse.csr_array) -> dict[str, float]:
    """Return the share of each sample that has no feature."""
    if not joined.left:
        return {}
    lost = np.sum(list(joined.left.values()), axis=0)
    whole = lost + values.sum(axis=0)
    return {s: round(float(a / b), 6) for s, a, b in zip(joined.samples, lost, whole, strict=True) if b}

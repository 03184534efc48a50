"""Tables of PICRUSt2: functions predicted from marker genes, whole or by sequence."""

from __future__ import annotations

from pathlib import Path

from vagus.errors import VagusError
from vagus.modules.score_modules import BETWEEN
from vagus.profiles.readers.function_ids import BY_SPECIES, check_functions, clean_function, is_gene_level
from vagus.profiles.readers.table import Facts, RowBuilder, Table
from vagus.profiles.readers.text import (
    check_width,
    need_columns,
    parse_number,
    parse_row,
    read_lines,
    split_rows,
)
from vagus.shotgun.tables import UNCLASSIFIED

FUNCTIONS = ("function", "pathway")
CONTRIB = ("sample", "function", "taxon", "taxon_function_abun")
# PICRUSt2 pools rare sequences under this name: many organisms.
RARE = "RARE"


def read_picrust2(path: str | Path, level: str = "ko", nsti: str | Path | None = None) -> Table:
    """Read a table of PICRUSt2, plain or gzipped.

    Parameters
    ----------
    path
        `pred_metagenome_unstrat.tsv` (function, samples), `pred_metagenome_strat.tsv` (function, sequence,
        samples) or `pred_metagenome_contrib.tsv` (one row per sample, function and taxon); pathway tables
        have the same shapes.
    level
        Of the profile. `ko` and levels that end in `_by_species` hold `<KO>|<sequence>` where the table is
        by sequence; other levels hold the sums.
    nsti
        `weighted_nsti.tsv`: how far the nearest sequenced genomes are, per sample.

    Returns
    -------
    Table
        Ids without `ko:` and `EC:`; `distance` per sample where `nsti` is given. The numbers are copies
        predicted in the normalised sequence counts, so relative within a sample, and marked as inferred.

    Raises
    ------
    VagusError
        If it is none of these tables, has no sequences where they are asked for, or naming the cell that is
        no number.

    References
    ----------
    Douglas GM et al. (2020) Nat Biotechnol 38:685, doi:10.1038/s41587-020-0548-6
    """
    where = str(path)
    lines = read_lines(path)
    _, header = next(split_rows(lines[:1]))
    rows = RowBuilder[tuple[str, str]](0)
    if header[:2] == ["sample", "function"]:
        rows, samples = _read_contrib(lines, where)
        by_taxon = True
    elif header[0] in FUNCTIONS:
        by_taxon = header[1:2] == ["sequence"]
        samples = header[2 if by_taxon else 1 :]
        rows.width = len(samples)
        for number, cells in split_rows(lines[1:]):
            values = parse_row(cells[2 if by_taxon else 1 :], where, number, samples)
            rows.add((clean_function(cells[0]), _taxon(cells[1]) if by_taxon else ""), values)
    else:
        raise VagusError(
            f"{where}: first column {header[0]!r}, so it is not of PICRUSt2; allowed: function, pathway, or "
            "sample and function; fix: give pred_metagenome_unstrat.tsv.gz, or choose another format"
        )
    check_functions((function for function, _ in rows.place), where, level)
    keep = by_taxon and (is_gene_level(level) or level.endswith(BY_SPECIES))
    if level.endswith(BY_SPECIES) and not by_taxon:
        fix = f"give the stratified table, or name the profile .{level.removesuffix(BY_SPECIES)}"
        raise VagusError(f"{where}: the table is not by sequence; fix: {fix}")
    table, keys = rows.finish()
    if by_taxon and not keep:
        sums = RowBuilder[tuple[str, str]](len(samples))
        for i, (function, _) in enumerate(keys):
            sums.add((function, ""), table[[i]].toarray()[0])
        table, keys = sums.finish()
    facts = Facts(
        ("relative",),
        "predicted copies",
        "picrust2",
        inferred=True,
        per_sample={"distance": read_nsti(nsti)} if nsti else {},
        meta={"by_taxon": keep},
    )
    features = [f"{function}{BETWEEN}{taxon}" if keep else function for function, taxon in keys]
    return Table(table, features, samples, {}, facts)


def _taxon(sequence: str) -> str:
    return UNCLASSIFIED if sequence == RARE else sequence


def _read_contrib(lines: list[tuple[int, str]], where: str) -> tuple[RowBuilder[tuple[str, str]], list[str]]:
    """Read the long table, one row per sample, function and taxon."""
    _, header = next(split_rows(lines[:1]))
    at = need_columns(header, CONTRIB, where, "a contribution table of PICRUSt2")
    samples: dict[str, int] = {}
    found: list[tuple[str, tuple[str, str], float]] = []
    for number, cells in split_rows(lines[1:]):
        check_width(cells, len(header), where, number)
        sample, function, taxon, value = (cells[i] for i in at)
        samples.setdefault(sample, len(samples))
        key = clean_function(function), _taxon(taxon)
        found.append((sample, key, parse_number(value, where, number, CONTRIB[3])))
    rows = RowBuilder[tuple[str, str]](len(samples))
    for sample, key, number_found in found:
        rows.put(key, samples[sample], number_found)
    return rows, list(samples)


def read_nsti(path: str | Path) -> dict[str, float]:
    """Read `weighted_nsti.tsv`: sample -> mean distance to the nearest sequenced genome, by abundance."""
    lines = read_lines(path)
    _, header = next(split_rows(lines[:1]))
    at = need_columns(header, ("sample", "weighted_NSTI"), str(path), "weighted_nsti.tsv of PICRUSt2")
    found = {}
    for number, cells in split_rows(lines[1:]):
        check_width(cells, len(header), str(path), number)
        found[cells[at[0]]] = parse_number(cells[at[1]], str(path), number, "weighted_NSTI")
    return found

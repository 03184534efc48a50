"""From annotated genes to functions: eggNOG-mapper and KofamScan, with the genes' abundance or without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vagus.errors import VagusError
from vagus.profiles.readers.function_ids import EC, KO, check_functions
from vagus.profiles.readers.table import Facts, RowBuilder, Table, join_columns
from vagus.profiles.readers.text import find_delimiter, parse_row, read_lines, split_rows

Annotations = dict[str, tuple[str, ...]]


def read_genes(
    path: str | Path,
    level: str,
    abundance: str | Path | None,
    ends: tuple[str, ...],
    reader: Callable[[str | Path], Annotations],
    source: str,
) -> Table:
    """Sum genes by their functions.

    Parameters
    ----------
    path
        An annotation file, or a folder of them.
    level
        Of the profile.
    abundance
        Genes x samples: TSV or CSV with the gene ids in the first column. The genes of all annotation files
        are looked up in it. A gene with several functions counts for each, and a gene without for none: the
        share of the abundance that is lost so stands in `unassigned`. None counts genes: each file of the
        folder is then a sample or a genome, named as the file without its end.
    ends
        Ends of the names of annotation files.
    reader
        Reads one file: gene -> functions.
    source
        Program.

    Returns
    -------
    Table
        Functions x samples.

    Raises
    ------
    VagusError
        If the folder has no such file, a gene stands in two files, no gene of the abundance table is
        annotated, or a single file has no abundance to go with.
    """
    where = str(path)
    files = find_annotations(path, ends)
    if abundance is None and not Path(path).is_dir():
        raise VagusError(
            f"{where}: one annotation file tells of genes, not of samples; fix: name the table of genes x "
            "samples in `abundance`, or give a folder with the annotation file of each sample"
        )
    found = {file: reader(file) for file in files}
    check_functions((f for genes in found.values() for ids in genes.values() for f in ids), where, level)
    if abundance is None:
        columns = []
        for genes in found.values():
            column: dict[str, float] = {}
            for ids in genes.values():
                for function in ids:
                    column[function] = column.get(function, 0.0) + 1
            columns.append(column)
        table, features = join_columns(columns)
        facts = Facts(("counts", "copies_per_genome"), "genes", source)
        return Table(table, features, [strip_end(file.name, ends) for file in files], {}, facts)
    known: Annotations = {}
    for file, genes in found.items():
        twice = next((gene for gene in genes if gene in known), None)
        if twice:
            raise VagusError(
                f"{file}: gene {twice!r} stands in another file of the folder too; fix: keep one"
            )
        known |= genes
    return _weigh(known, abundance, where, source)


def _weigh(known: Annotations, abundance: str | Path, where: str, source: str) -> Table:
    """Sum the abundance of genes by function."""
    lines = read_lines(abundance)
    delimiter = find_delimiter(lines[0][1])
    rows = split_rows(lines, delimiter, quoted=True)
    _, header = next(rows)
    samples = header[1:]
    table = RowBuilder[str](len(samples))
    lost, whole, hits = np.zeros(len(samples)), np.zeros(len(samples)), 0
    for number, cells in rows:
        values = np.nan_to_num(parse_row(cells[1:], str(abundance), number, samples, delimiter == ";"))
        whole += values
        functions = known.get(cells[0], ())
        hits += bool(functions)
        if not functions:
            lost += values
        for function in functions:
            table.add(function, values)
    if not hits:
        gene = next(iter(known), "")
        raise VagusError(
            f"{abundance}: none of its genes has a function in {where} (which names genes such as {gene!r}); "
            "fix: give the abundance of these genes, under these ids"
        )
    shares = {s: round(float(a / b), 6) for s, a, b in zip(samples, lost, whole, strict=True) if b}
    matrix, features = table.finish()
    facts = Facts((), "", source, per_sample={"unassigned": shares}, meta={"abundance": Path(abundance).name})
    return Table(matrix, features, samples, {}, facts)


def find_annotations(path: str | Path, ends: tuple[str, ...]) -> list[Path]:
    """Return the annotation files: the one given, or those of a folder by name."""
    if not Path(path).is_dir():
        return [Path(path)]
    found = sorted(p for p in Path(path).iterdir() if p.is_file() and p.name.endswith(ends))
    if not found:
        raise VagusError(
            f"{path}: no annotation file in the folder; allowed: names that end in {', '.join(ends)}; "
            "fix: name the folder that holds them"
        )
    return found


def strip_end(name: str, ends: tuple[str, ...]) -> str:
    """Return a file's name without its longest end of these."""
    return name.removesuffix(max((end for end in ends if name.endswith(end)), key=len, default=""))


def keep_ids(ids: list[str]) -> tuple[str, ...]:
    """Return each KO and EC number once."""
    return tuple(dict.fromkeys(i for i in ids if KO.fullmatch(i) or EC.fullmatch(i)))

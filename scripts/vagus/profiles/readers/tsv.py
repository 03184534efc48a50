"""Features in rows and samples in columns, between tabs."""

from __future__ import annotations

from pathlib import Path

from vagus.errors import Problem, VagusError
from vagus.profiles.readers.table import RowBuilder, Table
from vagus.profiles.readers.taxonomy import add_taxonomy, split_lineage
from vagus.profiles.readers.text import check_width, parse_row, read_lines, split_rows


def read_tsv(path: str | Path, taxonomy: str | Path | None = None, encoding: str = "") -> Table:
    """Read features in rows and samples in columns.

    Parameters
    ----------
    path
        TSV; the first column holds the feature ids, a column `taxonomy` may hold lineages joined by `;`.
        Lines starting with `# ` are comments. Blank cells, NA and NaN are missing.
    taxonomy
        Second file with lineages, see `taxonomy.read_taxonomy`.
    encoding
        "" is UTF-8.

    Returns
    -------
    Table
        As written.

    Raises
    ------
    VagusError
        Naming row and column of the first cell that is not a number.
    """
    where = str(path)
    lines = [(i, line) for i, line in read_lines(path, encoding) if not line.startswith("# ")]
    if not lines:
        fix = "give features in rows, samples in columns"
        raise VagusError(str(Problem(where, "the table is empty", fix)))
    rows = split_rows(lines)
    _, header = next(rows)
    lineage_at = [i for i, name in enumerate(header) if i and name.lower() == "taxonomy"][:1]
    places = [i for i in range(1, len(header)) if i not in lineage_at]
    samples = [header[i] for i in places]
    table = RowBuilder[int](len(samples))
    features: list[str] = []
    lineages = {}
    for number, cells in rows:
        check_width(cells, len(header), where, number)
        table.add(len(features), parse_row([cells[i] for i in places], where, number, samples))
        features.append(cells[0])
        if lineage_at:
            lineages[cells[0]] = split_lineage(cells[lineage_at[0]])
    return add_taxonomy(Table(table.finish()[0], features, samples, lineages), taxonomy, encoding)

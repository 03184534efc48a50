"""Tables of mothur: `.shared` and `.relabund`, with `.cons.taxonomy`."""

from __future__ import annotations

from pathlib import Path

from scipy import sparse

from vagus.errors import Problem, VagusError
from vagus.profiles.readers.table import Facts, RowBuilder, Table
from vagus.profiles.readers.taxonomy import add_taxonomy
from vagus.profiles.readers.text import check_width, need_columns, parse_row, read_lines, split_rows

HEAD = ("label", "Group", "numOtus")


def read_mothur(path: str | Path, taxonomy: str | Path | None = None) -> Table:
    """Read a table of mothur.

    Parameters
    ----------
    path
        `.shared` (counts) or `.relabund`: label, Group, numOtus and one column an OTU, of one label.
    taxonomy
        `.cons.taxonomy`.

    Raises
    ------
    VagusError
        If it is no such table, or of several labels.

    References
    ----------
    Schloss PD et al. (2009) Appl Environ Microbiol 75:7537, doi:10.1128/AEM.01541-09
    """
    where = str(path)
    rows = split_rows(read_lines(path))
    _, header = next(rows)
    while header and not header[-1]:
        header.pop()
    need_columns(header[:3], HEAD, where, "a shared table of mothur")
    features = header[3:]
    table = RowBuilder[int](len(features))
    samples: list[str] = []
    first = ""
    for number, cells in rows:
        cells = cells[: len(header)] if not any(cells[len(header) :]) else cells
        check_width(cells, len(header), where, number)
        first = first or cells[0]
        if cells[0] != first:
            fix = "make it with one label, for example make.shared(label=0.03)"
            raise VagusError(str(Problem(where, "a second label", fix, number, "label", cells[0], first)))
        table.add(len(samples), parse_row(cells[3:], where, number, features))
        samples.append(cells[1])
    facts = Facts(("counts", "relative"), source="mothur", meta={"label": first})
    values = sparse.csr_array(table.finish()[0].T.tocsr())
    return add_taxonomy(Table(values, features, samples, {}, facts), taxonomy)

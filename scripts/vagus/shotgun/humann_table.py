"""Tables of HUMAnN 2 to 4, of one sample or joined: features, and their share in each species."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from vagus.errors import VagusError
from vagus.profiles.readers.table import RowBuilder
from vagus.profiles.readers.text import parse_row, read_lines, split_rows
from vagus.shotgun.tables import UNCLASSIFIED

# What HUMAnN could not name; these rows are no functions. HUMAnN 4 calls the first READS_UNMAPPED.
NO_FEATURE = ("UNMAPPED", "UNINTEGRATED", "UNGROUPED", "READS_UNMAPPED")


def taxon_name(text: str) -> str:
    """Turn `g__Bacteroides.s__Bacteroides_dorei` into `Bacteroides dorei`; all else is `unclassified`."""
    species = next((part[3:] for part in text.split(".") if part.startswith("s__")), "")
    return species.replace("_", " ") if species else UNCLASSIFIED


@dataclass
class JoinedTable:
    """Rows of a table, sums and strata apart.

    Parameters
    ----------
    head
        First cell of the header, such as `# Gene Family`.
    samples
        Columns as written.
    totals, features
        Features x samples: the rows without a stratum.
    strata, keys
        (feature, taxon) x samples.
    left
        UNMAPPED and the like -> values.
    """

    head: str
    samples: list[str]
    totals: sparse.csr_array
    features: list[str]
    strata: sparse.csr_array
    keys: list[tuple[str, str]]
    left: dict[str, npt.NDArray[np.float64]]

    def stratify(self) -> tuple[sparse.csr_array, list[tuple[str, str]]]:
        """Return every feature once: its strata, and as `unclassified` what has none.

        HUMAnN tells no organism of a pathway whose steps no single one has. Where a feature has no stratum in
        a sample, its sum there is `unclassified`; in a table without any stratum the taxon is "".
        """
        if not self.keys:
            return self.totals, [(feature, "") for feature in self.features]
        place = {feature: i for i, feature in enumerate(self.features)}
        rows = np.array([place.get(feature, -1) for feature, _ in self.keys])
        own = np.flatnonzero(rows >= 0)
        shape = (len(self.features), len(self.keys))
        adder = sparse.csr_array((np.ones(len(own)), (rows[own], own)), shape=shape)
        has = (adder @ abs(self.strata)).astype(bool)
        rest = sparse.csr_array(self.totals - self.totals.multiply(has))
        rest.eliminate_zeros()
        with_strata = {feature for feature, _ in self.keys}
        kept = [
            i
            for i, f in enumerate(self.features)
            if rest.indptr[i + 1] > rest.indptr[i] or f not in with_strata
        ]
        table = RowBuilder[tuple[str, str]](len(self.samples))
        for matrix, names in (
            (self.strata, self.keys),
            (rest[kept], [(self.features[i], UNCLASSIFIED) for i in kept]),
        ):
            for i, key in enumerate(names):
                table.add(key, matrix[[i]].toarray()[0])
        return table.finish()


def read_joined(path: str | Path, encoding: str = "") -> JoinedTable:
    """Read gene families, regrouped families or pathways, of one sample or joined.

    Parameters
    ----------
    path
        TSV, plain or gzipped: a header `# Gene Family` or `# Pathway` and the samples; rows `FEATURE`, and
        `FEATURE|g__X.s__Y` for its share in each species. A feature's name after `: ` is left out.
    encoding
        "" is UTF-8.

    Returns
    -------
    JoinedTable
        Rows that are equal without their names are added up.

    Raises
    ------
    VagusError
        If it is no such table, or naming the cell that is no number.
    """
    lines = read_lines(path, encoding)
    # HUMAnN 4 writes comments above the header.
    start = next((i for i, (_, line) in enumerate(lines) if "\t" in line), 0)
    rows = split_rows(lines[start:])
    number, header = next(rows)
    # The hash is lost in tables that went through a spreadsheet or R.
    if len(header) < 2 or not header[0].startswith(("#", "Gene Family", "Pathway")):
        raise VagusError(
            f"{path}, row {number}: {len(header)} columns, the first {header[0]!r}; allowed: a header "
            "'# Gene Family' or '# Pathway' and samples; fix: give the table as HUMAnN wrote it"
        )
    samples = header[1:]
    totals, strata = RowBuilder[str](len(samples)), RowBuilder[tuple[str, str]](len(samples))
    left: dict[str, npt.NDArray[np.float64]] = {}
    for number, cells in rows:
        values = np.nan_to_num(parse_row(cells[1:], str(path), number, samples))
        feature, _, stratum = cells[0].partition("|")
        feature = feature.split(": ", 1)[0]
        if feature in NO_FEATURE:
            if not stratum:
                left[feature] = left.get(feature, 0.0) + values
        elif stratum:
            strata.add((feature, taxon_name(stratum)), values)
        else:
            totals.add(feature, values)
    return JoinedTable(header[0], samples, *totals.finish(), *strata.finish(), left)

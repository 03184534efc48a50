"""How many molecules a turn of a module makes and uses; free of numpy, for the design reads it too."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vagus.errors import VagusError

COLUMNS = ("module", "compound", "molecules", "note")


@dataclass(frozen=True)
class Turnover:
    """Molecules of a compound that one turn of a module makes (above 0) or uses up (below 0).

    0 where the module is a part of another one, which is counted.
    """

    module: str
    compound: str
    molecules: float


def read_stoichiometry(path: str | Path | None, modules: Sequence[Any]) -> list[Turnover]:
    """Read how many molecules a turn of a module makes and uses.

    Parameters
    ----------
    path
        TSV of `COLUMNS`; lines that start with `#` are comments. It says what differs from
        one molecule. None if nothing does.
    modules
        With `makes` and `uses`.

    Returns
    -------
    list of Turnover
        One for each compound that a module makes or uses.

    Raises
    ------
    VagusError
        If a row names a module or compound that is not there, stands twice, or has the wrong sign.
    """
    sign = {(m.id, c): 1 for m in modules for c in m.makes} | {(m.id, c): -1 for m in modules for c in m.uses}
    given: dict[tuple[str, str], float] = {}
    if path is None:
        return [Turnover(m, c, float(s)) for (m, c), s in sorted(sign.items())]
    with open(path, encoding="utf-8", newline="") as handle:
        lines = [(n, line) for n, line in enumerate(handle, 1) if line.strip() and not line.startswith("#")]
    table = csv.DictReader((line for _, line in lines), delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [c for c in COLUMNS if c not in (table.fieldnames or [])]
    if missing:
        raise VagusError(f"{path}: no column {', '.join(missing)}; allowed: {', '.join(COLUMNS)}")
    for (number, _), row in zip(lines[1:], table, strict=True):
        key = (row["module"], row["compound"])
        where = f"{path}, row {number}: {key[0]}, {key[1]}"
        try:
            molecules = float(row["molecules"])
        except ValueError:
            raise VagusError(
                f"{where}: {row['molecules']!r} is no number; fix: give molecules a turn"
            ) from None
        if key not in sign or key in given or molecules * sign[key] < 0:
            what = (
                "stands twice" if key in given else "has the wrong sign" if key in sign else "is no such pair"
            )
            raise VagusError(
                f"{where}: {what}; allowed: each compound that the module makes (above 0) or uses (below 0)"
            )
        given[key] = molecules
    return [Turnover(m, c, given.get((m, c), float(s))) for (m, c), s in sorted(sign.items())]

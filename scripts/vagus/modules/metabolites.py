"""What a community can make and use up: the modules' values added up for each compound."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vagus.modules.score_modules import Scores
from vagus.modules.stoichiometry import Turnover

MADE, USED = "made", "used"
BETWEEN = "|"
Floats = npt.NDArray[np.float64]


def compound_potential(scores: Scores, turnovers: Iterable[Turnover]) -> tuple[list[str], Floats]:
    """Add up modules by compound.

    Parameters
    ----------
    scores
        Of the modules, M x N.
    turnovers
        Compounds of the modules; those of modules that were not scored are left out.

    Returns
    -------
    features, values
        `<compound>|made` and `<compound>|used`, F x N: molecules a turn times the modules' values, in
        their unit. It is a potential: how many genes are there, not how much is made.
    """
    place = {module: i for i, module in enumerate(scores.modules)}
    rows: dict[str, Floats] = {}
    for turn in sorted(turnovers, key=lambda t: (t.compound, t.molecules < 0, t.module)):
        if turn.module in place and turn.molecules:
            feature = f"{turn.compound}{BETWEEN}{MADE if turn.molecules > 0 else USED}"
            part = abs(turn.molecules) * scores.value[place[turn.module]]
            rows[feature] = rows[feature] + part if feature in rows else part
    return list(rows), np.array(list(rows.values())).reshape(len(rows), len(scores.samples))

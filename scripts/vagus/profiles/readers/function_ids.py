"""Ids of genes as programs write them, and what a KO profile may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vagus.errors import VagusError

BY_SPECIES = "_by_species"
KO = re.compile(r"K\d{5}")
EC = re.compile(r"\d+(\.(\d+|-|[nN]\d+)){3}")
_PREFIX = re.compile(r"^(ko:|KO:|EC[:.])")


def clean_function(name: str) -> str:
    """Return an id without `ko:` and `EC:` (R writes `EC.`); others come back as they are."""
    bare = _PREFIX.sub("", name)
    return bare if KO.fullmatch(bare) or EC.fullmatch(bare) else name


def is_gene_level(level: str) -> bool:
    """Tell whether a profile of this level is one of KOs, from which modules are scored."""
    return level.removesuffix(BY_SPECIES) == "ko"


def check_functions(names: Iterable[str], where: str, level: str, command: str = "") -> None:
    """Refuse a KO profile that has neither KOs nor EC numbers.

    Parameters
    ----------
    names
        Of the features.
    where
        File, for the message.
    level
        Of the profile; other levels than KOs may hold anything.
    command
        How to mend it, where that is known.

    Raises
    ------
    VagusError
        Naming a feature. EC numbers pass: modules are then scored by EC.
    """
    names = list(names)
    if not is_gene_level(level) or not names:
        return
    if not any(KO.fullmatch(clean_function(n)) or EC.fullmatch(clean_function(n)) for n in names):
        raise VagusError(
            f"{where}: features such as {names[0]!r} are neither KO nor EC numbers in a profile of level "
            f"{level}; allowed: K00001, ko:K00001 or EC:1.1.1.1; fix: "
            f"{command or 'regroup the table to KO, or give the profile another level in its name'}"
        )

"""Primers: by name from a table or by sequence, checked, and as arguments of cutadapt."""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vagus.errors import VagusError

IUPAC = "ACGTRYSWKMBDHVN"
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
# A partial primer at the very start of a read still counts if two thirds of it are there; anything shorter
# would be found by chance. Read-through at the other end is only a few bases long as a rule.
MIN_PRIMER_SHARE = 2 / 3
MIN_READ_THROUGH = 5


@dataclass(frozen=True)
class PrimerPair:
    """Forward and reverse primer, each 5' to 3' as ordered; `reverse` may be empty for single-end reads."""

    forward: str
    reverse: str
    name: str = ""


def reverse_complement(sequence: str) -> str:
    """Return the reverse complement; IUPAC codes are kept."""
    return sequence.translate(_COMPLEMENT)[::-1]


def check_primer(sequence: str, which: str) -> str:
    """Check one primer and return it in upper case DNA.

    Parameters
    ----------
    sequence
        As written; inosine (I) is read as N and U as T.
    which
        Key for the message.

    Raises
    ------
    VagusError
        If it has a letter that is no IUPAC code, or is too short to be told from chance.
    """
    clean = "".join(sequence.split()).upper().replace("U", "T").replace("I", "N")
    bad = sorted(set(clean) - set(IUPAC))
    if bad:
        raise VagusError(
            f"config, 'reads.primers', '{which}': {sequence!r} holds {', '.join(bad)}; "
            f"allowed: IUPAC codes {IUPAC}; fix: give the primer 5' to 3' without adapter names"
        )
    if len(clean) < 10:
        raise VagusError(
            f"config, 'reads.primers', '{which}': {sequence!r} has {len(clean)} bases; allowed: at least 10; "
            "fix: give the whole primer"
        )
    return clean


def load_primers(setting: str | Mapping[str, str] | None, table: Path | None) -> PrimerPair | None:
    """Turn `reads.primers` into a checked pair.

    Parameters
    ----------
    setting
        Empty for none, a name of the table, or a mapping with `forward` and `reverse`.
    table
        TSV with the columns name, forward, reverse; lines with # are comments.

    Returns
    -------
    PrimerPair or None
        None if no primers are to be removed.

    Raises
    ------
    VagusError
        If the name is unknown or a sequence is no primer.
    """
    if not setting:
        return None
    if isinstance(setting, str):
        known = _read_table(table)
        if setting not in known:
            near = difflib.get_close_matches(setting, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}? " if near else ""
            raise VagusError(
                f"config, 'reads.primers': unknown name {setting!r}; {hint}allowed: {', '.join(known)}; "
                "fix: use a name of resources/primers.tsv or give forward and reverse sequences"
            )
        forward, reverse = known[setting]
        return PrimerPair(check_primer(forward, "forward"), check_primer(reverse, "reverse"), setting)
    reverse = str(setting.get("reverse") or "")
    return PrimerPair(
        check_primer(str(setting.get("forward") or ""), "forward"),
        check_primer(reverse, "reverse") if reverse else "",
    )


def _read_table(table: Path | None) -> dict[str, tuple[str, str]]:
    if table is None or not table.exists():
        raise VagusError("the primer table resources/primers.tsv is missing; fix: restore it from the clone")
    with table.open(encoding="utf-8") as handle:
        rows = csv.DictReader((line for line in handle if not line.startswith("#")), delimiter="\t")
        return {row["name"]: (row["forward"], row["reverse"]) for row in rows}


def primer_arguments(primers: PrimerPair, paired: bool, error_rate: float) -> list[str]:
    """Return cutadapt's arguments: the primer at the 5' end, and what is read through into at the 3' end.

    Each read must show its own primer; bases before it (spacers, barcodes) go with it. With `--revcomp`
    cutadapt also tries the other orientation (mates swapped) and keeps the better one.

    Parameters
    ----------
    primers
        Checked pair.
    paired
        Whether there is a second read.
    error_rate
        Share of mismatches allowed in a primer.

    Raises
    ------
    VagusError
        If reads are paired and there is no reverse primer.

    References
    ----------
    Martin M (2011) EMBnet.journal 17:10, doi:10.14806/ej.17.1.200
    """
    if paired and not primers.reverse:
        raise VagusError(
            "config, 'reads.primers', 'reverse': missing for paired-end reads; "
            "fix: give both primers 5' to 3'"
        )
    arguments = ["--revcomp", "--rename", "{header}", "-e", str(error_rate)]
    arguments += ["-g", _linked("forward", primers.forward, primers.reverse)]
    if paired:
        arguments += ["-G", _linked("reverse", primers.reverse, primers.forward)]
    return arguments


def _linked(name: str, primer: str, other: str) -> str:
    overlap = math.ceil(len(primer) * MIN_PRIMER_SHARE)
    text = f"{name}={primer};required;min_overlap={overlap}"
    if other:
        text += f"...{reverse_complement(other)};optional;min_overlap={MIN_READ_THROUGH}"
    return text

"""KO expressions: which enzymes can do a step."""

from __future__ import annotations

import re

from vagus.errors import VagusError

_KO = re.compile(r"K\d{5}")
_TOKEN = re.compile(r"[(),+]|[^(),+]+")


def parse_kos(text: str) -> tuple[tuple[str, ...], ...]:
    """Read `K00001,K00002+K00003`: `,` between alternatives, `+` between subunits of a complex.

    Parentheses may stand around an alternative, or around alternatives inside of a complex:
    `(K00001,K00002)+K00003` is the same as `K00001+K00003,K00002+K00003`.

    Parameters
    ----------
    text
        The expression; blanks do not matter.

    Returns
    -------
    tuple of tuple of str
        Alternatives in the order written, each the KOs of its subunits.

    Raises
    ------
    VagusError
        If anything else stands there.
    """
    tokens = _TOKEN.findall("".join(text.split()))
    found, rest = _alternatives(tokens, text)
    if rest:
        raise _wrong(text, "".join(rest))
    return found


def written_kos(text: str) -> list[str]:
    """Return the KO numbers of an expression in the order written, repeats included.

    Parameters
    ----------
    text
        The expression.
    """
    return re.findall(r"K\d{5}", text)


def write_kos(alternatives: tuple[tuple[str, ...], ...]) -> str:
    """Return the expression that `parse_kos` reads as these alternatives.

    Parameters
    ----------
    alternatives
        Each the KOs of its subunits.
    """
    return ",".join("+".join(subunits) for subunits in alternatives)


def _alternatives(tokens: list[str], text: str) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    found, tokens = _complex(tokens, text)
    while tokens and tokens[0] == ",":
        more, tokens = _complex(tokens[1:], text)
        found += more
    return found, tokens


def _complex(tokens: list[str], text: str) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    found, tokens = _subunit(tokens, text)
    while tokens and tokens[0] == "+":
        more, tokens = _subunit(tokens[1:], text)
        found = tuple(left + right for left in found for right in more)
    return found, tokens


def _subunit(tokens: list[str], text: str) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    if tokens and tokens[0] == "(":
        found, rest = _alternatives(tokens[1:], text)
        if not rest or rest[0] != ")":
            raise _wrong(text, "".join(tokens))
        return found, rest[1:]
    if not tokens or not _KO.fullmatch(tokens[0]):
        raise _wrong(text, tokens[0] if tokens else "")
    return ((tokens[0],),), tokens[1:]


def _wrong(text: str, word: str) -> VagusError:
    return VagusError(
        f"{text!r}: {word!r} is no KO number; allowed: KO numbers, ',' between alternatives, "
        "'+' between the subunits of a complex, and pairs of parentheses around either"
    )

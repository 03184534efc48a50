"""KO expressions: alternatives, complexes, parentheses, and what is refused."""

from __future__ import annotations

import pytest

from vagus.errors import VagusError
from vagus.modules.ko_expression import parse_kos, write_kos, written_kos

A, B, C, D = "K00001", "K00002", "K00003", "K00004"


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        (A, ((A,),)),
        (f"{A},{B}", ((A,), (B,))),
        (f"{A}+{B}", ((A, B),)),
        (f"{A},{B}+{C}", ((A,), (B, C))),
        (f"{A},({B}+{C})", ((A,), (B, C))),
        (f"({A},{B})+{C}", ((A, C), (B, C))),
        (f"{C}+({A},{B}),{D}", ((C, A), (C, B), (D,))),
        (f"({A},{B})+({C},{D})", ((A, C), (A, D), (B, C), (B, D))),
        (f"(({A}+{B}),{C})+{D}", ((A, B, D), (C, D))),
        (f" {A} ,\t{B} + {C} ", ((A,), (B, C))),
    ],
)
def test_an_expression_expands_to_alternatives_of_complexes(
    text: str, alternatives: tuple[tuple[str, ...], ...]
) -> None:
    assert parse_kos(text) == alternatives
    assert parse_kos(write_kos(alternatives)) == alternatives


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "''"),
        ("K1", "'K1'"),
        (f"{A};{B}", f"'{A};{B}'"),
        (f"{A},", "''"),
        (f"{A}+", "''"),
        (f"{A},,{B}", "','"),
        (f"({A}", f"'\\({A}'"),
        (f"({A},{B}+{C}", f"'\\({A},{B}\\+{C}'"),
        (f"{A})", "'\\)'"),
        (f"{A}({B})", f"'\\({B}\\)'"),
        ("()", "'\\)'"),
        ("K000011", "'K000011'"),
        ("k00001", "'k00001'"),
    ],
)
def test_what_is_no_expression_is_refused_by_its_wrong_part(text: str, word: str) -> None:
    with pytest.raises(VagusError, match=f": {word} is no KO number; allowed: KO numbers"):
        parse_kos(text)


def test_written_kos_keep_repeats() -> None:
    assert written_kos(f"{A}+{B},{A}+{C}") == [A, B, A, C]

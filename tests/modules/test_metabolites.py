"""Modules add up to what can be made and used of each compound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from modules.made_modules import Module, Step, make_profile

from vagus.errors import VagusError
from vagus.modules.metabolites import compound_potential
from vagus.modules.module_file import load_modules
from vagus.modules.score_modules import score_modules
from vagus.modules.stoichiometry import Turnover, read_stoichiometry

FOLDER = Path(__file__).parents[2] / "resources" / "modules"
HEAD = "module\tcompound\tmolecules\tnote\n"


@dataclass(frozen=True)
class Reaction:
    id: str
    makes: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


REACTIONS = [Reaction("A", ("butyrate",), ("acetate",)), Reaction("B", ("butyrate",))]


def read(tmp_path: Path, rows: str) -> list[Turnover]:
    (tmp_path / "s.tsv").write_text(f"# made here\n{HEAD}{rows}")
    return read_stoichiometry(tmp_path / "s.tsv", REACTIONS)


def test_one_molecule_unless_the_table_says_otherwise(tmp_path: Path) -> None:
    assert len(read_stoichiometry(None, REACTIONS)) == 3
    assert read(tmp_path, "A\tacetate\t-2\t\nB\tbutyrate\t0\tpart of A\n") == [
        Turnover("A", "acetate", -2.0),
        Turnover("A", "butyrate", 1.0),
        Turnover("B", "butyrate", 0.0),
    ]


def test_potential_is_molecules_times_value_and_parts_count_once() -> None:
    modules = [
        Module("A", (Step((("K1",),)),)),
        Module("B", (Step((("K2",),)),)),
        Module("C", (Step((("K3",),)),)),
    ]
    profile = make_profile(np.array([[2.0, 0.0], [3.0, 1.0], [5.0, 5.0]]), ["K1", "K2", "K3"])
    turns = [
        Turnover("A", "acetate", -2.0), Turnover("A", "butyrate", 1.0), Turnover("B", "butyrate", 1.0),
        Turnover("C", "butyrate", 0.0), Turnover("D", "indole", 1.0),
    ]  # fmt: skip
    features, values = compound_potential(score_modules(modules, profile), turns)
    assert features == ["acetate|used", "butyrate|made"]
    np.testing.assert_allclose(values, [[4.0, 0.0], [5.0, 1.0]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("A\tindole\t1\t\n", "row 3: A, indole: is no such pair"),
        ("A\tacetate\t2\t\n", "has the wrong sign"),
        ("B\tbutyrate\t1\t\nB\tbutyrate\t1\t\n", "row 4: B, butyrate: stands twice"),
        ("A\tacetate\tmany\t\n", "'many' is no number"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(VagusError, match=message):
        read(tmp_path, rows)


def test_the_table_fits_the_module_file() -> None:
    modules = load_modules(FOLDER / "neuroactive.yaml").modules
    found = {
        (t.module, t.compound): t.molecules for t in read_stoichiometry(FOLDER / "stoichiometry.tsv", modules)
    }
    assert found["BUT_acetylCoA", "acetyl_coa"] == -2
    assert found["BUT_terminal", "butyrate"] == 0
    assert {c for _, c in found} <= {c.id for c in load_modules(FOLDER / "neuroactive.yaml").compounds}

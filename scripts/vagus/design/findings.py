"""What a check found: problems that stop the run, and notes that only need saying."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from vagus.errors import Problem

SHOWN = 6


@dataclass
class Findings:
    """Problems and notes, gathered over all files.

    Parameters
    ----------
    problems
        What stops the run.
    notes
        What is allowed but worth saying.
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(
        self,
        file: str,
        what: str,
        fix: str,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
        allowed: str | None = None,
    ) -> None:
        """Add one problem; the arguments are those of `vagus.errors.Problem`."""
        self.problems.append(Problem(file, what, fix, row, column, value, allowed))

    def note(self, text: str) -> None:
        """Add one note, once."""
        if text not in self.notes:
            self.notes.append(text)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is closest to what was written, or None.

    Parameters
    ----------
    word
        As written.
    known
        What is allowed.
    """
    words = list(known)
    lower = {w.lower(): w for w in reversed(words)}
    hit = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return lower[hit[0]] if hit else None


def listed(items: Iterable[object], shown: int | None = None) -> str:
    """Return `a, b, c`, cut with `and n more` after `shown` items."""
    words = [str(i) for i in items]
    if shown is None or len(words) <= shown:
        return ", ".join(words)
    return f"{', '.join(words[:shown])} and {len(words) - shown} more"


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return `did you mean 'x'?` when something known is close, else another fix."""
    hit = nearest(word, known)
    return f"did you mean '{hit}'?" if hit else otherwise

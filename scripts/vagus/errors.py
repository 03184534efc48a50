"""What goes wrong, said in one line: what, where, what is allowed and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class VagusError(Exception):
    """A user's mistake or a result that must not be used; shown without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a sheet, the plan or the config.

    Parameters
    ----------
    file
        The file as the user named it.
    what
        What is wrong, as a phrase without a full stop.
    fix
        How to mend it.
    row
        Line in the file, the header being line 1.
    column
        Column or key.
    value
        The offending value, shown quoted.
    allowed
        What would have been accepted.
    """

    file: str
    what: str
    fix: str
    row: int | None = None
    column: str | None = None
    value: str | None = None
    allowed: str | None = None

    def __str__(self) -> str:
        where = self.file
        if self.row is not None:
            where += f", row {self.row}"
        if self.column is not None:
            where += f", column '{self.column}'" if self.row is not None else f", '{self.column}'"
        text = f"{where}: {self.what}"
        if self.value is not None:
            text += f" (value {self.value!r})"
        if self.allowed is not None:
            text += f"; allowed: {self.allowed}"
        return f"{text}; fix: {self.fix}"


class DesignError(VagusError):
    """All problems of the design at once.

    Parameters
    ----------
    problems
        Every problem found, in the order of the files.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        count = len(self.problems)
        head = f"The design has {count} problem{'s' if count != 1 else ''}; nothing was run."
        super().__init__("\n".join([head, *(f"  {i}. {p}" for i, p in enumerate(self.problems, 1))]))

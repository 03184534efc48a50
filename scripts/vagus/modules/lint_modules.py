"""Check module files, the shipped one by default.

Run it from the clone: `python scripts/vagus/modules/lint_modules.py [file ...]`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.modules.module_file import MODULES, find_problems


def lint(paths: Sequence[str | Path]) -> list[str]:
    """Return every problem of these files, one a line.

    Parameters
    ----------
    paths
        Module files.
    """
    lines = []
    for path in paths:
        try:
            lines += [str(problem) for problem in find_problems(path)[1].problems]
        except VagusError as error:
            lines.append(str(error))
    return lines


def main(arguments: Sequence[str]) -> int:
    """Print the problems and return the exit code: 1 if there are any.

    Parameters
    ----------
    arguments
        Paths of module files.
    """
    problems = lint(list(arguments) or [MODULES])
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

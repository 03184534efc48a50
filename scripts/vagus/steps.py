"""How a step runs under Snakemake: its words go to the log, a user's mistake ends it in one line."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from vagus.errors import VagusError


def run_step(func: Callable[[], object], log: str | Path | None = None) -> None:
    """Run a step with stdout and stderr in its log.

    Parameters
    ----------
    func
        The step, with its arguments bound.
    log
        Log file; None leaves the streams alone.

    Raises
    ------
    SystemExit
        With status 1 after any error. A `VagusError` is shown as one line; anything else is our defect
        and leaves its traceback in the log.
    """
    path = Path(log) if log else None
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        if path:
            handle = stack.enter_context(path.open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(handle))
            stack.enter_context(contextlib.redirect_stderr(handle))
        try:
            func()
            return
        except VagusError as error:
            message = str(error)
            print(f"ERROR: {message}")
        except Exception as error:
            traceback.print_exc()
            message = f"unexpected {type(error).__name__}: {error} (traceback in {path or 'the lines above'})"
    print(f"ERROR: {message}", file=sys.__stderr__)
    raise SystemExit(1)

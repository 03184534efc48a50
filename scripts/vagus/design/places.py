"""Where files are looked for: working directory, folder of the config file or sheet, clone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Folders in which a relative path is looked for.

    Parameters
    ----------
    workdir
        Working directory of the run; comes first.
    clone
        Root of the clone; comes last.
    configfiles
        Config files given; their folders come in between, the last given first.
    """

    workdir: Path
    clone: Path
    configfiles: tuple[Path, ...] = field(default=())

    def folders(self, beside: Path | None = None) -> list[Path]:
        """Return the folders in order, with that of a sheet after the working directory."""
        between = (
            [beside.parent] if beside else [(self.workdir / f).parent for f in reversed(self.configfiles)]
        )
        return list(dict.fromkeys([self.workdir, *between, self.clone]))

    def find(self, path: str, beside: Path | None = None) -> Path | None:
        """Return the absolute path of a file, or None if it is nowhere.

        Parameters
        ----------
        path
            As written.
        beside
            Sheet in which it was written; without one, the config files' folders are tried.
        """
        if not path:
            return None
        for folder in [Path(path).parent] if os.path.isabs(path) else self.folders(beside):
            found = os.path.normpath(folder / (Path(path).name if os.path.isabs(path) else path))
            if os.path.exists(found):
                return Path(found)
        return None

    def searched(self, path: str, beside: Path | None = None) -> str:
        """Say where a path was looked for."""
        if os.path.isabs(path):
            return "the path as given"
        return ", ".join(str(f) for f in self.folders(beside))


def find_config_path(
    value: str, workdir: str | Path, clone: str | Path, configfiles: Iterable[str | Path] = ()
) -> Path | None:
    """Find a file that the config names.

    Parameters
    ----------
    value
        As written in the config.
    workdir, clone, configfiles
        As in `Places`.

    Returns
    -------
    pathlib.Path or None
        Absolute; None if "" or nowhere.
    """
    return Places(Path(workdir), Path(clone), tuple(Path(c) for c in configfiles)).find(value)

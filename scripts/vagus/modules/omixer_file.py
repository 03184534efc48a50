"""Module files in the format of Omixer-RPM; free of numpy, for the design reads them too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vagus.errors import VagusError


@dataclass(frozen=True)
class OmixerModule:
    """A module of such a file.

    Parameters
    ----------
    id, name
        From its first line.
    steps
        In order; each a tuple of alternatives, each a tuple of features that are all needed.
    """

    id: str
    name: str
    steps: tuple[tuple[tuple[str, ...], ...], ...]


def read_omixer(path: str | Path) -> list[OmixerModule]:
    """Read a module file.

    Parameters
    ----------
    path
        Per module a line `id<TAB>name`, one line for each step (tab between alternatives, comma between what
        is needed together), and `///`.

    Returns
    -------
    list of OmixerModule
        In the order of the file.

    Raises
    ------
    VagusError
        Naming the row: a module without steps, an id twice, an empty feature, a module that is not ended.
    """
    modules: list[OmixerModule] = []
    head: tuple[str, str] | None = None
    steps: list[tuple[tuple[str, ...], ...]] = []
    number = 0
    for number, raw in enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), 1):
        line = raw.rstrip("\r\n")
        where = f"{path}, row {number}"
        if line.strip() == "///":
            if head is None or not steps:
                raise VagusError(f"{where}: '///' ends a module without steps; fix: give id, name and steps")
            modules.append(OmixerModule(*head, tuple(steps)))
            head, steps = None, []
        elif not line.strip():
            continue
        elif head is None:
            name, _, text = line.partition("\t")
            head = (name.strip(), text.strip())
            if not head[0] or head[0] in {m.id for m in modules}:
                raise VagusError(f"{where}: module id {head[0]!r} is blank or stands twice; fix: rename it")
        else:
            cells = [cell for cell in line.split("\t") if cell.strip()]
            step = tuple(tuple(part.strip() for part in cell.split(",")) for cell in cells)
            if any(not part for alternative in step for part in alternative):
                raise VagusError(f"{where}: an empty feature; fix: one comma between two features")
            steps.append(step)
    if head is not None:
        raise VagusError(f"{path}, row {number}: module {head[0]} is not ended; fix: add a line ///")
    if not modules:
        raise VagusError(f"{path}: holds no module; fix: give a file in the format of Omixer-RPM")
    return modules

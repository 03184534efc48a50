"""References: built from the user's own genomes, or fetched and checked. Here: the manifest beside each."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


def file_digest(path: str | Path, kind: str = "sha256") -> str:
    """Return the checksum of a file.

    Parameters
    ----------
    path
        The file.
    kind
        `sha256` or `md5`.
    """
    digest = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(
    path: Path,
    engine: str,
    versions: Mapping[str, str],
    inputs: Mapping[str, str | Path],
    parameters: Mapping[str, Any],
) -> None:
    """Write what a reference was made of: no dates and no places, so that the same makes the same.

    Parameters
    ----------
    path
        JSON to write.
    engine
        Whose reference it is.
    versions
        Program -> version.
    inputs
        Name (a genome's id, say) -> file; its checksum is written.
    parameters
        What else went into it.
    """
    body = {
        "engine": engine,
        "versions": dict(versions),
        "inputs": {name: file_digest(file) for name, file in inputs.items()},
        "parameters": dict(parameters),
    }
    path.write_text(json.dumps(body, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def fresh_folder(path: Path) -> Path:
    """Make an empty folder; what lay there goes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
    path.mkdir(parents=True)
    return path

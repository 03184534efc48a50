"""The formats that a profile may be brought along in, and which keys of its entry each of them uses.

Nothing heavy is imported here: the design is checked at every start of the workflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vagus.profiles.readers.table import Table

# Keys of an entry that name a second file.
FILE_KEYS = ("taxonomy", "abundance", "nsti")
COMMON_KEYS = ("name", "path", "format", "kind", "unit", "sample_suffix", "inferred")


@dataclass(frozen=True)
class Format:
    """How one format is read.

    Parameters
    ----------
    module, function
        Reader in this package.
    keys
        What it uses besides `COMMON_KEYS`.
    needed
        Of these, what must be there.
    tells_kind
        Whether the file tells what its numbers are.
    wants
        What the reader is told of the run: `level` of the profile, `known` sample ids.
    folder
        Whether `path` may be a folder.
    """

    module: str
    function: str
    keys: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    tells_kind: bool = False
    wants: tuple[str, ...] = ()
    folder: bool = False


_TAXA = ("taxonomy", "collapse", "encoding")
FORMATS = {
    "tsv": Format("tsv", "read_tsv", _TAXA),
    "biom": Format("biom", "read_biom", ("taxonomy", "collapse")),
    "qza": Format("qza", "read_qza", ("taxonomy", "collapse"), tells_kind=True),
    "samples_in_rows": Format("samples_in_rows", "read_samples_in_rows", _TAXA),
    "phyloseq": Format("phyloseq", "read_phyloseq", _TAXA, ("taxonomy",), wants=("known",)),
    "mothur": Format("mothur", "read_mothur", ("taxonomy", "collapse"), tells_kind=True),
    "metaphlan": Format("metaphlan", "read_metaphlan", tells_kind=True, wants=("level",)),
    "kraken_report": Format("kraken", "read_kraken_reports", tells_kind=True, wants=("level",), folder=True),
    "bracken": Format("kraken", "read_bracken", tells_kind=True, wants=("level",), folder=True),
    "humann": Format("humann", "read_humann_table", ("encoding",), tells_kind=True, wants=("level",)),
    "picrust2": Format("picrust2", "read_picrust2", ("nsti",), tells_kind=True, wants=("level",)),
    "eggnog": Format("eggnog", "read_eggnog", ("abundance",), wants=("level",), folder=True),
    "kofamscan": Format("kofamscan", "read_kofamscan", ("abundance",), wants=("level",), folder=True),
}


def read_table(entry: Mapping[str, Any], known: Mapping[str, str]) -> Table:
    """Read the table of an entry of `profiles:`.

    Parameters
    ----------
    entry
        With the keys that its format uses; `collapse` is left to the caller.
    known
        Ids that samples may have -> sample.

    Returns
    -------
    Table
        As it was read.

    Raises
    ------
    VagusError
        One line of what is wrong with the file.
    """
    chosen = FORMATS[entry["format"]]
    told = {"level": str(entry["name"]).partition(".")[2], "known": known}
    options = {key: entry[key] for key in chosen.keys if entry.get(key) and key != "collapse"}
    options |= {key: told[key] for key in chosen.wants}
    reader = getattr(import_module(f"vagus.profiles.readers.{chosen.module}"), chosen.function)
    table: Table = reader(entry["path"], **options)
    return table


def input_files(entry: Mapping[str, Any]) -> list[str]:
    """Return the files of an entry besides its path, so that a change of any of them is seen.

    Parameters
    ----------
    entry
        Its paths are settled.

    Returns
    -------
    list of str
        The second files, the files of a folder, and those that a list of samples and paths names.
    """
    found = [str(entry[key]) for key in FILE_KEYS if entry.get(key)]
    path = Path(str(entry["path"]))
    if path.is_dir():
        found += [str(p) for p in sorted(path.iterdir()) if p.is_file() and not p.name.startswith(".")]
    elif entry.get("format") in ("kraken_report", "bracken") and path.is_file():
        found += [str(p) for _, p in listed_paths(path) if p.is_file()]
    return found


def listed_paths(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield sample and path of a list: TSV with `sample` and `path`, relative to the folder of the list."""
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        if handle.readline().strip().split("\t")[:2] != ["sample", "path"]:
            return
        for line in handle:
            cells = [cell.strip() for cell in line.rstrip("\r\n").split("\t")]
            if len(cells) > 1 and cells[0]:
                yield cells[0], path.parent / cells[1]

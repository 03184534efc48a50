"""What every shotgun engine reads and writes: the clean reads of a sample, and one small table per sample."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vagus.errors import VagusError

RANKS = ("domain", "phylum", "class", "order", "family", "genus", "species")
UNCLASSIFIED = "unclassified"
TAXON_COLUMNS = ["lineage", "value"]
FUNCTION_COLUMNS = ["feature", "taxon", "value"]


@dataclass
class SampleReads:
    """The clean reads of one sample, of all its runs.

    Parameters
    ----------
    sample
        Sample id.
    pairs
        (R1, R2) of every paired run.
    singles
        Files of every single-end run.
    """

    sample: str
    pairs: list[tuple[Path, Path]] = field(default_factory=list)
    singles: list[Path] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """All files, mates beside each other."""
        return [path for pair in self.pairs for path in pair] + self.singles


def find_sample_reads(clean: Sequence[str | Path], sample: str) -> SampleReads:
    """Find the clean reads of a sample.

    Parameters
    ----------
    clean
        Directories written by `clean_shotgun_reads`, with `<sample>__<run>_R1.fastq.gz` (and `_R2`).
    sample
        Sample id.

    Returns
    -------
    SampleReads
        In the order of the directories.

    Raises
    ------
    VagusError
        If there is no file of the sample.
    """
    found = SampleReads(sample)
    for folder in clean:
        # Not the files of a sample whose id is this one with an underscore at its end.
        for first in sorted(Path(folder).glob(f"{sample}__[!_]*_R1.fastq.gz")):
            second = first.with_name(first.name.removesuffix("_R1.fastq.gz") + "_R2.fastq.gz")
            if second.exists():
                found.pairs.append((first, second))
            else:
                found.singles.append(first)
    if not found.files:
        raise VagusError(f"sample {sample}: no clean reads found in {', '.join(map(str, clean))}")
    return found


def write_taxa(
    values: Mapping[str, float], stats: Mapping[str, Any], folder: str | Path, sample: str
) -> None:
    """Write what one engine found in one sample: `<sample>.taxa.tsv` and `<sample>.stats.json`.

    Parameters
    ----------
    values
        Lineage -> value. A lineage is the seven names of `RANKS` joined by `;`, unknown ranks blank, without
        `d__` and the like, so that a name read at genus only is `Bacteria;...;Bacteroides;`. The key
        `unclassified` is for what has no name. Values are reads (kind counts) or shares of the sample that
        with `unclassified` sum to 1 (kind relative).
    stats
        engine, version, kind, unit, reads (pairs count once), detection_limit (share of the sample below
        which an organism is not reported) and what the engine adds.
    folder
        Existing folder.
    sample
        Sample id.
    """
    _write_rows(Path(folder) / f"{sample}.taxa.tsv", TAXON_COLUMNS, sorted(values.items()))
    write_stats(stats, folder, sample)


def write_function(
    values: Mapping[tuple[str, str], float],
    stats: Mapping[str, Any],
    folder: str | Path,
    sample: str,
    level: str,
) -> None:
    """Write the functions of one sample: `<sample>.<level>.tsv` and `<sample>.stats.json`.

    Parameters
    ----------
    values
        (feature, taxon) -> copies per genome; the taxon is a species name, `unclassified`, or "" where the
        engine does not tell taxa apart.
    stats
        engine, version, reads, assigned_share, genome_equivalents, markers and what the engine adds.
    folder
        Existing folder.
    sample
        Sample id.
    level
        `ko` or `pathway`.
    """
    rows = sorted((feature, taxon, value) for (feature, taxon), value in values.items())
    _write_rows(Path(folder) / f"{sample}.{level}.tsv", FUNCTION_COLUMNS, rows)
    write_stats(stats, folder, sample)


def write_stats(stats: Mapping[str, Any], folder: str | Path, sample: str) -> None:
    """Write `<sample>.stats.json`."""
    text = json.dumps({"sample": sample, **stats}, indent=1, sort_keys=True)
    (Path(folder) / f"{sample}.stats.json").write_text(text + "\n", encoding="utf-8")


def read_stats(folder: str | Path, sample: str) -> dict[str, Any]:
    """Read `<sample>.stats.json`."""
    found: dict[str, Any] = json.loads((Path(folder) / f"{sample}.stats.json").read_text(encoding="utf-8"))
    return found


def read_rows(path: str | Path, columns: Sequence[str]) -> list[list[str]]:
    """Read a table written here; `VagusError` if its header is another."""
    with open(path, encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(rows, [])
        if header != list(columns):
            raise VagusError(f"{path}: columns {', '.join(header)}; expected {', '.join(columns)}")
        return list(rows)


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        handle.write("\t".join(columns) + "\n")
        for row in rows:
            handle.write("\t".join(f"{c:.10g}" if isinstance(c, float) else str(c) for c in row) + "\n")

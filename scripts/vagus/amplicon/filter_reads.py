"""Cut reads to length and drop those with too many expected errors, as DADA2's filter does."""

import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dnaio
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

CHUNK = 10_000
SHORTEST = 20
COUNT_COLUMNS = ("sample", "run", "paired", "reads_in", "reads_out")


@dataclass(frozen=True)
class FilterRules:
    """What a read must satisfy.

    Parameters
    ----------
    trunc_len
        Length after cutting, per direction; 0 keeps the length.
    max_ee
        Most expected errors, the sum of 10^(-Q/10), per direction.
    trunc_q
        A read ends before its first base with this quality or less.
    """

    trunc_len: tuple[int, int] = (0, 0)
    max_ee: tuple[float, float] = (2.0, 2.0)
    trunc_q: int = 2


def pad_bytes(texts: Sequence[str], fill: int) -> tuple[np.ndarray, np.ndarray]:
    """Put strings of unequal length into one byte matrix.

    Parameters
    ----------
    texts
        n ASCII strings.
    fill
        Byte to the right of shorter strings.

    Returns
    -------
    tuple of numpy.ndarray
        Matrix n x longest (uint8) and the n lengths.
    """
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    flat = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)
    width = int(lengths.max(initial=0))
    matrix = np.full((len(texts), width), fill, dtype=np.uint8)
    matrix[np.arange(width) < lengths[:, None]] = flat
    return matrix, lengths


def find_ends(
    sequences: Sequence[str], qualities: Sequence[str], trunc_len: int, max_ee: float, trunc_q: int
) -> np.ndarray:
    """Say where each read is cut; 0 for a read that fails.

    The rules are those of DADA2's `filterAndTrim` (doi:10.1038/nmeth.3869) in its order: cut at the first
    base of quality `trunc_q` or less, demand and cut to `trunc_len`, demand 20 bases, no ambiguous base, and
    at most `max_ee` expected errors (doi:10.1093/bioinformatics/btv401).

    Parameters
    ----------
    sequences, qualities
        n reads and their Phred+33 qualities.
    trunc_len
        Length to cut to; 0 for none.
    max_ee
        Most expected errors.
    trunc_q
        Quality at which a read ends.

    Returns
    -------
    numpy.ndarray
        n lengths after cutting; 0 where the read is dropped.
    """
    if not sequences:
        return np.zeros(0, dtype=np.int64)
    # The fill reads as quality 0 and so ends a short read by the same comparison.
    phred, lengths = pad_bytes(qualities, 33)
    low = phred <= 33 + trunc_q
    ends = np.minimum(np.where(low.any(axis=1), low.argmax(axis=1), phred.shape[1]), lengths)
    if trunc_len:
        ends = np.where(ends >= trunc_len, trunc_len, 0)
    ends[ends < SHORTEST] = 0
    width = int(ends.max(initial=0))
    inside = np.arange(width) < ends[:, None]
    errors = np.where(inside, (10.0 ** (-(np.arange(256) - 33.0) / 10.0))[phred[:, :width]], 0.0).sum(axis=1)
    bases, _ = pad_bytes(sequences, ord("N"))
    known = np.isin(bases[:, :width], np.frombuffer(b"ACGT", dtype=np.uint8))
    ends[(errors > max_ee) | (inside & ~known).any(axis=1)] = 0
    return ends


def _chunks(records: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(records, CHUNK)):
        yield chunk


def _filter_file(paths: list[Path], outputs: list[Path], rules: FilterRules) -> tuple[int, int]:
    """Filter the one or two files of a library; return the reads (pairs) in and out."""
    reads_in = reads_out = 0
    with (
        dnaio.open(*paths) as source,
        dnaio.open(*outputs, mode="w", compression_level=1) as sink,
    ):
        for chunk in _chunks(iter(source)):
            reads_in += len(chunk)
            sides = list(zip(*chunk, strict=True)) if len(paths) == 2 else [chunk]
            ends = [
                find_ends(
                    [r.sequence for r in side],
                    [r.qualities for r in side],
                    rules.trunc_len[i],
                    rules.max_ee[i],
                    rules.trunc_q,
                )
                for i, side in enumerate(sides)
            ]
            for i in np.flatnonzero(np.all(ends, axis=0)).tolist():
                sink.write(*(side[i][: int(end[i])] for side, end in zip(sides, ends, strict=True)))
                reads_out += 1
    return reads_in, reads_out


def filter_unit(
    unit: dict[str, Any], clean: Path, out: Path, paired: bool, rules: FilterRules
) -> dict[str, Any]:
    """Filter one library.

    Parameters
    ----------
    unit
        With `sample` and `run`.
    clean, out
        Folders with `{sample}__{run}_R1.fastq.gz` (and `_R2`): read from, written to.
    paired
        Whether there are mates.
    rules
        What a read must satisfy.

    Returns
    -------
    dict
        A row with `COUNT_COLUMNS`.

    Raises
    ------
    VagusError
        If a file is missing or is no FASTQ.
    """
    stem = f"{unit['sample']}__{unit['run']}"
    names = [f"{stem}_R{i}.fastq.gz" for i in ((1, 2) if paired else (1,))]
    for name in names:
        if not (clean / name).exists():
            raise VagusError(
                f"filter_reads: sample {unit['sample']}, run {unit['run']}: {clean / name} is missing"
            )
    try:
        reads_in, reads_out = _filter_file([clean / n for n in names], [out / n for n in names], rules)
    except (dnaio.FileFormatError, EOFError, OSError) as error:
        text = " ".join(str(error).split())
        raise VagusError(f"filter_reads: sample {unit['sample']}, run {unit['run']}: {text}") from None
    row = (unit["sample"], unit["run"], int(paired), reads_in, reads_out)
    return dict(zip(COUNT_COLUMNS, row, strict=True))


def main(
    batch_json: str, clean: str, truncation: str, out: str, max_ee: list[float], trunc_q: int, threads: int
) -> None:
    """Filter the libraries of one batch and write them with `counts.tsv` to the folder `out`."""
    batch = json.loads(Path(batch_json).read_text(encoding="utf-8"))
    chosen = json.loads(Path(truncation).read_text(encoding="utf-8"))["trunc_len"]
    rules = FilterRules((chosen[0], chosen[1]), (max_ee[0], max_ee[-1]), trunc_q)
    Path(out).mkdir(parents=True, exist_ok=True)
    work = partial(filter_unit, clean=Path(clean), out=Path(out), paired=batch["paired"], rules=rules)
    if threads > 1 and len(batch["units"]) > 1:
        with ProcessPoolExecutor(threads) as pool:
            rows = list(pool.map(work, batch["units"]))
    else:
        rows = [work(unit) for unit in batch["units"]]
    lines = ["\t".join(COUNT_COLUMNS), *("\t".join(str(row[c]) for c in COUNT_COLUMNS) for row in rows)]
    (Path(out) / "counts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.batch,
            snakemake.input.clean,
            snakemake.input.truncation,
            snakemake.output[0],
            snakemake.params.max_ee,
            snakemake.params.trunc_q,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

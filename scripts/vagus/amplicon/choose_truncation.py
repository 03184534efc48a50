"""Choose the lengths to which reads are cut: most reads kept, and still enough overlap to join the mates."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dnaio
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.amplicon.filter_reads import SHORTEST, pad_bytes
from vagus.errors import VagusError
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

READS = 12_000
STEP = 5
MARGIN = 8
NEAR_BEST = 0.01
JOINED_PAIRS = 1_000
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
Pair = tuple[str, str]


@dataclass(frozen=True)
class Reads:
    """A subsample of one direction.

    Parameters
    ----------
    sequences, qualities
        n reads and their Phred+33 qualities.
    """

    sequences: list[str]
    qualities: list[str]


def sample_reads(files: Sequence[tuple[Path, Path | None]], total: int = READS) -> tuple[Reads, Reads]:
    """Read the same number of reads (pairs) from the start of every library.

    Parameters
    ----------
    files
        Forward and reverse file of each library; reverse None for single-end.
    total
        About how many reads in all.

    Returns
    -------
    tuple of Reads
        Forward and reverse; reverse is empty for single-end.
    """
    forward, reverse = Reads([], []), Reads([], [])
    each = max(50, total // max(1, len(files)))
    for first, second in files:
        sides = [(first, forward)] + ([(second, reverse)] if second else [])
        for path, side in sides:
            with dnaio.open(path) as handle:
                for record in islice(handle, each):
                    side.sequences.append(record.sequence)
                    side.qualities.append(record.qualities or "")
    return forward, reverse


def passing_lengths(reads: Reads, max_ee: float, trunc_q: int) -> np.ndarray:
    """Say for each read the longest truncation at which it still passes.

    Expected errors only grow with length, so a read passes at every length up to this one.

    Parameters
    ----------
    reads
        n reads.
    max_ee
        Most expected errors.
    trunc_q
        A read ends before its first base with this quality or less.

    Returns
    -------
    numpy.ndarray
        n lengths; an ambiguous base ends a read too.
    """
    if not reads.sequences:
        return np.zeros(0, dtype=np.int64)
    phred, lengths = pad_bytes(reads.qualities, 33)
    bases, _ = pad_bytes(reads.sequences, ord("N"))
    stop = (phred <= 33 + trunc_q) | (bases == ord("N"))
    lookup = (10.0 ** (-(np.arange(256) - 33.0) / 10.0)).astype(np.float32)
    stop |= np.cumsum(lookup[phred], axis=1) > max_ee
    return np.minimum(np.where(stop.any(axis=1), stop.argmax(axis=1), phred.shape[1]), lengths)


def insert_lengths(forward: Reads, reverse: Reads, min_overlap: int, pairs: int = JOINED_PAIRS) -> np.ndarray:
    """Join a subsample of mates and return the lengths of the amplicons.

    Every offset is scored as matches minus four times the mismatches; a pair counts as joined if its best
    offset scores at least `min_overlap` + 6, far above what chance gives.

    Parameters
    ----------
    forward, reverse
        Mates in the same order.
    min_overlap
        Least overlap tried.
    pairs
        How many pairs to join at most, spread evenly.

    Returns
    -------
    numpy.ndarray
        Lengths of the joined pairs; may be empty.
    """
    n = min(len(forward.sequences), len(reverse.sequences))
    chosen = np.unique(np.linspace(0, n - 1, min(n, pairs)).astype(int)) if n else np.zeros(0, dtype=int)
    if not len(chosen):
        return np.zeros(0, dtype=np.int64)
    left, left_len = pad_bytes([forward.sequences[i] for i in chosen], 0)
    right, right_len = pad_bytes([reverse.sequences[i].translate(COMPLEMENT)[::-1] for i in chosen], 1)
    best = np.full(len(chosen), -np.inf)
    length = np.zeros(len(chosen), dtype=np.int64)
    for offset in range(min_overlap - right.shape[1], left.shape[1] - min_overlap + 1):
        start, end = max(0, offset), min(left.shape[1], offset + right.shape[1])
        equal = (left[:, start:end] == right[:, start - offset : end - offset]).sum(axis=1)
        shared = np.minimum(left_len, offset + right_len) - start
        score = np.where(shared >= min_overlap, 5.0 * equal - 4.0 * shared, -np.inf)
        better = score > best
        best[better], length[better] = score[better], (offset + right_len)[better]
    return length[best >= min_overlap + 6]


def quality_quantiles(reads: Reads) -> dict[str, Any]:
    """Return the quantiles of the Phred quality at each position, over the reads that reach it."""
    if not reads.qualities:
        return {}
    phred, lengths = pad_bytes(reads.qualities, 33)
    values = phred.astype(np.float32) - 33
    values[np.arange(phred.shape[1]) >= lengths[:, None]] = np.nan
    table: dict[str, Any] = {"position": list(range(1, phred.shape[1] + 1))}
    table["mean"] = np.round(np.nanmean(values, axis=0), 2).tolist()
    for q, row in zip(QUANTILES, np.nanquantile(values, QUANTILES, axis=0), strict=True):
        table[f"q{int(q * 100)}"] = np.round(row, 2).tolist()
    table["reads"] = (np.arange(phred.shape[1]) < lengths[:, None]).sum(axis=0).tolist()
    return table


def _grid(longest: int) -> np.ndarray:
    lengths = np.arange(longest, SHORTEST + 29, -STEP)
    return lengths if len(lengths) else np.array([longest])


def list_candidates(forward: np.ndarray, reverse: np.ndarray, needed: int) -> list[dict[str, Any]]:
    """Score pairs of lengths by the share of read pairs that would pass.

    For each forward length only the shortest sufficient reverse lengths are listed, since passing can only
    fall with length.

    Parameters
    ----------
    forward, reverse
        `passing_lengths` of the mates, n values each.
    needed
        Least sum of the two lengths.

    Returns
    -------
    list of dict
        forward, reverse, passing (0 to 1).
    """
    top_f, top_r = int(forward.max(initial=0)), int(reverse.max(initial=0))
    rows: list[dict[str, Any]] = []
    for f in _grid(top_f).tolist():
        for extra in (0, 10, 20, 30):
            r = max(needed - f + extra, SHORTEST + 30)
            if r <= top_r:
                share = float(np.mean((forward >= f) & (reverse >= r)))
                rows.append({"forward": f, "reverse": r, "passing": round(share, 4)})
    return rows


def choose_pair(candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Take the longest pair among those that keep within 1 % as many pairs as the best."""
    best = max(c["passing"] for c in candidates)
    near = [c for c in candidates if c["passing"] >= best - NEAR_BEST]
    return max(near, key=lambda c: (c["forward"] + c["reverse"], c["passing"], c["forward"]))


def choose_single(lengths: np.ndarray) -> tuple[int, list[dict[str, Any]]]:
    """Choose a single-end length: the one that keeps most bases, reads times length.

    Parameters
    ----------
    lengths
        `passing_lengths`, n values.

    Returns
    -------
    tuple
        The length and the candidates (forward, reverse = 0, passing).
    """
    rows: list[dict[str, Any]] = [
        {"forward": int(f), "reverse": 0, "passing": round(float(np.mean(lengths >= f)), 4)}
        for f in _grid(int(lengths.max(initial=SHORTEST)))
    ]
    return int(max(rows, key=lambda c: c["forward"] * c["passing"])["forward"]), rows


def choose(forward: Reads, reverse: Reads, amplicon: Mapping[str, Any]) -> dict[str, Any]:
    """Choose truncation lengths and say why.

    Parameters
    ----------
    forward, reverse
        Subsample of the reads; reverse empty for single-end.
    amplicon
        The config's keys trunc_len, amplicon_length, max_ee, trunc_q, min_overlap.

    Returns
    -------
    dict
        trunc_len [F, R] (0 = none), mode, amplicon_length, overlap, candidates, reason, quality.

    Raises
    ------
    VagusError
        If no pair of lengths leaves the overlap.
    """
    asked, max_ee = amplicon["trunc_len"], list(amplicon["max_ee"])
    paired = bool(reverse.sequences)
    pass_f = passing_lengths(forward, float(max_ee[0]), int(amplicon["trunc_q"]))
    pass_r = passing_lengths(reverse, float(max_ee[-1]), int(amplicon["trunc_q"]))
    overlap = int(amplicon["min_overlap"])
    length, source = _amplicon_length(forward, reverse, amplicon) if paired else (None, "single-end")
    needed = (length or 0) + overlap + MARGIN
    candidates = list_candidates(pass_f, pass_r, needed) if paired and length else []
    mode = asked if isinstance(asked, str) else "given"
    if mode == "given":
        chosen = [int(asked[0]), int(asked[1]) if paired and len(asked) > 1 else 0]
        reason = "lengths given in the config"
    elif mode == "none" or not forward.sequences:
        chosen = [0, 0]
        reason = "no truncation, as the config asks" if mode == "none" else "no reads to choose from"
    elif not paired:
        single, candidates = choose_single(pass_f)
        chosen, reason = [single, 0], "single-end: the length that keeps most bases after max_ee"
    elif length is None:
        chosen = [0, 0]
        reason = (
            "too few mates could be joined to know the amplicon's length: no truncation; give amplicon_length"
        )
    elif not candidates:
        raise VagusError(
            f"choose_truncation: the reads pass max_ee {max_ee} up to {int(pass_f.max())} and "
            f"{int(pass_r.max())} bases, but an amplicon of {length} with an overlap of {overlap} and "
            f"a margin of {MARGIN} needs {needed} "
            "together; fix: raise max_ee, lower min_overlap, or give trunc_len"
        )
    else:
        best = choose_pair(candidates)
        chosen = [int(best["forward"]), int(best["reverse"])]
        reason = (
            f"amplicon of {length} ({source}) + overlap {overlap} + margin {MARGIN} = {needed} bases needed; "
            f"{chosen[0]} + {chosen[1]} keeps {100 * best['passing']:.1f} % of the pairs"
        )
    keeps = np.ones(len(pass_f), dtype=bool)
    for limit, passes in zip(chosen, (pass_f, pass_r), strict=True):
        if limit and len(passes):
            keeps &= passes >= limit
    return {
        "trunc_len": chosen,
        "mode": mode,
        "paired": paired,
        "amplicon_length": length,
        "amplicon_length_source": source,
        "min_overlap": overlap,
        "margin": MARGIN,
        "overlap": sum(chosen) - length if paired and length and all(chosen) else None,
        "passing": round(float(keeps.mean()), 4) if len(keeps) and any(chosen) else None,
        "candidates": candidates,
        "reason": reason,
        "reads_examined": len(forward.sequences),
        "quality": {"F": quality_quantiles(forward), "R": quality_quantiles(reverse)},
    }


def _amplicon_length(forward: Reads, reverse: Reads, amplicon: Mapping[str, Any]) -> tuple[int | None, str]:
    """Return the length that 99 % of the amplicons do not exceed, and where it is known from."""
    given = amplicon["amplicon_length"]
    if given != "auto":
        return int(given), "given"
    found = insert_lengths(forward, reverse, int(amplicon["min_overlap"]))
    if len(found) < 20:
        return None, f"only {len(found)} pairs could be joined"
    return int(np.quantile(found, 0.99, method="higher")), f"99 % of {len(found)} joined pairs"


def library_files(
    batches: Iterable[Mapping[str, Any]], clean: Mapping[str, Path]
) -> list[tuple[Path, Path | None]]:
    """List the files of all libraries.

    Parameters
    ----------
    batches
        The batch lists (batch, paired, units).
    clean
        Folder of each batch.
    """
    files: list[tuple[Path, Path | None]] = []
    for batch in batches:
        for unit in batch["units"]:
            stem = clean[batch["batch"]] / f"{unit['sample']}__{unit['run']}"
            mate = Path(f"{stem}_R2.fastq.gz") if batch["paired"] else None
            files.append((Path(f"{stem}_R1.fastq.gz"), mate))
    return files


def main(batch_jsons: Sequence[str], clean: Sequence[str], amplicon: Mapping[str, Any], out: str) -> None:
    """Choose the lengths for all runs at once, so that their sequences can be compared."""
    batches = [json.loads(Path(p).read_text(encoding="utf-8")) for p in batch_jsons]
    folders = {batch["batch"]: Path(folder) for batch, folder in zip(batches, clean, strict=True)}
    # Mates choose for mates: single-end runs beside paired ones do not take part.
    paired = [b for b in batches if b["paired"]]
    result = choose(*sample_reads(library_files(paired or batches, folders)), amplicon)
    print(result["reason"])
    Path(out).write_text(json.dumps(result) + "\n", encoding="utf-8")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.batches, snakemake.input.clean, snakemake.params.amplicon, snakemake.output[0]
        ),
        snakemake.log[0],
    )

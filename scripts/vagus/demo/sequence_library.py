"""Read pairs of one 16S library: amplicons, chimeras, stray fragments, and the errors of a sequencer."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vagus.demo.settings import QualityCurve, Settings
from vagus.demo.templates import IUPAC, reverse_complement

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
# A and G, C and T lie two apart, so that adding 2 modulo 4 is a transition.
_CODES = np.zeros(256, dtype=np.uint8)
_CODES[BASES] = np.arange(4)
COMPLEMENT = np.array([3, 2, 1, 0], dtype=np.uint8)
TOP_QUALITY = 38
FAILED_PAIRS = 40


@dataclass(frozen=True)
class Pairs:
    """Read pairs as codes 0-3 (A, C, G, T) and Phred scores; each array is pairs x read length."""

    forward: np.ndarray
    reverse: np.ndarray
    quality_forward: np.ndarray
    quality_reverse: np.ndarray


def encode(sequence: str) -> np.ndarray:
    """Return the codes 0-3 of a sequence of A, C, G, T."""
    return _CODES[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]


def mean_quality(curve: QualityCurve, length: int) -> np.ndarray:
    """Return the mean Phred score at each of `length` positions: a short rise, a plateau, a growing fall."""
    position = np.arange(length) / (length - 1)
    rise = np.clip(position / 0.04, 0, 1)
    fall = np.clip((position - curve.knee) / (1 - curve.knee), 0, 1) ** 1.5
    return curve.first + (curve.plateau - curve.first) * rise - (curve.plateau - curve.last) * fall


def draw_quality(
    curve: QualityCurve, settings: Settings, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw Phred scores: the mean curve, a better or worse read, and the noise of each base.

    Parameters
    ----------
    curve
        Mean along the read.
    settings
        Standard deviations between reads and between bases.
    shape
        Reads and length.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        Integers from 2 to `TOP_QUALITY`, reads x length.
    """
    reads, length = shape
    # Bad reads are worse than good ones are good, and a bad read gets worse along its length.
    read = settings.quality_sd_read * (1.0 - rng.gamma(1.0, 1.0, (reads, 1)).astype(np.float32))
    growth = np.linspace(0.4, 1.6, length, dtype=np.float32)
    base = rng.standard_normal(shape, dtype=np.float32) * np.float32(settings.quality_sd_base)
    scores = mean_quality(curve, length).astype(np.float32) + read * growth + base
    return np.clip(np.rint(scores), 2, TOP_QUALITY).astype(np.uint8)


def add_errors(codes: np.ndarray, quality: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Misread each base with the probability its Phred score states, 10 ** (-Q / 10).

    Parameters
    ----------
    codes, quality
        Bases 0-3 and scores, reads x length.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        Codes with substitutions, half of them transitions.
    """
    chance = (10.0 ** (-np.arange(TOP_QUALITY + 1) / 10)).astype(np.float32)
    wrong = rng.random(codes.shape, dtype=np.float32) < chance[quality]
    read = codes.copy()
    step = rng.choice(np.array([1, 2, 2, 3], dtype=np.uint8), int(wrong.sum()))
    read[wrong] = (read[wrong] + step) % 4
    return read


def draw_chimeras(
    fragments: Sequence[np.ndarray], counts: np.ndarray, reads: int, flank: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[int]]:
    """Draw two-parent chimeras, each made once in the PCR and then copied.

    Parameters
    ----------
    fragments
        Amplicons with primers.
    counts
        Read pairs of each amplicon; abundant ones are parents more often, and a chimera stays rarer than its
        parents, which were there before it.
    reads
        Read pairs to fill.
    flank
        Bases at either end that come from one parent only.
    rng
        Source of randomness.

    Returns
    -------
    tuple
        Chimeric fragments and how many pairs each has.
    """
    made: list[np.ndarray] = []
    copies: list[int] = []
    while reads > 0 and np.count_nonzero(counts) > 1:
        first, second = rng.choice(len(fragments), 2, replace=False, p=counts / counts.sum())
        left, right = fragments[first], fragments[second]
        cut = int(rng.integers(flank, min(len(left), len(right)) - flank))
        made.append(np.concatenate([left[:cut], right[cut:]]))
        most = max(1, int(min(counts[first], counts[second])) // 4)
        copies.append(min(reads, most, int(rng.geometric(0.3))))
        reads -= copies[-1]
    return made, copies


def sequence_library(
    settings: Settings,
    inserts: Sequence[str],
    shares: np.ndarray,
    pairs: int,
    strays: tuple[Sequence[str], str],
    rng: np.random.Generator,
    failed: bool = False,
) -> Pairs:
    """Sequence one library.

    Parameters
    ----------
    settings
        Primers, shares of chimeras and strays, quality.
    inserts
        Amplicons without primers.
    shares
        Share of each amplicon; sums to 1.
    pairs
        Read pairs to make.
    strays
        Genes from which off-target fragments are torn, and the PhiX genome.
    rng
        Source of randomness.
    failed
        The PCR failed: only `FAILED_PAIRS` off-target pairs.

    Returns
    -------
    Pairs
        In random order.
    """
    genes, phix = strays
    # Degenerate positions are written as A here and drawn for every read pair below.
    head, tail = settings.forward_primer, reverse_complement(settings.reverse_primer)
    plain = [head.translate(_PLAIN) + insert + tail.translate(_PLAIN) for insert in inserts]
    fragments = [encode(p) for p in plain]
    n_phix = 0 if failed else int(rng.binomial(pairs, settings.phix_share))
    n_stray = FAILED_PAIRS if failed else int(rng.binomial(pairs, settings.off_target_share))
    n_chimeric = 0 if failed else int(rng.binomial(pairs, settings.chimera_share))
    n_true = 0 if failed else pairs - n_phix - n_stray - n_chimeric
    counts = rng.multinomial(n_true, shares)
    chimeras, copies = draw_chimeras(fragments, counts, n_chimeric, len(head) + 20, rng)
    if not chimeras:
        counts[int(np.argmax(shares))] += n_chimeric
    torn = [_tear(phix, settings.read_length, rng) for _ in range(n_phix)]
    torn += [
        _tear(genes[int(rng.integers(len(genes)))][:480], settings.read_length, rng) for _ in range(n_stray)
    ]
    whole = [*fragments, *chimeras, *torn]
    repeats = np.array([*counts, *copies, *([1] * len(torn))])
    primed = np.repeat(np.arange(len(whole)) < len(fragments) + len(chimeras), repeats)
    index = np.repeat(np.arange(len(whole)), repeats)
    order = rng.permutation(len(index))
    index, primed = index[order], primed[order]
    ahead, behind = _ends(whole, settings.read_length)
    forward, reverse = ahead[index], behind[index]
    _draw_degenerate(forward, settings.forward_primer, primed, rng)
    _draw_degenerate(reverse, settings.reverse_primer, primed, rng)
    flipped = rng.random(len(index)) < settings.flipped_share
    forward[flipped], reverse[flipped] = reverse[flipped], forward[flipped]
    quality_forward = draw_quality(settings.quality_forward, settings, forward.shape, rng)
    quality_reverse = draw_quality(settings.quality_reverse, settings, reverse.shape, rng)
    return Pairs(
        add_errors(forward, quality_forward, rng),
        add_errors(reverse, quality_reverse, rng),
        quality_forward,
        quality_reverse,
    )


_PLAIN = str.maketrans({code: bases[0] for code, bases in IUPAC.items()})


def _tear(sequence: str, read_length: int, rng: np.random.Generator) -> np.ndarray:
    """Tear a fragment, a little longer than a read, out of a sequence, from either strand."""
    length = min(len(sequence), read_length + int(rng.integers(20, 120)))
    start = int(rng.integers(0, len(sequence) - length + 1))
    piece = sequence[start : start + length]
    return encode(reverse_complement(piece) if rng.random() < 0.5 else piece)


def _ends(fragments: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `length` bases of either strand of each fragment."""
    ahead = np.stack([f[:length] for f in fragments])
    behind = np.stack([COMPLEMENT[f[::-1][:length]] for f in fragments])
    return ahead, behind


def _draw_degenerate(reads: np.ndarray, primer: str, primed: np.ndarray, rng: np.random.Generator) -> None:
    """Fill the degenerate positions of the primer, in place: a primer is a mix of molecules."""
    rows = np.flatnonzero(primed)
    for place, code in enumerate(primer):
        if len(IUPAC[code]) > 1:
            reads[rows, place] = rng.choice(encode(IUPAC[code]), len(rows))


def write_fastq(codes: np.ndarray, quality: np.ndarray, run: str, mate: int, path: str | Path) -> None:
    """Write reads of one length as gzipped FASTQ; the same reads give the same bytes.

    Parameters
    ----------
    codes, quality
        Bases 0-3 and Phred scores, reads x length.
    run
        Goes into the read names.
    mate
        1 or 2.
    path
        File to write.
    """
    reads = len(codes)
    number = np.arange(1, reads + 1)[:, None] // 10 ** np.arange(6, -1, -1) % 10
    parts = [
        _block(f"@SIMULATED:1:{run}:1:", reads),
        (number + ord("0")).astype(np.uint8),
        _block(f" {mate}:N:0:1\n", reads),
        BASES[codes],
        _block("\n+\n", reads),
        quality + np.uint8(33),
        _block("\n", reads),
    ]
    Path(path).write_bytes(gzip.compress(np.hstack(parts).tobytes(), 3, mtime=0))


def _block(text: str, rows: int) -> np.ndarray:
    return np.tile(np.frombuffer(text.encode("ascii"), dtype=np.uint8), (rows, 1))

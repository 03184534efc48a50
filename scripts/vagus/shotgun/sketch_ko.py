"""Functions with sketches of KOs: the reads' translated k-mers against those of KO-labelled proteins.

Without an alignment, so that it costs little. The k-mers are FracMinHash sketches over amino acids as in
fmh-funprofiler; the depth of a KO is estimated here per protein, see `KoIndex`.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import is_empty
from vagus.resources.fasta import read_fasta
from vagus.shotgun.diamond_ko import read_labels
from vagus.shotgun.genome_size import choose_markers
from vagus.shotgun.pathways import Pathway, read_pathways, write_functions
from vagus.shotgun.tables import SampleReads, find_sample_reads
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

KSIZE = 11
SCALED = 200
# Reads sketched at a time: what they hold is looked up and forgotten, so memory is that of the index.
_CHUNK = 50_000
_FRAMES = 6
_ROUNDS = 30


@dataclass
class KoIndex:
    """Which k-mers speak for which KO, and how loud.

    A KO's proteins are the orthologs of many genomes, of which a sample holds some. So the abundance of its
    k-mers must not be divided by all k-mers of the KO, but by those of one protein. Each k-mer seen a times
    adds a / (h p): h is the number of sketched k-mers of the proteins that hold it, and
    p = 1 - (1 - 1/scaled)^n is the chance that a protein of n k-mers has any in the sketch. If a sample holds
    one of the proteins at depth d, its h k-mers add up to d / p, and to nothing with chance 1 - p, which on
    average is d; several proteins add up.

    Parameters
    ----------
    hashes
        Distinct hashes, ascending.
    starts
        Where the pairs of each hash start; one more than there are hashes.
    pair_unit, pair_weight
        Unit and 1 / (h p) of each pair of a hash and a unit.
    units
        KOs of each unit, joined by `,`: the proteins with the same KOs are one unit.
    ksize, scaled
        Length of the k-mers in amino acids; one in `scaled` is kept.
    """

    hashes: np.ndarray
    starts: np.ndarray
    pair_unit: np.ndarray
    pair_weight: np.ndarray
    units: np.ndarray
    ksize: int
    scaled: int

    @property
    def kos(self) -> set[str]:
        """All KOs."""
        return {ko for unit in self.units.tolist() for ko in unit.split(",")}

    def save(self, path: Path) -> None:
        """Write `.npz`."""
        with path.open("wb") as handle:
            np.savez_compressed(handle, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> "KoIndex":
        """Read what `save` wrote; `VagusError` if it is something else."""
        try:
            with np.load(path, allow_pickle=False) as held:
                parts = {f.name: held[f.name] for f in fields(cls)}
        except (OSError, ValueError, KeyError) as error:
            raise VagusError(f"{path}: is no index of KO sketches ({error}); fix: build it again") from None
        return cls(**{**parts, "ksize": int(parts["ksize"]), "scaled": int(parts["scaled"])})


def new_sketch(ksize: int, scaled: int, abundance: bool) -> Any:
    """Return an empty sketch over amino acids; DNA added to it is translated in six frames."""
    import sourmash

    return sourmash.MinHash(n=0, ksize=ksize, is_protein=True, scaled=scaled, track_abundance=abundance)


def build_index(
    fasta: str | Path, table: str | Path | None = None, ksize: int = KSIZE, scaled: int = SCALED
) -> KoIndex:
    """Sketch the KO-labelled proteins.

    Parameters
    ----------
    fasta, table
        See `read_labels`.
    ksize, scaled
        See `KoIndex`. For a few genomes scaled 10 keeps every gene visible; 1000 suits references of many
        genomes.

    Returns
    -------
    KoIndex
        Its size grows with the distinct k-mers of the reference.

    Raises
    ------
    VagusError
        If no k-mer is kept.

    References
    ----------
    Hera MR et al. (2024) Bioinformatics 40:btae397, doi:10.1093/bioinformatics/btae397;
    Irber L et al. (2024) J Open Source Softw 9:6830, doi:10.21105/joss.06830
    """
    labels = read_labels(fasta, table)
    numbers: dict[str, int] = {}
    hashes: list[np.ndarray] = []
    units: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    sketch = new_sketch(ksize, scaled, False)
    for header, residues in read_fasta(fasta):
        label = labels.get(header.split(maxsplit=1)[0])
        if label is None or len(residues) < ksize:
            continue
        sketch.clear()
        sketch.add_protein(residues.decode("ascii", "replace").rstrip("*").upper())
        kept = np.fromiter(sketch.hashes.keys(), np.uint64)
        if not len(kept):
            continue
        chance = -np.expm1((len(residues) - ksize + 1) * np.log1p(-1 / scaled)) if scaled > 1 else 1.0
        hashes.append(kept)
        units.append(np.full(len(kept), numbers.setdefault(",".join(label[0]), len(numbers)), np.int32))
        weights.append(np.full(len(kept), 1 / (len(kept) * chance)))
    if not hashes:
        raise VagusError(
            f"{fasta}: no k-mer of the KO-labelled proteins is kept at scaled {scaled}; fix: lower scaled"
        )
    hash_of, unit_of, weight_of = np.concatenate(hashes), np.concatenate(units), np.concatenate(weights)
    order = np.lexsort((unit_of, hash_of))
    hash_of, unit_of, weight_of = hash_of[order], unit_of[order], weight_of[order]
    new = np.r_[True, (hash_of[1:] != hash_of[:-1]) | (unit_of[1:] != unit_of[:-1])]
    first = np.flatnonzero(new)
    mean = np.add.reduceat(weight_of, first) / np.diff(np.r_[first, len(hash_of)])
    distinct, starts = np.unique(hash_of[first], return_index=True)
    return KoIndex(
        distinct, np.r_[starts, len(first)], unit_of[first], mean, np.array(list(numbers)), ksize, scaled
    )


@dataclass
class KmerCounts:
    """The k-mers of a sample that the index knows.

    Parameters
    ----------
    counts
        How often each hash of the index was seen.
    total
        Sketched k-mers of the reads, in all six frames.
    reads
        Reads or pairs.
    bases, windows
        Bases of the reads, and places in them where a k-mer starts.
    """

    counts: np.ndarray
    total: int = 0
    reads: int = 0
    bases: int = 0
    windows: int = 0

    @property
    def visible(self) -> float:
        """Share of the depth that whole k-mers see: those over a read's end are lost."""
        return self.windows / self.bases if self.bases else 1.0

    @property
    def assigned_share(self) -> float:
        """Estimated share of the reads' k-mers in KO-labelled proteins: one frame of six is the gene's."""
        return min(1.0, _FRAMES * float(self.counts.sum()) / self.total) if self.total else 0.0


def count_kmers(reads: SampleReads, index: KoIndex) -> KmerCounts:
    """Count the k-mers of a sample that the index knows.

    Parameters
    ----------
    reads
        Of the sample.
    index
        Of the KOs.

    Returns
    -------
    KmerCounts
        Summed over all files, chunk by chunk.
    """
    found = KmerCounts(np.zeros(len(index.hashes), np.int64))
    seconds = {second for _, second in reads.pairs}
    sketch = new_sketch(index.ksize, index.scaled, True)
    span = 3 * index.ksize - 1
    for path in reads.files:
        if is_empty(path):
            continue
        in_chunk = 0
        for sequence in _sequences(path):
            sketch.add_sequence(sequence, force=True)
            found.reads += path not in seconds
            found.bases += len(sequence)
            found.windows += max(0, len(sequence) - span)
            in_chunk += 1
            if in_chunk == _CHUNK:
                _look_up(sketch, index, found)
                in_chunk = 0
        _look_up(sketch, index, found)
    return found


def _sequences(path: Path) -> Iterator[str]:
    import dnaio  # only here: steps that import this file for its index run without it

    with dnaio.open(str(path), open_threads=0) as reader:
        for record in reader:
            yield record.sequence.upper()


def _look_up(sketch: Any, index: KoIndex, found: KmerCounts) -> None:
    held = sketch.hashes
    keys = np.fromiter(held.keys(), np.uint64, len(held))
    times = np.fromiter(held.values(), np.int64, len(held))
    sketch.clear()
    found.total += int(times.sum())
    place = np.minimum(np.searchsorted(index.hashes, keys), len(index.hashes) - 1)
    known = index.hashes[place] == keys
    found.counts[place[known]] += times[known]


def ko_depths(found: KmerCounts, index: KoIndex, min_kmers: int = 1) -> dict[tuple[str, str], float]:
    """Estimate the depth of each KO.

    Parameters
    ----------
    found
        Counts of the index's hashes.
    index
        Of the KOs.
    min_kmers
        Distinct k-mers that must be seen for a KO to be reported.

    Returns
    -------
    dict
        (KO, "") -> depth. A k-mer that proteins of several KOs hold is shared between them by their depths,
        which are found by repetition, starting from the k-mers that one KO alone holds.
    """
    seen = np.flatnonzero(found.counts)
    if not len(seen):
        return {}
    width = np.diff(index.starts)[seen]
    row = np.repeat(np.arange(len(seen)), width)
    pair = np.repeat(index.starts[seen] - np.r_[0, np.cumsum(width)[:-1]], width) + np.arange(width.sum())
    unit, strength = index.pair_unit[pair], found.counts[seen][row] * index.pair_weight[pair]
    size = len(index.units)
    depth = np.bincount(unit, np.where(width[row] == 1, strength, 0.0), size)
    share = np.ones(len(row))
    for _ in range(_ROUNDS if (width > 1).any() else 1):
        total = np.bincount(row, depth[unit], len(seen))[row]
        share = np.where(total > 0, depth[unit] / np.where(total > 0, total, 1.0), 1 / width[row])
        depth = np.bincount(unit, strength * share, size)
    kmers = np.bincount(unit[share > 0.01], minlength=size)
    depths: dict[tuple[str, str], float] = {}
    for i in np.flatnonzero((kmers >= min_kmers) & (depth > 0)):
        for ko in str(index.units[i]).split(","):
            depths[ko, ""] = depths.get((ko, ""), 0.0) + float(depth[i]) / found.visible
    return depths


def profile_sample(
    clean: Sequence[str], sample: str, index: KoIndex, min_kmers: int
) -> tuple[dict[tuple[str, str], float], dict[str, Any]]:
    """Estimate the depths of a sample's KOs; also return reads, assigned_share and the sketch's settings."""
    found = count_kmers(find_sample_reads(clean, sample), index)
    return ko_depths(found, index, min_kmers), {
        "reads": found.reads,
        "assigned_share": found.assigned_share,
        "ksize": index.ksize,
        "scaled": index.scaled,
    }


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    index: str,
    markers: str,
    pathways: str | None,
    output: str,
    settings: Mapping[str, Any],
    threads: int,
) -> None:
    """Profile the functions of samples into the folder `output`.

    Parameters
    ----------
    clean, samples
        Folders of clean reads, and sample ids.
    index
        `.npz` of `build`.
    markers, pathways
        Tables of single-copy markers and of pathways; no pathways if None.
    output
        Folder to make.
    settings
        min_kmers, genome_equivalents.
    threads
        Samples at a time.
    """
    import sourmash

    held = KoIndex.load(index)
    yardstick = choose_markers(settings, markers, held.kos, index)
    routes: list[Pathway] | None = read_pathways(pathways) if pathways else None
    least = int(settings.get("min_kmers") or 1)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        jobs = pool.map(lambda s: profile_sample(clean, s, held, least), samples)
        for sample, (depths, facts) in zip(samples, jobs, strict=True):
            stats = {"engine": "sketch", "version": f"sourmash {sourmash.VERSION}", **facts}
            write_functions(depths, yardstick, routes, stats, folder, sample)


def build(fasta: str, labels: str | None, out: str, settings: Mapping[str, Any]) -> None:
    """Build the index; settings ksize and scaled."""
    index = build_index(
        fasta, labels, int(settings.get("ksize") or KSIZE), int(settings.get("scaled") or SCALED)
    )
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    index.save(Path(out))
    print(f"{len(index.hashes)} k-mers of {len(index.kos)} KOs")


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            snakemake.input.index,
            snakemake.input.markers,
            next(iter(snakemake.input.get("pathways", [])), None),
            snakemake.output[0],
            snakemake.params.settings,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

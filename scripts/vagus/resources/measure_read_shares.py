"""Measure where the reads of every species end in an engine: at the species, or at a rank above it."""

import gzip
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.resources.fasta import read_fasta
from vagus.resources.genome_sheet import Genome, genomes_from_rows
from vagus.shotgun import bowtie2_taxa, kraken2_taxa
from vagus.shotgun.lineages import read_lineages
from vagus.shotgun.read_shares import Kind, Shares, write_shares
from vagus.shotgun.tables import SampleReads, find_sample_reads
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# A share is then known to 1 in 100 at worst (binomial, one standard error).
TILES = 2500
# Fragments of pairs, in read lengths.
FRAGMENT = 2.5
_COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")
Counter = Callable[[SampleReads], Mapping[str, float]]


def cut_tiles(contigs: Sequence[bytes], length: int, paired: bool, most: int) -> Iterator[tuple[bytes, ...]]:
    """Cut reads evenly out of contigs, without errors.

    Parameters
    ----------
    contigs
        Sequences; those shorter than a read, or a fragment of a pair, give none.
    length
        Of a read, bases.
    paired
        Cut both ends of fragments of `FRAGMENT` reads.
    most
        Reads or pairs.

    Yields
    ------
    tuple
        One read, or two mates. Every second one is of the other strand.
    """
    size = int(length * FRAGMENT) if paired else length
    room = [max(0, len(c) - size + 1) for c in contigs]
    places = sum(room)
    made = min(most, places)
    contig, before = 0, 0
    for i in range(made):
        place = (2 * i + 1) * places // (2 * made)
        while place - before >= room[contig]:
            before += room[contig]
            contig += 1
        piece = contigs[contig][place - before : place - before + size].upper()
        if i % 2:
            piece = piece.translate(_COMPLEMENT)[::-1]
        yield (piece[:length], piece.translate(_COMPLEMENT)[::-1][:length]) if paired else (piece,)


def write_tiles(genomes: Sequence[Genome], kind: Kind, folder: Path) -> SampleReads | None:
    """Write the reads of a species' genomes as clean reads of a sample; None if there is none."""
    folder.mkdir()
    made = 0
    with ExitStack() as stack:
        handles = [
            stack.enter_context(gzip.open(folder / f"tiles__all_R{mate}.fastq.gz", "wb", compresslevel=1))
            for mate in ((1, 2) if kind.paired else (1,))
        ]
        for genome in genomes:
            contigs = [dna for _, dna in read_fasta(genome.path)]
            for mates in cut_tiles(contigs, kind.length, kind.paired, max(1, TILES // len(genomes))):
                made += 1
                for handle, read in zip(handles, mates, strict=True):
                    handle.write(b"@%d\n%s\n+\n%s\n" % (made, read, b"I" * len(read)))
    return find_sample_reads([folder], "tiles") if made else None


def measure(genomes: Sequence[Genome], kinds: Sequence[Kind], count: Counter, threads: int = 1) -> Shares:
    """Count the reads of each species with an engine.

    Parameters
    ----------
    genomes
        Of the reference.
    kinds
        Kinds of reads.
    count
        Clean reads -> lineage -> reads, by the engine.
    threads
        Species that are counted at a time.

    Returns
    -------
    dict
        Kind -> species -> lineage -> share of the species' reads, about `TILES` of each. A species without a
        contig as long as a fragment has no row for pairs.
    """
    by_species: dict[str, list[Genome]] = {}
    for genome in genomes:
        by_species.setdefault(";".join(genome.lineage), []).append(genome)

    def count_one(job: tuple[Kind, str]) -> Mapping[str, float]:
        with tempfile.TemporaryDirectory() as scratch:
            reads = write_tiles(by_species[job[1]], job[0], Path(scratch) / "clean")
            return count(reads) if reads else {}

    jobs = [(kind, species) for kind in kinds for species in sorted(by_species)]
    shares: Shares = {}
    # The engines are programs, so threads are enough to have several run at once.
    with ThreadPoolExecutor(threads) as pool:
        for (kind, species), found in zip(jobs, pool.map(count_one, jobs), strict=True):
            total = sum(found.values())
            if total:
                shares.setdefault(kind, {})[species] = {k: v / total for k, v in found.items() if v}
    return shares


def make_counter(engine: str, reference: str, taxonomy: str, settings: Mapping[str, Any]) -> Counter:
    """Return the counting function of an engine, as it counts the reads of samples."""
    if engine == "kraken2":
        chosen = kraken2_taxa.Kraken2Settings.of(settings)
        return lambda reads: kraken2_taxa.count_reads_of(reads, reference, chosen, 1)
    if engine == "bowtie2":
        lineages = read_lineages(taxonomy)
        identity = float(settings.get("min_identity", bowtie2_taxa.MIN_IDENTITY))
        return lambda reads: bowtie2_taxa.count_reads_of(reads, reference, lineages, taxonomy, identity, 1)
    raise VagusError(f"{engine}: no engine that counts read by read; allowed: kraken2, bowtie2")


def main(
    rows: Sequence[Mapping[str, str]],
    paths: Sequence[str],
    engine: str,
    reference: str,
    taxonomy: str,
    read_lengths: Sequence[int],
    settings: Mapping[str, Any],
    output: str,
    threads: int,
) -> None:
    """Measure and write the shares of all species."""
    kinds = [Kind(int(n), paired) for n in sorted(set(read_lengths)) for paired in (False, True)]
    count = make_counter(engine, reference, taxonomy, settings)
    write_shares(measure(genomes_from_rows(rows, paths), kinds, count, threads), output)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.params.genomes,
            list(snakemake.input.genomes),
            snakemake.wildcards.engine,
            snakemake.input.reference[0].removesuffix(".1.bt2"),
            next(iter(snakemake.input.taxonomy), ""),
            snakemake.params.read_lengths,
            snakemake.params.settings,
            snakemake.output[0],
            snakemake.threads,
        ),
        snakemake.log[0],
    )

"""Taxonomy of shotgun reads by aligning each to all reference genomes (Bowtie 2)."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import count_reads
from vagus.reads.tools import find_tool, last_words, tool_version
from vagus.shotgun.lineages import find_lineage, read_lineages
from vagus.shotgun.read_shares import Shares, kind_of, nearest_shares, read_shares, settle_counts
from vagus.shotgun.tables import RANKS, UNCLASSIFIED, SampleReads, find_sample_reads, write_taxa
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Species are told apart at about 95 % identity of genomes (Jain 2018, doi:10.1038/s41467-018-07641-9); a read
# of 150 bases from a genome at that distance lies above 90 % in 99 of 100 cases (binomial).
MIN_IDENTITY = 0.90
# Reads of a species lie, on average, above the boundary of species; those of a neighbour that the reference
# lacks fit its conserved genes only, below it.
SPECIES_IDENTITY = 0.95
# Alignments looked at for each read: enough to see whether the best is shared between species.
ALIGNMENTS = 10
MIN_GENUS_SHARE = 0.005
# Of a read: alignments are local, for a reference may be a catalogue of genes, over whose ends reads hang.
MIN_ALIGNED = 0.5
_EDITS = re.compile(rb"\tNM:i:(\d+)")
_ALIGNED = re.compile(rb"(\d+)[MI=X]")
_CLIPS = re.compile(rb"^(?:(\d+)S)?.*?(?:(\d+)S)?$")
_SPAN = re.compile(rb"(\d+)[MDN=X]")
_SCORE = re.compile(rb"\tAS:i:(-?\d+)")
_MATE_2 = 0x80
_UNMAPPED = 0x4


@dataclass(frozen=True)
class Hit:
    """How a read or pair fits a genome.

    Parameters
    ----------
    score
        Of its best alignments.
    edits, aligned
        Bases that are edited, and bases looked at. Clipped bases are among both, but not those that hang over
        the end of a contig.
    """

    score: int
    edits: int
    aligned: int


@dataclass
class Tally:
    """Reads of each lineage, and the edited and aligned bases of those reads in it."""

    reads: dict[str, float] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)
    aligned: dict[str, int] = field(default_factory=dict)

    def add(self, lineage: str, hit: Hit) -> None:
        """Count one read."""
        self.reads[lineage] = self.reads.get(lineage, 0.0) + 1.0
        self.edits[lineage] = self.edits.get(lineage, 0) + hit.edits
        self.aligned[lineage] = self.aligned.get(lineage, 0) + hit.aligned

    def identity(self, lineage: str) -> float:
        """Return the share of aligned bases that are not edited, over all reads; 1.0 without reads."""
        return 1.0 - self.edits.get(lineage, 0) / max(1, self.aligned.get(lineage, 0))


def read_hits(lines: Iterable[bytes], min_identity: float) -> Iterator[dict[str, Hit]]:
    """Yield genome -> hit for every read or pair of a SAM stream.

    Parameters
    ----------
    lines
        SAM, alignments of a read (pair) beside each other, references `<genome>|<contig>`.
    min_identity
        Alignments less alike than this, per aligned base, do not count, nor those of less than half a read.

    Yields
    ------
    dict
        Genome -> best hit of the read; of a pair, the sum over its mates. Empty where nothing counts.
    """
    lengths: dict[bytes, int] = {}
    for _, group in groupby(_skip_header(lines, lengths), key=lambda line: line.split(b"\t", 1)[0]):
        best: dict[str, dict[int, Hit]] = {}
        length: dict[int, int] = {}
        for line in group:
            cells = line.split(b"\t", 10)
            flag, target = int(cells[1]), cells[2]
            mate = 2 if flag & _MATE_2 else 1
            bases = len(cells[9]) if cells[9] != b"*" else length.get(mate, 0)
            length[mate] = max(bases, length.get(mate, 0))
            edits, score = _EDITS.search(line), _SCORE.search(line)
            if flag & _UNMAPPED or edits is None or score is None:
                continue
            aligned = sum(int(n) for n in _ALIGNED.findall(cells[5]))
            if aligned < MIN_ALIGNED * length[mate] or int(edits.group(1)) > (1.0 - min_identity) * aligned:
                continue
            hits = best.setdefault(target.split(b"|", 1)[0].decode(), {})
            unlike = _unlike_ends(cells[5], int(cells[3]), lengths.get(target))
            hit = Hit(int(score.group(1)), int(edits.group(1)) + unlike, aligned + unlike)
            if mate not in hits or hit.score > hits[mate].score:
                hits[mate] = hit
        yield {genome: _join(hits.values()) for genome, hits in best.items()}


def _skip_header(lines: Iterable[bytes], lengths: dict[bytes, int]) -> Iterator[bytes]:
    """Yield the alignments of a SAM stream, and note the lengths of the contigs on the way."""
    for line in lines:
        if not line.startswith(b"@"):
            yield line
        elif line.startswith(b"@SQ\t"):
            name, length = line.rstrip().split(b"\t")[1:3]
            lengths[name[3:]] = int(length[3:])


def _unlike_ends(cigar: bytes, start: int, length: int | None) -> int:
    """Return the clipped bases that lie on the contig: where its sequence is known and another."""
    first, last = _CLIPS.findall(cigar)[0]
    left, right = int(first or 0), int(last or 0)
    # Bases before the contig's first and after its last say nothing.
    unlike = min(left, start - 1)
    if right:
        span = sum(int(n) for n in _SPAN.findall(cigar))
        room = right if length is None else length - (start + span - 1)
        unlike += min(right, max(0, room))
    return unlike


def _join(mates: Collection[Hit]) -> Hit:
    return Hit(sum(h.score for h in mates), sum(h.edits for h in mates), sum(h.aligned for h in mates))


def common_lineage(lineages: Sequence[str]) -> str:
    """Return the lineage to the last rank on which all agree, `unclassified` where they agree on none."""
    columns = list(zip(*(lineage.split(";") for lineage in lineages), strict=True))
    names: list[str] = []
    for column in columns:
        if len(set(column)) > 1:
            break
        names.append(column[0])
    return ";".join(names + [""] * (len(RANKS) - len(names))) if any(names) else UNCLASSIFIED


def count_hits(
    hits: Iterable[Mapping[str, Hit]], lineages: Mapping[str, str], sheet: str | Path, tally: Tally
) -> None:
    """Count each read for the lineage that its best alignments share; what has none is not counted here."""
    for found in hits:
        if found:
            top = max(hit.score for hit in found.values())
            best = {genome: hit for genome, hit in found.items() if hit.score == top}
            name = common_lineage([find_lineage(genome, lineages, sheet) for genome in best])
            tally.add(name, next(iter(best.values())))


def drop_unlike(tally: Tally) -> dict[str, float]:
    """Return the reads of each lineage, without the species that their reads are too unlike.

    Parameters
    ----------
    tally
        Reads and their identity.

    Returns
    -------
    dict
        Lineage -> reads. A species whose reads are on average below `SPECIES_IDENTITY` stands for another
        organism that the reference lacks, seen by its conserved genes. Of which genus it is they do not
        tell, so they name nothing.
    """
    return {
        lineage: reads
        for lineage, reads in tally.reads.items()
        if lineage.endswith(";") or lineage == UNCLASSIFIED or tally.identity(lineage) >= SPECIES_IDENTITY
    }


def align(files: Sequence[Path], index: str, threads: int, what: str, take: Any) -> None:
    """Stream the alignments of one file or two mates to `take`; `VagusError` if Bowtie 2 fails."""
    inputs = ["-U", str(files[0])] if len(files) == 1 else ["-1", str(files[0]), "-2", str(files[1])]
    command = [find_tool("bowtie2"), "--very-sensitive-local", "--no-unal", "--mm"]
    command += ["-k", str(ALIGNMENTS), "-p", str(threads), "-x", index, *inputs]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as aligner,
    ):
        assert aligner.stdout is not None
        take(aligner.stdout)
        status = aligner.wait()
        said.seek(0)
        words = last_words(said.read().decode("utf-8", "replace"))
    if status:
        raise VagusError(f"{what}: bowtie2 failed with status {status}: {words}")


def count_reads_of(
    reads: SampleReads,
    index: str,
    lineages: Mapping[str, str],
    sheet: str | Path,
    min_identity: float,
    threads: int,
) -> dict[str, float]:
    """Count the reads of a sample by the lineage that their best alignments share."""
    tally = Tally()
    total = 0
    for files in [*reads.pairs, *((single,) for single in reads.singles)]:
        found = count_reads(files[0])
        total += found
        if found:
            align(
                files,
                index,
                threads,
                f"alignment to the genomes, sample {reads.sample}",
                lambda stream: count_hits(read_hits(stream, min_identity), lineages, sheet, tally),
            )
    if not total:
        return {}
    counts = drop_unlike(tally)
    named = sum(value for lineage, value in counts.items() if lineage != UNCLASSIFIED)
    counts[UNCLASSIFIED] = total - named
    return counts


def profile_sample(
    reads: SampleReads,
    index: str,
    lineages: Mapping[str, str],
    sheet: str | Path,
    settings: Mapping[str, Any],
    threads: int,
    shares: Shares | None = None,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Align the reads of a sample and count them by lineage.

    Parameters
    ----------
    reads
        Clean reads.
    index
        Prefix of the Bowtie 2 index of the genomes.
    lineages, sheet
        Genome -> lineage, and where that is from.
    settings
        min_reads (a rarer species counts for its genus), min_identity, ambiguous (`share` or `genus`).
    threads
        Of the aligner.
    shares
        Where the reads of each species end in this index (`measure_read_shares`).

    Returns
    -------
    tuple
        Lineage -> reads (a pair is one), and what is to be noted. A read that fits two species alike counts
        for their genus, and so on up, unless they claim it (`claim_shared`); one that fits none is
        unclassified.

    References
    ----------
    Langmead B, Salzberg SL (2012) Nat Methods 9:357, doi:10.1038/nmeth.1923
    """
    min_reads = float(settings.get("min_reads", 10))
    identity = float(settings.get("min_identity", MIN_IDENTITY))
    own = shares if shares and settings.get("ambiguous", "share") == "share" else None
    counts = count_reads_of(reads, index, lineages, sheet, identity, threads)
    if not counts:
        return {}, {"reads": 0, "unclassified_share": None, "detection_limit": None}
    total = sum(counts.values())
    near = nearest_shares(own, kind_of(reads)) if own else None
    return settle_counts(counts, min_reads, MIN_GENUS_SHARE, near), {
        "reads": round(total),
        "unclassified_share": counts[UNCLASSIFIED] / total,
        "detection_limit": min_reads / total,
        "detection_limit_of_genus": MIN_GENUS_SHARE,
        "ambiguous_reads": "share" if own else "genus",
        "min_identity": identity,
        "species_identity": SPECIES_IDENTITY,
    }


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    index: str,
    taxonomy: str,
    output: str,
    settings: Mapping[str, Any],
    threads: int,
    shares: str | None = None,
) -> None:
    """Profile samples into the folder `output`; `shares` is a table of `measure_read_shares`."""
    known = read_shares(shares) if shares else None
    lineages = read_lineages(taxonomy)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "engine": "bowtie2",
        "version": tool_version("bowtie2"),
        "kind": "counts",
        "unit": "reads",
        "reference": Path(index).name,
    }
    for sample in samples:
        reads = find_sample_reads(clean, sample)
        counts, noted = profile_sample(reads, index, lineages, taxonomy, settings, threads, known)
        write_taxa(counts, {**head, **noted}, folder, sample)


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            snakemake.input.index[0].removesuffix(".1.bt2"),
            snakemake.input.taxonomy,
            snakemake.output[0],
            snakemake.params.settings,
            snakemake.threads,
            next(iter(snakemake.input.shares), None),
        ),
        snakemake.log[0],
    )

"""Functions with DIAMOND: translated search in KO-labelled proteins, copies per genome by species."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import count_reads, is_empty, open_bytes
from vagus.reads.tools import find_tool, last_words, run_tool
from vagus.resources.build_diamond_reference import LABEL_COLUMNS, parse_header
from vagus.shotgun.genome_size import choose_markers
from vagus.shotgun.pathways import read_pathways, write_functions
from vagus.shotgun.tables import UNCLASSIFIED, SampleReads, find_sample_reads
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MODES = (
    "faster",
    "fast",
    "default",
    "mid-sensitive",
    "sensitive",
    "more-sensitive",
    "very-sensitive",
    "ultra-sensitive",
)
FIELDS = ["qseqid", "sseqid", "pident", "qstart", "qend", "qlen", "sstart", "send", "slen", "bitscore"]
Labels = dict[str, tuple[tuple[str, ...], str]]


@dataclass(frozen=True)
class DiamondSettings:
    """How reads are searched.

    Parameters
    ----------
    mode
        Sensitivity of DIAMOND: one of `MODES`.
    identity
        Least identity of a hit, per cent.
    evalue
        Highest e-value of a hit.
    species_identity
        Least identity for the hit's species to be believed, per cent; below it the taxon is `unclassified`.
    """

    mode: str = "default"
    identity: float = 50.0
    evalue: float = 1e-5
    species_identity: float = 90.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise VagusError(f"mode: {self.mode!r}; allowed: {', '.join(MODES)}; fix: set one of them")

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> "DiamondSettings":
        """Take what is set; defaults for the rest."""
        named = ("identity", "evalue", "species_identity")
        numbers = {k: float(settings[k]) for k in named if settings.get(k) is not None}
        return cls(mode=str(settings.get("mode") or "default"), **numbers)


@dataclass
class HitSums:
    """What the hits of a sample add up to.

    Parameters
    ----------
    depths
        (KO, taxon) -> depth.
    reads
        Reads with a hit, each mate being a read of its own.
    with_ko
        Of them, those that count for a KO.
    """

    depths: dict[tuple[str, str], float] = field(default_factory=dict)
    reads: int = 0
    with_ko: int = 0


def read_labels(fasta: str | Path | None, table: str | Path | None = None) -> Labels:
    """Read which KOs and which taxon a protein has.

    Parameters
    ----------
    fasta
        Protein FASTA with headers `id|K00001,K00002|Species` or `id K00001 ...`; not read if there is a
        table.
    table
        TSV with columns protein, ko (several joined by `,`), taxon.

    Returns
    -------
    dict
        Protein, as DIAMOND names it (its header up to the first blank) -> (KOs, taxon); those with a KO only.

    Raises
    ------
    VagusError
        If the table has other columns, or no protein has a KO.
    """
    labels: Labels = {}
    # Many proteins have the same label; one object for all of them keeps large references small.
    same: dict[tuple[tuple[str, ...], str], tuple[tuple[str, ...], str]] = {}
    for protein, kos, taxon in _table_labels(table) if table is not None else _fasta_labels(fasta):
        if kos:
            labels[protein] = same.setdefault((kos, taxon), (kos, taxon))
    if not labels:
        raise VagusError(
            f"{table or fasta}: no protein has a KO; allowed: headers >id|K00001|Species or >id K00001; "
            "fix: label the proteins, with KofamScan for example"
        )
    return labels


def _table_labels(table: str | Path) -> Iterator[tuple[str, tuple[str, ...], str]]:
    with open(table, encoding="utf-8") as handle:
        header = handle.readline().rstrip("\n").split("\t")
        if header != LABEL_COLUMNS:
            raise VagusError(f"{table}: columns {', '.join(header)}; allowed: {', '.join(LABEL_COLUMNS)}")
        for line in handle:
            protein, ko, taxon = line.rstrip("\n").split("\t")
            yield protein, tuple(k for k in ko.split(",") if k), taxon


def _fasta_labels(fasta: str | Path | None) -> Iterator[tuple[str, tuple[str, ...], str]]:
    if fasta is None:
        raise VagusError("neither a protein FASTA nor a table of labels is given; fix: give one of them")
    with open_bytes(fasta) as handle:
        for line in handle:
            if line.startswith(b">"):
                header = line[1:].decode("utf-8", "replace").strip()
                label = parse_header(header)
                yield header.split(maxsplit=1)[0] if header else "", label.kos, label.taxon


def centre_inside(qstart: int, qend: int, qlen: int, sstart: int, slen: int) -> bool:
    """Tell whether the centre of a read falls within the protein it hit.

    Counting a read where its centre lies makes the expected count proportional to the gene's length alone:
    reads that hang over an end are neither lost from short genes nor counted for two neighbours.

    Parameters
    ----------
    qstart, qend
        The aligned part of the read, from 1; the end is before the start on the other strand.
    qlen
        Length of the read.
    sstart, slen
        Start of the alignment in the protein, from 1, and the protein's length.
    """
    centre = (qlen + 1) / 2
    away = centre - qstart if qend >= qstart else qstart - centre
    return 0 <= 3 * (sstart - 1) + away < 3 * slen


def sum_hits(lines: Iterable[str], labels: Labels, species_identity: float, sums: HitSums) -> None:
    """Add the hits of one file of reads.

    Parameters
    ----------
    lines
        DIAMOND's table with `FIELDS`, the hits of a read beside each other.
    labels
        Of the proteins.
    species_identity
        See `DiamondSettings`.
    sums
        What is added to. A read counts read length / gene length; equally good hits share it.
    """
    rows = (line.rstrip("\n").split("\t") for line in lines)
    for _, group in groupby(rows, key=lambda row: row[0]):
        hits = list(group)
        best = max(float(hit[9]) for hit in hits)
        hits = [hit for hit in hits if float(hit[9]) == best]
        sums.reads += 1
        inside = [h for h in hits if centre_inside(int(h[3]), int(h[4]), int(h[5]), int(h[6]), int(h[8]))]
        counted = False
        for hit in inside:
            label = labels.get(hit[1])
            if label is None:
                continue
            counted = True
            taxon = label[1] if label[1] and float(hit[2]) >= species_identity else UNCLASSIFIED
            depth = int(hit[5]) / (3 * int(hit[8]) * len(inside))
            for ko in label[0]:
                sums.depths[ko, taxon] = sums.depths.get((ko, taxon), 0.0) + depth
        sums.with_ko += counted


def search_reads(
    reads: Path, database: Path, settings: DiamondSettings, threads: int, scratch: Path, where: str
) -> Iterator[str]:
    """Search one file of reads and hand on DIAMOND's table line by line.

    Parameters
    ----------
    reads
        FASTQ, with at least one read.
    database
        `.dmnd`.
    settings
        How to search.
    threads
        Threads.
    scratch
        Folder for DIAMOND's temporary files.
    where
        For messages.

    Raises
    ------
    VagusError
        If DIAMOND fails.

    References
    ----------
    Buchfink B, Reuter K, Drost HG (2021) Nat Methods 18:366, doi:10.1038/s41592-021-01101-x
    """
    command = [find_tool("diamond"), "blastx", "--quiet", "--query", str(reads), "--db", str(database)]
    command += ["--threads", str(threads), "--tmpdir", str(scratch), "--top", "0", "--outfmt", "6", *FIELDS]
    command += ["--id", str(settings.identity), "--evalue", str(settings.evalue)]
    command += [] if settings.mode == "default" else [f"--{settings.mode}"]
    with (scratch / "diamond.log").open("w+", encoding="utf-8", errors="replace") as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process:
            lines: IO[str] | None = process.stdout
            yield from lines or ()
        if process.returncode != 0:
            said.seek(0)
            words = last_words(said.read())
            raise VagusError(f"{where}: diamond failed with status {process.returncode}: {words}")


def profile_sample(
    reads: SampleReads, database: Path, labels: Labels, settings: DiamondSettings, threads: int, scratch: Path
) -> tuple[HitSums, dict[str, Any]]:
    """Search all reads of a sample; mates are searched singly.

    Returns
    -------
    tuple
        Sums of the hits, and reads (pairs count once), assigned_share and hit_share for the statistics.
    """
    sums = HitSums()
    for path in reads.files:
        if not is_empty(path):
            where = f"function search, sample {reads.sample}, {path.name}"
            lines = search_reads(path, database, settings, threads, scratch, where)
            sum_hits(lines, labels, settings.species_identity, sums)
    pairs = sum(count_reads(first) for first, _ in reads.pairs)
    singles = sum(count_reads(path) for path in reads.singles)
    searched = max(1, 2 * pairs + singles)
    return sums, {
        "reads": pairs + singles,
        "assigned_share": sums.with_ko / searched,
        "hit_share": sums.reads / searched,
    }


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    database: str,
    labels: str,
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
    database
        `.dmnd`.
    labels
        Table of the proteins' labels, or the protein FASTA itself if its name does not end in `.tsv`.
    markers, pathways
        Tables of single-copy markers and of pathways; no pathways if None.
    output
        Folder to make.
    settings
        mode, identity, evalue, species_identity, genome_equivalents.
    threads
        Threads.
    """
    chosen = DiamondSettings.from_config(settings)
    known = read_labels(None, labels) if labels.endswith(".tsv") else read_labels(labels)
    kos = {ko for found, _ in known.values() for ko in found}
    yardstick = choose_markers(settings, markers, kos, labels)
    routes = read_pathways(pathways) if pathways else None
    version = run_tool(["diamond", "version"], "function search").split()[-1]
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        reads = find_sample_reads(clean, sample)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            sums, facts = profile_sample(reads, Path(database), known, chosen, threads, Path(scratch))
        stats = {"engine": "diamond", "version": version, **facts}
        write_functions(sums.depths, yardstick, routes, stats, folder, sample)


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            snakemake.input.database,
            snakemake.input.labels,
            snakemake.input.markers,
            next(iter(snakemake.input.get("pathways", [])), None),
            snakemake.output[0],
            snakemake.params.settings,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

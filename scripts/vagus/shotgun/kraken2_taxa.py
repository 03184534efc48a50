"""Taxonomy of shotgun reads with Kraken 2, and Bracken where it is installed."""

import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import is_empty
from vagus.reads.tools import find_tool, run_tool, tool_version
from vagus.shotgun.kraken2_report import Node, count_nodes, name_nodes, parse_bracken, parse_report
from vagus.shotgun.lineages import add_values
from vagus.shotgun.read_shares import Shares, kind_of, nearest_shares, read_shares, settle_counts
from vagus.shotgun.tables import UNCLASSIFIED, SampleReads, find_sample_reads, write_taxa
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

AMBIGUOUS = ("share", "bracken", "genus")
_DISTRIBUTION = re.compile(r"^database(\d+)mers\.kmer_distrib$")


@dataclass(frozen=True)
class Kraken2Settings:
    """How reads are called.

    Parameters
    ----------
    confidence
        Share of a read's k-mers that must support the call.
    minimum_hit_groups
        Groups of k-mers that must hit the database.
    ambiguous
        What becomes of reads that fit several species: `share` gives them to the species that claim them
        (`claim_shared`), `bracken` has Bracken do it, `genus` leaves them to the genus.
    read_length
        Which of Bracken's distributions to take; 0 takes the one nearest to 150.
    min_reads
        See `lift_rare`.
    min_genus_share
        See `lift_rare`.
    memory_mapping
        Leave the database on disk.
    """

    confidence: float = 0.1
    minimum_hit_groups: int = 3
    ambiguous: str = "share"
    read_length: int = 0
    min_reads: int = 10
    min_genus_share: float = 0.005
    memory_mapping: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Kraken2Settings":
        """Take the keys that are named here; `VagusError` if a value is not allowed."""
        known = {k: settings[k] for k in cls.__dataclass_fields__ if k in settings}
        made = cls(**known)
        if made.ambiguous not in AMBIGUOUS:
            raise VagusError(
                f"shotgun.ambiguous_reads: {made.ambiguous!r}; allowed: {', '.join(AMBIGUOUS)}; "
                "fix: choose one of them"
            )
        if not 0 <= made.confidence <= 1:
            raise VagusError(
                f"shotgun.kraken2_confidence: {made.confidence!r}; allowed: 0 to 1; fix: 0.1 is the default"
            )
        return made


def classify(
    reads: SampleReads, database: str | Path, settings: Kraken2Settings, threads: int, report: Path
) -> tuple[list[Node], list[str]]:
    """Run Kraken 2 over the pairs and over the single reads of a sample.

    Parameters
    ----------
    reads
        Of the sample.
    database
        Folder of the database.
    settings
        How.
    threads
        Threads.
    report
        File to write: the sum of the reports.

    Returns
    -------
    tuple
        The nodes of all reports, and the lines of the first one.
    """
    pairs = [p for p in reads.pairs if not all(map(is_empty, p))]
    singles = [s for s in reads.singles if not is_empty(s)]
    nodes: list[Node] = []
    texts: list[str] = []
    command: list[str | Path] = ["kraken2", "--db", database, "--threads", str(threads), "--output", "-"]
    command += ["--confidence", str(settings.confidence), "--gzip-compressed", "--report", report]
    command += ["--minimum-hit-groups", str(settings.minimum_hit_groups)]
    command += ["--memory-mapping"] if settings.memory_mapping else []
    groups: list[list[str | Path]] = []
    if pairs:
        groups.append(["--paired", *(mate for pair in pairs for mate in pair)])
    if singles:
        groups.append([*singles])
    for group in groups:
        run_tool([*command, *group], f"kraken2, sample {reads.sample}")
        text = report.read_text(encoding="utf-8")
        nodes += name_nodes(parse_report(text.splitlines(), str(report)), database)
        texts.append(text)
    return nodes, texts


def count_reads_of(
    reads: SampleReads, database: str | Path, settings: Kraken2Settings, threads: int
) -> dict[str, float]:
    """Count the reads of a sample by the lineage at which Kraken 2 leaves them."""
    with tempfile.TemporaryDirectory() as scratch:
        nodes, _ = classify(reads, database, settings, threads, Path(scratch) / "report.tsv")
    return count_nodes(nodes) if nodes else {}


def find_distribution(
    database: str | Path, settings: Kraken2Settings, has_shares: bool = False
) -> int | None:
    """Return the read length whose distribution Bracken is to use; None where it is not to run.

    Parameters
    ----------
    database, settings
        Where, and how.
    has_shares
        The shares of the species' reads were measured, so that Bracken is not needed.

    Raises
    ------
    VagusError
        If Bracken is chosen and it or its distribution is missing.
    """
    if settings.ambiguous == "genus" or (settings.ambiguous == "share" and has_shares):
        return None
    found = [_DISTRIBUTION.match(path.name) for path in Path(database).glob("*.kmer_distrib")]
    lengths = [int(m.group(1)) for m in found if m]
    try:
        find_tool("bracken")
        here = True
    except VagusError:
        here = False
    if here and lengths:
        return min(lengths, key=lambda n: (abs(n - (settings.read_length or 150)), n))
    if settings.ambiguous == "bracken":
        what = "a file databaseNmers.kmer_distrib in the database" if here else "the program bracken"
        raise VagusError(
            f"shotgun.ambiguous_reads is bracken, but there is not {what}; fix: install it, or choose share"
        )
    return None


def profile_sample(
    reads: SampleReads,
    database: str | Path,
    settings: Kraken2Settings,
    threads: int,
    shares: Shares | None = None,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Profile one sample; return the reads of each lineage and what is to be known about them.

    References
    ----------
    Wood DE, Lu J, Langmead B (2019) Genome Biol 20:257, doi:10.1186/s13059-019-1891-0;
    Lu J et al. (2017) PeerJ Comput Sci 3:e104, doi:10.7717/peerj-cs.104
    """
    length = find_distribution(database, settings, bool(shares))
    own = shares if shares and settings.ambiguous == "share" else None
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.tsv"
        nodes, texts = classify(reads, database, settings, threads, report)
        counts = count_nodes(nodes)
        # Bracken reads one report; it stops with an error where no species has reads enough.
        if length and nodes and any(n.rank == "S" and n.reads >= settings.min_reads for n in nodes):
            counts = {}
            for text in texts:
                report.write_text(text, encoding="utf-8")
                counts = add_values(
                    [*counts.items(), *_run_bracken(report, database, length, reads.sample).items()]
                )
    total = sum(counts.values())
    stats = {
        "reads": round(total),
        "unclassified_share": counts[UNCLASSIFIED] / total if total else None,
        "detection_limit": settings.min_reads / total if total else None,
        "detection_limit_of_genus": settings.min_genus_share,
        "ambiguous_reads": "bracken" if length else "share" if own else "genus",
        "bracken_read_length": length,
        "confidence": settings.confidence,
    }
    if not total:
        return {}, stats
    near = nearest_shares(own, kind_of(reads)) if own else None
    return settle_counts(counts, settings.min_reads, settings.min_genus_share, near), stats


def _run_bracken(report: Path, database: str | Path, length: int, sample: str) -> dict[str, float]:
    table = report.with_name("bracken.tsv")
    nodes = name_nodes(parse_report(report.read_text(encoding="utf-8").splitlines(), str(report)), database)
    if not any(n.rank == "S" and n.reads for n in nodes):
        return count_nodes(nodes)
    command: list[str | Path] = ["bracken", "-d", database, "-i", report, "-o", table, "-r", str(length)]
    command += ["-w", report.with_name("bracken.report"), "-l", "S", "-t", "1"]
    run_tool(command, f"bracken, sample {sample}")
    return parse_bracken(table.read_text(encoding="utf-8").splitlines(), nodes, str(table))


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    database: str,
    output: str,
    settings: Mapping[str, Any],
    threads: int,
    shares: str | None = None,
) -> None:
    """Profile all samples into the folder `output`; `shares` is a table of `measure_read_shares`."""
    chosen = Kraken2Settings.of(settings)
    for name in ("hash.k2d", "opts.k2d", "taxo.k2d"):
        if not (Path(database) / name).exists():
            raise VagusError(f"{database}: no {name}, so it is no Kraken 2 database; fix: name its folder")
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    known = read_shares(shares) if shares else None
    head = {"engine": "kraken2", "version": tool_version("kraken2"), "kind": "counts", "unit": "reads"}
    for sample in samples:
        reads = find_sample_reads(clean, sample)
        counts, stats = profile_sample(reads, database, chosen, threads, known)
        write_taxa(counts, {**head, "reference": Path(database).name, **stats}, folder, sample)


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            str(snakemake.input.database),
            str(snakemake.output[0]),
            snakemake.params.settings,
            snakemake.threads,
            next(iter(snakemake.input.shares), None),
        ),
        snakemake.log[0],
    )

"""Taxonomy of shotgun reads with Kraken 2, and Bracken where it is installed."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import is_empty
from vagus.reads.tools import find_tool, run_tool
from vagus.shotgun.lineages import add_values, clean_name
from vagus.shotgun.tables import RANKS, UNCLASSIFIED, SampleReads, find_sample_reads, write_taxa
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Kraken's letters of `RANKS`. K (kingdom) is no rank of ours; it stands in where there is no domain above it.
_LETTERS = {"D": 0, "P": 1, "C": 2, "O": 3, "F": 4, "G": 5, "S": 6}
# NCBI's taxonomy of 2025 calls them "domain", which Kraken 2 up to 2.1.3 does not know and writes as R2.
_DOMAINS = frozenset({"Bacteria", "Archaea", "Eukaryota", "Viruses"})
_DISTRIBUTION = re.compile(r"^database(\d+)mers\.kmer_distrib$")
_BLANK = ("",) * len(RANKS)


@dataclass(frozen=True)
class Kraken2Settings:
    """How reads are called.

    Parameters
    ----------
    confidence
        Share of a read's k-mers that must support the call.
    minimum_hit_groups
        Groups of k-mers that must hit the database.
    bracken
        `on`, `off`, or `auto`: use Bracken where it and its distribution are there.
    read_length
        Which of Bracken's distributions to take; 0 takes the one nearest to 150.
    min_reads
        A species with fewer reads is not named; its reads are counted for its genus.
    min_genus_share
        A species with a smaller share of the reads of its genus' most abundant species is not named either:
        a misread base turns a few reads in a thousand of one species into those of a near-identical other.
    memory_mapping
        Leave the database on disk.
    """

    confidence: float = 0.1
    minimum_hit_groups: int = 3
    bracken: str = "auto"
    read_length: int = 0
    min_reads: int = 10
    min_genus_share: float = 0.005
    memory_mapping: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Kraken2Settings":
        """Take the keys that are named here; `VagusError` if a value is not allowed."""
        known = {k: settings[k] for k in cls.__dataclass_fields__ if k in settings}
        if isinstance(known.get("bracken"), bool):
            # YAML reads a bare on and off as true and false.
            known["bracken"] = "on" if known["bracken"] else "off"
        made = cls(**known)
        if made.bracken not in ("auto", "on", "off"):
            raise VagusError(
                f"shotgun.bracken: {made.bracken!r}; allowed: auto, on, off; fix: choose one of them"
            )
        if not 0 <= made.confidence <= 1:
            raise VagusError(
                f"shotgun.kraken2_confidence: {made.confidence!r}; allowed: 0 to 1; fix: 0.1 is the default"
            )
        return made


@dataclass(frozen=True)
class Node:
    """A line of a report: rank code, taxid, lineage, and the reads that stop at it."""

    rank: str
    taxid: str
    lineage: tuple[str, ...]
    reads: int


def parse_report(lines: Iterable[str], where: str) -> list[Node]:
    """Parse a report of Kraken 2.

    Parameters
    ----------
    lines
        With six columns, or eight with minimizer data.
    where
        File, for messages.

    Returns
    -------
    list of Node
        In its order. The lineage of a node is that of the nearest of `RANKS` at or above it; nodes above the
        domain have a blank one, `U` too.

    Raises
    ------
    VagusError
        If a line is no line of a report.
    """
    nodes: list[Node] = []
    # Depth and lineage of the nodes above.
    above: list[tuple[int, tuple[str, ...]]] = []
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t")
        if cells == [""]:
            continue
        if len(cells) not in (6, 8) or not cells[2].strip().isdigit():
            raise VagusError(
                f"{where}, row {number}: not a report of Kraken 2; fix: run kraken2 with --report"
            )
        code, taxid, padded = (c.rstrip() for c in cells[-3:])
        code = code.strip()
        name = padded.lstrip(" ")
        depth = len(padded) - len(name)
        while above and above[-1][0] >= depth:
            above.pop()
        lineage = above[-1][1] if above else _BLANK
        if code != "U":
            lineage = _extend(lineage, code, name)
            above.append((depth, lineage))
        nodes.append(Node(code, taxid.strip(), lineage, int(cells[2])))
    return nodes


def _extend(lineage: tuple[str, ...], code: str, name: str) -> tuple[str, ...]:
    level = _LETTERS.get(code)
    if code.startswith("R") and name in _DOMAINS:
        level = 0
    if code == "K" and not lineage[0]:
        level = 0
    if level is None or any(lineage[level + 1 :]):
        return lineage
    return (*lineage[:level], clean_name(name), *lineage[level + 1 :])


def name_nodes(nodes: Sequence[Node], database: str | Path) -> list[Node]:
    """Take the lineages of the database's own `lineages.tsv` (taxid, lineage), where it has one."""
    sheet = Path(database) / "lineages.tsv"
    if not sheet.exists():
        return list(nodes)
    rows = (line.split("\t") for line in sheet.read_text(encoding="utf-8").splitlines()[1:])
    known = {row[0]: tuple(row[1].split(";")) for row in rows}
    return [replace(n, lineage=known.get(n.taxid, n.lineage)) for n in nodes]


def count_nodes(nodes: Iterable[Node]) -> dict[str, float]:
    """Count the reads of each lineage.

    Parameters
    ----------
    nodes
        As `parse_report` gives them.

    Returns
    -------
    dict
        Lineage -> reads: strains count for their species, reads that stop at a genus for that genus with a
        blank
        species, and so on up to the domain. Reads that stop above it, or are unclassified, are
        `unclassified`.
    """
    counts = add_values(
        (";".join(n.lineage) if any(n.lineage) else UNCLASSIFIED, float(n.reads)) for n in nodes if n.reads
    )
    counts.setdefault(UNCLASSIFIED, 0.0)
    return counts


def parse_bracken(lines: Iterable[str], nodes: Sequence[Node], where: str) -> dict[str, float]:
    """Replace the reads of species, and those Bracken moved down to them, by Bracken's estimates.

    Parameters
    ----------
    lines
        Bracken's table at species level.
    nodes
        Of Kraken's report.
    where
        File, for messages.

    Returns
    -------
    dict
        Lineage -> reads. They add up to the reads that went in: what Bracken spread over species is taken
        from the
        genera they lie in, then from the ranks above.
    """
    rows = [line.rstrip("\n").split("\t") for line in lines if line.strip()]
    header = rows[0] if rows else []
    if "taxonomy_id" not in header or "new_est_reads" not in header:
        raise VagusError(f"{where}: not a table of Bracken; fix: update Bracken, or set shotgun.bracken: off")
    taxid, estimate = header.index("taxonomy_id"), header.index("new_est_reads")
    by_taxid = {n.taxid: ";".join(n.lineage) for n in nodes}
    counts = count_nodes(nodes)
    for row in rows[1:]:
        lineage = by_taxid.get(row[taxid])
        if lineage is None:
            raise VagusError(
                f"{where}: taxid {row[taxid]} is not in Kraken's report; fix: rebuild the database"
            )
        owed = float(row[estimate]) - counts.get(lineage, 0.0)
        names = lineage.split(";")
        counts[lineage] = counts.get(lineage, 0.0)
        for level in range(len(RANKS) - 1, 0, -1):
            upper = ";".join([*names[:level], *_BLANK[level:]])
            taken = min(max(owed, 0.0), counts.get(upper, 0.0)) if upper != lineage else 0.0
            if taken:
                counts[upper] -= taken
                counts[lineage] += taken
                owed -= taken
    return {k: v for k, v in counts.items() if v > 0 or k == UNCLASSIFIED}


def lift_rare(counts: Mapping[str, float], min_reads: float, min_genus_share: float) -> dict[str, float]:
    """Count the reads of rare species for their genus.

    Parameters
    ----------
    counts
        Lineage -> reads.
    min_reads, min_genus_share
        See `Kraken2Settings`.
    """
    top: dict[str, float] = {}
    for lineage, reads in counts.items():
        genus, _, species = lineage.rpartition(";")
        if species:
            top[genus] = max(top.get(genus, 0.0), reads)

    def keeps(lineage: str, reads: float) -> bool:
        genus, _, species = lineage.rpartition(";")
        return not genus or not species or reads >= max(min_reads, min_genus_share * top[genus])

    return add_values((k if keeps(k, v) else f"{k.rpartition(';')[0]};", v) for k, v in counts.items())


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


def find_distribution(database: str | Path, settings: Kraken2Settings) -> int | None:
    """Return the read length whose distribution Bracken is to use; None where it is not to run.

    Raises
    ------
    VagusError
        If Bracken is `on` and it or its distribution is missing.
    """
    if settings.bracken == "off":
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
    if settings.bracken == "on":
        what = "a file databaseNmers.kmer_distrib in the database" if here else "the program bracken"
        raise VagusError(
            f"shotgun.bracken is on, but there is not {what}; fix: install it, or set it to auto"
        )
    return None


def tool_version(name: str, pattern: str = r"(\d+\.\d+[\w.-]*)") -> str:
    """Return the version a program states with `--version`, or "" if it states none."""
    done = subprocess.run([find_tool(name), "--version"], capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else ""


def profile_sample(
    reads: SampleReads, database: str | Path, settings: Kraken2Settings, threads: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Profile one sample; return the reads of each lineage and what is to be known about them.

    References
    ----------
    Wood DE, Lu J, Langmead B (2019) Genome Biol 20:257, doi:10.1186/s13059-019-1891-0;
    Lu J et al. (2017) PeerJ Comput Sci 3:e104, doi:10.7717/peerj-cs.104
    """
    length = find_distribution(database, settings)
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
    counts = lift_rare(counts, settings.min_reads, settings.min_genus_share) if total else {}
    limit = settings.min_reads / total if total else None
    return counts, {
        "reads": round(total),
        "unclassified_share": counts[UNCLASSIFIED] / total if total else None,
        "detection_limit": limit,
        "detection_limit_of_genus": settings.min_genus_share,
        "bracken_read_length": length,
        "confidence": settings.confidence,
    }


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
) -> None:
    """Profile all samples into the folder `output`."""
    chosen = Kraken2Settings.of(settings)
    for name in ("hash.k2d", "opts.k2d", "taxo.k2d"):
        if not (Path(database) / name).exists():
            raise VagusError(f"{database}: no {name}, so it is no Kraken 2 database; fix: name its folder")
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    head = {"engine": "kraken2", "version": tool_version("kraken2"), "kind": "counts", "unit": "reads"}
    for sample in samples:
        reads = find_sample_reads(clean, sample)
        counts, stats = profile_sample(reads, database, chosen, threads)
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
        ),
        snakemake.log[0],
    )

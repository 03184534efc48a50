"""UNOISE3 through vsearch: filter, denoise all samples together, drop chimeras, map the reads back."""

import hashlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from scipy import sparse

from vagus.amplicon.sequence_ids import assign_ids, read_fasta, write_fasta
from vagus.amplicon.unoise_filter import FilterSettings, Unit, choose_length, collect_units, filter_unit
from vagus.errors import VagusError
from vagus.ledger import MERGED_RUN, ledger_row, write_ledger
from vagus.profile import Profile, write_profile
from vagus.reads.tools import run_tool
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Published radius for mapping reads to denoised sequences (Edgar 2016, "otutab").
MAP_IDENTITY = 0.97
# A sample keeps a variant only if two of its own reads are exactly that variant. Without this, one read that
# strayed from a neighbour on the flow cell adds a variant to a sample, because all samples are denoised
# together. DADA2 holds to the same rule: it calls no variant from a single read of a sample.
MIN_EXACT_READS = 2
ODD_LOSS = 0.5


@dataclass
class UniqueReads:
    """Distinct sequences over all units.

    Parameters
    ----------
    sequences
        In order of first sight.
    units
        For each unit: places in `sequences`, and reads.
    """

    sequences: list[str]
    units: list[tuple[np.ndarray, np.ndarray]]

    @property
    def sizes(self) -> np.ndarray:
        """Reads of each distinct sequence over all units."""
        total = np.zeros(len(self.sequences), dtype=np.int64)
        for places, counts in self.units:
            total[places] += counts
        return total


def pool_units(units: Sequence[Unit], settings: FilterSettings, folder: Path, threads: int) -> UniqueReads:
    """Filter the units, several at a time, and pool their distinct sequences.

    Parameters
    ----------
    units
        Clean reads.
    settings
        Limits of the filter.
    folder
        For temporary files.
    threads
        Units filtered at a time.
    """
    place: dict[bytes, int] = {}
    pooled = UniqueReads([], [])
    with ThreadPoolExecutor(max(1, threads)) as pool:
        # In the order of the units, so that a run with more cores gives the same files.
        for counts in pool.map(lambda unit: filter_unit(unit, settings, folder), units):
            places = np.empty(len(counts), dtype=np.int64)
            for i, sequence in enumerate(counts):
                key = hashlib.md5(sequence.encode(), usedforsecurity=False).digest()
                found = place.setdefault(key, len(place))
                if found == len(pooled.sequences):
                    pooled.sequences.append(sequence)
                places[i] = found
            pooled.units.append((places, np.fromiter(counts.values(), dtype=np.int64, count=len(counts))))
    return pooled


def denoise(
    pooled: UniqueReads, min_size: int, alpha: float, folder: Path, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Denoise distinct sequences and find the chimeras among the result.

    Parameters
    ----------
    pooled
        Distinct sequences.
    min_size
        Least reads of a denoised sequence, over all samples.
    alpha
        UNOISE's alpha.
    folder
        For temporary files.
    threads
        Threads for vsearch.

    Returns
    -------
    tuple of numpy.ndarray
        Places of the denoised sequences, most abundant first, and whether each is a chimera.

    References
    ----------
    Edgar RC (2016) UNOISE2, bioRxiv 081257, doi:10.1101/081257
    Edgar RC (2016) UCHIME2, bioRxiv 074252, doi:10.1101/074252
    """
    sizes = pooled.sizes
    worth = np.flatnonzero(sizes >= min_size)
    worth = worth[np.argsort(-sizes[worth], kind="stable")]
    if not len(worth):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    unique, centroids, clean = folder / "unique.fasta", folder / "centroids.fasta", folder / "clean.fasta"
    write_fasta(((f"{i};size={sizes[i]}", pooled.sequences[i]) for i in worth), unique)
    common = ["--sizein", "--sizeout", "--fasta_width", "0", "--minseqlength", "1"]
    command: list[str | Path] = ["vsearch", "--cluster_unoise", unique, "--minsize", str(min_size)]
    command += ["--unoise_alpha", str(alpha)]
    run_tool([*command, "--centroids", centroids, "--threads", str(threads), *common], "denoise")
    command = ["vsearch", "--uchime3_denovo", centroids, "--nonchimeras", clean, *common[:-2]]
    run_tool(command, "chimera")
    found = np.array(sorted((_place(h) for h, _ in read_fasta(centroids)), key=lambda i: (-sizes[i], i)))
    good = {_place(h) for h, _ in read_fasta(clean)}
    return found, np.array([i not in good for i in found])


def _place(header: str) -> int:
    return int(header.split(";", 1)[0])


def map_reads(pooled: UniqueReads, centroids: np.ndarray, folder: Path, threads: int) -> np.ndarray:
    """Give every distinct sequence to a denoised one: itself, or the most similar from 97 % identity on.

    Parameters
    ----------
    pooled
        Distinct sequences.
    centroids
        Places of the denoised ones, chimeras among them: their noise must not land on their parents.
    folder
        For temporary files.
    threads
        Threads for vsearch.

    Returns
    -------
    numpy.ndarray
        For each distinct sequence the number of its denoised one, or -1.
    """
    owner = np.full(len(pooled.sequences), -1, dtype=np.int64)
    if not len(centroids):
        return owner
    owner[centroids] = np.arange(len(centroids))
    queries, database, hits = folder / "queries.fasta", folder / "database.fasta", folder / "hits.tsv"
    write_fasta(((str(i), s) for i, s in enumerate(pooled.sequences) if owner[i] < 0), queries)
    write_fasta(((str(n), pooled.sequences[i]) for n, i in enumerate(centroids)), database)
    command: list[str | Path] = ["vsearch", "--usearch_global", queries, "--db", database, "--strand", "plus"]
    command += ["--id", str(MAP_IDENTITY), "--maxaccepts", "4", "--maxrejects", "16", "--maxhits", "1"]
    command += ["--top_hits_only", "--qmask", "none", "--dbmask", "none", "--minseqlength", "1"]
    command += ["--userout", hits, "--userfields", "query+target", "--threads", str(threads)]
    run_tool(command, "denoise (mapping reads back)")
    for line in hits.read_text(encoding="utf-8").splitlines():
        query, target = line.split("\t")
        owner[int(query)] = int(target)
    return owner


def count_variants(
    pooled: UniqueReads, units: Sequence[Unit], centroids: np.ndarray, owner: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Count the reads of each variant in each sample.

    Parameters
    ----------
    pooled, units
        Distinct sequences, and the units in the same order.
    centroids
        Places of the denoised sequences.
    owner
        From `map_reads`.

    Returns
    -------
    tuple
        Sample ids, and reads of shape (denoised sequences, samples); a variant with fewer than
        `MIN_EXACT_READS` exact reads in a sample is 0 there.
    """
    samples = list(dict.fromkeys(unit.sample for unit in units))
    column = {sample: i for i, sample in enumerate(samples)}
    total = np.zeros((len(centroids), len(samples)), dtype=np.int64)
    exact = np.zeros_like(total)
    itself = np.zeros(len(owner), dtype=bool)
    itself[centroids] = True
    for unit, (places, counts) in zip(units, pooled.units, strict=True):
        own, j = owner[places], column[unit.sample]
        mapped = own >= 0
        np.add.at(total[:, j], own[mapped], counts[mapped])
        same = itself[places]
        np.add.at(exact[:, j], own[same], counts[same])
    total[exact < MIN_EXACT_READS] = 0
    return samples, total


def make_ledger(
    units: Sequence[Unit], pooled: UniqueReads, samples: Sequence[str], table: np.ndarray, chimera: np.ndarray
) -> list[dict[str, Any]]:
    """Account for the reads: the filter by run, then all runs of a sample together.

    Parameters
    ----------
    units, pooled
        Clean reads, and what the filter left of them.
    samples, table
        Sample ids, and reads of shape (denoised sequences, samples).
    chimera
        Whether a denoised sequence is a chimera.
    """
    rows, filtered = [], dict.fromkeys(samples, 0)
    for unit, (_, counts) in zip(units, pooled.units, strict=True):
        left = int(counts.sum())
        filtered[unit.sample] += left
        if not unit.reads:
            continue
        how = (
            "merge within the limits of amplicon.max_ee and min_overlap"
            if len(unit.files) == 2
            else "pass max_ee"
        )
        odd = unit.reads - left > ODD_LOSS * unit.reads
        reason = f"{unit.reads - left} of {unit.reads} reads do not {how}" if odd else ""
        rows.append(ledger_row(unit.sample, unit.run, "filter", unit.reads, left, reason))
    for j, sample in enumerate(samples):
        start, denoised, kept = filtered[sample], int(table[:, j].sum()), int(table[~chimera, j].sum())
        for step, reads_in, reads_out in (("denoise", start, denoised), ("chimera", denoised, kept)):
            if reads_in:
                rows.append(ledger_row(sample, MERGED_RUN, step, reads_in, reads_out))
    return rows


def run_unoise3(
    units: Sequence[Unit],
    settings: FilterSettings,
    trunc_auto: bool,
    min_size: int,
    alpha: float,
    threads: int,
) -> tuple[list[str], Profile, list[dict[str, Any]]]:
    """Take clean reads to variants and their counts.

    Parameters
    ----------
    units
        Clean reads of all samples and runs.
    settings
        Limits of the filter.
    trunc_auto
        Choose the length of single-end reads from their quality; mates are merged at full length.
    min_size, alpha
        Of UNOISE3.
    threads
        Threads.

    Returns
    -------
    tuple
        Sequences of the variants, most abundant first; their counts; ledger rows.

    Raises
    ------
    VagusError
        If no variant is left in any sample.
    """
    single = all(len(unit.files) == 1 for unit in units if unit.reads)
    if single and trunc_auto:
        length = choose_length(units, settings.max_ee)
        settings = replace(settings, trunc_len=(length,) if length else ())
    with tempfile.TemporaryDirectory(prefix="unoise3.") as name:
        folder = Path(name)
        pooled = pool_units(units, settings, folder, threads)
        centroids, chimera = denoise(pooled, min_size, alpha, folder, threads)
        owner = map_reads(pooled, centroids, folder, threads)
    samples, table = count_variants(pooled, units, centroids, owner)
    rows = make_ledger(units, pooled, samples, table, chimera)
    table = np.where(chimera[:, None], 0, table)
    totals = table.sum(axis=1)
    order = [i for i in np.argsort(-totals, kind="stable") if totals[i] > 0]
    # A sample without reads has left with a reason in the ledger and is no column.
    columns = np.flatnonzero(table.sum(axis=0) > 0)
    if not order:
        raise VagusError(
            f"unoise3: no variant has {min_size} or more reads; of {sum(u.reads for u in units)} clean reads "
            f"{pooled.sizes.sum()} passed the filter; fix: check reads.primers, amplicon.max_ee and "
            "min_overlap, or lower amplicon.unoise_min_size for very small data"
        )
    sequences = [pooled.sequences[centroids[i]] for i in order]
    meta = {
        "kind": "counts",
        "unit": "reads",
        "engine": "unoise3 (vsearch)",
        "engine_version": vsearch_version(),
        "level": "asv",
        "assay": "amplicon",
        "min_size": min_size,
        "alpha": alpha,
        "min_exact_reads": MIN_EXACT_READS,
        "trunc_len": list(settings.trunc_len),
    }
    counts = sparse.csr_array(table[order][:, columns].astype(np.float64))
    names = [samples[j] for j in columns]
    return sequences, Profile("amplicon.asv", counts, assign_ids(sequences), names, {}, meta), rows


def vsearch_version() -> str:
    """Return vsearch's version, for example `2.22.1`."""
    # vsearch greets on standard output or error depending on its version; ask for both.
    words = run_tool(["sh", "-c", "vsearch --version 2>&1"], "vsearch").split()
    return words[1].lstrip("v").split("_")[0] if len(words) > 1 else ""


def main(
    clean: Sequence[str],
    ledgers: Sequence[str],
    amplicon: Mapping[str, Any],
    threads: int,
    outputs: Mapping[str, str],
) -> None:
    """Hand Snakemake's files and the config's `amplicon` to `run_unoise3`."""
    lengths, limits = amplicon["trunc_len"], amplicon["length_range"]
    settings = FilterSettings(
        max_ee=float(amplicon["max_ee"][0]),
        trunc_q=int(amplicon["trunc_q"]),
        min_overlap=int(amplicon["min_overlap"]),
        trunc_len=() if isinstance(lengths, str) else tuple(int(n) for n in lengths),
        length_range=(int(limits[0]), int(limits[1])) if limits else None,
    )
    units = collect_units(clean, ledgers)
    min_size, alpha = int(amplicon["unoise_min_size"]), float(amplicon["unoise_alpha"])
    sequences, profile, rows = run_unoise3(units, settings, lengths == "auto", min_size, alpha, threads)
    write_ledger(rows, outputs["ledger"])
    write_fasta(zip(profile.features, sequences, strict=True), outputs["fasta"])
    write_profile(profile, outputs["counts"])


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.input.ledgers),
            snakemake.params.amplicon,
            snakemake.threads,
            {name: snakemake.output[name] for name in ("fasta", "counts", "ledger")},
        ),
        snakemake.log[0],
    )

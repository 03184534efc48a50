"""Bring the denoised runs together: vote on chimeras, sum the runs of a sample, write the sequence table."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.amplicon.sequence_ids import assign_ids, write_fasta
from vagus.ledger import MERGED_RUN, check_ledger, ledger_row, write_ledger
from vagus.profile import Profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TEXT = {"sample": str, "run": str, "sequence": str}


def read_tables(paths: Sequence[str | Path], columns: Sequence[str]) -> pd.DataFrame:
    """Read and stack TSVs, keeping ids as text.

    Parameters
    ----------
    paths
        TSVs with a header.
    columns
        Columns of the result, also when there is no row.

    Returns
    -------
    pandas.DataFrame
        The rows of all files.
    """
    frames = [pd.read_csv(p, sep="\t", dtype=TEXT, keep_default_na=False) for p in paths]
    filled = [f for f in frames if len(f)]
    return (
        pd.concat(filled, ignore_index=True)[list(columns)] if filled else pd.DataFrame(columns=list(columns))
    )


def vote_chimeras(counts: pd.DataFrame, fraction: float = 0.9, ignored: int = 1) -> set[str]:
    """Name the sequences that the libraries agree to be chimeras.

    DADA2's consensus rule (`isBimeraDenovoTable`, doi:10.1038/nmeth.3869): a sequence goes if every library
    that holds it flags it, or if at least `fraction` of them do after `ignored` dissenters are set aside.

    Parameters
    ----------
    counts
        Rows library x sequence with the column `chimera` (0 or 1).
    fraction
        Share of the libraries that must agree.
    ignored
        Dissenting libraries that do not count.

    Returns
    -------
    set of str
        The chimeric sequences.
    """
    if counts.empty:
        return set()
    votes = counts.groupby("sequence")["chimera"].agg(["sum", "size"]).astype(float)
    most = (votes["sum"] > 0) & (votes["sum"] >= (votes["size"] - ignored) * fraction)
    return set(votes.index[(votes["sum"] >= votes["size"]) | most])


def build_table(counts: pd.DataFrame, samples: Sequence[str]) -> tuple[list[str], sparse.csr_array]:
    """Sum libraries into a table of sequences by samples.

    Parameters
    ----------
    counts
        Columns sample, sequence, count.
    samples
        All samples, also those without reads.

    Returns
    -------
    tuple
        Sequences from the most to the least abundant (ties by sequence), and the counts, sequences x samples.
    """
    totals = counts.groupby("sequence")["count"].sum().astype(int)
    sequences = sorted(totals.index, key=lambda s: (-totals[s], s))
    rows = counts["sequence"].map({s: i for i, s in enumerate(sequences)}).to_numpy(dtype=int)
    columns = counts["sample"].map({s: i for i, s in enumerate(samples)}).to_numpy(dtype=int)
    values = counts["count"].to_numpy(dtype=float)
    table = sparse.coo_array((values, (rows, columns)), shape=(len(sequences), len(samples)))
    return sequences, table.tocsr()


def account(
    filtered: pd.DataFrame, track: pd.DataFrame, kept: dict[str, int], unsized: int
) -> list[dict[str, Any]]:
    """Write the ledger of the steps filter, denoise, merge (per run) and chimera (per sample).

    Parameters
    ----------
    filtered
        Columns sample, run, paired, reads_in, reads_out.
    track
        Columns sample, run, filtered, denoised, merged.
    kept
        Reads in the final table per sample.
    unsized
        Sequences left out for their length; told in the reason of samples that end here.

    Returns
    -------
    list of dict
        Ledger rows.
    """
    rows: list[dict[str, Any]] = []
    after = {
        (s, r): (d, m)
        for s, r, d, m in track[["sample", "run", "denoised", "merged"]].itertuples(index=False)
    }
    arrived: dict[str, int] = {}
    for unit in filtered.itertuples(index=False):
        sample, run = str(unit.sample), str(unit.run)
        reads_in, reads_out = int(str(unit.reads_in)), int(str(unit.reads_out))
        denoised, merged = (int(n) for n in after.get((sample, run), (0, 0)))
        rows.append(ledger_row(sample, run, "filter", reads_in, reads_out))
        rows.append(ledger_row(sample, run, "denoise", reads_out, denoised))
        if unit.paired:
            rows.append(ledger_row(sample, run, "merge", denoised, merged))
        arrived[sample] = arrived.get(sample, 0) + merged
    for sample, reads in arrived.items():
        left = kept.get(sample, 0)
        note = "no reads left after chimera and length_range" if unsized and reads and not left else ""
        rows.append(ledger_row(sample, MERGED_RUN, "chimera", reads, left, note))
    return rows


def main(
    counts_tsv: Sequence[str],
    track_tsv: Sequence[str],
    filtered: Sequence[str],
    pooled: Sequence[str],
    chimera: str,
    length_range: Sequence[int],
    version: str,
    outputs: dict[str, str],
) -> None:
    """Merge runs, drop chimeras and odd lengths, write `fasta`, `counts` (BIOM) and `ledger`."""
    counts = read_tables(counts_tsv, ["sample", "run", "sequence", "count", "chimera"])
    track = read_tables(track_tsv, ["sample", "run", "filtered", "denoised", "merged"])
    units = read_tables(
        [Path(f) / "counts.tsv" for f in filtered], ["sample", "run", "paired", "reads_in", "reads_out"]
    )
    if chimera == "pooled":
        bad = {line for path in pooled for line in Path(path).read_text(encoding="ascii").split()}
    else:
        bad = vote_chimeras(counts) if chimera == "consensus" else set()
    good = counts[~counts["sequence"].isin(bad)]
    unsized = 0
    if length_range:
        lengths = good["sequence"].str.len()
        fits = (lengths >= length_range[0]) & (lengths <= length_range[1])
        unsized = int(good.loc[~fits, "sequence"].nunique())
        good = good[fits]
    samples = sorted(set(units["sample"]))
    sequences, table = build_table(good, samples)
    print(f"{len(sequences)} sequences; {len(bad)} chimeras and {unsized} of other lengths left out")
    totals = np.asarray(table.sum(axis=0)).ravel() if len(sequences) else np.zeros(len(samples))
    ledger = pd.DataFrame(
        account(units, track, {s: int(n) for s, n in zip(samples, totals, strict=True)}, unsized)
    )
    check_ledger(ledger)
    write_ledger(ledger, outputs["ledger"])
    ids = assign_ids(sequences)
    write_fasta(zip(ids, sequences, strict=True), outputs["fasta"])
    meta: dict[str, Any] = {
        "kind": "counts",
        "unit": "reads",
        "engine": "dada2",
        "engine_version": version,
        "reference": "",
    }
    meta |= {"reference_sha256": "", "inferred": False, "level": "asv", "assay": "amplicon"}
    write_profile(Profile("amplicon.asv", table, ids, samples, meta=meta), outputs["counts"])


def read_version(paths: Sequence[str]) -> str:
    """Return the DADA2 version that the runs were denoised with."""
    found = {Path(p).read_text(encoding="utf-8").strip() for p in paths}
    return ", ".join(sorted(found))


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.counts,
            snakemake.input.track,
            snakemake.input.filtered,
            snakemake.input.pooled,
            snakemake.params.chimera,
            snakemake.params.length_range,
            read_version(snakemake.input.version),
            {name: snakemake.output[name] for name in ("fasta", "counts", "ledger")},
        ),
        snakemake.log[0],
    )

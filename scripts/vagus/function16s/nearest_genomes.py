"""Rule `nearest_genomes`: the reference genomes whose 16S gene is most like each sequence variant."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from vagus.amplicon.sequence_ids import read_fasta, write_fasta
from vagus.errors import VagusError
from vagus.function16s.reference_tables import (
    FunctionReference,
    find_reference,
    open_text,
    plain_sequences,
    read_copies,
)  # fmt: skip
from vagus.reads.tools import run_tool, tool_version
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

COLUMNS = ["feature", "genome", "distance", "copies_16s"]
# vsearch tries references in the order of shared k-mers; so many alignments find all that tie in practice.
MOST_HITS = 128
# Below this identity no alignment is asked for: such a variant is past any sensible cut-off.
LEAST_IDENTITY = 0.6
# Share of a variant that must lie on the reference: end gaps do not count as differences.
LEAST_COVER = 0.9
# Identities that differ by less than half a base in a variant of 500 are one identity.
TIE = 1e-6


def usable_genomes(references: Sequence[FunctionReference], traits: Sequence[str]) -> dict[str, float]:
    """Return genome -> 16S copies, for genomes that are in every table that is asked for.

    Parameters
    ----------
    references
        To be searched together.
    traits
        `ko`, `ec`.

    Raises
    ------
    VagusError
        If a reference has no table of a trait.
    """
    known: dict[str, float] = {}
    for reference in references:
        copies = read_copies(reference.copies)
        for trait in traits:
            if trait not in reference.tables:
                raise VagusError(
                    f"{reference.folder}: no {trait}.txt.gz; fix: add the table, or take {trait} out of "
                    "function16s.traits"
                )
            with open_text(reference.tables[trait]) as handle:
                listed = {line.partition("\t")[0] for line in handle}
            copies = {genome: n for genome, n in copies.items() if genome in listed}
        known |= copies
    return known


def choose_nearest(hits: pd.DataFrame, copies: Mapping[str, float]) -> pd.DataFrame:
    """Keep the hits of a variant that are as near as its nearest.

    Parameters
    ----------
    hits
        feature, genome, identity (percent).
    copies
        16S copies of each genome.

    Returns
    -------
    DataFrame
        `COLUMNS`; distance is 1 - identity, 0 to 1. A variant has as many rows as genomes tie.
    """
    best = hits.groupby("feature")["identity"].transform("max")
    kept = hits[hits["identity"] >= best - 100 * TIE].drop_duplicates(["feature", "genome"])
    kept = kept.assign(
        distance=(1 - kept["identity"] / 100).round(6), copies_16s=kept["genome"].map(copies).astype(float)
    )
    return kept.sort_values(["feature", "genome"])[COLUMNS].reset_index(drop=True)


def find_nearest(
    variants: Mapping[str, str], references: Sequence[FunctionReference], traits: Sequence[str], threads: int
) -> pd.DataFrame:
    """Find the nearest genomes of sequence variants by global alignment without end gaps.

    Parameters
    ----------
    variants
        Sequence by feature id.
    references
        Searched together.
    traits
        Tables that a genome must be in.
    threads
        Of vsearch.

    Returns
    -------
    DataFrame
        See `choose_nearest`; variants like no genome have no row.

    References
    ----------
    Rognes T et al. (2016) VSEARCH, PeerJ 4:e2584, doi:10.7717/peerj.2584
    """
    copies = usable_genomes(references, traits)
    with tempfile.TemporaryDirectory(prefix="nearest.") as name:
        query, database, table = (Path(name) / n for n in ("query.fasta", "genomes.fasta", "hits.tsv"))
        write_fasta(variants.items(), query)
        write_fasta(((g, s) for g, s in plain_sequences(references) if g in copies and s), database)
        if not database.stat().st_size:
            where = ", ".join(str(r.folder) for r in references)
            raise VagusError(
                f"{where}: no genome is in the FASTA, the 16S table and the gene tables at once; "
                "fix: use files of one release"
            )
        command: list[str | Path] = ["vsearch", "--usearch_global", query, "--db", database]
        command += [
            "--id",
            str(LEAST_IDENTITY),
            "--iddef",
            "2",
            "--query_cov",
            str(LEAST_COVER),
            "--strand",
            "both",
        ]
        command += ["--maxaccepts", str(MOST_HITS), "--maxrejects", str(MOST_HITS), "--top_hits_only"]
        command += ["--maxhits", str(MOST_HITS), "--qmask", "none", "--dbmask", "none"]
        command += ["--minseqlength", "1", "--userout", table, "--userfields", "query+target+id"]
        command += ["--threads", str(threads)]
        if variants:
            run_tool(command, "nearest_genomes")
        else:
            table.touch()
        hits = pd.read_csv(
            table, sep="\t", names=["feature", "genome", "identity"], dtype={"feature": str, "genome": str}
        )
    return choose_nearest(hits, copies)


def main(
    fasta: str, folders: Sequence[str], output: str, version: str, traits: Sequence[str], threads: int
) -> None:
    """Search and write."""
    variants = {header.split()[0]: sequence for header, sequence in read_fasta(fasta)}
    table = find_nearest(variants, [find_reference(folder) for folder in folders], traits, threads)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(output, sep="\t", index=False, float_format="%.6g")
    Path(version).write_text(f"vsearch {tool_version('vsearch')}\n", encoding="utf-8")
    print(f"{table['feature'].nunique()} of {len(variants)} variants have a genome, {len(table)} rows")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.fasta,
            list(snakemake.params.references),
            snakemake.output.table,
            snakemake.output.version,
            list(snakemake.params.traits),
            snakemake.threads,
        ),
        snakemake.log[0],
    )

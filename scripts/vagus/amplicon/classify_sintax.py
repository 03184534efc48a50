"""Classify sequence variants with SINTAX."""

import re
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from vagus.amplicon.prepare_reference import GAP, RANKS
from vagus.amplicon.sequence_ids import read_fasta, write_fasta
from vagus.reads.tools import run_tool
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TAXONOMY_COLUMNS = ["feature", *RANKS, "confidence"]
SEED = 1
# vsearch's answers depend on the threads even with a seed, so each run has one thread and a fixed share of
# the variants: the same answer on any machine.
CHUNK = 2000
_RANK = re.compile(r"([dkpcofgs]):(.*)\((\d+(?:\.\d+)?)\)$")
_PLACE = {letter: i for i, letter in enumerate("dpcofgs")} | {"k": 0}


def parse_answer(text: str, min_confidence: float) -> tuple[list[str], float]:
    """Read one answer of SINTAX.

    Parameters
    ----------
    text
        Second column of its table, such as `d:Bacteria(1.00),p:Firmicutes(0.95)`.
    min_confidence
        Least bootstrap support, 0 to 100.

    Returns
    -------
    tuple
        Seven names, "" from the first rank on that has too little support; and the support, 0 to 100, of the
        lowest rank that is named (of the first rank if none is).
    """
    names, confidence = [""] * len(RANKS), 0.0
    for i, part in enumerate(text.split(",") if text else []):
        found = _RANK.match(part)
        if not found:
            break
        support = 100 * float(found[3])
        if support + 1e-9 < min_confidence:
            confidence = confidence if i else support
            break
        if found[2].startswith(GAP):
            continue
        names[_PLACE[found[1]]] = found[2]
        confidence = support
    return names, round(confidence, 2)


def classify(
    sequences: Mapping[str, str], reference: str | Path, min_confidence: float, threads: int
) -> pd.DataFrame:
    """Classify sequences against a reference in SINTAX format.

    Parameters
    ----------
    sequences
        Sequence by feature id.
    reference
        FASTA in SINTAX format and upper case.
    min_confidence
        Least bootstrap support, 0 to 100.
    threads
        Shares classified at a time.

    Returns
    -------
    pandas.DataFrame
        `TAXONOMY_COLUMNS`, a row for each feature in the order given.

    References
    ----------
    Edgar RC (2016) SINTAX, bioRxiv 074161, doi:10.1101/074161
    """
    records = list(sequences.items())
    chunks = [records[i : i + CHUNK] for i in range(0, len(records), CHUNK)]
    answers: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="sintax.") as name, ThreadPoolExecutor(max(1, threads)) as pool:

        def run_chunk(number: int) -> str:
            query, table = Path(name) / f"{number}.fasta", Path(name) / f"{number}.tsv"
            write_fasta(chunks[number], query)
            command: list[str | Path] = ["vsearch", "--sintax", query, "--db", reference]
            command += ["--tabbedout", table, "--notrunclabels"]
            command += ["--sintax_cutoff", "0", "--threads", "1", "--randseed", str(SEED)]
            run_tool(command, "classify_sintax")
            return table.read_text(encoding="utf-8")

        for table in pool.map(run_chunk, range(len(chunks))):
            answers |= {
                line.split("\t")[0]: line.split("\t")[1] for line in table.splitlines() if "\t" in line
            }
    rows = []
    for feature in sequences:
        names, confidence = parse_answer(answers.get(feature, ""), min_confidence)
        rows.append([feature, *names, confidence])
    return pd.DataFrame(rows, columns=TAXONOMY_COLUMNS)


def main(fasta: str, reference: str, output: str, min_confidence: float, threads: int) -> None:
    """Classify the variants of a FASTA file."""
    table = classify(dict(read_fasta(fasta)), reference, min_confidence, threads)
    named = (table["domain"] != "").sum()
    print(f"{named} of {len(table)} variants have a domain; {(table['genus'] != '').sum()} have a genus")
    if len(table) and not named:
        print("WARNING: nothing was classified: is taxonomy.reference of the same gene as the reads?")
    table.to_csv(output, sep="\t", index=False)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.fasta,
            snakemake.input.reference,
            snakemake.output[0],
            float(snakemake.params.min_confidence),
            snakemake.threads,
        ),
        snakemake.log[0],
    )

"""A small reference of genomes in PICRUSt2's layout, made up."""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping
from pathlib import Path

BASES = "ACGT"


def random_gene(rng: random.Random, length: int = 400) -> str:
    """A 16S gene of no organism."""
    return "".join(rng.choices(BASES, k=length))


def mutate(sequence: str, changes: int, rng: random.Random) -> str:
    """Change so many bases, each to another one, away from the ends."""
    letters = list(sequence)
    for place in rng.sample(range(10, len(sequence) - 10), changes):
        letters[place] = rng.choice([b for b in BASES if b != letters[place]])
    return "".join(letters)


def write_reference(
    folder: Path,
    genes: Mapping[str, str],
    copies: Mapping[str, int],
    kos: Mapping[str, Mapping[str, int]],
    table: str = "ko",
) -> Path:
    """Write FASTA (with gaps, as the alignments of PICRUSt2 have), 16S copies and gene counts."""
    (folder / "made_ref").mkdir(parents=True, exist_ok=True)
    with open(folder / "made_ref" / "made_ref.fna", "w") as handle:
        for genome, sequence in genes.items():
            handle.write(f">{genome}\n--{sequence[:50].lower()}-\n{sequence[50:]}..\n")
    with gzip.open(folder / "16S.txt.gz", "wt") as handle:
        handle.write("assembly\t16S_rRNA_Count\n")
        handle.writelines(f"{genome}\t{n}\n" for genome, n in copies.items())
    names = sorted({ko for counts in kos.values() for ko in counts})
    prefix = "ko:" if table == "ko" else "EC:"
    with gzip.open(folder / f"{table}.txt.gz", "wt") as handle:
        handle.write("assembly\t" + "\t".join(prefix + ko for ko in names) + "\n")
        for genome, counts in kos.items():
            handle.write(genome + "\t" + "\t".join(str(counts.get(ko, 0)) for ko in names) + "\n")
    return folder

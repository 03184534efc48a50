"""Small genomes made at random, with known species, and reads of them."""

import gzip
import random
from pathlib import Path

from vagus.resources.genome_sheet import Genome

LINEAGES = {
    "lacto": ("Bacteria", "Bacillota", "Bacilli", "Lactobacillales", "Lactobacillaceae", "Lactobacillus"),
    "bifido": ("Bacteria", "Actinomycetota", "", "", "Bifidobacteriaceae", "Bifidobacterium"),
}
SPECIES = {
    "g1": (*LINEAGES["lacto"], "Lactobacillus acidophilus"),
    "g2": (*LINEAGES["lacto"], "Lactobacillus gasseri"),
    "g3": (*LINEAGES["bifido"], "Bifidobacterium longum"),
}


def sequences(seed: int = 11, length: int = 24_000) -> dict[str, str]:
    """Genome -> sequence."""
    rng = random.Random(seed)
    return {name: "".join(rng.choices("ACGT", k=length)) for name in SPECIES}


def write_genomes(folder: Path, made: dict[str, str] | None = None) -> list[Genome]:
    """Write two contigs a genome; the second genome is gzipped."""
    folder.mkdir(parents=True, exist_ok=True)
    genomes = []
    for name, sequence in (made or sequences()).items():
        half = len(sequence) // 2
        text = f">c1 first\n{sequence[:half]}\n>c2\n{sequence[half:]}\n"
        path = folder / f"{name}.fna"
        if name == "g2":
            path = folder / f"{name}.fna.gz"
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
        genomes.append(Genome(name, path, SPECIES[name]))
    return genomes


def write_reads(path: Path, made: dict[str, str], each: int = 20, length: int = 150) -> dict[str, str]:
    """Write reads as FASTQ; return read -> genome."""
    rng = random.Random(5)
    truth = {}
    with path.open("w") as handle:
        for name, sequence in made.items():
            for i in range(each):
                at = rng.randrange(0, len(sequence) // 2 - length)
                truth[f"{name}_{i}"] = name
                handle.write(f"@{name}_{i}\n{sequence[at : at + length]}\n+\n{'I' * length}\n")
    return truth

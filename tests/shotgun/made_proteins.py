"""Made genomes with known KO copy numbers, their proteins and reads: the truth for function engines."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CODONS = {
    "A": "GCT GCC GCA GCG", "C": "TGT TGC", "D": "GAT GAC", "E": "GAA GAG", "F": "TTT TTC",
    "G": "GGT GGC GGA",
    "H": "CAT CAC", "I": "ATT ATC", "K": "AAA AAG", "L": "CTG TTA CTT", "M": "ATG", "N": "AAT AAC",
    "P": "CCT CCG",
    "Q": "CAA CAG", "R": "CGT CGC", "S": "TCT AGC", "T": "ACT ACC", "V": "GTT GTG", "W": "TGG",
    "Y": "TAT TAC",
}  # fmt: skip
_TURN = str.maketrans("ACGT", "TGCA")


@dataclass
class Gene:
    """A gene of a made genome; `kos` may be empty."""

    protein: str
    kos: tuple[str, ...]
    residues: str


@dataclass
class MadeGenome:
    """A made genome: DNA with its genes on both strands between spacers."""

    name: str
    species: str
    genes: list[Gene]
    dna: str


def make_genome(
    rng: np.random.Generator, name: str, species: str, copies: dict[str, int], plain: int = 20
) -> MadeGenome:
    """Make a genome with so many copies of each KO, and `plain` genes without one."""
    letters = list(CODONS)
    wanted = [(ko,) for ko, count in copies.items() for _ in range(count)] + [()] * plain
    genes, parts = [], []
    for i in rng.permutation(len(wanted)):
        residues = "M" + "".join(rng.choice(letters, int(rng.integers(80, 450))))
        genes.append(Gene(f"{name}_{i}", wanted[i], residues))
        dna = "".join(rng.choice(CODONS[r].split()) for r in residues) + "TAA"
        parts += [
            dna if rng.random() < 0.5 else reverse(dna),
            "".join(rng.choice(list("ACGT"), int(rng.integers(20, 150)))),
        ]
    return MadeGenome(name, species, genes, "".join(parts))


def reverse(dna: str) -> str:
    """Return the other strand."""
    return dna.translate(_TURN)[::-1]


def write_proteins(genomes: list[MadeGenome], path: Path) -> None:
    """Write `>id|K00001|Species` FASTA; a gene without KO is `>id||Species`."""
    with path.open("w") as handle:
        for genome in genomes:
            for gene in genome.genes:
                handle.write(f">{gene.protein}|{','.join(gene.kos)}|{genome.species}\n{gene.residues}\n")


def write_pairs(
    rng: np.random.Generator,
    depths: dict[str, float],
    genomes: list[MadeGenome],
    folder: Path,
    sample: str,
    length: int = 150,
) -> int:
    """Write `<sample>__r1_R1.fastq.gz` and its mates of circular genomes; return the pairs.

    Pairs start at even distances, so that a gene's depth differs from its genome's by little more than
    its ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    names = [folder / f"{sample}__r1_R{mate}.fastq.gz" for mate in (1, 2)]
    with (
        gzip.open(names[0], "wt", compresslevel=1) as first,
        gzip.open(names[1], "wt", compresslevel=1) as second,
    ):
        for genome in genomes:
            count = round(depths[genome.name] * len(genome.dna) / (2 * length))
            ring = genome.dna + genome.dna[:1000]
            for start in ((np.arange(count) + rng.random()) * len(genome.dna) / count).astype(int):
                size = int(rng.integers(2 * length, 500))
                piece = ring[start : start + size]
                piece = piece if rng.random() < 0.5 else reverse(piece)
                quality = "I" * length
                first.write(f"@p{total}/1\n{piece[:length]}\n+\n{quality}\n")
                second.write(f"@p{total}/2\n{reverse(piece)[:length]}\n+\n{quality}\n")
                total += 1
    return total


@dataclass
class Trial:
    """Two made species 2:1 at several depths.

    Parameters
    ----------
    proteins, clean
        Labelled FASTA, and the folder of the reads.
    truth
        KO -> copies per genome of the community; those of `by_species` add up to it.
    by_species
        (KO, species) -> copies per genome of the community.
    """

    proteins: Path
    clean: Path
    truth: dict[str, float]
    by_species: dict[tuple[str, str], float]


def make_trial(folder: Path, markers: list[str], depths: dict[str, float], seed: int = 3) -> Trial:
    """Write the trial; the sample `empty` has no reads."""
    rng = np.random.default_rng(seed)
    copies = {f"K9{i:04d}": 1 + i % 3 for i in range(40)}
    one = dict.fromkeys(markers, 1)
    first = make_genome(rng, "g1", "Made alpha", one | copies)
    second = make_genome(rng, "g2", "Made beta", one | dict.fromkeys(list(copies)[:20], 1))
    write_proteins([first, second], folder / "proteins.faa")
    for sample, depth in depths.items():
        write_pairs(rng, {"g1": 2 * depth / 3, "g2": depth / 3}, [first, second], folder / "clean", sample)
    for mate in (1, 2):
        (folder / "clean" / f"empty__r1_R{mate}.fastq.gz").write_bytes(gzip.compress(b""))
    by_species = {(ko, "Made alpha"): 2 * n / 3 for ko, n in copies.items()}
    by_species |= {(ko, "Made beta"): 1 / 3 for ko in list(copies)[:20]}
    truth = {ko: sum(v for (k, _), v in by_species.items() if k == ko) for ko in copies}
    return Trial(folder / "proteins.faa", folder / "clean", truth, by_species)


def read_kos(folder: Path, sample: str) -> dict[tuple[str, str], float]:
    """Read `<sample>.ko.tsv`."""
    lines = (folder / f"{sample}.ko.tsv").read_text().splitlines()[1:]
    return {(f, t): float(v) for f, t, v in (line.split("\t") for line in lines)}


def total_kos(values: dict[tuple[str, str], float]) -> dict[str, float]:
    """Sum over taxa."""
    totals: dict[str, float] = {}
    for (ko, _), value in values.items():
        totals[ko] = totals.get(ko, 0.0) + value
    return totals

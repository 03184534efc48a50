"""Simulated genomes with genes of known function: what the shotgun reads of the demo come from."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vagus.demo.sequence_library import BASES, COMPLEMENT, encode
from vagus.demo.settings import GenomeSpec, ShotgunSettings
from vagus.demo.templates import RANKS
from vagus.errors import VagusError

AMINO = "ACDEFGHIKLMNPQRSTVWY"
STREAM = 7  # generators of the shotgun half: [seed, STREAM, ...], so that the 16S half stays as it is
SHEET_COLUMNS = ["genome", "path", "proteins", *RANKS, "species", "strain"]
# The bacterial code (NCBI table 11), with A, C, G, T as 0-3 in the order of `BASES`.
_TCAG = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_ORDER = [2, 1, 3, 0]  # place of A, C, G, T in TCAG
CODE = "".join(
    _TCAG[16 * _ORDER[a] + 4 * _ORDER[b] + _ORDER[c]] for a in range(4) for b in range(4) for c in range(4)
)
STOP = encode("TAA")
_MOST = 6  # codons of an amino acid at most
_CODONS = np.zeros((len(AMINO), _MOST, 3), dtype=np.uint8)
_HAS = np.zeros((len(AMINO), _MOST), dtype=bool)
for _number, _letter in enumerate(CODE):
    if _letter != "*":
        _row = AMINO.index(_letter)
        _place = int(_HAS[_row].sum())
        _CODONS[_row, _place] = (_number // 16, _number // 4 % 4, _number % 4)
        _HAS[_row, _place] = True
_IS_GC = np.array([0, 1, 1, 0])


@dataclass(frozen=True)
class Gene:
    """One gene of a genome.

    Parameters
    ----------
    ko
        Its family.
    start, end
        Half-open interval on the forward strand, stop codon included.
    reverse
        Whether the reverse strand codes.
    """

    ko: str
    start: int
    end: int
    reverse: bool


@dataclass(frozen=True)
class Genome:
    """One simulated genome: its entry of the settings, lineage from domain to genus, codes 0-3, and genes."""

    spec: GenomeSpec
    lineage: tuple[str, ...]
    codes: np.ndarray
    genes: Sequence[Gene]

    def coding(self, gene: Gene) -> np.ndarray:
        """Return the coding strand of a gene, stop codon included."""
        piece = self.codes[gene.start : gene.end]
        return COMPLEMENT[piece[::-1]] if gene.reverse else piece

    def protein(self, gene: Gene) -> str:
        """Return the protein of a gene, without the stop."""
        return translate(self.coding(gene))[:-1]


def translate(codes: np.ndarray) -> str:
    """Translate whole codons, a stop as `*`."""
    triplets = codes.reshape(-1, 3).astype(int)
    return "".join(CODE[n] for n in triplets @ np.array([16, 4, 1]))


def amino_frequencies(settings: ShotgunSettings) -> np.ndarray:
    """Return the frequency of each amino acid of `AMINO`; sums to 1."""
    raw = np.array([float(settings.amino_acids[letter]) for letter in AMINO])
    return raw / raw.sum()


def codon_steps(frequencies: np.ndarray, gc: float) -> np.ndarray:
    """Find how often each codon is used so that genes have a GC content.

    Codons of one amino acid are weighted by exp(beta x their G and C), with the beta that gives `gc` on
    average or comes nearest to it.

    Parameters
    ----------
    frequencies
        Of the amino acids.
    gc
        Wanted share of G and C.

    Returns
    -------
    numpy.ndarray
        Cumulative use, amino acids x codons; a uniform number picks the codon.
    """
    content = _IS_GC[_CODONS].sum(axis=2)
    low, high = -5.0, 5.0
    for _ in range(40):
        beta = (low + high) / 2
        use = np.exp(beta * content) * _HAS
        use /= use.sum(axis=1, keepdims=True)
        if frequencies @ (use * content).sum(axis=1) / 3 < gc:
            low = beta
        else:
            high = beta
    return use.cumsum(axis=1)


def back_translate(protein: np.ndarray, uniform: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Write a protein (places in `AMINO`) as codons, each picked by a uniform number, and a stop codon."""
    place = (uniform[:, None] > steps[protein]).sum(axis=1)
    place = np.minimum(place, _HAS[protein].sum(axis=1) - 1)
    return np.concatenate([_CODONS[protein, place].reshape(-1), STOP])


def mutate(protein: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replace a share of the residues by another one; the first, methionine, stays."""
    hit = rng.random(len(protein)) < share
    hit[0] = False
    changed = protein.copy()
    changed[hit] = (changed[hit] + rng.integers(1, len(AMINO), int(hit.sum()))) % len(AMINO)
    return changed


def draw_families(settings: ShotgunSettings, seed: int) -> dict[str, tuple[np.ndarray, float]]:
    """Draw the library of protein families.

    Parameters
    ----------
    settings
        Lengths, divergence, and the KOs.
    seed
        Of the trial.

    Returns
    -------
    dict
        KO -> ancestor (places in `AMINO`), share of residues in which a genus differs from it.
    """
    rng = np.random.default_rng([seed, STREAM, 0])
    frequencies = amino_frequencies(settings)
    least, most = settings.genus_divergence
    families = {}
    for ko in settings.kos:
        shortest, longest = settings.marker_length if ko in settings.markers else settings.family_length
        protein = rng.choice(len(AMINO), int(rng.integers(shortest, longest + 1)), p=frequencies)
        protein[0] = AMINO.index("M")
        families[ko] = (protein, float(rng.uniform(least, most)))
    return families


def draw_content(settings: ShotgunSettings, seed: int) -> dict[str, list[str]]:
    """Draw which families each genus has.

    Parameters
    ----------
    settings
        Markers, housekeeping, modules, accessory families.
    seed
        Of the trial.

    Returns
    -------
    dict
        Genus -> KOs, each once in every genome of the genus. Every family is in some genome of the reference.

    Raises
    ------
    VagusError
        If a module names a genus without a genome.
    """
    genera = list(dict.fromkeys(g.genus for g in settings.genomes))
    known = [genus for genus in genera if any(g.reference and g.genus == genus for g in settings.genomes)]
    content = {genus: [*settings.markers, *settings.housekeeping] for genus in genera}
    for module in settings.modules:
        for genus in module["genera"]:
            if genus not in content:
                raise VagusError(
                    f"config/demo: module {module['kos'][0]} names genus {genus}, which has no genome; "
                    f"allowed: {', '.join(genera)}"
                )
            content[genus] += module["kos"]
    rng = np.random.default_rng([seed, STREAM, 1])
    for ko in settings.accessory:
        has = rng.random(len(genera)) < settings.accessory_share
        sure = int(rng.integers(len(known)))
        if not any(has[genera.index(genus)] for genus in known):
            has[genera.index(known[sure])] = True
        for genus, present in zip(genera, has, strict=True):
            if present:
                content[genus].append(ko)
    return content


def make_genomes(
    settings: ShotgunSettings, lineages: Mapping[str, tuple[str, ...]], seed: int
) -> list[Genome]:
    """Make every genome.

    Parameters
    ----------
    settings
        Lengths, GC, families.
    lineages
        Genus -> names from domain to genus.
    seed
        The same seed gives the same genomes.

    Returns
    -------
    list of Genome
        In the order of the settings.

    Raises
    ------
    VagusError
        If a genus has no lineage, or a genome is too short for its genes.
    """
    families, content = draw_families(settings, seed), draw_content(settings, seed)
    frequencies = amino_frequencies(settings)
    genera = list(content)
    made: dict[str, Genome] = {}
    for number, spec in enumerate(settings.genomes):
        if spec.genus not in lineages:
            raise VagusError(
                f"config/demo: genome {spec.id} is of genus {spec.genus}, which the 16S community does not "
                f"hold; allowed: {', '.join(sorted(lineages))}"
            )
        own = np.random.default_rng([seed, STREAM, 2, number])
        if spec.strain_of:
            made[spec.id] = _make_strain(made[spec.strain_of], spec, settings.strain_divergence, own)
            continue
        genus = np.random.default_rng([seed, STREAM, 3, genera.index(spec.genus)])
        steps = codon_steps(frequencies, spec.gc)
        coding = []
        for ko in content[spec.genus]:
            ancestor, divergence = families[ko]
            protein = mutate(mutate(ancestor, divergence, genus), settings.species_divergence, own)
            uniform = genus.random(len(protein))
            anew = own.random(len(protein)) < settings.species_synonymous
            uniform[anew] = own.random(int(anew.sum()))
            coding.append((ko, back_translate(protein, uniform, steps)))
        made[spec.id] = _assemble(spec, lineages[spec.genus], coding, own)
    return list(made.values())


def _assemble(
    spec: GenomeSpec,
    lineage: tuple[str, ...],
    coding: list[tuple[str, np.ndarray]],
    rng: np.random.Generator,
) -> Genome:
    """Lay genes in random order on either strand, with random bases between them."""
    free = spec.length - sum(len(codes) for _, codes in coding)
    if free < len(coding):
        raise VagusError(
            f"config/demo: genome {spec.id} of {spec.length} bases is too short for {len(coding)} genes; "
            f"allowed: at least {spec.length - free + len(coding)}"
        )
    gaps = rng.multinomial(free, np.full(len(coding) + 1, 1 / (len(coding) + 1)))
    codes = draw_bases(spec.length, spec.gc, rng)
    genes, here = [], 0
    for gap, place in zip(gaps, rng.permutation(len(coding)), strict=False):
        ko, gene = coding[place]
        start = here + int(gap)
        here = start + len(gene)
        reverse = bool(rng.random() < 0.5)
        codes[start:here] = COMPLEMENT[gene[::-1]] if reverse else gene
        genes.append(Gene(ko, start, here, reverse))
    return Genome(spec, lineage, codes, genes)


def _make_strain(parent: Genome, spec: GenomeSpec, divergence: float, rng: np.random.Generator) -> Genome:
    """Copy a genome with substitutions, none of which breaks a gene."""
    codes = parent.codes.copy()
    hit = rng.random(len(codes)) < divergence
    codes[hit] = (codes[hit] + rng.integers(1, 4, int(hit.sum()), dtype=np.uint8)) % 4
    strain = Genome(spec, parent.lineage, codes, parent.genes)
    for gene in parent.genes:
        protein = translate(strain.coding(gene))
        if protein[0] != "M" or protein.find("*") != len(protein) - 1:
            codes[gene.start : gene.end] = parent.codes[gene.start : gene.end]
    return strain


def draw_bases(length: int, gc: float, rng: np.random.Generator) -> np.ndarray:
    """Draw random bases of a GC content, as codes 0-3."""
    strong = rng.random(length) < gc
    return np.where(strong, rng.integers(1, 3, length), 3 * rng.integers(0, 2, length)).astype(np.uint8)


def format_fasta(name: str, codes: np.ndarray, width: int = 80) -> str:
    """Format one sequence of codes 0-3 as FASTA."""
    text = BASES[codes].tobytes().decode("ascii")
    lines = [text[i : i + width] for i in range(0, len(text), width)]
    return "\n".join([f">{name}", *lines]) + "\n"


def write_genome(genome: Genome, path: str | Path) -> None:
    """Write a genome as gzipped FASTA, one sequence; the same bytes every time."""
    name = f"{genome.spec.id}_1 {genome.spec.species} strain {genome.spec.strain} (simulated)"
    Path(path).write_bytes(gzip.compress(format_fasta(name, genome.codes).encode("ascii"), 6, mtime=0))


def write_reference_genomes(genomes: Sequence[Genome], folder: str | Path) -> pd.DataFrame:
    """Write the reference: `genomes/<id>.fna.gz`, `proteins/<id>.faa` and the sheet `genomes.tsv`.

    Parameters
    ----------
    genomes
        All; those with `reference: false` are left out.
    folder
        Folder to fill.

    Returns
    -------
    pandas.DataFrame
        The sheet; paths are relative to it. Headers of proteins are `{genome}_{n}|{KO}|{Species}`, the
        species as in the sheet.
    """
    folder = Path(folder)
    rows = []
    for name in ("genomes", "proteins"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for genome in genomes:
        spec = genome.spec
        if not spec.reference:
            continue
        paths = [f"genomes/{spec.id}.fna.gz", f"proteins/{spec.id}.faa"]
        write_genome(genome, folder / paths[0])
        records = [
            f">{spec.id}_{n}|{gene.ko}|{spec.species}\n{genome.protein(gene)}\n"
            for n, gene in enumerate(genome.genes, 1)
        ]
        (folder / paths[1]).write_text("".join(records), encoding="ascii")
        rows.append([spec.id, *paths, *genome.lineage, spec.species, spec.strain])
    sheet = pd.DataFrame(rows, columns=SHEET_COLUMNS)
    sheet.to_csv(folder / "genomes.tsv", sep="\t", index=False, lineterminator="\n")
    return sheet

"""Cases of the function engines: reads whose KOs, or gene families, and their depths are known."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.humann_steps import family_of
from benchmarks.shotgun_engines import COMPLEMENT, DATA, Case, add_errors, catalogues, write_reads

from vagus.demo.sequence_library import COMPLEMENT as COMPLEMENT_CODES
from vagus.demo.sequence_library import encode
from vagus.demo.shotgun_genomes import translate
from vagus.reads.fastq import open_bytes
from vagus.resources.fasta import read_fasta

_N5 = DATA / "instrain_N5_271" / "test" / "test_data"
_N5_GENES = "N5_271_010G1_scaffold_min1000.fa.genes"
_BIOSIFTR = DATA / "biosiftr_shotgun_function" / "tests"
_BIOSIFTR_TABLE = "reference_dbs/human-vaginal-v1-0/functional_profiles_DB/MGYG000303700_clstr.tsv"
READ = 100
READS = 100_000


def _n5_annotation() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the KO of each gene that has one, and all genes' proteins."""
    rows = (_N5 / f"{_N5_GENES}.faa.KOfam_anno.txt").read_text().split()[1:]
    proteins = [(h.split()[0], p.decode().rstrip("*")) for h, p in read_fasta(_N5 / f"{_N5_GENES}.faa")]
    return dict(row.split(",") for row in rows), proteins


def _write_proteins(case: Case, folder: Path, proteins: Iterable[tuple[str, str, str]]) -> None:
    """Write the reference of a case from protein, KOs (may be empty) and residues."""
    case.labels, case.proteins = str(folder / "labels.tsv"), str(folder / "proteins.faa")
    folder.mkdir(parents=True)
    with open(case.labels, "w") as table, open(case.proteins, "w") as fasta:
        table.write("protein\tko\ttaxon\n")
        for name, kos, residues in proteins:
            table.write(f"{name}\t{kos}\t\n")
            fasta.write(f">{name}\n{residues}\n")


def annotated_genes(folder: Path, deeper: int = 1) -> Case:
    """Reads of the genes that inStrain's authors annotated with KOfam, each gene at a depth of its own.

    Every second KO's genes and all genes without KO are sequenced, with 1 % errors; the
    other KOs must not appear.
    """
    kos, proteins = _n5_annotation()
    sequenced = set(sorted(set(kos.values()))[::2])
    case = Case(f"instrain_N5_271, KOfam, {deeper} x", folder / "clean")
    _write_proteins(case, folder, ((gene, kos.get(gene, ""), p) for gene, p in proteins))
    rng, reads = np.random.default_rng(1), []
    for header, dna in read_fasta(_N5 / f"{_N5_GENES}.fna"):
        gene = header.split()[0]
        ko = kos.get(gene, "")
        if len(dna) < 150 or (ko and ko not in sequenced):
            continue
        text = dna.upper().decode()
        count = max(1, round(deeper * float(rng.lognormal(1.5, 0.8)) * len(text) / 150))
        for start in rng.integers(0, len(text) - 149, count).tolist():
            read = add_errors(add_errors(text[start : start + 150], rng), rng)
            reads.append(read if rng.random() < 0.5 else read.translate(COMPLEMENT)[::-1])
        if ko:
            case.depths[ko] = case.depths.get(ko, 0.0) + count * 150 / len(text)
    write_reads(case.clean, [reads])
    return case


@dataclass(frozen=True)
class Placed:
    """Pairs of wgsim with the places that their names tell.

    Parameters
    ----------
    contigs, starts, ends
        Of each pair's fragment, half-open from 0.
    mates
        Codes 0-3 of both mates, each pairs x read length.
    texts
        The same as text.
    """

    contigs: list[str]
    starts: np.ndarray
    ends: np.ndarray
    mates: tuple[np.ndarray, np.ndarray]
    texts: tuple[list[str], list[str]]

    def spans(self, pair: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return what the two mates cover, half-open; which of them is which does not matter."""
        start, end, size = int(self.starts[pair]), int(self.ends[pair]), self.mates[0].shape[1]
        return (start, start + size), (end - size, end)


@dataclass(frozen=True)
class Rebuilt:
    """A contig by the majority of its reads.

    Parameters
    ----------
    codes
        Codes 0-3.
    depth
        Reads over each base; 0 where `codes` tells nothing.
    """

    codes: np.ndarray
    depth: np.ndarray


def read_placed(first: Path, second: Path) -> Placed:
    """Read pairs that wgsim named `contig_start_end_...`, from 1 and closed."""
    names: list[list[str]] = []
    texts: tuple[list[str], list[str]] = ([], [])
    for path, mate in zip((first, second), texts, strict=True):
        with open_bytes(path) as handle:
            lines = handle.read().decode().splitlines()
        names.append([head[1:].rpartition("/")[0] for head in lines[::4]])
        mate += lines[1::4]
    if names[0] != names[1]:
        raise ValueError(f"{first}, {second}: the mates have other names")
    places = [name.rsplit("_", 5)[:3] for name in names[0]]
    return Placed(
        [contig for contig, _, _ in places],
        np.array([int(start) - 1 for _, start, _ in places]),
        np.array([int(end) for _, _, end in places]),
        (np.array([encode(t) for t in texts[0]]), np.array([encode(t) for t in texts[1]])),
        texts,
    )


def rebuild(placed: Placed) -> dict[str, Rebuilt]:
    """Rebuild the contigs by majority.

    wgsim swaps the mates of half of the pairs. Both ways are counted first: a mate at a wrong place agrees
    with nothing, so the majority is right already; then each pair is placed the way that fits it better.
    """
    contigs = np.array(placed.contigs)
    size = placed.mates[0].shape[1]
    offsets = np.arange(size)
    found: dict[str, Rebuilt] = {}
    for contig in sorted(set(placed.contigs)):
        chosen = contigs == contig
        left, right = placed.starts[chosen, None] + offsets, placed.ends[chosen, None] - size + offsets
        ways = []
        for ahead, back in ((0, 1), (1, 0)):
            forward, reverse = placed.mates[ahead][chosen], placed.mates[back][chosen]
            ways.append((forward, COMPLEMENT_CODES[reverse[:, ::-1]]))
        votes = np.zeros((int(placed.ends[chosen].max()), 4), np.int64)
        for forward, reverse in ways:
            np.add.at(votes, (left, forward), 1)
            np.add.at(votes, (right, reverse), 1)
        fits = [votes[left, f].sum(1) + votes[right, r].sum(1) for f, r in ways]
        swapped = (fits[1] > fits[0])[:, None]
        votes[:] = 0
        np.add.at(votes, (left, np.where(swapped, ways[1][0], ways[0][0])), 1)
        np.add.at(votes, (right, np.where(swapped, ways[1][1], ways[0][1])), 1)
        found[contig] = Rebuilt(votes.argmax(1), votes.sum(1))
    return found


@dataclass(frozen=True)
class TableGene:
    """A gene of the table: its place, half-open from 0, whether the reverse strand codes, and its KOs."""

    name: str
    contig: str
    start: int
    end: int
    reverse: bool
    kos: tuple[str, ...]

    def protein(self, contig: Rebuilt) -> str:
        """Translate; X where a base has no read, and for a stop inside."""
        codes, known = contig.codes[self.start : self.end], contig.depth[self.start : self.end] > 0
        if self.reverse:
            codes, known = COMPLEMENT_CODES[codes[::-1]], known[::-1]
        residues = translate(codes)
        whole = known.reshape(-1, 3).all(1)
        text = "".join(r if ok else "X" for r, ok in zip(residues, whole, strict=True))
        return text.removesuffix("*").replace("*", "X")


def table_genes() -> list[TableGene]:
    """Read the table of genes of biosiftr; a cell may hold several KOs."""
    with (_BIOSIFTR / _BIOSIFTR_TABLE).open(encoding="utf-8") as handle:
        next(handle)
        return [
            TableGene(
                row["gene_id"], row["#contig"], int(row["start"]) - 1, int(row["end"]), row["strand"] == "-1",
                () if row["kegg"] == "-" else tuple(row["kegg"].split(",")),
            )
            for row in csv.DictReader(handle, delimiter="\t")
        ]  # fmt: skip


def table_of_one_genome(folder: Path, leave_out: bool = False) -> Case:
    """Pairs of one genome of MGnify, with the KOs that MGnify's table gives its genes.

    No contigs are given, so the genome is rebuilt from the very reads at the places that their names tell,
    and its genes are cut out by the table. The proteins of `annotated_genes` are decoys beside them. With
    `leave_out` no read over a gene of every second KO is given.

    Parameters
    ----------
    folder
        Of the case.
    leave_out
        See above.
    """
    placed = read_placed(*(_BIOSIFTR / "data" / f"reads_MGYG000303700_{i}.fastq.gz" for i in (1, 2)))
    rebuilt = rebuild(placed)
    genes = table_genes()
    here = [g for g in genes if g.contig in rebuilt and g.end <= len(rebuilt[g.contig].codes)]
    name = "biosiftr_shotgun_function" + (", every second KO without reads" if leave_out else "")
    case = Case(name, folder / "clean", listed=frozenset(ko for g in genes for ko in g.kos))
    kos, proteins = _n5_annotation()
    made = [(g.name, ",".join(g.kos), g.protein(rebuilt[g.contig])) for g in here]
    _write_proteins(case, folder, [*made, *((n, kos[n], p) for n, p in proteins if n in kos)])
    names = sorted({ko for g in here for ko in g.kos})
    hidden = set(names[1::2]) if leave_out else set()
    closed = {contig: np.zeros(len(r.codes), bool) for contig, r in rebuilt.items()}
    for gene in here:
        if hidden & set(gene.kos):
            closed[gene.contig][gene.start : gene.end] = True
    bases = {contig: np.zeros(len(r.codes), np.int64) for contig, r in rebuilt.items()}
    kept = []
    for pair, contig in enumerate(placed.contigs):
        spans = placed.spans(pair)
        if any(closed[contig][start:end].any() for start, end in spans):
            continue
        kept.append(pair)
        for start, end in spans:
            bases[contig][start:end] += 1
    for gene in here:
        depth = float(bases[gene.contig][gene.start : gene.end].mean())
        for ko in gene.kos if depth > 0 else ():
            case.depths[ko] = case.depths.get(ko, 0.0) + depth
    covered = np.concatenate([r.depth for r in rebuilt.values()]) > 0
    case.rebuilt = float(covered.mean())
    write_reads(case.clean, [[mate[pair] for pair in kept] for mate in placed.texts])
    return case


def _catalogue_genes(case: Case) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, species, UniRef90 family and DNA of the catalogues' genes."""
    number = 0
    for genome in case.genomes:
        for header, dna in read_fasta(genome.path):
            number += 1
            yield f"g{number}", *family_of(header), dna.upper().decode()


def _two_species(case: Case, folder: Path) -> list[tuple[str, str, str, str]]:
    """Write the translated catalogues with stand-ins for the families; return the genes."""
    source = DATA / "humann_demo_2016"
    case.genomes = catalogues(source)
    genes = list(_catalogue_genes(case))
    known = sorted({family for _, _, family, _ in genes if not family.endswith("unknown")})
    case.families = {family: f"K{number:05d}" for number, family in enumerate(known)}
    case.listed = frozenset(case.families.values())
    _write_proteins(
        case, folder, ((name, case.families.get(family, ""), _protein(dna)) for name, _, family, dna in genes)
    )
    return genes


def _protein(dna: str) -> str:
    residues = translate(encode(dna[: len(dna) // 3 * 3]))
    return residues.removesuffix("*").replace("*", "X")


def two_species(folder: Path) -> Case:
    """Reads of 100 bases from the genes of two Bacteroides, half of the families at depths of their own.

    Depths are lognormal (sigma 1) and scaled to about `READS` reads; all genes of a family have its depth.
    The truth is what was drawn: read starts x `READ` / gene length, summed over the genes of a family.
    """
    case = Case(f"two Bacteroides, {READS // 1000},000 reads", folder / "clean")
    genes = _two_species(case, folder)
    rng = np.random.default_rng(7)
    drawn = {f: float(rng.lognormal(0, 1)) * (i % 2) for i, f in enumerate(rng.permutation([*case.families]))}
    long = [(f, dna) for _, _, f, dna in genes if len(dna) >= READ and drawn.get(f, 0) > 0]
    scale = READS * READ / sum(drawn[family] * len(dna) for family, dna in long)
    reads: list[str] = []
    for family, dna in long:
        count = int(rng.poisson(scale * drawn[family] * len(dna) / READ))
        for start in rng.integers(0, len(dna) - READ + 1, count).tolist():
            read = add_errors(dna[start : start + READ], rng)
            reads.append(read if rng.random() < 0.5 else read.translate(COMPLEMENT)[::-1])
        if count:
            ko = case.families[family]
            case.depths[ko] = case.depths.get(ko, 0.0) + count * READ / len(dna)
    order = rng.permutation(len(reads))
    write_reads(case.clean, [[reads[i] for i in order]])
    return case


def two_species_demo(folder: Path) -> Case:
    """The 21,000 reads that HUMAnN's authors made, for the cost alone."""
    case = Case("humann_demo_2016, 21,000 reads", folder / "clean")
    _two_species(case, folder)
    fasta = DATA / "humann_demo_2016" / "examples" / "demo.fasta"
    write_reads(case.clean, [[dna.decode() for _, dna in read_fasta(fasta)]])
    return case

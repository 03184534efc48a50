"""Shotgun read pairs of the simulated trial, and the truth that their analysis has to find."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from vagus.demo.community import (
    TRUTH_COLUMNS,
    TRUTH_PEOPLE,
    VISITS,
    Cohort,
    apply_effect,
    centred_log2,
    close,
    draw_log_abundances,
    sum_features,
    truth_rows,
)
from vagus.demo.sequence_library import COMPLEMENT, Pairs, add_errors, draw_quality, encode, write_fastq
from vagus.demo.settings import Settings, ShotgunSettings
from vagus.demo.shotgun_genomes import (
    STREAM,
    Genome,
    draw_bases,
    format_fasta,
    make_genomes,
    write_genome,
    write_reference_genomes,
)
from vagus.demo.templates import Template
from vagus.errors import VagusError

HOST, PHIX = "host", "phix"
SHOTGUN_TRUTH_COLUMNS = ["sample", "kind", "species", "share", "pairs"]
_POLY_G = 2  # what a two-colour sequencer reads past the end of a molecule


@dataclass(frozen=True)
class Sources:
    """All sequences that reads come from, end to end.

    Parameters
    ----------
    codes
        Bases 0-3 of every source.
    starts, lengths
        Where each source lies: the genomes in their order, then the host, then PhiX.
    """

    codes: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class ShotgunLibrary:
    """One library to sequence: its place in the trial, the genome copies of each genome, its read pairs."""

    sample: str
    participant: str
    visit: str
    shares: np.ndarray
    pairs: int


def join_sources(sequences: Sequence[np.ndarray]) -> Sources:
    """Lay sequences end to end."""
    lengths = np.array([len(s) for s in sequences])
    return Sources(np.concatenate(sequences), np.concatenate([[0], lengths.cumsum()[:-1]]), lengths)


def spread_genera(shotgun: ShotgunSettings, genera: Sequence[str], shares: np.ndarray) -> np.ndarray:
    """Turn the 16S community into genome copies: each genus's share, split among its genomes.

    Parameters
    ----------
    shotgun
        The genomes and their part of their genus.
    genera
        Genus of each template.
    shares
        ... x templates.

    Returns
    -------
    numpy.ndarray
        ... x genomes; genera without a genome are left out and the rest sums to 1.

    Raises
    ------
    VagusError
        If a genome's genus is not in the community.
    """
    names, sums = sum_features(shares, genera)
    for genome in shotgun.genomes:
        if genome.genus not in names:
            raise VagusError(
                f"config/demo: genome {genome.id} is of genus {genome.genus}, which the 16S community does "
                "not hold"
            )
    parts = np.array([genome.part for genome in shotgun.genomes])
    copies = sums[..., [names.index(genome.genus) for genome in shotgun.genomes]] * parts
    return copies / copies.sum(axis=-1, keepdims=True)


def plan_shotgun(
    shotgun: ShotgunSettings, cohort: Cohort, genera: Sequence[str], rng: np.random.Generator
) -> list[ShotgunLibrary]:
    """Plan the libraries: both visits of the first participants of each arm who stayed.

    Parameters
    ----------
    shotgun
        How many participants, and the depth.
    cohort
        The people of the 16S trial.
    genera
        Genus of each template.
    rng
        Source of randomness.

    Returns
    -------
    list of ShotgunLibrary
        In the order of the participants' sheet; fewer where an arm is smaller.
    """
    people = cohort.participants
    stayed = people[~people["participant"].isin(cohort.left_early)]
    chosen = stayed.groupby("arm").head(shotgun.participants_per_arm_shotgun)
    copies = spread_genera(shotgun, genera, cohort.shares)
    libraries = []
    for i, name in zip(chosen.index, chosen["participant"], strict=True):
        for v, visit in enumerate(VISITS):
            pairs = max(50, int(shotgun.pairs * np.exp(rng.normal(0, shotgun.pairs_sd))))
            sample = f"{name}_{visit}_{shotgun.suffix}"
            libraries.append(ShotgunLibrary(sample, name, visit, copies[i, v], pairs))
    return libraries


def draw_sources(
    shotgun: ShotgunSettings, shares: np.ndarray, lengths: np.ndarray, pairs: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw how many pairs come from each source.

    Parameters
    ----------
    shotgun
        Shares of host and PhiX.
    shares
        Genome copies of each genome.
    lengths
        Of the genomes: a longer genome gives more reads.
    pairs
        Read pairs of the library.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        Pairs of each genome, the host and PhiX; sums to `pairs`.
    """
    weights = shares * lengths
    weights = (1 - shotgun.host_share - shotgun.phix_share) * weights / weights.sum()
    return rng.multinomial(pairs, [*weights, shotgun.host_share, shotgun.phix_share])


def sequence_shotgun(
    settings: Settings,
    shotgun: ShotgunSettings,
    sources: Sources,
    counts: np.ndarray,
    rng: np.random.Generator,
) -> Pairs:
    """Sequence one library.

    Parameters
    ----------
    settings
        Of the 16S half, whose model of Phred scores is used.
    shotgun
        Read length, inserts, adapters, quality.
    sources
        From `join_sources`.
    counts
        Pairs of each source.
    rng
        Source of randomness.

    Returns
    -------
    Pairs
        In random order; a read longer than its fragment goes on with the adapter and then with G.
    """
    source = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    reads, length = len(source), shotgun.read_length
    insert = np.rint(rng.normal(shotgun.insert_mean, shotgun.insert_sd, reads)).astype(int)
    insert = np.clip(insert, length, int(sources.lengths.min()))
    short = rng.random(reads) < shotgun.short_insert_share
    insert[short] = rng.integers(shotgun.short_insert_min, length, int(short.sum()))
    left = sources.starts[source] + (rng.random(reads) * (sources.lengths[source] - insert + 1)).astype(int)
    right = left + insert - 1
    flipped = rng.random(reads) < 0.5
    step = np.arange(length)
    inside = step < insert[:, None]
    # What lies past the fragment is read from its other end and then overwritten by the adapter.
    reach = np.where(inside, step, 0)
    from_left = sources.codes[left[:, None] + reach]
    from_right = COMPLEMENT[sources.codes[right[:, None] - reach]]
    forward = np.where(flipped[:, None], from_right, from_left)
    reverse = np.where(flipped[:, None], from_left, from_right)
    _read_adapter(forward, insert, shotgun.adapter_forward)
    _read_adapter(reverse, insert, shotgun.adapter_reverse)
    noise = replace(
        settings, quality_sd_read=shotgun.quality_sd_read, quality_sd_base=shotgun.quality_sd_base
    )
    quality_forward = draw_quality(shotgun.quality_forward, noise, forward.shape, rng)
    quality_reverse = draw_quality(shotgun.quality_reverse, noise, reverse.shape, rng)
    return Pairs(
        add_errors(forward, quality_forward, rng),
        add_errors(reverse, quality_reverse, rng),
        quality_forward,
        quality_reverse,
    )


def _read_adapter(reads: np.ndarray, insert: np.ndarray, adapter: str) -> None:
    """Overwrite, in place, what lies past the end of the fragment."""
    length = reads.shape[1]
    tail = np.full(length, _POLY_G, dtype=np.uint8)
    tail[: min(length, len(adapter))] = encode(adapter)[:length]
    for row in np.flatnonzero(insert < length):
        reads[row, insert[row] :] = tail[: length - insert[row]]


def presence(genomes: Sequence[Genome], kos: Sequence[str]) -> np.ndarray:
    """Count each family in each genome, genomes x KOs."""
    counts = np.zeros((len(genomes), len(kos)))
    for row, genome in enumerate(genomes):
        for gene in genome.genes:
            counts[row, kos.index(gene.ko)] += 1
    return counts


def compute_shotgun_effects(
    settings: Settings,
    shotgun: ShotgunSettings,
    templates: Sequence[Template],
    genomes: Sequence[Genome],
    seed: int,
) -> pd.DataFrame:
    """Compute what a perfect shotgun analysis would report, on the people of `compute_truth`.

    Species are those of the reference (an organism outside it is nobody's feature), in genome copies; the
    ratio of two species' reads is that of their copies times a constant, which the difference between arms
    does not see. KOs are copies per genome over everything that lives in the stool, the organism outside the
    reference included.

    Parameters
    ----------
    settings
        Effects and spread.
    shotgun
        The genomes.
    templates
        The 16S community, in the order of `settings.templates`.
    genomes
        From `make_genomes`.
    seed
        Seed of the draw of people.

    Returns
    -------
    pandas.DataFrame
        Rows of `TRUTH_COLUMNS` for the profiles `shotgun.species` and `shotgun.ko`.
    """
    rng = np.random.default_rng([seed, 2])
    genera = [t.rank("genus") for t in templates]
    target = np.array([g == settings.target_genus for g in genera])
    drawn = draw_log_abundances(settings, genera, TRUTH_PEOPLE, rng)
    everyone = np.ones(TRUTH_PEOPLE, dtype=bool)
    treated = apply_effect(drawn, everyone, target, settings.fold_change)
    without, under = (spread_genera(shotgun, genera, close(x)[:, -1]) for x in (drawn, treated))
    known = [i for i, g in enumerate(shotgun.genomes) if g.reference]
    labels = [shotgun.genomes[i].species for i in known]
    species, before = sum_features(without[:, known], labels)
    _, after = sum_features(under[:, known], labels)
    copies = presence(genomes, shotgun.kos)
    tables = [
        ("shotgun.species", species, before, after),
        ("shotgun.ko", shotgun.kos, without @ copies, under @ copies),
    ]
    contrast = f"{settings.arms['active']} vs {settings.arms['reference']}"
    rows: list[list[object]] = []
    for profile, names, low, high in tables:
        shift = (centred_log2(high) - centred_log2(low)).mean(axis=0)
        order = sorted(range(len(names)), key=lambda i: names[i])
        rows += truth_rows(profile, [names[i] for i in order], shift[order], contrast)
    return pd.DataFrame(rows, columns=TRUTH_COLUMNS)


def _describe(library: ShotgunLibrary, shotgun: ShotgunSettings, counts: np.ndarray) -> list[list[object]]:
    """Return the rows of one library in `shotgun_truth.tsv`: strains of a species added up."""
    species = list(dict.fromkeys(g.species for g in shotgun.genomes))
    kinds = {g.species: "reference" if g.reference else "out_of_reference" for g in shotgun.genomes}
    rows: list[list[object]] = []
    for name in species:
        mine = np.array([g.species == name for g in shotgun.genomes])
        share = float(library.shares[mine].sum())
        pairs = int(counts[: len(mine)][mine].sum())
        rows.append([library.sample, kinds[name], name, f"{share:.6f}", pairs])
    for place, name in ((-2, HOST), (-1, PHIX)):
        rows.append([library.sample, name, name, "", int(counts[place])])
    return rows


def simulate_shotgun(
    folder: str | Path,
    settings: Settings,
    shotgun: ShotgunSettings,
    cohort: Cohort,
    templates: Sequence[Template],
    phix: str,
    seed: int,
    dna_conc: Mapping[tuple[str, str], str],
) -> tuple[list[list[str]], pd.DataFrame]:
    """Simulate the shotgun half and write its files.

    Parameters
    ----------
    folder
        Folder of the trial, with `reads` in it.
    settings, shotgun
        Of the two halves.
    cohort
        The people of the 16S half.
    templates
        The 16S community, in the order of `settings.templates`.
    phix
        The PhiX genome.
    seed
        The same seed gives the same bytes.
    dna_conc
        (participant, visit) -> concentration of the extract, which both assays share.

    Returns
    -------
    tuple
        Rows for the sample sheet, and rows for `truth.tsv`.
    """
    folder = Path(folder)
    lineages = {t.rank("genus"): t.lineage for t in templates}
    genomes = make_genomes(shotgun, lineages, seed)
    write_reference_genomes(genomes, folder)
    for genome in genomes:
        if not genome.spec.reference:
            write_genome(genome, folder / f"out_of_reference_{genome.spec.id}.fna.gz")
    host = draw_bases(shotgun.host_length, shotgun.host_gc, np.random.default_rng([seed, STREAM, 4]))
    fasta = format_fasta("host_1 (simulated)", host).encode("ascii")
    (folder / "host.fna.gz").write_bytes(gzip.compress(fasta, 6, mtime=0))
    sources = join_sources([*(g.codes for g in genomes), host, encode(phix)])
    genera = [t.rank("genus") for t in templates]
    rows: list[list[str]] = []
    truth: list[list[object]] = []
    for number, library in enumerate(
        plan_shotgun(shotgun, cohort, genera, np.random.default_rng([seed, STREAM, 5]))
    ):
        own = np.random.default_rng([seed, STREAM, 6, number])
        counts = draw_sources(shotgun, library.shares, sources.lengths[: len(genomes)], library.pairs, own)
        pairs = sequence_shotgun(settings, shotgun, sources, counts, own)
        names = [f"reads/{library.sample}_R{mate}.fastq.gz" for mate in (1, 2)]
        write_fastq(pairs.forward, pairs.quality_forward, shotgun.run, 1, folder / names[0])
        write_fastq(pairs.reverse, pairs.quality_reverse, shotgun.run, 2, folder / names[1])
        conc = dna_conc[library.participant, library.visit]
        kind = [library.participant, library.visit, "shotgun", "stool", shotgun.run]
        rows.append([library.sample, *kind, *names, conc, ""])
        truth += _describe(library, shotgun, counts)
    table = pd.DataFrame(truth, columns=SHOTGUN_TRUTH_COLUMNS)
    table.to_csv(folder / "shotgun_truth.tsv", sep="\t", index=False, lineterminator="\n")
    return rows, compute_shotgun_effects(settings, shotgun, templates, genomes, seed)

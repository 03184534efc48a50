"""Run a shotgun engine on a case, and score its table against the truth."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import function_cases, humann_steps
from benchmarks import shotgun_engines as engines
from benchmarks.shotgun_engines import Case, Cost
from scipy.stats import spearmanr

from vagus.reads.fastq import count_reads
from vagus.shotgun.tables import FUNCTION_COLUMNS, TAXON_COLUMNS, UNCLASSIFIED, read_rows, read_stats

TAXONOMY, FUNCTION = ("sourmash", "kraken2", "bowtie2"), ("sketch", "diamond")
HUMANN, GUT = "humann_demo_2016", "gut_pangenomes_11sp"
OUTSIDER = "Faecalibacterium prausnitzii"
ALONE = f"{GUT}, only {OUTSIDER}"
NEITHER = f"{HUMANN}, only unclassified"
EMPTY = "no reads"
DEEP = "instrain_N5_271, KOfam, 20 x"
ONE_GENOME = "biosiftr_shotgun_function"
HALF = ", every second KO without reads"
TWO_SPECIES = f"two Bacteroides, {function_cases.READS // 1000},000 reads"
DEMO_READS = "humann_demo_2016, 21,000 reads"
WAYS = tuple(humann_steps.WAYS)
LEAST_RATIO = 10
# What the issue asks of a read-level engine.
TRUE_SHARES = {"Bacteroides dorei": 0.5424, "Bacteroides vulgatus": 0.4576}
POINT = 0.01
# A species below this share of the reads is not counted as found.
LEAST_SHARE = 0.001
MOST_BRAY_CURTIS = 0.05


@dataclass(frozen=True)
class TaxaScore:
    """How a profile agrees with the truth.

    Parameters
    ----------
    expected, found
        Species of the truth, and those of them that are reported at `LEAST_SHARE` of the reads or more.
    false
        Reported species at that share or more that are not in the reads.
    bray_curtis
        Between the shares among reads with a species, and the true ones.
    unclassified, above_species, outside
        Share of the reads without any name, with a name above the species only, and the true share of
        organisms the reference does not hold.
    shares
        Species -> share of the reads with a species.
    """

    expected: int
    found: int
    false: int
    bray_curtis: float
    unclassified: float
    above_species: float
    outside: float
    shares: dict[str, float]


@dataclass(frozen=True)
class FunctionScore:
    """Recall and precision of KOs, and Spearman's correlation of their depths.

    Parameters
    ----------
    recall
        Of the KOs with reads.
    listed
        Recall of all KOs that the data's table lists; NaN without a table.
    precision
        Of the KOs that are reported.
    spearman
        Over the KOs with reads or reported; one that is not there has depth 0.
    """

    recall: float
    listed: float
    precision: float
    spearman: float


@dataclass
class Figures:
    """What was measured; keys are (engine, case)."""

    reads: dict[str, int] = field(default_factory=dict)
    build: dict[tuple[str, str], Cost] = field(default_factory=dict)
    run: dict[tuple[str, str], Cost] = field(default_factory=dict)
    taxa: dict[tuple[str, str], TaxaScore] = field(default_factory=dict)
    function: dict[tuple[str, str], FunctionScore] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    references: dict[str, Cost] = field(default_factory=dict)
    loosest: float = 0.0
    rebuilt: float = 0.0


def score_taxa(folder: Path, case: Case) -> TaxaScore:
    """Compare the table of a taxonomy engine with the truth."""
    rows = read_rows(folder / "out" / f"{engines.SAMPLE}.taxa.tsv", TAXON_COLUMNS)
    total = sum(float(value) for _, value in rows)
    species: dict[str, float] = {}
    unnamed = 0.0
    for lineage, value in rows:
        if lineage == UNCLASSIFIED:
            unnamed += float(value) / total
        elif lineage.rpartition(";")[2]:
            name = lineage.rpartition(";")[2]
            species[name] = species.get(name, 0.0) + float(value) / total
    named = sum(species.values())
    shares = {name: value / named for name, value in species.items()}
    inside = sum(case.truth.values())
    truth = {name: reads / inside for name, reads in case.truth.items()}
    called = {name for name, value in species.items() if value >= LEAST_SHARE}
    distance = sum(abs(shares.get(n, 0.0) - truth.get(n, 0.0)) for n in shares.keys() | truth.keys()) / 2
    return TaxaScore(
        expected=len(truth),
        found=len(called & truth.keys()),
        false=len(called - truth.keys()),
        bray_curtis=distance,
        unclassified=unnamed,
        above_species=max(0.0, 1 - unnamed - named) if total else 0.0,
        outside=case.outside / (case.outside + inside),
        shares=shares,
    )


def score_function(folder: Path, case: Case) -> FunctionScore:
    """Compare the table of a function engine with the truth."""
    values: dict[str, float] = {}
    if (folder / "out" / f"{engines.SAMPLE}_genefamilies.tsv").exists():
        families = humann_steps.read_families(folder)
        values = {case.families[f]: v for f, v in families.items() if f in case.families}
    else:
        for ko, _, value in read_rows(folder / "out" / f"{engines.SAMPLE}.ko.tsv", FUNCTION_COLUMNS):
            values[ko] = values.get(ko, 0.0) + float(value)
    values = {k: v for k, v in values.items() if k.startswith("K") and v > 0}
    union = sorted(values.keys() | case.depths.keys())
    rho = spearmanr([values.get(k, 0.0) for k in union], [case.depths.get(k, 0.0) for k in union]).statistic
    both = len(values.keys() & case.depths.keys())
    listed = len(values.keys() & case.listed) / len(case.listed) if case.listed else float("nan")
    return FunctionScore(both / len(case.depths), listed, both / max(1, len(values)), float(rho))


def run_engine(figures: Figures, engine: str, case: Case, folder: Path) -> None:
    # Cases with the same reference share it. No comma in the path: bowtie2-build splits at it.
    key = f"{engine}{[g.genome for g in case.genomes]}{case.proteins}"
    place = folder / engine.replace(", ", "_").replace(" ", "_") / f"{zlib.crc32(key.encode()):08x}"
    figures.reads[case.name] = count_reads(case.clean / f"{engines.SAMPLE}__run_R1.fastq.gz")
    if key not in figures.references:
        figures.references[key] = engines.measure(engine, "build", case, place)
    figures.build[engine, case.name] = figures.references[key]
    figures.run[engine, case.name] = engines.measure(engine, "run", case, place)
    if not engine.startswith("humann"):
        figures.versions[engine] = str(read_stats(place / "out", engines.SAMPLE)["version"])
    if EMPTY in case.name or not (case.truth or case.outside or case.depths):
        return
    if engine in TAXONOMY and (case.truth or case.outside):
        figures.taxa[engine, case.name] = score_taxa(place, case)
    elif engine not in TAXONOMY:
        figures.function[engine, case.name] = score_function(place, case)


def demo_ratio(figures: Figures, way: str, road: tuple[str, str]) -> float:
    """CPU of HUMAnN over that of a road of ours, on the reads of its own demo."""
    return figures.run[way, DEMO_READS].cpu / sum(figures.run[engine, DEMO_READS].cpu for engine in road)


def against_humann(figures: Figures, way: str, road: tuple[str, str]) -> tuple[float, float, float]:
    """Return how many times less CPU a road of ours takes, and both correlations to the truth."""
    ours = sum(figures.run[engine, TWO_SPECIES].cpu for engine in road)
    spearman = [figures.function[engine, TWO_SPECIES].spearman for engine in (road[1], way)]
    return figures.run[way, TWO_SPECIES].cpu / ours, spearman[0], spearman[1]

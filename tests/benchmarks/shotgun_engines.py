"""Every shotgun engine on the same reads: cases with a known truth, and what a step costs."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from vagus.reads.fastq import open_bytes
from vagus.resources.fasta import read_fasta
from vagus.resources.genome_sheet import Genome, lineage_of

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MARKERS = str(ROOT / "resources" / "single_copy_markers.tsv")
SAMPLE = "s"
ERRORS = 0.005
THREADS = 1
# A forked process starts with the peak memory of the one that forked it; this one is small.
LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


@dataclass
class Case:
    """Reads of one sample, what they hold, and what the reference holds.

    Parameters
    ----------
    name, clean
        Of the case, and its folder of reads.
    genomes
        Of the reference.
    truth
        Species of the reference -> reads (pairs count once).
    outside
        Reads of organisms that the reference does not hold.
    labels, proteins, depths
        For functions: table and FASTA of the proteins, and KO -> depth at which its genes were sequenced.
    listed
        KOs that the data's own table has, with or without reads.
    families
        UniRef90 family -> the number that stands in for it, where the labels are stand-ins.
    rebuilt
        Share of the genome that could be rebuilt from its reads.
    """

    name: str
    clean: Path
    genomes: list[Genome] = field(default_factory=list)
    truth: dict[str, int] = field(default_factory=dict)
    outside: int = 0
    labels: str = ""
    proteins: str = ""
    depths: dict[str, float] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    families: dict[str, str] = field(default_factory=dict)
    rebuilt: float = 0.0


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, with all children) and peak memory (MB) of the largest process."""

    cpu: float
    memory: float


def write_reads(folder: Path, mates: Sequence[Sequence[str]]) -> None:
    """Write clean reads of `SAMPLE`: one sequence list per mate; all qualities are I."""
    folder.mkdir(parents=True)
    for number, sequences in enumerate(mates, 1):
        path = folder / f"{SAMPLE}__run_R{number}.fastq.gz"
        with gzip.open(path, "wt", compresslevel=1) as handle:
            for i, sequence in enumerate(sequences):
                handle.write(f"@r{i}\n{sequence}\n+\n{'I' * len(sequence)}\n")


def make_genome(name: str, species: str, path: Path) -> Genome:
    """Return a genome with its genus and species; higher ranks but the domain are blank."""
    return Genome(name, path, lineage_of({"domain": "Bacteria", "species": species}))


def catalogues(folder: Path) -> list[Genome]:
    """Return the gene catalogues that lie in a folder of ChocoPhlAn."""
    found = []
    for path in sorted((folder / "humann2" / "data" / "chocophlan_DEMO").glob("*.ffn.gz")):
        name = path.name.split(".s__")[1].split(".")[0]
        found.append(make_genome(name, name.replace("_", " "), path))
    return found


def humann_demo(folder: Path, only: str = "") -> Case:
    """Two Bacteroides and 1,000 reads of neither; the read names tell. Or (`only`) the reads of one name."""
    source = DATA / "humann_demo_2016"
    name = f"humann_demo_2016, only {only}" if only else "humann_demo_2016"
    case = Case(name, folder / "clean", catalogues(source))
    reads = []
    for header, dna in read_fasta(source / "examples" / "demo.fasta"):
        if not header.startswith(only):
            continue
        reads.append(dna.decode())
        if header.startswith("unclassified"):
            case.outside += 1
        else:
            name = " ".join(header.removeprefix("s__").split("_")[:2])
            case.truth[name] = case.truth.get(name, 0) + 1
    write_reads(case.clean, [reads])
    return case


def gut_pangenomes(folder: Path, only: str = "") -> Case:
    """Eleven gut species, and one more that the reference does not hold; or its reads alone (`only`)."""
    source = DATA / "gut_pangenomes_11sp"
    name = f"gut_pangenomes_11sp, only {only}" if only else "gut_pangenomes_11sp"
    case = Case(name, folder / "clean", catalogues(source))
    with open_bytes(source / "examples" / "demo.fastq") as handle:
        lines = [line.decode().strip() for line in handle]
    wanted = only.replace(" ", "_")
    write_reads(
        case.clean, [[dna for head, dna in zip(lines[::4], lines[1::4], strict=True) if wanted in head]]
    )
    known = {g.species for g in case.genomes}
    for row in (source / "demo_truth.tsv").read_text().splitlines()[1:]:
        name, reads, _ = row.split("\t")
        if wanted not in name:
            continue
        if name.replace("_", " ") in known:
            case.truth[name.replace("_", " ")] = int(reads)
        else:
            case.outside += int(reads)
    return case


_SOURMASH = "sourmash_genomes/"
_CAMI = "camisim_genomes/defaults/genomes/"
_N5 = "instrain_N5_271/test/docker_tests/s3_test_data/"
FILES = {
    "ecoli": ("Escherichia coli", _SOURMASH + "data/GCF_000005845.2_ASM584v2_genomic.fna.gz"),
    "salmonella": ("Salmonella enterica", _SOURMASH + "data/GCF_000006945.1_ASM694v1_genomic.fna.gz"),
    "dw12": ("Sphingobacteriaceae DW12", _SOURMASH + "data/GCF_000783305.1_ASM78330v1_genomic.fna.gz"),
    "akkermansia": ("Akkermansia muciniphila", _SOURMASH + "doc/genomes/akkermansia.fa.gz"),
    "os185": ("Shewanella baltica", _SOURMASH + "doc/genomes/shew_os185.fa.gz"),
    "os223": ("Shewanella baltica", _SOURMASH + "doc/genomes/shew_os223.fa.gz"),
    "spyogenes": ("Streptococcus pyogenes", _CAMI + "GCA_000006785.2_ASM678v2.fa.gz"),
    "perfringens": ("Clostridium perfringens", _CAMI + "GCA_000013285.1_ASM1328v1.fa.gz"),
    "olsenella": ("Olsenella uli", _CAMI + "GCA_000143845.1_ASM14384v1.fa.gz"),
    "glutamicum": ("Corynebacterium glutamicum", _CAMI + "GCA_000445015.1_ASM44501v1.fa.gz"),
    "efaecalis_t2": ("Enterococcus faecalis", _N5 + "Enterococcus_faecalis_T2.fna.gz"),
    "efaecalis_tx0104": ("Enterococcus faecalis", _N5 + "Enterococcus_faecalis_TX0104.fa.gz"),
    "casseliflavus": ("Enterococcus casseliflavus", _N5 + "Enterococcus_casseliflavus_EC20.fasta.gz"),
}
# Genome -> depth. E. faecalis T2 is read, but the reference holds TX0104; it holds no C. glutamicum.
MIXTURES = {
    "mixture, 0.1x to 20x": {
        "akkermansia": 20.0,
        "os185": 2.0,
        "spyogenes": 0.5,
        "ecoli": 0.3,
        "efaecalis_t2": 0.3,
        "glutamicum": 0.5,
        "perfringens": 0.2,
        "salmonella": 0.1,
        "olsenella": 0.1,
    },
    "mixture, even 0.3x": dict.fromkeys(
        ("ecoli", "salmonella", "dw12", "spyogenes", "perfringens", "olsenella"), 0.3
    ),
}
HELD_OUT = ("efaecalis_t2", "glutamicum")


# Organisms that the reference lacks, while it holds another species of their family.
STRANGERS = {
    "only Escherichia coli, beside Salmonella": "ecoli",
    "only Enterococcus casseliflavus, beside E. faecalis": "casseliflavus",
}
MIXTURES |= {name: {key: 1.0} for name, key in STRANGERS.items()}


def mixture(folder: Path, name: str) -> Case:
    """Simulate pairs of 2 x 150 bases, fragments of 300 +- 40, with substitutions at rate `ERRORS`."""
    absent = (*HELD_OUT, STRANGERS.get(name, ""))
    genomes = [make_genome(k, s, DATA / p) for k, (s, p) in FILES.items() if k not in absent]
    case = Case(name, folder / "clean", genomes)
    known = {g.species for g in genomes}
    rng = np.random.default_rng(20)
    mates: tuple[list[str], list[str]] = ([], [])
    for key, depth in MIXTURES[name].items():
        species, path = FILES[key]
        made = 0
        for _, dna in read_fasta(DATA / path):
            made += _simulate(dna.upper().decode(), depth, rng, mates)
        if species in known:
            case.truth[species] = case.truth.get(species, 0) + made
        else:
            case.outside += made
    write_reads(case.clean, mates)
    return case


COMPLEMENT = str.maketrans("ACGT", "TGCA")


def _simulate(dna: str, depth: float, rng: np.random.Generator, mates: tuple[list[str], list[str]]) -> int:
    count = int(rng.poisson(depth * len(dna) / 300)) if len(dna) > 500 else 0
    sizes = np.clip(rng.normal(300, 40, count).astype(int), 150, 500)
    for size in sizes.tolist():
        start = int(rng.integers(0, len(dna) - size + 1))
        piece = dna[start : start + size]
        back = piece.translate(COMPLEMENT)[::-1]
        pair = [add_errors(piece[:150], rng), add_errors(back[:150], rng)]
        if rng.random() < 0.5:
            pair.reverse()
        mates[0].append(pair[0])
        mates[1].append(pair[1])
    return count


def add_errors(read: str, rng: np.random.Generator) -> str:
    """Substitute at rate `ERRORS`."""
    letters = list(read)
    for place in np.flatnonzero(rng.random(len(read)) < ERRORS).tolist():
        letters[place] = "ACGT"[int(rng.integers(4))]
    return "".join(letters)


def settings() -> dict[str, dict[str, Any]]:
    """Return each engine's settings, as `config/config.yaml` has them."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["shotgun"]
    return {
        "sourmash": {"scaled": config["sourmash_scaled"]},
        "kraken2": {
            "confidence": config["kraken2_confidence"],
            "min_reads": config["min_reads"],
            "ambiguous": config["ambiguous_reads"],
        },
        "bowtie2": {
            "min_identity": config["bowtie2_identity"] / 100,
            "min_reads": config["min_reads"],
            "ambiguous": config["ambiguous_reads"],
        },
        "sketch": {
            "scaled": config["sketch_scaled"],
            "ksize": config["sketch_ksize"],
            "genome_equivalents": "none",
        },
        "diamond": {
            "mode": config["diamond_mode"],
            "identity": config["diamond_identity"],
            "genome_equivalents": "none",
        },
    }


def measure_shares(case: Case, engine: str, reference: str, sheet: str, output: str) -> None:
    """Measure where the reads of each species end, as the workflow does with a reference that it built."""
    from vagus.resources import measure_read_shares
    from vagus.shotgun.read_shares import Kind, write_shares

    lengths = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["shotgun"]["read_lengths"]
    kinds = [Kind(length, paired) for length in lengths for paired in (False, True)]
    count = measure_read_shares.make_counter(engine, reference, sheet, settings()[engine])
    write_shares(measure_read_shares.measure(case.genomes, kinds, count, THREADS), output)


def run_step(engine: str, step: str, case: Case, folder: Path) -> None:
    """Build an engine's reference, or run the engine; called in a process of its own."""
    chosen = settings().get(engine, {})
    clean, out, shares = [str(case.clean)], str(folder / "out"), str(folder / "shares.tsv")
    if engine == "sourmash":
        from vagus.resources.build_sourmash_reference import build_sourmash
        from vagus.shotgun import sourmash_taxa

        sketches, sheet = folder / "genomes.zip", folder / "taxonomy.tsv"
        if step == "build":
            build_sourmash(case.genomes, sketches, sheet, folder / "m.json", THREADS, chosen["scaled"])
        else:
            sourmash_taxa.main(clean, [SAMPLE], str(sketches), str(sheet), out, chosen, THREADS)
    elif engine == "kraken2":
        from vagus.resources.build_kraken2_reference import build_kraken2
        from vagus.shotgun import kraken2_taxa

        if step == "build":
            build_kraken2(case.genomes, folder / "kraken2", THREADS)
            measure_shares(case, engine, str(folder / "kraken2"), "", shares)
        else:
            kraken2_taxa.main(clean, [SAMPLE], str(folder / "kraken2"), out, chosen, THREADS, shares)
    elif engine == "bowtie2":
        from vagus.resources.build_bowtie2_reference import build_bowtie2
        from vagus.shotgun import bowtie2_taxa

        prefix, sheet = folder / "genomes", folder / "taxonomy.tsv"
        if step == "build":
            build_bowtie2(case.genomes, prefix, sheet, folder / "m.json", THREADS)
            measure_shares(case, engine, str(prefix), str(sheet), shares)
        else:
            bowtie2_taxa.main(clean, [SAMPLE], str(prefix), str(sheet), out, chosen, THREADS, shares)
    elif engine == "sketch":
        from vagus.shotgun import sketch_ko

        index = str(folder / "ko.npz")
        if step == "build":
            sketch_ko.build(case.proteins, case.labels, index, chosen)
        else:
            sketch_ko.main(clean, [SAMPLE], index, MARKERS, None, out, chosen, THREADS)
    elif engine.startswith("humann"):
        from benchmarks import humann_steps

        humann_steps.run_step(engine, step, case.genomes, case.clean, folder, THREADS)
    else:
        from vagus.reads.tools import run_tool
        from vagus.shotgun import diamond_ko

        base = str(folder / "proteins.dmnd")
        if step == "build":
            command = [
                "diamond",
                "makedb",
                "--quiet",
                "--threads",
                str(THREADS),
                "--in",
                case.proteins,
                "--db",
            ]
            run_tool([*command, base], "benchmark")
        else:
            diamond_ko.main(clean, [SAMPLE], base, case.labels, MARKERS, None, out, chosen, THREADS)


def measure(engine: str, step: str, case: Case, folder: Path) -> Cost:
    """Run a step in a process of its own and return its cost."""
    folder.mkdir(parents=True, exist_ok=True)
    job = folder / f"{step}.json"
    genomes = [[g.genome, g.species, str(g.path)] for g in case.genomes]
    job.write_text(
        json.dumps([engine, step, str(case.clean), genomes, case.labels, case.proteins, str(folder)])
    )
    said = folder / f"{step}.log"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    modules = os.pathsep.join(str(ROOT / name) for name in ("scripts", "tests"))
    env = {**os.environ, "PATH": path, "PYTHONPATH": modules}
    with said.open("w") as log:
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER, sys.executable, __file__, str(job)],
            stdout=subprocess.PIPE,
            stderr=log,
            env=env,
            check=True,
            text=True,
        )
    status, cpu, memory = json.loads(done.stdout)
    if status:
        raise RuntimeError(f"{engine}, {step}, {case.name}: {said.read_text()[-2000:]}")
    return Cost(cpu, memory / 1024)


def loosest_kraken2(case: Case, database: Path) -> float:
    """Return the unclassified share of Kraken 2 at its loosest: confidence 0, one group of k-mers."""
    from vagus.resources.build_kraken2_reference import build_kraken2
    from vagus.shotgun import kraken2_taxa

    build_kraken2(case.genomes, database / "loosest", THREADS)
    loose = kraken2_taxa.Kraken2Settings(confidence=0, minimum_hit_groups=1, ambiguous="genus")
    reads = kraken2_taxa.find_sample_reads([str(case.clean)], SAMPLE)
    return float(
        kraken2_taxa.profile_sample(reads, database / "loosest", loose, THREADS)[1]["unclassified_share"]
    )


def no_reads(folder: Path, like: Case, name: str) -> Case:
    """Return a case with the reference of another and not one read: what starting an engine costs."""
    write_reads(folder / "clean", [[]])
    return replace(like, name=name, clean=folder / "clean", truth={}, outside=0, depths={})


def work(job: list[Any]) -> None:
    """Do what `measure` wrote."""
    engine, step, clean, genomes, labels, proteins, folder = job
    case = Case("", Path(clean), [make_genome(g, s, Path(p)) for g, s, p in genomes])
    case.labels, case.proteins = labels, proteins
    run_step(engine, step, case, Path(folder))


if __name__ == "__main__":
    work(json.loads(Path(sys.argv[1]).read_text()))

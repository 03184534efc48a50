"""Real human stool (ragged reads of 35 to 100 bases) through cleaning and the engines with a reference."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vagus.demo.shotgun_genomes import translate
from vagus.design.findings import Findings
from vagus.ledger import check_ledger, read_ledger
from vagus.reads.clean_shotgun_reads import ShotgunSettings, clean_batch
from vagus.reads.tools import run_tool
from vagus.resources.build_bowtie2_reference import build_bowtie2
from vagus.resources.build_kraken2_reference import build_kraken2
from vagus.resources.build_sourmash_reference import build_sourmash
from vagus.resources.fasta import read_fasta
from vagus.resources.genome_sheet import read_genome_sheet
from vagus.shotgun import bowtie2_taxa, diamond_ko, kraken2_taxa, sketch_ko, sourmash_taxa
from vagus.shotgun.genome_size import read_markers
from vagus.shotgun.tables import FUNCTION_COLUMNS, TAXON_COLUMNS, UNCLASSIFIED, read_rows, read_stats

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
CATALOGUES = SHARED / "gut_pangenomes_11sp/humann2/data/chocophlan_DEMO"
RESOURCES = Path(__file__).parents[2] / "resources"
MARKERS, PATHWAYS = str(RESOURCES / "single_copy_markers.tsv"), str(Path(__file__).parent / "pathways.tsv")
_NUMBER = np.full(256, 4, np.int64)
_NUMBER[list(b"ACGT")] = range(4)
SAMPLES = ("HD32R1", "HD42R4", "HD48R4")


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """Clean the three samples; return the folder, and the reads that are left of each."""
    files = {s: SHARED / f"stool_wgs/{s}_subsample.fastq.gz" for s in SAMPLES}
    if not CATALOGUES.exists() or not all(f.exists() for f in files.values()):
        pytest.skip("the shared data are not here")
    tmp_path = tmp_path_factory.mktemp("stool")
    units = [{"sample": s, "run": "r", "fastq_1": str(f), "fastq_2": ""} for s, f in files.items()]
    batch = {"batch": "r.1", "run": "r", "paired": False, "units": units}
    clean, ledger = tmp_path / "clean", tmp_path / "ledger.tsv"
    clean_batch(batch, ShotgunSettings(min_length=35), clean, ledger, tmp_path / "logs", 2)
    frame = read_ledger(ledger)
    check_ledger(frame)
    left = frame.groupby("sample")["reads_out"].last()
    return clean, {str(sample): int(reads) for sample, reads in left.items()}


def write_families(folder: Path) -> tuple[Path, int]:
    """Translate the catalogues and label every UniRef50 family that several species hold with a stand-in KO.

    The families that stand once in most species stand in for the single-copy markers: they are labelled with
    those KO numbers. Returns the FASTA, and the number of families.
    """
    genes: list[tuple[str, str, str]] = []
    held: dict[str, Counter[str]] = {}
    for path in sorted(CATALOGUES.glob("*.ffn.gz")):
        species = path.name.split(".s__")[1].split(".")[0].replace("_", " ")
        for header, dna in read_fasta(path):
            family = next((f for f in header.split("|") if f.startswith("UniRef50_")), "")
            codes = _NUMBER[np.frombuffer(dna.upper(), np.uint8)]
            if family in ("", "UniRef50_unknown") or len(codes) % 3 or (codes > 3).any():
                continue
            residues = translate(codes).rstrip("*")
            if "*" in residues or len(residues) < 60:
                continue
            genes.append((family, species, residues))
            held.setdefault(family, Counter())[species] += 1
    shared = [f for f, c in held.items() if len(c) >= 3]
    single = sorted((f for f in shared if max(held[f].values()) == 1), key=lambda f: (-len(held[f]), f))
    kos = dict(zip(single, read_markers(MARKERS), strict=False))
    kos |= {f: f"K{50_000 + i}" for i, f in enumerate(sorted(set(shared) - kos.keys()))}
    fasta = folder / "proteins.faa"
    with fasta.open("w") as out:
        for i, (family, species, residues) in enumerate(genes):
            out.write(f">g{i}|{kos.get(family, '')}|{species}\n{residues}\n")
    return fasta, len(kos)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sketch", "diamond"])
def test_function_engines_give_sane_values_on_real_stool(
    tmp_path: Path, cleaned: tuple[Path, dict[str, int]], engine: str
) -> None:
    clean, left = cleaned
    fasta, families = write_families(tmp_path)
    assert families > 1000
    out, samples = tmp_path / engine, list(SAMPLES)
    if engine == "sketch":
        index = str(tmp_path / "ko.npz")
        sketch_ko.build(str(fasta), None, index, {"scaled": 20})
        sketch_ko.main([str(clean)], samples, index, MARKERS, PATHWAYS, str(out), {}, 2)
    else:
        if shutil.which("diamond") is None:
            pytest.skip("diamond is not installed")
        base = str(tmp_path / "proteins.dmnd")
        run_tool(["diamond", "makedb", "--quiet", "--threads", "2", "--in", fasta, "--db", base], "test")
        diamond_ko.main([str(clean)], samples, base, str(fasta), MARKERS, PATHWAYS, str(out), {}, 2)
    markers = set(read_markers(MARKERS))
    for sample in samples:
        stats = read_stats(out, sample)
        rows = read_rows(out / f"{sample}.ko.tsv", FUNCTION_COLUMNS)
        totals: dict[str, float] = {}
        for ko, _, value in rows:
            totals[ko] = totals.get(ko, 0.0) + float(value)
        values = np.array(list(totals.values()))
        inside = [v for ko, v in totals.items() if ko in markers]
        print(
            f"{engine} {sample}: {stats['reads']} reads, assigned {stats['assigned_share']:.4f}, "
            f"genomes {stats['genome_equivalents']:.4f} from {len(inside)} markers, {len(totals)} KOs, "
            f"median {np.median(values):.3f}, highest {values.max():.2f}"
        )
        assert stats["reads"] == left[sample]
        assert stats["status"] == "ok"
        assert stats["unit"] == "copies per genome"
        assert np.isfinite(values).all()
        assert (values > 0).all()
        # Eleven species are a small part of a real gut; the rest of the reads has no KO.
        assert 0.005 < stats["assigned_share"] < 0.9
        assert stats["genome_equivalents"] > 0
        # By the definition of the unit: the markers of the reference stand once a genome, on average or at
        # the median.
        padded = inside + [0.0] * (len(markers) - len(inside))
        assert min(abs(np.median(padded) - 1), abs(np.mean(padded) - 1)) < 1e-6
        assert len(totals) > 100
        assert values.max() < 1000


@pytest.mark.slow
def test_every_engine_accounts_for_all_reads_of_real_stool(
    tmp_path: Path, cleaned: tuple[Path, dict[str, int]]
) -> None:
    rows = ["genome\tpath\tspecies"]
    for path in sorted(CATALOGUES.glob("*.ffn.gz")):
        found = re.match(r"g__\w+?\.s__(\w+?)\.", path.name)
        assert found
        rows.append(f"{found.group(1)}\t{path}\t{found.group(1).replace('_', ' ')}")
    (tmp_path / "genomes.tsv").write_text("\n".join(rows) + "\n")
    findings = Findings()
    genomes = read_genome_sheet(tmp_path / "genomes.tsv", None, findings)
    assert not findings.problems
    taxonomy = tmp_path / "taxonomy.tsv"
    build_bowtie2(genomes, tmp_path / "bt2", taxonomy, tmp_path / "b.json", 2)
    build_kraken2(genomes, tmp_path / "kraken2", 2, [100])
    build_sourmash(genomes, tmp_path / "g.zip", taxonomy, tmp_path / "s.json", 2, 100)

    clean, left = cleaned
    samples = list(SAMPLES)
    sheet = str(taxonomy)
    bowtie2_taxa.main([str(clean)], samples, str(tmp_path / "bt2"), sheet, str(tmp_path / "o/bowtie2"), {}, 2)
    kraken2_taxa.main([str(clean)], samples, str(tmp_path / "kraken2"), str(tmp_path / "o/kraken2"), {}, 2)
    settings = {"scaled": 100}
    sourmash_taxa.main(
        [str(clean)], samples, str(tmp_path / "g.zip"), sheet, str(tmp_path / "o/sourmash"), settings, 2
    )
    for engine in ("bowtie2", "kraken2", "sourmash"):
        for sample in samples:
            folder = tmp_path / "o" / engine
            values = {k: float(v) for k, v in read_rows(folder / f"{sample}.taxa.tsv", TAXON_COLUMNS)}
            stats = read_stats(folder, sample)
            print(engine, sample, stats["reads"], f"{stats['unclassified_share']:.3f}", len(values) - 1)
            assert stats["reads"] == left[sample]
            whole = 1.0 if stats["kind"] == "relative" else float(left[sample])
            assert sum(values.values()) == pytest.approx(whole)
            # Eleven species are a small part of a real gut.
            assert 0.1 < stats["unclassified_share"] < 1.0
            assert len(values) > 1
            assert UNCLASSIFIED in values

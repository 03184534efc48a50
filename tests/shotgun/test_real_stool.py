"""Real human stool (ragged reads of 35 to 100 bases) through cleaning and the engines with a reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vagus.design.findings import Findings
from vagus.ledger import check_ledger, read_ledger
from vagus.reads.clean_shotgun_reads import ShotgunSettings, clean_batch
from vagus.resources.build_bowtie2_reference import build_bowtie2
from vagus.resources.build_kraken2_reference import build_kraken2
from vagus.resources.build_sourmash_reference import build_sourmash
from vagus.resources.genome_sheet import read_genome_sheet
from vagus.shotgun import bowtie2_taxa, kraken2_taxa, sourmash_taxa
from vagus.shotgun.tables import TAXON_COLUMNS, UNCLASSIFIED, read_rows, read_stats

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
CATALOGUES = SHARED / "gut_pangenomes_11sp/humann2/data/chocophlan_DEMO"
SAMPLES = ("HD32R1", "HD42R4", "HD48R4")


@pytest.mark.slow
def test_every_engine_accounts_for_all_reads_of_real_stool(tmp_path: Path) -> None:
    files = {s: SHARED / f"stool_wgs/{s}_subsample.fastq.gz" for s in SAMPLES}
    if not CATALOGUES.exists() or not all(f.exists() for f in files.values()):
        pytest.skip("the shared data are not here")
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

    units = [{"sample": s, "run": "r", "fastq_1": str(f), "fastq_2": ""} for s, f in files.items()]
    batch = {"batch": "r.1", "run": "r", "paired": False, "units": units}
    clean, ledger = tmp_path / "clean", tmp_path / "ledger.tsv"
    clean_batch(batch, ShotgunSettings(min_length=35), clean, ledger, tmp_path / "logs", 2)
    frame = read_ledger(ledger)
    check_ledger(frame)
    left = frame.groupby("sample")["reads_out"].last()

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

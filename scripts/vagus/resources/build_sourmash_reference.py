"""Sketch the user's genomes for sourmash: one sketch a genome, named by it, and their taxonomy."""

import gzip
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.resources import write_manifest
from vagus.resources.fasta import read_fasta
from vagus.resources.genome_sheet import Genome, genomes_from_rows, write_taxonomy
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

KSIZE = 31
SCALED = 1000
# From here on an entry needs the headers of zip64.
_LARGE = 1 << 31
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def sketch_genome(genome: Genome, ksize: int, scaled: int) -> Any:
    """Sketch one genome.

    Parameters
    ----------
    genome
        With its file.
    ksize, scaled
        Length of the k-mers; one in `scaled` is kept.

    Returns
    -------
    sourmash.SourmashSignature
        Named by the genome, without the place of its file.

    Raises
    ------
    VagusError
        If no k-mer is kept.

    References
    ----------
    Irber L et al. (2024) J Open Source Softw 9:6830, doi:10.21105/joss.06830
    """
    import sourmash

    sketch = sourmash.MinHash(n=0, ksize=ksize, scaled=scaled)
    for _, sequence in read_fasta(genome.path):
        sketch.add_sequence(sequence.upper().decode("ascii", "replace"), force=True)
    if not len(sketch):
        raise VagusError(
            f"genome {genome.genome}: no k-mer of {genome.path} is kept at scaled {scaled}; "
            "fix: lower shotgun.sourmash_scaled, or leave so short a sequence out"
        )
    return sourmash.SourmashSignature(sketch, name=genome.genome, filename=f"{genome.genome}.fasta")


def build_sourmash(
    genomes: Sequence[Genome],
    out: Path,
    taxonomy: Path,
    manifest: Path,
    threads: int = 1,
    scaled: int = SCALED,
) -> None:
    """Build the reference.

    Parameters
    ----------
    genomes
        With their files.
    out
        Zip of sketches to write.
    taxonomy
        TSV to write: genome and seven ranks.
    manifest
        JSON to write.
    threads
        Genomes sketched at a time.
    scaled
        One k-mer in so many is kept.

    Raises
    ------
    VagusError
        If there is no genome, or one is too short.
    """
    import sourmash
    from sourmash.sourmash_args import SaveSignaturesToLocation

    if not genomes:
        raise VagusError("shotgun.genomes names no genome; fix: give one row a genome")
    ordered = sorted(genomes, key=lambda g: g.genome)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        made = Path(scratch) / "made.zip"
        step = max(1, threads) * 4
        with ThreadPoolExecutor(max(1, threads)) as pool, SaveSignaturesToLocation(str(made)) as save:
            # A few at a time: the sketches of a thousand genomes need not lie in memory together.
            for start in range(0, len(ordered), step):
                for sketch in pool.map(
                    lambda g: sketch_genome(g, KSIZE, scaled), ordered[start : start + step]
                ):
                    save.add(sketch)
        timeless = Path(scratch) / "timeless.zip"
        forget_times(made, timeless)
        timeless.replace(out)
    write_taxonomy(ordered, taxonomy)
    write_manifest(
        manifest,
        "sourmash",
        {"sourmash": sourmash.VERSION},
        {g.genome: g.path for g in ordered},
        {"ksize": KSIZE, "scaled": scaled, "lineages": {g.genome: ";".join(g.lineage) for g in ordered}},
    )


def forget_times(source: Path, target: Path) -> None:
    """Copy a zip so that its bytes do not tell when it was made.

    Parameters
    ----------
    source, target
        Zip files; they must differ.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            entry = zipfile.ZipInfo(item.filename, _LONG_AGO)
            entry.compress_type = item.compress_type
            entry.external_attr = 0o644 << 16
            # sourmash finds nothing in a zip whose small entries have large headers, as Python before 3.11.4
            # writes them.
            large = item.file_size >= _LARGE
            with old.open(item) as reader, new.open(entry, "w", force_zip64=large) as writer:
                if item.filename.endswith(".gz"):
                    writer.write(gzip.compress(gzip.decompress(reader.read()), mtime=0))
                else:
                    shutil.copyfileobj(reader, writer)


def main(
    rows: Sequence[Mapping[str, str]],
    paths: Sequence[str],
    out: str,
    taxonomy: str,
    manifest: str,
    threads: int,
    scaled: int,
) -> None:
    """Hand Snakemake's files to `build_sourmash`."""
    genomes = genomes_from_rows(rows, paths)
    build_sourmash(genomes, Path(out), Path(taxonomy), Path(manifest), threads, scaled)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.params.genomes,
            list(snakemake.input.genomes),
            snakemake.output.sketches,
            snakemake.output.taxonomy,
            snakemake.output.manifest,
            snakemake.threads,
            snakemake.params.scaled,
        ),
        snakemake.log[0],
    )

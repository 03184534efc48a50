"""Build a Kraken 2 database of the user's genomes with a taxonomy of its own; nothing is downloaded."""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.tools import find_tool, run_tool, tool_version
from vagus.resources import fresh_folder, write_manifest
from vagus.resources.fasta import contig_name, read_fasta, write_contigs
from vagus.resources.genome_sheet import RANKS, Genome, genomes_from_rows, write_taxonomy
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ROOT = 1
KEPT = ("hash.k2d", "opts.k2d", "taxo.k2d", "lineages.tsv", "taxonomy.tsv", "manifest.json")
# Kraken's reports know the domain by NCBI's older word for it.
NCBI_RANKS = ("superkingdom", *RANKS[1:])
BRACKEN_KMER = 35


def make_taxids(lineages: Iterable[Sequence[str]]) -> dict[tuple[str, ...], int]:
    """Number every place of the tree; the same lineages give the same numbers.

    Parameters
    ----------
    lineages
        Seven names each; blank ranks are skipped.

    Returns
    -------
    dict
        Lineage up to the place (seven names, blank below it) -> taxid, 2 and up; the root is 1.
    """
    places = set()
    for lineage in lineages:
        for level in range(1, len(RANKS) + 1):
            if lineage[level - 1]:
                places.add((*lineage[:level], *[""] * (len(RANKS) - level)))
    return {place: number for number, place in enumerate(sorted(places), ROOT + 1)}


def parent_of(place: tuple[str, ...], taxids: Mapping[tuple[str, ...], int]) -> int:
    """Return the taxid above a place, over blank ranks.

    Parameters
    ----------
    place
        A key of `taxids`.
    taxids
        As `make_taxids` gives them.
    """
    for level in range(_depth(place) - 1, 0, -1):
        above = (*place[:level], *[""] * (len(RANKS) - level))
        if place[level - 1] and above in taxids:
            return taxids[above]
    return ROOT


def _depth(place: Sequence[str]) -> int:
    return max((i for i, name in enumerate(place, 1) if name), default=0)


def write_dmp(taxids: Mapping[tuple[str, ...], int], folder: Path) -> None:
    """Write `nodes.dmp` and `names.dmp`.

    Parameters
    ----------
    taxids
        As `make_taxids` gives them.
    folder
        Existing folder.
    """
    with (
        (folder / "nodes.dmp").open("w", encoding="utf-8") as nodes,
        (folder / "names.dmp").open("w", encoding="utf-8") as names,
    ):
        nodes.write(f"{ROOT}\t|\t{ROOT}\t|\tno rank\t|\t-\t|\n")
        names.write(f"{ROOT}\t|\troot\t|\t\t|\tscientific name\t|\n")
        for place, taxid in sorted(taxids.items(), key=lambda item: item[1]):
            depth = _depth(place)
            nodes.write(f"{taxid}\t|\t{parent_of(place, taxids)}\t|\t{NCBI_RANKS[depth - 1]}\t|\t-\t|\n")
            names.write(f"{taxid}\t|\t{place[depth - 1]}\t|\t\t|\tscientific name\t|\n")


def build_kraken2(
    genomes: Sequence[Genome], out: Path, threads: int = 1, read_lengths: Sequence[int] = ()
) -> None:
    """Build the database.

    Parameters
    ----------
    genomes
        With their files.
    out
        Folder to make: the three `.k2d` files, `lineages.tsv` (taxid, lineage), `taxonomy.tsv`,
        `manifest.json` and, if Bracken is there, its distributions.
    threads
        Threads.
    read_lengths
        For Bracken.

    Raises
    ------
    VagusError
        If there is no genome, or a tool fails.

    References
    ----------
    Wood DE, Lu J, Langmead B (2019) Genome Biol 20:257, doi:10.1186/s13059-019-1891-0;
    Lu J et al. (2017) PeerJ Comput Sci 3:e104, doi:10.7717/peerj-cs.104
    """
    if not genomes:
        raise VagusError("shotgun.genomes names no genome; fix: give one row a genome")
    ordered = sorted(genomes, key=lambda g: g.genome)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="kraken2.") as scratch:
        made = Path(scratch) / "made"
        (made / "library" / "genomes").mkdir(parents=True)
        (made / "taxonomy").mkdir()
        taxids = make_taxids(g.lineage for g in ordered)
        write_dmp(taxids, made / "taxonomy")
        _write_library(ordered, taxids, made / "library" / "genomes")
        command: list[str | Path] = ["kraken2-build", "--build", "--no-masking", "--threads", str(threads)]
        run_tool([*command, "--db", made], "building the Kraken 2 database")
        bracken = _build_bracken(made, threads, read_lengths)
        blank_padding(made / "opts.k2d")
        _write_lineages(taxids, made / "lineages.tsv")
        write_taxonomy(ordered, made / "taxonomy.tsv")
        versions = {"kraken2": tool_version("kraken2")} | ({"bracken": "present"} if bracken else {})
        write_manifest(
            made / "manifest.json",
            "kraken2",
            versions,
            {g.genome: g.path for g in ordered},
            {
                "masking": False,
                "bracken_read_lengths": bracken,
                "lineages": {g.genome: ";".join(g.lineage) for g in ordered},
            },
        )
        missing = [name for name in KEPT if not (made / name).exists()]
        if missing:
            raise VagusError(f"kraken2-build wrote no {missing[0]}; fix: see the log for its words")
        fresh_folder(out)
        for path in sorted(made.iterdir()):
            if path.name in KEPT or path.name.endswith(".kmer_distrib"):
                shutil.move(path, out / path.name)


def _write_library(genomes: Sequence[Genome], taxids: Mapping[tuple[str, ...], int], folder: Path) -> None:
    """Write the sequences with their taxid in the header, and the map that Kraken 2 reads."""
    prefix = {g.genome: f"kraken:taxid|{taxids[g.lineage]}|" for g in genomes}
    with (folder / "library.fna").open("wb") as handle:
        write_contigs(genomes, handle, prefix)
    with (folder / "prelim_map.txt").open("w", encoding="utf-8") as table:
        for genome in genomes:
            for number, (header, sequence) in enumerate(read_fasta(genome.path), 1):
                if sequence:
                    name = f"{prefix[genome.genome]}{genome.genome}|{contig_name(header, number)}"
                    table.write(f"TAXID\t{name}\t{taxids[genome.lineage]}\n")


def blank_padding(options: Path) -> None:
    """Set the bytes of `opts.k2d` that mean nothing to zero: Kraken 2 writes what chance left in them.

    Parameters
    ----------
    options
        The file; one of another size than is known is left alone.
    """
    if not options.exists():
        return
    data = bytearray(options.read_bytes())
    # Four 8-byte numbers, one truth value, an 8-byte number, three of 4 bytes; the gaps align them.
    if len(data) == 64:
        data[33:40], data[60:64] = bytes(7), bytes(4)
        options.write_bytes(data)


def _write_lineages(taxids: Mapping[tuple[str, ...], int], path: Path) -> None:
    with path.open("w", encoding="utf-8") as handle:
        handle.write("taxid\tlineage\n")
        for place, taxid in sorted(taxids.items(), key=lambda item: item[1]):
            handle.write(f"{taxid}\t{';'.join(place)}\n")


def _build_bracken(made: Path, threads: int, read_lengths: Sequence[int]) -> list[int]:
    """Make Bracken's distributions where it is installed; return the lengths made."""
    lengths = sorted(set(map(int, read_lengths)))
    try:
        find_tool("bracken-build")
    except VagusError:
        if lengths:
            print("bracken-build is not installed: no distributions are made")
        return []
    for length in lengths:
        command = [
            "bracken-build",
            "-d",
            str(made),
            "-t",
            str(threads),
            "-k",
            str(BRACKEN_KMER),
            "-l",
            str(length),
        ]
        run_tool(command, f"building Bracken's distribution for reads of {length} bases")
    return lengths


def main(
    rows: Sequence[Mapping[str, str]],
    paths: Sequence[str],
    out: str,
    threads: int,
    read_lengths: Sequence[int],
) -> None:
    """Hand Snakemake's files to `build_kraken2`."""
    build_kraken2(genomes_from_rows(rows, paths), Path(out), threads, read_lengths)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.params.genomes,
            list(snakemake.input.genomes),
            snakemake.output[0],
            snakemake.threads,
            snakemake.params.read_lengths,
        ),
        snakemake.log[0],
    )

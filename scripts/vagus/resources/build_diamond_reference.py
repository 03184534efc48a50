"""Build a DIAMOND database of the genomes' proteins, and a table of their KO labels."""

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.tools import run_tool, tool_version
from vagus.resources import write_manifest
from vagus.resources.fasta import read_fasta
from vagus.resources.genome_sheet import Genome, genomes_from_rows
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

LABEL_COLUMNS = ["protein", "ko", "taxon"]
_KO = re.compile(r"(?<![A-Za-z0-9])K\d{5}(?![0-9A-Za-z])")
_RESIDUES = re.compile(rb"[A-Za-z]+")


@dataclass(frozen=True)
class Label:
    """What a protein's header tells.

    Parameters
    ----------
    protein
        Its id.
    kos
        KO numbers, ordered; empty where it has none.
    taxon
        Species, "" where the header tells none.
    """

    protein: str
    kos: tuple[str, ...]
    taxon: str = ""


def parse_header(header: str) -> Label:
    """Read `id|K00001,K00002|Species name`, `id K00001 ...` or an id alone.

    Parameters
    ----------
    header
        Without `>`.

    Returns
    -------
    Label
        The species is read only from the form with bars, from the part after the KO numbers.
    """
    fields = header.split("|")
    for i, part in enumerate(fields[1:], 1):
        # The bars of `sp|P12345|NAME` do not enclose KO numbers; then they are part of the id.
        if _only_kos(part):
            taxon = fields[i + 1].strip() if i + 1 < len(fields) else ""
            return Label("|".join(fields[:i]).split()[0] if fields[0].split() else "", _kos(part), taxon)
        if not part.strip() and i == 1 and len(fields) > 2:
            return Label(fields[0].strip(), (), fields[2].strip())
    first, _, rest = header.partition(" ")
    return Label(first, _kos(rest))


def _only_kos(text: str) -> bool:
    words = re.split(r"[,; ]+", text.strip())
    return bool(words) and all(_KO.fullmatch(word) for word in words)


def _kos(text: str) -> tuple[str, ...]:
    return tuple(sorted(set(_KO.findall(text))))


def label_proteins(genomes: Sequence[Genome]) -> Iterator[tuple[Label, bytes]]:
    """Read the proteins of all genomes, each file once.

    Parameters
    ----------
    genomes
        With their protein files.

    Yields
    ------
    tuple
        Label, with the id `<genome>|<protein>` and the genome's species where the header tells none, and the
        residues.

    Raises
    ------
    VagusError
        If an id stands twice in a file, or a sequence is no protein.
    """
    files: dict[Path, list[Genome]] = {}
    for genome in sorted(genomes, key=lambda g: g.genome):
        if genome.proteins is not None:
            files.setdefault(genome.proteins.resolve(), []).append(genome)
    for path, owners in files.items():
        # A file that several species share tells the species in its headers, or not at all.
        species = {g.species for g in owners}
        default = species.pop() if len(species) == 1 else ""
        seen: set[str] = set()
        for header, sequence in read_fasta(path):
            label = parse_header(header)
            if not label.protein or label.protein in seen:
                what = f"protein {label.protein} stands twice" if label.protein else "a protein has no id"
                raise VagusError(f"{path}: {what}; fix: give every protein its own id")
            seen.add(label.protein)
            residues = sequence.rstrip(b"*")
            if not residues:
                continue
            if not _RESIDUES.fullmatch(residues.replace(b"*", b"X").replace(b"-", b"")):
                raise VagusError(
                    f"{path}: protein {label.protein} holds characters that are no residues; "
                    "fix: give protein FASTA"
                )
            name = f"{owners[0].genome}|{label.protein.replace('|', '_')}"
            yield (
                Label(name, label.kos, label.taxon or default),
                residues.replace(b"*", b"X").replace(b"-", b""),
            )


def build_diamond(
    genomes: Sequence[Genome], out: Path, labels: Path, fasta: Path, manifest: Path, threads: int = 1
) -> None:
    """Build the database.

    Parameters
    ----------
    genomes
        Those with protein files are used.
    out
        `.dmnd` to write.
    labels
        TSV to write: protein, ko (several joined by `,`), taxon.
    fasta
        All proteins in one FASTA, to write.
    manifest
        JSON to write.
    threads
        Threads.

    Raises
    ------
    VagusError
        If no genome has proteins, none has a KO, or diamond fails.

    References
    ----------
    Buchfink B, Reuter K, Drost HG (2021) Nat Methods 18:366, doi:10.1038/s41592-021-01101-x
    """
    used = sorted((g for g in genomes if g.proteins is not None), key=lambda g: g.genome)
    if not used:
        raise VagusError(
            "shotgun.genomes names no proteins; fix: add a column proteins with KO-labelled protein FASTA"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    count = labelled = 0
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        made, table = Path(scratch) / "proteins.faa", Path(scratch) / "labels.tsv"
        with made.open("wb") as handle, table.open("w", encoding="utf-8") as rows:
            rows.write("\t".join(LABEL_COLUMNS) + "\n")
            for label, residues in label_proteins(used):
                count += 1
                labelled += bool(label.kos)
                handle.write(f">{label.protein}\n".encode() + residues + b"\n")
                rows.write(f"{label.protein}\t{','.join(label.kos)}\t{label.taxon}\n")
        if not labelled:
            raise VagusError(
                f"none of the {count} proteins has a KO number; allowed: >id|K00001|Species or >id K00001; "
                "fix: label the proteins, with KofamScan for example"
            )
        database = Path(scratch) / "proteins.dmnd"
        command = [
            "diamond",
            "makedb",
            "--quiet",
            "--threads",
            str(threads),
            "--in",
            str(made),
            "--db",
            str(database),
        ]
        run_tool(command, "building the DIAMOND database")
        database.replace(out)
        made.replace(fasta)
        table.replace(labels)
    print(f"{labelled} of {count} proteins have a KO number")
    write_manifest(
        manifest,
        "diamond",
        {"diamond": tool_version("diamond")},
        {g.genome: g.proteins for g in used if g.proteins is not None},
        {"proteins": count, "with_ko": labelled, "species": {g.genome: g.species for g in used}},
    )


def main(
    rows: Sequence[Mapping[str, str]],
    proteins: Sequence[str],
    out: str,
    labels: str,
    fasta: str,
    manifest: str,
    threads: int,
) -> None:
    """Hand Snakemake's files to `build_diamond`."""
    genomes = genomes_from_rows(rows, proteins=proteins)
    build_diamond(genomes, Path(out), Path(labels), Path(fasta), Path(manifest), threads)


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.params.genomes,
            list(snakemake.input.proteins),
            snakemake.output.database,
            snakemake.output.labels,
            snakemake.output.fasta,
            snakemake.output.manifest,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

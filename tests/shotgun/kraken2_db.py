"""A small Kraken 2 database with a taxonomy of its own, for tests."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def build_database(out: Path, genomes: Mapping[str, list[bytes]], species: Mapping[str, str]) -> Path:
    """Build a database.

    Parameters
    ----------
    out
        Folder.
    genomes
        Genome -> its sequences.
    species
        Genome -> species; its first word is the genus, and all lie in Bacteria.
    """
    nodes = {("", "root"): (1, 1, "no rank"), ("root", "Bacteria"): (2, 1, "superkingdom")}
    for name in species.values():
        genus = name.split()[0]
        family = f"{genus}aceae"
        for key, parent, rank in (
            (("Bacteria", family), ("root", "Bacteria"), "family"),
            ((family, genus), ("Bacteria", family), "genus"),
            ((genus, name), (family, genus), "species"),
        ):
            nodes.setdefault(key, (len(nodes) + 1, nodes[parent][0], rank))
    taxonomy = out / "taxonomy"
    taxonomy.mkdir(parents=True)
    (taxonomy / "nodes.dmp").write_text(
        "".join(f"{i}\t|\t{up}\t|\t{rank}\t|\t-\t|\n" for i, up, rank in nodes.values())
    )
    (taxonomy / "names.dmp").write_text(
        "".join(f"{i}\t|\t{k[1]}\t|\t\t|\tscientific name\t|\n" for k, (i, _, _) in nodes.items())
    )
    rows = ["taxid\tlineage", "2\tBacteria;;;;;;"]
    for (upper, name), (taxid, _, rank) in nodes.items():
        genus = name.split()[0] if rank == "species" else name
        tail = {"family": f"{name};;", "genus": f"{upper};{name};", "species": f"{genus}aceae;{genus};{name}"}
        rows += [f"{taxid}\tBacteria;;;;{tail[rank]}"] if rank in tail else []
    (out / "lineages.tsv").write_text("\n".join(rows) + "\n")
    fasta = out.parent / f"{out.name}.fna"
    with fasta.open("wb") as handle:
        for genome, sequences in genomes.items():
            taxid = nodes[(species[genome].split()[0], species[genome])][0]
            for number, sequence in enumerate(sequences):
                handle.write(b">%s_%d|kraken:taxid|%d\n%s\n" % (genome.encode(), number, taxid, sequence))
    for step in (["--add-to-library", str(fasta), "--no-masking"], ["--build"]):
        subprocess.run(["kraken2-build", *step, "--db", str(out)], check=True, capture_output=True)
    return out


def as_sequences(genomes: Mapping[str, np.ndarray]) -> dict[str, list[bytes]]:
    """Return made genomes as `build_database` takes them."""
    return {name: [genome.tobytes()] for name, genome in genomes.items()}

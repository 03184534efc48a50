"""The real 16S sequences behind the demo: found in the installed DADA2 package and cut in silico."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vagus.errors import VagusError

REFERENCE_NAME = "ten_16s.100.fa.gz"
PHIX_NAME = "phix_genome.fa"
RANKS = ("domain", "phylum", "class", "order", "family", "genus")
IUPAC = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


@dataclass(frozen=True)
class Template:
    """One full-length 16S gene.

    Parameters
    ----------
    accession
        First part of the FASTA header.
    lineage
        Names from domain to genus.
    sequence
        The gene, upper case.
    insert
        What lies between the primers, "" when they do not bind.
    """

    accession: str
    lineage: tuple[str, ...]
    sequence: str
    insert: str = ""

    def rank(self, name: str) -> str:
        """Return the name at a rank of `RANKS`."""
        return self.lineage[RANKS.index(name)]


def reverse_complement(sequence: str) -> str:
    """Return the other strand, IUPAC codes included."""
    return sequence.translate(_COMPLEMENT)[::-1]


def find_extdata(folders: Iterable[str | Path] | None = None) -> Path:
    """Find the folder of example data that the DADA2 package installs with itself.

    Parameters
    ----------
    folders
        Folders to try first.

    Returns
    -------
    pathlib.Path
        Folder with `ten_16s.100.fa.gz` and `phix_genome.fa`.

    Raises
    ------
    VagusError
        If no R library holds it.
    """
    for folder in [*(Path(f) for f in folders or ()), *_library_folders()]:
        if (folder / REFERENCE_NAME).is_file() and (folder / PHIX_NAME).is_file():
            return folder
    raise VagusError(
        f"simulated trial: {REFERENCE_NAME} of the R package dada2 was not found; install dada2 "
        "(Debian: r-bioc-dada2, conda: bioconductor-dada2) or name its folder with --extdata"
    )


def _library_folders() -> Iterable[Path]:
    """Yield where the package may be: asked from R first, then the usual libraries, conda's included."""
    rscript = shutil.which("Rscript")
    if rscript:
        command = [rscript, "--vanilla", "-e", 'cat(system.file("extdata", package = "dada2"))']
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if found:
            yield Path(found)
    libraries = [Path(p) for p in os.environ.get("R_LIBS", "").split(os.pathsep) if p]
    if "CONDA_PREFIX" in os.environ:
        libraries.append(Path(os.environ["CONDA_PREFIX"]) / "lib/R/library")
    libraries += [Path("/usr/lib/R/site-library"), Path("/usr/local/lib/R/site-library")]
    libraries += sorted(Path(".snakemake/conda").glob("*/lib/R/library"))
    for library in libraries:
        yield library / "dada2" / "extdata"


def read_fasta(path: str | Path) -> list[tuple[str, str]]:
    """Read FASTA, gzipped or not, as (header, upper-case sequence)."""
    raw = Path(path).read_bytes()
    text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("ascii")
    records = []
    for block in text.split(">")[1:]:
        header, *lines = block.splitlines()
        records.append((header.strip(), "".join(lines).strip().upper()))
    return records


def read_templates(path: str | Path, forward: str, reverse: str) -> list[Template]:
    """Read the reference and cut the amplicon out of each gene.

    Parameters
    ----------
    path
        FASTA with headers `<accession>;tax=d:..,p:..,c:..,o:..,f:..,g:..;`.
    forward, reverse
        Primers, 5' to 3', IUPAC codes allowed.

    Returns
    -------
    list of Template
        In the order of the file; `insert` is "" where a primer does not bind exactly.

    Raises
    ------
    VagusError
        If a header has no lineage.
    """
    pattern = re.compile(f"{_regex(forward)}([ACGT]+?){_regex(reverse_complement(reverse))}")
    templates = []
    for header, sequence in read_fasta(path):
        accession, _, tail = header.partition(";")
        names = dict(part.split(":", 1) for part in tail.removeprefix("tax=").rstrip(";").split(",") if part)
        if not {"d", "p", "c", "o", "f", "g"} <= names.keys():
            raise VagusError(f"{path}: header '{header}' has no lineage from domain to genus")
        hit = pattern.search(sequence)
        lineage = tuple(names[letter] for letter in "dpcofg")
        templates.append(Template(accession, lineage, sequence, hit.group(1) if hit else ""))
    return templates


def choose_templates(templates: Sequence[Template], accessions: Sequence[str]) -> list[Template]:
    """Return the templates with these accessions, in that order.

    Parameters
    ----------
    templates
        The whole reference.
    accessions
        What to choose.

    Returns
    -------
    list of Template
        One per accession.

    Raises
    ------
    VagusError
        If an accession is absent, has no amplicon, or shares its amplicon with another genus, in which case
        no classifier could tell the two apart.
    """
    known = {t.accession: t for t in templates}
    genera: dict[str, set[str]] = {}
    for template in templates:
        genera.setdefault(template.insert, set()).add(template.rank("genus"))
    chosen = []
    for accession in accessions:
        found = known.get(accession)
        if found is None or not found.insert:
            why = "is not in the reference" if found is None else "has no amplicon between the primers"
            raise VagusError(f"simulated trial: template {accession} {why}; choose another in config/demo")
        if len(genera[found.insert]) > 1:
            shared = ", ".join(sorted(genera[found.insert]))
            raise VagusError(
                f"simulated trial: the amplicon of {accession} belongs to several genera: {shared}"
            )
        chosen.append(found)
    return chosen


def write_reference(templates: Sequence[Template], path: str | Path) -> None:
    """Write the reference in DADA2's format: the lineage as the header, each name ended by a semicolon.

    Parameters
    ----------
    templates
        Genes to write.
    path
        Gzipped FASTA; the same bytes every time.
    """
    text = "".join(f">{';'.join(t.lineage)};\n{t.sequence}\n" for t in templates)
    Path(path).write_bytes(gzip.compress(text.encode("ascii"), 6, mtime=0))


def _regex(primer: str) -> str:
    return "".join(f"[{IUPAC[base]}]" for base in primer)

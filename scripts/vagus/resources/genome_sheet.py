"""The user's own genomes: a sheet of FASTA files with their taxonomy, checked before anything runs."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vagus.design.findings import Findings, did_you_mean, listed
from vagus.reads.fastq import open_bytes

RANKS = ("domain", "phylum", "class", "order", "family", "genus", "species")
REQUIRED = ("genome", "species")
COLUMNS = ("genome", "path", *RANKS, "strain", "taxid", "proteins", "product")
SUFFIXES = tuple(f".{kind}{gz}" for kind in ("fa", "fna", "ffn", "fasta") for gz in ("", ".gz"))
MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan"})
TAXONOMY_COLUMNS = ["genome", *RANKS]
YES_NO = {"yes": True, "true": True, "no": False, "false": False, "": False}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BAD_NAME = re.compile(r"[;|\"\t\x00-\x1f]")
_PREFIX = re.compile(r"^[dkpcofgs]__")
_SAMPLE = 4096


@dataclass(frozen=True)
class Genome:
    """One genome, or one gene catalogue of a species.

    Parameters
    ----------
    genome
        Id; sequences and sketches are named by it.
    path
        FASTA, plain or gzipped.
    lineage
        Names of the seven `RANKS`, blank where unknown.
    taxid
        NCBI taxid as the user gave it, or "".
    proteins
        FASTA of its proteins with KO labels, or None.
    strain
        Name of the strain, or "".
    product
        Whether it is of the product under trial.
    """

    genome: str
    path: Path
    lineage: tuple[str, ...]
    taxid: str = ""
    proteins: Path | None = None
    strain: str = ""
    product: bool = False

    @property
    def species(self) -> str:
        """The species."""
        return self.lineage[-1]


def lineage_of(cells: Mapping[str, str]) -> tuple[str, ...]:
    """Return the seven names of a row; a blank genus is the first word of the species.

    Parameters
    ----------
    cells
        Rank -> name, with or without `s__` and the like; other keys are left alone.
    """
    names = [_PREFIX.sub("", cells.get(rank, "").strip()).strip() for rank in RANKS]
    genus = RANKS.index("genus")
    if not names[genus] and names[-1]:
        names[genus] = names[-1].split()[0]
    return tuple(names)


def read_genome_sheet(path: str | Path, folder: str | Path | None, findings: Findings) -> list[Genome]:
    """Read and check the sheet of genomes.

    Parameters
    ----------
    path
        TSV with the columns genome and species, and any others of `COLUMNS`.
    folder
        Folder of the FASTA files where the sheet has no column `path`; None is the sheet's own folder.
    findings
        Where problems and notes go, all at once.

    Returns
    -------
    list of Genome
        In the order of the sheet; rows with problems are left out.
    """
    sheet, file = Path(path), str(path)
    rows = _read_rows(sheet, file, findings)
    genomes: list[Genome] = []
    ids: dict[str, int] = {}
    files: dict[str, int] = {}
    lines: list[int] = []
    for line, cells in rows:
        before = len(findings.problems)
        name = cells.get("genome", "")
        _check_id(name, line, ids, file, findings)
        lineage = lineage_of(cells)
        if not lineage[-1]:
            findings.problem(file, "no species", "name the species of every genome", line, "species")
        for rank, text in zip(RANKS, lineage, strict=True):
            if _BAD_NAME.search(text):
                findings.problem(
                    file, "illegal character", "rename it", line, rank, text, 'no ; | " or control characters'
                )
        taxid = cells.get("taxid", "")
        if taxid and not taxid.isdigit():
            findings.problem(
                file, "not a taxid", "give NCBI's number or leave it empty", line, "taxid", taxid
            )
        product = YES_NO.get(cells.get("product", "").lower())
        if product is None:
            findings.problem(
                file, "wrong value", "write yes or no", line, "product", cells["product"], "yes, no"
            )
        found = _find_genome(cells, sheet.parent, folder, line, file, findings)
        if found is not None:
            real = os.path.realpath(found)
            if real in files:
                findings.problem(
                    file,
                    f"the file of row {files[real]} again",
                    "give every genome its own file",
                    line,
                    "path" if "path" in cells else "genome",
                    cells.get("path") or name,
                )
            files.setdefault(real, line)
        proteins = None
        if cells.get("proteins"):
            proteins = _check_fasta(
                sheet.parent / cells["proteins"], cells["proteins"], line, "proteins", file, findings
            )
        if len(findings.problems) == before and found is not None:
            strain = cells.get("strain", "")
            genomes.append(Genome(name, found, lineage, taxid, proteins, strain, bool(product)))
            lines.append(line)
    _check_tree(genomes, lines, file, findings)
    return genomes


def _read_rows(sheet: Path, file: str, findings: Findings) -> list[tuple[int, dict[str, str]]]:
    try:
        text = sheet.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        findings.problem(file, "the sheet of genomes is missing", "mend the path in shotgun.genomes")
        return []
    except (OSError, UnicodeDecodeError) as error:
        findings.problem(file, f"can not be read ({error})", "save it as tab-separated text (UTF-8)")
        return []
    lines = [(n, t) for n, t in enumerate(text.splitlines(), 1) if t.strip() and not t.startswith("#")]
    if not lines:
        findings.problem(
            file, "the sheet is empty", f"give the columns {listed(REQUIRED)} and one row a genome"
        )
        return []
    columns = [cell.strip() for cell in lines[0][1].split("\t")]
    wrong = False
    for column in REQUIRED:
        if column not in columns:
            wrong = True
            fix = did_you_mean(column, columns, "add it; fields are separated by tabs")
            findings.problem(
                file, f"column '{column}' is missing", fix, row=lines[0][0], allowed=listed(COLUMNS)
            )
    for column in sorted({c for c in columns if columns.count(c) > 1}):
        wrong = True
        findings.problem(file, "column stands twice", "keep one", row=lines[0][0], column=column)
    for column in columns:
        if column not in COLUMNS:
            hint = did_you_mean(column, COLUMNS, "it is not used")
            findings.note(f"{file}: column '{column}' is unknown and left alone; {hint}")
    if wrong:
        return []
    rows = []
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(columns):
            findings.problem(
                file,
                f"{len(cells)} fields, but the header has {len(columns)}",
                "separate the fields with single tabs and keep empty ones",
                row=number,
            )
            continue
        filled = ["" if cell in MISSING else cell for cell in cells]
        rows.append((number, dict(zip(columns, filled, strict=True))))
    if len(lines) == 1:
        findings.problem(file, "the sheet has a header but no rows", "give one row a genome", row=lines[0][0])
    return rows


def _check_id(name: str, line: int, ids: dict[str, int], file: str, findings: Findings) -> None:
    if not name:
        findings.problem(file, "no genome id", "name every genome", line, "genome")
    elif not _ID.fullmatch(name):
        allowed = "letters, digits, . _ -, starting with a letter or digit"
        findings.problem(file, "illegal character", "rename it", line, "genome", name, allowed)
    elif name in ids:
        findings.problem(
            file, f"genome of row {ids[name]} again", "give every genome its own id", line, "genome", name
        )
    ids.setdefault(name, line)


def _find_genome(
    cells: Mapping[str, str],
    beside: Path,
    folder: str | Path | None,
    line: int,
    file: str,
    findings: Findings,
) -> Path | None:
    if "path" in cells:
        if not cells["path"]:
            findings.problem(file, "no file", "name the FASTA file of every genome", line, "path")
            return None
        return _check_fasta(beside / cells["path"], cells["path"], line, "path", file, findings)
    name = cells.get("genome", "")
    places = [Path(folder)] if folder else [beside]
    hits = [place / f"{name}{suffix}" for place in places for suffix in SUFFIXES]
    hits = [hit for hit in hits if name and hit.is_file()]
    if len(hits) > 1:
        what = f"several files: {listed(h.name for h in hits)}"
        findings.problem(file, what, "keep one, or add a column path", line, "genome", name)
        return None
    if not hits:
        findings.problem(
            file,
            f"no FASTA file in {places[0]}",
            "put it there, mend shotgun.genome_folder, or add a column path",
            line,
            "genome",
            name,
            f"{name} with {listed(SUFFIXES)}",
        )
        return None
    return _check_fasta(hits[0], hits[0].name, line, "genome", file, findings)


def _check_fasta(
    path: Path, shown: str, line: int, column: str, file: str, findings: Findings
) -> Path | None:
    if path.is_dir():
        findings.problem(file, "this is a folder", "name one FASTA file a row", line, column, shown)
        return None
    if not path.is_file():
        findings.problem(
            file, "file not found", f"mend the path; it is relative to {path.parent}", line, column, shown
        )
        return None
    try:
        with open_bytes(path) as handle:
            start = handle.read(_SAMPLE)
    except (EOFError, OSError, zlib.error) as error:
        findings.problem(file, f"can not be read ({error})", "fetch it again", line, column, shown)
        return None
    if not start.lstrip().startswith(b">"):
        findings.problem(
            file,
            "not a FASTA file",
            "give FASTA, plain or gzipped",
            line,
            column,
            shown,
            "text that starts with >",
        )
        return None
    return Path(os.path.abspath(path))


def _check_tree(genomes: Sequence[Genome], lines: Sequence[int], file: str, findings: Findings) -> None:
    """Demand that every name stands in one place of the tree."""
    seen: dict[tuple[int, str], tuple[tuple[str, ...], int]] = {}
    for genome, line in zip(genomes, lines, strict=True):
        # From the species upwards, and only the first disagreement: one slip would else be told seven times.
        for level in range(len(RANKS) - 1, 0, -1):
            name = genome.lineage[level]
            if not name:
                continue
            parents, first = seen.setdefault((level, name), (genome.lineage[:level], line))
            if parents == genome.lineage[:level]:
                continue
            up = max(i for i in range(level) if parents[i] != genome.lineage[i])
            what = (
                f"{RANKS[level]} {name} stands under {RANKS[up]} {genome.lineage[up] or '(blank)'}, "
                f"in row {first} under {parents[up] or '(blank)'}"
            )
            findings.problem(
                file, what, f"give both rows the same {RANKS[up]}", line, RANKS[up], genome.lineage[up]
            )
            break


def genome_rows(genomes: Iterable[Genome]) -> list[dict[str, str]]:
    """Return genomes as plain rows for a rule's params: without paths, which are its input.

    Parameters
    ----------
    genomes
        As `read_genome_sheet` gives them.
    """
    return [
        {
            "genome": g.genome,
            "lineage": ";".join(g.lineage),
            "taxid": g.taxid,
            "proteins": "yes" if g.proteins else "",
        }
        for g in genomes
    ]


def genomes_from_rows(
    rows: Sequence[Mapping[str, str]], paths: Sequence[str] = (), proteins: Sequence[str] = ()
) -> list[Genome]:
    """Join the rows of `genome_rows` with the files of a rule's input, in the same order.

    Parameters
    ----------
    rows
        One a genome.
    paths
        One FASTA a genome; none where the rule does not need them.
    proteins
        One FASTA for every row whose `proteins` is not blank; none where the rule does not need them.
    """
    later = iter(proteins)
    return [
        Genome(
            row["genome"],
            Path(paths[i]) if paths else Path(),
            tuple(row["lineage"].split(";")),
            row["taxid"],
            Path(next(later)) if proteins and row["proteins"] else None,
        )
        for i, row in enumerate(rows)
    ]


def write_taxonomy(genomes: Iterable[Genome], path: str | Path) -> None:
    """Write the taxonomy sheet of a reference: `genome` and the seven ranks, ordered by genome."""
    rows = sorted((g.genome, *g.lineage) for g in genomes)
    lines = ["\t".join(row) for row in [tuple(TAXONOMY_COLUMNS), *rows]]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

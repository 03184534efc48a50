"""Taxonomy of shotgun reads with MetaPhlAn 4."""

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import count_reads
from vagus.reads.tools import run_tool, tool_version
from vagus.shotgun.lineages import add_values, join_lineage
from vagus.shotgun.tables import RANKS, UNCLASSIFIED, SampleReads, find_sample_reads, write_taxa
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

UNKNOWN = frozenset({"UNCLASSIFIED", "UNKNOWN"})
_LETTERS = dict(zip("kpcofgs", RANKS, strict=True))


def split_clade(name: str) -> dict[str, str]:
    """Turn `k__Bacteria|p__...|s__Bacteroides_dorei` into rank -> name, of `RANKS`; SGBs are left out."""
    return {_LETTERS[p[0]]: p[3:].replace("_", " ") for p in name.split("|") if p[:1] in _LETTERS}


def parse_profile(lines: Iterable[str], where: str) -> dict[str, float]:
    """Parse a profile of one sample, of MetaPhlAn 2 to 4, `-t rel_ab` or `rel_ab_w_read_stats`.

    Parameters
    ----------
    lines
        Of the file.
    where
        File, for messages.

    Returns
    -------
    dict
        Lineage of each species -> share of the sample, and `unclassified`; the sum is 1. SGBs (`t__`) are
        left out,
        their species are there.

    Raises
    ------
    VagusError
        If it is no profile, of several samples, or the species do not add up.
    """
    column, width = None, 0
    values: list[tuple[str, float]] = []
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t")
        name = cells[0].lstrip("#")
        if name in ("clade_name", "ID", "SampleID") and len(cells) > 1:
            if "relative_abundance" in cells:
                column = cells.index("relative_abundance")
            elif name == "clade_name" or (column is None and name != "clade_name"):
                others = [i for i, c in enumerate(cells) if i and c not in ("NCBI_tax_id", "clade_taxid")]
                # A line "#SampleID <name>" stands above the true header too.
                column = others[0]
                if len(others) > 1:
                    raise VagusError(f"{where}: is of {len(others)} samples; fix: give the profile of one")
            width = len(cells)
            continue
        if line.startswith("#") or not line.strip():
            continue
        if column is None or len(cells) <= column:
            raise VagusError(f"{where}, row {number}: not a profile of MetaPhlAn; fix: run it with -t rel_ab")
        last = name.rsplit("|", 1)[-1]
        if last not in UNKNOWN and not last.startswith("s__"):
            continue
        try:
            value = float(cells[column]) / 100
        except ValueError:
            raise VagusError(
                f"{where}, row {number}: {cells[column]!r} is not a number; fix: run it again"
            ) from None
        if last in UNKNOWN:
            values.append((UNCLASSIFIED, value))
        else:
            values.append((join_lineage(split_clade(name)), value))
    if not width:
        raise VagusError(f"{where}: has no header of MetaPhlAn; fix: run it with -t rel_ab")
    found = add_values(values)
    total = sum(found.values())
    if total == 0:
        return {UNCLASSIFIED: 1.0}
    if abs(total - 1) > 0.01:
        raise VagusError(
            f"{where}: species and unclassified add up to {total:.1%}; "
            f"allowed: 100 %; fix: run with --tax_lev a"
        )
    found = {k: v / total for k, v in found.items() if v > 0}
    found.setdefault(UNCLASSIFIED, 0.0)
    return found


def metaphlan_command(
    version: str, reads: SampleReads, database: str | Path, index: str, scratch: Path, threads: int
) -> list[str | Path]:
    """Return the command, whose flags changed with 4.2.

    Parameters
    ----------
    version
        As `metaphlan --version` states it.
    reads
        Of the sample.
    database
        Folder of the database.
    index
        Name of the database in it; "" leaves the choice to MetaPhlAn.
    scratch
        Folder for its files; the profile is `profile.tsv`.
    threads
        Threads.

    Raises
    ------
    VagusError
        If the version is not 4, or a path has a comma.
    """
    numbers = tuple(int(p) for p in version.split(".")[:2] if p.isdigit())
    if len(numbers) < 2 or numbers[0] != 4:
        raise VagusError(
            f"metaphlan is of version {version or 'unknown'}; allowed: 4; fix: install MetaPhlAn 4"
        )
    if any("," in str(f) for f in reads.files):
        raise VagusError(f"metaphlan, sample {reads.sample}: a path has a comma; fix: move the results")
    new = numbers >= (4, 2)
    command: list[str | Path] = ["metaphlan", ",".join(map(str, reads.files)), "--input_type", "fastq"]
    command += ["--db_dir" if new else "--bowtie2db", database, "--mapout" if new else "--bowtie2out"]
    command += [scratch / "map.bz2", "-t", "rel_ab_w_read_stats", "--nproc", str(threads), "--offline"]
    # From 4.2 on the unclassified share is estimated unless told otherwise.
    command += [] if new else ["--unclassified_estimation"]
    command += ["--index", index] if index else []
    return [*command, "-o", scratch / "profile.tsv"]


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    database: str,
    output: str,
    settings: Mapping[str, Any],
    threads: int,
) -> None:
    """Profile all samples into the folder `output`.

    References
    ----------
    Blanco-Miguez A et al. (2023) Nat Biotechnol 41:1633, doi:10.1038/s41587-023-01688-w
    """
    version = tool_version("metaphlan")
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    index = str(settings.get("index") or "")
    head = {"engine": "metaphlan", "version": version, "kind": "relative", "unit": "share of the sample"}
    for sample in samples:
        reads = find_sample_reads(clean, sample)
        total = sum(count_reads(f) for f in [*(p[0] for p in reads.pairs), *reads.singles])
        values: dict[str, float] = {}
        if total:
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                command = metaphlan_command(version, reads, database, index, Path(scratch), threads)
                run_tool(command, f"metaphlan, sample {sample}")
                with (Path(scratch) / "profile.tsv").open(encoding="utf-8") as handle:
                    values = parse_profile(handle, f"metaphlan, sample {sample}")
        stats = {
            "reads": total,
            "unclassified_share": values.get(UNCLASSIFIED),
            # MetaPhlAn's limit depends on how many of a species' markers are hit, not on a share of the
            # reads.
            "detection_limit": None,
            "reference": index or Path(database).name,
        }
        write_taxa(values, {**head, **stats}, folder, sample)


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            str(snakemake.input.database),
            str(snakemake.output[0]),
            snakemake.params.settings,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

"""Functions with HUMAnN 3, run as a program: KOs of its gene families and MetaCyc pathways, per genome."""

import gzip
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import count_reads, is_gzip, open_bytes
from vagus.reads.tools import run_tool
from vagus.shotgun.genome_size import choose_markers, per_genome
from vagus.shotgun.humann_table import read_joined
from vagus.shotgun.tables import SampleReads, find_sample_reads, write_function
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

_KO = re.compile(r"K\d{5}")
_UNALIGNED = re.compile(r"Unaligned reads after (?:translated|nucleotide) alignment:\s*([\d.]+)\s*%")


@dataclass
class HumannTable:
    """A table that HUMAnN wrote for one sample.

    Parameters
    ----------
    values
        (feature, taxon) -> value; taxon "" if the table is not stratified.
    left
        UNMAPPED and the like -> value.
    """

    values: dict[tuple[str, str], float]
    left: dict[str, float]


def read_humann(path: str | Path) -> HumannTable:
    """Read gene families, regrouped KOs or pathway abundances of one sample.

    Parameters
    ----------
    path
        TSV as HUMAnN writes it; see `humann_table.read_joined`.

    Returns
    -------
    HumannTable
        Strata as they are. A feature without is `unclassified`, or in a table without any stratum has
        taxon "".

    Raises
    ------
    VagusError
        If the table is none, is of several samples, or holds what is no number.
    """
    joined = read_joined(path)
    if len(joined.samples) != 1:
        raise VagusError(
            f"{path}: {len(joined.samples) + 1} columns; allowed: a HUMAnN table of one sample, "
            "'# Gene Family' and a value; fix: give the table of each sample before they are joined"
        )
    table, keys = joined.stratify()
    values = dict(zip(keys, table.toarray()[:, 0].tolist(), strict=True))
    return HumannTable(values, {name: float(row[0]) for name, row in joined.left.items()})


def mapping_kos(path: str | Path) -> set[str]:
    """Read the KOs of a mapping for `humann_regroup_table`: a KO and its gene families in each line.

    Raises
    ------
    VagusError
        If no line starts with a KO.
    """
    with open_bytes(path) as handle:
        firsts = {line.split(b"\t", 1)[0].decode("utf-8", "replace").strip() for line in handle}
    kos = {k for k in firsts if _KO.fullmatch(k)}
    if not kos:
        raise VagusError(
            f"{path}: no line starts with a KO; allowed: lines of a KO and its gene families between tabs, "
            "as in map_ko_uniref90.txt.gz of `humann_databases --download utility_mapping full`"
        )
    return kos


def join_reads(reads: SampleReads, target: Path) -> int:
    """Write all reads of a sample into one FASTQ, which is how HUMAnN takes mates; return reads, pairs once.

    Parameters
    ----------
    reads
        Of the sample.
    target
        Ends in `.fastq.gz`. Gzip files are put end to end as they are.
    """
    with target.open("wb") as out:
        for path in reads.files:
            with path.open("rb") as handle:
                if is_gzip(path):
                    shutil.copyfileobj(handle, out)
                else:
                    out.write(gzip.compress(handle.read(), mtime=0))
    return sum(count_reads(f) for f in [first for first, _ in reads.pairs] + reads.singles)


def humann_command(
    reads: Path, out: Path, sample: str, nucleotide: str, protein: str, profile: str | None,
    settings: Mapping[str, Any], threads: int,
) -> list[str]:  # fmt: skip
    """Return the call of HUMAnN: MinPath on, and gap filling off so that no absent step is made up.

    References
    ----------
    Beghini F et al. (2021) eLife 10:e65088, doi:10.7554/eLife.65088
    """
    command = ["humann", "--input", str(reads), "--output", str(out), "--output-basename", sample]
    command += ["--threads", str(threads), "--nucleotide-database", nucleotide, "--protein-database", protein]
    command += ["--pathways", "metacyc", "--gap-fill", "off", "--minpath", "on"]
    command += ["--remove-temp-output", "--remove-column-description-output"]
    if profile is not None:
        command += ["--taxonomic-profile", profile]
    elif settings.get("bypass_prescreen"):
        command += ["--bypass-prescreen"]
    return command


def unaligned_share(said: str, families: HumannTable) -> float:
    """Return the share of reads without a gene family: as HUMAnN says, else as its table has it."""
    found = _UNALIGNED.findall(said)
    if found:
        return float(found[-1]) / 100
    lost = families.left.get("UNMAPPED", 0.0)
    whole = lost + sum(families.values.values())
    return lost / whole if whole else 1.0


def profile_sample(
    reads: SampleReads, databases: tuple[str, str], mapping: str, profile: str | None,
    settings: Mapping[str, Any], threads: int, scratch: Path,
) -> tuple[HumannTable, HumannTable, dict[str, Any]]:  # fmt: skip
    """Run HUMAnN on a sample and regroup its gene families.

    Parameters
    ----------
    reads
        Of the sample.
    databases
        Folders of the nucleotide and protein databases.
    mapping
        Gene families of each KO, for `humann_regroup_table`.
    profile
        MetaPhlAn profile of the sample; None lets HUMAnN run MetaPhlAn, or with the setting bypass_prescreen
        search all of the nucleotide database.
    settings, threads
        Of the run.
    scratch
        Folder for what is thrown away.

    Returns
    -------
    tuple
        KOs, pathways, both in reads per kilobase, and reads and assigned_share for the statistics.

    Raises
    ------
    VagusError
        If HUMAnN fails.
    """
    sample, where = reads.sample, f"HUMAnN, sample {reads.sample}"
    joined = scratch / f"{sample}.fastq.gz"
    count = join_reads(reads, joined)
    if count == 0:
        return HumannTable({}, {}), HumannTable({}, {}), {"reads": 0, "assigned_share": 0.0}
    out = scratch / "humann"
    said = run_tool(humann_command(joined, out, sample, *databases, profile, settings, threads), where)
    joined.unlink()
    families, kos = out / f"{sample}_genefamilies.tsv", scratch / "ko.tsv"
    run_tool(
        ["humann_regroup_table", "-i", families, "-c", mapping, "-u", "Y", "-o", kos], f"{where}, regrouping"
    )
    share = 1 - unaligned_share(said, read_humann(families))
    return (
        read_humann(kos),
        read_humann(out / f"{sample}_pathabundance.tsv"),
        {
            "reads": count,
            "assigned_share": share,
        },
    )


def find_profile(folder: str | None, sample: str) -> str | None:
    """Return the sample's MetaPhlAn profile `<sample>.metaphlan.tsv`; `VagusError` if it is not there."""
    if folder is None:
        return None
    path = Path(folder) / f"{sample}.metaphlan.tsv"
    if not path.exists():
        raise VagusError(f"HUMAnN, sample {sample}: no profile {path}; fix: run MetaPhlAn on all samples")
    return str(path)


def scale(
    values: Mapping[tuple[str, str], float], by: float | None
) -> Iterator[tuple[tuple[str, str], float]]:
    """Divide values above 0 by the genome equivalents; None leaves them as they are, 0 leaves none."""
    for key, value in values.items():
        if value > 0 and by != 0:
            yield key, value / (by or 1.0)


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    nucleotide: str,
    protein: str,
    mapping: str,
    markers: str,
    profiles: str | None,
    output: str,
    settings: Mapping[str, Any],
    threads: int,
) -> None:
    """Profile the functions of samples into the folder `output`.

    Parameters
    ----------
    clean, samples
        Folders of clean reads, and sample ids.
    nucleotide, protein, mapping
        See `profile_sample`.
    markers
        Table of single-copy markers; KOs and pathways in reads per kilobase are divided by the markers'
        median, which is the reads per kilobase of one copy per genome.
    profiles
        Folder of MetaPhlAn profiles, or None.
    output
        Folder to make.
    settings
        bypass_prescreen, genome_equivalents.
    threads
        Threads.
    """
    yardstick = choose_markers(settings, markers, mapping_kos(mapping), mapping)
    version = run_tool(["humann", "--version"], "HUMAnN").split()[-1].removeprefix("v")
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        reads, profile = find_sample_reads(clean, sample), find_profile(profiles, sample)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            found, routes, facts = profile_sample(
                reads, (nucleotide, protein), mapping, profile, settings, threads, Path(scratch)
            )
        depths = {key: value for key, value in found.values.items() if _KO.fullmatch(key[0])}
        values, noted = per_genome(depths, yardstick)
        if yardstick is None:
            noted["unit"] = "reads per kilobase"
        # One value for both levels: pathways are in the reads per kilobase of their gene families.
        stats = {"engine": "humann", "version": version, "status": "ok", **facts, **noted}
        if facts["reads"] == 0:
            stats |= {"status": "no reads", "reason": "the sample has no reads"}
        per_copy = dict(scale(routes.values, noted["genome_equivalents"]))
        write_function(per_copy, stats, folder, sample, "pathway")
        write_function(values, stats, folder, sample, "ko")


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            snakemake.input.nucleotide,
            snakemake.input.protein,
            snakemake.input.mapping,
            snakemake.input.markers,
            next(iter(snakemake.input.get("profiles", [])), None),
            snakemake.output[0],
            snakemake.params.settings,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

"""Taxonomy of shotgun reads with sourmash: the fewest genomes that hold the sample's k-mers."""

import csv
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import count_reads
from vagus.reads.tools import run_tool
from vagus.shotgun.kmer_shares import is_distant, share_out
from vagus.shotgun.lineages import add_values, find_lineage, read_lineages
from vagus.shotgun.read_shares import lift_rare
from vagus.shotgun.read_survival import measure_survival
from vagus.shotgun.tables import UNCLASSIFIED, SampleReads, find_sample_reads, write_taxa
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Fewest distinct k-mers, not explained by a genome before it, on which a genome is called.
MIN_HASHES = 10


@dataclass(frozen=True)
class SourmashSettings:
    """How genomes are found.

    Parameters
    ----------
    ksize, scaled
        Of the sketches. A `scaled` below the reference's is of no use: gather takes the larger.
    threshold_bp
        Bases of a genome that must be there and nowhere else, estimated as distinct k-mers x scaled; 0 takes
        10 k-mers, that is 10 kb at scaled 1000. sourmash's own 50 kb would miss a genome of 4 Mb below 0.01x
        and
        one of 200 kb below 0.3x; one k-mer alone may be shared by chance or by a mobile element.
    min_ani
        A genome is dropped whose own k-mers are so few for their depth that what is there is less alike than
        this:
        a relative that the reference does not hold.
    min_genus_share
        As for Kraken 2: misread bases of one species make k-mers of a near-identical other.
    """

    ksize: int = 31
    scaled: int = 1000
    threshold_bp: float = 0
    min_ani: float = 0.95
    min_genus_share: float = 0.005

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "SourmashSettings":
        """Take the keys that are named here; `VagusError` if a value is not allowed."""
        made = cls(**{k: settings[k] for k in cls.__dataclass_fields__ if k in settings})
        if made.scaled < 1 or made.ksize < 11 or made.threshold_bp < 0 or not 0 <= made.min_ani < 1:
            raise VagusError(
                "sourmash: a setting is out of range; allowed: scaled >= 1, "
                "ksize >= 11, threshold_bp >= 0, 0 <= min_ani < 1; fix: leave it at its default"
            )
        return made

    @property
    def threshold(self) -> float:
        """Bases for `--threshold-bp`."""
        return self.threshold_bp or float(MIN_HASHES * self.scaled)


@dataclass(frozen=True)
class Match:
    """A genome of the reference that gather found.

    Parameters
    ----------
    name
        Of its sketch.
    share
        Abundance-weighted share of the sample's k-mers that it holds and no genome before it does.
    """

    name: str
    share: float


def parse_gather(lines: Iterable[str], where: str) -> list[Match]:
    """Parse the table of `sourmash gather`, or of the plugin's `fastgather`.

    Parameters
    ----------
    lines
        CSV.
    where
        File, for messages.

    Returns
    -------
    list of Match
        In the order in which they were found.

    Raises
    ------
    VagusError
        If the table has no abundance-weighted shares.
    """
    rows = csv.DictReader(lines)
    fields = rows.fieldnames or []
    name = next((f for f in ("name", "match_name") if f in fields), None)
    if fields and (name is None or "f_unique_weighted" not in fields):
        raise VagusError(
            f"{where}: not a table of sourmash gather with abundances; fix: update sourmash and its plugin"
        )
    found = [Match(row[str(name)], float(row["f_unique_weighted"] or 0)) for row in rows]
    return [m for m in found if m.share > 0]


def split_shares(
    shares: Sequence[tuple[str, float]], survival: float | None
) -> tuple[dict[str, float], float]:
    """Turn shares of k-mers into shares of the reads.

    Parameters
    ----------
    shares
        (lineage, share of the k-mers).
    survival
        Share of the k-mers of known organisms that the reads still show, see `read_survival`; None corrects
        nothing.

    Returns
    -------
    tuple
        Lineage -> share, and `unclassified`; the sum of all is 1. And the factor used.
    """
    total = sum(share for _, share in shares)
    # Chance may put the quotient above 1; then all is classified.
    factor = 1.0 if survival is None or not total else min(1 / survival, 1 / total)
    values = add_values((lineage, share * factor) for lineage, share in shares)
    values[UNCLASSIFIED] = max(0.0, 1 - sum(values.values()))
    return values, factor


def has_fastgather() -> bool:
    """Tell whether the branchwater plugin is installed beside sourmash."""
    from importlib.metadata import entry_points

    return any(e.name == "fastgather" for e in entry_points(group="sourmash.cli_script"))


def sketch_reads(reads: SampleReads, settings: SourmashSettings, target: Path) -> None:
    """Sketch all files of a sample into one sketch with abundances."""
    params = f"k={settings.ksize},scaled={settings.scaled},abund"
    command: list[str | Path] = [
        "sourmash",
        "sketch",
        "dna",
        "-p",
        params,
        "--merge",
        reads.sample,
        "-o",
        target,
    ]
    run_tool([*command, *reads.files], f"sourmash sketch, sample {reads.sample}")


def gather(
    sketch: Path, database: Path, settings: SourmashSettings, threads: int, table: Path, sample: str
) -> list[Match]:
    """Run fastgather where it is installed and the reference is a zip, else gather."""
    if has_fastgather() and database.suffix == ".zip":
        command: list[str | Path] = ["sourmash", "scripts", "fastgather", sketch, database, "-o", table]
        command += ["-k", str(settings.ksize), "-s", str(settings.scaled), "-c", str(threads)]
        command += ["-t", str(round(settings.threshold))]
    else:
        command = ["sourmash", "gather", "--quiet", sketch, database, "-k", str(settings.ksize), "-o", table]
        command += ["--scaled", str(settings.scaled), "--threshold-bp", str(settings.threshold)]
        command += ["--create-empty-results"]
    run_tool(command, f"sourmash gather, sample {sample}")
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as handle:
        return parse_gather(handle, str(table))


def load_hashes(database: Path, names: Sequence[str], settings: SourmashSettings) -> dict[str, np.ndarray]:
    """Load the k-mers of some genomes of the reference; a name that stands twice in it gets those of both."""
    import sourmash
    from sourmash.picklist import SignaturePicklist

    wanted = SignaturePicklist("name")
    wanted.init(list(names))
    index = sourmash.load_file_as_index(str(database)).select(
        ksize=settings.ksize, moltype="DNA", picklist=wanted
    )
    found: dict[str, np.ndarray] = {}
    for sketch in index.signatures():
        hashes = np.fromiter(sketch.minhash.downsample(scaled=settings.scaled).hashes.keys(), np.uint64)
        found[sketch.name] = np.union1d(found.get(sketch.name, np.empty(0, np.uint64)), hashes)
    return found


def profile_sample(
    reads: SampleReads,
    database: Path,
    taxonomy: str | Path,
    lineages: Mapping[str, str],
    settings: SourmashSettings,
    threads: int,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Profile one sample; return the share of each lineage and what is to be known about them.

    References
    ----------
    Irber L et al. (2022) bioRxiv, doi:10.1101/2022.01.11.475838 (gather);
    Irber L et al. (2024) J Open Source Softw 9:6830, doi:10.21105/joss.06830
    """
    import sourmash

    total = sum(count_reads(f) for f in [*(p[0] for p in reads.pairs), *reads.singles])
    stats: dict[str, Any] = {"reads": total, "unclassified_share": None, "detection_limit": None}
    if not total:
        return {}, stats
    with tempfile.TemporaryDirectory() as scratch:
        query = Path(scratch) / "reads.sig.zip"
        sketch_reads(reads, settings, query)
        sketches = list(sourmash.load_file_as_signatures(str(query)))
        counts = dict(sketches[0].minhash.hashes) if sketches else {}
        weight = sum(counts.values())
        matches = (
            gather(query, database, settings, threads, Path(scratch) / "gather.csv", reads.sample)
            if counts
            else []
        )
    hashes = load_hashes(database, [m.name for m in matches], settings) if matches else {}
    held, seen, dropped = np.empty(0, np.uint64), [], []
    for match in matches:
        own = np.setdiff1d(hashes[match.name], held, assume_unique=True)
        abundances = np.array([counts[h] for h in own.tolist() if h in counts])
        held = np.union1d(held, own)
        if is_distant(len(own), abundances, settings.ksize, settings.min_ani):
            dropped.append(match.name)
        else:
            seen.append(match)
    known = np.unique(np.concatenate([hashes[m.name] for m in seen])) if seen else np.empty(0, np.uint64)
    survival = measure_survival(reads, known, settings.ksize, settings.scaled, total)
    parts = share_out([hashes[m.name] for m in seen], counts, weight)
    shares = [(find_lineage(m.name, lineages, taxonomy), part) for m, part in zip(seen, parts, strict=True)]
    values, factor = split_shares(shares, survival.share())
    values = lift_rare(values, 0, settings.min_genus_share)
    stats["detection_limit"] = settings.threshold / settings.scaled / weight * factor if weight else None
    return values, stats | {
        "unclassified_share": values[UNCLASSIFIED],
        "unmatched_kmer_share": 1 - sum(s for _, s in shares),
        "kmer_survival": survival.share(),
        "kmer_survival_pairs": survival.pairs,
        "dropped_as_distant": dropped,
        "ksize": settings.ksize,
        "scaled": settings.scaled,
        "detection_limit_of_genus": settings.min_genus_share,
        "threshold_bp": settings.threshold,
    }


def main(
    clean: Sequence[str],
    samples: Sequence[str],
    database: str,
    taxonomy: str,
    output: str,
    settings: Mapping[str, Any],
    threads: int,
) -> None:
    """Profile all samples into the folder `output`."""
    import sourmash

    chosen = effective(SourmashSettings.of(settings), Path(database))
    lineages = read_lineages(taxonomy)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "engine": "sourmash",
        "version": sourmash.VERSION,
        "kind": "relative",
        "unit": "share of the reads",
    }
    for sample in samples:
        reads = find_sample_reads(clean, sample)
        values, stats = profile_sample(reads, Path(database), taxonomy, lineages, chosen, threads)
        write_taxa(values, {**head, "reference": Path(database).name, **stats}, folder, sample)


def effective(settings: SourmashSettings, database: Path) -> SourmashSettings:
    """Raise `scaled` to the reference's, `VagusError` if it has no sketch of that ksize."""
    import sourmash

    try:
        index = sourmash.load_file_as_index(str(database)).select(ksize=settings.ksize, moltype="DNA")
        first = next(iter(index.signatures()), None)
    except ValueError as error:
        raise VagusError(
            f"{database}: sourmash can not read it ({error}); fix: build or fetch it again"
        ) from None
    if first is None:
        raise VagusError(
            f"{database}: no DNA sketch with ksize {settings.ksize}; "
            f"fix: give sketches of that ksize in databases.sourmash"
        )
    scaled = max(settings.scaled, int(first.minhash.scaled))
    return replace(settings, scaled=scaled)


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.clean),
            list(snakemake.params.samples),
            str(snakemake.input.database),
            str(snakemake.input.taxonomy),
            str(snakemake.output[0]),
            snakemake.params.settings,
            snakemake.threads,
        ),
        snakemake.log[0],
    )

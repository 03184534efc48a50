"""The host's genome as an index: built from FASTA, or one that is there already."""

import gzip
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.reads.fastq import open_bytes
from vagus.reads.tools import find_tool, last_words, run_tool
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ALIGNERS = ("bowtie2", "minimap2")
ALLOWED = "FASTA (plain or .gz), the prefix of a bowtie2 index, or a minimap2 index (.mmi)"
BOWTIE2_PARTS = ("1", "2", "3", "4", "rev.1", "rev.2")
STEM = "host"
_MMI_MAGIC = b"MMI\x02"
_BLOCK = 1 << 20


def host_kind(path: str | Path) -> str:
    """Tell what the user gave as the host.

    Parameters
    ----------
    path
        A FASTA file, the prefix of a bowtie2 index, or a minimap2 index.

    Returns
    -------
    str
        `fasta`, `bowtie2` or `minimap2`.

    Raises
    ------
    VagusError
        For anything else, also for an index of which parts are missing.
    """
    where = Path(path)
    if where.is_file():
        if where.name.endswith((".bt2", ".bt2l")):
            prefix = where.with_name(where.name.rsplit(".bt2", 1)[0])
            prefix = prefix.with_name(
                prefix.name.removesuffix(prefix.suffix).removesuffix(".rev")  # host.rev.1 and host.1
            )
            raise VagusError(
                f"host {path}: this is one file of a bowtie2 index; fix: give the prefix {prefix}"
            )
        return _file_kind(where)
    found = {
        end: [part for part in BOWTIE2_PARTS if Path(f"{path}.{part}.{end}").is_file()]
        for end in ("bt2", "bt2l")
    }
    end = max(found, key=lambda e: len(found[e]))
    if len(found[end]) == len(BOWTIE2_PARTS):
        return "bowtie2"
    if found[end]:
        missing = [f"{where.name}.{part}.{end}" for part in BOWTIE2_PARTS if part not in found[end]]
        raise VagusError(
            f"host {path}: the bowtie2 index lacks {', '.join(missing)}; "
            "fix: fetch all six files, or build it again with bowtie2-build"
        )
    what = "is a directory" if where.is_dir() else "does not exist"
    raise VagusError(f"host {path}: {what}; allowed: {ALLOWED}; fix: check the path")


def _file_kind(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            if handle.read(len(_MMI_MAGIC)) == _MMI_MAGIC:
                return "minimap2"
        if path.name.endswith(".mmi"):
            raise VagusError(f"host {path}: named .mmi, but no minimap2 index; fix: build it again")
        with open_bytes(path) as handle:
            start = handle.read(1)
    except (EOFError, OSError, zlib.error) as error:
        raise VagusError(
            f"host {path}: the file can not be read ({error}); fix: fetch it again and compare checksums"
        ) from None
    if start == b">":
        return "fasta"
    what = "the file is empty" if not start else "FASTQ, not FASTA" if start == b"@" else "no FASTA"
    raise VagusError(f"host {path}: {what}; allowed: {ALLOWED}; fix: give the host's genome")


def find_index(path: str | Path) -> tuple[str, str]:
    """Find the index to align to.

    Parameters
    ----------
    path
        A directory written by `build_host_index`, or an index that `host_kind` knows.

    Returns
    -------
    tuple of str
        `bowtie2` or `minimap2`, and what this aligner wants as its index.

    Raises
    ------
    VagusError
        If it is FASTA, or nothing that an aligner reads.
    """
    where = Path(path)
    if where.is_dir():
        where = where / f"{STEM}.mmi" if (where / f"{STEM}.mmi").is_file() else where / STEM
    kind = host_kind(where)
    if kind == "fasta":
        raise VagusError(f"host {path}: FASTA is no index; fix: build one with build_host_index first")
    return kind, str(where)


def build_host_index(
    sources: Sequence[str | Path], aligner: str, folder: str | Path, threads: int, log: Path | None = None
) -> tuple[str, str]:
    """Build an index from one or several FASTA files.

    Parameters
    ----------
    sources
        FASTA, plain or gzipped; all their sequences are the host (for example human and a decoy).
    aligner
        `bowtie2` or `minimap2`.
    folder
        Directory to make; holds `host.*.bt2` (`.bt2l` for genomes above 4 Gb) or `host.mmi`.
    threads
        Threads of the builder.
    log
        The builder's words, if it is minimap2.

    Returns
    -------
    tuple of str
        As `find_index` gives it.

    Raises
    ------
    VagusError
        If a source is no FASTA or the builder fails.

    References
    ----------
    Langmead B, Salzberg SL (2012) Nat Methods 9:357, doi:10.1038/nmeth.1923
    Li H (2018) Bioinformatics 34:3094, doi:10.1093/bioinformatics/bty191
    """
    if aligner not in ALIGNERS:
        raise VagusError(
            f"host: aligner {aligner!r}; allowed: {', '.join(ALIGNERS)}; fix: choose one of them"
        )
    for source in sources:
        if host_kind(source) != "fasta":
            raise VagusError(f"host {source}: this is an index already; fix: give it alone, as the host")
        if "," in str(source):
            raise VagusError(f"host {source}: there is a comma in the path; fix: rename the file")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if aligner == "bowtie2":
        command: list[str | Path] = ["bowtie2-build", "--quiet", "--threads", str(max(1, threads))]
        run_tool([*command, ",".join(map(str, sources)), target / STEM], "host index", log)
    else:
        _build_mmi(sources, target / f"{STEM}.mmi", threads, log or target / "minimap2.log")
    return find_index(target)


def _build_mmi(sources: Sequence[str | Path], target: Path, threads: int, log: Path) -> None:
    # One part, however large: an index of several parts would give the reads once for each.
    command = [
        find_tool("minimap2"),
        "-x",
        "sr",
        "-I",
        "1000G",
        "-t",
        str(max(1, threads)),
        "-d",
        str(target),
    ]
    with log.open("wb") as words:
        run = subprocess.Popen([*command, "-"], stdin=subprocess.PIPE, stdout=words, stderr=words)
        assert run.stdin is not None
        try:
            for source in sources:
                _copy(source, run.stdin)
            run.stdin.close()
        except BrokenPipeError:  # it ended early; its status and words say why
            pass
        except BaseException:
            run.kill()
            raise
        finally:
            status = run.wait()
    if status != 0:
        said = last_words(log.read_text(encoding="utf-8", errors="replace"))
        raise VagusError(f"host index: minimap2 failed with status {status}: {said}")


def _copy(source: str | Path, stream) -> None:  # type: ignore[no-untyped-def]
    last = b"\n"
    try:
        with open_bytes(source) as handle:
            while block := handle.read(_BLOCK):
                stream.write(block)
                last = block[-1:]
    except BrokenPipeError:
        raise
    except (EOFError, gzip.BadGzipFile, OSError, zlib.error) as error:
        raise VagusError(
            f"host {source}: the file can not be read to its end ({error}); fix: fetch it again"
        ) from None
    if last != b"\n":
        stream.write(b"\n")


def main(sources: list[str], aligner: str, output: str, threads: int) -> None:
    """Build the index in the directory `output`."""
    kind, index = build_host_index(sources, aligner, output, threads)
    print(f"{kind} index {index} of {len(sources)} file(s)")


if "snakemake" in globals():
    run_step(
        lambda: main(
            list(snakemake.input.fasta), snakemake.params.aligner, snakemake.output[0], snakemake.threads
        ),
        snakemake.log[0],
    )

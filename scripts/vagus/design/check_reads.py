"""Look into the read files: whole, FASTQ, mates that belong together."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from vagus.design.findings import Findings
from vagus.design.model import Design, Unit

# isal reads gzip about twice as fast as the standard library; cutadapt brings it where it can be had.
_open_gzip: Callable[..., Any] = gzip.open
_GZIP_ERRORS: list[Any] = [EOFError, OSError, zlib.error]
try:
    from isal import igzip, isal_zlib

    _open_gzip = igzip.open
    _GZIP_ERRORS.append(isal_zlib.error)
except ImportError:
    pass

HEAD_RECORDS = 1000
# Phred+64 ends at 'j' (Q42). Made-up reads may all be 'I' (Q40) and SRA Lite's are all '?' (Q30), but no
# machine calls every base better than 'K' (Q42): PacBio HiFi reaches '~' (Q93), but not everywhere.
_BEST_CONSTANT, _BEST_PHRED64 = ord("K"), ord("j")
_ODD_FIX = (
    "give the reads as they came from the sequencer, with their own qualities (Phred+33); "
    "for made reads set reads.allow_odd_qualities: true"
)
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_BASES = re.compile(rb"[ACGTUNRYSWKMBDHVacgtunryswkmbdhv.-]*")


@dataclass
class ReadFile:
    """What one FASTQ file holds.

    Parameters
    ----------
    path
        The file.
    reads
        Number of reads; None if it was not read to the end.
    names
        Names of the first records, up to the first blank.
    mates
        Mate number that the headers of the first records give: "1", "2" or "".
    sequences
        Their sequences.
    problem, fix
        What is wrong with the file by itself, "" if nothing.
    odd
        Qualities that no sequencer gives, in words; "" if there are none.
    order
        Digest of the names of all records after the first ones; "" if they were not looked at.
    """

    path: str
    reads: int | None = None
    names: list[str] = field(default_factory=list)
    mates: set[str] = field(default_factory=set)
    sequences: list[bytes] = field(default_factory=list)
    problem: str = ""
    fix: str = ""
    odd: str = ""
    order: str = ""


def check_reads(
    design: Design,
    file: str,
    findings: Findings,
    threads: int = 2,
    max_bytes: int | None = None,
    allow_odd_qualities: bool = False,
) -> dict[str, int | None]:
    """Check the contents of every read file of a design.

    Parameters
    ----------
    design
        With the libraries to look at.
    file
        Name of the samples sheet, for the messages.
    findings
        Where problems and notes go.
    threads
        Files read side by side; decompression leaves Python's lock.
    max_bytes
        Read only the beginnings if the files are larger than this together; None reads all to the end.
        The order of mates is followed as far as the files are read.
    allow_odd_qualities
        Qualities that no sequencer gives are a note instead of a problem.

    Returns
    -------
    dict
        `<sample>|<run>` -> reads (pairs) found, None if not counted.
    """
    libraries = [(s.sample, s.type, unit) for s in design.samples for unit in s.units]
    paths = list(dict.fromkeys(p for _, _, u in libraries for p in (u.fastq_1, u.fastq_2) if p))
    whole = max_bytes is None or sum(Path(p).stat().st_size for p in paths if Path(p).exists()) <= max_bytes
    mates = {p for _, _, u in libraries if u.paired for p in (u.fastq_1, u.fastq_2)}
    with ThreadPoolExecutor(max(1, threads)) as pool:
        found_files = pool.map(lambda p: inspect_fastq(p, whole, p in mates), paths)
        seen = dict(zip(paths, found_files, strict=True))
    counts: dict[str, int | None] = {}
    contents: dict[str, str] = {}
    for sample, kind, unit in libraries:
        place = f"sample {sample}, run {unit.run}"
        files = [seen[p] for p in (unit.fastq_1, unit.fastq_2) if p]
        for column, found in zip(("fastq_1", "fastq_2"), files, strict=False):
            if found.problem:
                findings.problem(
                    file, f"{place}: {found.problem}", found.fix, column=column, value=found.path
                )
            elif found.odd and allow_odd_qualities:
                findings.note(f"{place}: {found.odd}; quality trimming does nothing to them")
            elif found.odd:
                findings.problem(file, f"{place}: {found.odd}", _ODD_FIX, column=column, value=found.path)
        if not any(f.problem for f in files):
            if unit.paired:
                _check_mates(place, unit, files[0], files[1], file, findings)
            elif files[0].mates == {"2"}:
                findings.note(f"{place}: the single-end file holds reverse reads (R2)")
            _note_content(place, kind, files[0], contents, findings)
        counts[f"{sample}|{unit.run}"] = files[0].reads
    return counts


def inspect_fastq(path: str, whole: bool = True, order: bool = False) -> ReadFile:
    """Read a FASTQ file and say what is in it.

    Parameters
    ----------
    path
        Plain or gzipped, which its name must tell.
    whole
        Read to the end: only so a truncated file is found.
    order
        Take a digest of the names on the way, to compare with that of the mates; needs `whole`.

    Returns
    -------
    ReadFile
        With `problem` and `fix` if the file cannot be used.
    """
    found = ReadFile(path)
    try:
        with open(path, "rb") as raw:
            magic = raw.read(2)
    except OSError as error:
        found.problem, found.fix = f"the file cannot be read ({error.strerror})", "check path and rights"
        return found
    named_gzip = path.lower().endswith(".gz")
    if not magic:
        found.problem, found.fix = (
            "empty file (0 bytes)",
            "copy it again, or take the library out of the sheet",
        )
    elif named_gzip and magic != _GZIP_MAGIC:
        found.problem, found.fix = "named .gz but not gzip", "compress it with gzip, or take .gz off its name"
    elif not named_gzip and magic == _GZIP_MAGIC:
        found.problem, found.fix = "gzip, but not named .gz", "add .gz to its name"
    if found.problem:
        return found
    lines = 0
    try:
        with _open_gzip(path, "rb") if named_gzip else open(path, "rb") as handle:
            lines = _read_head(handle, found)
            if whole and not found.problem:
                lines += _digest_names(handle, found) if order else _count_lines(handle)
    except EOFError:
        found.problem = "truncated gzip: it ends in the middle of the data"
        found.fix = "copy or download it again and compare checksums"
        return found
    except tuple(_GZIP_ERRORS) as error:
        found.problem = f"damaged gzip ({error})"
        found.fix = "copy or download it again and compare checksums"
        return found
    if whole and not found.problem:
        found.reads = lines // 4
        if lines % 4:
            found.problem = f"truncated FASTQ: {lines} lines, which is no multiple of four"
            found.fix = "copy or download it again and compare checksums"
    return found


def _read_head(handle: IO[bytes], found: ReadFile) -> int:
    """Check the first records; return the lines read."""
    lowest, highest, lines = 255, 0, 0
    for number in range(1, HEAD_RECORDS + 1):
        record = [handle.readline() for _ in range(4)]
        got = sum(1 for line in record if line)
        if not got:
            break
        lines += got
        if got < 4 and record[0].startswith(b"@"):
            # The last record may lack its lines at the end; the count of lines says so.
            break
        head, sequence, plus, quality = (line.rstrip(b"\r\n") for line in record)
        what = _record_problem(head, sequence, plus, quality)
        if what:
            found.problem, found.fix = (
                f"not FASTQ: record {number} {what}",
                "give the reads as FASTQ, as they came from the sequencer",
            )
            return lines
        name, mate = split_name(head[1:].decode("ascii", "replace"))
        found.names.append(name)
        found.mates.add(mate)
        found.sequences.append(sequence)
        if quality:
            lowest, highest = min(lowest, min(quality)), max(highest, max(quality))
    if highest > _BEST_CONSTANT and (lowest == highest or (lowest >= 64 and highest > _BEST_PHRED64)):
        # Not Phred+64 either, which a conversion would turn into believable nonsense.
        which = f"are all '{chr(highest)}' (Q{highest - 33})"
        if lowest != highest:
            which = f"go from '{chr(lowest)}' (Q{lowest - 33}) to '{chr(highest)}' (Q{highest - 33})"
        found.odd = f"impossible qualities: those of the first {len(found.names)} reads {which}"
    elif lowest >= 64 and highest > 80:
        found.problem = f"qualities in the old Phred+64 code ('{chr(lowest)}' to '{chr(highest)}')"
        found.fix = "convert them to Phred+33, for example with vsearch --fastq_convert"
    return lines


def _record_problem(head: bytes, sequence: bytes, plus: bytes, quality: bytes) -> str:
    if not head.startswith(b"@"):
        return "does not start with '@'" + (" (this looks like FASTA)" if head.startswith(b">") else "")
    if not plus.startswith(b"+"):
        return "has no '+' in its third line"
    if len(sequence) != len(quality):
        return f"has {len(sequence)} bases but {len(quality)} qualities"
    if not _BASES.fullmatch(sequence):
        return "holds letters that are no bases"
    if quality and (min(quality) < 33 or max(quality) > 126):
        return "has impossible Phred qualities"
    return ""


def _count_lines(handle: IO[bytes]) -> int:
    lines, last = 0, b"\n"
    while chunk := handle.read(_CHUNK):
        lines += chunk.count(b"\n")
        last = chunk[-1:]
    return lines + (last != b"\n")


def _digest_names(handle: IO[bytes], found: ReadFile) -> int:
    """Read on from the first records, take the digest of the names; return the lines read."""
    # Some archives add .1 or .2 to all names of a file; the head tells.
    endings: tuple[bytes, ...] = (b"/1", b"/2")
    endings += next(((e.encode(),) for e in (".1", ".2") if _bare(found.names, e) != found.names), ())
    digest, lines, rest = hashlib.blake2b(digest_size=16), 0, b""
    while chunk := handle.read(_CHUNK):
        rows = (rest + chunk).split(b"\n")
        rest = rows.pop()
        names = [(row.split(None, 1) or [b""])[0] for row in rows[-lines % 4 :: 4]]
        digest.update(b"".join([b"\n" + (n[:-2] if n.endswith(endings) else n) for n in names]))
        lines += len(rows)
    found.order = digest.hexdigest()
    return lines + (rest != b"")


def split_name(header: str) -> tuple[str, str]:
    """Return the name that mates share and the mate number (`/1`, ` 1:N:0`), "" if there is none.

    Parameters
    ----------
    header
        First line of a record without '@'.
    """
    name, _, rest = header.partition(" ")
    if name[-2:] in ("/1", "/2"):
        return name[:-2], name[-1]
    if rest[:2] in ("1:", "2:"):
        return name, rest[0]
    if rest[-2:] in ("/1", "/2") and name.count(".") == 1:
        return name, rest[-1]
    return name, ""


def _check_mates(
    place: str, unit: Unit, first: ReadFile, second: ReadFile, file: str, findings: Findings
) -> None:
    def refuse(what: str, fix: str, column: str = "fastq_2", value: str = unit.fastq_2) -> None:
        findings.problem(file, f"{place}: {what}", fix, column=column, value=value)

    if "2" in first.mates and "2" not in second.mates:
        refuse(
            "mates swapped: fastq_1 holds R2 and fastq_2 holds R1", "swap the two", "fastq_1", unit.fastq_1
        )
        return
    if "2" in first.mates:
        refuse("fastq_1 holds reverse reads (R2) as well", "name the R1 file", "fastq_1", unit.fastq_1)
        return
    # Equal sequences say more than equal mate numbers: it is then one file under two names.
    if first.sequences and first.sequences == second.sequences:
        refuse("identical mates: fastq_2 holds the same sequences as fastq_1", "name the R2 file")
        return
    if "1" in second.mates:
        refuse("fastq_2 holds forward reads (R1) as well", "name the R2 file")
        return
    if first.reads is not None and second.reads is not None and first.reads != second.reads:
        refuse(
            f"{first.reads} forward but {second.reads} reverse reads",
            "give the two files of one library, both whole and unfiltered",
        )
        return
    heads = _bare(first.names, ".1"), _bare(second.names, ".2")
    # Only together do they mean mates: the one read of a tiny file may be called SRR1.1 in both.
    if first.names != heads[0] and second.names == heads[1]:
        heads = first.names, second.names
    names = list(zip(*heads, strict=False))
    for number, (one, two) in enumerate(names, 1):
        if one != two:
            shared = set(first.names) & set(second.names)
            if shared:
                refuse(
                    f"mates out of order from record {number} on ({one} beside {two})",
                    "bring both files into one order, for example with fastq_pair or repair.sh",
                )
            else:
                refuse(
                    f"the files are no mates (record {number}: {one} beside {two})",
                    "name the R2 file of this library",
                )
            return
    if first.order != second.order:
        number, one, two = _first_apart(first.path, second.path)
        refuse(
            f"mates out of order from record {number} on ({one} beside {two})",
            "bring both files into one order, for example with fastq_pair or repair.sh",
        )


def _first_apart(one: str, two: str) -> tuple[int, str, str]:
    """Find the first record after the head at which two files part: a second reading, after a difference."""
    with ExitStack() as stack:
        opened = [_open_gzip if path.lower().endswith(".gz") else open for path in (one, two)]
        files = [stack.enter_context(o(p, "rb")) for o, p in zip(opened, (one, two), strict=True)]
        heads = zip(*(islice(f, 4 * HEAD_RECORDS, None, 4) for f in files), strict=False)
        for number, pair in enumerate(heads, HEAD_RECORDS + 1):
            names = [split_name(h.rstrip(b"\r\n")[1:].decode("ascii", "replace"))[0] for h in pair]
            bare = [n[:-2] if n.endswith((".1", ".2")) else n for n in names]
            if names[0] != names[1] and bare[0] != bare[1]:
                return number, names[0], names[1]
    return HEAD_RECORDS + 1, "names of one file", "others"


def _bare(names: list[str], ending: str) -> list[str]:
    """Names without the `.1` or `.2` that some archives add to all of them."""
    if names and all(n.endswith(ending) for n in names):
        return [n.removesuffix(ending) for n in names]
    return names


def _note_content(
    place: str, kind: str, first: ReadFile, contents: dict[str, str], findings: Findings
) -> None:
    if not first.names:
        findings.note(f"{place}: no reads; the {kind} sample leaves the run with this reason")
        return
    digest = hashlib.sha256(b"\n".join([*first.sequences, *(n.encode() for n in first.names)])).hexdigest()
    before = contents.setdefault(digest, place)
    if before != place:
        findings.note(f"{place}: the same reads as {before}")

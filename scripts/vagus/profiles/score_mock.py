"""Hold the mock communities against what they are known to contain."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import load_design
from vagus.errors import Problem, VagusError
from vagus.profile import Profile, read_profile
from vagus.profiles.decontaminate import read_taxonomy
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

COLUMNS = [
    "sample",
    "matched_by",
    "reads",
    "asvs",
    "expected",
    "found",
    "exact",
    "false",
    "false_share",
    "bray_curtis",
    "missing",
    "false_ids",
    "note",
]
GENUS = 5
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


@dataclass(frozen=True)
class Expected:
    """One member of a mock community.

    Parameters
    ----------
    name
        Sequence id or taxon.
    sequence
        Upper-case DNA; "" when the member is given as a taxon.
    share
        Expected abundance in any unit; None when not given.
    """

    name: str
    sequence: str = ""
    share: float | None = None


def read_fasta(path: str | Path) -> list[tuple[str, str]]:
    """Read FASTA.

    Parameters
    ----------
    path
        File; a blank file has no records.

    Returns
    -------
    list of (header, sequence)
        Headers without `>`, sequences in upper case.
    """
    records: list[tuple[str, list[str]]] = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith(">"):
            records.append((line[1:].strip(), []))
        elif line.strip() and records:
            records[-1][1].append(line.strip().upper().replace("U", "T"))
    return [(header, "".join(parts)) for header, parts in records]


def read_composition(path: str | Path) -> list[Expected]:
    """Read what a mock contains.

    Parameters
    ----------
    path
        FASTA of expected sequences (a header may carry `expected=<abundance>`), or TSV with the column
        `taxon` (genus) and, optionally, `expected`.

    Returns
    -------
    list of Expected
        The members.

    Raises
    ------
    VagusError
        If the file is missing, empty or of neither form.
    """
    name = str(path)
    if not Path(path).is_file():
        raise VagusError(
            f"config, 'mock.composition': file {name!r} not found; fix: give FASTA or TSV, or leave it blank"
        )
    text = Path(path).read_text(encoding="utf-8-sig")
    if text.lstrip().startswith(">"):
        members = []
        for header, sequence in read_fasta(path):
            found = re.search(r"\bexpected=([0-9.eE+-]+)", header)
            share = _abundance(found.group(1), name, None) if found else None
            members.append(Expected(header.split()[0] if header else "unnamed", sequence, share))
        return members
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    names = lines[0][1].rstrip("\r").split("\t") if lines else []
    if "taxon" not in names:
        raise VagusError(
            str(
                Problem(
                    name, "no column 'taxon'", "give FASTA, or TSV with the columns taxon and expected", 1
                )
            )
        )
    members = []
    for number, line in lines[1:]:
        row = dict(zip(names, [cell.strip() for cell in line.rstrip("\r").split("\t")], strict=False))
        value = row.get("expected", "")
        members.append(Expected(row["taxon"], "", _abundance(value, name, number) if value else None))
    if not members:
        raise VagusError(str(Problem(name, "no members", "give one row per expected taxon")))
    return members


def _abundance(text: str, file: str, row: int | None) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0 or not np.isfinite(value):
        problem = Problem(file, "not an abundance", "give a number", row, "expected", text, "0 or more")
        raise VagusError(str(problem)) from None
    return value


def reverse_complement(sequence: str) -> str:
    """Return the other strand of an upper-case DNA sequence."""
    return sequence.translate(_COMPLEMENT)[::-1]


def match_sequences(asvs: dict[str, str], members: list[Expected]) -> dict[str, list[int]]:
    """Find for each ASV the members it equals over the shorter of both, on either strand.

    Parameters
    ----------
    asvs
        ASV id -> sequence.
    members
        Expected sequences, of the region or of the whole gene.

    Returns
    -------
    dict
        ASV id -> places of the matching members, empty for a false ASV.
    """
    strands = [(m.sequence, reverse_complement(m.sequence)) for m in members]
    return {
        asv: [i for i, pair in enumerate(strands) if any(s in strand or strand in s for strand in pair)]
        for asv, s in asvs.items()
    }


def match_taxa(genera: dict[str, str], members: list[Expected]) -> dict[str, list[int]]:
    """Find for each ASV the members with its genus.

    References join or split genera: `Escherichia/Shigella` matches either, and `Clostridium_sensu_stricto`
    matches Clostridium.

    Parameters
    ----------
    genera
        ASV id -> genus, "" when unclassified.
    members
        Expected genera (of "Genus species" the first word counts).

    Returns
    -------
    dict
        ASV id -> places of the matching members.
    """
    wanted: dict[str, list[int]] = {}
    for i, member in enumerate(members):
        for part in _genus_parts(member.name):
            wanted.setdefault(part, []).append(i)
    return {
        asv: sorted({i for part in _genus_parts(genus) for i in wanted.get(part, [])})
        for asv, genus in genera.items()
    }


def _genus_parts(name: str) -> set[str]:
    words = {part for part in re.split(r"[/-]", name) if part}
    return {re.split(r"[ _]", word.strip("[]"))[0].strip("[]").lower() for word in words}


def score_sample(
    sample: str,
    counts: dict[str, float],
    matches: dict[str, list[int]],
    members: list[Expected],
    matched_by: str,
) -> dict[str, Any]:
    """Score one mock sample.

    Parameters
    ----------
    sample
        Sample id.
    counts
        ASV id -> reads, only what is there.
    matches
        ASV id -> places of the matching members.
    members
        The expected composition.
    matched_by
        `sequence` or `genus`.

    Returns
    -------
    dict
        With `COLUMNS`: `found` counts expected members with a matching ASV, `exact` and `false` count ASVs.
    """
    reads = sum(counts.values())
    false = sorted((a for a in counts if not matches[a]), key=lambda a: (-counts[a], a))
    hit = {i for a in counts for i in matches[a]}
    missing = [m.name for i, m in enumerate(members) if i not in hit]
    shares = [m.share for m in members]
    distance = float("nan")
    note = "" if reads else "no reads"
    if all(s is not None for s in shares) and sum(float(s or 0) for s in shares) > 0 and reads:
        expected = np.array([float(s or 0) for s in shares])
        expected /= expected.sum()
        observed = np.zeros(len(members))
        for asv, count in counts.items():
            places = matches[asv]
            if places:
                # An ASV that several members share is divided as they are expected.
                weight = expected[places]
                weight = weight / weight.sum() if weight.sum() else np.full(len(places), 1 / len(places))
                observed[places] += count / reads * weight
        # Reads of false ASVs are missing from `observed` and stand opposite an expectation of zero.
        outside = 1 - observed.sum()
        distance = float((np.abs(observed - expected).sum() + outside) / 2)
    return {
        "sample": sample,
        "matched_by": matched_by,
        "reads": int(reads),
        "asvs": len(counts),
        "expected": len(members),
        "found": len(hit),
        "exact": len(counts) - len(false),
        "false": len(false),
        "false_share": sum(counts[a] for a in false) / reads if reads else float("nan"),
        "bray_curtis": distance,
        "missing": ";".join(missing),
        "false_ids": ";".join(false),
        "note": note,
    }


def score_mocks(
    profile: Profile,
    mocks: list[str],
    members: list[Expected],
    sequences: dict[str, str],
    genera: dict[str, str],
) -> pd.DataFrame:
    """Score every mock sample.

    Parameters
    ----------
    profile
        Counts of all sample types.
    mocks
        Ids of the mock samples; those without reads get a row with zeros.
    members
        Expected composition; empty gives rows that only say what was seen.
    sequences, genera
        ASV id -> sequence, and genus.

    Returns
    -------
    pandas.DataFrame
        One row per mock sample, `COLUMNS`.
    """
    place = {s: i for i, s in enumerate(profile.samples)}
    columns = profile.table.tocsc()
    rows = []
    by_sequence = bool(members) and bool(members[0].sequence)
    for sample in mocks:
        counts: dict[str, float] = {}
        if sample in place:
            part = slice(columns.indptr[place[sample]], columns.indptr[place[sample] + 1])
            pairs = zip(columns.indices[part], columns.data[part], strict=True)
            counts = {profile.features[i]: float(n) for i, n in pairs if n > 0}
        if not members:
            row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
            row |= {"sample": sample, "reads": int(sum(counts.values())), "asvs": len(counts)}
            rows.append({**row, "note": "not scored: the config gives no mock.composition"})
            continue
        if by_sequence:
            matches = match_sequences({a: sequences[a] for a in counts}, members)
        else:
            matches = match_taxa({a: genera.get(a, "") for a in counts}, members)
        rows.append(score_sample(sample, counts, matches, members, "sequence" if by_sequence else "genus"))
    return pd.DataFrame(rows, columns=COLUMNS)


def main(
    counts: str, fasta: str, taxonomy: str, design: str, composition: str | None, table_out: str
) -> None:
    """Read, score and write."""
    profile = read_profile(counts)
    mocks = [s.sample for s in load_design(design).controls("amplicon", "mock")]
    sequences = {header.split()[0]: sequence for header, sequence in read_fasta(fasta)}
    genera = {f: lineage[GENUS] for f, lineage in read_taxonomy(taxonomy, profile.features).items()}
    members = read_composition(composition) if composition else []
    frame = score_mocks(profile, mocks, members, sequences, genera)
    frame.to_csv(table_out, sep="\t", index=False)
    print(frame.to_string() if len(frame) else "NOTE: the design has no mock sample")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.counts,
            snakemake.input.fasta,
            snakemake.input.taxonomy,
            snakemake.input.design,
            snakemake.input.get("composition") or None,
            snakemake.output.table,
        ),
        snakemake.log[0],
    )

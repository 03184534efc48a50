"""Check the samples sheet against the participants and the plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from vagus.design.findings import SHOWN, Findings, did_you_mean, listed
from vagus.design.model import Participant, Sample, Unit
from vagus.design.places import Places
from vagus.design.read_sheets import Row, Table, parse_number, safe_id

ENDINGS = (".fastq.gz", ".fq.gz", ".fastq", ".fq")
PER_SAMPLE = ("participant", "visit", "assay", "type", "dna_conc", "collected")


def check_samples(
    table: Table,
    people: Sequence[Participant],
    plan: dict[str, Any],
    places: Places,
    need_reads: bool,
    ids: dict[str, str],
    findings: Findings,
) -> list[Sample]:
    """Turn the sheet into samples with their libraries.

    Parameters
    ----------
    table
        The sheet.
    people
        The participants.
    plan
        The plan.
    places
        Where read files are looked for.
    need_reads
        Whether every row must name reads (not so when tables are imported).
    ids
        Safe id -> id as written; filled for every sample and run.
    findings
        Where problems and notes go.

    Returns
    -------
    list of Sample
        In the order of the sheet; libraries whose files are missing are left out.
    """
    known = {p.participant for p in people}
    samples: dict[str, Sample] = {}
    first: dict[str, Row] = {}
    clash: dict[str, tuple[int, str]] = {}
    units: dict[tuple[str, str], int] = {}
    files: dict[str, tuple[int, str]] = {}
    for row in table.rows:
        written = row["sample"]
        if not written:
            continue
        safe = safe_id(written, table.file, row.line, "sample", findings)
        run = safe_id(row["run"], table.file, row.line, "run", findings)
        ids[run] = row["run"]
        before = clash.setdefault(safe.lower(), (row.line, written))
        if before[1] != written:
            findings.problem(
                table.file,
                f"sample id clashes with '{before[1]}' in row {before[0]}: "
                f"in file names both are '{safe.lower()}'",
                "rename one of them",
                row.line,
                "sample",
                written,
            )
            continue
        ids[safe] = written
        if (safe, run) in units:
            findings.problem(
                table.file,
                f"duplicate sample: {written}, run {row['run']} also stands in row {units[safe, run]}",
                "keep one row, or give the runs their own names if it was sequenced twice",
                row.line,
                "sample",
                written,
            )
            continue
        units[safe, run] = row.line
        if safe not in samples:
            first[safe] = row
            samples[safe] = _make_sample(safe, row, known, plan, table.file, findings)
        else:
            _check_same(row, first[safe], table.file, findings)
        unit = _make_unit(run, row, table, places, need_reads, files, findings)
        if unit:
            samples[safe].units.append(unit)
    found = list(samples.values())
    lines = {s: first[s].line for s in samples}
    _check_runs(table, findings)
    _check_doubled(found, lines, table.file, findings)
    _check_crossed(found, lines, plan["visits"], table.file, findings)
    _note_samples(found, people, plan, findings)
    return found


def _make_sample(
    safe: str, row: Row, known: set[str], plan: dict[str, Any], file: str, findings: Findings
) -> Sample:
    kind, visit = row["type"], row["visit"]
    participant = (
        safe_id(row["participant"], file, row.line, "participant", findings) if row["participant"] else ""
    )
    if kind == "stool":
        if not participant:
            findings.problem(
                file,
                "a stool sample without a participant",
                "fill it in, or correct the type",
                row.line,
                "participant",
            )
        elif participant not in known:
            findings.problem(
                file,
                "sample of an unknown participant",
                did_you_mean(participant, sorted(known), "add the participant to the participants sheet"),
                row.line,
                "participant",
                row["participant"],
                listed(sorted(known), SHOWN),
            )
        if not visit:
            findings.problem(
                file,
                "a stool sample without a visit",
                "fill it in",
                row.line,
                "visit",
                allowed=listed(plan["visits"]),
            )
        elif visit not in plan["visits"]:
            findings.problem(
                file,
                "visit that the plan does not name",
                did_you_mean(visit, plan["visits"], "correct it, or add it to visits in the plan"),
                row.line,
                "visit",
                visit,
                listed(plan["visits"]),
            )
    elif kind in ("negative", "mock", "product"):
        for column, value in (("participant", row["participant"]), ("visit", visit)):
            if value:
                findings.problem(
                    file,
                    f"a {kind} sample has no {column}",
                    "leave it empty, or correct the type",
                    row.line,
                    column,
                    value,
                )
        participant = visit = ""
    conc = parse_number(row["dna_conc"]) if row["dna_conc"] else None
    return Sample(safe, participant or None, visit or None, row["assay"], kind, conc, row["collected"])


def _check_same(row: Row, before: Row, file: str, findings: Findings) -> None:
    for column in PER_SAMPLE:
        if row[column] != before[column]:
            findings.problem(
                file,
                f"sample {row['sample']} differs from row {before.line} ({column} '{before[column]}')",
                "the runs of one sample share all but run and reads; correct one, or rename the sample",
                row.line,
                column,
                row[column],
            )


def _make_unit(
    run: str,
    row: Row,
    table: Table,
    places: Places,
    need_reads: bool,
    files: dict[str, tuple[int, str]],
    findings: Findings,
) -> Unit | None:
    if not row["fastq_1"]:
        if row["fastq_2"]:
            findings.problem(
                table.file,
                "mates without forward reads",
                "fill in fastq_1",
                row.line,
                "fastq_1",
                allowed="a FASTQ file",
            )
        elif need_reads:
            findings.problem(
                table.file, "no reads", "name the FASTQ file", row.line, "fastq_1", allowed="a FASTQ file"
            )
        return None
    paths: list[str] = []
    for column in ("fastq_1", "fastq_2"):
        if row[column]:
            path = _find_reads(row[column], column, row, table, places, findings)
            if path is None:
                paths.append("")
                continue
            paths.append(path)
            real = os.path.realpath(path)
            before = files.setdefault(real, (row.line, column))
            if before == (row.line, "fastq_1") and column == "fastq_2":
                findings.problem(
                    table.file,
                    "fastq_2 is the same file as fastq_1",
                    "name the reverse reads, or leave it empty for single-end",
                    row.line,
                    column,
                    row[column],
                )
            elif before != (row.line, column):
                label = "R1" if column == "fastq_1" else "R2"
                findings.problem(
                    table.file,
                    f"{label} listed twice: the same file stands in row {before[0]}, column '{before[1]}'",
                    "give every library its own files",
                    row.line,
                    column,
                    row[column],
                )
    return Unit(run, *paths) if all(paths) else None


def _find_reads(
    value: str, column: str, row: Row, table: Table, places: Places, findings: Findings
) -> str | None:
    def refuse(what: str, fix: str, allowed: str | None = None) -> None:
        findings.problem(table.file, what, fix, row.line, column, value, allowed)

    if "://" in value:
        refuse("an address, not a file", "download it and name the file")
        return None
    if not value.lower().endswith(ENDINGS):
        refuse("not named as FASTQ", "give FASTQ reads; convert or rename other files", listed(ENDINGS))
        return None
    found = places.find(value, table.path)
    if found is None:
        refuse("missing file", f"correct the path (looked in {places.searched(value, table.path)})")
        return None
    if not found.is_file():
        refuse("a folder, not a file", "name the FASTQ file in it")
        return None
    if found.stat().st_size == 0:
        refuse("empty file (0 bytes)", "copy it again; a library without reads is taken out of the sheet")
        return None
    if not os.access(found, os.R_OK):
        refuse("the file may not be read", "give yourself the right to read it")
        return None
    return str(found)


def _check_runs(table: Table, findings: Findings) -> None:
    """Refuse runs that mix single and paired reads, or two assays: errors are learned per run."""
    layout: dict[str, tuple[int, bool]] = {}
    assay: dict[str, tuple[int, str]] = {}
    for row in table.rows:
        if not row["fastq_1"]:
            continue
        paired = bool(row["fastq_2"])
        line, before = layout.setdefault(row["run"], (row.line, paired))
        if before != paired:
            words = ("paired", "single") if paired else ("single", "paired")
            findings.problem(
                table.file,
                f"run '{row['run']}' mixes paired and single reads: this row is {words[0]}-end, "
                f"row {line} {words[1]}-end",
                "fill in fastq_2, or give the single-end libraries a run of their own",
                row.line,
                "fastq_2",
            )
        line, other = assay.setdefault(row["run"], (row.line, row["assay"]))
        if other != row["assay"]:
            findings.problem(
                table.file,
                f"run '{row['run']}' carries {row['assay']} and {other} (row {line})",
                "give each assay its own run names",
                row.line,
                "run",
                row["run"],
            )


def _check_doubled(samples: list[Sample], lines: dict[str, int], file: str, findings: Findings) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for s in samples:
        if s.type != "stool" or not s.participant or not s.visit:
            continue
        key = (s.participant, s.visit, s.assay)
        before = seen.setdefault(key, s.sample)
        if before != s.sample:
            findings.problem(
                file,
                f"visit doubled: participant {s.participant} has two {s.assay} samples at {s.visit} "
                f"({before} in row {lines[before]} and {s.sample})",
                "keep one; a sample sequenced twice carries one sample id and two runs",
                lines[s.sample],
                "visit",
                s.visit,
            )


def _check_crossed(
    samples: list[Sample], lines: dict[str, int], visits: list[str], file: str, findings: Findings
) -> None:
    """Refuse dates that run against the order of visits: most often two tubes were swapped."""
    rank = {v: i for i, v in enumerate(visits)}
    dated: dict[tuple[str, str], list[Sample]] = {}
    for s in samples:
        if s.type == "stool" and s.participant and s.visit in rank and s.collected:
            dated.setdefault((s.participant, s.assay), []).append(s)
    for (participant, _), group in dated.items():
        ordered = sorted(group, key=lambda s: rank[str(s.visit)])
        for early, late in pairwise(ordered):
            if rank[str(early.visit)] < rank[str(late.visit)] and late.collected < early.collected:
                findings.problem(
                    file,
                    f"visits crossed: participant {participant} gave {late.visit} ({late.sample}) before "
                    f"{early.visit} ({early.sample}, {early.collected}, row {lines[early.sample]})",
                    "correct the dates or swap the visits",
                    lines[late.sample],
                    "collected",
                    late.collected,
                )
            elif late.collected == early.collected and late.visit != early.visit:
                findings.note(
                    f"{file}: participant {participant} gave {early.visit} and {late.visit} on the same day "
                    f"({late.collected})"
                )


def _note_samples(
    samples: list[Sample], people: Sequence[Participant], plan: dict[str, Any], findings: Findings
) -> None:
    stool = [s for s in samples if s.type == "stool"]
    if not stool:
        return
    without = [p.participant for p in people if not any(s.participant == p.participant for s in stool)]
    if without:
        findings.note(f"no stool sample of {listed(without, SHOWN)}")
    for visit in plan["visits"]:
        if not any(s.visit == visit for s in stool):
            findings.note(f"no stool sample at visit '{visit}'")
    for assay in sorted({s.assay for s in stool}):
        if not any(s.type == "negative" and s.assay == assay for s in samples):
            findings.note(f"{assay}: no negative control, so contaminants cannot be told by prevalence")

"""Read a table that the user brings along into the shape of a profile."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.model import Design, load_design
from vagus.errors import Problem, VagusError
from vagus.profile import KINDS, Profile, write_profile
from vagus.profiles.collapse_ranks import LEVELS, collapse_profile
from vagus.profiles.readers.formats import FILE_KEYS, FORMATS, read_table
from vagus.profiles.readers.table import Table
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

UNITS = {"counts": "reads", "relative": "share", "copies_per_genome": "copies per genome"}
SIGNED = ("score", "intensity")
INSTEAD = {
    "relative": "kind: relative for shares",
    "copies_per_genome": "kind: copies_per_genome for copies",
    "intensity": "kind: intensity for what a machine measured",
}


def known_ids(name: str, design: Design) -> dict[str, str]:
    """Return what an imported column may be called, and the sample it means.

    Parameters
    ----------
    name
        Name of the profile; a panel is by participant and visit.
    design
        The trial.

    Returns
    -------
    dict
        Id as written by the user or by us -> sample id.
    """
    if name.startswith("panel."):
        written = design.original_ids
        ids = {}
        for p in design.participants:
            for visit in design.visits:
                safe = f"{p.participant}|{visit}"
                ids[safe] = safe
                ids[f"{written.get(p.participant, p.participant)}|{written.get(visit, visit)}"] = safe
        return ids
    ids = {s.sample: s.sample for s in design.samples}
    return ids | {design.original_ids[s]: s for s in list(ids) if s in design.original_ids}


def match_samples(table: Table, name: str, design: Design, file: str, suffix: str = "") -> dict[str, str]:
    """Find the sample that each column means.

    Parameters
    ----------
    table
        As it was read.
    name
        Of the profile.
    design
        The trial, which names the samples.
    file
        For messages.
    suffix
        End of the ids that the user names; the ends that the program hangs on are known.

    Returns
    -------
    dict
        Sample as written -> sample.

    Raises
    ------
    VagusError
        Naming the first that is not in the design.
    """
    known = known_ids(name, design)
    ends = sorted({end for end in (suffix, *table.facts.suffixes) if end}, key=len, reverse=True)
    found: dict[str, str] = {}
    for i, sample in enumerate(table.samples):
        short, end = sample, "start"
        while short not in known and end:
            end = next((e for e in ends if short.endswith(e) and short != e), "")
            short = short.removesuffix(end)
        if short not in known:
            allowed = (
                "<participant>|<visit>" if name.startswith("panel.") else "sample ids of the samples sheet"
            )
            fix = "add the sample to the sheet, or take the column out"
            turned = sum(feature in known for feature in table.features)
            if turned > len(table.features) / 2:
                fix = "the table is turned; set format: samples_in_rows for samples in rows, tsv for columns"
            elif not table.facts.suffixes:
                fix += ", or name the end of the ids in sample_suffix"
            raise VagusError(
                str(Problem(file, "sample is not in the design", fix, 1, f"{i + 2}", sample, allowed))
            )
        found[sample] = known[short]
    return found


def choose_kind(given: str, table: Table, name: str, file: str) -> str:
    """Return what the numbers are: as the user says, or the file tells.

    Raises
    ------
    VagusError
        If neither says, or they contradict.
    """
    told = table.facts.kinds
    source = table.facts.source or "the file"
    if given and told and given not in told:
        also = (
            ", and bring the table of reads along for methods that need counts" if given == "counts" else ""
        )
        raise VagusError(
            f"{file}: kind {given!r} of profile {name}, but {source} writes {told[0]}; allowed: "
            f"{', '.join(told)}; fix: leave kind out{also}"
        )
    if not given and not told:
        raise VagusError(
            f"{file}: what the numbers of profile {name} are is not told by the file; allowed: "
            f"{', '.join(KINDS)}; fix: add kind to the entry"
        )
    return given or told[0]


def hash_files(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's files."""
    place = Path(path)
    if place.is_file():
        return hashlib.sha256(place.read_bytes()).hexdigest()
    parts = [f"{p.name} {hash_files(p)}" for p in sorted(place.iterdir()) if p.is_file()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def import_table(
    path: str | Path, name: str, fmt: str, kind: str, design: Design, more: Mapping[str, Any] | None = None
) -> Profile:
    """Read and check one table.

    Parameters
    ----------
    path
        The table, or where the format allows it a folder of tables.
    name
        `<assay>.<level>`.
    fmt
        One of `FORMATS`.
    kind
        What the numbers are; "" where the file tells.
    design
        The trial, which names the samples.
    more
        Further keys of the entry (`COMMON_KEYS`, and what the format uses).

    Returns
    -------
    Profile
        Stool samples (or participant visits) with values; `meta["left_out"]` says what is not in it and why.

    Raises
    ------
    VagusError
        One line with file, row, column, what is allowed and how to mend it.
    """
    file = str(path)
    more = more or {}
    for value, choice, key in ((fmt, tuple(FORMATS), "format"), (kind, ("", *KINDS), "kind")):
        if value not in choice:
            allowed = ", ".join(c for c in choice if c)
            where = f"config, profile {name}"
            problem = Problem(where, f"unknown {key}", f"choose a {key}", None, key, value, allowed)
            raise VagusError(str(problem))
    if not Path(path).exists() or (Path(path).is_dir() and not FORMATS[fmt].folder):
        raise VagusError(
            str(Problem(file, f"file of profile {name} not found", "correct the path in the config"))
        )
    read = read_table({**more, "name": name, "path": path, "format": fmt}, known_ids(name, design))
    kind = choose_kind(kind, read, name, file)
    found = match_samples(read, name, design, file, more.get("sample_suffix", ""))
    samples, features = [found[s] for s in read.samples], read.features
    for what, ids in (("sample", samples), ("feature", features)):
        twice = [i for i, n in pd.Series(ids, dtype=object).value_counts().items() if n > 1]
        if twice or "" in ids:
            said = f"{what} stands twice" if twice else f"{what} without an id"
            raise VagusError(
                str(Problem(file, said, "make the ids unique", value=str(twice[0]) if twice else ""))
            )
    values = read.values
    _check_values(values, features, read.samples, kind, file)
    # A missing value can be told from a zero only in scores and intensities, which the check above ensures.
    left_out = {}
    types = {s.sample: s.type for s in design.samples}
    keep = []
    filled = abs(values).sum(axis=0) != 0
    for j, sample in enumerate(samples):
        if types.get(sample, "stool") != "stool":
            left_out[sample] = f"{types[sample]}, not a participant's sample"
        elif not filled[j] and kind not in SIGNED:
            left_out[sample] = "all values are zero"
        else:
            keep.append(j)
    assay, level = name.split(".", 1)
    meta = {
        **read.facts.meta,
        **{
            key: {found[s]: value for s, value in values_of.items() if s in found}
            for key, values_of in read.facts.per_sample.items()
        },
        "kind": kind,
        "unit": more.get("unit") or read.facts.unit or UNITS.get(kind, ""),
        "engine": "imported",
        "engine_version": "",
        "source_program": read.facts.source,
        "reference": Path(path).name,
        "reference_sha256": hash_files(path),
        "inferred": read.facts.inferred or bool(more.get("inferred")),
        "level": level,
        "assay": assay,
        "left_out": left_out,
    }
    meta |= {f"{key}_sha256": hash_files(more[key]) for key in FILE_KEYS if more.get(key)}
    kept = [samples[j] for j in keep]
    profile = Profile(name, values[:, keep], features, kept, read.taxonomy, meta)
    return _collapse(profile, more.get("collapse", ""), file)


def _collapse(profile: Profile, rank: str, file: str) -> Profile:
    """Sum features at a rank, if one is named; the profile keeps its name."""
    level = str(profile.meta["level"])
    if not rank:
        deepest = max((sum(map(bool, lineage)) for lineage in profile.taxonomy.values()), default=0)
        if deepest > LEVELS.get(level, deepest):
            print(
                f"NOTE: {profile.name} has lineages below {level}; collapse: {level} in its entry sums them"
            )
        return profile
    if profile.kind in SIGNED:
        raise VagusError(
            f"{file}: collapse sums features, which means nothing for kind {profile.kind}; allowed: counts, "
            "relative, copies_per_genome; fix: take collapse out"
        )
    made = collapse_profile(profile, rank)
    return replace(made, name=profile.name, meta={**made.meta, "name": profile.name, "level": level})


def _check_values(
    values: sparse.csr_array, features: list[str], samples: list[str], kind: str, file: str
) -> None:
    """Refuse values that a kind does not allow."""
    if kind in SIGNED:
        return
    data = values.data
    checks = [
        (np.isnan(data), "a value is missing", "write 0 where nothing was found"),
        (data < 0, "a negative value", "use kind: score or intensity for values below 0"),
    ]
    if kind == "counts":
        fix = f"use {', '.join(INSTEAD.values())}"
        checks.append((data != np.rint(data), "not a whole number", fix))
    for wrong, what, fix in checks:
        where = np.flatnonzero(wrong)
        if len(where):
            at = int(where[0])
            i = int(np.searchsorted(values.indptr, at, side="right")) - 1
            feature, sample = features[i], samples[values.indices[at]]
            raise VagusError(
                f"{file}: {what} (feature {feature!r}, sample {sample!r}, value {data[at]:g}) "
                f"in a profile of kind {kind}; fix: {fix}"
            )


def main(
    table: str,
    design: str,
    profile_out: str,
    name: str,
    fmt: str,
    kind: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Read, check and write."""
    profile = import_table(table, name, fmt, kind, load_design(design), more)
    for sample, reason in profile.meta["left_out"].items():
        print(f"NOTE: sample {sample} left out: {reason}")
    write_profile(profile, profile_out)
    print(f"{name}: {len(profile.features)} features in {len(profile.samples)} samples")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.table,
            snakemake.input.design,
            snakemake.output.profile,
            snakemake.wildcards.name,
            snakemake.params.entry["format"],
            snakemake.params.entry.get("kind", ""),
            snakemake.params.entry,
        ),
        snakemake.log[0],
    )

"""Read a table that the user brings along into the shape of a profile."""

import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.model import Design, load_design
from vagus.errors import Problem, VagusError
from vagus.profile import KINDS, Profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FORMATS = ("tsv", "biom")
UNITS = {"counts": "reads", "relative": "share", "copies_per_genome": "copies per genome"}
SIGNED = ("score", "intensity")


def read_tsv(path: str | Path) -> tuple[np.ndarray, list[str], list[str], dict[str, list[str]]]:
    """Read features in rows and samples in columns.

    Parameters
    ----------
    path
        TSV; the first column holds the feature ids, a column `taxonomy` may hold lineages joined by `;`.
        Lines starting with `# ` are comments. Blank cells, NA and NaN are missing.

    Returns
    -------
    tuple
        Values (features x samples, NaN missing), features, samples, lineages.

    Raises
    ------
    VagusError
        Naming row and column of the first cell that is not a number.
    """
    name = str(path)
    lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    kept = [(i, line) for i, line in enumerate(lines, 1) if line.strip() and not line.startswith("# ")]
    if not kept:
        raise VagusError(
            str(Problem(name, "the table is empty", "give features in rows, samples in columns"))
        )
    header = kept[0][1].split("\t")
    cells = [line.split("\t") for _, line in kept[1:]]
    for (number, _), row in zip(kept[1:], cells, strict=True):
        if len(row) != len(header):
            what = f"{len(row)} cells where the header has {len(header)}"
            raise VagusError(str(Problem(name, what, "separate the cells by tabs, one per column", number)))
    frame = pd.DataFrame(cells, columns=range(len(header)), dtype=str)
    features = [f.strip() for f in frame[0]] if len(frame) else []
    lineage_at = [i for i, h in enumerate(header) if i and h.strip().lower() == "taxonomy"]
    taxonomy = {}
    if lineage_at:
        taxonomy = {f: split_lineage(t) for f, t in zip(features, frame[lineage_at[0]], strict=True)}
    places = [i for i in range(1, len(header)) if i not in lineage_at]
    samples = [header[i].strip() for i in places]
    text = frame[places].map(str.strip) if len(frame) else frame[places]
    blank = text.isin(["", "NA", "NaN", "nan"])
    numbers = text.where(~blank).apply(pd.to_numeric, errors="coerce")
    wrong = np.argwhere((numbers.isna() & ~blank).to_numpy() | np.isinf(numbers.to_numpy(dtype=float)))
    if len(wrong):
        i, j = wrong[0]
        problem = Problem(
            name,
            "not a number",
            "write a number, or leave the cell blank",
            kept[1 + i][0],
            samples[j],
            str(text.iat[i, j]),
        )
        raise VagusError(str(problem))
    return numbers.to_numpy(dtype=float).reshape(len(features), len(samples)), features, samples, taxonomy


def read_biom(path: str | Path) -> tuple[np.ndarray, list[str], list[str], dict[str, list[str]]]:
    """Read BIOM 1.0 (JSON) or 2.1 (HDF5).

    Parameters
    ----------
    path
        BIOM file, with or without a `taxonomy` of the observations.

    Returns
    -------
    tuple
        As `read_tsv`.

    Raises
    ------
    VagusError
        If the file is not BIOM.
    """
    from biom import load_table

    with Path(path).open("rb") as handle:
        start = handle.read(8)
    try:
        # biom would take any text for a table of its own older kind.
        if start != b"\x89HDF\r\n\x1a\n" and not start.lstrip().startswith(b"{"):
            raise ValueError("neither HDF5 nor JSON")
        table = load_table(str(path))
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = Problem(str(path), f"not a BIOM file ({said})", "give BIOM 1.0 or 2.1, or set format: tsv")
        raise VagusError(str(problem)) from None
    features = [str(i) for i in table.ids("observation")]
    taxonomy = {}
    for feature, known in zip(features, table.metadata(axis="observation") or [], strict=False):
        lineage = (known or {}).get("taxonomy")
        if lineage is not None:
            ranks = split_lineage(lineage) if isinstance(lineage, str) else [clean_rank(r) for r in lineage]
            taxonomy[feature] = ranks
    return table.matrix_data.toarray(), features, [str(i) for i in table.ids()], taxonomy


def clean_rank(rank: str) -> str:
    """Return a rank without a prefix such as `g__`; an empty one becomes ""."""
    return re.sub(r"^[a-z]{0,2}_{2}", "", str(rank).strip())


def split_lineage(text: str) -> list[str]:
    """Return the ranks of a lineage joined by `;` or `|`, without their prefixes."""
    return [clean_rank(rank) for rank in re.split(r"[;|]", text)] if text.strip() else []


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


def import_table(path: str | Path, name: str, fmt: str, kind: str, design: Design) -> Profile:
    """Read and check one table.

    Parameters
    ----------
    path
        The table.
    name
        `<assay>.<level>`.
    fmt
        One of `FORMATS`.
    kind
        What the numbers are.
    design
        The trial, which names the samples.

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
    for value, choice, key in ((fmt, FORMATS, "format"), (kind, KINDS, "kind")):
        if value not in choice:
            problem = Problem(
                f"config, profile {name}",
                f"unknown {key}",
                f"choose a {key}",
                None,
                key,
                value,
                ", ".join(choice),
            )
            raise VagusError(str(problem))
    if not Path(path).is_file():
        raise VagusError(
            str(Problem(file, f"file of profile {name} not found", "correct the path in the config"))
        )
    values, features, samples, taxonomy = read_tsv(path) if fmt == "tsv" else read_biom(path)
    known = known_ids(name, design)
    for i, sample in enumerate(samples):
        if sample not in known:
            allowed = (
                "<participant>|<visit>" if name.startswith("panel.") else "sample ids of the samples sheet"
            )
            fix = "add the sample to the sheet, or take the column out"
            raise VagusError(
                str(Problem(file, "sample is not in the design", fix, 1, f"{i + 2}", sample, allowed))
            )
    samples = [known[s] for s in samples]
    for what, ids in (("sample", samples), ("feature", features)):
        twice = [i for i, n in pd.Series(ids, dtype=object).value_counts().items() if n > 1]
        if twice or "" in ids:
            said = f"{what} stands twice" if twice else f"{what} without an id"
            raise VagusError(
                str(Problem(file, said, "make the ids unique", value=str(twice[0]) if twice else ""))
            )
    _check_values(values, features, samples, kind, file)
    # A missing value can be told from a zero only in scores and intensities, which the check above ensures.
    left_out = {}
    types = {s.sample: s.type for s in design.samples}
    keep = []
    for j, sample in enumerate(samples):
        if types.get(sample, "stool") != "stool":
            left_out[sample] = f"{types[sample]}, not a participant's sample"
        elif not np.isnan(values[:, j]).any() and not values[:, j].any() and kind not in SIGNED:
            left_out[sample] = "all values are zero"
        else:
            keep.append(j)
    assay, level = name.split(".", 1)
    meta = {
        "kind": kind,
        "unit": UNITS.get(kind, ""),
        "engine": "imported",
        "engine_version": "",
        "reference": Path(path).name,
        "reference_sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        "inferred": False,
        "level": level,
        "assay": assay,
        "left_out": left_out,
    }
    table = sparse.csr_array(values[:, keep])
    return Profile(name, table, features, [samples[j] for j in keep], taxonomy, meta)


def _check_values(values: np.ndarray, features: list[str], samples: list[str], kind: str, file: str) -> None:
    """Refuse values that a kind does not allow."""
    if kind in SIGNED:
        return
    checks = [
        (np.isnan(values), "a value is missing", "write 0 where nothing was found"),
        (values < 0, "a negative value", "use kind: score or intensity for values below 0"),
    ]
    if kind == "counts":
        checks.append((values != np.rint(values), "not a whole number", "use kind: relative for shares"))
    for wrong, what, fix in checks:
        where = np.argwhere(wrong)
        if len(where):
            i, j = where[0]
            raise VagusError(
                f"{file}: {what} (feature {features[i]!r}, sample {samples[j]!r}, value {values[i, j]:g}) "
                f"in a profile of kind {kind}; fix: {fix}"
            )


def main(table: str, design: str, profile_out: str, name: str, fmt: str, kind: str) -> None:
    """Read, check and write."""
    profile = import_table(table, name, fmt, kind, load_design(design))
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
            snakemake.params.entry["kind"],
        ),
        snakemake.log[0],
    )

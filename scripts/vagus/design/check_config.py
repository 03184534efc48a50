"""Check the config: its keys, the files it names, and what does not go together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vagus.design.findings import Findings
from vagus.design.places import Places
from vagus.design.resources import resolve_primers
from vagus.design.schema import check_schema, load_schema
from vagus.errors import VagusError
from vagus.function16s.reference_tables import TRAITS, find_reference
from vagus.modules.module_file import MODULES, load_modules
from vagus.modules.omixer_file import read_omixer
from vagus.modules.stoichiometry import read_stoichiometry
from vagus.profiles.readers.formats import FILE_KEYS, FORMATS
from vagus.trial.stacked import STACKED

FILE = "config"
# Files besides the sheets that a config may name.
PATH_KEYS = (
    "taxonomy.reference",
    "phylogeny.tree",
    "mock.composition",
    "truth",
    "registered_plan",
    "shotgun.genomes",
    "shotgun.pathways",
    "function16s.sequences",
    "modules.file",
    "modules.stoichiometry",
    "modules.omixer",
    "fluxes.medium",
    "fluxes.synonyms",
    *(f"databases.{key}" for key in ("sourmash_taxonomy", "sylph_taxonomy", "proteins", "protein_labels")),
    *(f"databases.{key}" for key in ("sourmash", "sylph", "humann_mapping")),
)
FOLDER_KEYS = tuple(
    f"databases.{key}"
    for key in ("kraken2", "metaphlan", "humann_nucleotide", "humann_protein", "humann_profiles")
)
# All of one assay are scored at once.
MODULE_LEVELS = ("module", "metabolite", "balance", "omixer")
EITHER_KEYS = ("fluxes.models",)
TREE_METRICS = {"unweighted_unifrac", "weighted_unifrac"}


def config_value(config: dict[str, Any], key: str) -> Any:
    """Return the value of a dotted key, "" when it is absent.

    Parameters
    ----------
    config
        The config.
    key
        For example `taxonomy.reference`.
    """
    value: Any = config
    for part in key.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return value


def import_names(config: dict[str, Any]) -> list[str]:
    """Return the names of the profiles that are brought along."""
    profiles = config.get("profiles")
    entries = profiles if isinstance(profiles, list) else []
    return [str(e["name"]) for e in entries if isinstance(e, dict) and "name" in e]


def check_config(config: dict[str, Any], places: Places, findings: Findings) -> None:
    """Check the config by itself.

    Parameters
    ----------
    config
        With its defaults filled in.
    places
        Where files are looked for.
    findings
        Where problems go.
    """
    check_schema(_without_stacked(config, findings), load_schema("config"), FILE, findings)
    for key in PATH_KEYS:
        _check_file(config_value(config, key), key, places, findings)
    for key in FOLDER_KEYS:
        _check_folder(config_value(config, key), key, places, findings)
    for key in EITHER_KEYS:
        value = config_value(config, key)
        if not isinstance(value, str) or not (found := places.find(value)) or not found.is_dir():
            _check_file(value, key, places, findings)
    profiles = config.get("profiles")
    for i, entry in enumerate(profiles if isinstance(profiles, list) else [], 1):
        if isinstance(entry, dict):
            _check_import(entry, f"profiles[{i}]", places, findings)
    names = import_names(config)
    for name in sorted({name for name in names if names.count(name) > 1}):
        findings.problem(FILE, "two tables of one name", "rename one", column="profiles", value=name)
    for assay, level in (name.split(".", 1) for name in names if name.count(".") == 1):
        if level in MODULE_LEVELS and config_value(config, "modules.file"):
            findings.note(
                f"{assay}.{level} is brought along, so no modules are scored from the KOs of {assay}"
            )
    _check_primers(config, places.clone, findings)
    _check_function16s(config, places, findings)
    _check_modules(config, places, findings)
    length_range = config_value(config, "amplicon.length_range")
    if isinstance(length_range, list) and length_range:
        numbers = [v for v in length_range if isinstance(v, int)]
        if len(length_range) != 2 or (len(numbers) == 2 and numbers[0] > numbers[1]):
            findings.problem(
                FILE,
                "not a range",
                "give [shortest, longest], or [] to keep all",
                column="amplicon.length_range",
                value=str(length_range),
            )
    distances = config_value(config, "diversity.distances")
    if config_value(config, "phylogeny.method") == "none" and not config_value(config, "phylogeny.tree"):
        need = sorted(TREE_METRICS & {str(d) for d in distances or []})
        if need:
            findings.problem(
                FILE,
                f"{' and '.join(need)} need a tree, but phylogeny.method is 'none'",
                "set phylogeny.method to fasttree, name a tree in phylogeny.tree, or take them out",
                column="diversity.distances",
            )


def _without_stacked(config: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """Say why no PERMANOVA is made of stacked visits, which people ask for; return the config without it."""
    tests = config_value(config, "trial.community")
    if not isinstance(tests, list) or "stacked" not in tests:
        return config
    findings.problem(
        FILE,
        STACKED.partition("; fix: ")[0],
        STACKED.partition("; fix: ")[2],
        column="trial.community",
        value="stacked",
    )
    return {**config, "trial": {**config["trial"], "community": [t for t in tests if t != "stacked"]}}


def check_config_with_design(
    config: dict[str, Any], assays: set[str], paired: set[bool], findings: Findings
) -> None:
    """Check the config against the kind of samples there are.

    Parameters
    ----------
    config
        With its defaults filled in.
    assays
        Assays in the samples sheet.
    paired
        {True}, {False} or both: layouts of the libraries.
    findings
        Where problems go.
    """
    _check_variants(config, "amplicon" in assays, findings)
    if "amplicon" not in assays:
        return
    if "amplicon.asv" in import_names(config):
        findings.problem(
            FILE,
            "amplicon.asv is made from the reads of the samples sheet, and is brought along too",
            "take the amplicon reads out of the sheet, or give the table another name",
            column="profiles",
            value="amplicon.asv",
        )
    if not config_value(config, "taxonomy.reference"):
        findings.problem(
            FILE,
            "no taxonomy reference, but there are amplicon samples",
            "name a reference FASTA, for example SILVA in DADA2's format",
            column="taxonomy.reference",
        )
    lengths = config_value(config, "amplicon.trunc_len")
    if paired == {True} and isinstance(lengths, list) and len(lengths) == 1:
        findings.problem(
            FILE,
            "one truncation length for paired reads",
            "give [forward, reverse]",
            column="amplicon.trunc_len",
            value=str(lengths),
        )


def _check_import(entry: dict[str, Any], key: str, places: Places, findings: Findings) -> None:
    """Check an entry of `profiles`: its files, and that its format uses its keys."""
    name = entry.get("format", "tsv")
    chosen = FORMATS.get(name) if isinstance(name, str) else None
    path = entry.get("path", "")
    found = places.find(path) if isinstance(path, str) else None
    if not (chosen and chosen.folder and found and found.is_dir()):
        _check_file(path, f"{key}.path", places, findings)
    for second in FILE_KEYS:
        _check_file(entry.get(second, ""), f"{key}.{second}", places, findings)
    if chosen is None:
        return
    every = {k for f in FORMATS.values() for k in f.keys}
    for unused in [k for k in entry if k in every and k not in chosen.keys]:
        users = ", ".join(n for n, f in FORMATS.items() if unused in f.keys)
        findings.problem(
            FILE,
            f"format {name} does not use '{unused}'",
            "take it out, or correct the format",
            column=f"{key}.{unused}",
            value=str(entry[unused]),
            allowed=f"'{unused}' with the formats {users}",
        )
    for needed in [k for k in chosen.needed if not entry.get(k)]:
        findings.problem(
            FILE, f"format {name} needs '{needed}'", f"name the file in '{needed}'", column=f"{key}.{needed}"
        )
    if not entry.get("kind") and not chosen.tells_kind:
        findings.problem(
            FILE,
            f"a table of format {name} does not tell what its numbers are",
            "add 'kind'",
            column=f"{key}.kind",
            allowed="counts, relative, copies_per_genome, intensity, score",
        )


def _check_modules(config: dict[str, Any], places: Places, findings: Findings) -> None:
    """Read module files of the user's own, so that their problems come with all others."""
    found = {}
    for key in ("file", "stoichiometry", "omixer"):
        value = config_value(config, f"modules.{key}")
        path = places.find(value) if isinstance(value, str) and value else None
        if path is not None and path.is_file() and path.stat().st_size:
            found[key] = path
    defaults = {MODULES, MODULES.with_name("stoichiometry.tsv")}
    own = {path.resolve() for key, path in found.items() if key != "omixer"} - {p.resolve() for p in defaults}
    checks: dict[str, Callable[[], object]] = {}
    if "omixer" in found:
        checks["omixer"] = lambda: read_omixer(found["omixer"])
    # The shipped pair is checked in our tests; it is read with every parse of the workflow otherwise.
    if own and "file" in found:
        checks["file"] = lambda: read_stoichiometry(
            found.get("stoichiometry"), load_modules(found["file"]).modules
        )
    for key, check in checks.items():
        try:
            check()
        except (VagusError, UnicodeDecodeError) as error:
            first, *rest = str(error).splitlines()
            # A module file's problems come as a list below a heading.
            for line in rest or [first]:
                findings.problem(FILE, line.strip(), "mend that file", column=f"modules.{key}")


def _check_file(value: Any, key: str, places: Places, findings: Findings) -> None:
    if not isinstance(value, str) or not value:
        return
    found = places.find(value)
    if found is None:
        findings.problem(
            FILE,
            "file not found",
            f"correct the path (looked in {places.searched(value)})",
            column=key,
            value=value,
        )
    elif not found.is_file():
        findings.problem(FILE, "this is a folder, not a file", "name the file in it", column=key, value=value)
    elif found.stat().st_size == 0:
        findings.problem(FILE, "the file is empty", "give the whole file", column=key, value=value)


def _check_folder(value: Any, key: str, places: Places, findings: Findings) -> None:
    if not isinstance(value, str) or not value:
        return
    found = places.find(value)
    if found is None or not found.is_dir():
        findings.problem(
            FILE,
            "folder not found" if found is None else "this is a file, not a folder",
            f"correct the path (looked in {places.searched(value)})",
            column=key,
            value=value,
        )


def _check_function16s(config: dict[str, Any], places: Places, findings: Findings) -> None:
    """Check the references of functions from 16S genes, down to the headers of their tables."""
    folders = config_value(config, "function16s.reference")
    if not isinstance(folders, list):
        return
    key = "function16s.reference"
    if config_value(config, "function16s.engine") == "nearest" and not folders:
        findings.problem(
            FILE, "no reference for the engine 'nearest'",
            "name a folder with 16S sequences, 16S.txt.gz and ko.txt.gz, or set function16s.engine to none",
            column=key,
        )  # fmt: skip
    traits = config_value(config, "function16s.traits")
    for folder in (f for f in folders if isinstance(f, str)):
        before = len(findings.problems)
        _check_folder(folder, key, places, findings)
        found = places.find(folder)
        if found is None or len(findings.problems) > before:
            continue
        try:
            lacking = [t for t in traits or [] if t in TRAITS and t not in find_reference(found).tables]
        except VagusError as error:
            what, _, fix = str(error).partition("; fix: ")
            findings.problem(FILE, what, fix, column=key, value=folder)
            continue
        for trait in lacking:
            findings.problem(
                FILE, f"the reference has no {trait}.txt.gz",
                f"add the table, or take {trait} out of function16s.traits", column=key, value=folder,
            )  # fmt: skip


def _check_variants(config: dict[str, Any], reads: bool, findings: Findings) -> None:
    """Refuse an engine that infers functions from 16S genes where there are none."""
    engine = config_value(config, "function16s.engine")
    if engine not in ("nearest", "picrust2") or reads:
        return
    if "amplicon.asv" not in import_names(config):
        findings.problem(
            FILE, "no 16S variants to infer functions from: no sample of assay amplicon has reads",
            "bring amplicon.asv in 'profiles' and its sequences in function16s.sequences, or set it to none",
            column="function16s.engine", value=engine,
        )  # fmt: skip
    elif not config_value(config, "function16s.sequences"):
        findings.problem(
            FILE, f"amplicon.asv is brought along without its sequences, which the engine '{engine}' needs",
            "name the FASTA of the variants, or set function16s.engine to none",
            column="function16s.sequences",
        )  # fmt: skip


def _check_primers(config: dict[str, Any], clone: Path, findings: Findings) -> None:
    given = config_value(config, "reads.primers")
    if not isinstance(given, str) or not given:
        return
    try:
        resolve_primers(given, clone)
    except VagusError as error:
        text = str(error)
        allowed = text.partition("allowed: ")[2].partition("; fix: ")[0]
        fix = text.partition("; fix: ")[2]
        findings.problem(
            FILE, "unknown primer pair", fix, column="reads.primers", value=given, allowed=allowed
        )

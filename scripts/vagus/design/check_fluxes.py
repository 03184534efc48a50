"""Check what `fluxes` asks for, and which profiles it takes; imported whenever the Snakefile is parsed."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from vagus.design.findings import Findings, did_you_mean, listed
from vagus.design.flux_inputs import read_manifest, read_medium, read_synonyms
from vagus.design.model import Design
from vagus.design.places import Places
from vagus.errors import VagusError

FILE = "config"


def flux_profiles(config: Mapping[str, Any], assays: Iterable[str]) -> dict[str, str]:
    """Return the taxonomic profile of each assay for which fluxes are computed.

    Parameters
    ----------
    config
        With its defaults filled in.
    assays
        Those that have reads.

    Returns
    -------
    dict
        Assay -> profile; empty without a model database.

    Raises
    ------
    VagusError
        If a profile that the config names is not one of this run, or two are of one assay.
    """
    settings = config["fluxes"]
    if not settings["models"]:
        return {}
    assays = set(assays)
    run = [entry["name"] for entry in config["profiles"]]
    if "shotgun" in assays and config["shotgun"]["taxonomy"] != "none":
        run += ["shotgun.species", "shotgun.genus"]
    if "amplicon" in assays:
        run += ["amplicon.genus"]
    wanted = settings["profiles"] or [n for n in run if n.partition(".")[2] == settings["rank"]]
    missing = [name for name in wanted if name not in run]
    if missing or not wanted:
        raise VagusError(
            f"config, 'fluxes.profiles': {', '.join(missing) or 'no profile of rank ' + settings['rank']} is "
            f"not made in this run; allowed: {', '.join(dict.fromkeys(run)) or 'none'}; "
            "fix: name one of these, or import a profile"
        )
    found: dict[str, str] = {}
    for name in dict.fromkeys(wanted):
        if found.setdefault(name.partition(".")[0], name) != name:
            raise VagusError(
                f"config, 'fluxes.profiles': {found[name.partition('.')[0]]} and {name} are of one assay; "
                "fix: name one of them"
            )
    return found


def check_fluxes(
    config: dict[str, Any],
    assays: set[str],
    named: Mapping[str, set[str]],
    places: Places,
    findings: Findings,
) -> None:
    """Check what `fluxes` asks for, before any job.

    Parameters
    ----------
    config
        With its defaults filled in.
    assays
        Those that have reads.
    named
        What a medium may call an arm, a visit and a sample.
    places
        Where files are looked for; that one is not found is said by `check_config`.
    findings
        Where problems go.
    """
    settings = config.get("fluxes")
    if not isinstance(settings, dict) or not config_asks(settings):
        return
    if not settings["medium"]:
        findings.problem(
            FILE,
            "a model database, but no medium",
            "name the diet: .qza, or a table of reaction and flux",
            column="fluxes.medium",
        )
    python = settings["python"]
    if isinstance(python, str) and python and shutil.which(os.path.expanduser(python)) is None:
        findings.problem(
            FILE,
            "no such program",
            'name a Python that has micom, or set it to "" and run `make micom`',
            column="fluxes.python",
            value=python,
        )
    readers: list[tuple[str, Callable[[Path], object]]] = [
        ("models", lambda path: read_manifest(path, str(settings["rank"]))),
        ("medium", lambda path: _check_medium(path, named)),
        ("synonyms", read_synonyms),
    ]
    for key, read in readers:
        path = places.find(settings[key]) if isinstance(settings[key], str) else None
        if path is None or (path.is_dir() and key != "models"):
            continue
        try:
            read(path)
        except VagusError as error:
            _tell(findings, f"fluxes.{key}", str(error))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            _tell(findings, f"fluxes.{key}", f"{path}: cannot be read ({error}); fix: give the file whole")
    if isinstance(config.get("profiles"), list) and isinstance(config.get("shotgun"), dict):
        try:
            flux_profiles(config, assays)
        except VagusError as error:
            _tell(findings, "fluxes.profiles", str(error).partition(": ")[2])


def _check_medium(path: Path, named: Mapping[str, set[str]]) -> None:
    """Read a medium and refuse arms, visits and samples that the trial does not have."""
    for row in read_medium(path):
        for key, known in named.items():
            if row.get(key) and row[key] not in known:
                names = listed(sorted(known), 8)
                raise VagusError(
                    f"{path}: no {key} {row[key]!r} in the trial; allowed: {names} or blank; "
                    f"fix: {did_you_mean(row[key], known, 'write it as in the sheets and the plan')}"
                )


def _tell(findings: Findings, column: str, text: str) -> None:
    """Take a one-line error apart into what, allowed and fix."""
    what, _, fix = text.partition("; fix: ")
    what, _, allowed = what.partition("; allowed: ")
    findings.problem(FILE, what, fix or "correct the file", column=column, allowed=allowed or None)


def count_batches(design: Design, assay: str, size: int) -> int:
    """Return into how many jobs an assay's samples are cut; a name that is no assay may hold all samples."""
    stool = design.stool_samples()
    count = sum(s.assay == assay for s in stool) or len(stool)
    return max(1, -(-count // size))


def config_asks(settings: Mapping[str, Any]) -> bool:
    """Return whether `fluxes` names a model database."""
    return isinstance(settings.get("models"), str) and bool(settings["models"])

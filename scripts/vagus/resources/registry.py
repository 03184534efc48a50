"""The registry of public references: where each lies, how it is checked, and what it fits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vagus.design.findings import Findings, did_you_mean, listed
from vagus.design.schema import CLONE, check_schema, read_yaml
from vagus.errors import DesignError, VagusError

REGISTRY = CLONE / "resources" / "references.yaml"
SCHEMA = CLONE / "workflow" / "schemas" / "references.schema.yaml"
_DIGEST = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}


@dataclass(frozen=True)
class RemoteFile:
    """One file of a reference.

    Parameters
    ----------
    name
        Name under which it is kept.
    urls
        Where it lies, mirrors after the first.
    sha256, md5
        Checksums, "" where unknown.
    size_bytes
        None where unknown.
    unpack
        Whether it is an archive to unpack.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str = ""
    md5: str = ""
    size_bytes: int | None = None
    unpack: bool = False

    @property
    def checked(self) -> bool:
        """Whether there is a checksum to hold it against."""
        return bool(self.sha256 or self.md5)


@dataclass(frozen=True)
class Reference:
    """One version of a public reference.

    Parameters
    ----------
    key
        `name=version`.
    title, version, licence, citation
        As its makers give them.
    files
        What is fetched.
    holds
        Files (or patterns) that must be there once it is unpacked.
    engines
        Engine -> versions that can read it, such as `>=4.1,<4.2`; "" is any.
    path
        Local file or folder that the user gave, or "".
    """

    key: str
    title: str
    version: str
    files: tuple[RemoteFile, ...]
    licence: str = ""
    citation: str = ""
    holds: tuple[str, ...] = ()
    engines: Mapping[str, str] = field(default_factory=dict)
    path: str = ""

    @property
    def name(self) -> str:
        """The name without the version."""
        return self.key.partition("=")[0]


def load_registry(path: str | Path = REGISTRY) -> dict[str, Reference]:
    """Read the registry.

    Parameters
    ----------
    path
        YAML of the form of `references.schema.yaml`.

    Returns
    -------
    dict
        Key -> reference.

    Raises
    ------
    DesignError
        Naming everything in it that is not of that form.
    """
    raw = read_yaml(path)
    findings = Findings()
    if check_schema(raw, read_yaml(SCHEMA), str(path), findings):
        for key, entry in raw["references"].items():
            _check_entry(str(key), entry, str(path), findings)
    if findings.problems:
        raise DesignError(findings.problems)
    return {str(key): _reference(str(key), entry) for key, entry in raw["references"].items()}


def _check_entry(key: str, entry: Mapping[str, Any], file: str, findings: Findings) -> None:
    name, _, version = key.partition("=")
    if not name or version != entry["version"]:
        findings.problem(
            file, "key and version disagree", f"name it {name}={entry['version']}", column=f"references.{key}"
        )
    sums = [bool(item.get("sha256") or item.get("md5")) for item in entry["files"]]
    if entry["verified"] != all(sums):
        findings.problem(
            file,
            "verified must tell whether every file has a checksum",
            "set it false where one is null",
            column=f"references.{key}.verified",
            value=str(entry["verified"]),
        )
    if not entry["verified"] and not entry.get("not_verified"):
        fix = "say in not_verified what was not"
        findings.problem(file, "not verified, but nothing says what", fix, column=f"references.{key}")


def _reference(key: str, entry: Mapping[str, Any]) -> Reference:
    files = tuple(
        RemoteFile(
            item["name"],
            tuple(item["urls"]),
            item.get("sha256") or "",
            item.get("md5") or "",
            item.get("size_bytes"),
            bool(item.get("unpack", False)),
        )
        for item in entry["files"]
    )
    return Reference(
        key,
        entry["title"],
        entry["version"],
        files,
        entry["licence"],
        entry["citation"],
        tuple(entry.get("holds") or ()),
        dict(entry["engines"]),
    )


def find_reference(
    wanted: str, registry: Mapping[str, Reference], settings: Mapping[str, Any] | None = None
) -> Reference:
    """Find a reference and apply what the config says of it.

    Parameters
    ----------
    wanted
        `name=version`, or a name of which there is one version.
    registry
        As `load_registry` gives it.
    settings
        The config's `references`: name or `name=version` -> path, sha256 (one, or by file), url (likewise).

    Returns
    -------
    Reference
        With local path, checksums and addresses of the config in place.

    Raises
    ------
    VagusError
        If it is unknown, or there are several versions.
    """
    keys = [key for key in registry if key == wanted or key.partition("=")[0] == wanted]
    if not keys:
        raise VagusError(
            f"reference {wanted!r} is unknown; allowed: {listed(sorted(registry))}; "
            f"fix: {did_you_mean(wanted, registry, 'choose one of these')}"
        )
    if len(keys) > 1:
        raise VagusError(
            f"reference {wanted!r} has several versions; allowed: {listed(sorted(keys))}; fix: name one"
        )
    found = registry[keys[0]]
    own = {**((settings or {}).get(found.name) or {}), **((settings or {}).get(found.key) or {})}
    files = tuple(_override(found, item, own) for item in found.files)
    return Reference(**{**vars(found), "files": files, "path": str(own.get("path") or "")})


def _override(reference: Reference, item: RemoteFile, own: Mapping[str, Any]) -> RemoteFile:
    changed: dict[str, Any] = {}
    for key in ("sha256", "md5", "url"):
        value = own.get(key)
        if not value:
            continue
        if isinstance(value, Mapping):
            value = value.get(item.name)
        elif len(reference.files) > 1:
            raise VagusError(
                f"references.{reference.name}.{key}: the reference has {len(reference.files)} files; "
                f"allowed: one value for each of {listed(f.name for f in reference.files)}; "
                "fix: write a block of file name: value"
            )
        if not value:
            continue
        text = str(value).strip()
        if key == "url":
            changed["urls"] = (text,)
            continue
        if not _DIGEST[key].fullmatch(text.lower()):
            raise VagusError(
                f"references.{reference.name}.{key}: not a checksum (value {text!r}); allowed: "
                f"{64 if key == 'sha256' else 32} hexadecimal digits; fix: copy it from the source's page"
            )
        changed[key] = text.lower()
    if "sha256" in changed or "md5" in changed:
        # What the user vouches for replaces what the registry holds of another day's file.
        changed = {"sha256": "", "md5": "", "size_bytes": None, **changed}
    return RemoteFile(**{**vars(item), **changed})


def check_engine(reference: Reference, engine: str, version: str) -> None:
    """Demand that an engine can read a reference.

    Parameters
    ----------
    reference
        The reference.
    engine
        Engine's name.
    version
        Its version, such as 4.1.1.

    Raises
    ------
    VagusError
        If it can not.
    """
    if engine not in reference.engines:
        raise VagusError(
            f"reference {reference.key} is not for {engine}; allowed: {listed(sorted(reference.engines))}; "
            "fix: choose another reference or another engine"
        )
    wanted = reference.engines[engine]
    if not version_fits(version, wanted):
        raise VagusError(
            f"reference {reference.key} does not fit {engine} {version}; allowed: {engine} {wanted}; "
            "fix: install such a version, or choose another reference"
        )


def version_fits(version: str, wanted: str) -> bool:
    """Tell whether a version lies in a range such as `>=4.1,<4.2`; an empty range holds all.

    Parameters
    ----------
    version
        Numbers and dots; what follows is left out.
    wanted
        Conditions joined by commas, each of >=, <=, ==, >, < and a version.
    """
    for condition in filter(None, (part.strip() for part in wanted.split(","))):
        found = re.fullmatch(r"(>=|<=|==|>|<)\s*(\d+(?:\.\d+)*)", condition)
        if not found:
            raise VagusError(
                f"version range {wanted!r} can not be read; allowed: such as >=4.1,<4.2; fix: mend it"
            )
        sign, limit = found.group(1), _numbers(found.group(2))
        have = _numbers(version)
        width = max(len(have), len(limit))
        a, b = have + (0,) * (width - len(have)), limit + (0,) * (width - len(limit))
        fits = {">=": a >= b, "<=": a <= b, "==": a == b, ">": a > b, "<": a < b}[sign]
        if not fits:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version.lstrip("v"))
    return tuple(int(part) for part in found.group().split(".")) if found else (0,)

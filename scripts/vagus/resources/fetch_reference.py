"""Fetch a public reference: from a local path if one is given, else over HTTP; checked and unpacked."""

import fnmatch
import http.client
import os
import re
import shutil
import stat
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.errors import VagusError
from vagus.resources import file_digest, fresh_folder, write_manifest
from vagus.resources.registry import REGISTRY, Reference, RemoteFile, find_reference, load_registry
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ATTEMPTS = 4
WAIT = 2.0
TIMEOUT = 60.0
_BLOCK = 1 << 20
# Another try at the same address will not mend these.
_FINAL = frozenset({400, 401, 403, 404, 405, 410, 451})


def fetch_reference(
    reference: Reference, out: Path, partial: Path, attempts: int = ATTEMPTS, wait: float = WAIT
) -> None:
    """Put a reference in place.

    Parameters
    ----------
    reference
        With the config's local path, checksums and addresses.
    out
        Folder to make.
    partial
        Folder for files under way; they are kept after a failure, and taken up again.
    attempts
        Tries at one address.
    wait
        Seconds before the second try; doubled before every further one.

    Raises
    ------
    VagusError
        If there is no checksum to hold a download against, no address answers, or what came is another file.
    """
    made = fresh_folder(out.with_name(f".{out.name}.made"))
    try:
        if reference.path:
            verified = _take_local(reference, made)
        else:
            refuse_unchecked(reference)
            partial.mkdir(parents=True, exist_ok=True)
            for item in reference.files:
                _place(download(reference, item, partial, attempts, wait), item, made, move=True)
            verified = True
        _check_holds(reference, made)
        write_manifest(
            made / "manifest.json",
            reference.name,
            {reference.name: reference.version},
            {},
            {
                "reference": reference.key,
                "title": reference.title,
                "licence": reference.licence,
                "citation": reference.citation,
                "verified": verified,
                "files": {f.name: f.sha256 or f.md5 or "" for f in reference.files},
            },
        )
        if out.is_symlink() or out.exists():
            fresh_folder(out).rmdir()
        made.rename(out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    shutil.rmtree(partial, ignore_errors=True)


def refuse_unchecked(reference: Reference) -> None:
    """Refuse to download what nothing can be held against.

    Raises
    ------
    VagusError
        Naming the files and the keys that mend it.
    """
    bare = [f.name for f in reference.files if not f.checked]
    if bare:
        name = reference.name
        raise VagusError(
            f"reference {reference.key}: no verified checksum is known for {', '.join(bare)} "
            f"({reference.files[0].urls[0]}), so it is not downloaded; allowed: a local copy, or a checksum "
            f"that you trust; fix: set references.{name}.path to a local file or folder, "
            f"or references.{name}.sha256 to the checksum that its source publishes"
        )


def _local_hint(reference: Reference) -> str:
    return f"fix: fetch it by hand and set references.{reference.name}.path to the file or folder"


def download(reference: Reference, item: RemoteFile, partial: Path, attempts: int, wait: float) -> Path:
    """Download one file, taking up what lies there, and check it.

    Parameters
    ----------
    reference
        For messages.
    item
        The file.
    partial
        Folder in which it grows as `<name>.part`.
    attempts, wait
        As in `fetch_reference`.

    Returns
    -------
    pathlib.Path
        The checked file, in `partial`.

    Raises
    ------
    VagusError
        If no address gives the file that was meant, with what each said.
    """
    done, part = partial / item.name, partial / f"{item.name}.part"
    if done.exists():
        if not _wrong(item, done):
            return done
        done.unlink()
    _check_space(reference, item, partial, part)
    said: list[str] = []
    for url in item.urls:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            said.append(f"{url}: not an http or https address")
            continue
        reason = ""
        for attempt in range(attempts):
            if attempt:
                time.sleep(wait * 2 ** (attempt - 1))
            resumed = part.exists() and part.stat().st_size > 0
            reason, final = _transfer(url, part, item.size_bytes)
            if not reason:
                reason, final = _wrong(item, part), not resumed
                if not reason:
                    part.replace(done)
                    return done
                # What was resumed may be of another day's file: once more from the start, else it is wrong.
                part.unlink()
            print(f"{url}: {reason}")
            if final:
                break
        said.append(f"{url}: {reason}")
    raise VagusError(
        f"reference {reference.key}: {item.name} could not be fetched ({'; '.join(said)}); "
        f"allowed: the file with {_meant(item)}; {_local_hint(reference)}"
    )


def _meant(item: RemoteFile) -> str:
    return f"sha256 {item.sha256}" if item.sha256 else f"md5 {item.md5}"


def _check_space(reference: Reference, item: RemoteFile, folder: Path, part: Path) -> None:
    if item.size_bytes is None:
        return
    need = item.size_bytes - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(folder).free
    if need > free:
        raise VagusError(
            f"reference {reference.key}: {item.name} needs {need} bytes and {folder} has {free}; "
            "fix: make room, or move the resources to another disk"
        )


def _transfer(url: str, part: Path, size: int | None) -> tuple[str, bool]:
    """Add to the part what is missing; return what went wrong ("" if nothing) and whether that is final."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have > size:
        part.unlink()
        have = 0
    if size is not None and have == size:
        return "", False
    request = urllib.request.Request(url, headers={"User-Agent": "vagus", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            start, total = _span(answer.status, answer.headers, have)
            if start not in (0, have):
                part.unlink(missing_ok=True)
                return f"the answer starts at byte {start}, not {have}", False
            with part.open("ab" if start else "wb") as handle:
                while block := answer.read(_BLOCK):
                    handle.write(block)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            whole = _whole(error.headers)
            if whole == have:
                return "", False
            part.unlink()
            return "the file is shorter than what lies here of it", False
        return f"HTTP {error.code} {error.reason}", error.code in _FINAL
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        return str(getattr(error, "reason", "") or error or type(error).__name__), False
    have = part.stat().st_size
    total = total if total is not None else size
    if total is not None and have < total:
        return f"the transfer ended after {have} of {total} bytes", False
    return "", False


def _span(status: int, headers: Message, have: int) -> tuple[int, int | None]:
    """Return at which byte the answer starts, and how long the whole file is."""
    length = headers.get("Content-Length")
    if status == 206:
        found = re.match(r"bytes (\d+)-", headers.get("Content-Range") or "")
        return (int(found.group(1)) if found else have), _whole(headers)
    return 0, int(length) if length and length.isdigit() else None


def _whole(headers: Message) -> int | None:
    found = re.search(r"/(\d+)\s*$", headers.get("Content-Range") or "")
    return int(found.group(1)) if found else None


def _wrong(item: RemoteFile, path: Path) -> str:
    """Say how a file differs from what was meant, "" if it does not."""
    size = path.stat().st_size
    if item.size_bytes is not None and size != item.size_bytes:
        return f"{size} bytes, not {item.size_bytes}"
    for kind, meant in (("sha256", item.sha256), ("md5", item.md5)):
        if meant and (found := file_digest(path, kind)) != meant:
            return f"{kind} is {found}, not {meant}"
    return ""


def _take_local(reference: Reference, made: Path) -> bool:
    """Take a local file or folder; return whether every checksum was compared."""
    source = Path(reference.path)
    key = f"references.{reference.name}.path"
    if source.is_dir():
        archives = {f.name: source / f.name for f in reference.files}
        if all(path.is_file() for path in archives.values()):
            taken = [_take_file(reference, f, archives[f.name], made, key) for f in reference.files]
            return all(taken)
        # It is unpacked already: links, so that nothing is copied and nothing of the user's is changed.
        for path in sorted(source.iterdir()):
            if path.name != "manifest.json":
                os.symlink(path.resolve(), made / path.name)
        return False
    if not source.is_file():
        raise VagusError(f"{key}: {source} does not exist; allowed: a file or a folder; fix: mend the path")
    if len(reference.files) > 1:
        names = ", ".join(f.name for f in reference.files)
        raise VagusError(f"{key}: {source} is one file; allowed: a folder with {names}; fix: name the folder")
    return _take_file(reference, reference.files[0], source, made, key)


def _take_file(reference: Reference, item: RemoteFile, source: Path, made: Path, key: str) -> bool:
    if item.checked and (wrong := _wrong(item, source)):
        raise VagusError(
            f"{key}: {source} is not {reference.key}: {wrong}; allowed: the file with {_meant(item)}; "
            f"fix: fetch it again, or set references.{reference.name}.sha256 if this is the file you mean"
        )
    _place(source, item, made, move=False)
    return item.checked


def _place(source: Path, item: RemoteFile, made: Path, move: bool) -> None:
    if item.unpack:
        unpack(source, made)
    elif move:
        shutil.move(source, made / item.name)
    else:
        os.symlink(source.resolve(), made / item.name)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar (plain or compressed) or zip; nothing can come to lie outside the folder.

    Parameters
    ----------
    archive
        The file.
    folder
        Existing folder.

    Raises
    ------
    VagusError
        If a member points outside, is no plain file, folder or inner link, or the archive is damaged.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder)
        elif tarfile.is_tarfile(archive):
            _untar(archive, folder)
        else:
            raise VagusError(f"{archive}: neither tar nor zip; fix: fetch it again, or name the right file")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        raise VagusError(f"{archive}: can not be unpacked ({error}); fix: fetch it again") from None


def _inside(folder: Path, name: str, archive: Path) -> None:
    root = os.path.realpath(folder)
    target = os.path.realpath(os.path.join(root, name))
    if os.path.isabs(name) or (target != root and not target.startswith(root + os.sep)):
        raise VagusError(
            f"{archive}: member {name!r} would be written outside of the folder; fix: do not use this archive"
        )


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            _inside(folder, member.name, archive)
            if member.issym() or member.islnk():
                base = os.path.dirname(member.name) if member.issym() else ""
                _inside(folder, os.path.join(base, member.linkname), archive)
            elif not (member.isfile() or member.isdir()):
                raise VagusError(
                    f"{archive}: member {member.name!r} is a device or pipe; fix: do not use this archive"
                )
            # Python's own guard as well, where it has one (3.11.4 and later).
            guard: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extract(member, folder, set_attrs=bool(guard), **guard)


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            _inside(folder, member.filename, archive)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise VagusError(
                    f"{archive}: member {member.filename!r} is a link; fix: do not use this archive"
                )
            packed.extract(member, folder)


def _check_holds(reference: Reference, made: Path) -> None:
    names = [path.relative_to(made).as_posix() for path in made.rglob("*")]
    names += [
        f"{top.name}/{path.relative_to(top).as_posix()}"
        for top in made.iterdir()
        if top.is_symlink() and top.is_dir()
        for path in top.rglob("*")
    ]
    for pattern in reference.holds:
        if not any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, f"*/{pattern}") for name in names):
            where = reference.path or reference.files[0].urls[0]
            raise VagusError(
                f"reference {reference.key}: {where} holds no {pattern}; "
                f"allowed: {', '.join(reference.holds)}; fix: name the right file or folder"
            )


def main(
    wanted: str, settings: Mapping[str, Any], out: str, partial: str, registry: str | Path = REGISTRY
) -> None:
    """Look a reference up, with the config's `references`, and fetch it."""
    reference = find_reference(wanted, load_registry(registry), settings)
    fetch_reference(reference, Path(out), Path(partial))


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.wildcards.reference,
            snakemake.params.settings,
            snakemake.output[0],
            snakemake.params.partial,
        ),
        snakemake.log[0],
    )

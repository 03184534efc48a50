"""What community models are made from: the model database, the medium, synonyms."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vagus.errors import VagusError

MANIFEST = "manifest.csv"
MEDIUM = "medium.csv"
ARCHIVES = (".qza", ".zip")
MEDIUM_COLUMNS = ("reaction", "flux")
# A medium may be for some of the samples only: a diet by arm, by visit or by sample.
MEDIUM_KEYS = ("arm", "visit", "sample")
SYNONYM_COLUMNS = ("taxon", "model")
# What a rank's name may carry in front (`s__`), and MICOM's own name for the medium's compartment.
PREFIX = re.compile(r"^[a-z]{0,2}__")
SUFFIX = re.compile(r"(_[em]0?|[\[(][a-z]+0?[\])])$")


@dataclass(frozen=True)
class Model:
    """A model of the database.

    Parameters
    ----------
    id
        `m` and the row of the manifest: a name without a character that MICOM would change.
    name
        Of its taxon, as the manifest writes it.
    file
        Where it is: inside the archive, or a path.
    """

    id: str
    name: str
    file: str


def clean_name(name: str) -> str:
    """Return a taxon's name as it is compared: no `s__`, no brackets, blanks for underscores, lower case.

    Nothing that tells taxa apart is taken away: `Escherichia coli_D` is not `Escherichia coli`.
    """
    plain = re.sub(r"[\[\]]", "", PREFIX.sub("", name.strip()))
    # GTDB's suffixes (coli_D) are names of their own; the underscore in them is kept apart from a blank.
    plain = re.sub(r"_(?=[A-Z]{1,2}\b)", "~", plain)
    return re.sub(r"[\s_]+", " ", plain).strip().lower()


def base_id(identifier: str) -> str:
    """Return a metabolite or exchange without `EX_` and compartment, one underscore for two.

    `EX_ac(e)`, `ac[e]`, `ac_e` and `EX_ac_m` are `ac`; BiGG's `lac__D_e` and VMH's `lac_D[e]` are `lac_D`.
    """
    plain = identifier.strip().removeprefix("R_").removeprefix("M_").removeprefix("EX_")
    return SUFFIX.sub("", plain).replace("__", "_")


def medium_reaction(reaction: str) -> str:
    """Return MICOM's name of an exchange with the medium: `EX_ac(e)` and `EX_ac_e` are `EX_ac_m`."""
    plain = reaction.strip().removeprefix("R_").removeprefix("EX_")
    return f"EX_{SUFFIX.sub('', plain)}_m"


def read_manifest(path: str | Path, rank: str) -> list[Model]:
    """Read which taxa a MICOM model database has models of.

    Parameters
    ----------
    path
        `.qza`, `.zip` or a folder with `manifest.csv`.
    rank
        Column of the manifest that names the taxa: `species` or `genus`.

    Returns
    -------
    list of Model
        In the order of the manifest.

    Raises
    ------
    VagusError
        If there is no manifest, a column is missing, the database is of another rank, a model file is not
        there, or two models are of one taxon.
    """
    path = Path(path)
    if path.is_dir():
        inside = {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}
        text = (path / MANIFEST).read_text(encoding="utf-8-sig") if MANIFEST in inside else None
        folder = PurePosixPath("")
    else:
        names, text, folder = _open_archive(path, MANIFEST)
        inside = set(names)
    if text is None:
        raise VagusError(
            f"{path}: no {MANIFEST} in it; allowed: a MICOM model database (.qza, .zip or a folder); "
            "fix: build one with micom.workflows.build_database, or fetch one of MICOM's"
        )
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = list(rows[0]) if rows else []
    if "file" not in columns or rank not in columns:
        raise VagusError(
            f"{path}: its manifest has no column {rank if 'file' in columns else 'file'!r}; "
            f"allowed: {', '.join(columns) or 'none, it is empty'}; fix: set fluxes.rank to a rank of it"
        )
    summary = {row.get("summary_rank", "") for row in rows} - {"", None, rank}
    if summary:
        raise VagusError(
            f"{path}: its models are one a {', '.join(sorted(summary))}, but fluxes.rank is {rank}; "
            "fix: set fluxes.rank to that, or take another database"
        )
    models: list[Model] = []
    taken: set[str] = set()
    for number, row in enumerate(rows, 1):
        file = str(folder / row["file"]) if not path.is_dir() else row["file"]
        if file not in inside:
            raise VagusError(f"{path}: no file of its model {row['file']!r} in it; fix: fetch it again")
        name = (row[rank] or "").strip()
        if rank == "species" and " " not in clean_name(name) and row.get("genus"):
            name = f"{row['genus']} {name}"  # AGORA's own list has the epithet alone
        if clean_name(name) in taken:
            raise VagusError(
                f"{path}: two models of {name!r}; allowed: one a {rank}; "
                f"fix: build the database with micom.workflows.build_database(rank={rank!r})"
            )
        taken.add(clean_name(name))
        models.append(Model(f"m{number}", name, file))
    return models


def read_medium(path: str | Path) -> list[dict[str, str]]:
    """Read a medium.

    Parameters
    ----------
    path
        `.qza` (MicomMedium), CSV or TSV with the columns `reaction` and `flux` (mmol/(gDW h), the most that
        can be taken up) and, where it is not for all samples, `arm`, `visit` or `sample`.

    Returns
    -------
    list of dict
        `reaction` in MICOM's spelling, `flux`, and those of `MEDIUM_KEYS` that the file has.

    Raises
    ------
    VagusError
        If a column is missing, a flux is not a number of 0 or more, or a reaction stands twice.
    """
    path = Path(path)
    if path.suffix == ".qza":
        _, text, _ = _open_archive(path, MEDIUM)
        if text is None:
            raise VagusError(f"{path}: no {MEDIUM} in it; fix: give an artifact of type MicomMedium")
        delimiter = ","
    else:
        text = path.read_text(encoding="utf-8-sig")
        delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter=delimiter))
    _need_columns(path, rows, MEDIUM_COLUMNS)
    keys = [key for key in MEDIUM_KEYS if key in rows[0]]
    seen: set[tuple[str, ...]] = set()
    medium = []
    for row in rows:
        reaction = medium_reaction(row["reaction"] or "")
        try:
            flux = float(row["flux"])
        except (TypeError, ValueError):
            flux = -1.0
        if not 0 <= flux < float("inf"):
            raise VagusError(
                f"{path}: flux {row['flux']!r} of {row['reaction']}; allowed: a number of 0 or more; "
                "fix: give the most that can be taken up, in mmol/(gDW h)"
            )
        place = (reaction, *((row[key] or "").strip() for key in keys))
        if place in seen:
            raise VagusError(f"{path}: {' '.join(place).strip()} stands twice; fix: give each reaction once")
        seen.add(place)
        medium.append({"reaction": reaction, "flux": repr(flux), **dict(zip(keys, place[1:], strict=True))})
    return medium


def read_synonyms(path: str | Path) -> dict[str, str]:
    """Read which taxon of the profile is which of the database (TSV: taxon, model); cleaned names.

    Raises
    ------
    VagusError
        If a column is missing or a taxon stands twice.
    """
    lines = [
        line
        for line in Path(path).read_text(encoding="utf-8-sig").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    _need_columns(Path(path), rows, SYNONYM_COLUMNS)
    found: dict[str, str] = {}
    for row in rows:
        name = clean_name(row["taxon"] or "")
        if name in found:
            raise VagusError(f"{path}: {row['taxon']!r} stands twice; fix: give each taxon one model")
        found[name] = clean_name(row["model"] or "")
    return found


def _need_columns(path: Path, rows: Sequence[Mapping[str, Any]], needed: Sequence[str]) -> None:
    columns = [str(c) for c in rows[0]] if rows else []
    missing = [c for c in needed if c not in columns]
    if missing:
        raise VagusError(
            f"{path}: no column {', '.join(missing)}{'' if rows else ' (no rows)'}; "
            f"allowed: {', '.join(needed)}; fix: write these in the first line"
        )


def _open_archive(path: Path, wanted: str) -> tuple[list[str], str | None, PurePosixPath]:
    """Return what an archive holds, the text of its manifest or medium, and the folder of that."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            place = [PurePosixPath(n) for n in names if PurePosixPath(n).name == wanted]
            place = sorted((p for p in place if "provenance" not in p.parts), key=lambda p: len(p.parts))
            text = archive.read(str(place[0])).decode("utf-8-sig") if place else None
    except (zipfile.BadZipFile, OSError) as error:
        raise VagusError(
            f"{path}: cannot be opened ({error}); allowed: {', '.join(ARCHIVES)} or a folder; "
            "fix: fetch it again"
        ) from None
    return names, text, place[0].parent if place else PurePosixPath("")

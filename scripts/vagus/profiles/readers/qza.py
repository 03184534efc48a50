"""Artifacts of QIIME 2: feature tables and taxonomies, read in memory."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import yaml

from vagus.errors import Problem, VagusError
from vagus.profiles.readers.biom import parse_biom
from vagus.profiles.readers.table import Facts, Table
from vagus.profiles.readers.taxonomy import add_taxonomy

KINDS = {
    "FeatureTable[Frequency]": "counts",
    "FeatureTable[RelativeFrequency]": "relative",
    # Counts to which a pseudocount was added: only their ratios still mean something.
    "FeatureTable[Composition]": "relative",
}
MAX_BYTES = 2 << 30


def read_qza(path: str | Path, taxonomy: str | Path | None = None) -> Table:
    """Read a feature table of QIIME 2.

    Parameters
    ----------
    path
        Artifact; its type tells what the numbers are, see `KINDS`.
    taxonomy
        Second file with lineages: an artifact `FeatureData[Taxonomy]`, or see `taxonomy.read_taxonomy`.

    Returns
    -------
    Table
        As written.

    Raises
    ------
    VagusError
        If it is no artifact, of another type, damaged or too big.

    References
    ----------
    Bolyen E et al. (2019) Nat Biotechnol 37:852, doi:10.1038/s41587-019-0209-9
    """
    kind, data = read_member(path, tuple(KINDS), "feature-table.biom")
    table = parse_biom(data, str(path))
    table.facts = Facts((KINDS[kind],), source="qiime2", meta={"artifact_type": kind})
    return add_taxonomy(table, taxonomy)


def read_taxonomy_artifact(path: str | Path) -> list[tuple[int, str]]:
    """Return the numbered lines of the table in a taxonomy artifact."""
    _, data = read_member(path, ("FeatureData[Taxonomy]",), "taxonomy.tsv")
    lines = data.decode("utf-8", "replace").split("\n")
    return [(i, line.rstrip("\r")) for i, line in enumerate(lines, 1) if line.strip()]


def read_member(path: str | Path, types: tuple[str, ...], name: str) -> tuple[str, bytes]:
    """Read one file of an artifact; nothing is unpacked to disk.

    Parameters
    ----------
    path
        Artifact.
    types
        Semantic types that it may have.
    name
        Of the file in its `data`.

    Returns
    -------
    type, data
        Type without properties, and the bytes.

    Raises
    ------
    VagusError
        If it is no artifact, of another type, damaged, or the file is bigger than `MAX_BYTES`.
    """
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            # <uuid>/metadata.yaml is its own; those of its provenance lie deeper.
            found = [n for n in archive.namelist() if re.fullmatch(r"[0-9a-f-]{36}/metadata\.yaml", n)]
            if len(found) != 1:
                raise zipfile.BadZipFile("no metadata.yaml of QIIME 2")
            meta = yaml.safe_load(_take(archive, found[0], where))
            said = str(meta.get("type", "")) if isinstance(meta, dict) else ""
            kind = said.partition(" % ")[0].strip()
            if kind not in types:
                fix = "give the artifact of the type that is asked for, for example table.qza"
                problem = Problem(
                    where, "artifact of another type", fix, value=said, allowed=", ".join(types)
                )
                raise VagusError(str(problem))
            return kind, _take(archive, f"{found[0].partition('/')[0]}/data/{name}", where)
    except (
        zipfile.BadZipFile,
        KeyError,
        NotImplementedError,
        RuntimeError,
        OSError,
        yaml.YAMLError,
    ) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        fix = "give the .qza as QIIME 2 wrote it, or set another format"
        raise VagusError(str(Problem(where, f"not an artifact of QIIME 2 ({said})", fix))) from None


def _take(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > MAX_BYTES:
        raise VagusError(
            f"{where}: {name} has {size:,} bytes unpacked; allowed: {MAX_BYTES:,}; fix: export it with "
            "`qiime tools export` and give the BIOM file"
        )
    with archive.open(name) as handle:
        data = handle.read(MAX_BYTES + 1)
    if len(data) > size:
        raise zipfile.BadZipFile(f"{name} is longer than it says")
    return data

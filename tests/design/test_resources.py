"""Primer pairs and clinical scales that ship with the workflow."""

from __future__ import annotations

import gzip
import re
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
import yaml

from vagus.design.resources import load_primers, load_scales, resolve_primers, scale_key
from vagus.errors import VagusError

CLONE = Path(__file__).parents[2]
REFERENCE = CLONE.parent / "shared" / "data" / "rdp_trainset9" / "rdp_trainset9.dada2.fa.gz"
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "[AG]", "Y": "[CT]", "S": "[CG]", "W": "[AT]", "K": "[GT]",
    "M": "[AC]", "B": "[CGT]", "D": "[AGT]", "H": "[ACT]", "V": "[ACG]", "N": "[ACGT]",
}  # fmt: skip
COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def pattern(primer: str) -> str:
    return "".join(IUPAC[b] for b in primer)


def test_primers_are_complete() -> None:
    pairs = load_primers()
    assert {"515F-806R", "515F-926R", "341F-805R", "338F-806R", "27F-338R", "27F-1492R"} <= set(pairs)
    for p in pairs.values():
        assert set(p.forward + p.reverse) <= set(IUPAC), p.name
        assert (p.length_min or 0) <= (p.insert or -1) <= (p.length_max or 0)


def test_every_primer_pair_has_its_source() -> None:
    lines = (CLONE / "resources" / "primers.tsv").read_text().splitlines()
    rows = [dict(zip(lines[1].split("\t"), line.split("\t"), strict=True)) for line in lines[2:]]
    for row in rows:
        assert re.fullmatch(r"10\.\d{4,9}/\S+(; 10\.\d{4,9}/\S+)*", row["doi"]), row["name"]
        assert int(row["amplicon"]) == int(row["insert"]) + len(row["forward"]) + len(row["reverse"]), row[
            "name"
        ]


def test_primers_amplify_real_16s_sequences() -> None:
    """Length between the primers, found in reference sequences, as the table says."""
    if not REFERENCE.exists():
        pytest.skip("the shared 16S reference is not here")
    with gzip.open(REFERENCE, "rt") as handle:
        records = handle.read().split(">")[1:]
    sequences = ["".join(r.split("\n")[1:]).upper() for r in records[::10]]
    for p in load_primers().values():
        forward = re.compile(pattern(p.forward))
        reverse = re.compile(pattern(p.reverse.translate(COMPLEMENT)[::-1]))
        lengths = []
        for s in sequences:
            start = forward.search(s)
            stop = reverse.search(s, start.end()) if start else None
            if start and stop:
                lengths.append(stop.start() - start.end())
        # Few reference sequences reach the primers at the ends of the gene.
        assert len(lengths) > (1 if "27F" in p.name else 300), p.name
        low, high = p.length_min or 0, p.length_max or 0
        assert low <= median(lengths) <= high, (p.name, median(lengths))
        inside = [low <= n <= high for n in lengths]
        assert sum(inside) >= 0.9 * len(inside), (p.name, sorted(lengths)[:: max(1, len(lengths) // 20)])


def test_resolve_primers() -> None:
    assert resolve_primers("") is None
    pair = resolve_primers("515f-806r")
    assert pair
    assert pair.forward == "GTGYCAGCMGCCGCGGTAA"
    custom = resolve_primers({"forward": "acgu", "reverse": "ACGI"})
    assert custom
    assert (custom.name, custom.forward, custom.reverse, custom.insert) == ("custom", "ACGT", "ACGN", None)
    with pytest.raises(VagusError, match="did you mean '515F-806R'"):
        resolve_primers("515F-860R")


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("HAM-D17", 52),
        ("MADRS", 60),
        ("IDS-SR30", 84),
        ("QIDS-SR16", 27),
        ("PHQ-9", 27),
        ("BDI-II", 63),
        ("GAD-7", 21),
        ("HAM-A", 56),
        ("PSS-10", 40),
        ("PSQI", 21),
    ],
)
def test_scales(name: str, top: int) -> None:
    scale = load_scales()[scale_key(name)]
    assert (scale["min"], scale["max"]) == (0, top)


def test_severity_bands_cover_the_range() -> None:
    names: list[str] = []
    for path in sorted((CLONE / "resources" / "scales").glob("*.yaml")):
        scale = yaml.safe_load(path.read_text())
        assert scale["scale"] == path.stem
        assert scale["source"]
        names += {scale_key(n) for n in [scale["scale"], *scale["aliases"]]}
        bands = scale["severity"]
        if bands:
            assert bands[0]["min"] == scale["min"]
            assert bands[-1]["max"] == scale["max"]
            assert all(a["max"] + 1 == b["min"] for a, b in pairwise(bands))
    assert len(names) == len(set(names)), "one name, one scale"

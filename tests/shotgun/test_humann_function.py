"""The driver of HUMAnN: its tables, its call, and if it is installed a run on made data."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from vagus.errors import VagusError
from vagus.shotgun.humann_function import (
    humann_command,
    main,
    mapping_kos,
    read_humann,
    unaligned_share,
)
from vagus.shotgun.humann_table import taxon_name

MARKERS = Path(__file__).parents[2] / "resources" / "single_copy_markers.tsv"
FAMILIES = """# Gene Family\tS_Abundance-RPKs
UNMAPPED\t100.0
UniRef90_A: enzyme of a kind\t6.0
UniRef90_B\t5.0
UniRef90_B|g__Bacteroides.s__Bacteroides_dorei\t3.0
UniRef90_B|g__Bacteroides.s__Bacteroides_dorei.t__SGB1815\t1.0
UniRef90_B|unclassified\t1.0
UniRef90_C\t2.5
"""
# Stands in for the programs, so that the driver is tested where HUMAnN is not installed.
HUMANN = """#!/usr/bin/env python3
import gzip, pathlib, sys
a = sys.argv[1:]
if a == ["--version"]:
    print("humann v3.9"); sys.exit()
get = lambda k: a[a.index(k) + 1]
n = sum(1 for _ in gzip.open(get("--input"))) // 4
if n == 13:
    print("CRITICAL ERROR: no such database", file=sys.stderr); sys.exit(1)
assert get("--gap-fill") == "off" and get("--minpath") == "on"
out = pathlib.Path(get("--output")); out.mkdir(); s = get("--output-basename")
taxon = "g__Made.s__Made_alpha"
values = {f"U{i}": 8 * n for i in range(6)} | {"V": 2 * n}
rows = [f"{f}\\t{v}\\n{f}|{taxon}\\t{v}" for f, v in values.items()]
head = "# Gene Family\\t" + s + "\\nUNMAPPED\\t9\\n"
(out / f"{s}_genefamilies.tsv").write_text(head + "\\n".join(rows) + "\\n")
(out / f"{s}_pathabundance.tsv").write_text(
    f"# Pathway\\t{s}\\nUNMAPPED\\t1\\nUNINTEGRATED\\t2\\n"
    f"PWY-1: made\\t{4 * n}\\nPWY-1: made|{taxon}\\t{4 * n}\\n")
print("Unaligned reads after nucleotide alignment: 60.0 %")
print("Unaligned reads after translated alignment: 25.0 %")
"""
REGROUP = """#!/usr/bin/env python3
import sys
a = sys.argv[1:]
get = lambda k: a[a.index(k) + 1]
names = {f: line.split("\\t")[0] for line in open(get("-c")) for f in line.rstrip().split("\\t")[1:]}
with open(get("-o"), "w") as out:
    for line in open(get("-i")):
        name, bar, rest = line.partition("|") if "|" in line else line.partition("\\t")
        out.write(names.get(name, name) + bar + rest)
"""


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_strata_replace_their_total_and_names_are_species(tmp_path: Path) -> None:
    found = read_humann(put(tmp_path / "t.tsv", FAMILIES))
    assert found.values == {
        ("UniRef90_A", "unclassified"): 6.0,
        ("UniRef90_B", "Bacteroides dorei"): 4.0,
        ("UniRef90_B", "unclassified"): 1.0,
        ("UniRef90_C", "unclassified"): 2.5,
    }
    assert found.left == {"UNMAPPED": 100.0}
    assert unaligned_share("", found) == pytest.approx(100 / 113.5)
    assert unaligned_share("Unaligned reads after translated alignment: 4.5 %", found) == pytest.approx(0.045)
    plain = read_humann(put(tmp_path / "p.tsv", "# Gene Family\tS\nUniRef90_A\t6.0\n"))
    assert plain.values == {("UniRef90_A", ""): 6.0}
    assert taxon_name("g__Bacteroides.s__Bacteroides_vulgatus") == "Bacteroides vulgatus"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Gene Family\ta\tb\nX\t1\t2\n", "3 columns; allowed: a HUMAnN table of one sample"),
        ("# Gene Family\ta\nX\tmany\n", r"row 2, column 'a': not a number .value 'many'"),
        ("", "the table is empty"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(VagusError, match=words):
        read_humann(put(tmp_path / "t.tsv", text))


def test_mapping_and_call(tmp_path: Path) -> None:
    path = tmp_path / "map.txt.gz"
    path.write_bytes(gzip.compress(b"K00001\tUniRef90_A\nK00002\tUniRef90_B\tUniRef90_C\n"))
    assert mapping_kos(path) == {"K00001", "K00002"}
    with pytest.raises(VagusError, match="no line starts with a KO"):
        mapping_kos(put(tmp_path / "other.txt", "UniRef90_A\tK00001\n"))
    command = humann_command(Path("r"), Path("o"), "S", "n", "p", "prof.tsv", {"bypass_prescreen": True}, 3)
    assert command[command.index("--taxonomic-profile") + 1] == "prof.tsv"
    assert "--bypass-prescreen" not in command
    assert command[command.index("--gap-fill") + 1] == "off"
    assert "--bypass-prescreen" in humann_command(
        Path("r"), Path("o"), "S", "n", "p", None, {"bypass_prescreen": 1}, 3
    )


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("humann", HUMANN), ("humann_regroup_table", REGROUP)):
        put(tools / name, text).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    clean = tmp_path / "clean"
    clean.mkdir()
    for sample, count in (("s", 5), ("bad", 13), ("empty", 0)):
        (clean / f"{sample}__r1_R1.fastq.gz").write_bytes(gzip.compress(b"@r\nACGT\n+\nIIII\n" * count))
    for sample, count in (("s", 5), ("empty", 0)):
        (clean / f"{sample}__r1_R2.fastq.gz").write_bytes(gzip.compress(b"@r\nACGT\n+\nIIII\n" * count))
    kos = [line.split("\t")[0] for line in MARKERS.read_text().splitlines()[1:7]]
    put(tmp_path / "map.tsv", "".join(f"{ko}\tU{i}\n" for i, ko in enumerate(kos)) + "K99999\tV\n")
    return tmp_path


def run(folder: Path, samples: list[str], settings: dict) -> Path:
    out = folder / "out"
    main(
        [str(folder / "clean")],
        samples,
        "n",
        "p",
        str(folder / "map.tsv"),
        str(MARKERS),
        None,
        str(out),
        settings,
        1,
    )
    return out


@pytest.mark.skipif(
    shutil.which("humann", path=str(Path(os.sys.executable).parent)) is not None,
    reason="HUMAnN is beside this Python",
)
def test_values_are_copies_per_genome(stand_in: Path) -> None:
    out = run(stand_in, ["s", "empty"], {})
    rows = dict(line.rsplit("\t", 1) for line in (out / "s.ko.tsv").read_text().splitlines()[1:])
    assert float(rows["K99999\tMade alpha"]) == pytest.approx(0.25)
    assert len(rows) == 7
    assert (out / "s.pathway.tsv").read_text().splitlines()[1:] == ["PWY-1\tMade alpha\t0.5"]
    stats = json.loads((out / "s.stats.json").read_text())
    # Both mates go in, a pair counts once.
    assert (stats["genome_equivalents"], stats["reads"], stats["assigned_share"]) == (80.0, 5, 0.75)
    assert (stats["engine"], stats["version"], stats["markers"]) == ("humann", "3.9", 6)
    assert json.loads((out / "empty.stats.json").read_text())["status"] == "no reads"
    assert (out / "empty.pathway.tsv").read_text() == "feature\ttaxon\tvalue\n"
    assert sorted(p.suffix for p in out.iterdir() if p.is_dir()) == []


def test_a_failure_names_the_sample_and_what_humann_said(stand_in: Path) -> None:
    with pytest.raises(
        VagusError, match="sample bad: humann failed with status 1: CRITICAL ERROR: no such database"
    ):
        run(stand_in, ["bad"], {"genome_equivalents": "none"})


def test_a_missing_profile_is_named(stand_in: Path) -> None:
    with pytest.raises(VagusError, match=r"sample s: no profile .*s\.metaphlan\.tsv"):
        main(
            [str(stand_in / "clean")], ["s"], "n", "p", str(stand_in / "map.tsv"), str(MARKERS),
            str(stand_in), str(stand_in / "out"), {}, 1,
        )  # fmt: skip

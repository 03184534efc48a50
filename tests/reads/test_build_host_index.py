"""The host as the user gives it: FASTA, an index, or something that must be refused in words."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest
from reads.made_reads import make_insert

from vagus.errors import VagusError
from vagus.reads.build_host_index import build_host_index, find_index, host_kind, main


def need(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")


@pytest.fixture
def fastas(tmp_path: Path) -> list[Path]:
    """Two FASTA files, one gzipped, the first without a last line break."""
    plain, packed = tmp_path / "a.fa", tmp_path / "b.fa.gz"
    plain.write_text(f">one\n{make_insert(1, 3000)}")
    packed.write_bytes(gzip.compress(f">two\n{make_insert(2, 3000)}\n".encode()))
    return [plain, packed]


def test_bowtie2_index_of_two_files(tmp_path: Path, fastas: list[Path]) -> None:
    need("bowtie2-build", "bowtie2-inspect")
    kind, index = build_host_index(fastas, "bowtie2", tmp_path / "out", 1)
    assert (kind, host_kind(index)) == ("bowtie2", "bowtie2")
    assert find_index(tmp_path / "out") == (kind, index) == find_index(index)
    names = subprocess.run(["bowtie2-inspect", "-n", index], capture_output=True, text=True, check=True)
    assert names.stdout.split() == ["one", "two"]
    with pytest.raises(VagusError, match=r"one file of a bowtie2 index; fix: give the prefix .*/out/host$"):
        host_kind(f"{index}.rev.1.bt2")
    with pytest.raises(VagusError, match=r"one file of a bowtie2 index; fix: give the prefix .*/out/host$"):
        host_kind(f"{index}.1.bt2")
    Path(f"{index}.1.bt2").unlink()
    with pytest.raises(VagusError, match=r"lacks host\.1\.bt2; fix: fetch all six files"):
        host_kind(index)


def test_minimap2_index_of_two_files(tmp_path: Path, fastas: list[Path]) -> None:
    need("minimap2")
    main([str(f) for f in fastas], "minimap2", str(tmp_path / "out"), 1)
    kind, index = find_index(tmp_path / "out")
    assert (kind, host_kind(index)) == ("minimap2", "minimap2")
    reads = tmp_path / "reads.fa"
    reads.write_text(f">r1\n{make_insert(1, 3000)[900:1050]}\n>r2\n{make_insert(2, 3000)[-150:]}\n")
    out = subprocess.run(["minimap2", "-ax", "sr", index, reads], capture_output=True, text=True, check=True)
    hits = [line.split("\t")[:3] for line in out.stdout.splitlines() if not line.startswith("@")]
    assert [(h[0], h[2]) for h in hits] == [("r1", "one"), ("r2", "two")]


def test_fasta_is_known_by_what_it_holds(fastas: list[Path]) -> None:
    assert [host_kind(f) for f in fastas] == ["fasta", "fasta"]
    with pytest.raises(VagusError, match="FASTA is no index"):
        find_index(fastas[0])


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("reads.fa", b"@r\nACGT\n+\nIIII\n", "FASTQ, not FASTA"),
        ("x.fa", b"", "the file is empty"),
        ("x.fa", b"ACGT\n", "no FASTA; allowed: FASTA"),
        ("x.mmi", b">one\nACGT\n", "named .mmi, but no minimap2 index"),
        ("x.fa.gz", b"\x1f\x8b\x08\x00broken", "can not be read"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VagusError, match=expected):
        host_kind(tmp_path / name)


def test_nothing_and_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VagusError, match=r"does not exist; allowed: FASTA .*; fix: check the path"):
        host_kind(tmp_path / "none")
    with pytest.raises(VagusError, match="is a directory"):
        host_kind(tmp_path)
    with pytest.raises(VagusError, match="does not exist"):
        find_index(tmp_path)


def test_bad_sources_end_in_words(tmp_path: Path, fastas: list[Path]) -> None:
    need("minimap2", "bowtie2-build")
    with pytest.raises(VagusError, match="aligner 'bwa'; allowed: bowtie2, minimap2"):
        build_host_index(fastas, "bwa", tmp_path / "out", 1)
    data = fastas[1].read_bytes()
    fastas[1].write_bytes(data[: len(data) // 2])
    with pytest.raises(VagusError, match="can not be read"):
        build_host_index(fastas, "minimap2", tmp_path / "out", 1)

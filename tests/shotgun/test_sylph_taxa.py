import gzip
from pathlib import Path

import pytest

from vagus.errors import VagusError
from vagus.shotgun.sylph_taxa import parse_profile, sylph_command
from vagus.shotgun.tables import SampleReads

HEAD = "Sample_file\tGenome_file\tTaxonomic_abundance\tSequence_abundance\tAdjusted_ANI\tTrue_cov"
ROWS = [
    HEAD,
    "s.fq\tx/g1.fna.gz\t60\t30.0\t99\t2",
    "s.fq\tx/g2.fa\t30\t20.0\t98\t1",
    "s.fq\tx/g3.fa\t10\t10\t98\t1",
]
SHEET = {"g1": "A", "g2": "A", "g3": "B"}


def test_shares_and_what_is_left():
    assert parse_profile(ROWS, SHEET, "t", "p") == pytest.approx({"A": 0.5, "B": 0.1, "unclassified": 0.4})
    assert parse_profile([HEAD], SHEET, "t", "p") == {"unclassified": 1.0}


def test_refusals():
    with pytest.raises(VagusError, match="estimate-unknown"):
        parse_profile([r.replace("True_cov", "Eff_cov") for r in ROWS], SHEET, "t", "p")
    with pytest.raises(VagusError, match="no row for genome"):
        parse_profile(ROWS, {"g1": "A"}, "t", "p")
    with pytest.raises(VagusError, match="several samples"):
        parse_profile([*ROWS, ROWS[1].replace("s.fq", "r.fq")], SHEET, "t", "p")


def test_runs_of_a_sample_are_joined(tmp_path):
    files = [tmp_path / f"{i}.gz" for i in range(4)]
    for i, path in enumerate(files):
        path.write_bytes(gzip.compress(f"{i}\n".encode()))
    reads = SampleReads("s", [(files[0], files[1]), (files[2], files[3])])
    command = sylph_command(reads, "db.syldb", tmp_path / "o.tsv", tmp_path, 1)
    assert gzip.decompress(Path(command[-1]).read_bytes()) == b"1\n3\n"
    assert gzip.decompress(Path(command[-3]).read_bytes()) == b"0\n2\n"

"""Merging: names, what is unclassified, samples that leave, and memory that grows with what is there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vagus.design.model import Design, Participant, Sample
from vagus.errors import VagusError
from vagus.shotgun.merge import TableBuilder, find_samples
from vagus.shotgun.merge_functions import merge_functions
from vagus.shotgun.merge_taxa import merge_taxa
from vagus.shotgun.tables import write_function, write_taxa

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
LINE = "Bacteria;Bacteroidota;Bacteroidia;Bacteroidales;Bacteroidaceae;{};{}"
STATS = {"engine": "made", "version": "1.0", "kind": "counts", "unit": "reads", "reference": "made"}


def design(*samples: str) -> Design:
    people = [Participant("p1", "a")]
    plan = {"arms": ["a"], "visits": ["v1"], "baseline": "v1", "primary_visit": "v1"}
    return Design(plan, people, [Sample(s, "p1", "v1", "shotgun", "stool") for s in samples])


def test_reads_above_a_level_are_unclassified_there_and_never_a_neighbour(tmp_path: Path) -> None:
    values = {
        LINE.format("Bacteroides", "Bacteroides dorei"): 60.0,
        LINE.format("Bacteroides", ""): 20.0,
        LINE.format("", ""): 5.0,
        "unclassified": 15.0,
    }
    write_taxa(values, {**STATS, "reads": 100, "detection_limit": 0.1}, tmp_path, "s1")
    profiles, rows = merge_taxa([tmp_path], design("s1"))
    assert profiles["species"].features == ["Bacteroides dorei"]
    assert profiles["species"].table.toarray().tolist() == [[60.0]]
    assert profiles["species"].meta["unclassified"] == {"s1": pytest.approx(0.40)}
    assert profiles["genus"].features == ["Bacteroides"]
    assert profiles["genus"].table.toarray().tolist() == [[80.0]]
    assert profiles["genus"].meta["unclassified"] == {"s1": pytest.approx(0.20)}
    assert profiles["species"].meta["detection_limit"] == {"s1": 0.1}
    assert profiles["species"].kind == "counts"
    assert rows[0]["species"] == 1


def test_one_species_name_in_two_genera_stays_two_features(tmp_path: Path) -> None:
    values = {LINE.format("Aus", "sp. 1"): 1.0, LINE.format("Bus", "sp. 1"): 2.0}
    write_taxa(values, {**STATS, "reads": 3}, tmp_path, "s1")
    profile = merge_taxa([tmp_path], design("s1"))[0]["species"]
    assert sorted(profile.features) == ["sp. 1 (Aus)", "sp. 1 (Bus)"]
    by_name = dict(zip(profile.features, profile.table.toarray().ravel(), strict=True))
    assert by_name == {"sp. 1 (Aus)": 1.0, "sp. 1 (Bus)": 2.0}


def test_a_sample_without_reads_or_names_leaves_with_a_reason(tmp_path: Path) -> None:
    write_taxa({}, {**STATS, "reads": 0}, tmp_path, "s0")
    write_taxa({"unclassified": 50.0}, {**STATS, "reads": 50}, tmp_path, "s1")
    write_taxa({LINE.format("Aus", "Aus bus"): 9.0}, {**STATS, "reads": 9}, tmp_path, "s2")
    profiles, rows = merge_taxa([tmp_path], design("s0", "s1", "s2"))
    assert profiles["species"].samples == ["s2"]
    assert profiles["species"].meta["left_out"] == {
        "s0": "no reads after cleaning",
        "s1": "no read was named to genus or species",
    }
    assert [row["left_out"] != "" for row in rows] == [True, True, False]


def test_controls_are_no_part_of_the_participants_profile(tmp_path: Path) -> None:
    for sample in ("s1", "neg"):
        write_taxa({LINE.format("Aus", "Aus bus"): 9.0}, {**STATS, "reads": 9}, tmp_path, sample)
    trial = design("s1")
    trial.samples.append(Sample("neg", None, None, "shotgun", "negative"))
    assert merge_taxa([tmp_path], trial)[0]["species"].samples == ["s1"]


def test_damaged_table_is_named(tmp_path: Path) -> None:
    write_taxa({"Bacteria;Aus": 9.0}, {**STATS, "reads": 9}, tmp_path, "s1")
    with pytest.raises(VagusError, match=r"s1\.taxa\.tsv, row 2: .* expected seven ranks"):
        merge_taxa([tmp_path], design("s1"))


def test_sample_in_two_groups_is_refused(tmp_path: Path) -> None:
    for group in ("g1", "g2"):
        (tmp_path / group).mkdir()
        write_taxa({}, {**STATS, "reads": 0}, tmp_path / group, "s1")
    with pytest.raises(VagusError, match="sample s1 stands in"):
        find_samples([tmp_path / "g1", tmp_path / "g2"])


def test_functions_whole_and_by_species(tmp_path: Path) -> None:
    stats = {"engine": "made", "version": "1", "reads": 10, "unit": "copies per genome", "status": "ok"}
    values = {("K00001", "Aus bus"): 0.5, ("K00001", "unclassified"): 0.25, ("K00002", "Aus bus"): 1.0}
    write_function(values, stats, tmp_path, "s1", "ko")
    bad = {**stats, "status": "no marker found", "reason": "none of the 36 single-copy marker genes was seen"}
    write_function({}, bad, tmp_path, "s2", "ko")
    profiles, rows = merge_functions([tmp_path], design("s1", "s2"), ["ko", "ko_by_species"])
    assert profiles["ko"].features == ["K00001", "K00002"]
    assert profiles["ko"].table.toarray().ravel().tolist() == [0.75, 1.0]
    assert profiles["ko"].kind == "copies_per_genome"
    assert profiles["ko_by_species"].features == ["K00001|Aus bus", "K00001|unclassified", "K00002|Aus bus"]
    assert profiles["ko"].meta["left_out"] == {"s2": "none of the 36 single-copy marker genes was seen"}
    assert len(rows) == 2


def test_builder_does_not_depend_on_the_order_of_features() -> None:
    rng = np.random.default_rng(3)
    pairs = [(f"f{i}", float(rng.integers(1, 9))) for i in range(50)]
    one, two = TableBuilder(), TableBuilder()
    one.add("s", pairs)
    two.add("s", [pairs[i] for i in rng.permutation(50)])
    (a, names_a), (b, names_b) = one.finish(), two.finish()
    assert names_a == names_b
    assert (a.toarray() == b.toarray()).all()


DENSE = """
import sys
sys.path.insert(0, {scripts!r})
from pathlib import Path
from vagus.design.model import Design, Participant, Sample
from vagus.profile import write_profile
from vagus.shotgun.merge_functions import merge_functions
from vagus.shotgun.merge_taxa import merge_taxa
plan = {{"arms": ["a"], "visits": ["v1"], "baseline": "v1", "primary_visit": "v1"}}
samples = [Sample(f"s{{i}}", "p1", "v1", "shotgun", "stool") for i in range({count})]
design = Design(plan, [Participant("p1", "a")], samples)
if {kind!r} == "taxa":
    profiles, _ = merge_taxa([{folder!r}], design)
else:
    profiles, _ = merge_functions([{folder!r}], design, ["ko", "ko_by_species"])
assert max(p.table.nnz for p in profiles.values()) == 50_000 * {count}
for level, profile in profiles.items():
    write_profile(profile, Path({folder!r}) / f"{{level}}.biom")
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(int(peak.split()[1]) / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc: the peak can not be read")
@pytest.mark.parametrize("kind", ["functions", "taxa"])
def test_a_thousand_samples_of_fifty_thousand_features_stay_under_two_gigabytes(
    tmp_path: Path, kind: str
) -> None:
    """Every one of the 50 million values is there; files of 20 samples are linked for the others."""
    rng, count = np.random.default_rng(1), 1000
    for s in range(20):
        made = {**STATS, "reads": 10}
        values = (rng.random(50_000) + 0.001).tolist()
        if kind == "taxa":
            line = "Bacteria;P{};C{};O{};F{};Genus{};Genus{} species{}"
            rows = {
                line.format(g % 7, g % 70, g % 350, g % 700, g, g, i % 10): value
                for i, value in enumerate(values)
                for g in [i // 10]
            }
            write_taxa(rows, made, tmp_path, f"s{s}")
        else:
            made["unit"] = "copies per genome"
            kos = {(f"K{i // 10:05d}", f"Genus{i % 10} species"): v for i, v in enumerate(values)}
            write_function(kos, made, tmp_path, f"s{s}", "ko")
    for path in list(tmp_path.iterdir()):
        base, _, end = path.name.partition(".")
        for s in range(int(base[1:]) + 20, count, 20):
            (tmp_path / f"s{s}.{end}").hardlink_to(path)
    code = DENSE.format(scripts=str(SCRIPTS), folder=str(tmp_path), kind=kind, count=count)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    print(f"{kind}: {float(done.stdout):.2f} GB, {time.perf_counter() - start:.0f} s")
    assert float(done.stdout) < 2.0, f"peak memory {done.stdout} GB"

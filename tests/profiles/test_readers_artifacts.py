"""QIIME 2 artifacts, BIOM of other programs and mothur, with their taxonomies."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from profiles.reader_data import FIXTURES, bring, need

from vagus.errors import VagusError
from vagus.profiles.readers import qza
from vagus.profiles.readers.biom import read_biom
from vagus.profiles.readers.taxonomy import place_lineage, read_taxonomy

UUID = "d0c67b5c-6267-4058-a1a3-d167a2d39b20"


def raw_qza(path: Path) -> pd.DataFrame:
    """Read the table of an artifact without the reader: features x samples."""
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("data/feature-table.biom"))
        with h5py.File(io.BytesIO(archive.read(name))) as handle:
            rows, matrix = handle["observation/ids"][:].astype(str), handle["observation/matrix"]
            samples = handle["sample/ids"][:].astype(str)
            frame = pd.DataFrame(0.0, index=rows, columns=samples)
            for i in range(len(rows)):
                part = slice(matrix["indptr"][i], matrix["indptr"][i + 1])
                frame.iloc[i, matrix["indices"][part]] = matrix["data"][part]
    return frame


def fake_qza(path: Path, kind: str, data: bytes = b"x", name: str = "feature-table.biom") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{UUID}/metadata.yaml", f"uuid: {UUID}\ntype: {kind}\nformat: X\n")
        archive.writestr(f"{UUID}/provenance/metadata.yaml", "type: Other\n")
        archive.writestr(f"{UUID}/data/{name}", data)
    return path


def small_biom() -> bytes:
    matrix = {
        "shape": [2, 1],
        "matrix_type": "dense",
        "data": [[0.25], [0.75]],
        "id": None,
        "type": "OTU table",
    }
    ids = {"rows": [{"id": "f", "metadata": None}, {"id": "g", "metadata": None}],
           "columns": [{"id": "a", "metadata": None}]}  # fmt: skip
    about = {"format": "1.0", "format_url": "", "generated_by": "t", "date": "2020-01-01T00:00:00"}
    return json.dumps({**matrix, **ids, **about, "matrix_element_type": "float"}).encode()


@pytest.mark.parametrize("name", ["table.qza", "table-rownamesInSeq.qza"])
def test_real_feature_tables(name: str) -> None:
    raw = raw_qza(need(FIXTURES / name))
    profile = bring(FIXTURES / name, "amplicon.asv", "qza", *raw.columns)
    assert profile.to_frame().T.equals(raw)
    assert profile.kind == "counts"
    assert profile.meta["artifact_type"] == "FeatureTable[Frequency]"


def test_real_taxonomy_and_sums_at_a_rank() -> None:
    raw = raw_qza(need(FIXTURES / "table.qza"))
    with zipfile.ZipFile(FIXTURES / "taxonomy.qza") as archive:
        name = next(n for n in archive.namelist() if n.endswith("data/taxonomy.tsv"))
        lineages = pd.read_csv(io.BytesIO(archive.read(name)), sep="\t", index_col=0)["Taxon"]
    phylum = lineages.str.extract(r"p__([^;]*)")[0].fillna("").str.strip()
    expected = raw.groupby(phylum.loc[raw.index].to_numpy()).sum()
    more = {"taxonomy": str(FIXTURES / "taxonomy.qza"), "collapse": "phylum"}
    got = bring(FIXTURES / "table.qza", "amplicon.phylum", "qza", *raw.columns, **more)
    assert got.name == got.meta["name"] == "amplicon.phylum"
    assert got.table.sum() == raw.to_numpy().sum()
    for name in ("Bacteroidetes", "Proteobacteria", "Firmicutes"):
        assert got.to_frame()[name].tolist() == expected.loc[name].tolist()
    assert len(got.meta["taxonomy_sha256"]) == 64


def test_other_types_tell_their_kind_or_are_refused(tmp_path: Path) -> None:
    path = fake_qza(tmp_path / "t.qza", "FeatureTable[RelativeFrequency]", small_biom())
    profile = bring(path, "amplicon.asv", "qza", "a")
    assert (profile.kind, profile.to_frame().loc["a"].tolist()) == ("relative", [0.25, 0.75])
    with pytest.raises(VagusError, match=r"kind 'counts' .* qiime2 writes relative"):
        bring(path, "amplicon.asv", "qza", "a", kind="counts")
    with pytest.raises(
        VagusError, match=r"another type \(value 'FeatureTable\[PresenceAbsence\]'\); allowed"
    ):
        bring(fake_qza(path, "FeatureTable[PresenceAbsence]"), "amplicon.asv", "qza", "a")
    with pytest.raises(VagusError, match=r"another type \(value 'FeatureData\[Sequence\]'\)"):
        bring(need(FIXTURES / "refseq.qza"), "amplicon.asv", "qza", "a")


def test_damaged_and_huge_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.qza"
    path.write_text("no zip")
    with pytest.raises(VagusError, match=r"not an artifact of QIIME 2 \(File is not a zip file\)"):
        bring(path, "amplicon.asv", "qza", "a")
    fake_qza(path, "FeatureTable[Frequency]", name="../../other.biom")
    with pytest.raises(VagusError, match=r"not an artifact of QIIME 2 .*There is no item named"):
        bring(path, "amplicon.asv", "qza", "a")
    fake_qza(path, "FeatureTable[Frequency]", b"nonsense")
    with pytest.raises(VagusError, match="not a BIOM file"):
        bring(path, "amplicon.asv", "qza", "a")
    monkeypatch.setattr(qza, "MAX_BYTES", 100)
    fake_qza(path, "FeatureTable[Frequency]", b"0" * 1000)
    with pytest.raises(VagusError, match="has 1,000 bytes unpacked; allowed: 100; fix: export it"):
        bring(path, "amplicon.asv", "qza", "a")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.qza"]


@pytest.mark.parametrize(
    "name",
    ["Aggregated_humanization2", "complete", "less_ranks", "more_ranks", "simple", "taxpasta_no_type"],
)
def test_biom_of_other_programs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = need(FIXTURES / f"{name}.biom")
    table = read_biom(path)
    if path.read_bytes().startswith(b"{"):
        raw = json.loads(path.read_text())
        data = np.array(raw["data"])
        assert (len(table.features), len(table.samples)) == tuple(raw["shape"])
        total = data[:, 2].sum() if raw["matrix_type"] == "sparse" else data.sum()
        assert table.taxonomy["1726470"][:2] == ["Bacteria", "Bacteroidetes"]
    else:
        with h5py.File(path) as handle:
            assert (len(table.features), len(table.samples)) == tuple(int(n) for n in handle.attrs["shape"])
            total = handle["sample/matrix/data"][:].sum()
            agree = handle["observation/matrix/data"][:].sum() == total
        # One real file has two copies of itself that differ.
        assert ("copies by feature and by sample differ" in capsys.readouterr().out) is not agree
    assert table.values.sum() == total


def test_mothur_against_the_raw_files() -> None:
    raw = pd.read_csv(need(FIXTURES / "mothur_example.shared"), sep="\t", dtype={"label": str})
    counts = raw.set_index("Group").filter(regex="^Otu")
    more = {"taxonomy": str(FIXTURES / "mothur_example.cons.taxonomy")}
    profile = bring(FIXTURES / "mothur_example.shared", "amplicon.otu", "mothur", *counts.index, **more)
    assert (profile.to_frame().to_numpy() == counts.to_numpy()).all()
    assert (profile.features, profile.samples) == (list(counts.columns), list(counts.index))
    assert profile.kind == "counts"
    assert profile.taxonomy["Otu002"] == [
        "Bacteria", "Firmicutes", "Clostridia", "Clostridiales", "Ruminococcaceae", "Faecalibacterium",
    ]  # fmt: skip
    assert read_taxonomy(FIXTURES / "mothur_example.taxonomy") == read_taxonomy(more["taxonomy"])


def test_mothur_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "t.shared"
    for text, message in (
        (
            "label\tGroup\tnumOtus\tO1\n0.03\ta\t1\t2\n0.05\tb\t1\t3\n",
            "a second label .value '0.05'.; allowed: 0.03",
        ),
        ("label\tGroup\tO1\n0.03\ta\t2\n", "no column 'numOtus', so it is not a shared table"),
        ("label\tGroup\tnumOtus\tO1\n0.03\ta\t1\tx\n", "row 2, column 'O1': not a number"),
        ("label\tGroup\tnumOtus\tO1\n0.03\ta\t1\t0.5\n", "not a whole number .* use kind: relative"),
    ):
        path.write_text(text)
        with pytest.raises(VagusError, match=message):
            bring(path, "amplicon.otu", "mothur", "a", "b")


def test_lineages_find_their_ranks(tmp_path: Path) -> None:
    assert place_lineage("k__A; p__B; g__C; s__") == ["A", "B", "", "", "", "C", ""]
    assert place_lineage("D_0__A;D_1__B;?") == ["A", "B", ""]
    assert place_lineage("A(100);B(99);B_unclassified(80);") == ["A", "B", ""]
    assert place_lineage("Unassigned") == [""]
    assert place_lineage("k__A;p__B;c__C;o__D;f__E;g__Blautia;s__obeum")[5:] == ["Blautia", "Blautia obeum"]
    assert place_lineage("A;B;C;D;E;Blautia;Blautia obeum")[6] == "Blautia obeum"
    path = tmp_path / "t.csv"
    path.write_text('"Phylum","Genus"\n"f","P","NA"\n')
    assert read_taxonomy(path) == {"f": ["", "P", "", "", "", "", ""]}
    for text, message in (
        ("id,colour\nf,red\n", "no column of lineages or ranks .*allowed: Taxon, Taxonomy"),
        ("id,Taxon\nf,A\nf,B\n", "row 3: feature stands twice"),
        ("id,Phylum,Genus\nf,A\n", "row 2: 2 cells where the header has 3"),
    ):
        path.write_text(text)
        with pytest.raises(VagusError, match=message):
            read_taxonomy(path)

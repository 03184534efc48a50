"""A profile survives its own file."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from biom import Table
from scipy import sparse

from vagus.errors import VagusError
from vagus.profile import Profile, meta_path, read_profile, write_profile


def make(values, features, samples, taxonomy=None, kind="counts") -> Profile:
    return Profile(
        "a.b",
        sparse.csr_array(np.array(values, dtype=float)),
        features,
        samples,
        taxonomy or {},
        {"kind": kind},
    )


def round_trip(profile: Profile, tmp_path) -> Profile:
    write_profile(profile, tmp_path / "x" / "a.b.biom")
    return read_profile(tmp_path / "x" / "a.b.biom")


def test_round_trip_keeps_values_ids_and_meta(tmp_path) -> None:
    source = make([[1, 0, 3], [0, 2.5, 0]], ['Fä/"x', "g;h"], ["s 1", "2", "p|v"])
    source.meta["units"] = {"g;h": "µg/L"}
    back = round_trip(source, tmp_path)
    assert (back.name, back.features, back.samples) == ("a.b", source.features, source.samples)
    assert np.array_equal(back.table.toarray(), source.table.toarray())
    assert back.meta["units"] == {"g;h": "µg/L"}
    assert back.meta["inferred"] is False
    assert meta_path(tmp_path / "a.b.biom").name == "a.b.meta.json"


def test_blank_ranks_stay_where_they_are(tmp_path) -> None:
    taxonomy = {"f": ["a", "b", "", "d", ""], "g": ["", "", "", "", ""], "h": ["a"]}
    back = round_trip(make([[1], [2], [3]], ["f", "g", "h"], ["s"], taxonomy), tmp_path)
    assert back.taxonomy == {"f": ["a", "b", "", "d", ""], "g": [""] * 5, "h": ["a", "", "", "", ""]}


def test_missing_scores_and_zeros_stay_apart(tmp_path) -> None:
    back = round_trip(
        make([[np.nan, 0, 4], [1, 2, np.nan]], ["f", "g"], ["a", "b", "c"], kind="score"), tmp_path
    )
    expected = np.array([[np.nan, 0, 4], [1, 2, np.nan]])
    assert np.array_equal(back.table.toarray(), expected, equal_nan=True)
    assert np.array_equal(back.to_frame().to_numpy(), expected.T, equal_nan=True)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (2, 0), (2, 2)])
def test_empty_tables(tmp_path, shape) -> None:
    features, samples = [f"f{i}" for i in range(shape[0])], [f"s{i}" for i in range(shape[1])]
    back = round_trip(make(np.zeros(shape), features, samples), tmp_path)
    assert (back.features, back.samples, back.table.shape, back.table.nnz) == (features, samples, shape, 0)


def test_file_is_biom_2_1_that_biom_itself_reads(tmp_path) -> None:
    from biom import load_table

    write_profile(make([[1, 2]], ["f"], ["s", "t"], {"f": ["D", "P"]}), tmp_path / "a.b.biom")
    with h5py.File(tmp_path / "a.b.biom") as handle:
        assert list(handle.attrs["format-version"]) == [2, 1]
        assert handle.attrs["generated-by"].startswith("vagus")
    table = load_table(str(tmp_path / "a.b.biom"))
    assert table.metadata("f", "observation")["taxonomy"] == ["D", "P"]


def test_subset_orders_samples_and_drops_absent_features() -> None:
    profile = make(
        [[1, 0, 3], [0, 0, 5], [0, 2, 0]], ["f", "g", "h"], ["a", "b", "c"], {"f": ["x"], "h": ["y"]}
    )
    part = profile.subset(["c", "a"])
    assert (part.features, part.samples, part.taxonomy) == (["f", "g"], ["c", "a"], {"f": ["x"]})
    assert part.table.toarray().tolist() == [[3, 1], [5, 0]]
    assert profile.subset(["b"], drop_absent=False).features == ["f", "g", "h"]
    assert profile.subset([]).table.shape == (0, 0)
    with pytest.raises(VagusError, match=r"profile a\.b has no sample q"):
        profile.subset(["q"])


def test_subset_drops_features_whose_zeros_are_stored() -> None:
    table = sparse.csr_array((np.array([1.0, 0.0]), ([0, 1], [0, 0])), shape=(2, 1))
    profile = Profile("a.b", table, ["f", "g"], ["s"], {}, {"kind": "counts"})
    assert profile.subset(["s"]).features == ["f"]


def test_refusals(tmp_path) -> None:
    with pytest.raises(VagusError, match=r"table of shape \(1, 1\) for 2 features"):
        make([[1]], ["f", "g"], ["s"])
    with pytest.raises(VagusError, match="kind 'odd'; allowed: counts"):
        write_profile(make([[1]], ["f"], ["s"], kind="odd"), tmp_path / "a.b.biom")
    with pytest.raises(VagusError, match=r"ANCOM needs counts, but profile a\.b holds score"):
        make([[1]], ["f"], ["s"], kind="score").need_counts("ANCOM")
    with pytest.raises(VagusError, match=r"no\.biom is missing; rebuild it"):
        read_profile(tmp_path / "no.biom")
    write_profile(make([[1]], ["f"], ["s"]), tmp_path / "a.b.biom")
    assert json.loads((tmp_path / "a.b.meta.json").read_text())["name"] == "a.b"
    (tmp_path / "a.b.meta.json").unlink()
    with pytest.raises(VagusError, match=r"a\.b\.meta\.json is missing"):
        read_profile(tmp_path / "a.b.biom")


def test_values_written_in_blocks_are_those_of_biom_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    dense = rng.random((40, 23)) * (rng.random((40, 23)) < 0.6)
    table = sparse.csr_array(dense)
    table.data[::7] = 0.0  # zeros that are stored are not written
    features, samples = [f"f{i}" for i in range(40)], [f"s{i}" for i in range(23)]
    monkeypatch.setattr("vagus.profile.BLOCK", 50)
    profile = Profile("shotgun.ko", table.copy(), features, samples, {}, {"kind": "relative"})
    write_profile(profile, tmp_path / "a.biom")
    whole = Table(sparse.csr_matrix(table), features, samples, table_id="shotgun.ko", type="Function table")
    with h5py.File(tmp_path / "b.biom", "w") as handle:
        whole.to_hdf5(handle, generated_by="test")
    with h5py.File(tmp_path / "a.biom") as one, h5py.File(tmp_path / "b.biom") as two:
        assert one.attrs["nnz"] == two.attrs["nnz"] == np.count_nonzero(table.data)
        assert list(one.attrs) == list(two.attrs)
        for axis in ("observation", "sample"):
            for name in ("matrix/data", "matrix/indices", "matrix/indptr", "ids"):
                assert one[axis][name].dtype == two[axis][name].dtype
                assert one[axis][name].chunks == two[axis][name].chunks
                assert list(one[axis][name][()]) == list(two[axis][name][()])

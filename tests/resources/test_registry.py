"""The registry of public references: complete, honest, and overridden by the config."""

from dataclasses import replace

import pytest
import yaml

from vagus.errors import DesignError, VagusError
from vagus.resources.registry import REGISTRY, check_engine, find_reference, load_registry, version_fits

SUM = "a" * 64


def entry(**changes):
    made = {
        "title": "t",
        "version": "1",
        "licence": "CC0",
        "citation": "10.1234/x",
        "engines": {"kraken2": ""},
        "verified": True,
        "files": [{"name": "f.gz", "urls": ["https://example.org/f.gz"], "sha256": SUM}],
    }
    return {**made, **changes}


def written(tmp_path, **entries):
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump({"references": {key.replace("__", "="): e for key, e in entries.items()}}))
    return path


def test_what_ships_is_of_the_form():
    registry = load_registry()
    engines = {engine for reference in registry.values() for engine in reference.engines}
    assert {"dada2", "sourmash", "kraken2", "metaphlan", "sylph", "humann", "bowtie2"} <= engines
    raw = yaml.safe_load(REGISTRY.read_text())["references"]
    for key, reference in registry.items():
        bare = [f.name for f in reference.files if not f.checked]
        assert bool(bare) is not raw[key]["verified"], key
        assert not bare or raw[key]["not_verified"], key


def test_every_mistake_in_a_registry_is_told(tmp_path):
    path = written(
        tmp_path,
        a__2=entry(),
        b__1=entry(verified=False, not_verified="x"),
        c__1=entry(files=[{"name": "f", "urls": ["https://e.org/f"], "sha256": None}]),
        d__1=entry(verified=False, files=[{"name": "f", "urls": ["https://e.org/f"], "sha256": None}]),
    )
    with pytest.raises(DesignError) as told:
        load_registry(path)
    text = str(told.value)
    assert "key and version disagree" in text
    assert text.count("verified must tell whether") == 2
    assert "not verified, but nothing says what" in text
    assert len(told.value.problems) == 4
    path = written(tmp_path, a__1=entry(files=[{"name": "../f", "urls": ["ftp://x"], "sha256": "abc"}]))
    with pytest.raises(DesignError) as told:
        load_registry(path)
    assert len(told.value.problems) == 3


def test_a_name_finds_its_only_version(tmp_path):
    registry = load_registry(written(tmp_path, a__1=entry(), b__1=entry(), b__2=entry(version="2")))
    assert find_reference("a", registry).key == "a=1"
    assert find_reference("b=2", registry).version == "2"
    with pytest.raises(VagusError, match="several versions; allowed: b=1, b=2"):
        find_reference("b", registry)
    with pytest.raises(VagusError, match="'kraken' is unknown; allowed: a=1"):
        find_reference("kraken", registry)


def test_the_config_overrides(tmp_path):
    registry = load_registry(written(tmp_path, a__1=entry()))
    found = find_reference(
        "a=1", registry, {"a": {"path": "/x", "url": "http://own/f"}, "a=1": {"path": "/y"}}
    )
    assert found.path == "/y"
    assert found.files[0].urls == ("http://own/f",)
    assert found.files[0].sha256 == SUM
    found = find_reference("a", registry, {"a": {"md5": "B" * 32}})
    assert (found.files[0].sha256, found.files[0].md5) == ("", "b" * 32)
    with pytest.raises(VagusError, match=r"references\.a\.sha256: not a checksum"):
        find_reference("a", registry, {"a": {"sha256": "123"}})
    two = {
        "a=1": replace(
            registry["a=1"], files=(registry["a=1"].files[0], replace(found.files[0], name="g.gz"))
        )
    }
    with pytest.raises(VagusError, match=r"one value for each of f\.gz, g\.gz"):
        find_reference("a", two, {"a": {"sha256": SUM}})
    found = find_reference("a", two, {"a": {"sha256": {"g.gz": "c" * 64}}})
    assert [f.sha256 for f in found.files] == [SUM, "c" * 64]


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("4.1.1", ">=4.1,<4.2", True),
        ("4.2.0", ">=4.1,<4.2", False),
        ("4.10", ">=4.9", True),
        ("v3.9", ">=3,<4", True),
        ("2", "==2.0.0", True),
        ("4.0.4", ">4.0.4", False),
        ("1", "", True),
    ],
)
def test_version_ranges(version, wanted, fits):
    assert version_fits(version, wanted) is fits


def test_an_engine_that_does_not_fit():
    metaphlan = load_registry()["metaphlan=vJun23_202403"]
    check_engine(metaphlan, "metaphlan", "4.1.1")
    with pytest.raises(VagusError, match=r"does not fit metaphlan 4\.2\.5; allowed: metaphlan >=4\.1,<4\.2"):
        check_engine(metaphlan, "metaphlan", "4.2.5")
    with pytest.raises(VagusError, match=r"is not for kraken2; allowed: humann, metaphlan"):
        check_engine(metaphlan, "kraken2", "2.1")
    with pytest.raises(VagusError, match="can not be read"):
        version_fits("1", "~=1")

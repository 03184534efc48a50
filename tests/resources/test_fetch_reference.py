"""Fetching over HTTP from a server on loopback that behaves well, badly and not at all."""

import hashlib
import http.server
import io
import json
import os
import random
import tarfile
import threading
import urllib.request
import zipfile
from dataclasses import replace

import pytest
import yaml

from vagus.errors import VagusError
from vagus.resources import fetch_reference as module
from vagus.resources.fetch_reference import fetch_reference, main, unpack
from vagus.resources.registry import Reference, RemoteFile

DATA = random.Random(3).randbytes(300_000)
SUM = hashlib.sha256(DATA).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; `cut` answers are broken off, `ranges` tells whether Range is understood."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.ranges, self.seen, self.failing = {}, 0, True, [], 0

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.seen.append((self.path[1:], wanted))
        if server.failing:
            server.failing -= 1
            return self.send_error(503)
        data = server.files.get(self.path[1:])
        if data is None:
            return self.send_error(404)
        start = 0
        if wanted and server.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        body = data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cut:
            server.cut -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)
        return None


@pytest.fixture
def server():
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def reference(*urls, name="f.bin", sha256=SUM, size=None, unpacked=False, holds=(), path=""):
    file = RemoteFile(name, urls or ("http://127.0.0.1:9/none",), sha256, "", size, unpacked)
    return Reference("ref=1", "A reference", "1", (file,), "CC0", "10.1/x", holds, {}, path)


def fetch(tmp_path, wanted, **more):
    fetch_reference(
        wanted, tmp_path / "out", tmp_path / "out.partial", **{"attempts": 3, "wait": 0.01, **more}
    )
    return tmp_path / "out"


def test_a_file_comes_and_is_checked(tmp_path, server):
    server.files["f.bin"] = DATA
    out = fetch(tmp_path, reference(server.url("f.bin"), size=len(DATA)))
    assert (out / "f.bin").read_bytes() == DATA
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["parameters"]["verified"] is True
    assert manifest["parameters"]["files"] == {"f.bin": SUM}
    assert sorted(os.listdir(tmp_path)) == ["out"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_transfer_is_taken_up(tmp_path, server, ranges):
    server.files["f.bin"], server.cut, server.ranges = DATA, 1, ranges
    out = fetch(tmp_path, reference(server.url("f.bin")))
    assert (out / "f.bin").read_bytes() == DATA
    assert server.seen == [("f.bin", None), ("f.bin", f"bytes={len(DATA) // 2}-")]


@pytest.mark.parametrize("size", [None, len(DATA)])
def test_a_part_of_an_earlier_run_is_taken_up(tmp_path, server, size):
    server.files["f.bin"] = DATA
    partial = tmp_path / "out.partial"
    partial.mkdir()
    (partial / "f.bin.part").write_bytes(DATA[:1234])
    out = fetch(tmp_path, reference(server.url("f.bin"), size=size))
    assert (out / "f.bin").read_bytes() == DATA
    assert server.seen == [("f.bin", "bytes=1234-")]


def test_a_whole_part_needs_no_transfer_or_one_answer(tmp_path, server):
    server.files["f.bin"] = DATA
    partial = tmp_path / "out.partial"
    for size, seen in ((len(DATA), []), (None, [("f.bin", f"bytes={len(DATA)}-")])):
        partial.mkdir()
        (partial / "f.bin.part").write_bytes(DATA)
        server.seen.clear()
        assert (fetch(tmp_path, reference(server.url("f.bin"), size=size)) / "f.bin").read_bytes() == DATA
        assert server.seen == seen


@pytest.mark.parametrize("part", [b"another day's file", DATA + b"too long"])
def test_a_wrong_part_is_thrown_away(tmp_path, server, part):
    server.files["f.bin"] = DATA
    partial = tmp_path / "out.partial"
    partial.mkdir()
    (partial / "f.bin.part").write_bytes(part)
    assert (fetch(tmp_path, reference(server.url("f.bin"))) / "f.bin").read_bytes() == DATA


def test_what_breaks_off_for_good_is_kept_for_the_next_run(tmp_path, server):
    server.files["f.bin"], server.cut = DATA, 3
    with pytest.raises(VagusError, match=r"the transfer ended after \d+ of 300000 bytes"):
        fetch(tmp_path, reference(server.url("f.bin")))
    assert sorted(os.listdir(tmp_path)) == ["out.partial"]
    kept = (tmp_path / "out.partial" / "f.bin.part").stat().st_size
    assert kept == len(DATA) // 2 + len(DATA) // 4 + len(DATA) // 8
    server.seen.clear()
    assert (fetch(tmp_path, reference(server.url("f.bin"))) / "f.bin").read_bytes() == DATA
    assert server.seen == [("f.bin", f"bytes={kept}-")]


def test_a_wrong_checksum_is_refused_and_a_mirror_tried(tmp_path, server):
    server.files.update({"bad/f.bin": DATA[::-1], "good/f.bin": DATA})
    with pytest.raises(VagusError) as told:
        fetch(tmp_path, reference(server.url("bad/f.bin")))
    text = str(told.value)
    assert text.startswith("reference ref=1: f.bin could not be fetched (http://127.0.0.1")
    assert f"not {SUM}" in text
    assert f"allowed: the file with sha256 {SUM}; fix: fetch it by hand and set references.ref.path" in text
    assert "\n" not in text
    assert len(server.seen) == 1
    assert not (tmp_path / "out").exists()
    out = fetch(tmp_path, reference(server.url("bad/f.bin"), server.url("good/f.bin")))
    assert (out / "f.bin").read_bytes() == DATA


def test_a_missing_file_goes_to_the_mirror_at_once(tmp_path, server):
    server.files["mirror/f.bin"] = DATA
    out = fetch(tmp_path, reference(server.url("gone/f.bin"), server.url("mirror/f.bin")))
    assert (out / "f.bin").read_bytes() == DATA
    assert [path for path, _ in server.seen] == ["gone/f.bin", "mirror/f.bin"]


def test_a_busy_server_is_asked_again(tmp_path, server):
    server.files["f.bin"], server.failing = DATA, 2
    assert (fetch(tmp_path, reference(server.url("f.bin"))) / "f.bin").read_bytes() == DATA
    assert len(server.seen) == 3


def test_nothing_answers(tmp_path):
    with pytest.raises(VagusError, match=r"refused.*fix: fetch it by hand and set references\.ref\.path"):
        fetch(tmp_path, reference("http://127.0.0.1:9/f.bin"), attempts=2)
    with pytest.raises(VagusError, match="not an http or https address"):
        fetch(tmp_path, reference("file:///etc/passwd"))


def test_no_room(tmp_path, server):
    with pytest.raises(VagusError, match=r"needs 1000000000000000000 bytes and .* has"):
        fetch(tmp_path, reference(server.url("f.bin"), size=10**18))
    assert server.seen == []


def test_without_a_checksum_nothing_is_downloaded(tmp_path, server):
    server.files["f.bin"] = DATA
    with pytest.raises(VagusError) as told:
        fetch(tmp_path, reference(server.url("f.bin"), sha256=""))
    assert "no verified checksum is known for f.bin" in str(told.value)
    assert "references.ref.path" in str(told.value)
    assert "references.ref.sha256" in str(told.value)
    assert server.seen == []


def packed(kind, members):
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=buffer, mode=kind) as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["w", "w:gz", "zip"])
def test_archives_are_unpacked(tmp_path, server, kind):
    data = packed(kind, {"db/hash.k2d": b"hash", "db/opts.k2d": b"opts"})
    server.files["a"] = data
    digest = hashlib.sha256(data).hexdigest()
    wanted = reference(server.url("a"), name="a", sha256=digest, unpacked=True, holds=("hash.k2d", "*.k2d"))
    out = fetch(tmp_path, wanted)
    assert (out / "db/hash.k2d").read_bytes() == b"hash"
    assert not (out / "a").exists()
    with pytest.raises(VagusError, match=r"holds no taxo\.k2d; allowed: taxo.k2d"):
        fetch(tmp_path, replace(wanted, holds=("taxo.k2d",)))


@pytest.mark.parametrize("kind", ["w:gz", "zip"])
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil-of-vagus", "a/../../evil"])
def test_nothing_is_written_outside(tmp_path, kind, name):
    (tmp_path / "a").write_bytes(packed(kind, {name: b"x"}))
    (tmp_path / "in").mkdir()
    with pytest.raises(VagusError, match="outside of the folder"):
        unpack(tmp_path / "a", tmp_path / "in")
    assert sorted(os.listdir(tmp_path)) == ["a", "in"]
    assert not os.path.exists("/tmp/evil-of-vagus")


@pytest.mark.parametrize(("kind", "target"), [(tarfile.SYMTYPE, "../../etc"), (tarfile.LNKTYPE, "../x")])
def test_links_outwards_are_refused(tmp_path, kind, target):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, target
        archive.addfile(info)
    (tmp_path / "in").mkdir()
    with pytest.raises(VagusError, match="outside of the folder"):
        unpack(tmp_path / "a.tar", tmp_path / "in")


def test_devices_and_damaged_archives_are_refused(tmp_path):
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("pipe")
        info.type = tarfile.FIFOTYPE
        archive.addfile(info)
    with pytest.raises(VagusError, match="device or pipe"):
        unpack(tmp_path / "a.tar", tmp_path / "in")
    (tmp_path / "b").write_bytes(packed("w:gz", {"x": random.Random(1).randbytes(50_000)})[:20_000])
    with pytest.raises(VagusError, match="can not be unpacked"):
        unpack(tmp_path / "b", tmp_path / "in")
    (tmp_path / "c").write_text("text")
    with pytest.raises(VagusError, match="neither tar nor zip"):
        unpack(tmp_path / "c", tmp_path / "in")


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was called")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(module.urllib.request, "urlopen", refuse)


@pytest.mark.usefixtures("offline")
def test_a_local_file_needs_no_network(tmp_path):
    own = tmp_path / "own.bin"
    own.write_bytes(DATA)
    out = fetch(tmp_path, reference(path=str(own)))
    assert (out / "f.bin").read_bytes() == DATA
    assert json.loads((out / "manifest.json").read_text())["parameters"]["verified"] is True
    out = fetch(tmp_path, reference(path=str(own), sha256=""))
    assert json.loads((out / "manifest.json").read_text())["parameters"]["verified"] is False
    own.write_bytes(DATA[1:])
    with pytest.raises(VagusError, match=r"references\.ref\.path: .*own\.bin is not ref=1: sha256 is"):
        fetch(tmp_path, reference(path=str(own)))
    with pytest.raises(VagusError, match="does not exist; allowed: a file or a folder"):
        fetch(tmp_path, reference(path=str(tmp_path / "none")))


@pytest.mark.usefixtures("offline")
def test_a_local_folder_unpacked_or_of_archives(tmp_path):
    own = tmp_path / "own"
    (own / "db").mkdir(parents=True)
    (own / "db" / "hash.k2d").write_bytes(b"hash")
    out = fetch(tmp_path, reference(path=str(own), holds=("hash.k2d",), unpacked=True))
    assert (out / "db/hash.k2d").read_bytes() == b"hash"
    assert sorted(os.listdir(own)) == ["db"]
    with pytest.raises(VagusError, match=r"holds no taxo\.k2d"):
        fetch(tmp_path, reference(path=str(own), holds=("taxo.k2d",)))
    # Once more over what lies there: the links go, the user's files stay.
    data = packed("w:gz", {"hash.k2d": b"other"})
    (own / "f.bin").write_bytes(data)
    out = fetch(tmp_path, reference(path=str(own), sha256=hashlib.sha256(data).hexdigest(), unpacked=True))
    assert (out / "hash.k2d").read_bytes() == b"other"
    assert (own / "db" / "hash.k2d").read_bytes() == b"hash"


@pytest.mark.usefixtures("offline")
def test_what_ships_is_refused_without_network_and_taken_from_a_path(tmp_path):
    wanted = "silva_dada2=138.2"
    with pytest.raises(VagusError, match=r"references\.silva_dada2\.path"):
        main(wanted, {}, str(tmp_path / "out"), str(tmp_path / "part"))
    own = tmp_path / "mine.fa.gz"
    own.write_bytes(DATA)
    main(wanted, {"silva_dada2": {"path": str(own)}}, str(tmp_path / "out"), str(tmp_path / "part"))
    assert (tmp_path / "out" / "silva_nr99_v138.2_toGenus_trainset.fa.gz").read_bytes() == DATA


def test_main_takes_registry_and_config_together(tmp_path, server):
    server.files["f.bin"] = DATA
    registry = tmp_path / "r.yaml"
    entry = {
        "title": "t",
        "version": "1",
        "licence": "CC0",
        "citation": "10.1234/x",
        "engines": {},
        "verified": False,
        "not_verified": "all",
        "files": [{"name": "f.bin", "urls": [server.url("f.bin")], "sha256": None}],
    }
    registry.write_text(yaml.safe_dump({"references": {"own=1": entry}}))
    places = (str(tmp_path / "out"), str(tmp_path / "part"), registry)
    with pytest.raises(VagusError, match="no verified checksum"):
        main("own=1", {}, *places)
    main("own=1", {"own": {"sha256": SUM}}, *places)
    assert (tmp_path / "out" / "f.bin").read_bytes() == DATA

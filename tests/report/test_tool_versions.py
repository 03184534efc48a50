"""Versions come from the programs themselves."""

import json

import pytest

from vagus.reads import tools as module
from vagus.reads.tools import tool_version
from vagus.report.tool_versions import main


def test_a_version_is_read_from_either_stream(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for name, stream in (("loud", ""), ("quiet", ">&2")):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\necho '{name} v2.31.4_linux' {stream}\n")
        script.chmod(0o755)
        monkeypatch.setitem(module.ASK, name, [str(script)])
    monkeypatch.setitem(module.ASK, "absent", [str(tmp_path / "absent")])
    assert tool_version("loud") == "2.31.4"
    assert tool_version("quiet") == "2.31.4"
    main(["loud", "quiet", "absent"], str(tmp_path / "out" / "v.json"))
    assert json.loads((tmp_path / "out" / "v.json").read_text()) == {"loud": "2.31.4", "quiet": "2.31.4"}


def test_the_locked_cutadapt_tells_its_version() -> None:
    assert tool_version("cutadapt").startswith("5.")

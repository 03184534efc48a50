"""A tool that fails is one line; a script that Snakemake runs is one that Python accepts there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vagus.errors import VagusError
from vagus.reads.tools import find_tool, last_words, run_tool

SCRIPTS = Path(__file__).parents[2] / "scripts" / "vagus"
ADAPTERS = [
    path
    for room in ("reads", "amplicon")
    for path in sorted((SCRIPTS / room).glob("*.py"))
    if '"snakemake" in globals()' in path.read_text(encoding="utf-8")
]


def test_a_missing_tool_says_how_to_get_it():
    with pytest.raises(VagusError, match=r"^no-such-tool is not installed; fix: run `make setup`"):
        find_tool("no-such-tool")


def test_a_failing_tool_is_one_line_with_its_last_words(tmp_path):
    code = "import sys; sys.stderr.write('start\\nError: the file is odd\\nbye\\n'); sys.exit(3)"
    with pytest.raises(VagusError) as caught:
        run_tool([sys.executable, "-c", code], "trimming, sample S1, run r1", tmp_path / "log")
    assert str(caught.value).startswith("trimming, sample S1, run r1: python")
    assert str(caught.value).endswith("failed with status 3: Error: the file is odd")
    assert "start" in (tmp_path / "log").read_text()


def test_vsearch_gives_its_reason_after_the_fatal_error():
    assert last_words("vsearch v2\n\nFatal error: \nInvalid quality\n") == "Invalid quality"
    assert last_words("") == "no message"


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda p: p.stem)
def test_scripts_stand_snakemakes_preamble(path):
    # Snakemake writes lines before the script; `from __future__` would then be a syntax error.
    compile("import sys\n" + path.read_text(encoding="utf-8"), str(path), "exec")

"""Run the field's own tools; a tool that fails becomes one line that names the sample and the step."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vagus.errors import VagusError

# vsearch ends its words on stdout with a DOI, so stderr is read first.
# FastTree tells its version with its help.
ASK = {
    "cutadapt": ["cutadapt", "--version"],
    "bowtie2": ["bowtie2", "--version"],
    "vsearch": ["vsearch", "--version"],
    "mafft": ["mafft", "--version"],
    "fasttree": ["fasttree", "-expert"],
    "multiqc": ["multiqc", "--version"],
    "fastp": ["fastp", "--version"],
    "minimap2": ["minimap2", "--version"],
    "kraken2": ["kraken2", "--version"],
    "diamond": ["diamond", "version"],
    "sourmash": ["sourmash", "--version"],
    "metaphlan": ["metaphlan", "--version"],
    "sylph": ["sylph", "--version"],
    "humann": ["humann", "--version"],
    "picrust2": ["picrust2_pipeline.py", "--version"],
}


def find_tool(*names: str) -> str:
    """Find a program on PATH or beside the running Python.

    Parameters
    ----------
    names
        The program's name, and other names under which it is packaged.

    Returns
    -------
    str
        Path of the program.

    Raises
    ------
    VagusError
        If none is there.
    """
    # A workflow started as .venv/bin/snakemake has tools beside its Python that are not on PATH.
    beside = Path(sys.executable).parent
    for name in names:
        for found in (shutil.which(name, path=str(beside)), shutil.which(name)):
            if found:
                return found
    raise VagusError(f"{names[0]} is not installed; fix: run `make setup`, or run snakemake with --sdm conda")


def last_words(text: str) -> str:
    """Return the most telling line of a tool's messages: the last that speaks of an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "no message"
    telling = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    words = telling[-1] if telling else lines[-1]
    # vsearch announces "Fatal error" and gives the reason on the next line.
    if words.lower().rstrip(".:") == "fatal error":
        words = lines[-1]
    return words[:300]


def run_tool(
    command: Sequence[str | Path], what: str, log: Path | None = None, stdin: str | None = None
) -> str:
    """Run a tool and return its standard output.

    Parameters
    ----------
    command
        Program and arguments.
    what
        Where we are, for the message: step, sample and run.
    log
        File for the tool's standard error; its text is part of the message when the tool fails.
    stdin
        Text for the tool's standard input.

    Returns
    -------
    str
        Standard output.

    Raises
    ------
    VagusError
        If the tool ends with another status than 0.
    """
    words = [find_tool(str(command[0])), *(str(part) for part in command[1:])]
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, errors="replace", check=False)
    if log is not None:
        log.write_text(done.stderr, encoding="utf-8")
    if done.returncode != 0:
        said = last_words(done.stderr or done.stdout)
        raise VagusError(f"{what}: {Path(words[0]).name} failed with status {done.returncode}: {said}")
    return done.stdout


def tool_version(tool: str) -> str:
    """Ask a program for its version.

    Parameters
    ----------
    tool
        One of `ASK`.

    Returns
    -------
    str
        Such as "2.22.1"; "" if the program is not there or tells none.
    """
    try:
        words = [find_tool(ASK[tool][0]), *ASK[tool][1:]]
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120
        )
    except (OSError, VagusError):
        return ""
    found = re.search(r"\d+\.\d+(?:\.\d+)*", done.stderr + done.stdout)
    return found.group() if found else ""

"""The versions of the programs of one tool family, as each tells itself."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

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
}


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
        done = subprocess.run(
            ASK[tool], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120
        )
    except OSError:
        return ""
    found = re.search(r"\d+\.\d+(?:\.\d+)*", done.stderr + done.stdout)
    return found.group() if found else ""


def main(tools: Iterable[str], output: str) -> None:
    """Ask each and write what they say."""
    versions = {tool: version for tool in tools if (version := tool_version(tool))}
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(versions, indent=1) + "\n", encoding="utf-8")


if "snakemake" in globals():
    run_step(lambda: main(snakemake.params.tools, snakemake.output[0]), snakemake.log[0])

"""The versions of the programs of one tool family, as each tells itself."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.reads.tools import tool_version
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(tools: Iterable[str], output: str) -> None:
    """Ask each and write what they say."""
    versions = {tool: version for tool in tools if (version := tool_version(tool))}
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(versions, indent=1) + "\n", encoding="utf-8")


if "snakemake" in globals():
    run_step(lambda: main(snakemake.params.tools, snakemake.output[0]), snakemake.log[0])

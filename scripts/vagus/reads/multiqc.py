"""One MultiQC page over the tools' own logs, with the reads left after each step."""

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.reads.tools import run_tool
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def ledger_section(ledgers: list[str]) -> dict:
    """Make MultiQC's custom section from ledgers: where the reads of each sample went.

    Parameters
    ----------
    ledgers
        Ledger TSVs.

    Returns
    -------
    dict
        A bar graph of reads lost at each step, and kept.
    """
    data: dict[str, dict[str, int]] = {}
    for path in ledgers:
        with open(path, encoding="utf-8", newline="") as handle:
            # Rows stand in the order of the steps, so the last one sets what is kept.
            for row in csv.DictReader(handle, delimiter="\t"):
                counts = data.setdefault(f"{row['sample']}__{row['run']}", {"kept": 0})
                counts["kept"] = int(row["reads_out"])
                if row["step"] != "raw":
                    counts[f"lost: {row['step']}"] = int(row["lost"])
    return {
        "id": "vagus_ledger",
        "section_name": "Read ledger",
        "description": "Reads (pairs) kept and lost at each step of cleaning.",
        "plot_type": "bargraph",
        "pconfig": {"id": "vagus_ledger_plot", "title": "Read ledger: reads kept and lost", "ylab": "Reads"},
        "data": data,
    }


def main(logs: list[str], ledgers: list[str], output: str) -> None:
    """Run MultiQC without a network over the log directories and the ledgers."""
    target = Path(output)
    with tempfile.TemporaryDirectory() as folder:
        section = Path(folder) / "vagus_ledger_mqc.json"
        section.write_text(json.dumps(ledger_section(ledgers)), encoding="utf-8")
        command: list[str | Path] = ["multiqc", "--no-version-check", "--no-megaqc-upload", "--no-data-dir"]
        # Sample names from our log names: the runs of one sample must not overwrite each other.
        command += [
            "--fn_as_s_name",
            "--force",
            "--quiet",
            "--outdir",
            target.parent,
            "--filename",
            target.name,
        ]
        for module in ("custom_content", "cutadapt", "bowtie2", "fastp"):
            command += ["--module", module]
        run_tool([*command, folder, *logs], "MultiQC")


if "snakemake" in globals():
    run_step(
        lambda: main(list(snakemake.input.logs), list(snakemake.input.ledgers), snakemake.output[0]),
        snakemake.log[0],
    )

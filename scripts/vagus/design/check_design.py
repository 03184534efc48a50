"""Rule `check_design`: check the trial and the contents of its read files, and write the design."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.design.batches import make_batches
from vagus.design.check_reads import check_reads
from vagus.design.check_sheets import load_trial
from vagus.design.findings import Findings
from vagus.design.model import write_design
from vagus.design.plan_hash import DEVIATION_COLUMNS
from vagus.design.schema import CLONE
from vagus.design.summary import FLOW_COLUMNS, make_flow, summarise_design
from vagus.errors import DesignError
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    config: dict[str, Any],
    workdir: Path,
    clone: Path,
    configfiles: list[Path],
    design_json: Path,
    summary_txt: Path,
    flow_tsv: Path,
    deviations_tsv: Path,
    batch_jsons: Sequence[Path],
    threads: int = 1,
) -> None:
    """Check a trial and write its design, its summary, its flow and its batches.

    Parameters
    ----------
    config, workdir, clone, configfiles
        As for `vagus.design.check_sheets.load_trial`.
    design_json, summary_txt, flow_tsv, deviations_tsv
        Files to write.
    batch_jsons
        `<batch>.json` for every batch, see `vagus.design.batches.make_batches`.
    threads
        Read files looked at side by side.

    Raises
    ------
    DesignError
        With every problem.
    """
    design = load_trial(config, workdir, clone, configfiles, threads)
    findings = Findings(notes=design.notes)
    odd = bool(config["reads"]["allow_odd_qualities"])
    reads = check_reads(design, str(config["samples"]), findings, threads, allow_odd_qualities=odd)
    if findings.problems:
        raise DesignError(findings.problems)
    write_design(design, design_json)
    summary_txt.write_text(summarise_design(design, config["trial"]["levels"]), encoding="utf-8")
    with deviations_tsv.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, DEVIATION_COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(design.registration.get("deviations", []))
    with flow_tsv.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, FLOW_COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(make_flow(design, reads))
    batches = make_batches(design, config["reads"]["batch_size"])
    for path in batch_jsons:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(batches[path.stem], indent=1) + "\n", encoding="utf-8")


if "snakemake" in globals():
    run_step(
        lambda: main(
            dict(snakemake.config),
            Path.cwd(),
            CLONE,
            [Path(f) for f in snakemake.params.configfiles],
            Path(snakemake.output.design),
            Path(snakemake.output.summary),
            Path(snakemake.output.flow),
            Path(snakemake.output.deviations),
            [Path(f) for f in snakemake.output.batches],
            snakemake.threads,
        ),
        snakemake.log[0],
    )

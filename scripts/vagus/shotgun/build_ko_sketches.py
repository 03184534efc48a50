"""Rule `build_ko_sketches`: the k-mers of every KO's proteins, once for all samples."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.shotgun.sketch_ko import build
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if "snakemake" in globals():
    run_step(
        lambda: build(
            snakemake.input.fasta,
            next(iter(snakemake.input.get("labels", [])), None),
            snakemake.output[0],
            snakemake.params.settings,
        ),
        snakemake.log[0],
    )

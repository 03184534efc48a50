"""Writes the smallest trial that passes the design floor: for linting, dry runs and tests of the launch.

Run as a script with a folder: `python tests/tiny_trial.py FOLDER [dada2|unoise3]`.
"""

from __future__ import annotations

import gzip
import random
import sys
from pathlib import Path

BASES = "ACGT"
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def write_tiny_trial(folder: Path, engine: str = "unoise3", reads: int = 20) -> Path:
    """Write sheets, plan, reads of four participants and a config.

    Parameters
    ----------
    folder
        Where to; made if absent.
    engine
        Denoiser named in the config.
    reads
        Read pairs per sample.

    Returns
    -------
    pathlib.Path
        The config file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    amplicons = ["".join(rng.choices(BASES, k=250)) for _ in range(4)]
    rows = ["sample\tparticipant\tvisit\tassay\ttype\trun\tfastq_1\tfastq_2\tdna_conc\tcollected"]
    for participant in range(4):
        for visit in ("baseline", "week8"):
            sample = f"P{participant}.{visit}"
            for mate in (1, 2):
                with gzip.open(folder / f"{sample}_R{mate}.fastq.gz", "wt") as handle:
                    for i in range(reads):
                        amplicon = amplicons[(i + participant) % 4]
                        bases = amplicon[:150] if mate == 1 else amplicon[::-1].translate(COMPLEMENT)[:150]
                        handle.write(f"@{sample}_{i} {mate}:N:0:1\n{bases}\n+\n{'I' * 150}\n")
            rows.append(
                f"{sample}\tP{participant}\t{visit}\tamplicon\tstool\trun1"
                f"\t{sample}_R1.fastq.gz\t{sample}_R2.fastq.gz\t\t"
            )
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    (folder / "participants.tsv").write_text(
        "participant\tarm\nP0\tplacebo\nP1\tprobiotic\nP2\tplacebo\nP3\tprobiotic\n"
    )
    (folder / "plan.yaml").write_text(
        "design: parallel\narms: [placebo, probiotic]\nreference_arm: placebo\n"
        "visits: [baseline, week8]\nbaseline: baseline\nprimary_visit: week8\n"
    )
    lineages = [f"Bacteria;P{i};C{i};O{i};F{i};G{i};" for i in range(4)]
    (folder / "reference.fasta").write_text(
        "".join(f">{name}\n{bases}\n" for name, bases in zip(lineages, amplicons, strict=True))
    )
    config = folder / "config.yaml"
    config.write_text(
        "samples: samples.tsv\nparticipants: participants.tsv\nplan: plan.yaml\n"
        f"amplicon: {{engine: {engine}}}\ntaxonomy: {{reference: reference.fasta}}\n"
    )
    return config


if __name__ == "__main__":
    print(write_tiny_trial(Path(sys.argv[1]), *sys.argv[2:3]))

"""Design floor: the sheets and the plan, checked and normalised; every later floor reads this and never the sheets."""

import os

from vagus.design.check_sheets import design_inputs


localrules:
    check_design,


rule check_design:
    """Check the trial with the contents of its read files, and write the normalised design."""
    input:
        sheets=design_inputs(config, Path.cwd(), CLONE, workflow.configfiles),
        fastqs=[path for s in DESIGN.samples for u in s.units for path in (u.fastq_1, u.fastq_2) if path],
    output:
        design="<results>/design/design.json",
        summary="<results>/design/summary.txt",
        flow="<results>/design/flow.tsv",
        deviations="<results>/design/plan_deviations.tsv",
        batches=[f"<results>/design/batches/{batch}.json" for batch in ALL_BATCHES],
    log:
        "<logs>/check_design.log",
    benchmark:
        "<benchmarks>/check_design.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 4
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        configfiles=[os.path.relpath(path) for path in workflow.configfiles],
        design_keys=[
            config["samples"],
            config["plan_hash"],
            config["reads"]["batch_size"],
            config["reads"]["allow_odd_qualities"],
            config["trial"]["levels"],
        ],
    script:
        "../../scripts/vagus/design/check_design.py"

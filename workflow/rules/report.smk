"""The report: figures, tables and the page that a trialist opens."""


def report_inputs(wildcards):
    """What the report reads: results only, and only those of this run."""
    files = {
        "design": "<results>/design/design.json",
        "summary": "<results>/design/summary.txt",
        "profiles": [f"<results>/profiles/{name}.biom" for name in PROFILES],
        "effects": [f"<results>/trial/arm_effects/{name}.tsv" for name in PROFILES],
        "within": [f"<results>/trial/within_arm/{name}.tsv" for name in PROFILES],
        "flow": "<results>/profiles/flow.tsv",
    }
    if AMPLICON:
        files["ledger"] = "<results>/reads/ledger.tsv"
        files["decontam"] = "<results>/profiles/decontam.tsv"
        files["distances"] = [
            f"<results>/profiles/amplicon.distances/{metric}.tsv"
            for metric in config["diversity"]["distances"]
        ]
        if ENGINE == "dada2":
            files["truncation"] = "<results>/amplicon/truncation.json"
        if config["mock"]["composition"]:
            files["mock"] = "<results>/profiles/mock.tsv"
    if config["truth"]:
        files["truth"] = "<results>/trial/truth.tsv"
    return files


rule build_report:
    """One self-contained page, every figure as JSON or SVG, and the table behind each."""
    input:
        unpack(report_inputs),
    output:
        page=report("<results>/report/index.html", caption="../report/report.rst", category="Report"),
        tables=directory("<results>/report/tables"),
        figures=directory("<results>/figures"),
    log:
        "<logs>/build_report.log",
    benchmark:
        "<benchmarks>/build_report.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        settings={
            key: config[key]
            for key in ("reads", "amplicon", "taxonomy", "phylogeny", "decontam", "trial", "report")
        },
        versions=globals().get("TOOL_VERSIONS", {}),
    script:
        "../../scripts/vagus/report/build_report.py"

"""The report: figures, tables and the page that a trialist opens."""

# What this run calls, by the environment that brings it.
TOOLS = {}
if AMPLICON:
    TOOLS["reads"] = ["vsearch"] + (["cutadapt"] if config["reads"]["primers"] else [])
    TOOLS["multiqc"] = ["multiqc"]
    if ENGINE == "unoise3" and config["reads"]["phix"]:
        TOOLS["reads"].append("bowtie2")
    if config["phylogeny"]["method"] != "none" and not config["phylogeny"]["tree"]:
        TOOLS["phylogeny"] = ["mafft", "fasttree"]


def family_tools(wildcards):
    """The programs of a family that this run calls."""
    return TOOLS[wildcards.family]


def report_inputs(wildcards):
    """What the report reads: results only, and only those of this run."""
    files = {
        "design": "<results>/design/design.json",
        "summary": "<results>/design/summary.txt",
        "profiles": [f"<results>/profiles/{name}.biom" for name in PROFILES],
        "effects": [f"<results>/trial/arm_effects/{name}.tsv" for name in PROFILES],
        "within": [f"<results>/trial/within_arm/{name}.tsv" for name in PROFILES],
        "flow": "<results>/profiles/flow.tsv",
        "versions": [f"<results>/report/versions/{family}.json" for family in TOOLS],
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


rule tool_versions:
    """Ask the programs of one environment for their versions."""
    output:
        "<results>/report/versions/{family}.json",
    log:
        "<logs>/tool_versions/{family}.log",
    conda:
        "../../envs/{family}.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        tools=family_tools,
    script:
        "../../scripts/vagus/report/tool_versions.py"


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
    script:
        "../../scripts/vagus/report/build_report.py"

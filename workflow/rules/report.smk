"""The report: figures, tables and the page that a trialist opens."""


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
            for key in (
                "reads",
                "amplicon",
                "shotgun",
                "taxonomy",
                "phylogeny",
                "decontam",
                "modules",
                "trial",
                "report",
            )
        },
    script:
        "../../scripts/vagus/report/build_report.py"

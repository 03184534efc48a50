"""Where the engines meet: whichever denoiser ran, the floors above read the same files."""


localrules:
    collect_asvs,


rule collect_asvs:
    """Hand the chosen engine's sequence variants on under one name."""
    input:
        fasta=f"<results>/amplicon/{ENGINE}/asv.fasta",
        counts=f"<results>/amplicon/{ENGINE}/asv_counts.biom",
        meta=f"<results>/amplicon/{ENGINE}/asv_counts.meta.json",
    output:
        fasta="<results>/amplicon/asv.fasta",
        counts="<results>/amplicon/asv_counts.biom",
        meta="<results>/amplicon/asv_counts.meta.json",
    log:
        "<logs>/collect_asvs.log",
    conda:
        "../../envs/python.yaml"
    shell:
        "(cp {input.fasta} {output.fasta} && cp {input.counts} {output.counts} && cp {input.meta} {output.meta}) 2> {log}"

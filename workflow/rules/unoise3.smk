"""The fast road from clean reads to sequence variants."""


rule unoise3:
    """Denoise the reads of all batches with UNOISE3, drop chimeras and count the variants of every sample."""
    input:
        clean=expand("<results>/reads/clean/{batch}", batch=BATCHES),
        ledgers=expand("<results>/reads/ledger/{batch}.tsv", batch=BATCHES),
    output:
        fasta="<results>/amplicon/unoise3/asv.fasta",
        counts="<results>/amplicon/unoise3/asv_counts.biom",
        meta="<results>/amplicon/unoise3/asv_counts.meta.json",
        ledger="<results>/amplicon/unoise3/ledger.tsv",
    log:
        "<logs>/unoise3.log",
    benchmark:
        "<benchmarks>/unoise3.tsv"
    conda:
        "../../envs/vsearch.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (2000 + 2 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (30 + int(input.size_mb) // 50),
    params:
        amplicon=config["amplicon"],
    script:
        "../../scripts/vagus/amplicon/unoise3.py"

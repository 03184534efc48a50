"""The DADA2 road from clean reads to named sequence variants."""

POOLED = ["<results>/amplicon/dada2/pooled_chimeras.txt"] if config["amplicon"]["chimera"] == "pooled" else []


rule choose_truncation:
    """Choose one pair of truncation lengths for all runs, from the qualities and the overlap that is needed."""
    input:
        clean=expand("<results>/reads/clean/{batch}", batch=BATCHES),
        batches=expand("<results>/design/batches/{batch}.json", batch=BATCHES),
    output:
        "<results>/amplicon/truncation.json",
    log:
        "<logs>/choose_truncation.log",
    benchmark:
        "<benchmarks>/choose_truncation.tsv"
    conda:
        "../../envs/python.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        amplicon=config["amplicon"],
    script:
        "../../scripts/vagus/amplicon/choose_truncation.py"


rule filter_reads:
    """Cut the reads of a batch to length and drop those with too many expected errors."""
    input:
        batch="<results>/design/batches/{batch}.json",
        clean="<results>/reads/clean/{batch}",
        truncation="<results>/amplicon/truncation.json",
    output:
        temp(directory("<results>/amplicon/filtered/{batch}")),
    log:
        "<logs>/filter_reads/{batch}.log",
    benchmark:
        "<benchmarks>/filter_reads/{batch}.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, threads, attempt: attempt * (500 + 300 * threads),
        runtime=lambda wildcards, input, attempt: attempt * (10 + int(input.size_mb) // 100),
    params:
        max_ee=config["amplicon"]["max_ee"],
        trunc_q=config["amplicon"]["trunc_q"],
    script:
        "../../scripts/vagus/amplicon/filter_reads.py"


rule denoise_reads:
    """Learn the error rates of a run, forward and reverse side by side, denoise its libraries and join the mates."""
    input:
        filtered=run_batches_filtered,
    output:
        errors_f="<results>/amplicon/errors/{run}.F.rds",
        errors_r="<results>/amplicon/errors/{run}.R.rds",
        rates="<results>/amplicon/errors/{run}.tsv",
        counts="<results>/amplicon/dada2/runs/{run}.counts.tsv",
        track="<results>/amplicon/dada2/runs/{run}.track.tsv",
        version="<results>/amplicon/dada2/runs/{run}.version.txt",
    log:
        "<logs>/denoise_reads/{run}.log",
    benchmark:
        "<benchmarks>/denoise_reads/{run}.tsv"
    conda:
        "../../envs/dada2.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, threads, attempt: attempt * (6000 + 1000 * threads),
        runtime=lambda wildcards, input, attempt: attempt * (60 + int(input.size_mb) // 5),
    params:
        options={key: config["amplicon"][key] for key in ("nbases", "min_overlap", "pool")},
    script:
        "../../scripts/vagus/amplicon/denoise_reads.R"


rule pooled_chimeras:
    """Judge chimeras on the reads of all libraries together."""
    input:
        expand("<results>/amplicon/dada2/runs/{run}.counts.tsv", run=RUNS),
    output:
        "<results>/amplicon/dada2/pooled_chimeras.txt",
    log:
        "<logs>/pooled_chimeras.log",
    benchmark:
        "<benchmarks>/pooled_chimeras.tsv"
    conda:
        "../../envs/dada2.yaml"
    threads: 8
    resources:
        mem_mb=4000,
        runtime=120,
    script:
        "../../scripts/vagus/amplicon/pooled_chimeras.R"


rule dada2_table:
    """Vote on chimeras, sum the runs of each sample and write the table of sequence variants."""
    input:
        counts=expand("<results>/amplicon/dada2/runs/{run}.counts.tsv", run=RUNS),
        track=expand("<results>/amplicon/dada2/runs/{run}.track.tsv", run=RUNS),
        version=expand("<results>/amplicon/dada2/runs/{run}.version.txt", run=RUNS),
        filtered=expand("<results>/amplicon/filtered/{batch}", batch=BATCHES),
        pooled=POOLED,
    output:
        fasta="<results>/amplicon/dada2/asv.fasta",
        counts="<results>/amplicon/dada2/asv_counts.biom",
        meta="<results>/amplicon/dada2/asv_counts.meta.json",
        ledger="<results>/amplicon/dada2/ledger.tsv",
    log:
        "<logs>/dada2_table.log",
    benchmark:
        "<benchmarks>/dada2_table.tsv"
    conda:
        "../../envs/python.yaml"
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (2000 + 20 * int(input.size_mb)),
        runtime=30,
    params:
        chimera=config["amplicon"]["chimera"],
        length_range=config["amplicon"]["length_range"],
    script:
        "../../scripts/vagus/amplicon/dada2_table.py"


if config["taxonomy"]["method"] == "dada2":

    rule classify_dada2:
        """Classify the sequence variants with DADA2's naive Bayes classifier."""
        input:
            fasta=f"<results>/amplicon/{ENGINE}/asv.fasta",
            reference="<results>/amplicon/reference/dada2.fasta.gz",
        output:
            "<results>/amplicon/taxonomy.tsv",
        log:
            "<logs>/classify_dada2.log",
        benchmark:
            "<benchmarks>/classify_dada2.tsv"
        conda:
            "../../envs/dada2.yaml"
        threads: 8
        resources:
            mem_mb=lambda wildcards, input, attempt: attempt * (4000 + 100 * int(input.size_mb)),
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            min_confidence=config["taxonomy"]["min_confidence"],
            seed=1,
        script:
            "../../scripts/vagus/amplicon/classify_dada2.R"

"""From raw reads to clean reads: primers, quality, PhiX, and the ledger that accounts for every read."""

PHIX_INDEX = (
    multiext("<resources>/phix/phix", ".1.bt2", ".2.bt2", ".3.bt2", ".4.bt2", ".rev.1.bt2", ".rev.2.bt2")
    if config["reads"]["phix"]
    else []
)
CLEAN_KEYS = ("primers", "keep_untrimmed", "primer_error_rate", "quality_cutoff", "min_length")
PRIMERS = config["reads"]["primers"]
PRIMER_TABLE = [str(CLONE / "resources" / "primers.tsv")] if PRIMERS and isinstance(PRIMERS, str) else []


rule build_phix_index:
    """Index the PhiX genome that the DADA2 package installs with itself."""
    output:
        multiext("<resources>/phix/phix", ".1.bt2", ".2.bt2", ".3.bt2", ".4.bt2", ".rev.1.bt2", ".rev.2.bt2"),
    log:
        "<logs>/build_phix_index.log",
    benchmark:
        "<benchmarks>/build_phix_index.tsv"
    conda:
        "../../envs/dada2.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        find="cat(system.file('extdata', 'phix_genome.fa', package = 'dada2', mustWork = TRUE))",
        prefix=lambda wildcards, output: output[0].removesuffix(".1.bt2"),
    shell:
        '(genome=$(Rscript --vanilla -e "{params.find}") && '
        'bowtie2-build --quiet "$genome" {params.prefix}) > {log} 2>&1'


rule clean_reads:
    """Remove primers, low-quality ends and PhiX from the reads of one batch."""
    input:
        batch="<results>/design/batches/{batch}.json",
        fastqs=batch_fastqs,
        primer_table=PRIMER_TABLE,
        phix=PHIX_INDEX,
    output:
        clean=directory("<results>/reads/clean/{batch}"),
        ledger="<results>/reads/ledger/{batch}.tsv",
        logs=directory("<results>/reads/logs/{batch}"),
    log:
        "<logs>/clean_reads/{batch}.log",
    benchmark:
        "<benchmarks>/clean_reads/{batch}.tsv"
    conda:
        "../../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=2000,
        runtime=lambda wildcards, input, attempt: 10 * attempt + input.size_mb // 100,
    params:
        reads={key: value for key, value in config["reads"].items() if key in CLEAN_KEYS},
    script:
        "../../scripts/vagus/reads/clean_reads.py"


rule multiqc:
    """One page over the logs of the tools that touched the reads."""
    input:
        logs=TOOL_LOGS,
        ledgers=LEDGERS,
    output:
        "<results>/reads/multiqc.html",
    log:
        "<logs>/multiqc.log",
    benchmark:
        "<benchmarks>/multiqc.tsv"
    conda:
        "../../envs/multiqc.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../../scripts/vagus/reads/multiqc.py"


rule combine_ledger:
    """The whole ledger, from the raw reads to the last step; stops if a read is not accounted for."""
    input:
        LEDGERS,
        f"<results>/amplicon/{ENGINE}/ledger.tsv" if AMPLICON else [],
        "<results>/profiles/decontam_ledger.tsv" if AMPLICON else [],
    output:
        "<results>/reads/ledger.tsv",
    log:
        "<logs>/combine_ledger.log",
    benchmark:
        "<benchmarks>/combine_ledger.tsv"
    conda:
        "../../envs/python.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../../scripts/vagus/reads/combine_ledger.py"

"""The taxonomy reference in both formats, and classification by SINTAX."""


rule prepare_reference:
    """Bring the reference to upper case and into the formats of DADA2 and SINTAX."""
    input:
        config["taxonomy"]["reference"],
    output:
        dada2="<results>/amplicon/reference/dada2.fasta.gz",
        sintax="<results>/amplicon/reference/sintax.fasta.gz",
    log:
        "<logs>/prepare_reference.log",
    benchmark:
        "<benchmarks>/prepare_reference.tsv"
    conda:
        "../../envs/vsearch.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../../scripts/vagus/amplicon/prepare_reference.py"


if config["taxonomy"]["method"] == "sintax":

    rule classify_sintax:
        """Classify the sequence variants with SINTAX."""
        input:
            fasta=f"<results>/amplicon/{ENGINE}/asv.fasta",
            reference="<results>/amplicon/reference/sintax.fasta.gz",
        output:
            "<results>/amplicon/taxonomy.tsv",
        log:
            "<logs>/classify_sintax.log",
        benchmark:
            "<benchmarks>/classify_sintax.tsv"
        conda:
            "../../envs/vsearch.yaml"
        threads: 4
        resources:
            mem_mb=lambda wildcards, input, attempt: attempt * (2000 + 40 * int(input.size_mb)),
            runtime=lambda wildcards, attempt: 60 * attempt,
        params:
            min_confidence=config["taxonomy"]["min_confidence"],
        script:
            "../../scripts/vagus/amplicon/classify_sintax.py"

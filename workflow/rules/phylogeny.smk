"""The tree of the sequence variants."""


rule build_tree:
    """Align the variants with MAFFT and infer a rooted tree with FastTree, or check the tree that is given."""
    input:
        fasta=f"<results>/amplicon/{ENGINE}/asv.fasta",
        given=[config["phylogeny"]["tree"]] if config["phylogeny"]["tree"] else [],
    output:
        "<results>/amplicon/tree.nwk",
    log:
        "<logs>/build_tree.log",
    benchmark:
        "<benchmarks>/build_tree.tsv"
    conda:
        "../../envs/phylogeny.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    script:
        "../../scripts/vagus/amplicon/build_tree.py"

"""Functions that are inferred from 16S genes: each engine ends in the genomes that stand for the variants."""


# A table that the user brings along stands in for the one we would make.
ruleorder: import_profile > infer_function


VARIANTS = config["function16s"]["sequences"] if not OWN_VARIANTS else "<results>/amplicon/asv.fasta"
REFERENCES16S = config["function16s"]["reference"] if FUNCTION16S == "nearest" else []
REFERENCE16S_FILES = [
    str(path)
    for reference in map(find_reference, REFERENCES16S)
    for path in (reference.sequences, reference.copies, *(reference.tables[trait] for trait in TRAITS16S))
]

if FUNCTION16S == "nearest":

    PREDICTED16S = "<results>/amplicon/function16s/nearest_genomes.tsv"

    rule nearest_genomes:
        """The reference genomes whose 16S gene is most like each sequence variant (vsearch)."""
        input:
            fasta=VARIANTS,
            references=REFERENCE16S_FILES,
        output:
            table=PREDICTED16S,
            version="<results>/amplicon/function16s/version.txt",
        log:
            "<logs>/nearest_genomes.log",
        benchmark:
            "<benchmarks>/nearest_genomes.tsv"
        conda:
            "../../envs/vsearch.yaml"
        threads: 8
        resources:
            mem_mb=lambda wildcards, input, attempt: attempt * (1500 + 20 * int(input.size_mb)),
            runtime=lambda wildcards, attempt: 60 * attempt,
        params:
            references=REFERENCES16S,
            traits=TRAITS16S,
        script:
            "../../scripts/vagus/function16s/nearest_genomes.py"

else:

    PREDICTED16S = "<results>/amplicon/function16s/picrust2"

    rule picrust2:
        """Place the variants in PICRUSt2's trees and predict the genes of each."""
        input:
            fasta=VARIANTS,
            counts="<results>/profiles/amplicon.asv.biom",
        output:
            folder=directory(PREDICTED16S),
            version="<results>/amplicon/function16s/version.txt",
        log:
            "<logs>/picrust2.log",
        benchmark:
            "<benchmarks>/picrust2.tsv"
        conda:
            "../../envs/picrust2.yaml"
        threads: 8
        resources:
            # Placement in the tree of all bacteria takes most of it.
            mem_mb=lambda wildcards, attempt: 24000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            traits=",".join(TRAITS16S).upper(),
            max_nsti=config["function16s"]["max_nsti"],
        shell:
            "(picrust2_pipeline.py --version > {output.version}"
            " && picrust2_pipeline.py -s {input.fasta} -i {input.counts} -o {output.folder} -p {threads}"
            " --in_traits {params.traits} --no_pathways --max_nsti {params.max_nsti}) > {log} 2>&1"


rule infer_function:
    """Gene copies per genome from 16S reads: copies of 16S taken out, far variants dropped, what is lost told by arm."""
    input:
        counts="<results>/profiles/amplicon.asv.biom",
        meta="<results>/profiles/amplicon.asv.meta.json",
        design="<results>/design/design.json",
        source=PREDICTED16S,
        version="<results>/amplicon/function16s/version.txt",
        references=REFERENCE16S_FILES,
    output:
        profiles=[f"<results>/profiles/amplicon.{level}.biom" for level in LEVELS16S],
        metas=[f"<results>/profiles/amplicon.{level}.meta.json" for level in LEVELS16S],
        genes=[f"<results>/amplicon/function16s/genome_{trait}.biom" for trait in TRAITS16S],
        gene_metas=[f"<results>/amplicon/function16s/genome_{trait}.meta.json" for trait in TRAITS16S],
        variants="<results>/profiles/amplicon.inferred_variants.tsv",
        samples="<results>/profiles/amplicon.inferred_samples.tsv",
        arms="<results>/profiles/amplicon.inferred_by_arm.tsv",
    log:
        "<logs>/infer_function.log",
    benchmark:
        "<benchmarks>/infer_function.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (2000 + 60 * int(input.size_mb)),
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        engine=FUNCTION16S,
        references=REFERENCES16S,
        levels=LEVELS16S,
        settings=config["function16s"],
    script:
        "../../scripts/vagus/function16s/infer_function.py"

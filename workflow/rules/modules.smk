"""From genes to molecules: the modules of every KO profile."""


rule module_profiles:
    """Neuroactive modules, the compounds they make and use, and balances, taxon by taxon where taxa are known."""
    input:
        profile=lambda wildcards: f"<results>/profiles/{KO_PROFILES[wildcards.assay]}.biom",
        meta=lambda wildcards: f"<results>/profiles/{KO_PROFILES[wildcards.assay]}.meta.json",
        genomes=lambda wildcards: GENOME_PARTS.get(KO_PROFILES[wildcards.assay], []),
        modules=config["modules"]["file"] or [],
        stoichiometry=[config["modules"]["stoichiometry"]] if config["modules"]["stoichiometry"] else [],
        omixer=[config["modules"]["omixer"]] if config["modules"]["omixer"] else [],
        markers=MARKERS,
    output:
        profiles=[f"<results>/profiles/{{assay}}.{level}.biom" for level in MODULE_LEVELS],
        metas=[f"<results>/profiles/{{assay}}.{level}.meta.json" for level in MODULE_LEVELS],
        table="<results>/profiles/{assay}.modules.tsv",
    log:
        "<logs>/module_profiles/{assay}.log",
    benchmark:
        "<benchmarks>/module_profiles/{assay}.tsv"
    wildcard_constraints:
        assay="|".join(KO_PROFILES) or "(?!)",
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, input, attempt: max(1500, int(40 * input.size_mb)) * attempt,
        runtime=60,
    params:
        settings={
            key: value
            for key, value in config["modules"].items()
            if key == "depth_correction" or key.startswith("omixer_")
        },
    script:
        "../../scripts/vagus/modules/module_profiles.py"


rule module_specificity:
    """Whether a module is whole more often than random modules of its shape, of genes as prevalent as its own."""
    input:
        profile=lambda wildcards: f"<results>/profiles/{KO_PROFILES[wildcards.assay]}.biom",
        meta=lambda wildcards: f"<results>/profiles/{KO_PROFILES[wildcards.assay]}.meta.json",
        genomes=lambda wildcards: GENOME_PARTS.get(KO_PROFILES[wildcards.assay], []),
        modules=config["modules"]["file"] or [],
    output:
        table="<results>/profiles/{assay}.specificity.tsv",
    log:
        "<logs>/module_specificity/{assay}.log",
    benchmark:
        "<benchmarks>/module_specificity/{assay}.tsv"
    wildcard_constraints:
        assay="|".join(KO_PROFILES) or "(?!)",
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, input, attempt: max(1500, int(40 * input.size_mb)) * attempt,
        runtime=60,
    params:
        draws=config["modules"]["random_draws"],
    script:
        "../../scripts/vagus/modules/module_specificity.py"


rule concordance:
    """Whether the genes' potential for a compound goes with the compound where it was measured."""
    input:
        profiles=[f"<results>/profiles/{assay}.metabolite.biom" for assay in KO_PROFILES],
        modules=config["modules"]["file"] or [],
        design="<results>/design/design.json",
    output:
        "<results>/trial/concordance.tsv",
    log:
        "<logs>/concordance.log",
    benchmark:
        "<benchmarks>/concordance.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        confidence=config["trial"]["confidence"],
    script:
        "../../scripts/vagus/trial/concordance.py"

"""From species to fluxes: community models of every sample, by MICOM in an environment of its own."""

# What both rules must agree on; a job that only runs elsewhere or with more processes gives the same fluxes.
FLUX_SETTINGS = {
    key: config["fluxes"][key]
    for key in (
        "rank",
        "min_abundance",
        "min_covered",
        "tradeoff",
        "strategy",
        "weights",
        "ties",
        "value",
        "solver",
    )
}
# Minutes that a batch may take: large models need some each.
FLUX_MINUTES = 30 + 20 * config["fluxes"]["batch_size"] // config["fluxes"]["threads"]


rule community_fluxes:
    """Growth and exchange fluxes of a batch of samples: species matched with models, the diet as medium."""
    input:
        profile=lambda wildcards: f"<results>/profiles/{FLUX_PROFILES[wildcards.assay]}.biom",
        meta=lambda wildcards: f"<results>/profiles/{FLUX_PROFILES[wildcards.assay]}.meta.json",
        models=config["fluxes"]["models"] or [],
        medium=config["fluxes"]["medium"] or [],
        synonyms=[config["fluxes"]["synonyms"]] if config["fluxes"]["synonyms"] else [],
        design="<results>/design/design.json",
    output:
        fluxes="<results>/fluxes/{assay}/{batch}.fluxes.tsv",
        growth="<results>/fluxes/{assay}/{batch}.growth.tsv",
        facts="<results>/fluxes/{assay}/{batch}.json",
    log:
        "<logs>/community_fluxes/{assay}.{batch}.log",
    benchmark:
        "<benchmarks>/community_fluxes/{assay}.{batch}.tsv"
    wildcard_constraints:
        assay="|".join(FLUX_PROFILES) or "(?!)",
        batch=r"\d+",
    conda:
        "../../envs/micom.yaml"
    threads: config["fluxes"]["threads"]
    resources:
        # 1.4 GB were seen for 20 models of 2,583 reactions, about 27 MB for each more.
        mem_mb=lambda wildcards, attempt, threads: (1000 + 2500 * threads) * attempt,
        runtime=lambda wildcards, attempt: FLUX_MINUTES * attempt,
    params:
        settings={**FLUX_SETTINGS, "python": config["fluxes"]["python"]},
        batches=lambda wildcards: FLUX_BATCHES[wildcards.assay],
    script:
        "../../scripts/vagus/modules/community_fluxes.py"


rule merge_fluxes:
    """Compounds that the communities give off, as one profile; growth, and taxa without a model."""
    input:
        profile=lambda wildcards: f"<results>/profiles/{FLUX_PROFILES[wildcards.assay]}.biom",
        meta=lambda wildcards: f"<results>/profiles/{FLUX_PROFILES[wildcards.assay]}.meta.json",
        models=config["fluxes"]["models"] or [],
        medium=config["fluxes"]["medium"] or [],
        synonyms=[config["fluxes"]["synonyms"]] if config["fluxes"]["synonyms"] else [],
        ids=str(CLONE / "resources" / "modules" / "exchange_ids.tsv"),
        fluxes=lambda wildcards: flux_batches(wildcards, "fluxes.tsv"),
        growth=lambda wildcards: flux_batches(wildcards, "growth.tsv"),
        facts=lambda wildcards: flux_batches(wildcards, "json"),
    output:
        profile="<results>/profiles/{assay}.flux.biom",
        meta="<results>/profiles/{assay}.flux.meta.json",
        table="<results>/profiles/{assay}.fluxes.tsv",
        growth="<results>/profiles/{assay}.flux_growth.tsv",
        taxa="<results>/profiles/{assay}.flux_taxa.tsv",
    log:
        "<logs>/merge_fluxes/{assay}.log",
    benchmark:
        "<benchmarks>/merge_fluxes/{assay}.tsv"
    wildcard_constraints:
        assay="|".join(FLUX_PROFILES) or "(?!)",
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (1500 + 30 * FLUX_BATCHES[wildcards.assay]) * attempt,
        runtime=30,
    params:
        settings={**FLUX_SETTINGS, "synonyms": config["fluxes"]["synonyms"]},
    script:
        "../../scripts/vagus/modules/merge_fluxes.py"

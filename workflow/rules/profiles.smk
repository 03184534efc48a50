"""From raw counts, measures and tables brought along to profiles: the contract with the trial floor."""

TREE = (
    "<results>/amplicon/tree.nwk"
    if config["phylogeny"]["method"] != "none" or config["phylogeny"]["tree"]
    else []
)
METRICS = config["diversity"]["distances"]
RANKS = [
    rank
    for rank in dict.fromkeys(["genus", "family", "phylum", *config["trial"]["levels"]])
    if rank != "asv" and f"amplicon.{rank}" not in IMPORTS
]


# The profiles that tell which samples came through, one an assay.
FLOW_PROFILES = ["<results>/profiles/amplicon.asv.biom"] if AMPLICON else []
FLOW_PROFILES += [f"<results>/profiles/shotgun.{level}.biom" for level in SHOTGUN_LEVELS[:1]]
for assay in dict.fromkeys(sample.assay for sample in DESIGN.samples):
    if not any(Path(path).name.startswith(f"{assay}.") for path in FLOW_PROFILES):
        FLOW_PROFILES += [
            f"<results>/profiles/{name}.biom" for name in IMPORTS if name.startswith(f"{assay}.")
        ][:1]


# A table that the user brings along stands in for the one we would make.
ruleorder: import_profile > diversity
ruleorder: import_profile > panel_profiles
ruleorder: import_profile > decontaminate
ruleorder: import_profile > biomarker_panel
ruleorder: import_profile > response_profile


rule decontaminate:
    """Find contaminants by negative controls and DNA concentration; keep the stool samples."""
    input:
        counts="<results>/amplicon/asv_counts.biom",
        design="<results>/design/design.json",
        taxonomy="<results>/amplicon/taxonomy.tsv",
    output:
        table="<results>/profiles/decontam.tsv",
        ledger="<results>/profiles/decontam_ledger.tsv",
        profile="<results>/profiles/amplicon.asv.biom",
        meta="<results>/profiles/amplicon.asv.meta.json",
    log:
        "<logs>/decontaminate.log",
    benchmark:
        "<benchmarks>/decontaminate.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        # The sparse table becomes dense.
        mem_mb=lambda wildcards, input, attempt: max(1500, int(100 * input.size_mb)) * attempt,
        runtime=30,
    params:
        method=config["decontam"]["method"],
        threshold=config["decontam"]["threshold"],
    script:
        "../../scripts/vagus/profiles/decontaminate.py"


rule collapse_ranks:
    """Sum the sequence variants of one taxon, at every rank that is asked for."""
    input:
        profile="<results>/profiles/amplicon.asv.biom",
    output:
        profiles=[f"<results>/profiles/amplicon.{rank}.biom" for rank in RANKS],
        metas=[f"<results>/profiles/amplicon.{rank}.meta.json" for rank in RANKS],
    log:
        "<logs>/collapse_ranks.log",
    benchmark:
        "<benchmarks>/collapse_ranks.tsv"
    wildcard_constraints:
        level="phylum|class|order|family|genus|species",
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        # The sparse table becomes dense.
        mem_mb=lambda wildcards, input, attempt: max(1500, int(100 * input.size_mb)) * attempt,
        runtime=30,
    params:
        levels=RANKS,
    script:
        "../../scripts/vagus/profiles/collapse_ranks.py"


rule diversity:
    """Richness, Shannon, Simpson, Pielou and Faith's PD of every sample."""
    input:
        profile="<results>/profiles/amplicon.asv.biom",
        design="<results>/design/design.json",
        tree=TREE,
    output:
        profile="<results>/profiles/amplicon.diversity.biom",
        meta="<results>/profiles/amplicon.diversity.meta.json",
    log:
        "<logs>/diversity.log",
    benchmark:
        "<benchmarks>/diversity.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        # The sparse table becomes dense.
        mem_mb=lambda wildcards, input, attempt: max(1500, int(100 * input.size_mb)) * attempt,
        runtime=60,
    params:
        depth=config["diversity"]["depth"],
    script:
        "../../scripts/vagus/profiles/diversity.py"


rule distances:
    """Distances between all stool samples, by each metric."""
    input:
        profile="<results>/profiles/amplicon.asv.biom",
        tree=TREE,
    output:
        [f"<results>/profiles/amplicon.distances/{metric}.tsv" for metric in METRICS],
    log:
        "<logs>/distances.log",
    benchmark:
        "<benchmarks>/distances.tsv"
    wildcard_constraints:
        metric="aitchison|robust_aitchison|bray_curtis|unweighted_unifrac|weighted_unifrac",
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        # The sparse table becomes dense.
        mem_mb=lambda wildcards, input, attempt: max(1500, int(100 * input.size_mb)) * attempt,
        runtime=120,
    params:
        metrics=METRICS,
        pseudocount=config["trial"]["pseudocount"],
    script:
        "../../scripts/vagus/profiles/distances.py"


rule score_mock:
    """Hold the mock samples against what they are known to contain."""
    input:
        counts="<results>/amplicon/asv_counts.biom",
        fasta="<results>/amplicon/asv.fasta",
        taxonomy="<results>/amplicon/taxonomy.tsv",
        design="<results>/design/design.json",
        composition=config["mock"]["composition"] or [],
    output:
        table="<results>/profiles/mock.tsv",
    log:
        "<logs>/score_mock.log",
    benchmark:
        "<benchmarks>/score_mock.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    script:
        "../../scripts/vagus/profiles/score_mock.py"


rule panel_profiles:
    """Arrange the measures by participant and visit."""
    input:
        design="<results>/design/design.json",
    output:
        profile="<results>/profiles/panel.clinical.biom",
        meta="<results>/profiles/panel.clinical.meta.json",
    log:
        "<logs>/panel_profiles.log",
    benchmark:
        "<benchmarks>/panel_profiles.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    script:
        "../../scripts/vagus/profiles/panel_profiles.py"


rule biomarker_panel:
    """Biomarkers by participant and visit: limits of detection, logarithms, areas under timed measures."""
    input:
        design="<results>/design/design.json",
    output:
        panel="<results>/profiles/panel.biomarkers.biom",
        panel_meta="<results>/profiles/panel.biomarkers.meta.json",
        detection="<results>/profiles/panel.detection.biom",
        detection_meta="<results>/profiles/panel.detection.meta.json",
        limits="<results>/profiles/biomarkers.tsv",
    log:
        "<logs>/biomarker_panel.log",
    benchmark:
        "<benchmarks>/biomarker_panel.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    script:
        "../../scripts/vagus/profiles/biomarker_panel.py"


rule response_profile:
    """Response and remission, derived from the totals by the rules of the scales and of the plan."""
    input:
        design="<results>/design/design.json",
    output:
        profile="<results>/profiles/panel.response.biom",
        meta="<results>/profiles/panel.response.meta.json",
    log:
        "<logs>/response_profile.log",
    benchmark:
        "<benchmarks>/response_profile.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    script:
        "../../scripts/vagus/profiles/response_profile.py"


rule import_profile:
    """Read and check a table that the user brings along."""
    input:
        table=lambda wildcards: IMPORTS[wildcards.name]["path"],
        more=lambda wildcards: input_files(IMPORTS[wildcards.name]),
        design="<results>/design/design.json",
    output:
        profile="<results>/profiles/{name}.biom",
        meta="<results>/profiles/{name}.meta.json",
    log:
        "<logs>/import_profile/{name}.log",
    benchmark:
        "<benchmarks>/import_profile/{name}.tsv"
    wildcard_constraints:
        name="|".join(name.replace(".", "[.]") for name in IMPORTS) or "(?!)",
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        # The sparse table becomes dense.
        mem_mb=lambda wildcards, input, attempt: max(1500, int(100 * input.size_mb)) * attempt,
        runtime=30,
    params:
        entry=lambda wildcards: IMPORTS[wildcards.name],
    script:
        "../../scripts/vagus/profiles/import_profile.py"


rule sample_flow:
    """Who and what was kept and lost, where, and why."""
    input:
        design="<results>/design/design.json",
        ledger="<results>/reads/ledger.tsv" if RAW_READS else [],
        profiles=FLOW_PROFILES,
    output:
        table="<results>/profiles/flow.tsv",
    log:
        "<logs>/sample_flow.log",
    benchmark:
        "<benchmarks>/sample_flow.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    script:
        "../../scripts/vagus/profiles/sample_flow.py"

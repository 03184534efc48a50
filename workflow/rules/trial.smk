"""The trial floor: what the arms did, from any profile and the design alone."""

from vagus.design.places import find_config_path

TRUTH = find_config_path(config["truth"], Path.cwd(), CLONE, workflow.configfiles) or config["truth"]


wildcard_constraints:
    profile=r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*",


rule arm_effects:
    """Baseline-adjusted differences between the arms for every feature of a profile (ANCOVA, HC3)."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
    output:
        "<results>/trial/arm_effects/{profile}.tsv",
    log:
        "<logs>/arm_effects/{profile}.log",
    benchmark:
        "<benchmarks>/arm_effects/{profile}.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        min_prevalence=config["trial"]["min_prevalence"],
        pseudocount=config["trial"]["pseudocount"],
        confidence=config["trial"]["confidence"],
    script:
        "../../scripts/vagus/trial/arm_effects.py"


rule within_arm:
    """Change from baseline inside each arm with its interval; no p-value, for it would compare no arms."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
    output:
        "<results>/trial/within_arm/{profile}.tsv",
    log:
        "<logs>/within_arm/{profile}.log",
    benchmark:
        "<benchmarks>/within_arm/{profile}.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        min_prevalence=config["trial"]["min_prevalence"],
        pseudocount=config["trial"]["pseudocount"],
        confidence=config["trial"]["confidence"],
    script:
        "../../scripts/vagus/trial/within_arm.py"


rule community_effects:
    """The community as a whole: tests with one row per participant, distances to baseline, ordination."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
        distances=community_distances,
    output:
        beta="<results>/trial/beta/{profile}.tsv",
        trajectories="<results>/trial/trajectories/{profile}.tsv",
        ordination="<results>/trial/ordination/{profile}.tsv",
    log:
        "<logs>/community_effects/{profile}.log",
    benchmark:
        "<benchmarks>/community_effects/{profile}.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        # One square table of distances at a time, and what is made of it.
        mem_mb=lambda wildcards, attempt: int(1500 + 40e-6 * len(DESIGN.samples) ** 2) * attempt,
        runtime=60,
    params:
        tests=config["trial"]["community"],
        permutations=config["trial"]["permutations"],
        pseudocount=config["trial"]["pseudocount"],
        confidence=config["trial"]["confidence"],
    script:
        "../../scripts/vagus/trial/community_effects.py"


rule compare_truth:
    """Known effects of a simulated trial beside their estimates; only asked for when the config names a truth."""
    input:
        truth=str(TRUTH) if TRUTH else [],
        effects=[f"<results>/trial/arm_effects/{name}.tsv" for name in PROFILES],
        design="<results>/design/design.json",
    output:
        "<results>/trial/truth.tsv",
    log:
        "<logs>/compare_truth/truth.log",
    benchmark:
        "<benchmarks>/compare_truth/truth.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    script:
        "../../scripts/vagus/trial/compare_truth.py"

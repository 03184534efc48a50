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


rule prevalence_effects:
    """Differences between the arms in who carries a feature (Firth's logistic regression on presence)."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
    output:
        "<results>/trial/prevalence_effects/{profile}.tsv",
    log:
        "<logs>/prevalence_effects/{profile}.log",
    benchmark:
        "<benchmarks>/prevalence_effects/{profile}.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        min_prevalence=config["trial"]["min_prevalence"],
        confidence=config["trial"]["confidence"],
    script:
        "../../scripts/vagus/trial/prevalence_effects.py"


rule interaction_effects:
    """Whether the effect of an arm depends on the plan's moderators; effects in strata without p-values."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
    output:
        "<results>/trial/interaction_effects/{profile}.tsv",
    log:
        "<logs>/interaction_effects/{profile}.log",
    benchmark:
        "<benchmarks>/interaction_effects/{profile}.tsv"
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
        "../../scripts/vagus/trial/interaction_effects.py"


rule sensitivity:
    """Every effect at the primary visit by several methods, and whether they agree."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
    output:
        "<results>/trial/sensitivity/{profile}.tsv",
    log:
        "<logs>/sensitivity/{profile}.log",
    benchmark:
        "<benchmarks>/sensitivity/{profile}.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        min_prevalence=config["trial"]["min_prevalence"],
        pseudocount=config["trial"]["pseudocount"],
    script:
        "../../scripts/vagus/trial/sensitivity.py"


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

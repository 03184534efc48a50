"""The trial floor: what the arms did, from any profile and the design alone."""

from vagus.design.places import find_config_path

TRUTH = find_config_path(config["truth"], Path.cwd(), CLONE, workflow.configfiles) or config["truth"]


wildcard_constraints:
    profile=r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*",


rule arm_effects:
    """Differences between the arms for every feature, by the model that the design calls for, before error control."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
    output:
        "<results>/trial/uncorrected/{profile}.tsv",
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
        model=config["trial"]["model"],
        errors=config["trial"]["errors"],
        bias=config["trial"]["compositional_bias"],
        rerandomisations=config["trial"]["rerandomisations"],
        mixed_errors=config["trial"]["mixed_errors"],
    script:
        "../../scripts/vagus/trial/arm_effects.py"


rule control_errors:
    """Error control over the families of the plan, in their order, across profiles and features."""
    input:
        effects=[f"<results>/trial/uncorrected/{name}.tsv" for name in PROFILES],
        design="<results>/design/design.json",
    output:
        effects=[f"<results>/trial/arm_effects/{name}.tsv" for name in PROFILES],
        families="<results>/trial/families.tsv",
    log:
        "<logs>/control_errors.log",
    benchmark:
        "<benchmarks>/control_errors.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        # Every table is held at once, with its texts.
        mem_mb=lambda wildcards, input, attempt: max(1000, int(20 * input.size_mb)) * attempt,
        runtime=10,
    script:
        "../../scripts/vagus/trial/control_errors.py"


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


rule responders:
    """Response, remission and detection compared between arms, by differences of risks."""
    input:
        profiles=[f"<results>/profiles/panel.{name}.biom" for name in OUTCOMES],
        metas=[f"<results>/profiles/panel.{name}.meta.json" for name in OUTCOMES],
        design="<results>/design/design.json",
    output:
        "<results>/trial/responders.tsv",
    log:
        "<logs>/responders.log",
    benchmark:
        "<benchmarks>/responders.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        confidence=config["trial"]["confidence"],
    script:
        "../../scripts/vagus/trial/responders.py"


rule clinical_change:
    """Severity by arm and visit, and who changed by more than the error of measurement."""
    input:
        design="<results>/design/design.json",
    output:
        bands="<results>/trial/bands.tsv",
        changes="<results>/trial/reliable_change.tsv",
    log:
        "<logs>/clinical_change.log",
    benchmark:
        "<benchmarks>/clinical_change.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        confidence=config["trial"]["confidence"],
    script:
        "../../scripts/vagus/trial/clinical_change.py"


rule missing_data:
    """What is missing, by arm, visit and reason."""
    input:
        design="<results>/design/design.json",
        flow="<results>/profiles/flow.tsv",
        metas=[f"<results>/profiles/{name}.meta.json" for name in PROFILES],
    output:
        "<results>/trial/missing.tsv",
    log:
        "<logs>/missing_data.log",
    benchmark:
        "<benchmarks>/missing_data.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../../scripts/vagus/trial/missing_data.py"


rule tipping_point:
    """How far the missing would have to differ from the measured for the conclusion to change."""
    input:
        profile="<results>/profiles/{profile}.biom",
        meta="<results>/profiles/{profile}.meta.json",
        design="<results>/design/design.json",
    output:
        "<results>/trial/tipping_point/{profile}.tsv",
    log:
        "<logs>/tipping_point/{profile}.log",
    benchmark:
        "<benchmarks>/tipping_point/{profile}.tsv"
    conda:
        "../../envs/python.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        confidence=config["trial"]["confidence"],
        errors=config["trial"]["errors"],
    script:
        "../../scripts/vagus/trial/tipping_point.py"


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
        errors=config["trial"]["errors"],
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
        errors=config["trial"]["errors"],
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

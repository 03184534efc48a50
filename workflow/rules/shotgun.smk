"""From raw shotgun reads to species and gene functions, one block of rules an engine, all ending in one shape."""

SHOTGUN_KEYS = ("adapters", "quality_cutoff", "min_length", "poly_g", "deduplicate")
HOST_INDEX = ["<resources>/host"] if HOST_IS_FASTA else []
PATHWAYS = [config["shotgun"]["pathways"]] if config["shotgun"]["pathways"] else []

# What the user brings along in the place of ours is not made.
MERGED_TAXA = [level for level in ("species", "genus") if f"shotgun.{level}" not in IMPORTS]
MERGED_FUNCTIONS = [level for level in FUNCTION_LEVELS if f"shotgun.{level}" not in IMPORTS]


rule build_host_index:
    """Index the host's genome, so that its reads can be removed."""
    input:
        fasta=[config["shotgun"]["host"]],
    output:
        directory("<resources>/host"),
    log:
        "<logs>/build_host_index.log",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (1000 + 15 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (15 + int(input.size_mb) // 10),
    params:
        aligner=config["shotgun"]["host_aligner"],
    script:
        "../../scripts/vagus/reads/build_host_index.py"


rule clean_shotgun_reads:
    """Trim adapters and bad ends, drop duplicates if asked, remove the host and PhiX from the reads of one batch."""
    input:
        batch="<results>/design/batches/{batch}.json",
        fastqs=batch_fastqs,
        host=HOST_INDEX,
        phix=PHIX_INDEX,
    output:
        clean=directory("<results>/shotgun/clean/{batch}"),
        ledger="<results>/shotgun/ledger/{batch}.tsv",
        logs=directory("<results>/shotgun/logs/{batch}"),
    log:
        "<logs>/clean_shotgun_reads/{batch}.log",
    benchmark:
        "<benchmarks>/clean_shotgun_reads/{batch}.tsv"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: attempt * (8000 if config["shotgun"]["host"] else 4000),
        runtime=lambda wildcards, input, attempt: 15 * attempt + int(input.size_mb) // 20,
    params:
        settings={key: config["shotgun"][key] for key in SHOTGUN_KEYS},
        host="" if HOST_IS_FASTA else config["shotgun"]["host"],
    script:
        "../../scripts/vagus/reads/clean_shotgun_reads.py"


rule sourmash_taxa:
    """Species of a group of samples by FracMinHash sketches (sourmash gather)."""
    input:
        clean=group_clean,
        database=config["databases"]["sourmash"] or "<resources>/shotgun/sourmash/genomes.zip",
        taxonomy=config["databases"]["sourmash_taxonomy"] or "<resources>/shotgun/sourmash/taxonomy.tsv",
    output:
        directory("<results>/shotgun/taxa/sourmash/{group}"),
    log:
        "<logs>/sourmash_taxa/{group}.log",
    benchmark:
        "<benchmarks>/sourmash_taxa/{group}.tsv"
    conda:
        "../../envs/shotgun.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (2000 + 2 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (30 + int(input.size_mb) // 10),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings={"scaled": config["shotgun"]["sourmash_scaled"]},
    script:
        "../../scripts/vagus/shotgun/sourmash_taxa.py"


rule kraken2_taxa:
    """Species of a group of samples read by read (Kraken 2)."""
    input:
        clean=group_clean,
        database=config["databases"]["kraken2"] or "<resources>/shotgun/kraken2",
        shares=["<resources>/shotgun/read_shares/kraken2.tsv"] if "kraken2" in SHARES_MEASURED else [],
    output:
        directory("<results>/shotgun/taxa/kraken2/{group}"),
    log:
        "<logs>/kraken2_taxa/{group}.log",
    benchmark:
        "<benchmarks>/kraken2_taxa/{group}.tsv"
    conda:
        "../../envs/shotgun.yaml"
    threads: 8
    resources:
        # The database is held in memory; it is the larger part of the input.
        mem_mb=lambda wildcards, input, attempt: attempt * (2000 + int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (30 + int(input.size_mb) // 50),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings=ENGINE_SETTINGS["kraken2"] | AMBIGUOUS,
    script:
        "../../scripts/vagus/shotgun/kraken2_taxa.py"


rule bowtie2_taxa:
    """Species of a group of samples by aligning every read to the user's genomes (Bowtie 2)."""
    input:
        clean=group_clean,
        index=multiext("<resources>/shotgun/bowtie2/genomes", *BOWTIE2_SUFFIXES),
        taxonomy="<resources>/shotgun/bowtie2/taxonomy.tsv",
        shares=["<resources>/shotgun/read_shares/bowtie2.tsv"] if "bowtie2" in SHARES_MEASURED else [],
    output:
        directory("<results>/shotgun/taxa/bowtie2/{group}"),
    log:
        "<logs>/bowtie2_taxa/{group}.log",
    benchmark:
        "<benchmarks>/bowtie2_taxa/{group}.tsv"
    conda:
        "../../envs/shotgun.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (2000 + int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (30 + int(input.size_mb) // 5),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings=ENGINE_SETTINGS["bowtie2"] | AMBIGUOUS,
    script:
        "../../scripts/vagus/shotgun/bowtie2_taxa.py"


rule metaphlan_taxa:
    """Species of a group of samples by clade-specific marker genes (MetaPhlAn 4)."""
    input:
        clean=group_clean,
        database=config["databases"]["metaphlan"] or [],
    output:
        directory("<results>/shotgun/taxa/metaphlan/{group}"),
    log:
        "<logs>/metaphlan_taxa/{group}.log",
    benchmark:
        "<benchmarks>/metaphlan_taxa/{group}.tsv"
    conda:
        "../../envs/metaphlan.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 25000,
        runtime=lambda wildcards, input, attempt: attempt * (60 + int(input.size_mb) // 10),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings={},
    script:
        "../../scripts/vagus/shotgun/metaphlan_taxa.py"


rule sylph_taxa:
    """Species of a group of samples by k-mer containment ANI (sylph)."""
    input:
        clean=group_clean,
        database=config["databases"]["sylph"] or [],
        taxonomy=config["databases"]["sylph_taxonomy"] or [],
    output:
        directory("<results>/shotgun/taxa/sylph/{group}"),
    log:
        "<logs>/sylph_taxa/{group}.log",
    benchmark:
        "<benchmarks>/sylph_taxa/{group}.tsv"
    conda:
        "../../envs/sylph.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 18000,
        runtime=lambda wildcards, input, attempt: attempt * (30 + int(input.size_mb) // 100),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings={},
    script:
        "../../scripts/vagus/shotgun/sylph_taxa.py"


rule build_ko_sketches:
    """Sketch the labelled proteins of every KO."""
    input:
        fasta=PROTEINS,
        labels=PROTEIN_LABELS,
    output:
        "<resources>/shotgun/sketch/ko.npz",
    log:
        "<logs>/build_ko_sketches.log",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (1000 + 4 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (10 + int(input.size_mb) // 10),
    params:
        settings={
            "ksize": config["shotgun"]["sketch_ksize"],
            "scaled": config["shotgun"]["sketch_scaled"],
        },
    script:
        "../../scripts/vagus/shotgun/build_ko_sketches.py"


rule sketch_ko:
    """KOs of a group of samples by FracMinHash sketches of amino acids, in copies per genome."""
    input:
        clean=group_clean,
        index="<resources>/shotgun/sketch/ko.npz",
        markers=MARKERS,
        pathways=PATHWAYS,
    output:
        directory("<results>/shotgun/function/sketch/{group}"),
    log:
        "<logs>/sketch_ko/{group}.log",
    benchmark:
        "<benchmarks>/sketch_ko/{group}.tsv"
    conda:
        "../../envs/shotgun.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, input, attempt: attempt * (30 + int(input.size_mb) // 2),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings={"genome_equivalents": config["shotgun"]["genome_equivalents"]},
    script:
        "../../scripts/vagus/shotgun/sketch_ko.py"


rule build_protein_database:
    """A DIAMOND database of the proteins that the user has."""
    input:
        PROTEINS,
    output:
        "<resources>/shotgun/proteins/own.dmnd",
    log:
        "<logs>/build_protein_database.log",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (1000 + 4 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (10 + int(input.size_mb) // 100),
    shell:
        "diamond makedb --quiet --threads {threads} --in {input} --db {output} > {log} 2>&1"


rule diamond_ko:
    """KOs of a group of samples by translated search (DIAMOND), in copies per genome, by species."""
    input:
        clean=group_clean,
        database=(
            "<resources>/shotgun/proteins/own.dmnd"
            if config["databases"]["proteins"]
            else "<resources>/shotgun/diamond/proteins.dmnd"
        ),
        labels=(PROTEIN_LABELS or [PROTEINS])[0],
        markers=MARKERS,
        pathways=PATHWAYS,
    output:
        directory("<results>/shotgun/function/diamond/{group}"),
    log:
        "<logs>/diamond_ko/{group}.log",
    benchmark:
        "<benchmarks>/diamond_ko/{group}.tsv"
    conda:
        "../../envs/shotgun.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (8000 + 2 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (60 + int(input.size_mb)),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings={
            "mode": config["shotgun"]["diamond_mode"],
            "identity": config["shotgun"]["diamond_identity"],
            "genome_equivalents": config["shotgun"]["genome_equivalents"],
        },
    script:
        "../../scripts/vagus/shotgun/diamond_ko.py"


rule humann_function:
    """KOs and pathways of a group of samples by HUMAnN, gap filling off."""
    input:
        clean=group_clean,
        nucleotide=config["databases"]["humann_nucleotide"] or [],
        protein=config["databases"]["humann_protein"] or [],
        mapping=config["databases"]["humann_mapping"] or [],
        profiles=[config["databases"]["humann_profiles"]] if config["databases"]["humann_profiles"] else [],
        markers=MARKERS,
    output:
        directory("<results>/shotgun/function/humann/{group}"),
    log:
        "<logs>/humann_function/{group}.log",
    benchmark:
        "<benchmarks>/humann_function/{group}.tsv"
    conda:
        "../../envs/humann.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 24000,
        runtime=lambda wildcards, input, attempt: attempt * (120 + 2 * int(input.size_mb)),
    params:
        samples=lambda wildcards: GROUPS[wildcards.group],
        settings={"genome_equivalents": config["shotgun"]["genome_equivalents"]},
    script:
        "../../scripts/vagus/shotgun/humann_function.py"


rule merge_taxa:
    """The species and genera of all stool samples as profiles, with the share that has no name."""
    input:
        groups=expand("<results>/shotgun/taxa/{engine}/{group}", engine=SHOTGUN.taxonomy, group=GROUPS),
        design="<results>/design/design.json",
    output:
        profiles=[f"<results>/profiles/shotgun.{level}.biom" for level in MERGED_TAXA],
        metas=[f"<results>/profiles/shotgun.{level}.meta.json" for level in MERGED_TAXA],
        samples="<results>/profiles/shotgun.taxonomy_samples.tsv",
    log:
        "<logs>/merge_taxa.log",
    benchmark:
        "<benchmarks>/merge_taxa.tsv"
    conda:
        "../../envs/python.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=30,
    params:
        levels=MERGED_TAXA,
    script:
        "../../scripts/vagus/shotgun/merge_taxa.py"


rule merge_functions:
    """The functions of all stool samples as profiles, whole and by species."""
    input:
        groups=expand("<results>/shotgun/function/{engine}/{group}", engine=SHOTGUN.function, group=GROUPS),
        design="<results>/design/design.json",
    output:
        profiles=[f"<results>/profiles/shotgun.{level}.biom" for level in MERGED_FUNCTIONS],
        metas=[f"<results>/profiles/shotgun.{level}.meta.json" for level in MERGED_FUNCTIONS],
        samples="<results>/profiles/shotgun.function_samples.tsv",
    log:
        "<logs>/merge_functions.log",
    benchmark:
        "<benchmarks>/merge_functions.tsv"
    conda:
        "../../envs/python.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=30,
    params:
        levels=MERGED_FUNCTIONS,
    script:
        "../../scripts/vagus/shotgun/merge_functions.py"

"""References: built from the user's own genomes, or fetched once and checked."""

# The builds can be shared between workflows (--cache); Snakemake allows such rules no benchmark.

GENOME_FILES = [str(genome.path) for genome in GENOMES]
PROTEIN_FILES = [str(genome.proteins) for genome in GENOMES if genome.proteins]
# Rows without paths: what is the same on every machine, so that a shared cache can be hit from any of them.
GENOME_ROWS = genome_rows(GENOMES)
READ_REFERENCES = {
    "kraken2": ["<resources>/shotgun/kraken2"],
    "bowtie2": multiext("<resources>/shotgun/bowtie2/genomes", *BOWTIE2_SUFFIXES),
}


wildcard_constraints:
    reference=r"[A-Za-z0-9_.-]+(=[A-Za-z0-9_.-]+)?",


localrules:
    fetch_reference,


rule build_sourmash_reference:
    """One sketch for every genome of the user, named by it, and their taxonomy."""
    input:
        genomes=GENOME_FILES,
    output:
        sketches="<resources>/shotgun/sourmash/genomes.zip",
        taxonomy="<resources>/shotgun/sourmash/taxonomy.tsv",
        manifest="<resources>/shotgun/sourmash/manifest.json",
    log:
        "<logs>/build_sourmash_reference.log",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (1000 + int(input.size_mb) // 20),
        runtime=lambda wildcards, input, attempt: attempt * (10 + int(input.size_mb) // 200),
    params:
        genomes=GENOME_ROWS,
        scaled=config["shotgun"]["sourmash_scaled"],
    script:
        "../../scripts/vagus/resources/build_sourmash_reference.py"


rule build_kraken2_reference:
    """A Kraken 2 database of the user's genomes, with a taxonomy of its own."""
    input:
        genomes=GENOME_FILES,
    output:
        directory("<resources>/shotgun/kraken2"),
    log:
        "<logs>/build_kraken2_reference.log",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (1000 + 6 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (15 + int(input.size_mb) // 20),
    params:
        genomes=GENOME_ROWS,
        read_lengths=config["shotgun"]["read_lengths"],
    script:
        "../../scripts/vagus/resources/build_kraken2_reference.py"


rule build_bowtie2_reference:
    """A bowtie2 index of all genomes of the user, with headers genome|contig."""
    input:
        genomes=GENOME_FILES,
    output:
        index=multiext("<resources>/shotgun/bowtie2/genomes", *BOWTIE2_SUFFIXES),
        taxonomy="<resources>/shotgun/bowtie2/taxonomy.tsv",
        manifest="<resources>/shotgun/bowtie2/manifest.json",
    log:
        "<logs>/build_bowtie2_reference.log",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (1000 + 15 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (15 + int(input.size_mb) // 10),
    params:
        genomes=GENOME_ROWS,
    script:
        "../../scripts/vagus/resources/build_bowtie2_reference.py"


rule measure_read_shares:
    """Where the reads of each of the user's species end in an engine: at the species, or at a rank above."""
    input:
        genomes=GENOME_FILES,
        reference=lambda wildcards: READ_REFERENCES[wildcards.engine],
        taxonomy=lambda wildcards: (
            ["<resources>/shotgun/bowtie2/taxonomy.tsv"] if wildcards.engine == "bowtie2" else []
        ),
    output:
        "<resources>/shotgun/read_shares/{engine}.tsv",
    log:
        "<logs>/measure_read_shares/{engine}.log",
    wildcard_constraints:
        engine="kraken2|bowtie2",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (2000 + 5 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (30 + int(input.size_mb) // 5),
    params:
        genomes=GENOME_ROWS,
        read_lengths=config["shotgun"]["read_lengths"],
        settings=lambda wildcards: ENGINE_SETTINGS[wildcards.engine],
    script:
        "../../scripts/vagus/resources/measure_read_shares.py"


rule build_diamond_reference:
    """A DIAMOND database of the genomes' proteins, and their KO labels."""
    input:
        proteins=PROTEIN_FILES,
    output:
        database="<resources>/shotgun/diamond/proteins.dmnd",
        labels="<resources>/shotgun/diamond/labels.tsv",
        fasta="<resources>/shotgun/diamond/proteins.faa",
        manifest="<resources>/shotgun/diamond/manifest.json",
    log:
        "<logs>/build_diamond_reference.log",
    cache: "omit-software"
    conda:
        "../../envs/shotgun.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * (1000 + 4 * int(input.size_mb)),
        runtime=lambda wildcards, input, attempt: attempt * (10 + int(input.size_mb) // 100),
    params:
        genomes=GENOME_ROWS,
    script:
        "../../scripts/vagus/resources/build_diamond_reference.py"


rule fetch_reference:
    """A public reference, from a local path or over HTTP, checked and unpacked."""
    output:
        directory("<resources>/references/{reference}"),
    log:
        "<logs>/fetch_reference/{reference}.log",
    benchmark:
        "<benchmarks>/fetch_reference/{reference}.tsv"
    retries: 3
    conda:
        "../../envs/shotgun.yaml"
    resources:
        mem_mb=1000,
        runtime=1440,
    params:
        settings=config["references"],
        partial=lambda wildcards, output: f"{output[0]}.partial",
    script:
        "../../scripts/vagus/resources/fetch_reference.py"

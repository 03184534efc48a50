"""What all rooms share: the checked design, the batches, and lists of what can be made. No logic lives here."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

CLONE = Path(workflow.basedir).parent
sys.path.insert(0, str(CLONE / "scripts"))

from vagus.design.check_sheets import load_trial
from vagus.design.biomarkers import in_biomarker_panel
from vagus.design.batches import make_batches
from vagus.design.check_fluxes import count_batches, flux_profiles
from vagus.design.findings import Findings
from vagus.design.places import Places, find_config_path
from vagus.design.check_sheets import load_genomes
from vagus.design.shotgun_choice import choose_engines, find_prefix, make_groups
from vagus.errors import VagusError
from vagus.function16s.reference_tables import find_reference
from vagus.profiles.readers.formats import FILE_KEYS, input_files
from vagus.reads.build_host_index import host_kind
from vagus.resources.build_bowtie2_reference import SUFFIXES as BOWTIE2_SUFFIXES
from vagus.resources.genome_sheet import genome_rows

try:
    DESIGN = load_trial(config, Path.cwd(), CLONE, [Path(f) for f in workflow.configfiles])
except VagusError as error:
    raise WorkflowError(str(error)) from None

# Files named in the config may stand beside the config or the clone; from here on their paths are settled.
PATHS = [("taxonomy", "reference"), ("mock", "composition"), ("phylogeny", "tree"), ("shotgun", "pathways")]
PATHS += [("function16s", "sequences")]
PATHS += [("modules", key) for key in ("file", "stoichiometry", "omixer")]
PATHS += [("fluxes", key) for key in ("models", "medium", "synonyms")]
for room, key in PATHS + [("databases", name) for name in config["databases"]]:
    found = find_config_path(config[room][key], Path.cwd(), CLONE, workflow.configfiles)
    config[room][key] = str(found or config[room][key])
config["function16s"]["reference"] = [
    str(find_config_path(folder, Path.cwd(), CLONE, workflow.configfiles) or folder)
    for folder in config["function16s"]["reference"]
]
for entry in config["profiles"]:
    for key in ("path", *FILE_KEYS):
        if key in entry:
            entry[key] = str(
                find_config_path(entry[key], Path.cwd(), CLONE, workflow.configfiles) or entry[key]
            )

PLACES = Places(Path.cwd(), CLONE, tuple(Path(f) for f in workflow.configfiles))
# Samples without reads are there for tables that the user brings along.
AMPLICON = any(sample.assay == "amplicon" and sample.units for sample in DESIGN.samples)
IMPORTS = {entry["name"]: entry for entry in config["profiles"]}
ENGINE = config["amplicon"]["engine"]
ALL_BATCHES = make_batches(DESIGN, config["reads"]["batch_size"])
BATCHES = make_batches(DESIGN, config["reads"]["batch_size"], "amplicon")
RUNS = {}
for batch in BATCHES.values():
    RUNS.setdefault(batch["run"], []).append(batch["batch"])

# The shotgun half: the samples that one profiling job takes, the engines, and what their references are made of.
MARKERS = str(CLONE / "resources" / "single_copy_markers.tsv")
SHOTGUN_BATCHES = make_batches(DESIGN, config["reads"]["batch_size"], "shotgun")
SHOTGUN_READS = bool(SHOTGUN_BATCHES)
GENOMES = load_genomes(config, PLACES, Findings())
SHOTGUN = choose_engines(config, any(genome.proteins for genome in GENOMES))
GROUPS = make_groups(
    [sample.sample for sample in DESIGN.samples if sample.assay == "shotgun" and sample.units],
    config["reads"]["batch_size"],
)
if config["shotgun"]["host"]:
    config["shotgun"]["host"] = str(find_prefix(config["shotgun"]["host"], PLACES))
HOST_IS_FASTA = bool(config["shotgun"]["host"]) and host_kind(config["shotgun"]["host"]) == "fasta"
PROTEINS = config["databases"]["proteins"] or "<resources>/shotgun/diamond/proteins.faa"
PROTEIN_LABELS = [config["databases"]["protein_labels"]] if config["databases"]["protein_labels"] else []
if not config["databases"]["proteins"]:
    PROTEIN_LABELS = ["<resources>/shotgun/diamond/labels.tsv"]
# How the engines that count read by read are set, and what of it decides where a read ends.
ENGINE_SETTINGS = {
    "kraken2": {"confidence": config["shotgun"]["kraken2_confidence"]},
    "bowtie2": {"min_identity": config["shotgun"]["bowtie2_identity"] / 100},
}
AMBIGUOUS = {"min_reads": config["shotgun"]["min_reads"], "ambiguous": config["shotgun"]["ambiguous_reads"]}
SHARES_MEASURED = [
    engine
    for engine in ENGINE_SETTINGS
    if GENOMES and not config["databases"].get(engine) and AMBIGUOUS["ambiguous"] == "share"
]
SPECIES_KNOWN = SHOTGUN.function in ("diamond", "humann")
FUNCTION_LEVELS = ["ko"]
FUNCTION_LEVELS += ["pathway"] if config["shotgun"]["pathways"] or SHOTGUN.function == "humann" else []
FUNCTION_LEVELS += [f"{level}_by_species" for level in FUNCTION_LEVELS if SPECIES_KNOWN]
SHOTGUN_LEVELS = ["species", "genus"] if SHOTGUN_READS and SHOTGUN.taxonomy != "none" else []
SHOTGUN_LEVELS += FUNCTION_LEVELS if SHOTGUN_READS and SHOTGUN.function != "none" else []


def batch_fastqs(wildcards):
    """The read files of one batch."""
    units = ALL_BATCHES[wildcards.batch]["units"]
    return [path for unit in units for path in (unit["fastq_1"], unit["fastq_2"]) if path]


def group_clean(wildcards):
    """The cleaned reads of the batches that hold the samples of one group."""
    samples = set(GROUPS[wildcards.group])
    return [
        f"<results>/shotgun/clean/{name}"
        for name, batch in SHOTGUN_BATCHES.items()
        if any(unit["sample"] in samples for unit in batch["units"])
    ]


def run_batches_clean(wildcards):
    """The cleaned reads of all batches of one run."""
    return [f"<results>/reads/clean/{batch}" for batch in RUNS[wildcards.run]]


def run_batch_jsons(wildcards):
    """The unit lists of all batches of one run."""
    return [f"<results>/design/batches/{batch}.json" for batch in RUNS[wildcards.run]]


PROFILES = [f"amplicon.{level}" for level in (*config["trial"]["levels"], "diversity") if AMPLICON]
PROFILES += [f"shotgun.{level}" for level in config["shotgun"]["levels"] if level in SHOTGUN_LEVELS]
# Functions from 16S genes: of our own variants, or of a table brought along with its sequences.
FUNCTION16S = config["function16s"]["engine"]
OWN_VARIANTS = "amplicon.asv" not in IMPORTS
TRAITS16S = config["function16s"]["traits"] if FUNCTION16S != "none" else []
LEVELS16S = [*TRAITS16S, "genome", "inference"] if TRAITS16S else []
PROFILES += [f"amplicon.{level}" for level in ("ko", "ec", "inference") if level in LEVELS16S]
# Every KO profile, ours or brought along, is scored; by species where the engine tells species apart. EC numbers
# stand in for an assay that has no KOs.
KO_PROFILES = {name.partition(".")[0]: name for name in IMPORTS if name.endswith(".ko")}
if "ko" in SHOTGUN_LEVELS:
    KO_PROFILES.setdefault("shotgun", "shotgun.ko_by_species" if SPECIES_KNOWN else "shotgun.ko")
if TRAITS16S:
    KO_PROFILES.setdefault("amplicon", f"amplicon.{TRAITS16S[0]}")
for name in IMPORTS:
    if name.endswith(".ec"):
        KO_PROFILES.setdefault(name.partition(".")[0], name)
# Where samples are mixtures of known genomes, modules are scored in these: genes of the genomes, and their shares.
GENOME_PARTS = {
    f"amplicon.{trait}": [
        f"<results>/amplicon/function16s/genome_{trait}.biom",
        "<results>/profiles/amplicon.genome.biom",
    ]
    for trait in TRAITS16S
    if f"amplicon.{trait}" not in IMPORTS
}
MODULE_LEVELS = ["module", "metabolite", "balance"] + (["omixer"] if config["modules"]["omixer"] else [])
# All levels of an assay are made at once: of one that is brought along, none is made.
KO_PROFILES = {
    assay: name
    for assay, name in KO_PROFILES.items()
    if config["modules"]["file"] and not any(f"{assay}.{level}" in IMPORTS for level in MODULE_LEVELS)
}
PROFILES += [
    f"{assay}.{level}"
    for assay in KO_PROFILES
    for level in MODULE_LEVELS
    if level in config["modules"]["levels"] or level == "omixer"
]
# The taxonomic profile of each assay from which community models are made, and the jobs they are cut into.
FLUX_PROFILES = flux_profiles(config, {sample.assay for sample in DESIGN.samples if sample.units})
FLUX_BATCHES = {
    assay: count_batches(DESIGN, assay, config["fluxes"]["batch_size"]) for assay in FLUX_PROFILES
}
PROFILES += [f"{assay}.flux" for assay in FLUX_PROFILES]
MARKERS_MEASURED = [in_biomarker_panel(measure.measure) for measure in DESIGN.measures]
PROFILES += ["panel.clinical"] if not all(MARKERS_MEASURED) else []
PROFILES += ["panel.biomarkers"] if any(MARKERS_MEASURED) else []
CLINICAL_TABLES = ["responders", "bands", "reliable_change"] if DESIGN.measures else []
OUTCOMES = ["response"] if DESIGN.measures else []
OUTCOMES += ["detection"] if any(MARKERS_MEASURED) and "panel.biomarkers" not in IMPORTS else []
PROFILES = list(dict.fromkeys([*PROFILES, *IMPORTS]))

# What the report draws; modules and compounds also where they are not tested.
REPORTED = [*PROFILES, *(f"{assay}.{level}" for assay in KO_PROFILES for level in ("module", "metabolite"))]
REPORTED = list(dict.fromkeys(REPORTED))

LEDGERS = [f"<results>/reads/ledger/{batch}.tsv" for batch in BATCHES]
LEDGERS += [f"<results>/shotgun/ledger/{batch}.tsv" for batch in SHOTGUN_BATCHES]
TOOL_LOGS = [f"<results>/reads/logs/{batch}" for batch in BATCHES]
TOOL_LOGS += [f"<results>/shotgun/logs/{batch}" for batch in SHOTGUN_BATCHES]
RAW_READS = bool(LEDGERS)

READS_TARGETS = ["<results>/reads/multiqc.html", *LEDGERS] if RAW_READS else []
PROFILE_TARGETS = [f"<results>/profiles/{name}.biom" for name in PROFILES]
PROFILE_TARGETS += [f"<results>/profiles/shotgun.{level}.biom" for level in SHOTGUN_LEVELS]
PROFILE_TARGETS += [
    f"<results>/profiles/{assay}.{level}.biom" for assay in KO_PROFILES for level in MODULE_LEVELS
]
PROFILE_TARGETS += [f"<results>/profiles/amplicon.{level}.biom" for level in LEVELS16S]
if config["modules"]["random_draws"]:
    PROFILE_TARGETS += [f"<results>/profiles/{assay}.specificity.tsv" for assay in KO_PROFILES]
PROFILE_TARGETS += ["<results>/reads/ledger.tsv"] if RAW_READS else []
PROFILE_TARGETS += ["<results>/profiles/flow.tsv"]
if AMPLICON:
    PROFILE_TARGETS += ["<results>/profiles/amplicon.asv.biom", "<results>/profiles/decontam.tsv"]
    PROFILE_TARGETS += ["<results>/profiles/mock.tsv"] if config["mock"]["composition"] else []
    PROFILE_TARGETS += [
        f"<results>/profiles/amplicon.distances/{metric}.tsv" for metric in config["diversity"]["distances"]
    ]
# Scores and indices are no communities; distances were computed from the variants.
COMMUNITIES = [
    name
    for name in ["amplicon.asv", *PROFILES]
    if (AMPLICON or name != "amplicon.asv" or name in IMPORTS)
    and not name.startswith("panel.")
    and name.partition(".")[2] not in ("diversity", "balance", "inference", "flux")
    and IMPORTS.get(name, {}).get("kind") != "score"
]
COMMUNITIES = list(dict.fromkeys(COMMUNITIES)) if config["trial"]["community"] else []


def community_distances(wildcards):
    """The square tables of distances, which are of the sequence variants."""
    metrics = config["diversity"]["distances"] if AMPLICON and wildcards.profile == "amplicon.asv" else []
    return [f"<results>/profiles/amplicon.distances/{metric}.tsv" for metric in metrics]


TRIAL_KINDS = ["arm_effects", "within_arm"]
# Their tables are empty, with a note in the log, for profiles that they do not suit.
TRIAL_KINDS += ["prevalence_effects"] if config["trial"]["prevalence"] else []
TRIAL_KINDS += ["interaction_effects"] if DESIGN.plan["interactions"] else []
TRIAL_KINDS += ["sensitivity"] if config["trial"]["sensitivity"] else []
TRIAL_TARGETS = [f"<results>/trial/{kind}/{name}.tsv" for kind in TRIAL_KINDS for name in PROFILES]
TRIAL_TARGETS += ["<results>/trial/families.tsv"] if PROFILES else []
TRIAL_TARGETS += [f"<results>/trial/beta/{name}.tsv" for name in COMMUNITIES]
TRIAL_TARGETS += ["<results>/trial/concordance.tsv"] if KO_PROFILES and DESIGN.measures else []
TRIAL_TARGETS += [f"<results>/trial/{name}.tsv" for name in CLINICAL_TABLES]
TIPPING = [f"<results>/trial/tipping_point/{name}.tsv" for name in PROFILES if name.startswith("panel.")]
TRIAL_TARGETS += ["<results>/trial/missing.tsv", *TIPPING] if PROFILES else []
TRIAL_TARGETS += ["<results>/trial/truth.tsv"] if config["truth"] else []

# What `snakemake resources` makes: the references of all engines that the genomes can be built into, and downloads.
RESOURCE_TARGETS = [f"<resources>/references/{name}" for name in config["references"]]
if GENOMES:
    RESOURCE_TARGETS += ["<resources>/shotgun/sourmash/genomes.zip", "<resources>/shotgun/kraken2"]
    RESOURCE_TARGETS += ["<resources>/shotgun/bowtie2/genomes.1.bt2"]
RESOURCE_TARGETS += [f"<resources>/shotgun/read_shares/{engine}.tsv" for engine in SHARES_MEASURED]
if any(genome.proteins for genome in GENOMES):
    RESOURCE_TARGETS += ["<resources>/shotgun/diamond/proteins.dmnd"]

# What this run calls, by the environment that brings it.
TOOLS = {}
if AMPLICON:
    TOOLS["reads"] = ["vsearch"] + (["cutadapt"] if config["reads"]["primers"] else [])
    TOOLS["multiqc"] = ["multiqc"]
    if config["reads"]["phix"]:
        TOOLS["reads"].append("bowtie2")
    if config["phylogeny"]["method"] != "none" and not config["phylogeny"]["tree"]:
        TOOLS["phylogeny"] = ["mafft", "fasttree"]
if FUNCTION16S == "nearest" and "reads" not in TOOLS:
    TOOLS["vsearch"] = ["vsearch"]
if FUNCTION16S == "picrust2":
    TOOLS["picrust2"] = ["picrust2"]
if SHOTGUN_READS:
    programs = {
        "sourmash": "sourmash",
        "sketch": "sourmash",
        "kraken2": "kraken2",
        "bowtie2": "bowtie2",
        "diamond": "diamond",
    }
    TOOLS["multiqc"] = ["multiqc"]
    TOOLS["shotgun"] = ["fastp"]
    TOOLS["shotgun"] += ["bowtie2"] if config["reads"]["phix"] or config["shotgun"]["host"] else []
    TOOLS["shotgun"] += [programs[engine] for engine in SHOTGUN.engines if engine in programs]
    TOOLS["shotgun"] = list(dict.fromkeys(TOOLS["shotgun"]))
    TOOLS |= {engine: [engine] for engine in SHOTGUN.engines if engine in ("metaphlan", "sylph", "humann")}


def flux_batches(wildcards, kind):
    """One table of all batches of community models of an assay."""
    batches = range(FLUX_BATCHES[wildcards.assay])
    return [f"<results>/fluxes/{wildcards.assay}/{batch}.{kind}" for batch in batches]


def run_batches_filtered(wildcards):
    """The filtered reads of all batches of one run."""
    return [f"<results>/amplicon/filtered/{batch}" for batch in RUNS[wildcards.run]]


def family_tools(wildcards):
    """The programs of a family that this run calls."""
    return TOOLS[wildcards.family]


def report_inputs(wildcards):
    """What the report reads: results only, and only those of this run."""
    files = {
        "design": "<results>/design/design.json",
        "summary": "<results>/design/summary.txt",
        "profiles": [f"<results>/profiles/{name}.biom" for name in REPORTED],
        "effects": [f"<results>/trial/arm_effects/{name}.tsv" for name in PROFILES],
        "within": [f"<results>/trial/within_arm/{name}.tsv" for name in PROFILES],
        "community": [
            f"<results>/trial/{kind}/{name}.tsv"
            for kind in ("beta", "trajectories", "ordination")
            for name in COMMUNITIES
        ],
        **{kind: [f"<results>/trial/{kind}/{name}.tsv" for name in PROFILES] for kind in TRIAL_KINDS[2:]},
        "flow": "<results>/profiles/flow.tsv",
        "deviations": "<results>/design/plan_deviations.tsv",
        "families": "<results>/trial/families.tsv" if PROFILES else [],
        "versions": [f"<results>/report/versions/{family}.json" for family in TOOLS],
    }
    if RAW_READS:
        files["ledger"] = "<results>/reads/ledger.tsv"
    if "species" in SHOTGUN_LEVELS:
        files["shotgun_taxonomy"] = "<results>/profiles/shotgun.taxonomy_samples.tsv"
    if "ko" in SHOTGUN_LEVELS:
        files["shotgun_function"] = "<results>/profiles/shotgun.function_samples.tsv"
    if AMPLICON:
        files["decontam"] = "<results>/profiles/decontam.tsv"
        files["distances"] = [
            f"<results>/profiles/amplicon.distances/{metric}.tsv"
            for metric in config["diversity"]["distances"]
        ]
        if ENGINE == "dada2":
            files["truncation"] = "<results>/amplicon/truncation.json"
        if config["mock"]["composition"]:
            files["mock"] = "<results>/profiles/mock.tsv"
    if KO_PROFILES:
        files["modules"] = [f"<results>/profiles/{assay}.modules.tsv" for assay in KO_PROFILES]
        files["module_file"] = config["modules"]["file"]
        if DESIGN.measures:
            files["concordance"] = "<results>/trial/concordance.tsv"
    files["missing"] = ["<results>/trial/missing.tsv", *TIPPING] if PROFILES else []
    files["clinical"] = [f"<results>/trial/{name}.tsv" for name in CLINICAL_TABLES]
    if "detection" in OUTCOMES:
        files["limits"] = "<results>/profiles/biomarkers.tsv"
    if config["truth"]:
        files["truth"] = "<results>/trial/truth.tsv"
    return files

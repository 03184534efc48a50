"""What all rooms share: the checked design, the batches, and lists of what can be made. No logic lives here."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

CLONE = Path(workflow.basedir).parent
sys.path.insert(0, str(CLONE / "scripts"))

from vagus.design.check_sheets import load_trial
from vagus.design.batches import make_batches
from vagus.design.places import find_config_path
from vagus.errors import VagusError

try:
    DESIGN = load_trial(config, Path.cwd(), CLONE, [Path(f) for f in workflow.configfiles])
except VagusError as error:
    raise WorkflowError(str(error)) from None

# Files named in the config may stand beside the config or the clone; from here on their paths are settled.
for room, key in (("taxonomy", "reference"), ("mock", "composition"), ("phylogeny", "tree")):
    found = find_config_path(config[room][key], Path.cwd(), CLONE, workflow.configfiles)
    config[room][key] = str(found or config[room][key])
for entry in config["profiles"]:
    entry["path"] = str(
        find_config_path(entry["path"], Path.cwd(), CLONE, workflow.configfiles) or entry["path"]
    )

AMPLICON = "amplicon" in DESIGN.assays
ENGINE = config["amplicon"]["engine"]
BATCHES = make_batches(DESIGN, config["reads"]["batch_size"], "amplicon")
RUNS = {}
for batch in BATCHES.values():
    RUNS.setdefault(batch["run"], []).append(batch["batch"])


def batch_fastqs(wildcards):
    """The read files of one batch."""
    units = BATCHES[wildcards.batch]["units"]
    return [path for unit in units for path in (unit["fastq_1"], unit["fastq_2"]) if path]


def run_batches_clean(wildcards):
    """The cleaned reads of all batches of one run."""
    return [f"<results>/reads/clean/{batch}" for batch in RUNS[wildcards.run]]


def run_batch_jsons(wildcards):
    """The unit lists of all batches of one run."""
    return [f"<results>/design/batches/{batch}.json" for batch in RUNS[wildcards.run]]


PROFILES = [f"amplicon.{level}" for level in (*config["trial"]["levels"], "diversity") if AMPLICON]
PROFILES += ["panel.clinical"] if DESIGN.measures else []
PROFILES = list(dict.fromkeys([*PROFILES, *(entry["name"] for entry in config["profiles"])]))

READS_TARGETS = ["<results>/reads/multiqc.html"] if AMPLICON else []
READS_TARGETS += [f"<results>/reads/ledger/{batch}.tsv" for batch in BATCHES]
PROFILE_TARGETS = [f"<results>/profiles/{name}.biom" for name in PROFILES]
PROFILE_TARGETS += ["<results>/profiles/flow.tsv"]
if AMPLICON:
    PROFILE_TARGETS += ["<results>/profiles/amplicon.asv.biom", "<results>/profiles/decontam.tsv"]
    PROFILE_TARGETS += ["<results>/reads/ledger.tsv"]
    PROFILE_TARGETS += ["<results>/profiles/mock.tsv"] if config["mock"]["composition"] else []
    PROFILE_TARGETS += [
        f"<results>/profiles/amplicon.distances/{metric}.tsv" for metric in config["diversity"]["distances"]
    ]
TRIAL_TARGETS = [
    f"<results>/trial/{kind}/{name}.tsv" for kind in ("arm_effects", "within_arm") for name in PROFILES
]
TRIAL_TARGETS += ["<results>/trial/truth.tsv"] if config["truth"] else []

# What this run calls, by the environment that brings it.
TOOLS = {}
if AMPLICON:
    TOOLS["reads"] = ["vsearch"] + (["cutadapt"] if config["reads"]["primers"] else [])
    TOOLS["multiqc"] = ["multiqc"]
    if config["reads"]["phix"]:
        TOOLS["reads"].append("bowtie2")
    if config["phylogeny"]["method"] != "none" and not config["phylogeny"]["tree"]:
        TOOLS["phylogeny"] = ["mafft", "fasttree"]


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
        "profiles": [f"<results>/profiles/{name}.biom" for name in PROFILES],
        "effects": [f"<results>/trial/arm_effects/{name}.tsv" for name in PROFILES],
        "within": [f"<results>/trial/within_arm/{name}.tsv" for name in PROFILES],
        "flow": "<results>/profiles/flow.tsv",
        "versions": [f"<results>/report/versions/{family}.json" for family in TOOLS],
    }
    if AMPLICON:
        files["ledger"] = "<results>/reads/ledger.tsv"
        files["decontam"] = "<results>/profiles/decontam.tsv"
        files["distances"] = [
            f"<results>/profiles/amplicon.distances/{metric}.tsv"
            for metric in config["diversity"]["distances"]
        ]
        if ENGINE == "dada2":
            files["truncation"] = "<results>/amplicon/truncation.json"
        if config["mock"]["composition"]:
            files["mock"] = "<results>/profiles/mock.tsv"
    if config["truth"]:
        files["truth"] = "<results>/trial/truth.tsv"
    return files

"""What all rooms share: the checked design, the batches, and lists of what can be made. No logic lives here."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

CLONE = Path(workflow.basedir).parent
sys.path.insert(0, str(CLONE / "scripts"))

from vagus.design.read_sheets import fill_defaults
from vagus.design.check_sheets import load_trial, make_batches
from vagus.errors import VagusError

try:
    DESIGN = load_trial(config, Path.cwd(), CLONE, [Path(f) for f in workflow.configfiles])
except VagusError as error:
    raise WorkflowError(str(error)) from None

config = fill_defaults(config)
BATCHES = make_batches(DESIGN, config["reads"]["batch_size"])

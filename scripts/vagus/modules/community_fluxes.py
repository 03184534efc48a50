"""Fluxes of community models (MICOM, doi 10.1128/mSystems.00606-19), which runs as a program of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from vagus.design.flux_inputs import MEDIUM_KEYS, Model, read_manifest, read_medium, read_synonyms
from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.modules.flux_taxa import Matched, leave_out, match_taxa
from vagus.profile import read_profile
from vagus.reads.tools import last_words
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

DRIVER = Path(__file__).with_name("micom_driver.py")
CLONE = Path(__file__).resolve().parents[3]
OWN_PYTHON = Path(".tools/micom/bin/python")
# What the driver writes.
FLUX_COLUMNS = ["sample", "measure", "metabolite", "flux"]
GROWTH_COLUMNS = ["sample", "model", "abundance", "growth_rate"]


def has_micom(python: str | Path) -> bool:
    """Return whether a Python can import MICOM; the modules that it would find are looked up, not loaded."""
    ask = "import importlib.util, sys; sys.exit(importlib.util.find_spec('micom') is None)"
    try:
        done = subprocess.run([str(python), "-I", "-c", ask], capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def find_python(given: str, clone: Path = CLONE, own: str = sys.executable) -> str:
    """Find the Python that runs MICOM.

    Parameters
    ----------
    given
        The config's `fluxes.python`, as a path or a name on PATH; "" for none.
    clone
        Its `.tools/micom` comes next.
    own
        Python of the rule, which comes last (the road by conda).

    Returns
    -------
    str
        The interpreter.

    Raises
    ------
    VagusError
        If the given one, or none at all, has MICOM.
    """
    if given:
        found = shutil.which(os.path.expanduser(given))
        if found is None or not has_micom(found):
            what = "cannot import micom" if found else "is no program"
            raise VagusError(
                f"config, 'fluxes.python': {given} {what}; allowed: a Python with micom; "
                'fix: install it there, or set it to "" and run `make micom`'
            )
        return found
    for python in (str(clone / OWN_PYTHON), own):
        if Path(python).exists() and has_micom(python):
            return python
    raise VagusError(
        f"no Python with MICOM: neither {clone / OWN_PYTHON} nor the rule's own; fix: run `make micom`, "
        "name one in fluxes.python, or run snakemake with --sdm conda"
    )


def batch_of(samples: Sequence[str], batch: int, batches: int) -> list[str]:
    """Return the samples of a batch: every so-manieth, from `batch` (0-based) on."""
    return list(samples[batch::batches])


def medium_of(rows: Sequence[Mapping[str, str]], sample: str, design: Design) -> dict[str, float]:
    """Return the medium of one sample.

    Parameters
    ----------
    rows
        See `read_medium`; a row counts where its arm, visit and sample are blank or the sample's own.
    sample
        Sample id.
    design
        The trial.

    Returns
    -------
    dict
        Reaction -> flux; of several rows of a reaction the one that names most counts, then the last.
    """
    row = next((s for s in design.samples if s.sample == sample), None)
    who = row.participant if row else None
    arm = design.arm_of(who) if who and any(p.participant == who for p in design.participants) else ""
    own = {"sample": {sample, design.original_ids.get(sample, sample)}, "arm": {arm}}
    own["visit"] = {row.visit or "", design.original_ids.get(row.visit or "", "")} if row else set()
    named = {}
    for line in sorted(rows, key=lambda r: sum(bool(r.get(k)) for k in MEDIUM_KEYS)):
        if all(not line.get(key) or line[key] in own[key] for key in MEDIUM_KEYS):
            named[line["reaction"]] = float(line["flux"])
    return named


def unpack_models(database: str | Path, models: Iterable[Model], folder: Path) -> dict[str, str]:
    """Lay some models of a database where the driver can read them.

    Parameters
    ----------
    database
        Archive or folder.
    models
        Those that are needed.
    folder
        Where those of an archive go.

    Returns
    -------
    dict
        Model id -> file.
    """
    database = Path(database)
    if database.is_dir():
        return {m.id: str(database.resolve() / m.file) for m in models}
    files = {}
    with zipfile.ZipFile(database) as archive:
        for model in models:
            # Named by our own id: nothing that stands in an archive decides where a file is written.
            path = folder / (model.id + "".join(re.findall(r"\.(?:json|xml|pickle|gz)", model.file)))
            with archive.open(model.file) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
            files[model.id] = str(path)
    return files


def read_batch(path: str | Path) -> pd.DataFrame:
    """Read fluxes or growth of a batch; a sample may be called NA or 1."""
    texts = {"sample": str, "metabolite": str, "measure": str, "model": str}
    return pd.read_csv(path, sep="\t", dtype=texts, keep_default_na=False)


def run_micom(
    python: str,
    matched: Matched,
    samples: Sequence[str],
    files: Mapping[str, str],
    media: Mapping[str, Mapping[str, float]],
    settings: Mapping[str, Any],
    work: Path,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Let MICOM build and solve the communities of some samples.

    Parameters
    ----------
    python
        See `find_python`.
    matched
        Shares of the models.
    samples
        Those to solve.
    files
        Model id -> file.
    media
        Sample -> reaction -> flux.
    settings
        tradeoff, strategy, weights, ties, solver, threads.
    work
        Folder for its files.

    Returns
    -------
    fluxes, growth, told
        `FLUX_COLUMNS` (mmol/(gDW h) of the community), `GROWTH_COLUMNS` (1/h), and what the driver tells:
        versions, failed, presolved, open_ended, unknown_reactions.

    Raises
    ------
    VagusError
        If the driver ends with an error, in its words.
    """
    rows = [
        (sample, model, share, files[str(model)])
        for sample in samples
        for model, share in matched.shares.loc[sample].items()
        if share > 0
    ]
    taxa, medium = work / "taxa.tsv", work / "medium.tsv"
    columns = ["sample_id", "id", "abundance", "file"]
    pd.DataFrame(rows, columns=columns).to_csv(taxa, sep="\t", index=False)
    diet = [(r, f, s) for s in samples for r, f in media[s].items()]
    pd.DataFrame(diet, columns=["reaction", "flux", "sample_id"]).to_csv(medium, sep="\t", index=False)
    asked = {
        **{key: settings[key] for key in ("tradeoff", "strategy", "weights", "ties", "solver", "threads")},
        "taxa": str(taxa),
        "medium": str(medium),
        "out": str(work),
        "work": str(work),
    }
    (work / "settings.json").write_text(json.dumps(asked), encoding="utf-8")
    command = [python, str(DRIVER), str(work / "settings.json")]
    # What is on PYTHONPATH belongs to another Python. MICOM goes through sets of names: with Python's usual
    # random hashes the solver gets its rows in another order each time, and finds an answer or not by chance.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    env |= {"PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=env)
    if done.returncode != 0:
        raise VagusError(f"MICOM ({len(samples)} samples) failed: {last_words(done.stderr)}")
    fluxes, growth = read_batch(work / "fluxes.tsv"), read_batch(work / "growth.tsv")
    return fluxes, growth, json.loads((work / "run.json").read_text(encoding="utf-8"))


def main(
    profile_path: str,
    database: str,
    medium: str,
    synonyms: str | None,
    design_path: str,
    outputs: Mapping[str, str],
    settings: Mapping[str, Any],
    batch: int,
    batches: int,
) -> None:
    """Read, match, solve the samples of a batch and write their tables."""
    profile = read_profile(profile_path)
    profile = profile.subset(batch_of(profile.samples, batch, batches), drop_absent=False)
    models = read_manifest(database, settings["rank"])
    names = read_synonyms(synonyms) if synonyms else {}
    matched = match_taxa(profile, models, settings["rank"], names, settings["min_abundance"])
    gone = leave_out(matched, settings["min_covered"])
    design, diet = load_design(design_path), read_medium(medium)
    media = {s: medium_of(diet, s, design) for s in profile.samples}
    gone |= {s: "the medium has no row for it" for s in profile.samples if s not in gone and not media[s]}
    samples = [s for s in profile.samples if s not in gone]
    told: dict[str, Any] = {"versions": {}, "failed": {}, "unknown_reactions": []}
    told |= {"presolved": [], "open_ended": []}
    fluxes, growth = pd.DataFrame(columns=FLUX_COLUMNS), pd.DataFrame(columns=GROWTH_COLUMNS)
    if samples:
        python = find_python(settings["python"])
        print(f"MICOM by {python}: {len(samples)} samples")
        used = set(matched.shares.columns[(matched.shares.loc[samples] > 0).any()])
        with tempfile.TemporaryDirectory(prefix="vagus_fluxes_") as folder:
            work = Path(folder)
            files = unpack_models(database, [m for m in models if m.id in used], work)
            fluxes, growth, told = run_micom(python, matched, samples, files, media, settings, work)
    growth["model"] = growth["model"].map({m.id: m.name for m in models})
    gone |= told["failed"]
    for sample, reason in gone.items():
        print(f"NOTE: sample {sample} left out: {reason}")
    if told["unknown_reactions"]:
        print(f"NOTE: not in any model: {', '.join(told['unknown_reactions'])}")
    for path in outputs.values():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    fluxes.to_csv(outputs["fluxes"], sep="\t", index=False)
    growth.to_csv(outputs["growth"], sep="\t", index=False)
    told |= {"left_out": gone, "covered": {str(s): round(c, 6) for s, c in matched.covered.items()}}
    Path(outputs["facts"]).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.models,
            snakemake.input.medium,
            next(iter(snakemake.input.synonyms), None),
            snakemake.input.design,
            dict(snakemake.output.items()),
            {**snakemake.params.settings, "threads": snakemake.threads},
            int(snakemake.wildcards.batch),
            snakemake.params.batches,
        ),
        snakemake.log[0],
    )

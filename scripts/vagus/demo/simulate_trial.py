"""Build a whole trial, 16S and shotgun, with a known truth, the same bytes from the same seed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
import yaml

from vagus.demo.community import VISITS, Cohort, compute_truth, draw_cohort
from vagus.demo.function16s import (
    FOLDER as FUNCTION_FOLDER,
)
from vagus.demo.function16s import (
    FunctionSettings,
    compute_function_truth,
    read_function_settings,
    write_function_reference,
)
from vagus.demo.sequence_library import sequence_library, write_fastq
from vagus.demo.settings import Settings, ShotgunSettings, read_settings, read_shotgun_settings
from vagus.demo.shotgun_reads import simulate_shotgun
from vagus.demo.templates import (
    PHIX_NAME,
    REFERENCE_NAME,
    choose_templates,
    find_extdata,
    read_fasta,
    read_templates,
    write_reference,
)
from vagus.steps import run_step

SETTINGS = Path(__file__).resolve().parents[3] / "config" / "demo"
SEED = 20260101
SAMPLE_COLUMNS = [
    "sample",
    "participant",
    "visit",
    "assay",
    "type",
    "run",
    "fastq_1",
    "fastq_2",
    "dna_conc",
    "collected",
]
README = """This trial is simulated. No person took part in it.

{title}
{people} participants, {visits} visits, {libraries} libraries, seed {seed}.

The 16S sequences are real: the reference that the DADA2 package installs with itself. Who carries what, the
scores and the reads were drawn at random, and so were the genes of the genomes in function16s/, with the
effects written in truth.tsv:
  {target} x {fold:g} in the arm '{active}' at {last}; HAMD17 {score:+g} points.
{shotgun}
Made by: python scripts/vagus/demo/simulate_trial.py (settings in config/demo)
Run it:  snakemake --cores 2 --configfile {config}
"""
SHOTGUN_README = """
The shotgun libraries are simulated throughout. The {genomes} genomes of genomes.tsv, their proteins, the host
(host.fna.gz) and the organism that is in the stool but in no reference (out_of_reference_*.fna.gz) are random
sequences: only the names of the genera and the KO numbers are real ones, and they are labels; none of the
species exists. What each library holds is in shotgun_truth.tsv.
"""


@dataclass(frozen=True)
class Library:
    """One library to sequence: its row of the sheet, the share of each amplicon, its read pairs."""

    sample: str
    participant: str
    visit: str
    type: str
    run: str
    dna_conc: float
    shares: np.ndarray
    pairs: int
    failed: bool = False


def plan_libraries(settings: Settings, cohort: Cohort, rng: np.random.Generator) -> list[Library]:
    """Plan every library of the trial: stool, negative controls, mock.

    Parameters
    ----------
    settings
        Depths, controls and contamination.
    cohort
        Participants and their communities.
    rng
        Source of randomness.

    Returns
    -------
    list of Library
        Shares run over the amplicons of the community, then the contaminants, then the mock.
    """
    n_stool, n_bad, n_mock = len(settings.community), len(settings.contaminants), len(settings.mock)
    width = n_stool + n_bad + n_mock
    bad_mix = np.arange(n_bad, 0, -1) / (n_bad * (n_bad + 1) / 2)
    libraries: list[Library] = []
    for i, row in enumerate(cohort.participants.itertuples()):
        name = str(row.participant)
        # Blocks of two people hold one of each arm, and the two blocks of four one of each site.
        run = f"run{i // 4 % settings.sequencing_runs + 1}"
        for v, visit in enumerate(VISITS):
            conc = settings.dna_conc_median * np.exp(rng.normal(0, settings.dna_conc_sd))
            pairs = max(50, int(settings.depth * np.exp(rng.normal(0, settings.depth_sd))))
            if name in cohort.left_early and visit == VISITS[-1]:
                continue
            load = min(0.2, settings.contaminant_load / conc)
            shares = np.zeros(width)
            shares[:n_stool] = (1 - load) * cohort.shares[i, v]
            shares[n_stool : n_stool + n_bad] = load * rng.dirichlet(4 * bad_mix)
            libraries.append(Library(f"{name}_{visit}", name, visit, "stool", run, conc, shares, pairs))
    for place in rng.choice(len(libraries), min(settings.failed_libraries, len(libraries)), replace=False):
        libraries[place] = Library(**{**vars(libraries[place]), "failed": True})
    everyone = cohort.shares.mean(axis=(0, 1))
    for r in range(1, settings.sequencing_runs + 1):
        for k in range(1, settings.negatives_per_run + 1):
            shares = np.zeros(width)
            shares[:n_stool] = settings.cross_talk_share * everyone
            shares[n_stool : n_stool + n_bad] = (1 - settings.cross_talk_share) * rng.dirichlet(20 * bad_mix)
            pairs = max(20, int(rng.normal(settings.negative_depth, settings.negative_depth / 8)))
            conc = float(rng.uniform(0.03, 0.1))
            libraries.append(Library(f"NEG_run{r}_{k}", "", "", "negative", f"run{r}", conc, shares, pairs))
    if n_mock:
        shares = np.zeros(width)
        shares[-n_mock:] = 1 / n_mock
        libraries.append(Library("MOCK", "", "", "mock", "run1", 10.0, shares, settings.depth))
    return libraries


def make_plan(settings: Settings, seed: int) -> dict[str, Any]:
    """Return the analysis plan of the trial."""
    return {
        "design": "parallel",
        "arms": [settings.arms["reference"], settings.arms["active"]],
        "reference_arm": settings.arms["reference"],
        "visits": list(VISITS),
        "baseline": VISITS[0],
        "primary_visit": VISITS[-1],
        "strata": ["site"],
        "covariates": ["age", "sex", "antidepressant"],
        "estimand": {
            "population": "all randomised participants with a baseline and a week 8 visit",
            "variable": "difference between the arms at week 8, adjusted for the baseline",
            "intercurrent_events": [{"event": "start of an antidepressant", "strategy": "treatment_policy"}],
            "summary": "difference of means",
        },
        "families": [
            {"name": "clinical", "profiles": ["panel.clinical"], "control": "holm", "alpha": 0.05},
            {"name": "genera", "profiles": ["amplicon.genus"], "control": "bh", "alpha": 0.05},
        ],
        "responder": {"measure": "HAMD17", "rule": "drop >= 50%"},
        "seed": seed,
    }


def make_config(
    settings: Settings,
    out: str,
    shotgun: ShotgunSettings | None = None,
    function: FunctionSettings | None = None,
) -> dict[str, Any]:
    """Return the config that runs the trial; paths are under `out` as it was given."""
    base = out.rstrip("/")
    config: dict[str, Any] = {
        "samples": f"{base}/samples.tsv",
        "participants": f"{base}/participants.tsv",
        "measures": f"{base}/measures.tsv",
        "plan": f"{base}/plan.yaml",
        "reads": {"primers": {"forward": settings.forward_primer, "reverse": settings.reverse_primer}},
        # A small data set: the error model settles on a few libraries, the rest would only cost time.
        "amplicon": {"engine": "dada2", "trunc_len": "auto", "nbases": 4_000_000},
        "taxonomy": {"method": "dada2", "reference": f"{base}/reference.fasta.gz"},
        "mock": {"composition": f"{base}/mock.fasta"},
        "report": {"title": settings.title},
        "truth": f"{base}/truth.tsv",
    }
    if shotgun:
        paths = {"genomes": f"{base}/genomes.tsv", "host": f"{base}/host.fna.gz"}
        config["shotgun"] = {**shotgun.engine, **paths}
    if function:
        config["function16s"] = {"engine": "nearest", "reference": [f"{base}/{FUNCTION_FOLDER}"]}
    return config


def simulate_trial(
    out: str | Path,
    settings: Settings,
    seed: int = SEED,
    extdata: str | Path | None = None,
    shotgun: ShotgunSettings | None = None,
    function: FunctionSettings | None = None,
) -> pd.DataFrame:
    """Simulate a trial and write all its files.

    Parameters
    ----------
    out
        Folder to fill; existing files are replaced.
    settings
        From `read_settings`.
    seed
        The same seed gives the same bytes.
    extdata
        Folder of the DADA2 package's example data; found by itself when None.
    shotgun
        From `read_shotgun_settings`; None leaves the shotgun half out, and nothing of the 16S half changes.
    function
        From `read_function_settings`; None gives no reference for functions from 16S genes.

    Returns
    -------
    pandas.DataFrame
        The sample sheet.

    Raises
    ------
    VagusError
        If the reference is not found or does not hold the templates.
    """
    folder = Path(out)
    source = find_extdata([extdata] if extdata else None)
    reference = read_templates(source / REFERENCE_NAME, settings.forward_primer, settings.reverse_primer)
    community = choose_templates(reference, settings.templates)
    contaminants = choose_templates(reference, settings.contaminants)
    mock = choose_templates(reference, settings.mock)
    phix = read_fasta(source / PHIX_NAME)[0][1]
    inserts = [t.insert for t in [*community, *contaminants, *mock]]
    genes = [t.sequence for t in community if set(t.sequence) <= set("ACGT")]

    rng = np.random.default_rng([seed, 1])
    cohort = draw_cohort(settings, community, rng)
    libraries = plan_libraries(settings, cohort, rng)
    (folder / "reads").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, library in enumerate(libraries):
        # A generator of its own per library: changing one leaves the others as they were.
        own = np.random.default_rng([seed, 3, number])
        pairs = sequence_library(
            settings, inserts, library.shares, library.pairs, (genes, phix), own, library.failed
        )
        names = [f"reads/{library.sample}_R{mate}.fastq.gz" for mate in (1, 2)]
        write_fastq(pairs.forward, pairs.quality_forward, library.run, 1, folder / names[0])
        write_fastq(pairs.reverse, pairs.quality_reverse, library.run, 2, folder / names[1])
        kind = [library.participant, library.visit, "amplicon", library.type, library.run]
        rows.append([library.sample, *kind, *names, f"{library.dna_conc:.3f}", ""])
    truth = compute_truth(settings, community, seed)
    if function:
        write_function_reference(folder, function, community, seed)
        effects = compute_function_truth(settings, function, community, seed)
        truth = pd.concat([truth, effects], ignore_index=True)
    if shotgun:
        conc = {(str(row[1]), str(row[2])): str(row[8]) for row in rows}
        more, effects = simulate_shotgun(folder, settings, shotgun, cohort, community, phix, seed, conc)
        rows += more
        truth = pd.concat([truth, effects], ignore_index=True)
    sheet = pd.DataFrame(rows, columns=SAMPLE_COLUMNS)

    _write_table(sheet, folder / "samples.tsv")
    _write_table(cohort.participants, folder / "participants.tsv")
    _write_table(cohort.measures, folder / "measures.tsv")
    _write_table(truth, folder / "truth.tsv")
    write_reference(reference, folder / "reference.fasta.gz")
    fasta = "".join(f">{t.accession} {t.rank('genus')}\n{t.insert}\n" for t in mock)
    (folder / "mock.fasta").write_text(fasta, encoding="ascii")
    _write_yaml(make_plan(settings, seed), folder / "plan.yaml")
    _write_yaml(make_config(settings, str(out), shotgun, function), folder / "config.yaml")
    about = README.format(
        title=settings.title,
        people=len(cohort.participants),
        visits=len(VISITS),
        libraries=len(sheet),
        seed=seed,
        target=settings.target_genus,
        fold=settings.fold_change,
        active=settings.arms["active"],
        last=VISITS[-1],
        score=settings.score_effect,
        config=f"{str(out).rstrip('/')}/config.yaml",
        shotgun=SHOTGUN_README.format(genomes=sum(g.reference for g in shotgun.genomes)) if shotgun else "",
    )
    (folder / "README.txt").write_text(about, encoding="utf-8")
    return sheet


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, sep="\t", index=False, lineterminator="\n")


def _write_yaml(data: dict[str, Any], path: Path) -> None:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)
    path.write_text("# Written by scripts/vagus/demo/simulate_trial.py\n" + text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="demo", help="folder to fill (default: demo)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default: {SEED}")
    parser.add_argument("--null", action="store_true", help="the active arm does nothing")
    parser.add_argument("--participants", type=int, help="participants per arm")
    parser.add_argument("--depth", type=int, help="mean read pairs per library")
    parser.add_argument("--failed", type=int, help="stool libraries whose PCR failed")
    parser.add_argument("--no-shotgun", action="store_true", help="16S only")
    parser.add_argument("--shotgun-pairs", type=int, help="mean read pairs per shotgun library")
    parser.add_argument("--extdata", help="folder 'extdata' of the R package dada2")
    given = parser.parse_args(arguments)

    def simulate() -> None:
        files = [SETTINGS / "demo.yaml", *([SETTINGS / "null.yaml"] if given.null else [])]
        settings = read_settings(
            files,
            participants_per_arm=given.participants,
            depth=given.depth,
            failed_libraries=given.failed,
        )
        shotgun = None
        if not given.no_shotgun:
            shotgun = read_shotgun_settings([SETTINGS / "shotgun.yaml"], pairs=given.shotgun_pairs)
        function = read_function_settings([SETTINGS / "function16s.yaml"])
        sheet = simulate_trial(given.out, settings, given.seed, given.extdata, shotgun, function)
        print(f"{given.out}: {len(sheet)} libraries, {settings.title}")

    run_step(simulate)


if __name__ == "__main__":
    main()

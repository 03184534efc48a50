"""Runs MICOM in its own Python, which Vagus calls as a program: files in, files out.

    python micom_driver.py SETTINGS.json

It imports MICOM, which brings libraries under the (L)GPL, and nothing of Vagus. The settings name
`taxa` (TSV: sample_id, id, abundance, file), `medium` (TSV: reaction, flux, sample_id), `out` and `work`
(folders), `tradeoff`, `strategy`, `weights`, `ties`, `solver` and `threads`. Into `out` go `fluxes.tsv`
(sample, measure, metabolite, flux), `growth.tsv` (sample, model, abundance, growth_rate) and `run.json`. A
mistake is one line on stderr and status 1.
"""

import contextlib
import importlib.metadata
import json
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

# One process a sample; a solver that starts threads of its own would fight with the others.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
warnings.filterwarnings("ignore")

WEIGHTS = {"mass": "mass", "carbon": "C", "none": None}
STRATEGIES = {"minimal_imports": "minimal imports", "pfba": "pFBA", "none": "none"}
NO_SOLUTION = "MICOM found no solution"
NO_GROWTH = "nothing grows on the medium"
# Models that each process builds before they are solved and thrown away: bounds the disk for pickles.
CHUNK = 4
# By which share the last step may miss the growth and the uptake of the steps before it.
SLACK = 1e-6


def net_rates(exchanges):
    """Return what the community as a whole gives off (above 0) and takes up, by metabolite."""
    medium = exchanges[exchanges["taxon"] == "medium"]
    return medium[["sample_id", "metabolite", "flux"]]


def settle(args):
    """Solve one community: cooperative tradeoff, least uptake, and of these the fewest molecules given off.

    MICOM stops at the least uptake, which several answers share: what the uptake is turned into is then left
    to chance, and equal communities differ. A mass cannot decide (what goes in comes out), the moles can.

    Returns
    -------
    tuple
        MICOM's results, None if there is no solution; and whether the last step was solved.
    """
    path, medium, settings, presolve = args
    from micom import load_pickle
    from micom.media import minimal_medium
    from micom.util import _apply_min_growth, _format_min_growth
    from micom.workflows.results import GrowthResults
    from optlang.symbolics import Zero

    com = load_pickle(path)
    if presolve:
        com.solver.configuration.presolve = True
    com.medium = medium[medium.index.isin([r.id for r in com.exchanges])]
    try:
        grown = com.cooperative_tradeoff(fraction=settings["tradeoff"], fluxes=False)
        rates = grown.members.growth_rate.drop("medium")
        least = minimal_medium(
            com,
            community_growth=grown.growth_rate,
            min_growth=rates,
            solution=True,
            weights=WEIGHTS[settings["weights"]],
        )
    except Exception:  # MICOM's and the solver's own kinds, for a community without a solution
        return None, False
    if least is None:
        return None, False
    with com:
        com.medium = least["medium"] * (1 + SLACK)
        com.variables.community_objective.lb = grown.growth_rate * (1 - SLACK)
        _apply_min_growth(com, _format_min_growth(rates, com.taxa))
        com.objective = Zero
        com.objective.set_linear_coefficients({r.forward_variable: 1.0 for r in com.exchanges})
        com.objective.direction = "min"
        try:
            fewest = com.optimize(fluxes=True, pfba=False)
        except Exception:
            fewest = None
        results = GrowthResults.from_solution(fewest or least["solution"], com)
    return results, fewest is not None


def try_grow(manifest, folder, medium, settings, presolve):
    """Solve some communities; None where none of them is solved, and those whose last step was not."""
    from cobra.util.solver import OptimizationError
    from micom.workflows import grow
    from micom.workflows.core import workflow
    from micom.workflows.results import combine_results

    medium = medium[medium["sample_id"].isin(manifest["sample_id"])].set_index("reaction", drop=False)
    if settings["strategy"] == "minimal_imports" and settings["ties"] == "fewest_exports":
        args = [
            (
                os.path.join(folder, file),
                medium.loc[medium["sample_id"] == sample, "flux"],
                settings,
                presolve,
            )
            for sample, file in zip(manifest["sample_id"], manifest["file"], strict=True)
        ]
        answers = [a for a in workflow(settle, args, settings["threads"]) if a[0] is not None]
        open_ended = [str(r.growth_rates["sample_id"].iloc[0]) for r, settled in answers if not settled]
        return combine_results([r for r, _ in answers]) if answers else None, open_ended
    try:
        results = grow(
            manifest,
            folder,
            medium.copy(),
            tradeoff=settings["tradeoff"],
            threads=settings["threads"],
            strategy=STRATEGIES[settings["strategy"]],
            weights=WEIGHTS[settings["weights"]],
            presolve=presolve,
        )
    except OptimizationError:
        return None, []
    return results, []


def solve(taxa, medium, settings):
    """Build and solve the communities of some samples.

    What cannot be solved is tried once more with the solver's scaling (`presolve`), as MICOM advises.

    Returns
    -------
    tuple
        Fluxes and growth as frames (None if nothing was solved), reason by sample that was not, what the
        solver did by sample, and the reactions that the communities have.
    """
    from micom import load_pickle
    from micom.measures import consumption_rates, production_rates
    from micom.workflows import build

    samples = list(dict.fromkeys(taxa["sample_id"]))
    notes: dict[str, list[str]] = {"presolved": [], "open_ended": []}
    with tempfile.TemporaryDirectory(prefix="micom_", dir=settings["work"]) as folder:
        manifest = build(
            taxa, None, folder, cutoff=0.0, threads=settings["threads"], solver=settings["solver"]
        )
        results, notes["open_ended"] = try_grow(manifest, folder, medium, settings, False)
        solved = set() if results is None else set(results.growth_rates["sample_id"])
        left = manifest[~manifest["sample_id"].isin(list(solved))]
        if len(left):
            second, open_ended = try_grow(left, folder, medium, settings, True)
            if second is not None:
                notes["presolved"] = sorted(set(second.growth_rates["sample_id"]))
                notes["open_ended"] += open_ended
                results = second if results is None else results + second
        if results is None:
            first = load_pickle(os.path.join(folder, manifest["file"].iloc[0]))
            return None, None, dict.fromkeys(samples, NO_SOLUTION), notes, {r.id for r in first.exchanges}
    growth = results.growth_rates
    solved = set(growth["sample_id"])
    failed = {s: NO_SOLUTION for s in samples if s not in solved}
    tolerance = results.exchanges["tolerance"].max() if len(results.exchanges) else 1e-6
    rate = (growth["abundance"] * growth["growth_rate"]).groupby(growth["sample_id"]).sum()
    failed |= dict.fromkeys(rate.index[rate <= tolerance], NO_GROWTH)
    tables = {"net": net_rates(results.exchanges)}
    # MICOM's own functions fail on tables without a row.
    inside = results.exchanges[results.exchanges["taxon"] != "medium"]
    if (inside["direction"] == "export").any():
        tables["production"] = production_rates(results)
    if (inside["direction"] == "import").any():
        tables["consumption"] = consumption_rates(results)
    return tables, growth, failed, notes, set(results.annotations["reaction"])


def run(settings):
    """Solve all samples in chunks and write the tables."""
    import pandas as pd

    # A sample may be called NA.
    taxa = pd.read_csv(
        settings["taxa"], sep="\t", dtype={"sample_id": str, "id": str, "file": str}, keep_default_na=False
    )
    medium = pd.read_csv(
        settings["medium"], sep="\t", dtype={"sample_id": str, "reaction": str}, keep_default_na=False
    )
    samples = list(dict.fromkeys(taxa["sample_id"]))
    width = max(1, CHUNK * settings["threads"])
    fluxes, growths, unknown = [], [], set(medium["reaction"])
    noted: dict[str, list[str]] = {"presolved": [], "open_ended": []}
    failed: dict[str, str] = {}
    for start in range(0, len(samples), width):
        chosen = samples[start : start + width]
        tables, growth, gone, notes, known = solve(taxa[taxa["sample_id"].isin(chosen)], medium, settings)
        failed |= gone
        noted = {key: value + notes[key] for key, value in noted.items()}
        unknown -= known
        if tables is not None:
            fluxes += [table.assign(measure=measure) for measure, table in tables.items()]
            growths.append(growth)
    columns = ["sample_id", "measure", "metabolite", "flux"]
    table = pd.concat(fluxes)[columns] if fluxes else pd.DataFrame(columns=columns)
    table = table[~table["sample_id"].isin(list(failed))].rename(columns={"sample_id": "sample"})
    out = Path(settings["out"])
    table.sort_values(list(table.columns[:3])).to_csv(out / "fluxes.tsv", sep="\t", index=False)
    columns = ["sample_id", "taxon", "abundance", "growth_rate"]
    grown = pd.concat(growths)[columns] if growths else pd.DataFrame(columns=columns)
    grown = grown[~grown["sample_id"].isin(list(failed))]
    grown.columns = ["sample", "model", "abundance", "growth_rate"]
    grown.sort_values(["sample", "model"]).to_csv(out / "growth.tsv", sep="\t", index=False)
    told = {
        "versions": {
            name: importlib.metadata.version(name) for name in ("micom", "cobra", "osqp", "highspy")
        },
        "failed": failed,
        **noted,
        "unknown_reactions": sorted(unknown),
    }
    (out / "run.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(path):
    """Run, with MICOM's progress on stderr; return the exit status."""
    try:
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
        tempfile.tempdir = settings["work"]
        logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
        with contextlib.redirect_stdout(sys.stderr):
            run(settings)
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        print(f"error: {type(error).__name__}: {text}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

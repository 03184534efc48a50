"""Rule `module_specificity`: is a module whole more often than a random one of its shape and prevalence?"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.modules.ec_modules import EcModule, by_ec
from vagus.modules.module_file import load_modules
from vagus.modules.module_profiles import is_ec_profile
from vagus.modules.random_modules import SEED, count_organisms, draw_modules, has_taxa, required_kos
from vagus.modules.score_modules import (
    BETWEEN,
    UNKNOWN_TAXA,
    Compiled,
    Floats,
    Ints,
    compile_modules,
    score_block,
    taxon_blocks,
)
from vagus.profile import Profile, read_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Values of all modules that are held at a time.
BLOCK = 4_000_000
LOW, HIGH = 0.025, 0.975
MORE, LESS, AS_RANDOM = "more often complete than random", "less often complete than random", "as random"
ONE_GENE, NEVER = "one gene, nothing to compare", "never complete, nor are random ones"
EVERYWHERE, NEARLY_ALL = "in nearly all organisms, as random ones are", 0.9
NO_GENE, NOTHING_ALIKE = "none of its genes was seen", "no other genes to compare with"
MEASURES = ("complete", "prevalence", "value", "carriers")
TABLE_COLUMNS = [
    "module", "axis", "tier", "housekeeping", "kos", "kos_seen", "draws", "organisms",
    *(f"{m}{end}" for m in MEASURES for end in ("", "_random", "_random_low", "_random_high")),
    "percentile", "mismatch", "verdict",
]  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """How often modules are there.

    Parameters
    ----------
    organisms
        Number of pairs of species and sample with any of the KOs; samples where no species are known.
    complete
        Share of these with the module (M).
    prevalence, value
        Share of the samples with the module, and median of its value over samples (M).
    carriers
        Number of species with the module in any sample (M).
    """

    organisms: int
    complete: Floats
    prevalence: Floats
    value: Floats
    carriers: Floats


def organism_blocks(profile: Profile, kos: Sequence[str]) -> Iterator[Floats]:
    """Yield KOs x samples of every species, or of the whole community where no species are known."""
    taxa = has_taxa(profile)
    for taxon, block in taxon_blocks(profile, kos):
        if not (taxa and taxon.lower() in UNKNOWN_TAXA):
            yield block


def take_modules(compiled: Compiled, keep: np.ndarray) -> Compiled:
    """Return some of the modules, with the same KOs.

    Parameters
    ----------
    compiled
        M modules.
    keep
        Indices in rising order.
    """

    def ends(starts: Ints, total: int) -> Ints:
        return np.diff(np.append(starts, total))

    def begin(lengths: Ints) -> Ints:
        return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)

    steps = ends(compiled.step_starts, len(compiled.enzyme_starts))
    enzymes = ends(compiled.enzyme_starts, len(compiled.part_starts))
    parts = ends(compiled.part_starts, len(compiled.parts))
    chosen = np.zeros(len(steps), bool)
    chosen[keep] = True
    of_step = np.repeat(chosen, steps)
    of_enzyme = np.repeat(of_step, enzymes)
    return Compiled(
        [compiled.ids[i] for i in keep],
        compiled.kos,
        compiled.parts[np.repeat(of_enzyme, parts)],
        begin(parts[of_enzyme]),
        begin(enzymes[of_step]),
        begin(steps[chosen]),
        compiled.signature[of_step],
        compiled.needed[chosen],
    )


def tally_modules(modules: Iterable[Any], profile: Profile) -> Tally:
    """Count where modules are whole, species by species.

    Parameters
    ----------
    modules
        As `score_modules` takes them; thousands are fine.
    profile
        KO profile. Reads without a species are left out where species are known: they are of many organisms.

    Returns
    -------
    Tally
        In the order of the modules.
    """
    compiled = compile_modules(modules)
    count = len(compiled.ids)
    total = np.zeros((count, len(profile.samples)))
    cells, carriers = np.zeros(count), np.zeros(count)
    organisms = 0
    for block in organism_blocks(profile, compiled.kos):
        seen = block > 0
        columns = np.flatnonzero(seen.any(axis=0))
        organisms += len(columns)
        # What the genes of all samples together do not make, no sample makes.
        possible = score_block(compiled, seen.any(axis=1, keepdims=True).astype(float))[0][:, 0] > 0
        rows = np.flatnonzero(possible)
        here = np.ascontiguousarray(block[:, columns])
        size = max(1, BLOCK // max(1, len(columns)) // 8)
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            value, _ = score_block(take_modules(compiled, some), here)
            found = (value > 0).sum(axis=1)
            cells[some] += found
            carriers[some] += found > 0
            total[np.ix_(some, columns)] += value
    return Tally(
        organisms,
        cells / max(1, organisms),
        (total > 0).mean(axis=1) if total.shape[1] else np.zeros(count),
        np.median(total, axis=1) if total.shape[1] else np.zeros(count),
        carriers,
    )


def measure_specificity(
    modules: Sequence[Any], profile: Profile, draws: int, seed: int = SEED
) -> pd.DataFrame:
    """Compare every module with random ones of its shape and prevalence.

    Parameters
    ----------
    modules
        With axis and tier.
    profile
        KO (or EC) profile, best by species.
    draws
        Random modules for each; 0 compares none.
    seed
        Of the draws.

    Returns
    -------
    DataFrame
        `TABLE_COLUMNS`, one row for each module. `percentile` is the share of the random modules that are
        complete in fewer organisms, those in as many counted half.
    """
    counts = count_organisms(profile)
    drawn = [draw_modules(m, counts, draws, seed) if draws else ([], 0.0) for m in modules]
    everything = [*modules, *(random for randoms, _ in drawn for random in randoms)]
    tally = tally_modules(everything, profile)
    rows = []
    start = len(modules)
    for i, (module, (randoms, mismatch)) in enumerate(zip(modules, drawn, strict=True)):
        among = slice(start, start + len(randoms))
        start += len(randoms)
        kos = required_kos(module)
        seen = sum(counts.get(ko, 0) > 0 for ko in kos)
        row: dict[str, Any] = {
            "module": module.id,
            "axis": module.axis,
            "tier": module.tier,
            "housekeeping": "yes" if module.tier == "C" else "no",
            "kos": len(kos),
            "kos_seen": seen,
            "draws": len(randoms),
            "organisms": tally.organisms,
            "mismatch": mismatch if randoms else np.nan,
        }
        for name in MEASURES:
            measure = getattr(tally, name)
            row[name] = measure[i]
            spread = np.quantile(measure[among], [0.5, LOW, HIGH]) if randoms else [np.nan] * 3
            row |= dict(zip([f"{name}_random{end}" for end in ("", "_low", "_high")], spread, strict=True))
        others = tally.complete[among]
        row["percentile"] = _percentile(tally.complete[i], others) if randoms else np.nan
        row["verdict"] = _verdict(row["percentile"], seen, tally.complete[i], others, draws)
        rows.append(row)
    return pd.DataFrame(rows, columns=TABLE_COLUMNS)


def _percentile(value: float, others: Floats) -> float:
    # Ratios of the same whole numbers to the same total: equal ones are equal in floating point too.
    return float(((others < value).sum() + 0.5 * (others == value).sum()) / len(others))


def _verdict(percentile: float, seen: int, value: float, others: Floats, draws: int) -> str:
    if not draws:
        return ""
    if seen == 0:
        return NO_GENE
    if seen == 1:
        return ONE_GENE
    if not len(others):
        return NOTHING_ALIKE
    if value == 0 and not others.any():
        return NEVER
    if min(value, np.median(others)) > NEARLY_ALL:
        return EVERYWHERE
    return MORE if percentile > HIGH else LESS if percentile < LOW else AS_RANDOM


def of_genomes(genes: Profile) -> Profile:
    """Return genes x genomes as a profile of one sample that holds every genome once.

    Where samples are mixtures of reference genomes, the genomes are the organisms in which modules are whole.
    """
    entries = genes.table.tocoo()
    features = [
        f"{genes.features[i]}{BETWEEN}{genes.samples[g]}"
        for i, g in zip(entries.row.tolist(), entries.col.tolist(), strict=True)
    ]
    return Profile(genes.name, sparse.csr_array(entries.data[:, None]), features, ["genomes"], {}, genes.meta)


def main(profile: str, modules: str, table: str, draws: int, genomes: Sequence[str] = ()) -> None:
    """Read, compare and write."""
    ko = of_genomes(read_profile(genomes[0])) if genomes else read_profile(profile)
    chosen: Sequence[Any] = load_modules(modules).modules
    if is_ec_profile(ko):
        known = {m.id: m for m in chosen}
        chosen = [EcKnown(m, known[m.id]) for m in by_ec(chosen)[0]]
    made = measure_specificity(chosen, ko, draws)
    Path(table).parent.mkdir(parents=True, exist_ok=True)
    made.to_csv(table, sep="\t", index=False, float_format="%.6g")
    print(made["verdict"].value_counts().to_string())


class EcKnown:
    """A module by EC numbers with the axis and the tier of the module that it is made from."""

    def __init__(self, module: EcModule, known: Any) -> None:
        self.id, self.steps, self.coverage = module.id, module.steps, module.coverage
        self.axis, self.tier = known.axis, known.tier


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.modules,
            snakemake.output.table,
            int(snakemake.params.draws),
            list(snakemake.input.genomes),
        ),
        snakemake.log[0],
    )

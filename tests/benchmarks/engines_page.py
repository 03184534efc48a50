"""The page `resources/docs/engines.md`: what the shotgun engines reach and cost, and what was asked."""

from __future__ import annotations

import platform
from statistics import fmean

from benchmarks import shotgun_engines as engines
from benchmarks.engine_scores import (
    ALONE,
    DEMO_READS,
    EMPTY,
    FUNCTION,
    GUT,
    HALF,
    HUMANN,
    LEAST_RATIO,
    MOST_BRAY_CURTIS,
    NEITHER,
    ONE_GENOME,
    OUTSIDER,
    POINT,
    TAXONOMY,
    TRUE_SHARES,
    TWO_SPECIES,
    WAYS,
    Figures,
    against_humann,
    demo_ratio,
)

from vagus.design.shotgun_choice import ROADS


def percent(share: float) -> str:
    return f"{100 * share:.2f}"


def taxa_table(figures: Figures) -> list[str]:
    lines = [
        "| data | reads or pairs | engine | species found | false species | Bray-Curtis | unclassified, % "
        "| named above species, % | truly outside the reference, % | CPU s | peak MB | reference: CPU s |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (engine, case), s in figures.taxa.items():
        cost, build = figures.run[engine, case], figures.build[engine, case]
        distance = f"{s.bray_curtis:.4f}" if s.expected and s.shares else "none named"
        lines.append(
            f"| {case} | {figures.reads[case]} | {engine} | {s.found} of {s.expected} | {s.false} "
            f"| {distance} | {percent(s.unclassified)} | {percent(s.above_species)} | {percent(s.outside)} "
            f"| {cost.cpu:.2f} | {cost.memory:.0f} | {build.cpu:.2f} |"
        )
    return lines + start_rows(figures, TAXONOMY, EMPTY, 6)


def function_table(figures: Figures) -> list[str]:
    lines = [
        "| data | reads | engine | recall | recall of all in the table | precision | Spearman | CPU s "
        "| peak MB | reference: CPU s |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (engine, case), s in figures.function.items():
        cost, build = figures.run[engine, case], figures.build[engine, case]
        lines.append(
            f"| {case} | {figures.reads[case]} | {engine} | {s.recall:.3f} "
            f"| {'' if s.listed != s.listed else f'{s.listed:.3f}'} | {s.precision:.3f} "
            f"| {s.spearman:.3f} | {cost.cpu:.2f} | {cost.memory:.0f} | {build.cpu:.2f} |"
        )
    return lines + start_rows(figures, FUNCTION, f"KOfam, {EMPTY}", 4)


def start_rows(figures: Figures, names: tuple[str, ...], case: str, blank: int) -> list[str]:
    rows = []
    for engine in names:
        cost, build = figures.run[engine, case], figures.build[engine, case]
        rows.append(
            f"| {case} | 0 | {engine} | {'| ' * blank}{cost.cpu:.2f} | {cost.memory:.0f} | {build.cpu:.2f} |"
        )
    return rows


def run_cost(figures: Figures, engine: str, empty: str) -> float:
    """CPU seconds of an engine for all its cases beyond what starting it takes."""
    start = figures.run[engine, empty].cpu
    return sum(
        c.cpu - start
        for (e, case), c in figures.run.items()
        if e == engine and case not in (empty, TWO_SPECIES, DEMO_READS)
    )


def mean_distance(figures: Figures, engine: str) -> float:
    return fmean(s.bray_curtis for (e, _), s in figures.taxa.items() if e == engine and s.expected)


def mean_spearman(figures: Figures, engine: str) -> float:
    return fmean(s.spearman for (e, _), s in figures.function.items() if e == engine)


def verdict(figures: Figures) -> list[str]:
    """Name the engine that costs least and the one nearest to the truth, beside what `speed` takes now."""
    lines = []
    for half, names, empty, error in (
        ("Taxonomy", TAXONOMY, EMPTY, lambda e: mean_distance(figures, e)),
        ("Function", FUNCTION, f"KOfam, {EMPTY}", lambda e: 1 - mean_spearman(figures, e)),
    ):
        cheapest = min(names, key=lambda e: run_cost(figures, e, empty))
        nearest = min(names, key=error)
        told = "mean Bray-Curtis" if half == "Taxonomy" else "1 - mean Spearman"
        costs = ", ".join(f"{e} {run_cost(figures, e, empty):.2f} s" for e in names)
        errors = ", ".join(f"{e} {error(e):.4f}" for e in names)
        place = 0 if half == "Taxonomy" else 1
        now = {road: ROADS[road][place] for road in ("fast", "reference")}
        lines.append(
            f"- {half}: least CPU beyond the start has **{cheapest}** ({costs}), nearest to the truth is "
            f"**{nearest}** ({told}: {errors}). By these figures `fast` should be {cheapest} and `reference` "
            f"{nearest}; now `fast` is {now['fast']} and `reference` {now['reference']}: "
            + ("they agree." if (now["fast"], now["reference"]) == (cheapest, nearest) else "**mismatch**.")
        )
    return lines


def demands(figures: Figures) -> list[tuple[str, str, bool, str]]:
    """What the issue asks for: engine, demand, whether it is met, and the figure."""
    rows = []
    for engine in TAXONOMY:
        demo, neither, gut, alone = (figures.taxa[engine, case] for case in (HUMANN, NEITHER, GUT, ALONE))
        off = max(abs(demo.shares.get(name, 0.0) - share) for name, share in TRUE_SHARES.items())
        shares = " / ".join(percent(demo.shares.get(name, 0.0)) for name in TRUE_SHARES)
        rows += [
            (engine, f"{HUMANN}: both species, no third above 0.1 %", (demo.found, demo.false) == (2, 0),
             f"{demo.found} found, {demo.false} false"),
            (engine, f"{HUMANN}: classified shares within 1 point of 54.24 / 45.76", off <= POINT, shares),
            (engine, f"{HUMANN}: the 1,000 reads of neither species stay unclassified",
             neither.unclassified == 1, f"{percent(neither.unclassified)} % unclassified"),
            (engine, f"{GUT}: Bray-Curtis at most 0.05", gut.bray_curtis <= MOST_BRAY_CURTIS,
             f"{gut.bray_curtis:.4f}"),
            (engine, f"{OUTSIDER}, alone: no read is given a species", not alone.shares,
             f"{percent(alone.unclassified)} % unclassified"),
        ]  # fmt: skip
        for name in engines.STRANGERS:
            score = figures.taxa[engine, name]
            named = 1 - score.unclassified - score.above_species
            what = f"{name}: no species from 0.1 % of the reads"
            rows.append(
                (engine, what, not score.false, f"{percent(named)} % of the reads are given a species")
            )
    for engine in FUNCTION:
        one, half = (figures.function[engine, name] for name in (ONE_GENOME, f"{ONE_GENOME}{HALF}"))
        rows.append(
            (engine, f"{ONE_GENOME}: recall and precision against its table (a figure, no bound)", True,
             f"recall {one.recall:.3f} (of all listed {one.listed:.3f}), precision {one.precision:.3f}; "
             f"with every second KO without reads: {half.recall:.3f}, {half.precision:.3f}")
        )  # fmt: skip
    for way in WAYS if (WAYS[0], TWO_SPECIES) in figures.run else ():
        for road in (("kraken2", "sketch"), ("kraken2", "diamond")):
            name = " + ".join(road)
            ratio, ours, theirs = against_humann(figures, way, road)
            what = f"{TWO_SPECIES}: {LEAST_RATIO} times less CPU than {way}, Spearman as high"
            met = ratio >= LEAST_RATIO and ours >= theirs
            rows.append((name, what, met, f"{ratio:.1f} times less, {ours:.4f} and {theirs:.4f}"))
            ratio = demo_ratio(figures, way, road)
            what = f"{DEMO_READS}: {LEAST_RATIO} times less CPU than {way}"
            rows.append((name, what, ratio >= LEAST_RATIO, f"{ratio:.1f} times less"))
    return rows


def write_page(figures: Figures) -> str:
    """Put the page together."""
    versions = ", ".join(f"{engine} {version}" for engine, version in sorted(figures.versions.items()))
    rows = [
        f"| {e} | {what} | {'yes' if met else '**no**'} | {found} |"
        for e, what, met, found in demands(figures)
    ]
    parts = [
        "# Shotgun engines: accuracy and cost on the same reads",
        "Written by `make benchmark` (`tests/benchmarks/test_engines_shotgun.py`); do not edit. The data "
        "lie beside "
        "the project and are not part of it. Nothing was tuned: settings are those of `config/config.yaml`.",
        f"Versions: {versions}. Python {platform.python_version()}, {platform.machine()}, "
        f"{engines.THREADS} thread. "
        "CPU is user and system time of the step and all its children, memory that of its largest process; "
        "all from "
        "one run. `no reads` is what starting the engine costs.",
        "## Taxonomy",
        "\n".join(taxa_table(figures)),
        "Species count from 0.1 % of the reads; Bray-Curtis is between shares among reads with a species. "
        "The "
        "mixtures are simulated (2 x 150 bases, 0.5 % errors) from complete genomes; in the first the "
        "reference has "
        "another strain of *E. faecalis* and no *C. glutamicum*.",
        "## Function",
        "\n".join(function_table(figures)),
        "Reads with about 1 % errors of half of the KOs that inStrain's authors annotated with KofamScan, "
        "each gene "
        "at a depth of its own, and of the genes without KO. Few KOs (each KO is 4 % of the recall). "
        f"`{ONE_GENOME}`: pairs of one genome of MGnify and its table of genes with KOs; no contigs are "
        f"given, so its genome was rebuilt from the very reads ({percent(figures.rebuilt)} % of it has one) "
        "at the places that their names tell, and its genes were cut out by the table. It therefore checks "
        "the reading, not the annotation; the proteins of instrain_N5_271 stand beside them as decoys. "
        f"`{TWO_SPECIES}`: simulated from the gene catalogues of `{HUMANN}` (100 bases, 0.5 % errors), half "
        "of the UniRef90 families at lognormal depths; our engines have the translated catalogues with "
        "numbers that stand in for families, HUMAnN has the catalogues and its proteins.",
        "## What was asked",
        "| engine | demand | met | found |\n|---|---|---|---|\n" + "\n".join(rows),
        f"More of `{HUMANN}` stays unclassified than its 1,000 reads of neither species. Its reference holds "
        "genes only, and its reads (100 bases, about 3 % errors) come from whole genomes, so some fit "
        f"nowhere in it: {percent(figures.taxa['bowtie2', HUMANN].unclassified - 1000 / 21000)} % of all are "
        "of the two species and have no alignment by bowtie2. And many hold no exact 31-mer or 35-mer: "
        "Kraken 2 at its loosest (confidence 0, one hit group) leaves "
        f"{percent(figures.loosest)} % unclassified. "
        "sourmash does not look at single reads; what it misses is recorded here and not asserted. "
        "Much of HUMAnN's CPU does not depend on the reads (its index, its families and pathways), so the "
        "ratio falls where there are more of them; ours goes into counting k-mers of the sketches. HUMAnN "
        "leaves out genes of which less than half is covered, which costs it recall in shallow samples: "
        "the sketches keep one k-mer in 20 (`sketch_scaled`), so a gene has few and its depth is noisy. "
        "DIAMOND is nearer to the truth than HUMAnN in each of its ways.",
        "## Which should be the default",
        "\n".join(verdict(figures)),
        "`speed` is `reference` unless the config says otherwise: Kraken 2, and less so sourmash, give "
        "reads of an organism that the reference lacks to a near species that it holds, bowtie2 does not "
        "(rows with *beside*, above). "
        "These references are small. Kraken 2 holds its whole database in memory; with a public database "
        "that is "
        "what decides, and it was not measured here.",
        "## What was not run",
        "MetaPhlAn and sylph: not installable, or their databases not reachable. HUMAnN, where the tables "
        "have it, ran with the two-species reference of its own demo, without MetaPhlAn (its search for "
        "species by markers is bypassed), in three ways: as the workflow calls it; with its index kept, so "
        "that it is not built anew for each sample; and without its filter for the coverage of genes. "
        "Bracken is not installable here. No run with a public database of any engine.",
    ]
    return "\n\n".join(parts) + "\n"

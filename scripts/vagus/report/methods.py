"""The methods in words, only of what was done."""

from __future__ import annotations

from typing import Any

from vagus.report.citations import CITATIONS, shift_taken, tools_that_ran
from vagus.report.flux_methods import flux_profiles, flux_words
from vagus.report.function16s_methods import function16s_meta, function16s_words
from vagus.report.load_results import Results
from vagus.report.section import inferred_words
from vagus.report.sentences import PERCENT, join
from vagus.trial.fits import BOUNDARY, SLOPE_BOUNDARY

# What became of reads that fit several species.
AMBIGUOUS_WORDS = {
    "share": "Reads that fit several species were given back to those that had reads of their own, each as "
    "many as it must have lost by the measured share of its reads that are ambiguous; the rest counts for "
    "the genus.",
    "bracken": "Reads that fit several species were given to them by Bracken.",
    "genus": "Reads that fit several species of a genus count for the genus.",
}
SHOTGUN_WORDS = {
    "gather": "Species: the fewest reference genomes that explain the k-mers of a sample (sourmash gather).",
    "alignment": "Species: every read was aligned to the genomes of the reference with Bowtie 2; a species "
    "is named where its reads are at least 95 % alike with it on average.",
    "kraken2": "Species: reads were classified one by one with Kraken 2.",
    "metaphlan": "Species: clade-specific marker genes (MetaPhlAn).",
    "sylph": "Species: k-mer containment with sylph.",
    "sketch": "Gene functions: KO depth from FracMinHash sketches of translated reads.",
    "diamond": "Gene functions: translated search of reads in labelled proteins with DIAMOND.",
    "humann": "Gene functions: HUMAnN, gap filling off.",
    "markers": "Gene abundance is in copies per genome: depth divided by that of single-copy marker genes.",
}


def methods(results: Results) -> list[str]:
    """Return the methods as sentences, only of what was done.

    Parameters
    ----------
    results
        Of the run.
    """
    config: dict[str, Any] = results.settings
    ran = set(tools_that_ran(results))
    said: list[str] = []
    reads = config.get("reads") or {}
    if "cutadapt" in ran:
        said.append(
            "Primers and low-quality ends were removed with cutadapt; "
            + (
                "read pairs without a primer were kept."
                if reads.get("keep_untrimmed")
                else "where primers were named, reads without them were dropped and counted."
            )
        )
    if "fastp" in ran:
        said.append("Adapters and low-quality ends of shotgun reads were trimmed with fastp.")
    if len(results.ledger) and (results.ledger["step"] == "host").any():
        name = CITATIONS[(config.get("shotgun") or {}).get("host_aligner", "bowtie2")][0]
        said.append(f"Read pairs of which a mate aligned to the host ({name}) were removed.")
    if len(results.ledger) and (results.ledger["step"] == "phix").any():
        said.append("Reads of the PhiX control were found with Bowtie 2 and removed.")
    aligned = len(results.shotgun_taxonomy) and results.shotgun_taxonomy["engine"].iloc[0] == "bowtie2"
    said += [SHOTGUN_WORDS[key] for key in SHOTGUN_WORDS if key in ran or (key == "alignment" and aligned)]
    species = results.profiles.get("shotgun.species")
    told = AMBIGUOUS_WORDS.get(str(species.meta.get("ambiguous_reads"))) if species is not None else None
    said += [told] if told else []
    if "unoise3" in ran:
        said.append("Reads were merged, filtered, dereplicated and denoised (UNOISE3) with VSEARCH.")
    elif "dada2" in ran:
        said.append(
            "Sequence variants were inferred with DADA2, with one error model per sequencing run and read "
            "direction."
        )
    taxonomy = config.get("taxonomy") or {}
    if taxonomy.get("method") and ran & {"sintax", "naive_bayes"}:
        said.append(
            f"Taxonomy: {'SINTAX' if 'sintax' in ran else 'naive Bayes classifier of DADA2'}, "
            f"confidence of at least {taxonomy.get('min_confidence', 80)}{PERCENT}."
        )
    if "mafft" in ran:
        said.append("Variants were aligned with MAFFT and placed on a tree with FastTree.")
    if "decontam" in ran:
        method = config.get("decontam") or {}
        said.append(
            f"Contaminants were sought by {method.get('method', 'prevalence')} "
            f"(threshold {method.get('threshold', 0.1)}) and removed before the profiles were made."
        )
    said += [function16s_words(meta) for meta in [function16s_meta(results)] if meta]
    said += [flux_words(meta) for meta in flux_profiles(results)]
    trial = config.get("trial") or {}
    models = sorted(
        {str(m).removesuffix(BOUNDARY).removesuffix(SLOPE_BOUNDARY) for m in results.effects["model"] if m}
    )
    if models:
        alone = all(m.startswith("ANCOVA") for m in models)
        said.append(f"Arm effects: {join(models)}{'; one row per participant' if alone else ''}.")
        on_it = int(results.effects["model"].astype(str).str.endswith(BOUNDARY).sum())
        if on_it:
            said.append(
                f"In {on_it} estimates the variance between participants is 0 (the boundary of the model), "
                "and they are those of least squares."
            )
        on_it = int(results.effects["model"].astype(str).str.endswith(SLOPE_BOUNDARY).sum())
        if on_it:
            said.append(
                f"In {on_it} estimates the variances of participants' intercepts and slopes are on the "
                "boundary of the model (one of them 0, or both fully correlated)."
            )
        said.append(
            "Features were tested if above zero in at least "
            f"{100 * float(trial.get('min_prevalence', 0.2)):g}{PERCENT} of samples; "
            f"{trial.get('pseudocount', 0.5)} was added to counts before logarithms."
        )
    shifted, with_zeros = shift_taken(results)
    if shifted:
        said.append(
            "The shift that a composition puts on all its features was found as the mode of their effects "
            "(LinDA) and taken out of each"
            + (
                "; out of a feature with zeros only the part that its counts show it to follow (Chen's "
                "identity for Poisson counts), by which the rest was divided, so that effects are log2 fold "
                "changes against the typical feature."
                if with_zeros
                else "."
            )
        )
    if len(results.beta):
        said.append(
            "The community: one row per participant; Aitchison geometry of all features, strata and "
            "covariates of the plan in the model; the baseline was taken out by one slope per feature, "
            "pooled over arms. Other distances: arm by visit, participants taken out. Differences in "
            "distance moved are "
            f"Hodges\N{EN DASH}Lehmann shifts of pairs inside strata. In all, "
            f"{'; '.join(dict.fromkeys(results.beta['scheme'].str.partition(';')[0]))}."
        )
    if results.modules and results.module_set:
        said.append(
            f"Modules: {results.module_set.title} {results.module_set.version}; a taxon that has enough "
            "steps counts with the geometric mean of those seen, and taxa are added up. Carriers are taxa "
            "that have the module; redundancy is their effective number (exp of Shannon's entropy of their "
            "shares)."
        )
    if results.concordance["spearman"].notna().any():
        said.append(
            "Genes against measured compounds: Spearman's correlation of log2 potential and log2 measurement "
            "(as it is where it can be negative), with a percentile interval by bootstrap over participants; "
            "values below the limit of detection are tied as lowest; to take the arms out, each rank is less "
            "the mean rank of its arm."
        )
    for family in results.plan.get("families") or []:
        said.append(
            f"Family \N{LEFT DOUBLE QUOTATION MARK}{family.get('name')}\N{RIGHT DOUBLE QUOTATION MARK}: "
            f"{join(list(family.get('profiles') or []))}; error control {family.get('control', 'bh')}, "
            f"level {family.get('alpha', 0.05)}{', a gate' if family.get('gate') else ''}."
            + inferred_words(results, list(family.get("profiles") or []))
        )
    return said

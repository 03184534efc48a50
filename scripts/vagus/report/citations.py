"""Tools and methods that ran: their citations, versions and reference databases."""

from __future__ import annotations

import re
from importlib import metadata

import pandas as pd

from vagus import __version__
from vagus.report.flux_methods import flux_profiles
from vagus.report.function16s_methods import function16s_meta
from vagus.report.load_results import Results

# key: (name, citation, DOI)
CITATIONS: dict[str, tuple[str, str, str]] = {
    "snakemake": ("Snakemake", "Mölder et al. 2021, F1000Research 10:33", "10.12688/f1000research.29032.2"),
    "cutadapt": ("cutadapt", "Martin 2011, EMBnet.journal 17:10", "10.14806/ej.17.1.200"),
    "bowtie2": ("Bowtie 2", "Langmead & Salzberg 2012, Nature Methods 9:357", "10.1038/nmeth.1923"),
    "fastp": ("fastp", "Chen et al. 2018, Bioinformatics 34:i884", "10.1093/bioinformatics/bty560"),
    "minimap2": ("minimap2", "Li 2018, Bioinformatics 34:3094", "10.1093/bioinformatics/bty191"),
    "sourmash": ("sourmash", "Brown & Irber 2016, JOSS 1:27", "10.21105/joss.00027"),
    "gather": ("sourmash gather", "Irber et al. 2022, bioRxiv", "10.1101/2022.01.11.475838"),
    "kraken2": ("Kraken 2", "Wood et al. 2019, Genome Biol 20:257", "10.1186/s13059-019-1891-0"),
    "bracken": ("Bracken", "Lu et al. 2017, PeerJ Comput Sci 3:e104", "10.7717/peerj-cs.104"),
    "metaphlan": (
        "MetaPhlAn 4",
        "Blanco-Míguez et al. 2023, Nat Biotechnol 41:1633",
        "10.1038/s41587-023-01688-w",
    ),
    "sylph": ("sylph", "Shaw & Yu 2024, Nat Biotechnol", "10.1038/s41587-024-02412-y"),
    "sketch": (
        "KO sketches",
        "Hera et al. 2024, Bioinformatics 40:btae397",
        "10.1093/bioinformatics/btae397",
    ),
    "diamond": ("DIAMOND", "Buchfink et al. 2021, Nat Methods 18:366", "10.1038/s41592-021-01101-x"),
    "humann": ("HUMAnN 3", "Beghini et al. 2021, eLife 10:e65088", "10.7554/eLife.65088"),
    "markers": (
        "single-copy marker genes",
        "Sunagawa et al. 2013, Nat Methods 10:1196",
        "10.1038/nmeth.2693",
    ),
    "dada2": ("DADA2", "Callahan et al. 2016, Nature Methods 13:581", "10.1038/nmeth.3869"),
    "vsearch": ("VSEARCH", "Rognes et al. 2016, PeerJ 4:e2584", "10.7717/peerj.2584"),
    "unoise3": ("UNOISE", "Edgar 2016, bioRxiv", "10.1101/081257"),
    "naive_bayes": (
        "naive Bayes taxonomy",
        "Wang et al. 2007, Appl Environ Microbiol 73:5261",
        "10.1128/AEM.00062-07",
    ),
    "sintax": ("SINTAX", "Edgar 2016, bioRxiv", "10.1101/074161"),
    "mafft": ("MAFFT", "Katoh & Standley 2013, Mol Biol Evol 30:772", "10.1093/molbev/mst010"),
    "fasttree": ("FastTree 2", "Price et al. 2010, PLoS ONE 5:e9490", "10.1371/journal.pone.0009490"),
    "decontam": ("decontam's tests", "Davis et al. 2018, Microbiome 6:226", "10.1186/s40168-018-0605-2"),
    "multiqc": ("MultiQC", "Ewels et al. 2016, Bioinformatics 32:3047", "10.1093/bioinformatics/btw354"),
    "biom": ("BIOM", "McDonald et al. 2012, GigaScience 1:7", "10.1186/2047-217X-1-7"),
    "scikit-bio": ("scikit-bio", "Aton et al. 2025, Nature Methods", "10.1038/s41592-025-02981-z"),
    "numpy": ("NumPy", "Harris et al. 2020, Nature 585:357", "10.1038/s41586-020-2649-2"),
    "scipy": ("SciPy", "Virtanen et al. 2020, Nature Methods 17:261", "10.1038/s41592-019-0686-2"),
    "pandas": ("pandas", "McKinney 2010, Proc. 9th Python in Science Conf.", "10.25080/Majora-92bf1922-00a"),
    "faith_pd": ("Faith's PD", "Faith 1992, Biol Conserv 61:1", "10.1016/0006-3207(92)91201-3"),
    "unweighted_unifrac": (
        "unweighted UniFrac",
        "Lozupone & Knight 2005, Appl Environ Microbiol 71:8228",
        "10.1128/AEM.71.12.8228-8235.2005",
    ),
    "weighted_unifrac": (
        "weighted UniFrac",
        "Lozupone et al. 2007, Appl Environ Microbiol 73:1576",
        "10.1128/AEM.01996-06",
    ),
    "aitchison": (
        "Aitchison distance",
        "Aitchison 1982, J R Stat Soc B 44:139",
        "10.1111/j.2517-6161.1982.tb01195.x",
    ),
    "robust_aitchison": (
        "robust Aitchison",
        "Martino et al. 2019, mSystems 4:e00016-19",
        "10.1128/mSystems.00016-19",
    ),
    "bray_curtis": ("Bray\N{EN DASH}Curtis", "Bray & Curtis 1957, Ecol Monogr 27:325", "10.2307/1942268"),
    "pcoa": ("principal coordinates", "Gower 1966, Biometrika 53:325", "10.1093/biomet/53.3-4.325"),
    "clr": ("log-ratios", "Gloor et al. 2017, Front Microbiol 8:2224", "10.3389/fmicb.2017.02224"),
    "ancova": ("adjustment for baseline", "Vickers & Altman 2001, BMJ 323:1123", "10.1136/bmj.323.7321.1123"),
    "hc3": (
        "robust standard errors (HC3)",
        "MacKinnon & White 1985, J Econom 29:305",
        "10.1016/0304-4076(85)90158-7",
    ),
    "bell": ("degrees of freedom of HC2", "Imbens & Kolesar 2016, REStat 98:701", "10.1162/REST_a_00552"),
    "linda": ("shift of a composition", "Zhou et al. 2022, Genome Biol 23:95", "10.1186/s13059-022-02655-5"),
    "chen": ("features with zeros", "Chen 1975, Ann Probab 3:534", "10.1214/aop/1176996359"),
    "clda": ("one baseline for all arms", "Liu et al. 2009, Stat Med 28:2509", "10.1002/sim.3607"),
    "kenward_roger": (
        "small-sample errors of mixed models",
        "Kenward & Roger 1997, Biometrics 53:983",
        "10.2307/2533558",
    ),
    "lmertest": (
        "degrees of freedom",
        "Kuznetsova et al. 2017, J Stat Softw 82(13)",
        "10.18637/jss.v082.i13",
    ),
    "freeman": ("why carry-over is no pre-test", "Freeman 1989, Stat Med 8:1421", "10.1002/sim.4780081202"),
    "within": (
        "why change inside arms is no test",
        "Bland & Altman 2011, Trials 12:264",
        "10.1186/1745-6215-12-264",
    ),
    "permanova": (
        "PERMANOVA",
        "Anderson 2001, Austral Ecol 26:32",
        "10.1111/j.1442-9993.2001.01070.pp.x",
    ),
    "dispersion": ("dispersion", "Anderson 2006, Biometrics 62:245", "10.1111/j.1541-0420.2005.00440.x"),
    "permutation_p": (
        "p-values by permutation",
        "Phipson & Smyth 2010, Stat Appl Genet Mol Biol 9:39",
        "10.2202/1544-6115.1585",
    ),
    "hodges_lehmann": (
        "Hodges\N{EN DASH}Lehmann shift",
        "Hodges & Lehmann 1963, Ann Math Stat 34:598",
        "10.1214/aoms/1177704172",
    ),
    "bh": (
        "q-values",
        "Benjamini & Hochberg 1995, J R Stat Soc B 57:289",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
    "newcombe": (
        "intervals of differences of risks",
        "Newcombe 1998, Stat Med 17:873",
        "10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
    ),
    "reliable_change": (
        "reliable change",
        "Jacobson & Truax 1991, J Consult Clin Psychol 59:12",
        "10.1037/0022-006X.59.1.12",
    ),
    "rubin": ("multiple imputation", "Rubin 1987, Multiple Imputation", "10.1002/9780470316696"),
    "redundancy": (
        "effective number of carriers",
        "Jost 2006, Oikos 113:363",
        "10.1111/j.2006.0030-1299.14714.x",
    ),
    "bootstrap": ("bootstrap intervals", "Efron & Tibshirani 1993", "10.1201/9780429246593"),
    "picrust2": ("PICRUSt2", "Douglas et al. 2020, Nat Biotechnol 38:685", "10.1038/s41587-020-0548-6"),
    "micom": ("MICOM", "Diener et al. 2020, mSystems 5:e00606-19", "10.1128/mSystems.00606-19"),
    "consort": ("flow diagram", "Schulz et al. 2010, BMJ 340:c332", "10.1136/bmj.c332"),
}
LIBRARIES = ["snakemake", "numpy", "scipy", "pandas", "scikit-bio", "biom-format", "plotly"]
ALIASES = {"biom-format": "biom", "bowtie 2": "bowtie2", "unoise": "unoise3", "scikit_bio": "scikit-bio"}


def shift_taken(results: Results) -> tuple[bool, bool]:
    """Return whether the shift of a composition was taken out of effects, and whether features had zeros."""
    found = [
        pd.to_numeric(results.effects.get(name, pd.Series(dtype=float)), errors="coerce")
        for name in ("bias_shift", "zero_sensitivity")
    ]
    return bool(found[0].notna().any()), bool((found[1] != 1).mul(found[1].notna()).any())


def tools_that_ran(results: Results) -> list[str]:
    """Return the keys of `CITATIONS` for what this run used, in the order of the work.

    Parameters
    ----------
    results
        With the config in `settings`.
    """
    used: list[str] = ["snakemake"]
    steps = set(results.ledger["step"]) if len(results.ledger) else set()
    config = results.settings
    shotgun = {s["sample"] for s in results.design["samples"] if s["assay"] == "shotgun"}
    by_assay: dict[bool, set[str]] = {True: set(), False: set()}
    if len(results.ledger):
        for sample, step in results.ledger[["sample", "step"]].itertuples(index=False):
            by_assay[sample in shotgun].add(step)
    used += ["cutadapt"] if by_assay[False] & {"primers", "quality"} else []
    used += ["fastp"] if "quality" in by_assay[True] else []
    aligner = (config.get("shotgun") or {}).get("host_aligner", "bowtie2")
    used += [aligner] if "host" in steps else []
    used += ["bowtie2"] if "phix" in steps else []
    if len(results.shotgun_taxonomy):
        engine = str(results.shotgun_taxonomy["engine"].iloc[0])
        used += ["sourmash", "gather"] if engine == "sourmash" else [engine]
    if len(results.shotgun_function):
        engine = str(results.shotgun_function["engine"].iloc[0])
        used += ["sourmash", "sketch"] if engine == "sketch" else [engine]
        used += ["markers"] if (results.shotgun_function["unit"] == "copies per genome").any() else []
    used = [key for key in used if key in CITATIONS]
    engines = {
        str(p.meta.get("engine", "")).lower()
        for n, p in results.profiles.items()
        if n.startswith("amplicon.")
    }
    if "dada2" in engines:
        used.append("dada2")
    if engines & {"unoise3", "unoise", "vsearch"}:
        used += ["vsearch", "unoise3"]
    # An imported profile brings no engine of ours to cite.
    amplicon = bool(engines & {"dada2", "unoise3", "unoise", "vsearch"})
    if amplicon and config.get("taxonomy"):
        used += (
            ["sintax", "vsearch"]
            if config["taxonomy"].get("method") == "sintax"
            else ["dada2", "naive_bayes"]
        )
    tree = config.get("phylogeny") or {}
    if amplicon and tree.get("method") == "fasttree" and not tree.get("tree"):
        used += ["mafft", "fasttree"]
    if len(results.decontam) and (config.get("decontam") or {}).get("method") != "none":
        used.append("decontam")
    diversity = results.profiles.get("amplicon.diversity")
    if diversity is not None:
        used += ["scikit-bio"] + (["faith_pd"] if "faith_pd" in diversity.features else [])
    used += [m for m in results.distances if m in CITATIONS]
    used += [m for m in results.trajectories["distance"].unique() if m in CITATIONS]
    used += ["pcoa"] if results.distances or len(results.ordination) else []
    used += ["biom"] if results.profiles else []
    if len(results.effects):
        words = {"ANCOVA": "ancova", "HC3": "hc3", "Bell": "bell", "cLDA": "clda"}
        words |= {"Satterthwaite": "lmertest", "Kenward": "kenward_roger", "crossover": "freeman"}
        text = " ".join(set(results.effects["model"].astype(str)))
        used += [key for word, key in words.items() if word in text]
        if any(
            p.kind in ("counts", "relative") and n in set(results.effects["profile"])
            for n, p in results.profiles.items()
        ):
            used.append("clr")
        used += [key for key, yes in zip(("linda", "chen"), shift_taken(results), strict=True) if yes]
        families = results.plan.get("families") or []
        named = {p for f in families for p in f.get("profiles") or []}
        free = set(results.effects["profile"]) - named
        if free or any(f.get("control", "bh") == "bh" for f in families):
            used.append("bh")
    used += ["newcombe"] if len(results.extra.get("responders", [])) else []
    used += ["reliable_change"] if len(results.extra.get("reliable_change", [])) else []
    tipping = results.extra.get("tipping")
    if tipping is not None and len(tipping) and (tipping["analysis"] == "multiple imputation").any():
        used.append("rubin")
    tests = set(results.beta["test"])
    used += ["permanova"] if tests & {"change", "residual", "interaction"} else []
    used += ["dispersion"] if "dispersion" in tests else []
    used += ["hodges_lehmann"] if tests & {"within", "volatility"} else []
    used += ["permutation_p"] if tests else []
    used += ["within"] if len(results.within) else []
    used += ["redundancy"] if results.modules else []
    used += ["bootstrap"] if results.concordance["spearman"].notna().any() else []
    used += {"nearest": ["vsearch"], "picrust2": ["picrust2"]}.get(
        function16s_meta(results).get("engine", ""), []
    )
    used += ["micom"] if flux_profiles(results) else []
    used += ["consort"] if len(results.flow) else []
    used += [_key(v) for v in results.versions if _key(v) in CITATIONS]
    used += ["numpy", "scipy", "pandas"]
    return list(dict.fromkeys(used))


def _key(name: str) -> str:
    plain = re.sub(r"\s+", " ", name.strip().lower())
    return ALIASES.get(plain, plain)


def citations(results: Results) -> list[dict[str, str]]:
    """Return name, text and DOI for everything that ran."""
    return [dict(zip(("name", "text", "doi"), CITATIONS[k], strict=True)) for k in tools_that_ran(results)]


def versions(results: Results) -> list[tuple[str, str]]:
    """Return tool and version: ours, the given ones, the engines of the profiles, the Python libraries.

    Parameters
    ----------
    results
        With what the rule passed in `versions`.
    """
    found: dict[str, str] = {"vagus": __version__}
    found |= {k: str(v) for k, v in results.versions.items()}
    for profile in results.profiles.values():
        engine, version = profile.meta.get("engine"), profile.meta.get("engine_version")
        if engine and version:
            found.setdefault(str(engine), str(version))
    for library in LIBRARIES:
        try:
            found.setdefault(library, metadata.version(library))
        except metadata.PackageNotFoundError:
            continue
    return sorted(found.items(), key=lambda item: (item[0] != "vagus", item[0].lower()))


def references(results: Results) -> list[tuple[str, str]]:
    """Return reference database and checksum of the profiles."""
    found = {
        str(p.meta["reference"]): str(p.meta.get("reference_sha256") or "")
        for p in results.profiles.values()
        if p.meta.get("reference")
    }
    return sorted(found.items())

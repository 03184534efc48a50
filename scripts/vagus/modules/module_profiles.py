"""Rule `module_profiles`: modules, compounds and balances of the samples of a KO profile."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.errors import VagusError
from vagus.modules.detection import make_corrector
from vagus.modules.ec_modules import by_ec
from vagus.modules.metabolites import compound_potential
from vagus.modules.module_file import ModuleSet, load_modules
from vagus.modules.omixer import OmixerSettings, score_omixer
from vagus.modules.omixer_file import read_omixer
from vagus.modules.score_genomes import score_genomes
from vagus.modules.score_modules import BETWEEN, Scores, log_ratios, score_modules, split_feature
from vagus.modules.stoichiometry import read_stoichiometry
from vagus.profile import Profile, read_profile, write_profile
from vagus.shotgun.genome_size import genome_equivalents, read_markers
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PER_GENOME = "copies per genome"
# Fewer markers than this in a table do not tell how many genomes it holds.
LEAST_MARKERS = 10
TABLE_COLUMNS = [
    "sample", "module", "axis", "tier", "value", "unclassified", "carriers", "redundancy", "coverage",
    "as_seen",
]  # fmt: skip
# What a profile says of where it comes from.
HANDED_ON = (
    "engine",
    "engine_version",
    "reference",
    "reference_sha256",
    "inferred",
    "left_out",
    "distance",
    "lost_share",
    "lost_share_by_arm",
    "covered_share",
)


def count_genomes(profile: Profile, markers: Sequence[str]) -> Profile:
    """Divide a KO profile by the median of its single-copy marker genes.

    Parameters
    ----------
    profile
        KO profile of any kind; one in copies per genome comes back as it is.
    markers
        KO numbers of universal single-copy genes.

    Returns
    -------
    Profile
        In copies per genome; samples without any marker are left out and named in `meta["left_out"]`. One
        that has fewer than `LEAST_MARKERS` of the markers comes back as it is.
    """
    if profile.kind == "copies_per_genome":
        return profile
    wanted = set(markers)
    rows = [i for i, f in enumerate(profile.features) if split_feature(f)[0] in wanted]
    kos = [split_feature(profile.features[i])[0] for i in rows]
    if len(set(kos)) < LEAST_MARKERS:
        return profile
    table = pd.DataFrame(profile.table[rows].toarray(), index=kos).groupby(level=0).sum()
    present = [str(ko) for ko in table.index]
    depths = [dict(zip(present, table[c], strict=True)) for c in table.columns]
    found = [genome_equivalents(depth, present).value for depth in depths]
    genomes = np.array(found)
    kept = np.flatnonzero(genomes > 0)
    names = [profile.samples[i] for i in kept]
    gone = {s: "no single-copy marker gene was seen" for s in profile.samples if s not in set(names)}
    scaled = sparse.csr_array(profile.table[:, kept] @ sparse.diags_array(1.0 / genomes[kept]))
    meta = {**profile.meta, "kind": "copies_per_genome", "unit": PER_GENOME}
    meta["left_out"] = {**(profile.meta.get("left_out") or {}), **gone}
    return Profile(profile.name, scaled, profile.features, names, profile.taxonomy, meta)


def is_ec_profile(ko: Profile) -> bool:
    """Return whether a profile is of EC numbers, not of KOs.

    Raises
    ------
    VagusError
        If it is of neither.
    """
    ids = [split_feature(f)[0] for f in ko.features]
    is_ko = any(i[:1] == "K" and i[1:].isdigit() for i in ids)
    is_ec = not is_ko and any(i.count(".") == 3 and i[:1].isdigit() for i in ids)
    if ko.features and not (is_ko or is_ec):
        raise VagusError(
            f"profile {ko.name}: features such as {ko.features[0]!r} are neither KO nor EC numbers; "
            "fix: regroup the table to KO before it is imported"
        )
    return is_ec


def facts_of(profile: Profile, modules: ModuleSet, level: str, stratified: bool) -> dict[str, Any]:
    """Return the meta of a profile that is made from a KO profile."""
    assay = profile.name.partition(".")[0]
    return {
        **{key: profile.meta[key] for key in HANDED_ON if key in profile.meta},
        "kind": profile.kind if profile.kind == "copies_per_genome" else "relative",
        "unit": str(profile.meta.get("unit", "")),
        # Modules are no parts of a whole: a ratio to their own mean would mean nothing.
        "transform": "log2",
        "level": level,
        "assay": assay,
        "modules": f"{modules.title} {modules.version}",
        "by_taxon": stratified,
        "source_profile": profile.name,
    }


def describe_scores(scores: Scores, modules: ModuleSet) -> pd.DataFrame:
    """Return `TABLE_COLUMNS`, one row for each sample and module."""
    known = {m.id: m for m in modules.modules}
    count, samples = len(scores.modules), len(scores.samples)
    return pd.DataFrame(
        {
            "sample": np.repeat(scores.samples, count),
            "module": np.tile(scores.modules, samples),
            "axis": np.tile([known[m].axis for m in scores.modules], samples),
            "tier": np.tile([known[m].tier for m in scores.modules], samples),
            **{
                key: getattr(scores, key).T.ravel()
                for key in ("value", "unclassified", "carriers", "redundancy", "coverage", "as_seen")
            },
        },
        columns=TABLE_COLUMNS,
    )


def make_profiles(
    ko: Profile,
    modules: ModuleSet,
    stoichiometry: str | Path | None,
    markers: Sequence[str],
    depth_correction: bool = True,
    genomes: tuple[Profile, Profile] | None = None,
) -> tuple[dict[str, Profile], pd.DataFrame]:
    """Score the modules of a KO (or EC) profile.

    Parameters
    ----------
    ko
        Features `<KO>` or `<KO>|<taxon>`; EC numbers where there are no KOs.
    modules
        The module file.
    stoichiometry
        See `metabolites.read_stoichiometry`; None for one molecule of each.
    markers
        To turn another unit into copies per genome.
    depth_correction
        Correct for what is not seen of rare species, see `detection.make_corrector`.
    genomes
        What the profile was made of, if its samples are mixtures of genomes: genes of the genomes, and shares
        of the genomes in the samples. They are scored instead of the sum, and nothing of them is unseen.

    Returns
    -------
    profiles, table
        `module`, `metabolite`, `balance` and, where taxa are known, `module_by_species`; and `TABLE_COLUMNS`.

    Raises
    ------
    VagusError
        If the profile holds neither KOs nor EC numbers.
    """
    is_ec = is_ec_profile(ko)
    profile = count_genomes(ko, markers)
    chosen: Sequence[Any] = modules.modules
    left_out: list[str] = []
    if is_ec:
        chosen, left_out = by_ec(modules.modules)
    if genomes:
        scores = score_genomes(chosen, *genomes)
    else:
        corrector = make_corrector if depth_correction else None
        scores = score_modules(chosen, profile, corrector=corrector, markers=markers)
    stratified = genomes is not None or any(BETWEEN in f for f in ko.features)
    assay, samples = ko.name.partition(".")[0], profile.samples
    facts = {
        level: facts_of(profile, modules, level, stratified) for level in ("module", "metabolite", "balance")
    }
    if stratified:
        for meta in facts.values():
            meta["depth_correction"] = depth_correction
    if left_out:
        facts["module"]["not_computable_by_ec"] = left_out

    def as_profile(level: str, table: Any, features: list[str], meta: Mapping[str, Any]) -> Profile:
        return Profile(f"{assay}.{level}", sparse.csr_array(table), features, samples, {}, dict(meta))

    compounds, potential = compound_potential(scores, read_stoichiometry(stoichiometry, modules.modules))
    scored = set(scores.modules)
    pairs = [
        (b.id, [m for m in b.numerator if m in scored], [m for m in b.denominator if m in scored])
        for b in modules.balances
    ]
    ratios, values = log_ratios(scores, [pair for pair in pairs if pair[1] and pair[2]])
    del facts["balance"]["transform"]
    facts["balance"] |= {"kind": "score", "unit": "log2 ratio"}
    made = {
        "module": as_profile("module", scores.value, scores.modules, facts["module"]),
        "metabolite": as_profile("metabolite", potential, compounds, facts["metabolite"]),
        "balance": as_profile("balance", values, ratios, facts["balance"]),
    }
    if stratified and not genomes:
        rows = [f"{m}{BETWEEN}{t}" for t in scores.taxa for m in scores.modules]
        table = scores.by_taxon if scores.by_taxon is not None else np.zeros((0, len(samples)))
        keep = np.flatnonzero(np.diff(sparse.csr_array(table).indptr))
        meta = facts["module"] | {"level": "module_by_species"}
        made["module_by_species"] = as_profile(
            "module_by_species", sparse.csr_array(table)[keep], [rows[i] for i in keep], meta
        )
    return made, describe_scores(scores, modules)


def omixer_profile(ko: Profile, path: str | Path, settings: OmixerSettings) -> Profile:
    """Score the modules of the user's own file in Omixer-RPM's format."""
    modules = read_omixer(path)
    values, coverage = score_omixer(modules, ko, settings)
    assay = ko.name.partition(".")[0]
    meta = {
        **{key: ko.meta[key] for key in HANDED_ON if key in ko.meta},
        "kind": ko.kind if ko.kind == "copies_per_genome" else "relative",
        "unit": str(ko.meta.get("unit", "")),
        "transform": "log2",
        "level": "omixer",
        "assay": assay,
        "modules": Path(path).name,
        "names": {m.id: m.name for m in modules},
        "coverage": coverage,
        "coverage_learned": settings.coverage < 0,
        "estimator": settings.estimator,
        "source_profile": ko.name,
    }
    return Profile(f"{assay}.omixer", sparse.csr_array(values), [m.id for m in modules], ko.samples, {}, meta)


def main(
    profile: str,
    modules: str,
    stoichiometry: str | None,
    markers: str,
    outputs: Sequence[str],
    table: str,
    omixer: str | None,
    settings: Mapping[str, Any],
    genomes: Sequence[str] = (),
) -> None:
    """Read, score and write; the level of an output is in its name."""
    ko = read_profile(profile)
    mixture = (read_profile(genomes[0]), read_profile(genomes[1])) if genomes else None
    correct = bool(settings["depth_correction"])
    made, rows = make_profiles(
        ko, load_modules(modules), stoichiometry, read_markers(markers), correct, mixture
    )
    if omixer:
        chosen = OmixerSettings(
            float(settings["omixer_coverage"]),
            str(settings["omixer_estimator"]),
            bool(settings["omixer_normalise"]),
        )
        made["omixer"] = omixer_profile(ko, omixer, chosen)
    for output in outputs:
        level = Path(output).name.removesuffix(".biom").partition(".")[2]
        write_profile(made[level], output)
        print(f"{made[level].name}: {len(made[level].features)} features, {len(made[level].samples)} samples")
    Path(table).parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(table, sep="\t", index=False, float_format="%.6g")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.modules,
            next(iter(snakemake.input.stoichiometry), None),
            snakemake.input.markers,
            list(snakemake.output.profiles),
            snakemake.output.table,
            next(iter(snakemake.input.omixer), None),
            snakemake.params.settings,
            list(snakemake.input.genomes),
        ),
        snakemake.log[0],
    )

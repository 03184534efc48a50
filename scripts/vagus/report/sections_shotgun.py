"""What the shotgun reads were named as, what has no name, and how rare an organism may be to be seen."""

from __future__ import annotations

import pandas as pd

from vagus.profile import Profile
from vagus.report.figures_common import Figure
from vagus.report.figures_profiles import composition_figure, trajectory_figure
from vagus.report.load_results import Results
from vagus.report.section import Section, mark_inferred
from vagus.report.sentences import PERCENT, number

UNNAMED = "share without a name"
KEYS = ["participant", "arm", "visit"]


def shotgun_section(results: Results) -> Section:
    """Return composition, share without a name, detection limits and genome equivalents."""
    section = Section("shotgun", "Shotgun: what was named, and what was not")
    if not len(results.shotgun_taxonomy) and not len(results.shotgun_function):
        section.empty = "No shotgun reads were profiled in this run."
        return section
    for level in ("species", "genus"):
        profile = results.profiles.get(f"shotgun.{level}")
        if profile is not None and "unclassified" in profile.meta:
            section.figures += [
                mark_inferred(results, figure, profile.name) for figure in _figures(results, profile, level)
            ]
    section.lead = _taxonomy_words(results.shotgun_taxonomy) + _function_words(results.shotgun_function)
    section.rows = _by_arm_and_visit(results)
    for table in (results.shotgun_taxonomy, results.shotgun_function):
        if "left_out" in table.columns:
            gone = table[table["left_out"].astype(object).fillna("") != ""]
            section.notes += [f"{r.sample}: {r.left_out}." for r in gone.head(8).itertuples(index=False)]
    section.notes.append(
        "Reads without a name are never given to a neighbour: their organisms are not in the reference, or "
        "the reads do not tell them apart."
    )
    return section


def _figures(results: Results, profile: Profile, level: str) -> list[Figure]:
    people = results.people(profile)
    unnamed = pd.Series(profile.meta["unclassified"], dtype=float)
    known = [s for s in profile.samples if s in results.place_of()]
    share = unnamed.reindex(known).to_numpy(float)
    total = people.drop(columns=KEYS).sum(axis=1).to_numpy(float)
    # As a part beside the named ones, so that a bar is the whole sample.
    whole = people.assign(**{"without a name": total * share / (1 - share).clip(1e-9)})
    drawn = composition_figure(whole, level, results.groups, results.visits)
    figures = []
    if drawn:
        drawn.id = f"shotgun_{drawn.id}"
        figures.append(drawn)
    if level == "species":
        lines = trajectory_figure(
            people[KEYS].assign(**{UNNAMED: share}),
            UNNAMED,
            "shotgun",
            results.groups,
            results.visits,
            results.reference_group,
            "",
            results.confidence,
        )
        figures += [lines] if lines else []
    return figures


def _taxonomy_words(table: pd.DataFrame) -> list[str]:
    if not len(table):
        return []
    used = table[table["left_out"].astype(object).fillna("") == ""]
    if not len(used):
        return ["No shotgun sample could be named."]
    unnamed = pd.to_numeric(used["unclassified_species"], errors="coerce")
    limit = pd.to_numeric(used["detection_limit"], errors="coerce")
    words = [
        f"In the median sample {100 * (1 - unnamed.median()):.1f}{PERCENT} of the reads have a species "
        f"({100 * (1 - unnamed.max()):.1f} to {100 * (1 - unnamed.min()):.1f}{PERCENT}), "
        f"by {used['engine'].iloc[0]}."
    ]
    if limit.notna().any():
        words.append(
            f"An organism below {100 * limit.median():.2g}{PERCENT} of the reads of the median sample "
            f"(below {100 * limit.max():.2g}{PERCENT} in the shallowest) is not reported: what is not seen "
            "may still be there."
        )
    return words


def _function_words(table: pd.DataFrame) -> list[str]:
    if not len(table) or (table["unit"] != "copies per genome").all():
        return []
    genomes = pd.to_numeric(table["genome_equivalents"], errors="coerce")
    return [
        "Genes are counted in copies per genome, so that deep and shallow samples compare; the median sample "
        f"holds {number(genomes.median(), 1)} genome equivalents."
    ]


def _by_arm_and_visit(results: Results) -> list[list[str]]:
    table = results.shotgun_taxonomy
    if not len(table):
        return []
    places, arms = results.place_of(), results.group_of()
    rows = [
        ["arm", "visit", "samples", "reads, median", "without a species, median", "detection limit, median"]
    ]
    frame = table.assign(
        arm=[arms.get(places.get(s, ("", ""))[0], "") for s in table["sample"]],
        visit=[places.get(s, ("", ""))[1] for s in table["sample"]],
    )
    for arm in results.groups:
        for visit in results.visits:
            here = frame[(frame["arm"] == arm) & (frame["visit"] == visit)]
            if len(here):
                medians = [
                    pd.to_numeric(here[c], errors="coerce").median()
                    for c in ("reads", "unclassified_species", "detection_limit")
                ]
                limit = "" if pd.isna(medians[2]) else f"{100 * medians[2]:.2g}{PERCENT}"
                share = f"{100 * medians[1]:.1f}{PERCENT}"
                rows.append([arm, visit, str(len(here)), number(medians[0], 0), share, limit])
    return rows

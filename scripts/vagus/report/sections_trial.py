"""Sections about the arms: effects, truth, changes, and every participant's lines."""

from __future__ import annotations

from vagus.report.figures_common import Figure
from vagus.report.figures_effects import TOP, TOP_OWN_AXES, forest_figure, forest_rows
from vagus.report.figures_ordination import ordination_figure
from vagus.report.figures_profiles import composition_figure, trajectory_figure
from vagus.report.figures_within import within_figure
from vagus.report.load_results import Results
from vagus.report.section import (
    Section,
    alpha_of,
    difference_words,
    mark_inferred,
    own_axes,
    primary_visit,
    profile_order,
)
from vagus.report.sections_community import placed_figures
from vagus.report.sentences import NO_CONTROL, NO_UNIT, PERCENT, WITHIN_NOTE, percent, plural

LEVELS = ["genus", "family", "phylum"]
MAX_MEASURES = 12
# The profile that distances are computed from.
DISTANCES_OF = "amplicon.asv"


def effects_section(results: Results) -> Section:
    """Return forest plots of all profiles."""
    section = Section("effects", "Arm effects")
    done = results.effects[results.effects["estimate"].notna()]
    if not len(done):
        section.empty = NO_CONTROL if len(results.arms) < 2 else "No arm effect could be estimated."
        reasons = sorted({s for s in results.effects["status"] if s and s != "ok"})
        if reasons:
            section.empty += f" Reasons given: {'; '.join(reasons[:5])}."
        elif len(results.design["participants"]) == 1:
            section.empty += " One participant cannot carry a comparison of arms."
        return section
    visit = primary_visit(results)
    section.lead = [
        f"Each estimate is the {difference_words(results)}. Read the estimate and its interval first; "
        "q only guards against chance findings among many features."
    ]
    for profile in profile_order(results, set(done["profile"])):
        figure = forest_figure(
            results.effects,
            profile,
            visit,
            results.arms,
            results.reference,
            own_axes(results, profile),
            alpha_of(results, profile),
            results.confidence,
            difference=difference_words(results),
        )
        if figure:
            section.figures.append(mark_inferred(results, figure, profile))
    missed = results.effects[results.effects["estimate"].isna()]
    if len(missed):
        counts = missed["status"].replace("", "no reason given").value_counts()
        section.notes.append(
            "Not estimated: " + "; ".join(f"{plural(n, 'row')}, {r}" for r, n in counts.head(4).items()) + "."
        )
    return section


def truth_section(results: Results) -> Section:
    """Return what a simulation put in beside what was found."""
    section = Section("truth", "Truth beside estimate", mark="simulated trial")
    visit = primary_visit(results)
    keys = ["profile", "feature", "contrast"]
    truth = results.truth
    if "status" in truth.columns:
        truth = truth[truth["status"].isin(["ok", ""])]
    if "visit" in truth.columns:
        truth = truth[truth["visit"].isin([visit, ""])]
    effects = results.effects[results.effects["visit"] == visit]
    both = truth[[*keys, "truth"]].merge(effects, on=keys)
    both = both[both["estimate"].notna()]
    if not len(both):
        section.empty = "None of the known effects has an estimate to stand beside."
        return section
    inside = int(((both["ci_low"] <= both["truth"]) & (both["truth"] <= both["ci_high"])).sum())
    section.lead = [
        f"These data were simulated with known effects. {inside} of {plural(len(both), 'interval')} "
        f"({percent(inside, len(both))}) contain the truth; "
        f"{100 * results.confidence:g}{PERCENT} are expected to."
    ]
    for profile in profile_order(results, set(both["profile"])):
        known = truth[truth["profile"] == profile]
        # All true effects, then the null features with the smallest q.
        part = effects[effects["profile"].eq(profile) & effects["feature"].isin(known["feature"])]
        real = known.loc[known["truth"] != 0, "feature"].tolist()
        limit = TOP_OWN_AXES if own_axes(results, profile) else TOP
        rest = forest_rows(part[~part["feature"].isin(real)], max(0, limit - len(set(real))))
        part = part[part["feature"].isin([*real, *rest["feature"]])]
        figure = forest_figure(
            part,
            profile,
            visit,
            results.arms,
            results.reference,
            own_axes(results, profile),
            alpha_of(results, profile),
            results.confidence,
            known,
            difference_words(results),
        )
        if figure:
            section.figures.append(mark_inferred(results, figure, profile))
    return section


def within_section(results: Results) -> Section:
    """Return the changes inside the arms, as description."""
    section = Section("within", "Change inside each arm", mark="description only")
    visit = primary_visit(results)
    done = results.within[results.within["change"].notna()]
    for profile in profile_order(results, set(done["profile"])):
        apart = own_axes(results, profile)
        effects = results.effects[
            (results.effects["profile"] == profile) & (results.effects["visit"] == visit)
        ]
        rows = forest_rows(effects, TOP_OWN_AXES if apart else TOP)
        features = list(dict.fromkeys(rows["feature"])) if len(rows) else None
        figure = within_figure(
            results.within,
            profile,
            visit,
            results.arms,
            results.reference,
            features,
            apart,
            results.confidence,
        )
        if figure:
            section.figures.append(mark_inferred(results, figure, profile))
    if section.figures:
        section.lead = [WITHIN_NOTE]
    else:
        section.empty = "No change from baseline could be described: no participant has both visits."
    return section


def _lines(results: Results, profile: str, prefix: str) -> list[Figure]:
    known = results.profiles.get(profile)
    if known is None:
        return []
    features = known.features
    if len(features) > MAX_MEASURES:
        rows = results.effects[results.effects["profile"] == profile]
        first = forest_rows(rows, MAX_MEASURES)["feature"].tolist() if len(rows) else []
        features = list(dict.fromkeys([*first, *features]))[:MAX_MEASURES]
    people = results.people(known, features)
    units = results.effects[results.effects["profile"] == profile].set_index("feature")["unit"].to_dict()
    if profile == "panel.biomarkers":  # drawn on the scale of the analysis, which may be the logarithm
        units = {f: str(u).replace("log2 fold change", "log2") for f, u in units.items()}
    else:
        units |= {m["measure"]: m.get("unit") or "" for m in results.design.get("measures") or []}
    found = []
    for feature in features:
        unit = str(units.get(feature, ""))
        figure = trajectory_figure(
            people,
            feature,
            prefix,
            results.groups,
            results.visits,
            results.reference_group,
            "" if unit == feature or unit in NO_UNIT else unit,
            results.confidence,
        )
        if figure:
            found.append(mark_inferred(results, figure, profile))
    return found


def clinical_section(results: Results) -> Section:
    """Return every participant's scores."""
    section = Section("clinical", "Clinical scores and measures")
    section.figures = _lines(results, "panel.clinical", "clinical")
    section.figures += _lines(results, "panel.biomarkers", "biomarkers")
    if not section.figures:
        section.empty = "No measures were given (config: measures)."
    return section


def diversity_section(results: Results) -> Section:
    """Return every participant's diversity."""
    section = Section("diversity", "Diversity by arm and visit")
    section.figures = _lines(results, "amplicon.diversity", "diversity")
    if not section.figures:
        section.empty = "There is no diversity profile in this run."
    return section


def composition_section(results: Results) -> Section:
    """Return mean composition per arm and visit."""
    section = Section("composition", "Composition by arm and visit")
    for level in LEVELS:
        profile = results.profiles.get(f"amplicon.{level}")
        if profile is None:
            continue
        figure = composition_figure(results.people(profile), level, results.groups, results.visits)
        if figure:
            section.figures.append(mark_inferred(results, figure, profile.name))
    if not section.figures:
        section.empty = "There is no taxonomic profile in this run."
    return section


def ordination_section(results: Results) -> Section:
    """Return one ordination per distance."""
    section = Section("ordination", "Ordination: where each participant moved")
    for metric in sorted(results.distances, key=lambda m: (m != "aitchison", m)):
        figure = ordination_figure(
            results.distances[metric],
            metric,
            results.place_of(),
            results.group_of(),
            results.groups,
            results.visits,
            results.reference_group,
            results.distance_totals.get(metric),
        )
        if figure:
            section.figures.append(mark_inferred(results, figure, DISTANCES_OF))
    section.figures += placed_figures(results, DISTANCES_OF if results.distances else "")
    if not section.figures:
        section.empty = (
            "Fewer than three samples can be placed."
            if results.distances
            else "No distances were computed in this run."
        )
    return section

"""The order of the sections: what the arms did, how sure that is, what was lost."""

from __future__ import annotations

from vagus.report import sections_reads as reads
from vagus.report import sections_trial as trial
from vagus.report.load_results import Results
from vagus.report.section import Section
from vagus.report.sections_clinical import missing_section, responders_section
from vagus.report.sections_community import community_section
from vagus.report.sections_features import agreement_section, interactions_section, prevalence_section
from vagus.report.sections_function import concordance_section, molecules_section
from vagus.report.sections_plan import plan_section
from vagus.report.sections_shotgun import shotgun_section


def all_sections(results: Results) -> list[Section]:
    """Return the sections with figures, in reading order.

    Parameters
    ----------
    results
        Of the run.
    """
    sections = [reads.flow_section(results), trial.effects_section(results)]
    # A folder of an older run has none of these tables.
    sections += [plan_section(results)] if "families" in results.extra else []
    sections += [prevalence_section(results)] if len(results.prevalence) else []
    sections += [interactions_section(results)] if len(results.interactions) else []
    sections += [agreement_section(results)] if len(results.sensitivity) else []
    if len(results.truth):
        sections.append(trial.truth_section(results))
    sections += [
        *([community_section(results)] if len(results.beta) or len(results.trajectories) else []),
        trial.within_section(results),
        trial.clinical_section(results),
        *([responders_section(results)] if "responders" in results.extra else []),
        *([missing_section(results)] if "missing" in results.extra else []),
        trial.diversity_section(results),
        trial.composition_section(results),
        *(
            [shotgun_section(results)]
            if any(s["assay"] == "shotgun" for s in results.design["samples"])
            else []
        ),
        *([molecules_section(results)] if results.modules else []),
        *([concordance_section(results)] if len(results.concordance) else []),
        trial.ordination_section(results),
        reads.ledger_section(results),
        reads.quality_section(results),
        reads.decontam_section(results),
        reads.mock_section(results),
    ]
    return sections

"""Check everything a trial is described by and return its design, or every problem at once.

The Snakefile calls `load_trial` whenever it is parsed, so nothing slow is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vagus.design.check_config import check_config, check_config_with_design
from vagus.design.check_crossover import can_compare_periods
from vagus.design.check_events import check_events
from vagus.design.check_fluxes import check_fluxes
from vagus.design.check_measures import check_measures
from vagus.design.check_participants import check_donors, check_participants
from vagus.design.check_plan import read_plan
from vagus.design.check_reads import check_reads
from vagus.design.check_samples import check_samples
from vagus.design.findings import Findings
from vagus.design.model import Design, Measure, Participant, Sample
from vagus.design.places import Places
from vagus.design.plan_hash import check_registration
from vagus.design.read_sheets import Table, read_table
from vagus.design.schema import fill_defaults
from vagus.design.shotgun_choice import check_shotgun
from vagus.errors import DesignError
from vagus.resources.genome_sheet import Genome, read_genome_sheet

__all__ = ["design_inputs", "fill_defaults", "load_trial"]

SHEETS = ("plan", "participants", "samples", "measures", "events")
# Reading this much to its end, while other problems are being reported, takes a few seconds.
MAX_BYTES_BESIDE_PROBLEMS = 500_000_000


def load_trial(
    config: dict[str, Any], workdir: Path, clone: Path, configfiles: Sequence[Path] = (), threads: int = 2
) -> Design:
    """Read and check the config, the plan, the sheets, and that the reads are there.

    What is inside of the read files is checked by the rule `check_design`; if there are other problems, also
    here, so that all are listed together.

    Parameters
    ----------
    config
        Filled with the defaults, in place.
    workdir, clone, configfiles
        Where files are looked for, see `vagus.design.places.Places`.
    threads
        For the read files, if they are checked here.

    Returns
    -------
    Design
        The checked trial.

    Raises
    ------
    DesignError
        With every problem.
    """
    findings = Findings()
    config.update(fill_defaults(config))
    places = Places(Path(workdir), Path(clone), tuple(Path(c) for c in configfiles))
    check_config(config, places, findings)
    files = {key: _find_sheet(config, key, places, findings) for key in SHEETS}
    name = {key: str(config[key]) for key in SHEETS}
    ids: dict[str, str] = {}

    plan_path = files["plan"]
    plan = read_plan(plan_path, name["plan"], findings) if plan_path else None
    tables = {
        key: read_table(path, name[key], key, findings, key == "participants") if path else Table(name[key])
        for key in SHEETS[1:]
        for path in (files[key],)
    }
    if plan is None:
        # The sheets are still checked, against what they themselves name.
        plan = _stand_in_plan(tables)
    people = check_participants(tables["participants"], plan, name["plan"], ids, findings)
    need_reads = not config.get("profiles")
    samples = check_samples(tables["samples"], people, plan, places, need_reads, ids, findings)
    check_donors(tables["participants"], samples, findings)
    measures = check_measures(tables["measures"], people, plan, name["plan"], places.clone, findings)
    events = check_events(tables["events"], people, plan, name["plan"], findings)
    layouts = {unit.paired for s in samples for unit in s.units}
    check_config_with_design(config, {s.assay for s in samples if s.units}, layouts, findings)
    named = {"arm": plan["arms"], "visit": plan["visits"], "sample": [s.sample for s in samples]}
    written = {
        key: {n for name in names for n in (name, ids.get(name, name))} for key, names in named.items()
    }
    check_fluxes(config, {s.assay for s in samples if s.units}, written, places, findings)
    genomes = load_genomes(config, places, findings)
    if any(s.assay == "shotgun" and s.units for s in samples):
        proteins = any(genome.proteins for genome in genomes)
        check_shotgun(config, bool(genomes), proteins, places, findings)
    _check_anyone(tables, samples, findings)
    _check_baseline(samples, measures, plan, name["samples"], findings)

    changed = {safe: written for safe, written in ids.items() if safe != written}
    design = Design(plan, people, samples, measures, changed, findings.notes)
    design.events = events
    if plan_path:
        design.registration = check_registration(plan, config, places, findings)
    design.can_compare_arms = _can_compare_arms(design)
    if changed:
        findings.note(
            f"ids made safe for file names: {', '.join(f'{w!r} is {s}' for s, w in sorted(changed.items()))}"
        )
    if findings.problems:
        reads = config["reads"] if isinstance(config["reads"], dict) else {}
        odd = bool(reads.get("allow_odd_qualities"))
        check_reads(design, name["samples"], findings, threads, MAX_BYTES_BESIDE_PROBLEMS, odd)
        raise DesignError(findings.problems)
    if not design.can_compare_arms and len(design.arms) > 1 and len(people) > 1:
        findings.note(
            "no arm comparison: it needs two arms, one of them the reference, with two participants each who "
            "have a baseline and a later visit"
        )
    return design


def design_inputs(
    config: dict[str, Any], workdir: Path, clone: Path, configfiles: Sequence[Path] = ()
) -> list[str]:
    """Return the sheets and the plan, as absolute paths: what the design depends on besides the reads.

    Parameters
    ----------
    config
        With its defaults filled in.
    workdir, clone, configfiles
        As for `load_trial`.
    """
    places = Places(Path(workdir), Path(clone), tuple(Path(c) for c in configfiles))
    found = [places.find(config[key]) for key in (*SHEETS, "registered_plan")]
    return [str(f) for f in found if f]


def load_genomes(config: dict[str, Any], places: Places, findings: Findings) -> list[Genome]:
    """Return the user's genomes, [] where the config names no sheet or the sheet is not there.

    Parameters
    ----------
    config
        With its defaults filled in.
    places
        Where files are looked for.
    findings
        Where problems go; that a file is not found is said by `check_config`.
    """
    shotgun = config.get("shotgun")
    named = shotgun.get("genomes") if isinstance(shotgun, dict) else ""
    sheet = places.find(named) if isinstance(named, str) else None
    if not isinstance(shotgun, dict) or sheet is None or not sheet.is_file():
        return []
    folder = places.find(str(shotgun["genome_folder"])) if shotgun["genome_folder"] else None
    if shotgun["genome_folder"] and folder is None:
        findings.problem(
            "config",
            "folder not found",
            f"correct the path (looked in {places.searched(str(shotgun['genome_folder']))})",
            column="shotgun.genome_folder",
            value=str(shotgun["genome_folder"]),
        )
        return []
    return read_genome_sheet(sheet, folder, findings)


def _find_sheet(config: dict[str, Any], key: str, places: Places, findings: Findings) -> Path | None:
    value = config[key]
    if not isinstance(value, str):
        return None
    if not value:
        optional = key in ("measures", "events") or (
            key == "samples" and (config["measures"] or config["profiles"])
        )
        if not optional:
            findings.problem("config", f"no {key} named", f"give the path of the {key} file", column=key)
        return None
    found = places.find(value)
    if found is None or not found.is_file():
        findings.problem(
            "config",
            "file not found",
            f"correct the path (looked in {places.searched(value)})",
            column=key,
            value=value,
        )
        return None
    return found


def _stand_in_plan(tables: dict[str, Table]) -> dict[str, Any]:
    def words(rows: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(r for r in rows if r))

    visits = words(r["visit"] for key in ("samples", "measures") for r in tables[key].rows)
    return {
        "design": "parallel",
        "arms": words(r["arm"] for r in tables["participants"].rows),
        "reference_arm": None,
        "visits": visits,
        "baseline": visits[0] if visits else None,
        "strata": [],
        "covariates": [],
        "interactions": [],
        "levels": {},
        "families": [],
        "responder": None,
    }


def _check_anyone(tables: dict[str, Table], samples: list[Sample], findings: Findings) -> None:
    """Only a run of controls alone, such as mocks, does without participants."""
    table = tables["participants"]
    if not table.columns or table.rows:
        return
    if samples and all(s.type not in ("stool", "donor") for s in samples):
        findings.note("no participants: controls only, so nothing is estimated")
    else:
        findings.problem(table.file, "the sheet has a header but no rows", "fill in the participants")


def _check_baseline(
    samples: list[Sample], measures: list[Measure], plan: dict[str, Any], file: str, findings: Findings
) -> None:
    """Refuse a trial in which nobody has a baseline, and note who has none."""
    baseline = plan["baseline"]
    stool = [s for s in samples if s.type == "stool" and s.participant]
    have = {s.participant for s in stool if s.visit == baseline}
    if stool and not have and not any(m.visit == baseline for m in measures):
        findings.problem(
            file,
            f"no baseline: no stool sample at visit '{baseline}'",
            "correct baseline in the plan, or add the baseline samples",
            column="visit",
        )
    elif stool:
        without = sorted({str(s.participant) for s in stool} - {str(h) for h in have})
        if without:
            findings.note(
                f"no baseline sample of {', '.join(without[:6])}{' and more' if len(without) > 6 else ''}"
            )


def _can_compare_arms(design: Design) -> bool:
    if design.plan.get("design") == "crossover":
        return can_compare_periods(design)
    reference = design.reference_arm
    if not reference or design.plan.get("baseline") not in design.visits:
        return False
    counts = {arm: len(complete_participants(design, arm)) for arm in design.arms}
    return counts.get(reference, 0) >= 2 and any(n >= 2 for arm, n in counts.items() if arm != reference)


def complete_participants(design: Design, arm: str, assay: str | None = None) -> list[Participant]:
    """Return who has a baseline and a later visit, in samples of one assay or in one measure.

    Parameters
    ----------
    design
        The trial.
    arm
        Arm.
    assay
        Look at this assay only; None looks at all assays and the measures.
    """
    return [p for p in design.participants if p.arm == arm and _is_complete(design, p.participant, assay)]


def _is_complete(design: Design, participant: str, assay: str | None) -> bool:
    later = set(design.followup_visits)
    visits: dict[str, set[str]] = {}
    for s in design.stool_samples(assay):
        if s.participant == participant and s.visit:
            visits.setdefault(f"sample {s.assay}", set()).add(s.visit)
    if assay is None:
        for m in design.measures:
            if m.participant == participant and m.value is not None:
                visits.setdefault(f"measure {m.measure}", set()).add(m.visit)
    return any(design.baseline in v and v & later for v in visits.values())

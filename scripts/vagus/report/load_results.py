"""Everything the report reads, and for what is not there, why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from vagus.errors import VagusError
from vagus.ledger import read_ledger
from vagus.modules.module_file import ModuleSet, load_modules
from vagus.profile import Profile, read_profile
from vagus.report import tables_needed
from vagus.report.read_tables import read_distances, read_table, stack_tables

# Tables of the plan and the clinic, by the name that the sections use.
EXTRA = {
    "deviations": "design/plan_deviations.tsv",
    "families": "trial/families.tsv",
    "responders": "trial/responders.tsv",
    "bands": "trial/bands.tsv",
    "reliable_change": "trial/reliable_change.tsv",
    "limits": "profiles/biomarkers.tsv",
    "missing": "trial/missing.tsv",
}


@dataclass
class Results:
    """The results of one trial, as tables.

    Parameters
    ----------
    design
        The normalised design (the content of `design.json`).
    summary
        The text of the trial at a glance.
    flow, ledger, effects, within, truth, decontam, mock
        Tables; empty with their columns when the file is absent.
    prevalence, interactions, sensitivity
        Effects on presence, interactions with moderators, and effects by several methods.
    concordance
        Genes for a compound against the compound as measured.
    beta, trajectories, ordination
        The community: tests, distances to baseline, coordinates.
    modules
        By assay: value, carriers and redundancy of every sample and module.
    module_set
        The module file.
    truncation
        The chosen truncation lengths and why; empty when absent.
    profiles
        By name.
    distances
        Square tables by metric, at most `read_tables.MAX_ORDINATION` samples each.
    distance_totals
        Number of samples in each distance file.
    settings
        The config of the run.
    versions
        Tool name to version.
    extra
        Tables of `EXTRA` that are there, and `tipping`, the tipping points of all panels.
    """

    design: dict[str, Any]
    summary: str = ""
    flow: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.FLOW))
    ledger: pd.DataFrame = field(default_factory=pd.DataFrame)
    effects: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.EFFECTS))
    within: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.WITHIN))
    prevalence: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.PREVALENCE))
    interactions: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=tables_needed.INTERACTIONS)
    )
    sensitivity: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.SENSITIVITY))
    truth: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.TRUTH))
    decontam: pd.DataFrame = field(default_factory=pd.DataFrame)
    mock: pd.DataFrame = field(default_factory=pd.DataFrame)
    shotgun_taxonomy: pd.DataFrame = field(default_factory=pd.DataFrame)
    shotgun_function: pd.DataFrame = field(default_factory=pd.DataFrame)
    concordance: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.CONCORDANCE))
    beta: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.BETA))
    trajectories: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=tables_needed.TRAJECTORIES)
    )
    ordination: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables_needed.ORDINATION))
    modules: dict[str, pd.DataFrame] = field(default_factory=dict)
    module_set: ModuleSet | None = None
    truncation: dict[str, Any] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    distances: dict[str, pd.DataFrame] = field(default_factory=dict)
    distance_totals: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    extra: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def plan(self) -> dict[str, Any]:
        """The analysis plan."""
        plan: dict[str, Any] = self.design["plan"]
        return plan

    @property
    def arms(self) -> list[str]:
        """Arms in the order of the plan."""
        return [str(a) for a in self.plan.get("arms") or []]

    @property
    def visits(self) -> list[str]:
        """Visits in the order of the plan."""
        return [str(v) for v in self.plan.get("visits") or []]

    @property
    def reference(self) -> str | None:
        """The reference arm, if there is one."""
        arm = self.plan.get("reference_arm")
        return str(arm) if arm else None

    @property
    def is_crossover(self) -> bool:
        """Whether every participant has several arms, one after the other."""
        return self.plan.get("design") == "crossover"

    def group(self, arm: str) -> str:
        """Return the group of participants who start in an arm; itself, unless they go on to another."""
        return f"{arm} first" if self.is_crossover and arm in self.arms else arm

    @property
    def groups(self) -> list[str]:
        """Groups in which participants are shown at every visit, in the order of the plan."""
        return [self.group(arm) for arm in self.arms]

    @property
    def reference_group(self) -> str | None:
        """The group that starts in the reference arm, if there is one."""
        return self.group(self.reference) if self.reference else None

    @property
    def needed_visits(self) -> list[str]:
        """Visits without which a participant has no effect at the primary visit, each once."""
        needed = [self.plan.get("baseline"), self.plan.get("primary_visit")]
        if self.is_crossover:
            needed = [p[end] for p in self.plan.get("periods") or [] for end in ("before", "after")]
        return list(dict.fromkeys(str(v) for v in needed if v)) or self.visits[:1]

    @property
    def confidence(self) -> float:
        """Confidence level of the intervals."""
        return float((self.settings.get("trial") or {}).get("confidence", 0.95))

    @property
    def can_compare(self) -> bool:
        """Whether the design carries a comparison of arms."""
        return bool(self.design.get("can_compare_arms"))

    def is_inferred(self, profile: str) -> bool:
        """Whether a profile was inferred rather than measured."""
        known = self.profiles.get(profile)
        return known is not None and bool(known.meta.get("inferred"))

    def group_of(self) -> dict[str, str]:
        """Return participant to group."""
        return {p["participant"]: self.group(str(p["arm"])) for p in self.design["participants"]}

    def place_of(self) -> dict[str, tuple[str, str]]:
        """Return stool sample to (participant, visit)."""
        return {
            s["sample"]: (s["participant"], s["visit"])
            for s in self.design["samples"]
            if s["type"] == "stool" and s.get("participant") and s.get("visit")
        }

    def people(self, profile: Profile, features: list[str] | None = None) -> pd.DataFrame:
        """Return a profile with participant, arm (or group) and visit for every row.

        Parameters
        ----------
        profile
            Samples are stool samples of the design, or `<participant>|<visit>` for panels.
        features
            Columns wanted; all when None.

        Returns
        -------
        pandas.DataFrame
            Columns participant, arm, visit, then the features; rows unknown to the design are left out.
        """
        groups, places = self.group_of(), self.place_of()
        rows: list[tuple[str, str, str]] = []
        keep: list[int] = []
        for i, sample in enumerate(profile.samples):
            person, visit = places.get(sample, ("", ""))
            if not person and "|" in sample:
                person, visit = sample.rsplit("|", 1)
            if person in groups:
                keep.append(i)
                rows.append((person, groups[person], visit))
        frame = profile.to_frame().iloc[keep]
        if features is not None:
            frame = frame[[f for f in features if f in frame.columns]]
        keys = pd.DataFrame(rows, columns=["participant", "arm", "visit"], index=frame.index)
        return pd.concat([keys, frame], axis=1)


def load_results(
    root: str | Path,
    files: Iterable[str | Path] | None = None,
    settings: dict[str, Any] | None = None,
    versions: dict[str, str] | None = None,
) -> Results:
    """Read what the floors below left behind.

    Parameters
    ----------
    root
        The results folder.
    files
        The files that belong to this run; others in the folder are left from earlier runs and not
        read. None reads whatever is there.
    settings
        The config.
    versions
        Tool name to version.

    Returns
    -------
    Results
        With empty parts where the file is absent.

    Raises
    ------
    VagusError
        If the design is missing or a table lacks a column that the report needs.
    """
    root = Path(root)
    wanted = None if files is None else {Path(f).resolve() for f in files}

    def have(path: Path) -> bool:
        return path.is_file() and (wanted is None or path.resolve() in wanted)

    def glob(pattern: str) -> list[Path]:
        return [p for p in sorted(root.glob(pattern)) if have(p)]

    design = root / "design" / "design.json"
    if not design.is_file():
        raise VagusError(f"report: {design} is missing; make it with `snakemake check`")
    results = Results(json.loads(design.read_text(encoding="utf-8")), settings=settings or {})
    results.versions = dict(versions or {})
    summary = root / "design" / "summary.txt"
    if have(summary):
        results.summary = summary.read_text(encoding="utf-8").strip()
    if have(root / "profiles" / "flow.tsv"):
        results.flow = read_table(root / "profiles" / "flow.tsv", tables_needed.FLOW)
    if have(root / "reads" / "ledger.tsv"):
        results.ledger = read_ledger(root / "reads" / "ledger.tsv")
    truncation = root / "amplicon" / "truncation.json"
    if have(truncation):
        results.truncation = json.loads(truncation.read_text(encoding="utf-8"))
    for path in glob("profiles/*.biom"):
        profile = read_profile(path)
        results.profiles[profile.name] = profile
    for path in glob("profiles/amplicon.distances/*.tsv"):
        results.distances[path.stem], results.distance_totals[path.stem] = read_distances(path)
    results.effects = stack_tables(glob("trial/arm_effects/*.tsv"), tables_needed.EFFECTS)
    results.within = stack_tables(glob("trial/within_arm/*.tsv"), tables_needed.WITHIN)
    results.beta = stack_tables(glob("trial/beta/*.tsv"), tables_needed.BETA)
    results.trajectories = stack_tables(glob("trial/trajectories/*.tsv"), tables_needed.TRAJECTORIES)
    results.ordination = stack_tables(glob("trial/ordination/*.tsv"), tables_needed.ORDINATION)
    results.prevalence = stack_tables(glob("trial/prevalence_effects/*.tsv"), tables_needed.PREVALENCE)
    results.interactions = stack_tables(glob("trial/interaction_effects/*.tsv"), tables_needed.INTERACTIONS)
    results.sensitivity = stack_tables(glob("trial/sensitivity/*.tsv"), tables_needed.SENSITIVITY)
    if have(root / "trial" / "truth.tsv"):
        results.truth = read_table(root / "trial" / "truth.tsv", tables_needed.TRUTH)
    if have(root / "trial" / "concordance.tsv"):
        results.concordance = read_table(root / "trial" / "concordance.tsv", tables_needed.CONCORDANCE)
    for path in glob("profiles/*.modules.tsv"):
        results.modules[path.name.removesuffix(".modules.tsv")] = read_table(path, tables_needed.MODULES)
    module_file = (results.settings.get("modules") or {}).get("file")
    if module_file and results.modules:
        results.module_set = load_modules(module_file)
    for kind in ("taxonomy", "function"):
        path = root / "profiles" / f"shotgun.{kind}_samples.tsv"
        if have(path):
            setattr(results, f"shotgun_{kind}", read_table(path, []))
    for name, place in EXTRA.items():
        if have(root / place):
            results.extra[name] = read_table(root / place, [])
    results.extra["tipping"] = stack_tables(glob("trial/tipping_point/*.tsv"), [])
    for name in ("decontam", "mock"):
        if have(root / "profiles" / f"{name}.tsv"):
            setattr(results, name, read_table(root / "profiles" / f"{name}.tsv", []))
    # These name a participant's arm at every visit, which in a crossover is the first one.
    for table in (results.flow, results.trajectories, results.ordination, *results.extra.values()):
        if "arm" in table.columns:
            table["arm"] = table["arm"].map(results.group)
    return results

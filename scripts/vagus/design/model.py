"""The normalised design: who took part, which sample is whose, and the plan; every later floor reads this."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vagus.errors import VagusError


@dataclass
class Unit:
    """The reads of one sample from one sequencing run.

    Parameters
    ----------
    run
        Sequencing run; errors are learned per run.
    fastq_1, fastq_2
        Absolute paths; `fastq_2` is "" for single-end reads.
    """

    run: str
    fastq_1: str
    fastq_2: str = ""

    @property
    def paired(self) -> bool:
        """Whether there are mates."""
        return bool(self.fastq_2)


@dataclass
class Sample:
    """One sample, with all its runs.

    Parameters
    ----------
    sample
        Safe id.
    participant, visit
        None for controls; a donor sample may carry its donor id as participant.
    assay
        `amplicon` or `shotgun`.
    type
        `stool`, `negative`, `mock`, `donor` or `product`.
    dna_conc
        DNA concentration in ng/uL, None when not measured.
    collected
        ISO date or "".
    units
        One per sequencing run.
    """

    sample: str
    participant: str | None
    visit: str | None
    assay: str
    type: str
    dna_conc: float | None = None
    collected: str = ""
    units: list[Unit] = field(default_factory=list)


@dataclass
class Participant:
    """One participant.

    Parameters
    ----------
    participant
        Safe id.
    arm
        As named in the plan.
    donor, sequence
        Donor of a transplant; treatment order of a crossover; "" when not used.
    consent_report
        Whether an individual page may be made.
    covariates
        Remaining columns of the sheet; a column that is numeric throughout is numeric here; None is missing.
    """

    participant: str
    arm: str
    donor: str = ""
    sequence: str = ""
    consent_report: bool = False
    covariates: dict[str, str | float | None] = field(default_factory=dict)


@dataclass
class Measure:
    """One measured value of a participant at a visit.

    Parameters
    ----------
    participant, visit, measure
        What was measured on whom, and when.
    value
        None when missing.
    unit
        As written.
    lod
        Limit of detection in the same unit, None when not given.
    """

    participant: str
    visit: str
    measure: str
    value: float | None
    unit: str = ""
    lod: float | None = None


@dataclass
class Event:
    """An intercurrent event of a participant, such as a course of antibiotics.

    Parameters
    ----------
    participant, visit
        Who, and the first visit by which it had happened.
    event
        Its name, as in the plan's intercurrent events.
    """

    participant: str
    visit: str
    event: str


@dataclass
class Design:
    """A checked trial.

    Parameters
    ----------
    plan
        The analysis plan with its defaults filled in.
    participants, samples, measures
        The sheets, in their order.
    original_ids
        Safe id -> id as written, for the ids that had to be changed.
    notes
        What is allowed but worth saying.
    can_compare_arms
        Whether at least two arms, one of them the reference, have two participants each with a baseline and a
        later visit.
    events
        Intercurrent events, in the order of their sheet.
    registration
        Hash of the plan, and how it compares with the registered one; see `vagus.design.plan_hash`.
    """

    plan: dict[str, Any]
    participants: list[Participant] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    original_ids: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    can_compare_arms: bool = False
    events: list[Event] = field(default_factory=list)
    registration: dict[str, Any] = field(default_factory=dict)

    @property
    def arms(self) -> list[str]:
        """Arms in the plan's order."""
        return list(self.plan["arms"])

    @property
    def reference_arm(self) -> str | None:
        """Arm the others are compared with; None without a control."""
        return self.plan.get("reference_arm")

    @property
    def visits(self) -> list[str]:
        """Visits in the plan's order."""
        return list(self.plan["visits"])

    @property
    def baseline(self) -> str:
        """The visit before the intervention."""
        return str(self.plan["baseline"])

    @property
    def primary_visit(self) -> str:
        """The visit of the primary endpoint."""
        return str(self.plan["primary_visit"])

    @property
    def followup_visits(self) -> list[str]:
        """Visits after the baseline, in order."""
        return self.visits[self.visits.index(self.baseline) + 1 :]

    def visit_times(self, visits: Sequence[str]) -> list[float]:
        """Return when visits are: the plan's `times`, or 0, 1, 2, ... in its order.

        Parameters
        ----------
        visits
            Visits of the plan.
        """
        times = self.plan.get("times") or {}
        return [float(times.get(v, self.visits.index(v))) for v in visits]

    @property
    def periods(self) -> list[dict[str, Any]]:
        """Periods of a crossover in order, `{"before": visit or None, "after": visit}`."""
        return list(self.plan.get("periods") or [])

    @property
    def sequences(self) -> dict[str, list[str]]:
        """Sequences of a crossover, each with its arm in every period."""
        return dict(self.plan.get("sequences") or {})

    @property
    def covariates(self) -> list[str]:
        """Columns of the participants sheet the plan adjusts for: strata, then covariates."""
        return list(dict.fromkeys([*self.plan.get("strata", []), *self.plan.get("covariates", [])]))

    @property
    def assays(self) -> list[str]:
        """Assays that have samples, sorted."""
        return sorted({s.assay for s in self.samples})

    def participant(self, participant: str) -> Participant:
        """Return one participant.

        Raises
        ------
        VagusError
            If the id is unknown.
        """
        for p in self.participants:
            if p.participant == participant:
                return p
        raise VagusError(f"design: no participant {participant!r}")

    def arm_of(self, participant: str) -> str:
        """Return the arm of a participant; `VagusError` if the id is unknown."""
        return self.participant(participant).arm

    def sample(self, sample: str) -> Sample:
        """Return one sample; `VagusError` if the id is unknown."""
        for s in self.samples:
            if s.sample == sample:
                return s
        raise VagusError(f"design: no sample {sample!r}")

    def stool_samples(self, assay: str | None = None) -> list[Sample]:
        """Return the participants' samples (type `stool`), of one assay or of all."""
        return [s for s in self.samples if s.type == "stool" and assay in (None, s.assay)]

    def controls(self, assay: str | None = None, type: str | None = None) -> list[Sample]:
        """Return what is not `stool`, of one assay and type (`negative`, `mock`, ...) or of all."""
        return [
            s
            for s in self.samples
            if s.type != "stool" and assay in (None, s.assay) and type in (None, s.type)
        ]

    def contrasts(self) -> list[str]:
        """Return `"<arm> vs <reference>"` for every other arm; nothing without a reference arm."""
        reference = self.reference_arm
        return [f"{a} vs {reference}" for a in self.arms if a != reference] if reference else []

    def contrast_arms(self) -> list[tuple[str, str]]:
        """Return (arm, reference) for every contrast."""
        reference = self.reference_arm
        return [(a, reference) for a in self.arms if a != reference] if reference else []

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def design_from_dict(data: dict[str, Any]) -> Design:
    """Build a design from plain JSON types, the inverse of `Design.to_dict`.

    Parameters
    ----------
    data
        As written to `design.json`.

    Returns
    -------
    Design
        The same design.
    """
    return Design(
        plan=data["plan"],
        participants=[Participant(**p) for p in data["participants"]],
        samples=[Sample(**{**s, "units": [Unit(**u) for u in s["units"]]}) for s in data["samples"]],
        measures=[Measure(**m) for m in data["measures"]],
        original_ids=dict(data.get("original_ids", {})),
        notes=list(data.get("notes", [])),
        can_compare_arms=bool(data.get("can_compare_arms", False)),
        events=[Event(**e) for e in data.get("events", [])],
        registration=dict(data.get("registration", {})),
    )


def load_design(path: str | Path) -> Design:
    """Read `design.json`.

    Parameters
    ----------
    path
        Written by the rule `check_design`.

    Returns
    -------
    Design
        The checked trial.

    Raises
    ------
    VagusError
        If the file is missing or not a design.
    """
    try:
        return design_from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise VagusError(f"design file {path} is missing; make it with `snakemake check`") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise VagusError(f"{path} is not a design file ({error}); remake it with `snakemake check`") from None


def write_design(design: Design, path: str | Path) -> None:
    """Write `design.json`.

    Parameters
    ----------
    design
        The checked trial.
    path
        File to write.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(design.to_dict(), indent=1) + "\n", encoding="utf-8")

"""Turn the measures of the design that are no biomarkers into a profile."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from scipy import sparse

from vagus.design.biomarkers import in_biomarker_panel
from vagus.design.model import Measure, load_design
from vagus.errors import VagusError
from vagus.profile import Profile, write_profile
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

JOINT = "|"


def panel_profile(measures: list[Measure], visits: list[str], name: str = "panel.clinical") -> Profile:
    """Arrange measures as features by participant and visit.

    Parameters
    ----------
    measures
        Long table; a value of None is missing.
    visits
        Visits in the plan's order, which orders the samples of a participant.
    name
        Name of the profile.

    Returns
    -------
    Profile
        Kind `score`; sample ids are `<participant>|<visit>`; what was not measured is NaN, stored as such,
        so that a score of 0 and a missing one stay apart; `meta["units"]` and `meta["lod"]` give unit and
        limit of detection per feature, `meta["missing"]` the number of missing values.

    Raises
    ------
    VagusError
        If a value stands twice, or a measure comes in two units.
    """
    features = list(dict.fromkeys(m.measure for m in measures))
    order = {v: i for i, v in enumerate(visits)}
    people = {p: i for i, p in enumerate(dict.fromkeys(m.participant for m in measures))}
    keys = sorted(
        {(m.participant, m.visit) for m in measures},
        key=lambda k: (people[k[0]], order.get(k[1], len(order)), k[1]),
    )
    row = {f: i for i, f in enumerate(features)}
    column = {k: i for i, k in enumerate(keys)}
    values = np.full((len(features), len(keys)), np.nan)
    seen: set[tuple[str, str, str]] = set()
    units: dict[str, str] = {}
    lods: dict[str, set[float]] = {}
    for m in measures:
        key = (m.participant, m.visit, m.measure)
        if key in seen:
            raise VagusError(
                f"measures: {m.measure} of participant {m.participant} at visit {m.visit} stands twice; "
                "fix: keep one row"
            )
        seen.add(key)
        if units.setdefault(m.measure, m.unit) != m.unit:
            raise VagusError(
                f"measures: {m.measure} comes in the units {units[m.measure]!r} and {m.unit!r} (participant "
                f"{m.participant}, visit {m.visit}); fix: convert to one unit, or give the measure two names"
            )
        if m.lod is not None:
            lods.setdefault(m.measure, set()).add(m.lod)
        if m.value is not None:
            values[row[m.measure], column[(m.participant, m.visit)]] = m.value
    meta = {
        "kind": "score",
        "unit": "",
        "units": units,
        "lod": {f: max(v) for f, v in lods.items()},
        "missing": {f: int(n) for f, n in zip(features, np.isnan(values).sum(axis=1), strict=True)},
        "engine": "measures sheet",
        "engine_version": "",
        "reference": "",
        "reference_sha256": "",
        "inferred": False,
        "level": name.split(".", 1)[1],
        "assay": "panel",
    }
    samples = [JOINT.join(k) for k in keys]
    return Profile(name, sparse.csr_array(values), features, samples, {}, meta)


def main(design: str, profile_out: str) -> None:
    """Read, arrange and write."""
    trial = load_design(design)
    scores = [m for m in trial.measures if not in_biomarker_panel(m.measure)]
    profile = panel_profile(scores, trial.visits)
    write_profile(profile, profile_out)
    for feature, count in profile.meta["missing"].items():
        if count:
            print(f"NOTE: {feature} is missing at {count} of {len(profile.samples)} participant visits")
    print(f"{len(profile.features)} measures at {len(profile.samples)} participant visits")


if "snakemake" in globals():
    run_step(lambda: main(snakemake.input.design, snakemake.output.profile), snakemake.log[0])

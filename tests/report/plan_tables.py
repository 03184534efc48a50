"""What the floor of the trial writes about plan, responders and missing values, for the invented trial."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vagus.profile import Profile, read_profile, write_profile
from vagus.profiles import biomarker_panel, response_profile
from vagus.trial import clinical_change, control_errors, missing_data, responders, tipping_point


def add_plan_tables(root: Path, registration: dict[str, Any] | None = None, **plan: Any) -> None:
    """Put measures into the design of a results folder, and write the tables that come of them."""
    path = root / "design" / "design.json"
    design = json.loads(path.read_text())
    design["registration"] = registration or {"status": "not registered", "hash": "ab" * 32, "deviations": []}
    design["plan"].update(plan)
    panel = read_profile(root / "profiles" / "panel.clinical.biom").to_frame()["phq9"]
    panel = panel.clip(0, 27).round()
    rows = [(*sample.split("|"), float(value)) for sample, value in panel.items()]
    # Some do not come back.
    rows = [r for i, r in enumerate(rows) if r[1] == "baseline" or i % 9 != 1]
    design["measures"] = [
        {"participant": p, "visit": v, "measure": "phq9", "value": x, "unit": "points", "lod": None}
        for p, v, x in rows
    ]
    for i, person in enumerate(design["participants"]):
        for visit in design["plan"]["visits"]:
            value = None if i % 3 == 0 else 2.0 + i % 5
            design["measures"].append(
                {"participant": person["participant"], "visit": visit, "measure": "il6", "value": value}
                | {"unit": "pg/mL", "lod": 0.5}
            )
    for i, person in enumerate(design["participants"]):
        person["covariates"] = {"sex": "fm"[i // 2 % 2]}
    path.write_text(json.dumps(design))
    profiles, trial = root / "profiles", root / "trial"
    _clinical(profiles / "panel.clinical.biom", rows)
    biomarker_panel.main(
        str(path),
        str(profiles / "panel.biomarkers.biom"),
        str(root / "panel.detection.biom"),
        str(profiles / "biomarkers.tsv"),
    )
    response_profile.main(str(path), str(root / "panel.response.biom"))
    responders.main([str(root / "panel.response.biom")], str(path), str(trial / "responders.tsv"), 0.95)
    clinical_change.main(str(path), str(trial / "bands.tsv"), str(trial / "reliable_change.tsv"), 0.95)
    flow = (profiles / "flow.tsv").read_text().splitlines()
    typed = [f"{line}\t{'type' if i == 0 else 'stool'}" for i, line in enumerate(flow)]
    (root / "typed_flow.tsv").write_text("\n".join(typed) + "\n")
    missing_data.main(str(path), str(root / "typed_flow.tsv"), [], str(trial / "missing.tsv"))
    tipping_point.main(
        str(profiles / "panel.clinical.biom"),
        str(path),
        str(trial / "tipping_point" / "panel.clinical.tsv"),
        0.95,
    )
    shutil.move(trial / "arm_effects", trial / "uncorrected")
    effects = sorted((trial / "uncorrected").glob("*.tsv"))
    control_errors.main(
        [str(e) for e in effects],
        str(path),
        [str(trial / "arm_effects" / e.name) for e in effects],
        str(trial / "families.tsv"),
    )
    columns = ["key", "registered", "now", "change"]
    deviations = [columns] + [[r[c] for c in columns] for r in design["registration"]["deviations"]]
    text = "".join("\t".join(row) + "\n" for row in deviations)
    (root / "design" / "plan_deviations.tsv").write_text(text)


def _clinical(path: Path, rows: list[tuple[str, str, float]]) -> None:
    values = np.array([[value for _, _, value in rows]])
    ids = [f"{p}|{v}" for p, v, _ in rows]
    write_profile(
        Profile("panel.clinical", sparse.csr_array(values), ["phq9"], ids, {}, {"kind": "score"}), path
    )

"""An invented trial: a results folder as the floors below would leave it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.model import load_design
from vagus.ledger import ledger_row, write_ledger
from vagus.profile import Profile, read_profile, write_profile
from vagus.report.build_report import main
from vagus.trial.community_effects import TESTS
from vagus.trial.community_effects import main as community
from vagus.trial.interaction_effects import interaction_effects
from vagus.trial.prevalence_effects import prevalence_effects
from vagus.trial.sensitivity import sensitivity

GENERA = [
    "Bifidobacterium",
    "Bacteroides",
    "Faecalibacterium",
    "Blautia",
    "Roseburia",
    "Prevotella",
    "Akkermansia",
    "Ruminococcus",
    "Alistipes",
    "Lactobacillus",
    "Coprococcus",
    "Dialister",
    "unclassified Lachnospiraceae",
    'odd <b>genus</b> & "co"',
    "Collinsella",
    "Escherichia",
]
SETTINGS: dict[str, Any] = {
    "reads": {"keep_untrimmed": False},
    "amplicon": {"engine": "dada2"},
    "taxonomy": {"method": "dada2", "min_confidence": 80},
    "phylogeny": {"method": "fasttree", "tree": ""},
    "decontam": {"method": "prevalence", "threshold": 0.1},
    "trial": {"min_prevalence": 0.2, "pseudocount": 0.5, "confidence": 0.95},
    "report": {"title": "Probiotic trial <pilot>"},
}


def make_results(
    root: Path,
    n: int = 16,
    single_arm: bool = False,
    reads: bool = True,
    optional: bool = True,
    distances: bool = True,
) -> Path:
    """Write a results folder of an invented trial with n participants per arm."""
    rng = np.random.default_rng(7)
    arms = ["probiotic"] if single_arm else ["placebo", "probiotic"]
    visits = ["baseline", "week8"]
    people = [f"P{i:03d}" for i in range(n * len(arms))]
    arm_of = {p: arms[i % len(arms)] for i, p in enumerate(people)}
    samples: list[dict[str, Any]] = [
        {
            "sample": f"{p}_{v}",
            "participant": p,
            "visit": v,
            "assay": "amplicon",
            "type": "stool",
            "dna_conc": None,
            "collected": "",
            "units": [],
        }
        for p in people
        for v in visits
    ]
    for kind in ("negative", "mock"):
        samples.append(
            {
                "sample": f"{kind}1",
                "participant": None,
                "visit": None,
                "assay": "amplicon",
                "type": kind,
                "dna_conc": None,
                "collected": "",
                "units": [],
            }
        )
    design = {
        "plan": {
            "design": "single_arm" if single_arm else "parallel",
            "arms": arms,
            "reference_arm": None if single_arm else "placebo",
            "visits": visits,
            "baseline": "baseline",
            "primary_visit": "week8",
            "strata": ["sex"],
            "covariates": [],
            "estimand": {
                "population": "all randomised",
                "variable": "PHQ-9 at week 8",
                "intercurrent_events": [{"event": "antibiotics", "strategy": "treatment_policy"}],
                "summary": "difference of adjusted means",
            },
            "families": [
                {"name": "primary", "profiles": ["panel.clinical"], "control": "holm", "alpha": 0.05},
                {"name": "genera", "profiles": ["amplicon.genus"], "control": "bh", "alpha": 0.05},
            ],
            "responder": None,
            "seed": 1,
        },
        "participants": [
            {
                "participant": p,
                "arm": arm_of[p],
                "donor": "",
                "sequence": "",
                "consent_report": False,
                "covariates": {"sex": "fm"[i // 2 % 2]},
            }
            for i, p in enumerate(people)
        ],
        "samples": samples,
        "measures": [
            {
                "participant": people[0],
                "visit": "week8",
                "measure": "phq9",
                "value": 4.0,
                "unit": "points",
                "lod": None,
            }
        ],
        "original_ids": {},
        "notes": ["single arm: no control"] if single_arm else [],
        "can_compare_arms": not single_arm,
    }
    (root / "design").mkdir(parents=True)
    (root / "design" / "design.json").write_text(json.dumps(design))
    (root / "design" / "summary.txt").write_text("32 participants\n")
    stool = [s["sample"] for s in samples if s["type"] == "stool"]
    dead = stool[3] if len(stool) > 3 else ""
    _write_profiles(root, rng, [s for s in stool if s != dead], people, arm_of, visits, distances)
    _write_trial(root, rng, arms, n)
    for level in ("genus", "family"):
        community(
            str(root / "profiles" / f"amplicon.{level}.biom"),
            str(root / "design" / "design.json"),
            [],
            tuple(
                str(root / "trial" / kind / f"amplicon.{level}.tsv")
                for kind in ("beta", "trajectories", "ordination")
            ),
            list(TESTS),
            199,
            0.5,
            0.95,
        )
    flow = [("participant", p, p, arm_of[p], "", "", "kept", "", "") for p in people]
    flow += [
        (
            "sample",
            s,
            s.split("_")[0],
            arm_of[s.split("_")[0]],
            s.split("_")[1],
            "amplicon",
            "lost" if s == dead else "kept",
            "filter" if s == dead else "",
            "no reads left after filter" if s == dead else "",
        )
        for s in stool
    ]
    columns = ["level", "id", "participant", "arm", "visit", "assay", "status", "step", "reason"]
    pd.DataFrame(flow, columns=columns).to_csv(root / "profiles" / "flow.tsv", sep="\t", index=False)
    if reads:
        _write_reads(root, rng, [s["sample"] for s in samples], dead)
    if optional:
        (root / "amplicon").mkdir()
        curve = [float(x) for x in np.linspace(37, 24, 250)]
        (root / "amplicon" / "truncation.json").write_text(
            json.dumps(
                {
                    "trunc_len": [240, 160],
                    "reason": "longest reads with Q25 and 20 bases of overlap",
                    "quality": {"F": {"mean": curve}, "R": {"mean": [q - 3 for q in curve]}},
                }
            )
        )
        pd.DataFrame(
            {
                "feature": ["ASV_1", "ASV_2"],
                "p_prevalence": [0.001, 0.9],
                "p_frequency": [np.nan] * 2,
                "p": [0.001, 0.9],
                "prevalence_in_samples": [0.02, 0.8],
                "prevalence_in_negatives": [1.0, 0.0],
                "reads": [120, 90000],
                "contaminant": [True, False],
                "reason": ["more often in negatives than in samples", ""],
            }
        ).to_csv(root / "profiles" / "decontam.tsv", sep="\t", index=False)
        pd.DataFrame({"sample": ["mock1"], "expected": [20], "found": [20], "false": [0]}).to_csv(
            root / "profiles" / "mock.tsv", sep="\t", index=False
        )
        pd.DataFrame(
            {
                "profile": ["panel.clinical", "amplicon.genus", "amplicon.genus"],
                "feature": ["phq9", "Bifidobacterium", "Bacteroides"],
                "contrast": "probiotic vs placebo",
                "truth": [-3.0, 2.0, 0.0],
                "unit": ["points", "log2", "log2"],
            }
        ).to_csv(root / "trial" / "truth.tsv", sep="\t", index=False)
    return root


def _write_profiles(
    root: Path,
    rng: np.random.Generator,
    stool: list[str],
    people: list[str],
    arm_of: dict[str, str],
    visits: list[str],
    distances: bool,
) -> None:
    base = np.exp(rng.normal(3.5, 1.6, len(GENERA)))
    own = {p: np.exp(rng.normal(0, 0.7, len(GENERA))) for p in people}
    counts = np.array(
        [rng.poisson(base * own[s.split("_")[0]] * np.exp(rng.normal(0, 0.3, len(GENERA)))) for s in stool]
    )
    for i, s in enumerate(stool):
        if arm_of[s.split("_")[0]] == "probiotic" and s.endswith("week8"):
            counts[i, 0] = counts[i, 0] * 5 + 20
    meta = {
        "kind": "counts",
        "unit": "reads",
        "engine": "dada2",
        "engine_version": "1.26.0",
        "reference": "RDP 19",
        "reference_sha256": "ab" * 32,
    }
    for level, names in (("genus", GENERA), ("family", [f"F{i}" for i in range(len(GENERA))])):
        write_profile(
            Profile(
                f"amplicon.{level}", sparse.csr_array(counts.T.astype(float)), names, stool, {}, dict(meta)
            ),
            root / "profiles" / f"amplicon.{level}.biom",
        )
    share = counts / counts.sum(1, keepdims=True)
    shannon = -(share * np.log(np.where(share > 0, share, 1))).sum(1)
    diversity = np.vstack([(counts > 0).sum(1), shannon])
    write_profile(
        Profile(
            "amplicon.diversity",
            sparse.csr_array(diversity),
            ["observed", "shannon"],
            stool,
            {},
            {**meta, "kind": "score"},
        ),
        root / "profiles" / "amplicon.diversity.biom",
    )
    ids = [f"{p}|{v}" for p in people for v in visits]
    score = [
        14 + rng.normal(0, 3) - (4 if arm_of[i.split("|")[0]] == "probiotic" and "week8" in i else 0)
        for i in ids
    ]
    write_profile(
        Profile("panel.clinical", sparse.csr_array(np.array([score])), ["phq9"], ids, {}, {"kind": "score"}),
        root / "profiles" / "panel.clinical.biom",
    )
    if not distances:
        return
    logs = np.log(counts + 0.5)
    logs -= logs.mean(1, keepdims=True)
    square = np.sqrt(((logs[:, None] - logs[None]) ** 2).sum(-1))
    (root / "profiles" / "amplicon.distances").mkdir()
    pd.DataFrame(square, index=stool, columns=stool).to_csv(
        root / "profiles" / "amplicon.distances" / "aitchison.tsv", sep="\t"
    )


def _write_trial(root: Path, rng: np.random.Generator, arms: list[str], n: int) -> None:
    for kind in ("arm_effects", "within_arm"):
        (root / "trial" / kind).mkdir(parents=True)
    features = {
        "panel.clinical": (["phq9"], "points"),
        "amplicon.genus": (GENERA, "log2"),
        "amplicon.diversity": (["observed", "shannon"], "score"),
    }
    for profile, (names, unit) in features.items():
        rows, changes = [], []
        for k, name in enumerate(names):
            estimate = {"phq9": -3.2, "Bifidobacterium": 2.1}.get(name, float(rng.normal(0, 0.3)))
            error = 0.4 if k else 1.05 if name == "phq9" else 0.35
            sure = name in ("phq9", "Bifidobacterium")
            rows.append(
                [
                    profile,
                    name,
                    "probiotic vs placebo",
                    "week8",
                    "treatment policy",
                    "ANCOVA, HC3",
                    n - 1,
                    n,
                    estimate,
                    error,
                    2 * n - 4,
                    estimate - 2 * error,
                    estimate + 2 * error,
                    0.0004 if sure else 0.4,
                    0.0041 if sure else 0.6,
                    unit,
                    0.9,
                    "ok",
                ]
            )
            for arm in arms:
                change = estimate if arm == "probiotic" else -0.4
                changes.append(
                    [
                        profile,
                        name,
                        arm,
                        "week8",
                        n,
                        10.0,
                        10 + change,
                        change,
                        error,
                        n - 1,
                        change - 2 * error,
                        change + 2 * error,
                        unit,
                        "ok",
                    ]
                )
        if profile == "amplicon.genus":
            rows.append(
                [
                    profile,
                    "Rare",
                    "probiotic vs placebo",
                    "week8",
                    "",
                    "",
                    0,
                    0,
                    *[np.nan] * 7,
                    unit,
                    0.05,
                    "below min_prevalence",
                ]
            )
        names_effects = [
            "profile",
            "feature",
            "contrast",
            "visit",
            "estimand",
            "model",
            "n_arm",
            "n_reference",
            "estimate",
            "std_error",
            "df",
            "ci_low",
            "ci_high",
            "p_value",
            "q_value",
            "unit",
            "prevalence",
            "status",
        ]
        names_within = [
            "profile",
            "feature",
            "arm",
            "visit",
            "n",
            "mean_baseline",
            "mean_visit",
            "change",
            "std_error",
            "df",
            "ci_low",
            "ci_high",
            "unit",
            "status",
        ]
        kept = rows if len(arms) > 1 else []
        pd.DataFrame(kept, columns=names_effects).to_csv(
            root / "trial" / "arm_effects" / f"{profile}.tsv", sep="\t", index=False
        )
        pd.DataFrame(changes, columns=names_within).to_csv(
            root / "trial" / "within_arm" / f"{profile}.tsv", sep="\t", index=False
        )


def write_features(root: Path) -> None:
    """Run the trial floor's further analyses on the fake profiles, with sex as a moderator."""
    path = root / "design" / "design.json"
    data = json.loads(path.read_text())
    for i, person in enumerate(data["participants"]):
        person["covariates"] = {"sex": "fm"[i // 2 % 2]}
    data["plan"]["strata"] = []
    data["plan"]["interactions"] = ["sex", "baseline"]
    path.write_text(json.dumps(data))
    design = load_design(path)
    for name in ("amplicon.genus", "panel.clinical", "amplicon.diversity"):
        profile = read_profile(root / "profiles" / f"{name}.biom")
        for kind, make in (
            ("prevalence_effects", prevalence_effects),
            ("interaction_effects", interaction_effects),
            ("sensitivity", sensitivity),
        ):
            table = make(profile, design)
            (root / "trial" / kind).mkdir(parents=True, exist_ok=True)
            table.to_csv(root / "trial" / kind / f"{name}.tsv", sep="\t", index=False)


def _write_reads(root: Path, rng: np.random.Generator, samples: list[str], dead: str) -> None:
    rows = []
    for sample in samples:
        left = int(rng.integers(3000, 12000)) if sample != dead else 40
        rows.append(ledger_row(sample, "run1", "raw", left, left))
        for step, keep in (
            ("primers", 0.97),
            ("phix", 0.999),
            ("filter", 0.85),
            ("denoise", 0.98),
            ("merge", 0.93),
        ):
            out = 0 if sample == dead and step in ("filter", "denoise", "merge") else int(left * keep)
            rows.append(ledger_row(sample, "run1", step, left, out))
            left = out
        for step, keep in (("chimera", 0.94), ("decontam", 0.999)):
            rows.append(ledger_row(sample, "all", step, left, int(left * keep)))
            left = int(left * keep)
    write_ledger(rows, root / "reads" / "ledger.tsv")


def build(root: Path, settings: dict[str, Any] = SETTINGS, files: list[str] | None = None) -> str:
    """Build the report of a results folder and return the page without plotly."""
    if files is None:
        files = [str(p) for p in root.rglob("*") if p.is_file()]
    page = root / "report" / "index.html"
    versions = root / "report" / "versions" / "reads.json"
    versions.parent.mkdir(parents=True, exist_ok=True)
    versions.write_text('{"cutadapt": "5.1"}')
    main(
        str(root / "design" / "design.json"),
        files,
        str(page),
        str(root / "report" / "tables"),
        str(root / "figures"),
        settings,
        [str(versions)],
    )
    return page.read_text(encoding="utf-8")

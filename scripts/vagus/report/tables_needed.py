"""The columns that the report needs of each table; a table without one of them is refused.

Where the report uses the whole table, they are those of the module that makes it.
"""

from __future__ import annotations

from vagus.demo import community as demo
from vagus.trial import community_rows, courses, prevalence_effects, sensitivity_rows, within_arm

WITHIN = within_arm.COLUMNS
PREVALENCE = prevalence_effects.COLUMNS
BETA = community_rows.COLUMNS
ORDINATION = courses.ORDINATION_COLUMNS
TRUTH = demo.TRUTH_COLUMNS
FLOW = ["level", "id", "participant", "arm", "visit", "assay", "status", "step", "reason"]
EFFECTS = [
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
INTERACTIONS = [
    *(c for c in EFFECTS if c != "estimand"),
    "moderator",
    "comparison",
    *("level", "effect", "effect_low", "effect_high"),
    *("other_level", "other_effect", "other_low", "other_high"),
]
SENSITIVITY = [
    *("profile", "feature", "contrast", "visit"),
    *(f"{what}_{method}" for method in sensitivity_rows.METHODS for what in ("estimate", "p")),
    *("methods", "agree", "status"),
]
CONCORDANCE = [
    "profile",
    "compound",
    "measure",
    "comparison",
    "n",
    "spearman",
    "ci_low",
    "ci_high",
    "sign_agreement",
    "verdict",
    "note",
]
TRAJECTORIES = ["profile", "distance", "participant", "arm", "visit", "to_baseline", "to_previous"]
MODULES = ["sample", "module", "axis", "tier", "value", "carriers", "redundancy"]

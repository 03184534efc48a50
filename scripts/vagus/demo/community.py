"""Who takes part in the simulated trial, what lives in them, and the truth that an analysis has to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vagus.demo.settings import Settings
from vagus.demo.templates import Template

VISITS = ("baseline", "week8")
LEVELS = ("genus", "family", "phylum")
TRUTH_COLUMNS = ["profile", "feature", "contrast", "truth", "unit"]
TRUTH_PEOPLE = 20_000
UNIT = "log2 fold change (CLR)"
# An analysis takes the shift of the composition out where features are many; from here on both are given.
SHIFTED_UNIT, LEAST_FEATURES = "log2 fold change against the typical feature", 10


@dataclass(frozen=True)
class Cohort:
    """The people of the trial.

    Parameters
    ----------
    participants
        One row each: participant, arm, age, sex, site, antidepressant.
    measures
        Long: participant, visit, measure, value, unit, lod.
    shares
        Community of each participant at each visit, participants x visits x templates; rows sum to 1.
    left_early
        Participants without a second visit.
    """

    participants: pd.DataFrame
    measures: pd.DataFrame
    shares: np.ndarray
    left_early: frozenset[str]


def draw_log_abundances(
    settings: Settings, genera: Sequence[str], people: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw log abundances without any effect of the arm.

    A logistic-normal community: each genus and each template has its own level in a participant, and moves a
    little from visit to visit.

    Parameters
    ----------
    settings
        Shares and standard deviations (natural logarithm).
    genera
        Genus of each template.
    people
        Number of participants.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        participants x visits x templates, natural logarithm, not normalised.
    """
    _, genus_of = np.unique(np.asarray(genera), return_inverse=True)
    n_genera, n_templates, n_visits = int(genus_of.max()) + 1, len(genus_of), len(VISITS)
    person = rng.normal(0, settings.participant_sd_genus, (people, 1, n_genera))[:, :, genus_of]
    person = person + rng.normal(0, settings.participant_sd_template, (people, 1, n_templates))
    visit = rng.normal(0, settings.visit_sd_genus, (people, n_visits, n_genera))[:, :, genus_of]
    visit = visit + rng.normal(0, settings.visit_sd_template, (people, n_visits, n_templates))
    return np.log(np.asarray(settings.shares)) + person + visit


def apply_effect(
    log_abundances: np.ndarray, active: np.ndarray, target: np.ndarray, fold: float
) -> np.ndarray:
    """Multiply the target by the fold change, in the active arm at the last visit.

    Parameters
    ----------
    log_abundances
        participants x visits x templates, natural logarithm.
    active
        Which participants are in the active arm.
    target
        Which templates are the target.
    fold
        Fold change of the absolute abundance.

    Returns
    -------
    numpy.ndarray
        A changed copy.
    """
    changed = log_abundances.copy()
    changed[np.ix_(active.nonzero()[0], np.array([len(VISITS) - 1]), target.nonzero()[0])] += np.log(fold)
    return changed


def close(log_abundances: np.ndarray) -> np.ndarray:
    """Return shares that sum to 1 over the last axis."""
    raw = np.exp(log_abundances - log_abundances.max(axis=-1, keepdims=True))
    return raw / raw.sum(axis=-1, keepdims=True)


def draw_cohort(settings: Settings, templates: Sequence[Template], rng: np.random.Generator) -> Cohort:
    """Draw participants, their scores and their communities.

    Parameters
    ----------
    settings
        Size and effects.
    templates
        The community's templates, in the order of `settings.templates`.
    rng
        Source of randomness.

    Returns
    -------
    Cohort
        Arms are balanced within each site.
    """
    people = 2 * settings.participants_per_arm
    names = [f"P{i:0{max(2, len(str(people)))}d}" for i in range(1, people + 1)]
    arms = np.tile([settings.arms["reference"], settings.arms["active"]], settings.participants_per_arm)
    # Blocks of two within a site: the order inside each block is drawn.
    arms = np.concatenate([rng.permutation(block) for block in arms.reshape(-1, 2)])
    active = arms == settings.arms["active"]
    participants = pd.DataFrame(
        {
            "participant": names,
            "arm": arms,
            "age": np.clip(np.rint(rng.normal(42, 12, people)), 18, 70).astype(int),
            "sex": rng.choice(["female", "male"], people, p=[0.65, 0.35]),
            "site": np.where(np.arange(people) // 2 % 2 == 0, "A", "B"),
            "antidepressant": rng.choice(["no", "yes"], people, p=[0.6, 0.4]),
        }
    )
    genera = [t.rank("genus") for t in templates]
    target = np.array([g == settings.target_genus for g in genera])
    drawn = draw_log_abundances(settings, genera, people, rng)
    shares = close(apply_effect(drawn, active, target, settings.fold_change))
    stayers_at_risk = np.flatnonzero(~active)
    left = rng.choice(stayers_at_risk, min(settings.dropouts, len(stayers_at_risk)), replace=False)
    left_early = frozenset(names[i] for i in left)
    measures = _draw_measures(settings, participants, active, left_early, rng)
    return Cohort(participants, measures, shares, left_early)


def _draw_measures(
    settings: Settings,
    participants: pd.DataFrame,
    active: np.ndarray,
    left_early: frozenset[str],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw HAMD17, which the active arm moves, and GAD7, which it does not."""
    people = len(participants)
    treated = (participants["antidepressant"] == "yes").to_numpy()
    rows = []
    specs = [("HAMD17", 20.0, 3.0, 2.5, 52, settings.score_effect), ("GAD7", 11.0, 2.5, 2.0, 21, 0.0)]
    for name, mean, sd, noise, top, effect in specs:
        before = rng.normal(mean, sd, people)
        after = 0.85 * mean + 0.6 * (before - mean) - 1.0 * treated + rng.normal(0, noise, people)
        after = after + effect * active
        for visit, values in zip(VISITS, (before, after), strict=True):
            for participant, value in zip(participants["participant"], values, strict=True):
                if visit == VISITS[-1] and participant in left_early:
                    continue
                rows.append([participant, visit, name, int(np.clip(np.rint(value), 0, top)), "points", ""])
    columns = ["participant", "visit", "measure", "value", "unit", "lod"]
    return pd.DataFrame(rows, columns=columns)


def centred_log2(shares: np.ndarray) -> np.ndarray:
    """Return log2 ratios to the geometric mean over the last axis (CLR; Aitchison 1982)."""
    logs = np.log2(shares)
    return logs - logs.mean(axis=-1, keepdims=True)


def sum_features(shares: np.ndarray, labels: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Add up the templates of each feature.

    Parameters
    ----------
    shares
        ... x templates.
    labels
        Feature of each template.

    Returns
    -------
    tuple
        Sorted feature names, and shares ... x features.
    """
    names, place = np.unique(np.asarray(labels), return_inverse=True)
    return [str(n) for n in names], shares @ np.eye(len(names))[place]


def truth_rows(profile: str, names: Sequence[str], shift: np.ndarray, contrast: str) -> list[list[object]]:
    """Return the rows of one level: against the mean of all features and, with many, against the typical one.

    Parameters
    ----------
    profile, names, contrast
        What the effects are of.
    shift
        (features,) mean difference in CLR, log2. All features without an effect of their own have one value,
        which is the most common: the typical feature's.
    """
    rows: list[list[object]] = [
        [profile, name, contrast, round(float(value), 4) + 0.0, UNIT]
        for name, value in zip(names, shift, strict=True)
    ]
    if len(names) >= LEAST_FEATURES:
        known, often = np.unique(np.round(shift, 6), return_counts=True)
        typical = shift - known[often.argmax()]
        rows += [
            [profile, name, contrast, round(float(value), 4) + 0.0, SHIFTED_UNIT]
            for name, value in zip(names, typical, strict=True)
        ]
    return rows


def compute_truth(settings: Settings, templates: Sequence[Template], seed: int) -> pd.DataFrame:
    """Compute what a perfect analysis would report.

    The estimand is the difference between the arms in the mean CLR (log2) at the last visit, which
    randomisation makes equal to the baseline-adjusted difference. Each simulated person is looked at twice,
    with and without the fold change, so noise cancels: multiplying one of K features by F moves its CLR by
    log2(F)(1 - 1/K) and every other by -log2(F)/K, exactly and in everybody. Where the target is only a part
    of a feature (a phylum with other genera) the shift differs between people and its mean over
    `TRUTH_PEOPLE` is given.
    K counts the features of the simulated stool; contaminants and misread sequences that an analysis keeps as
    features change it a little, and so do zeros and the pseudocount.

    Parameters
    ----------
    settings
        Effects and spread.
    templates
        The community's templates, in the order of `settings.templates`.
    seed
        Seed of the draw of people.

    Returns
    -------
    pandas.DataFrame
        profile, feature, contrast, truth, unit: every feature, those without an effect of their own as well.
    """
    rng = np.random.default_rng([seed, 2])
    genera = [t.rank("genus") for t in templates]
    target = np.array([g == settings.target_genus for g in genera])
    drawn = draw_log_abundances(settings, genera, TRUTH_PEOPLE, rng)
    everyone = np.ones(TRUTH_PEOPLE, dtype=bool)
    without = close(drawn)[:, -1]
    treated = close(apply_effect(drawn, everyone, target, settings.fold_change))[:, -1]
    contrast = f"{settings.arms['active']} vs {settings.arms['reference']}"
    rows: list[list[object]] = []
    for level in LEVELS:
        labels = [t.rank(level) for t in templates]
        names, before = sum_features(without, labels)
        _, after = sum_features(treated, labels)
        shift = (centred_log2(after) - centred_log2(before)).mean(axis=0)
        rows += truth_rows(f"amplicon.{level}", names, shift, contrast)
    rows.append(["panel.clinical", "HAMD17", contrast, settings.score_effect, "points"])
    rows.append(["panel.clinical", "GAD7", contrast, 0.0, "points"])
    return pd.DataFrame(rows, columns=TRUTH_COLUMNS)

"""Numbers and findings in plain words: the estimate and its interval first, never a verdict alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from vagus.report.load_results import Results

MINUS = "\N{MINUS SIGN}"
PERCENT = "\N{NO-BREAK SPACE}%"
# Units that say nothing more than the name of the feature does.
NO_UNIT = ("", "score", "1", "diversity unit")
LEVEL_WORDS = {
    "genus": "Genera",
    "family": "Families",
    "phylum": "Phyla",
    "asv": "Sequence variants",
    "species": "Species",
    "ko": "KOs",
    "pathway": "Pathways",
    "module": "Modules",
    "metabolite": "Compounds",
    "balance": "Balances",
    "flux": "Fluxes",
    "ec": "EC numbers",
    "inference": "Reads lost and distances in the inference",
    "omixer": "Modules of your own file",
    "diversity": "Diversity",
}
ASSAY_WORDS = {"amplicon": "16S", "shotgun": "shotgun"}
NO_CONTROL = "No control: change cannot be attributed to the intervention."
ONE_PARTICIPANT = "One participant: no comparison of arms, and no statement about anyone else."
NO_COMPARISON = "The arms cannot be compared: too few participants with baseline and follow-up."
WITHIN_NOTE = (
    "These changes are a description. Participants change without any treatment (regression to the mean, "
    "season, expectation), and one arm being significant while the other is not does not show that the arms "
    "differ. No p-values are given here; the comparison of the arms is in the arm effects."
)
NOT_ADVICE = (
    "This report describes a trial. It is not medical advice: no one should start, change or stop a "
    "treatment because of it without the clinician in charge."
)


def decimals_for(*values: float) -> int:
    """Return decimals that show two figures of the smallest spread given."""
    sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
    if not sizes:
        return 2
    return max(0, min(6, 1 - math.floor(math.log10(max(sizes)))))


def number(value: float, decimals: int | None = None, sign: bool = False) -> str:
    """Format a number with a true minus sign and thin thousands spaces.

    Parameters
    ----------
    value
        Anything; not finite gives a dash.
    decimals
        Digits after the point; three significant figures when None.
    sign
        Show a plus.
    """
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    if decimals is None:
        decimals = (
            0
            if value == int(value) or abs(value) >= 1000
            else max(0, min(6, 2 - math.floor(math.log10(abs(value)))))
        )
    text = f"{abs(value):,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    zero = float(text.replace("\N{NARROW NO-BREAK SPACE}", "")) == 0
    return (MINUS if value < 0 and not zero else "+" if sign and not zero else "") + text


def p_text(value: float, name: str = "q") -> str:
    """Return `q = 0.012` or `q < 0.001`."""
    if value is None or not math.isfinite(value):
        return f"{name} not given"
    return (
        f"{name} < 0.001"
        if value < 0.001
        else f"{name} = {value:.2g}"
        if value < 0.1
        else f"{name} = {value:.2f}"
    )


def percent(part: float, whole: float) -> str:
    """Return part of whole as a percentage, or a dash without a whole."""
    if not whole:
        return "\N{EN DASH}"
    share = 100 * part / whole
    exact = share in (0, 100) or 5 <= share <= 99
    return f"{share:.{0 if exact else 1}f}{PERCENT}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return `1 sample`, `2 samples`."""
    return f"{number(count, 0)} {one if count == 1 else many or one + 's'}"


def join(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def split_contrast(contrast: str, reference: str | None = None) -> tuple[str, str]:
    """Return arm and reference of `<arm> vs <reference>`."""
    if reference and contrast.endswith(f" vs {reference}"):
        return contrast[: -len(f" vs {reference}")], reference
    arm, _, other = contrast.partition(" vs ")
    return arm, other or (reference or "reference")


def interval(row: Any, sign: bool = False) -> tuple[str, str, str]:
    """Return estimate, low and high as text with common decimals.

    Parameters
    ----------
    row
        With estimate (or change), ci_low, ci_high.
    sign
        Show a plus.
    """
    value = row["estimate"] if "estimate" in row else row["change"]
    digits = decimals_for(row["ci_high"] - row["ci_low"])
    return (
        number(value, digits, sign),
        number(row["ci_low"], digits, sign),
        number(row["ci_high"], digits, sign),
    )


def profile_name(profile: str) -> str:
    """Return a name for readers: `Genera (16S)` for `amplicon.genus`.

    Parameters
    ----------
    profile
        `<assay>.<level>`.
    """
    assay, _, level = profile.partition(".")
    words = LEVEL_WORDS.get(level, level.replace("_", " ").capitalize())
    if assay == "panel":
        return f"{words} measures"
    return f"{words} ({ASSAY_WORDS.get(assay, assay)})" if level else profile


def with_unit(text: str, unit: str) -> str:
    """Append a unit unless it is empty."""
    return f"{text}\N{NO-BREAK SPACE}{unit}" if unit and unit not in NO_UNIT else text


def group_sizes(row: Any, reference: str | None) -> str:
    """Return `n = 15 probiotic, 16 placebo`."""
    arm, other = split_contrast(str(row["contrast"]), reference)
    return f"n = {number(row['n_arm'], 0)} {arm}, {number(row['n_reference'], 0)} {other}"


def effect_sentence(
    row: Any, reference: str | None, confidence: float = 0.95, when: str | None = None
) -> str:
    """Say one arm effect: how much, how sure, from how many.

    Parameters
    ----------
    row
        One row of the arm effects.
    reference
        Reference arm.
    confidence
        Level of the interval.
    when
        When the arms were compared; the visit of the row, if not given.
    """
    arm, other = split_contrast(str(row["contrast"]), reference)
    value, low, high = interval({**dict(row), "estimate": abs(row["estimate"])})
    _, low, high = interval(row)
    direction = "higher" if row["estimate"] > 0 else "lower"
    amount = with_unit(value, str(row["unit"]))
    return (
        f"At {when or row['visit']}, {row['feature']} was {amount} {direction} with {arm} than with {other} "
        f"({100 * confidence:g}{PERCENT} CI {low} to {high}; {p_text(row['q_value'])}; "
        f"{group_sizes(row, reference)})."
    )


def certainty_sentence(row: Any) -> str:
    """Say what the interval allows, without a verdict."""
    _, low, high = interval(row)
    if row["ci_low"] > 0 or row["ci_high"] < 0:
        end = "; zero (no difference) is not among them."
    else:
        end = ": the direction stays open."
    return f"The data are compatible with differences from {low} to {high}{end}"


def banners(results: Results) -> list[str]:
    """Return the warnings that must stand above everything else.

    Parameters
    ----------
    results
        Of the trial.

    Returns
    -------
    list of str
        Empty for a trial that can compare its arms.
    """
    people = results.design["participants"]
    found: list[str] = []
    if len(people) == 1:
        found.append(ONE_PARTICIPANT)
    if len(results.arms) < 2 or not results.reference:
        found.append(NO_CONTROL)
    if not found and not results.can_compare:
        found.append(NO_COMPARISON)
    return found


def primary_rows(results: Results) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the effects of the primary family at the primary visit, the surest first.

    Returns
    -------
    tuple
        Rows of the arm effects with an estimate; and the family (empty if there is none).
    """
    families = results.plan.get("families") or []
    done = results.effects[results.effects["estimate"].notna()]
    at = done[done["visit"] == str(results.plan.get("primary_visit") or "")]
    if families:  # the first family is the primary one, even if nothing in it could be estimated
        at = at[at["profile"].isin(families[0].get("profiles") or [])]
        if "family" in at.columns:  # which may hold some features or contrasts of a profile only
            at = at[at["family"] == families[0].get("name")]
    return at.sort_values(["q_value", "p_value"], kind="stable"), dict(families[0]) if families else {}


def family_sentence(rows: pd.DataFrame, profiles: Sequence[str], alpha: float) -> str:
    """Count the features of a family that differ, and name the surest.

    Parameters
    ----------
    rows
        Arm effects with an estimate.
    profiles
        Names, for a family without any estimate.
    alpha
        Level of q.
    """
    if not len(rows):
        return f"{join([profile_name(p) for p in profiles])}: nothing could be estimated."
    if rows["q_value"].isna().all():
        name = join([profile_name(p) for p in dict.fromkeys(rows["profile"])])
        return (
            f"{name}: not tested, for a gate of the plan was not passed; estimates and intervals are below."
        )
    hits = rows[rows["q_value"] < alpha].sort_values("q_value", kind="stable")
    several = rows["contrast"].nunique() > 1
    counted = f"{plural(len(rows), 'contrast')} of features" if several else plural(len(rows), "feature")
    text = f"{join([profile_name(p) for p in dict.fromkeys(rows['profile'])])}: "
    text += f"{len(hits)} of {counted} with q < {alpha:g}"
    if not len(hits):
        return text + "; the intervals show what remains possible."
    named = []
    for _, row in hits.head(3).iterrows():
        value, low, high = interval(row, sign=True)
        where = f" ({row['contrast']})" if several else ""
        named.append(f"{row['feature']}{where} {with_unit(value, str(row['unit']))} ({low} to {high})")
    return f"{text}: {'; '.join(named)}{' and others' if len(hits) > 3 else ''}."

"""Response and remission, severity, reliable change, limits of detection, and what is missing."""

from __future__ import annotations

import pandas as pd

from vagus.report.load_results import Results
from vagus.report.section import Section, primary_visit, profile_order
from vagus.report.sentences import PERCENT, interval, number, percent, plural, split_contrast, with_unit

MAX_SENTENCES = 6
GOOD = ("response", "remission")


def responders_section(results: Results) -> Section:
    """Return who responded, was in remission or changed reliably, by arm.

    Parameters
    ----------
    results
        Of the run.
    """
    section = Section("responders", "Response, remission and severity")
    table = results.extra.get("responders", pd.DataFrame())
    visit = primary_visit(results)
    done = table[table["risk_difference"].notna()] if len(table) else table
    seen = done[(done["analysis"] == "observed") & (done["visit"] == visit)] if len(done) else done
    section.lead = [risk_sentence(row, results) for _, row in seen.head(MAX_SENTENCES).iterrows()]
    if len(done):
        section.rows = [
            ["outcome", "difference (interval)", "in the arm", "in the reference", "contrast", "visit", "of"]
        ]
        section.rows += [_risk_row(row) for _, row in done.iterrows()]
        rules = {f"{r['feature']}: {r['rule']} ({r['rule_source']})" for _, r in done.iterrows()}
        section.folded.append(("How each outcome is derived", sorted(rules)))
    section.tables += _band_tables(results)
    section.tables += _change_table(results)
    section.tables += _limit_table(results)
    if not (section.rows or section.tables):
        section.empty = "No measure of this run has a known scale or a responder rule."
        return section
    section.notes = [
        "Response and remission are derived from the totals here; columns filled in by hand are not taken. A "
        "yes or no drops much of what a score tells, so read the effects on the scores first.",
        "Reliable change: more than the error of measurement explains. It says nothing about why somebody "
        "changed: look at how many changed so in the reference arm.",
    ]
    return section


def risk_sentence(row: pd.Series, results: Results) -> str:
    """Say a difference of risks with its interval, and the number needed to treat where there is one."""
    arm, other = split_contrast(str(row["contrast"]), results.reference)
    low, high = _points(row["ci_low"]), _points(row["ci_high"])
    outcome = "detected" if row["outcome"] == "detection" else str(row["outcome"])
    text = (
        f"{row['measure']}, {outcome}: {_points(row['risk_difference'])} percentage points "
        f"({100 * results.confidence:g}{PERCENT} CI {low} to {high}) in {arm} compared with {other} "
        f"({_of(row, 'arm')} against {_of(row, 'reference')})."
    )
    if pd.notna(row["nnt"]):
        what = "one more" if row["nnt_kind"] == "benefit" else "one fewer"
        text += (
            f" That is {what} for every {number(row['nnt'], 1)} treated ({number(row['nnt_low'], 1)} to "
            f"{number(row['nnt_high'], 1)})."
        )
    return text


def _points(value: float) -> str:
    return number(100 * value, 0, sign=True)


def _of(row: pd.Series, side: str) -> str:
    events, n = int(row[f"events_{side}"]), int(row[f"n_{side}"])
    return f"{events} of {n}, {percent(events, n)}"


def _risk_row(row: pd.Series) -> list[str]:
    return [
        f"{row['measure']}: {row['outcome']}",
        f"{_points(row['risk_difference'])} points ({_points(row['ci_low'])} to {_points(row['ci_high'])})",
        _of(row, "arm"),
        _of(row, "reference"),
        str(row["contrast"]),
        str(row["visit"]),
        str(row["analysis"]),
    ]


def _band_tables(results: Results) -> list[tuple[str, list[list[str]]]]:
    table = results.extra.get("bands", pd.DataFrame())
    found = []
    for measure in dict.fromkeys(table["measure"]) if len(table) else []:
        part = table[table["measure"] == measure]
        bands = list(dict.fromkeys(part["band"]))
        rows = [["arm", "visit", "measured", *bands]]
        for (arm, visit), here in part.groupby(["arm", "visit"], sort=False):
            counts = here.set_index("band")
            of = int(here["of"].iloc[0])
            cells = [f"{int(counts.loc[b, 'n'])} ({percent(counts.loc[b, 'n'], of)})" for b in bands]
            rows.append([str(arm), str(visit), str(of), *cells])
        found.append((f"Severity by {measure}: participants by arm and visit", rows))
    return found


def _change_table(results: Results) -> list[tuple[str, list[list[str]]]]:
    table = results.extra.get("reliable_change", pd.DataFrame())
    if not len(table):
        return []
    rows = [["measure", "arm", "visit", "improved", "unchanged", "worsened", "a change of", "reliability"]]
    for _, row in table[table["status"] == "ok"].iterrows():
        counts = [f"{int(row[k])} of {int(row['n'])}" for k in ("improved", "unchanged", "worsened")]
        smallest = number(row["smallest_reliable_change"], 1)
        source = f"{row['reliability']:.2f} ({row['reliability_source']})"
        rows.append([row["measure"], row["arm"], row["visit"], *counts, f"more than {smallest}", source])
    return [("Reliable change: more than the error of measurement", rows)] if len(rows) > 1 else []


def _limit_table(results: Results) -> list[tuple[str, list[list[str]]]]:
    table = results.extra.get("limits", pd.DataFrame())
    table = table[table["lod"].notna()] if len(table) else table
    if not len(table):
        return []
    rows = [["biomarker", "arm", "visit", "below the limit", "limit", "how it is compared"]]
    for _, row in table.iterrows():
        how = f"{row['scale']}, half the limit below it" if row["status"] == "ok" else row["status"]
        limit = with_unit(number(row["lod"]), str(row["unit"] or ""))
        share = f"{int(row['below_lod'])} of {int(row['n'])}"
        rows.append([row["measure"], row["arm"], row["visit"], share, limit, how])
    return [("Values below the limit of detection", rows)]


def missing_section(results: Results) -> Section:
    """Return what is missing by arm and reason, and how far it could change what is concluded.

    Parameters
    ----------
    results
        Of the run.
    """
    section = Section("missing", "What is missing, and whether it could change the answer")
    table = results.extra.get("missing", pd.DataFrame())
    tipping = results.extra.get("tipping", pd.DataFrame())
    if len(tipping):
        for profile in profile_order(results, set(tipping["profile"])):
            mine = tipping[tipping["profile"] == profile]
            parts = [part for _, part in mine.groupby(["feature", "contrast"], sort=False)]
            section.lead += [words for part in parts if (words := tipping_sentence(part, results))]
        more = section.lead[MAX_SENTENCES:]
        section.lead = section.lead[:MAX_SENTENCES]
        if more:
            section.folded.append((f"{plural(len(more), 'more measure')}", more))
    if len(table):
        rows = [["what", "arm", "visit", "missing", "reason"]]
        for _, row in table.iterrows():
            share = f"{int(row['n'])} of {int(row['of'])} ({percent(row['n'], row['of'])})"
            rows.append([f"{row['item']}", row["arm"], row["visit"], share, row["reason"]])
        section.tables.append(("Missing by arm, visit and reason", rows))
    if not section.lead and not section.tables:
        section.empty = "Nothing is missing: every planned sample and measure of this run is there."
        return section
    section.notes = [
        "The main analysis uses those with a baseline and the visit; it is right if who is missing depends "
        "only on what the model holds (missing at random).",
        "That cannot be tested with these data. So the missing scores are also imputed (50 times, by the "
        "model of the comparison, pooled by Rubin's rules) and then shifted up and down in steps until the "
        "conclusion changes. Whether a shift that large is plausible is a clinical judgement.",
    ]
    return section


def tipping_sentence(part: pd.DataFrame, results: Results) -> str:
    """Say the effect with and without imputation, and where the conclusion tips; "" if nobody is missing."""
    complete = part[part["analysis"] == "complete cases"]
    middle = part[(part["analysis"] == "multiple imputation") & (part["delta_sd"] == 0)]
    if not len(complete) or not len(middle):
        return ""
    first, plain = middle.iloc[0], complete.iloc[0]
    value, low, high = interval(first, sign=True)
    was, was_low, was_high = interval(plain, sign=True)
    arm, other = split_contrast(str(first["contrast"]), results.reference)
    gone = f"{int(first['missing_arm'])} missing in {arm}, {int(first['missing_reference'])} in {other}"
    text = (
        f"{first['feature']}, {arm} compared with {other}: "
        f"{with_unit(value, str(first['unit']))} ({low} to {high}) with the missing imputed, "
        f"{was} ({was_low} to {was_high}) without them; {gone}."
    )
    tips = part[part["tipping"] == "yes"]
    if not len(tips):
        return (
            f"{text} No shift of the missing by up to {number(part['delta_sd'].max(), 0)} standard "
            "deviations changes the conclusion."
        )
    row = tips.iloc[int(tips["delta_sd"].abs().to_numpy().argmin())]
    whose = arm if row["shifted"] == "arm" else other
    way = "higher" if row["delta"] > 0 else "lower"
    return (
        f"{text} The conclusion changes if those missing in {whose} were "
        f"{with_unit(number(abs(row['delta']), 1), str(row['unit']))} {way} than the model expects."
    )

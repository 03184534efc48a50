"""Check the participants sheet against the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vagus.design.check_crossover import check_sequences
from vagus.design.findings import SHOWN, Findings, did_you_mean, listed
from vagus.design.model import Participant, Sample
from vagus.design.read_sheets import Table, check_label, parse_number, safe_id

FIXED = ("participant", "arm", "donor", "sequence", "consent_report")
# Under interactions of the plan: the feature's own value before the intervention.
BASELINE = "baseline"
FEW_IN_STRATUM = 2
STRATUM_WORDS = ("stratum", "strata", "stratification")


def check_participants(
    table: Table, plan: dict[str, Any], plan_file: str, ids: dict[str, str], findings: Findings
) -> list[Participant]:
    """Turn the sheet into participants.

    Parameters
    ----------
    table
        The sheet.
    plan
        The plan.
    plan_file
        Its name for the messages.
    ids
        Safe id -> id as written; filled for every participant.
    findings
        Where problems and notes go.

    Returns
    -------
    list of Participant
        In the order of the sheet.
    """
    covariates = [c for c in table.columns if c not in FIXED]
    for column in covariates:
        check_label(column, table.file, None, column, findings)
    numeric = {c for c in covariates if _is_numeric([r[c] for r in table.rows])}
    people: list[Participant] = []
    lines: list[int] = []
    seen: dict[str, tuple[int, str]] = {}
    for row in table.rows:
        written = row["participant"]
        if not written:
            continue
        safe = safe_id(written, table.file, row.line, "participant", findings)
        if not _is_new(safe, written, row.line, "participant", table.file, seen, findings):
            continue
        ids[safe] = written
        arm = row["arm"]
        if arm and arm not in plan["arms"]:
            findings.problem(
                table.file,
                "arm that the plan does not name",
                did_you_mean(arm, plan["arms"], f"correct it, or add it to arms in {plan_file}"),
                row.line,
                "arm",
                arm,
                listed(plan["arms"]),
            )
        donor = safe_id(row["donor"], table.file, row.line, "donor", findings) if row["donor"] else ""
        values = {c: parse_number(row[c]) if c in numeric else (row[c] or None) for c in covariates}
        consent = row["consent_report"].lower() in ("yes", "true", "1")
        people.append(Participant(safe, arm, donor, row["sequence"], consent, values))
        lines.append(row.line)
        _check_levels(values, row.cells, row.line, plan, table.file, plan_file, findings)
    _check_columns(table, covariates, plan, plan_file, findings)
    check_sequences(people, lines, plan, table.file, plan_file, findings)
    _note_participants(people, covariates, plan, table.file, findings)
    return people


def _is_numeric(values: Sequence[str]) -> bool:
    given = [v for v in values if v]
    return bool(given) and all(parse_number(v) is not None for v in given)


def _is_new(
    safe: str,
    written: str,
    line: int,
    column: str,
    file: str,
    seen: dict[str, tuple[int, str]],
    findings: Findings,
) -> bool:
    """Refuse an id that was there before, as it stands or once made safe; letter case tells no ids apart."""
    before = seen.setdefault(safe.lower(), (line, written))
    if before == (line, written):
        return True
    if before[1] == written:
        findings.problem(
            file, f"{column} listed twice (also row {before[0]})", "keep one row", line, column, written
        )
    else:
        findings.problem(
            file,
            f"{column} id clashes with '{before[1]}' in row {before[0]}: "
            f"in file names both are '{safe.lower()}'",
            "rename one of them",
            line,
            column,
            written,
        )
    return False


def _check_levels(
    values: dict[str, Any],
    cells: dict[str, str],
    line: int,
    plan: dict[str, Any],
    file: str,
    plan_file: str,
    findings: Findings,
) -> None:
    for column, allowed in plan["levels"].items():
        value = cells.get(column, "")
        if column in values and value and isinstance(allowed, list) and value not in allowed:
            kind = "stratum" if column in plan["strata"] else "level"
            findings.problem(
                file,
                f"{kind} that the plan does not name",
                did_you_mean(value, allowed, f"correct it, or add it to levels.{column} in {plan_file}"),
                line,
                column,
                value,
                listed(allowed),
            )


def _check_columns(
    table: Table, covariates: list[str], plan: dict[str, Any], plan_file: str, findings: Findings
) -> None:
    """Check that the plan's columns exist and that no stratum was forgotten in the plan."""
    if not table.columns:
        return
    for key in ("strata", "covariates", "levels", "interactions"):
        for column in plan[key]:
            if column not in covariates and (key, column) != ("interactions", BASELINE):
                findings.problem(
                    plan_file,
                    f"{table.file} has no column '{column}'",
                    did_you_mean(
                        column, covariates, f"add the column to {table.file}, or take it out of the plan"
                    ),
                    column=key,
                    value=column,
                    allowed=(listed(covariates) or "no covariate columns in the sheet")
                    + (f", or the word {BASELINE}" if key == "interactions" else ""),
                )
    if BASELINE in plan["interactions"] and BASELINE in covariates:
        findings.problem(
            table.file,
            f"'{BASELINE}' under interactions in {plan_file} is a feature's own value at the baseline",
            "give this column another name",
            column=BASELINE,
        )
    for column in covariates:
        if column.lower() in STRATUM_WORDS and column not in plan["strata"]:
            findings.problem(
                table.file,
                f"stratum column '{column}' that the plan does not name",
                f"add it to strata in {plan_file}, or rename the column if it is no stratum",
                column=column,
            )
    both = [c for c in plan["covariates"] if c in plan["strata"]]
    if both:
        findings.note(
            f"{plan_file}: {listed(both)} stands under strata and covariates; it enters the model once"
        )
    if plan["design"] == "crossover" and not any(r["sequence"] for r in table.rows):
        findings.problem(
            table.file,
            "a crossover without a sequence",
            "fill in the column 'sequence', for example AB and BA",
            column="sequence",
        )


def _note_participants(
    people: list[Participant], covariates: list[str], plan: dict[str, Any], file: str, findings: Findings
) -> None:
    if len(people) == 1:
        findings.note(f"one participant only ({people[0].participant}): no arm comparison is possible")
    for arm in plan["arms"]:
        if people and not any(p.arm == arm for p in people):
            findings.note(f"arm '{arm}' of the plan has no participant")
    _note_interactions(people, covariates, plan, findings)
    used = {*plan["strata"], *plan["covariates"]}
    for column in covariates:
        missing = [p.participant for p in people if p.covariates[column] is None]
        values = {p.covariates[column] for p in people} - {None}
        if missing:
            effect = "; these participants drop out of the adjusted model" if column in used else ""
            findings.note(
                f"covariate '{column}': {len(missing)} of {len(people)} missing ({listed(missing, SHOWN)})"
                + effect
            )
        if column in used and len(values) <= 1 and len(people) > 1:
            findings.note(f"covariate '{column}' has one value only and is left out of the model")


def _note_interactions(
    people: list[Participant], covariates: list[str], plan: dict[str, Any], findings: Findings
) -> None:
    """Say which interactions cannot be estimated, or only on few participants."""
    if plan["interactions"] and not plan.get("reference_arm"):
        findings.note("interactions: there is no control arm, so no effect of an arm can depend on anything")
        return
    for column in plan["interactions"]:
        if column not in covariates:
            continue
        values = {p.covariates[column] for p in people} - {None}
        if len(values) < 2 and len(people) > 1:
            findings.note(f"interactions: '{column}' has one value only, so no interaction is estimated")
        if len(values) != 2 and not any(isinstance(v, str) for v in values) and column not in plan["strata"]:
            continue
        for value in sorted(values, key=str):
            for arm in plan["arms"]:
                n = sum(p.arm == arm and p.covariates[column] == value for p in people)
                if n < FEW_IN_STRATUM and any(p.arm == arm for p in people):
                    findings.note(
                        f"interactions: {n} of arm '{arm}' with {column} = {value}; at least "
                        f"{FEW_IN_STRATUM} are needed for an interaction"
                    )


def check_donors(table: Table, samples: Sequence[Sample], findings: Findings) -> None:
    """Demand that every donor whom a participant names has a sample.

    Parameters
    ----------
    table
        The participants sheet.
    samples
        All samples.
    findings
        Where problems go.
    """
    donors = {d for s in samples if s.type == "donor" for d in (s.participant, s.sample) if d}
    # A participant's own id is autologous stool.
    own = {r["participant"] for r in table.rows}
    for row in table.rows:
        donor = row["donor"]
        if donor and "_".join(donor.split()) not in donors and donor not in own:
            findings.problem(
                table.file,
                "donor without a sample of type 'donor'",
                did_you_mean(
                    donor, sorted(donors), "add the donor's sample, with the donor id under participant"
                ),
                row.line,
                "donor",
                donor,
                listed(sorted(donors), SHOWN) or "no donor samples in the samples sheet",
            )

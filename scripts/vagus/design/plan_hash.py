"""What was registered: the canonical form of a plan, its hash, and what a later plan changed."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vagus.design.findings import Findings
from vagus.design.places import Places
from vagus.design.schema import fill_defaults, load_schema

REGISTERED, DEVIATES, UNREGISTERED = "registered", "deviates", "not registered"
DEVIATION_COLUMNS = ["key", "registered", "now", "change"]


def canonical_plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what matters of a plan: what differs from the defaults, without order of keys or way of writing.

    Parameters
    ----------
    plan
        The plan with its defaults filled in, as `vagus.design.check_plan.read_plan` returns it.

    Returns
    -------
    dict
        Plain JSON types. Values that equal the default are left out, so that a key that a later version adds
        does not change the hash of a plan that does not use it; lists keep their order, for it has a meaning.
    """
    schema = load_schema("plan")
    found: dict[str, Any] = _without_defaults(_plain(dict(plan)), schema)
    return found


def hash_plan(plan: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a plan, 64 hexadecimal digits.

    Parameters
    ----------
    plan
        The plan with its defaults filled in.
    """
    text = json.dumps(canonical_plan(plan), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def plan_deviations(registered: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, str]]:
    """List key by key what a plan changed.

    Parameters
    ----------
    registered, now
        Plans with their defaults filled in.

    Returns
    -------
    list of dict
        Rows with `DEVIATION_COLUMNS`, by key; families and events go by their names. change is `changed`,
        `added` or `removed`.
    """
    schema = load_schema("plan")
    before, after = (_flat(_plain(fill_defaults(dict(p), schema))) for p in (registered, now))
    rows = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        change = "added" if old is None else "removed" if new is None else "changed"
        rows.append({"key": key, "registered": old or "", "now": new or "", "change": change})
    return rows


def check_registration(
    plan: Mapping[str, Any], config: Mapping[str, Any], places: Places, findings: Findings
) -> dict[str, Any]:
    """Compare the plan with what was registered.

    Parameters
    ----------
    plan
        The plan with its defaults filled in.
    config
        With `plan_hash` and `registered_plan`.
    places
        Where files are looked for.
    findings
        Where problems and notes go.

    Returns
    -------
    dict
        hash (of the plan), registered (the registered hash, "" without one), status (`registered`,
        `deviates` or `not registered`) and deviations (rows with `DEVIATION_COLUMNS`).
    """
    from vagus.design.check_plan import read_plan

    now = hash_plan(plan)
    given = config.get("plan_hash")
    wanted = given.strip().lower().removeprefix("sha256:") if isinstance(given, str) else ""
    status = UNREGISTERED if not wanted else REGISTERED if wanted == now else DEVIATES
    found: dict[str, Any] = {"hash": now, "registered": wanted, "status": status, "deviations": []}
    named = config.get("registered_plan")
    path = places.find(named) if isinstance(named, str) else None
    if path is not None and path.is_file():
        theirs = Findings()
        before = read_plan(Path(path), str(named), theirs)
        findings.problems += theirs.problems
        if wanted and not theirs.problems and hash_plan(before) != wanted:
            findings.problem(
                "config",
                f"{named} is not the registered plan: its hash is {hash_plan(before)}",
                "name the file that was registered, or correct plan_hash",
                column="registered_plan",
                value=str(named),
            )
        found["deviations"] = plan_deviations(before, plan)
    if status == DEVIATES:
        count = len(found["deviations"])
        listed = f"{count} deviation{'s are' if count > 1 else ' is'} listed"
        what = listed if count else "name registered_plan to have them listed"
        findings.note(
            f"the plan is not the registered one (its hash is {now}, registered is {wanted}): "
            f"every result is exploratory; {what}"
        )
    return found


def _plain(value: Any) -> Any:
    """Return JSON types in which what means the same is the same: 1 and 1.0, forms of one letter, blanks."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _without_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        subs = schema.get("properties", {})
        kept = {}
        for key, item in value.items():
            sub = subs.get(key, {})
            smaller = _without_defaults(item, sub)
            if ("default" in sub and smaller == _plain(sub["default"])) or (
                "properties" in sub and smaller == {}
            ):
                continue
            kept[key] = smaller
        return kept
    if isinstance(value, list):
        return [_without_defaults(item, schema.get("items", {})) for item in value]
    return value


def _flat(value: Any, key: str = "") -> dict[str, str]:
    """Return dotted keys with their values as text; lists of names are one value."""
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for name, item in value.items():
            found |= _flat(item, f"{key}.{name}" if key else str(name))
        return found
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        found = {f"{key} (order)": ", ".join(_label(item, i) for i, item in enumerate(value, 1))}
        for i, item in enumerate(value, 1):
            found |= _flat(item, f"{key}[{_label(item, i)}]")
        return found
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return {key: text}


def _label(item: Mapping[str, Any], i: int) -> str:
    return str(item.get("name") or item.get("event") or i)

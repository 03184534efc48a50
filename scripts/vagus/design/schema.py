"""Schemas: defaults, and a check that says in words what is wrong.

The schemas are JSON Schema 2020-12 and any validator reads them. This one knows the keywords they use. It is
here because it names the fix, finds all problems at once and loads fast: every job parses the workflow.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from vagus.design.findings import Findings, did_you_mean, listed, nearest
from vagus.errors import VagusError

CLONE = Path(__file__).resolve().parents[3]
SCHEMA_DIR = CLONE / "workflow" / "schemas"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
    "null": (type(None),),
}
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a block of keys",
    "null": "null",
}


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    object
        Plain types.

    Raises
    ------
    VagusError
        If it is not UTF-8 or not YAML, with the line.
    """
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8-sig"), Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise VagusError(f"{line}not valid YAML ({getattr(error, 'problem', None) or error})") from None
    except UnicodeDecodeError:
        raise VagusError("not UTF-8 text") from None


@functools.cache
def load_schema(name: str) -> dict[str, Any]:
    """Return a schema by name (`config`, `plan`, `participants`, `samples`, `measures`).

    Raises
    ------
    VagusError
        If there is no such schema.
    """
    path = SCHEMA_DIR / f"{name}.schema.yaml"
    if not path.exists():
        raise VagusError(f"schema {path} is missing; the clone is incomplete")
    return dict(read_yaml(path))


def fill_defaults(config: dict[str, Any], schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a config with the schema's defaults for every key that is absent.

    Parameters
    ----------
    config
        As given by the user; left as it is.
    schema
        Its schema, by default that of the config.

    Returns
    -------
    dict
        A complete config. Numbers written as `1e8`, which YAML reads as text, are numbers here.
    """
    schema = load_schema("config") if schema is None else schema
    filled = copy.deepcopy(dict(config))
    for key, sub in schema.get("properties", {}).items():
        given = filled.get(key)
        if "properties" in sub:
            if key not in filled or given is None:
                filled[key] = fill_defaults({}, sub)
            elif isinstance(given, dict):
                filled[key] = fill_defaults(given, sub)
        elif key not in filled or (given is None and sub.get("default") is not None):
            if "default" in sub:
                filled[key] = copy.deepcopy(sub["default"])
        else:
            filled[key] = _number(given, sub)
        items = sub.get("items", {})
        if "properties" in items and isinstance(filled.get(key), list):
            filled[key] = [fill_defaults(i, items) if isinstance(i, dict) else i for i in filled[key]]
    return filled


def _number(value: Any, schema: dict[str, Any]) -> Any:
    if schema.get("type") not in ("number", "integer") or not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def describe_allowed(schema: dict[str, Any]) -> str:
    """Say in words what a schema accepts.

    Parameters
    ----------
    schema
        The schema of one value.
    """
    if "anyOf" in schema:
        return " or ".join(describe_allowed(s) for s in schema["anyOf"])
    if "enum" in schema:
        return listed("(empty)" if v == "" else v for v in schema["enum"])
    kinds = schema.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    text = " or ".join(_WORDS[k] for k in kinds)
    if "object" in kinds and "properties" in schema:
        return f"{{{listed(schema['properties'])}}}"
    limits = [
        (key, word)
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in schema
    ]
    if limits:
        text += " " + " and ".join(f"{word} {schema[key]:g}" for key, word in limits)
    if "items" in schema and "array" in kinds:
        few, many = schema.get("minItems", 0), schema.get("maxItems")
        count = f" with {few} to {many} entries" if many else (f" with {few} or more entries" if few else "")
        text = f"a list{count}, each {describe_allowed(schema['items'])}"
    if "pattern" in schema:
        text += f" of the form {schema.get('$comment', schema['pattern'])}"
    if schema.get("minLength"):
        text += ", not empty"
    return text


def check_schema(
    value: Any, schema: dict[str, Any], file: str, findings: Findings, path: str = "", root: Any = None
) -> bool:
    """Check a value and add every problem.

    Parameters
    ----------
    value
        What was written.
    schema
        What is allowed.
    file
        Name of the file, for the messages.
    findings
        Where problems go.
    path
        Key of the value, dotted.
    root
        The outermost schema, in which unknown keys are looked for.

    Returns
    -------
    bool
        Whether the value is right.
    """
    root = schema if root is None else root
    before = len(findings.problems)
    if not _fits(value, schema):
        findings.problem(
            file,
            "wrong value",
            _hint(value, schema) or "give one of what is allowed",
            column=path or None,
            value=str(value),
            allowed=describe_allowed(schema),
        )
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        extra = schema.get("additionalProperties", True)
        for key in value:
            here = f"{path}.{key}" if path else str(key)
            if key in known:
                check_schema(value[key], known[key], file, findings, here, root)
            elif extra is False:
                _unknown_key(str(key), here, list(known), file, findings, root)
            elif isinstance(extra, dict):
                check_schema(value[key], extra, file, findings, here, root)
        for key in schema.get("required", []):
            if key not in value:
                where = f"{path}.{key}" if path else key
                meaning = known.get(key, {}).get("description", "")
                findings.problem(
                    file, f"key '{where}' is missing", f"add '{key}': {meaning or 'see config/README.md'}"
                )
    elif isinstance(value, (list, tuple)) and "items" in schema:
        for i, item in enumerate(value):
            check_schema(item, schema["items"], file, findings, f"{path}[{i + 1}]", root)
        if schema.get("uniqueItems"):
            twice = [v for i, v in enumerate(value) if v in value[:i]]
            if twice:
                findings.problem(file, "listed twice", "name it once", column=path, value=listed(twice))
    return len(findings.problems) == before


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    """Check one value, not what is inside of it (alternatives excepted)."""
    if "anyOf" in schema:
        return any(_fits_deep(value, s) for s in schema["anyOf"])
    if "enum" in schema:
        return any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in schema["enum"])
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(
            isinstance(value, _TYPES[k]) and (k == "boolean" or not isinstance(value, bool)) for k in kinds
        ):
            return False
    if isinstance(value, str):
        return len(value) >= schema.get("minLength", 0) and (
            "pattern" not in schema or re.search(schema["pattern"], value) is not None
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (
            value >= schema.get("minimum", value)
            and value <= schema.get("maximum", value)
            and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
            and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        )
    if isinstance(value, (list, tuple)):
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
    return True


def _fits_deep(value: Any, schema: dict[str, Any]) -> bool:
    return _fits(value, schema) and check_schema(value, schema, "", Findings())


def _hint(value: Any, schema: dict[str, Any]) -> str | None:
    """A better fix than the general one, for what people often write."""
    if isinstance(value, str) and "enum" in schema:
        hit = nearest(value, [str(v) for v in schema["enum"]])
        return f"did you mean '{hit}'?" if hit else None
    if schema.get("type") == "array" and not isinstance(value, (list, tuple)):
        return f"write it as a list: [{value}]"
    if schema.get("type") == "string" and not isinstance(value, str):
        return f'put it in quotes: "{value}"'
    return None


def _unknown_key(
    key: str, here: str, known: list[str], file: str, findings: Findings, root: dict[str, Any]
) -> None:
    fix = did_you_mean(key, known, "")
    if not fix:
        everywhere = dict(_all_keys(root))
        hit = nearest(key, everywhere)
        fix = (
            f"did you mean '{everywhere[hit]}'?" if hit else "remove it, or see config/README.md for the keys"
        )
    findings.problem(file, f"unknown key '{here}'", fix, allowed=listed(known))


def _all_keys(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, sub in schema.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        yield key, here
        yield from _all_keys(sub, here)

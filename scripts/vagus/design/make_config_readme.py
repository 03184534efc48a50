"""Write config/config.yaml and config/README.md from the schemas, so that neither can fall behind.

Run it from the clone: `python scripts/vagus/design/make_config_readme.py`.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vagus.design.resources import load_primers
from vagus.design.schema import CLONE, describe_allowed, load_schema

WIDTH = 100
HEAD = """# Configuration

This page is generated from `workflow/schemas` by `python scripts/vagus/design/make_config_readme.py`.

Copy `config.yaml`, `plan.yaml` and the sheets beside your data, fill them in, and run

    snakemake --cores 8 --configfile my.yaml check

which reads everything, lists every problem at once, and prints the trial at a glance. Your config file needs
only the keys that differ from the defaults. Relative paths are looked for in the working directory, then
beside the config file, then in the clone; read files in the working directory, then beside the samples sheet,
then in the clone.

Sheets are tab-separated text in UTF-8; lines that start with `#` and empty lines are skipped. `NA`, `N/A` and
`NaN` are empty. Ids hold letters, digits, `.`, `_` and `-`; blanks in them become `_`, and the report shows
them as written.
"""


def make_readme() -> str:
    """Return config/README.md."""
    parts = [HEAD]
    config, plan = load_schema("config"), load_schema("plan")
    parts.append(f"## config.yaml\n\n{config['description']}\n\n{_key_table(config)}")
    parts.append(_primer_table())
    for name in ("participants", "samples", "measures", "events"):
        schema = load_schema(name)
        parts.append(f"## {name}.tsv\n\n{schema['description']}\n\n{_column_table(schema)}")
    parts.append(f"## plan.yaml\n\n{plan['description']}\n\n{_key_table(plan)}")
    return "\n".join(parts).rstrip() + "\n"


def make_config() -> str:
    """Return config/config.yaml: every key with its default, and what it is for."""
    lines = [
        "# Every key with its default. A config file of your own needs only what differs.",
        "# Generated from workflow/schemas/config.schema.yaml; config/README.md has the same as tables.",
        "",
    ]
    for key, sub in load_schema("config")["properties"].items():
        if "properties" in sub:
            lines += ["", *_comment(sub["description"], ""), f"{key}:"]
            for inner, leaf in sub["properties"].items():
                lines += _comment(_sentence(leaf), "  ")
                lines.append(f"  {inner}: {_flow(leaf['default'])}")
        else:
            lines += ["", *_comment(_sentence(sub), ""), f"{key}: {_flow(sub['default'])}"]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def leaves(
    schema: dict[str, Any], path: str = "", needed: bool = False
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield (dotted key, schema, needed) of every key that holds a value.

    Parameters
    ----------
    schema
        Schema of a block of keys.
    path
        Its own key.
    needed
        Whether the block itself must be given.
    """
    for key, sub in schema.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        must = key in schema.get("required", [])
        if "properties" in sub:
            yield from leaves(sub, here)
            continue
        yield here, sub, must
        items = sub.get("items", {})
        if "properties" in items:
            yield from leaves(items, f"{here}[]")
        for option in sub.get("anyOf", []):
            yield from leaves(option, here)


def _key_table(schema: dict[str, Any]) -> str:
    lines = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for key, sub, must in leaves(schema):
        default = f"`{_flow(sub['default'])}`" if "default" in sub else ("needed" if must else "")
        lines.append(
            f"| `{key}` | {default} | {_cell(describe_allowed(sub))} | {_cell(sub.get('description', ''))} |"
        )
    return "\n".join(lines) + "\n"


def _column_table(schema: dict[str, Any]) -> str:
    lines = ["| column | needed | allowed | meaning |", "|---|---|---|---|"]
    for key, sub in schema["properties"].items():
        default = sub.get("default", "")
        must = "yes" if key in schema["required"] else (f"no, `{default}`" if default else "no")
        allowed = listed_words(sub)
        lines.append(f"| `{key}` | {must} | {_cell(allowed)} | {_cell(sub['description'])} |")
    if schema["additionalProperties"]:
        lines.append("| any other | no | number or text | Covariate; numbers throughout make it numeric. |")
    return "\n".join(lines) + "\n"


def listed_words(schema: dict[str, Any]) -> str:
    """Say what a column of a sheet may hold, without patterns.

    Parameters
    ----------
    schema
        Schema of the column.
    """
    return (
        describe_allowed(schema) if "enum" in schema else "text" if "pattern" not in schema else "see right"
    )


def _primer_table() -> str:
    lines = [
        "### Primer pairs known by name",
        "",
        "| name | forward | reverse | length between the primers |",
        "|---|---|---|---|",
    ]
    for p in load_primers().values():
        lines.append(
            f"| `{p.name}` | `{p.forward}` | `{p.reverse}` | {p.insert} ({p.length_min} to {p.length_max}) |"
        )
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _sentence(schema: dict[str, Any]) -> str:
    text = str(schema["description"])
    return f"{text} Allowed: {describe_allowed(schema)}." if "enum" in schema else text


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _flow(value: Any) -> str:
    """A default as YAML on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, str):
        return value if value else '""'
    if isinstance(value, list):
        return f"[{', '.join(_flow(v) for v in value)}]"
    return "{}" if value == {} else str(value)


def main(folder: Path = CLONE / "config") -> None:
    """Write both files.

    Parameters
    ----------
    folder
        Where to.
    """
    (folder / "README.md").write_text(make_readme(), encoding="utf-8")
    (folder / "config.yaml").write_text(make_config(), encoding="utf-8")


if __name__ == "__main__":
    main()

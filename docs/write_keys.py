"""Writes `keys.md`, the table of every key of a suite, from the models that read suites.

`python docs/write_keys.py` after a change of a setting; a test compares the page with what this would write.
"""

# a script beside the pages, not a package

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from plimsoll.config import ProjectSettings, Suite
from plimsoll.config.nightly import AcceptedFile
from plimsoll.config.quarantine import QuarantineFile
from plimsoll.datasets import Card

PAGE = Path(__file__).with_name("keys.md")

_OPENING = """\
# Every key

Written by `python docs/write_keys.py` from the models that read these files; a key that is not here is refused. What
the keys are for, with examples: [suites](suites.md), [datasets](datasets.md), [gate](gate.md). The same as JSON Schema,
for editors: `make schemas`.
"""
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true, false", "null": ""}


def page() -> str:
    """The whole page."""
    parts = [_OPENING]
    parts += _sections("A suite: `suites/NAME.yaml`", Suite)
    parts += _sections("A dataset's card: `NAME.card.yaml`", Card)
    parts += _sections("A suite's quarantine: `quarantine/NAME.yaml`", QuarantineFile)
    parts += _sections("What was accepted of a suite's nights: `nightly/NAME.yaml`", AcceptedFile)
    parts += _sections("The project: `[tool.plimsoll]` in `pyproject.toml`", ProjectSettings)
    return "\n".join(parts)


def _sections(title: str, model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    parts = [f"## {title}\n", _table(schema)]
    for name, part in schema.get("$defs", {}).items():
        if "properties" in part:
            parts += [f"### {name}\n", f"{_line(part.get('description', ''))}\n", _table(part)]
    return parts


def _table(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        default = "required" if key in required else _default(field)
        rows.append(f"| `{key}` | {_kind(field)} | {default} | {_line(field.get('description', ''))} |")
    return "\n".join(rows) + "\n"


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or value in ([], {}, ""):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(kind for part in field["anyOf"] if (kind := _kind(part))))
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in field or "const" in field:
        values = field.get("enum", [field.get("const")])
        return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)
    return _plain_kind(field)


def _plain_kind(field: dict[str, Any]) -> str:
    kind = field.get("type", "")
    if kind == "array":
        return f"list of {_kind(field['items']) or 'anything'}"
    if kind == "object":
        inner = field.get("additionalProperties") or next(iter(field.get("patternProperties", {}).values()), None)
        return f"name → {_kind(inner)}" if isinstance(inner, dict) and _kind(inner) else "mapping"
    return _TYPES.get(kind, "")


def _line(text: str) -> str:
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    # Outside of code spans, what Markdown would take for emphasis.
    parts[::2] = [part.replace("*", "\\*").replace("_", "\\_") for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

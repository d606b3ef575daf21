"""The published JSON Schemas: of suites, dataset cards, quarantines, and what commands print with `--json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from plimsoll.ci.affected_form import affected_schema
from plimsoll.ci.night_form import night_schema
from plimsoll.config import Suite
from plimsoll.config.quarantine import QuarantineFile
from plimsoll.datasets import Card
from plimsoll.reports.jsonform import json_schemas

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Name → schema."""
    written = {
        "suite": Suite.model_json_schema(),
        "card": Card.model_json_schema(),
        "quarantine": QuarantineFile.model_json_schema(),
        **json_schemas(),
        "affected": affected_schema(),
        "nightly": night_schema(),
    }
    return {name: {"$schema": _DIALECT, **schema} for name, schema in written.items()}


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write every schema as NAME.schema.json.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, schema in schemas().items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        files.append(path)
    return tuple(files)


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))

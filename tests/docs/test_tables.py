import re
import subprocess
import sys
import tomllib

import pytest
from pydantic import ValidationError
from tests.docs.pages import DOCS, ROOT, table

from plimsoll.config import TargetSettings
from plimsoll.errors import ExitCode

DEPENDENCIES = DOCS / "design" / "dependencies.md"
TARGETS = "## Targets"


def test_the_table_of_exit_codes_is_the_enum():
    rows = table(DOCS / "runs.md", "## Exit codes")
    assert rows == [[str(int(code)), code.meaning] for code in ExitCode]


def test_the_page_of_keys_is_what_the_models_say(tmp_path):
    """It fails after a change of a setting: run `python docs/write_keys.py`."""
    script = (DOCS / "write_keys.py").read_text(encoding="utf-8")
    copy = tmp_path / "write_keys.py"
    copy.write_text(script, encoding="utf-8")
    subprocess.run([sys.executable, str(copy)], check=True)
    written = (tmp_path / "keys.md").read_text(encoding="utf-8")
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == written, "run `python docs/write_keys.py`"


def test_every_key_has_a_meaning():
    text = (DOCS / "keys.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("|") and line.endswith("|  |")] == []


def test_every_kind_of_target_has_its_row():
    # The model says so once, where it refuses a target with none of them.
    with pytest.raises(ValidationError, match="needs exactly one of") as refused:
        TargetSettings.model_validate({})
    kinds = set(re.findall(r"exactly one of (.*);", str(refused.value))[0].split(", "))
    rows = table(DOCS / "suites.md", TARGETS)
    assert {row[0].strip("`") for row in rows} == kinds


def package(requirement):
    return "".join(sign if sign.isalnum() or sign in "-_." else " " for sign in requirement).split()[0]


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    extras = project["project"]["optional-dependencies"]
    return {
        "## Core": {package(entry) for entry in project["project"]["dependencies"]},
        "## Extras": {package(entry) for extra in extras.values() for entry in extra},
        "## Development": {package(entry) for entry in groups["dev"]},
        "## Documentation and weights": {
            package(entry) for name, group in groups.items() if name != "dev" for entry in group
        },
    }


@pytest.mark.parametrize("heading", declared())
def test_every_dependency_is_on_its_page_with_a_reason_and_none_else(heading):
    rows = table(DEPENDENCIES, heading)
    assert {row[0].strip("`") for row in rows} == declared()[heading]
    assert all(row[-1] for row in rows)


def test_each_extra_is_named_rightly():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    rows = {(row[0].strip("`"), row[1].strip("`")) for row in table(DEPENDENCIES, "## Extras")}
    assert rows == {(package(entry), extra) for extra, entries in extras.items() for entry in entries}


def test_the_layers_of_the_floor_plan_are_those_that_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    checked = [" ".join(sorted(layer.split(" | "))) for layer in reversed(contract["layers"])]
    page = (DOCS / "design" / "architecture.md").read_text(encoding="utf-8")
    block = page.split("## Layers", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    told = [line.split("  ")[0].replace(",", "") for line in block.splitlines()]
    assert told == checked

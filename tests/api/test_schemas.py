"""The published JSON Schemas are those of the code, and fit what they are about."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from plimsoll.api.schemas import schemas, write_schemas

ROOT = Path(__file__).parents[2]


def test_the_checked_in_schemas_are_the_generated_ones(tmp_path: Path):
    written = write_schemas(tmp_path)
    assert sorted(path.name for path in written) == sorted(path.name for path in (ROOT / "schemas").iterdir())
    for path in written:
        same = path.read_bytes() == (ROOT / "schemas" / path.name).read_bytes()
        assert same, f"{path.name}: run `python -m plimsoll.api.schemas schemas`"


@pytest.mark.parametrize("name", schemas())
def test_each_is_a_schema_that_tools_accept(name: str):
    jsonschema.Draft202012Validator.check_schema(schemas()[name])


def test_the_suite_and_card_of_a_new_workspace_fit_their_schemas():
    template = ROOT / "src" / "plimsoll" / "api" / "template"
    for kind, file in (("suite", "suites/first.yaml"), ("card", "datasets/first.card.yaml")):
        text = (template / file).read_text(encoding="utf-8").replace("@MODEL@", "{provider: embedded}")
        jsonschema.validate(YAML(typ="safe", pure=True).load(text), schemas()[kind])


def test_a_suite_with_an_unknown_key_does_not_fit():
    suite = {"name": "x", "dataset": "x.jsonl", "targets": {}, "evaluators": ["exact_match"], "evaluator": []}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(json.dumps(suite)), schemas()["suite"])

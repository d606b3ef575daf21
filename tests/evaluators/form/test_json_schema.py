"""Answers against a JSON Schema: where the schema comes from, what is refused before anything runs."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll import canonical
from plimsoll.config import Document
from plimsoll.errors import CellError, ConfigError, FailureKind
from plimsoll.evaluators.build import build_evaluators
from plimsoll.evaluators.catalogue import builtin_evaluators
from plimsoll.evaluators.contract import BuildContext, Evaluator
from plimsoll.evaluators.form.json_schema import JsonSchema
from plimsoll.evaluators.form.schemas import compile_schema
from plimsoll.types import Case, Output, Scored

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def score(evaluator: JsonSchema, answer: str = "", value: Any = None, **fields: Any) -> Scored:
    return asyncio.run(evaluator.evaluate(Case(id="c1", inputs=fields), Output(text=answer, value=value)))


def built(root: Path, entry: Any) -> Evaluator:
    registry = builtin_evaluators()
    (evaluator,) = build_evaluators([entry], registry, BuildContext(root), Document(root / "suite.yaml", None, {}))
    return evaluator


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"name": "Ann", "age": 3}', None),
        ('{"name": "Ann", "age": 3.0}', None),
        ('{"age": 3}', "$: 'name' is a required property"),
        ('{"name": "Ann", "age": "3"}', "$.age: '3' is not of type 'integer'"),
        ('{"name": "Ann", "age": true}', "$.age: True is not of type 'integer'"),
        ("[]", "$: [] is not of type 'object'"),
        ('{"name": "Ann", "name": "Bob"}', "not JSON: the key 'name' occurs twice in one object"),
        ('{"name": "Ann", "age": NaN}', "not JSON: NaN is no JSON number"),
        ('```json\n{"name": "Ann"}\n```', "the answer is wrapped in a code fence"),
        (" ", "the answer is empty"),
    ],
)
def test_an_answer_against_a_schema(answer: str, reason: str | None) -> None:
    scored = score(JsonSchema(inline=PERSON), answer)
    assert (scored.value, scored.reason) == (reason is None, reason)


def test_the_structured_answer_goes_before_its_text() -> None:
    assert score(JsonSchema(inline=PERSON), "not JSON", value={"name": "Ann"}).value is True


def test_the_reason_tells_three_mistakes_and_how_many_more() -> None:
    schema = {"items": {"type": "string"}}
    reason = score(JsonSchema(inline=schema), "[1, 2, 3, 4, 5]").reason
    assert reason is not None
    assert reason.startswith("$[0]: 1 is not of type 'string'; $[1]:")
    assert reason.endswith("and 2 more")


def test_the_file_of_a_schema_is_read_in_the_workspace_and_is_part_of_the_identity(tmp_path: Path) -> None:
    file = tmp_path / "schemas" / "person.json"
    file.parent.mkdir()
    file.write_text(json.dumps(PERSON), encoding="utf-8")
    evaluator = built(tmp_path, {"json_schema": "schemas/person.json"})
    assert isinstance(evaluator, JsonSchema)
    assert score(evaluator, '{"name": "Ann"}').value is True
    before = canonical.digest(evaluator.identity())
    file.write_text(json.dumps(PERSON, indent=4), encoding="utf-8")
    assert canonical.digest(built(tmp_path, {"json_schema": "schemas/person.json"}).identity()) == before
    file.write_text(json.dumps({**PERSON, "required": ["age"]}), encoding="utf-8")
    changed = built(tmp_path, {"json_schema": "schemas/person.json"})
    assert canonical.digest(changed.identity()) != before
    assert isinstance(changed, JsonSchema)
    assert score(changed, '{"name": "Ann"}').value is False


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "at line 1"),
        ('{"type": "objekt"}', "not a valid JSON Schema"),
        ("[]", "is an object"),
    ],
)
def test_a_file_that_holds_no_schema_is_a_mistake_with_its_place(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "s.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        built(tmp_path, {"json_schema": {"file": "s.json"}})
    # A file that isn't there is a mistake of the suite that names it.
    file = "suite.yaml" if content is None else "s.json"
    assert Path(str(caught.value.mistakes[0].where).split(":")[0]).name == file


def test_a_case_may_bring_its_schema() -> None:
    evaluator = JsonSchema(field="shape")
    assert evaluator.requires == {"shape"}
    assert score(evaluator, "5", shape={"type": "integer"}).value is True
    assert score(evaluator, "5", shape={"type": "string"}).value is False
    with pytest.raises(CellError, match="the case's 'shape': not a valid JSON Schema") as caught:
        score(evaluator, "5", shape={"type": "objekt"})
    assert caught.value.kind is FailureKind.EVALUATOR


@pytest.mark.parametrize("keys", [{}, {"inline": {}, "field": "f"}, {"file": "a.json", "inline": {}}])
def test_there_is_one_schema(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give one of file, inline, field"):
        JsonSchema(**keys)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/person.json"},
        {"properties": {"a": {"items": {"$ref": "other.json#/x"}}}},
        {"$ref": "#/$defs/missing"},
        {"$id": "https://example.com/a.json", "$ref": "b.json"},
    ],
)
def test_a_reference_that_leads_outside_is_refused_and_never_fetched(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="nothing is fetched"):
        JsonSchema(inline=schema)


def test_a_reference_inside_the_schema_is_followed() -> None:
    schema = {"$defs": {"name": {"type": "string"}}, "items": {"$ref": "#/$defs/name"}}
    assert score(JsonSchema(inline=schema), '["a"]').value is True
    assert score(JsonSchema(inline=schema), "[1]").value is False
    # A constant is data: what it holds is no reference.
    assert score(JsonSchema(inline={"const": {"$ref": "x"}}), '{"$ref": "x"}').value is True


@pytest.mark.parametrize(
    ("draft", "valid"),
    [("http://json-schema.org/draft-07/schema#", False), ("https://json-schema.org/draft/2020-12/schema", True)],
)
def test_the_draft_that_the_schema_names_counts(draft: str, valid: bool) -> None:
    # A list under `items` is a place for each until draft 2019-09; since then it is `prefixItems`.
    schema = {"$schema": draft, "prefixItems": [{"type": "string"}], "type": "array"}
    assert score(JsonSchema(inline=schema), "[1]").value is not valid


@pytest.mark.parametrize(
    ("number", "step", "valid"),
    [
        ("19.99", 0.01, True),
        ("4.35", 0.01, True),
        ("0.3", 0.1, True),
        ("-1.1", 0.01, True),
        ("1e308", 0.5, True),
        ("0", 0.01, True),
        ("7", 3.5, True),
        ("19.995", 0.01, False),
        ("0.35", 0.1, False),
        ("7", 2, False),
        ("true", 2, True),
    ],
)
def test_a_multiple_is_one_of_the_numbers_as_they_are_written(number: str, step: float, valid: bool) -> None:
    assert score(JsonSchema(inline={"multipleOf": step}), number).value is valid


@settings(deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6), st.integers(0, 6))
def test_any_multiple_of_a_decimal_is_one(times: int, digits: int, places: int) -> None:
    step, product = (float(Decimal(number).scaleb(-places)) for number in (digits, times * digits))
    assert compile_schema({"multipleOf": step}).mistakes(product) == []


def test_a_multiple_is_one_too_where_the_schema_names_its_draft_and_refers_to_itself() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "items": {"$ref": "#"}, "multipleOf": 0.01}
    assert score(JsonSchema(inline=schema), "[19.99]").value is True
    assert score(JsonSchema(inline=schema), "[19.995]").value is False


@pytest.mark.parametrize(
    ("items", "valid"),
    [
        ([{"a": number} for number in range(10_000)], True),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], False),
        ([1, True, "1", None, [1], [True], {}], True),
        ([[0], [False]], True),
        ([], True),
        ("aa", True),
    ],
)
def test_unique_items_are_so_by_value_however_many(items: Any, valid: bool) -> None:
    assert score(JsonSchema(inline={"uniqueItems": True}), json.dumps(items)).value is valid
    assert score(JsonSchema(inline={"uniqueItems": False}), json.dumps(items)).value is True


@pytest.mark.parametrize(
    ("component", "message"),
    [
        ({"type": "string", "format": "uri"}, "no check is known for the format 'uri'"),
        ({"$ref": "http://example.com/x.json"}, "leads to nothing inside the schema"),
        ({"items": {"$ref": "#/components/B"}}, "leads to nothing inside the schema"),
        ({"$ref": "#/components/A/type/0"}, "leads to nothing inside the schema"),
        ({"type": "strin"}, "what .ref '#/components/A' leads to is not a valid JSON Schema: 'strin'"),
        ({"properties": {"a": {"minimum": "3"}}}, r"is not a valid JSON Schema: '3' .* at \$.properties.a.minimum"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "counts at the top alone"),
        (["string"], "is not a valid JSON Schema"),
    ],
)
def test_what_only_a_reference_leads_to_is_checked_like_the_rest(component: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JsonSchema(inline={"$ref": "#/components/A", "components": {"A": component}}, formats=True)


def test_a_schema_may_lie_where_only_a_reference_finds_it_and_refer_to_itself_inside() -> None:
    schema = {"$ref": "#/components/A", "components": {"A": {"items": {"$ref": "#/components/A"}, "type": "array"}}}
    assert score(JsonSchema(inline=schema), "[[], [[]]]").value is True
    assert score(JsonSchema(inline=schema), "[[], [1]]").reason == "$[1][0]: 1 is not of type 'array'"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"if": {"type": "string"}, "then": {"$ref": "#"}},
        {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}},
        {"$ref": "#/x/a", "x": {"a": {"anyOf": [{"type": "string"}, {"$ref": "#/x/a"}]}}},
        {"dependentSchemas": {"a": {"$ref": "#"}}},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "dependencies": {"a": ["b"], "c": {"$ref": "#"}},
        },
        {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#"},
    ],
)
def test_a_schema_that_comes_back_to_itself_for_the_same_value_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="refers to itself for the same value"):
        JsonSchema(inline=schema)


def test_dependencies_of_which_a_list_comes_late_are_refused_and_no_crash() -> None:
    dependencies = {"a": {"type": "object"}, "b": ["c"]}
    with pytest.raises(ValidationError, match="write the lists of names before the schemas"):
        JsonSchema(inline={"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": dependencies})


def test_a_draft_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="no draft of JSON Schema is known as 'https://example"):
        JsonSchema(inline={"$schema": "https://example.com/mine"})


@pytest.mark.parametrize(
    ("form", "text", "valid"),
    [
        ("date-time", "2024-01-02T03:04:05Z", True),
        ("date-time", "2024-01-02t03:04:05.123+01:00", True),
        ("date-time", "2016-12-31T23:59:60Z", True),
        ("date-time", "2024-01-02T03:04:05", False),
        ("date-time", "2024-02-30T03:04:05Z", False),
        ("date-time", "2024-W01-1T00:00:00Z", False),
        ("time", "03:04:05Z", True),
        ("time", "03:04Z", False),
        ("date", "2024-02-30", False),
        ("ipv4", "1.2.3.400", False),
    ],
)
def test_formats_are_checked_when_asked(form: str, text: str, valid: bool) -> None:
    answer = json.dumps(text)
    assert score(JsonSchema(inline={"format": form}, formats=True), answer).value is valid
    assert score(JsonSchema(inline={"format": form}), answer).value is True


def test_a_format_that_nobody_checks_is_refused_instead_of_passed_over() -> None:
    with pytest.raises(ValidationError, match="no check is known for the format 'uri'; known are date, date-time"):
        JsonSchema(inline={"properties": {"a": {"format": "uri"}}}, formats=True)


def test_hostile_answers_are_wrong_and_no_error() -> None:
    recursive = JsonSchema(inline={"additionalProperties": {"$ref": "#"}, "items": {"$ref": "#"}})
    deep: Any = 1
    for _ in range(3000):
        deep = {"a": deep}
    assert score(recursive, value=deep).reason == "nested too deeply"
    assert score(recursive, "[" * 100_000).reason == "not JSON: nested too deeply"
    multiple = JsonSchema(inline={"multipleOf": 0.01})
    assert score(multiple, "1" * 400).value is True
    assert score(multiple, "1" * 5000).value is False
    assert score(multiple, "1e999").reason == "$: inf is not a multiple of 0.01"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "age", "x"]), inner),
    max_leaves=6,
)


@settings(deadline=None)
@given(values)
def test_any_json_is_valid_or_told_why_not(value: Any) -> None:
    schema = compile_schema({**PERSON, "properties": {**PERSON["properties"], "x": {"multipleOf": 0.1}}})  # type: ignore[dict-item]
    mistakes = schema.mistakes(value)
    assert all(mistakes)
    if not isinstance(value, dict):
        assert mistakes


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_text_is_scored(text: str) -> None:
    assert isinstance(score(JsonSchema(inline=PERSON), text).value, bool)

"""The transform of an output: what each step does, and that a step which finds nothing fails the cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.config import TransformStep, parse_yaml
from plimsoll.errors import CellError, ConfigError, FailureKind
from plimsoll.evaluators import compile_transform
from plimsoll.types import Output


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "steps.py").write_text(
        "def upper(text):\n    return text.upper()\n"
        "def parsed(text):\n    return {'n': len(text)}\n"
        "def nothing(text):\n    return None\n"
        "def blank(text):\n    return ' '\n"
        "def odd(text):\n    return {1, 2}\n"
        "def broken(text):\n    return 1 / 0\n"
        "async def later(text):\n    return text\n"
    )
    return folder


def transformed(root: Path, output: Output, *steps: dict[str, Any]) -> Output:
    return compile_transform([TransformStep(**step) for step in steps], root)(output)


def test_no_steps_change_nothing(root: Path) -> None:
    output = Output(text=" a ", value=1)
    assert compile_transform(None, root)(output) is output


@pytest.mark.parametrize(
    ("text", "step", "wanted", "value"),
    [
        (" a \n", {"strip": True}, "a", None),
        ('{"answer": "£12"}', {"json_path": "$.answer"}, "£12", None),
        ('{"answers": [{"n": 1}, {"n": 2}]}', {"json_path": "$.answers[*].n"}, "1", 1),
        ('{"answer": {"b": 1, "a": "é"}}', {"json_path": "$.answer"}, '{"a": "é", "b": 1}', {"a": "é", "b": 1}),
        ('{"answer": false}', {"json_path": "$.answer"}, "false", False),
        ("Answer: £12.", {"regex": r"£\d+"}, "£12", None),
        ("Answer: £12.", {"regex": r"Answer: (.*)\."}, "£12", None),
        ("abc", {"function": "steps.py:upper"}, "ABC", None),
        ("abc", {"function": "steps.py:parsed"}, '{"n": 3}', {"n": 3}),
    ],
)
def test_a_step(root: Path, text: str, step: dict[str, Any], wanted: str, value: Any) -> None:
    found = transformed(root, Output(text=text), step)
    assert (found.text, found.value) == (wanted, value)


def test_steps_follow_each_other_and_keep_what_the_answer_took(root: Path) -> None:
    steps: list[dict[str, Any]] = [{"regex": r"\{.*\}"}, {"json_path": "$.answer"}, {"strip": True}]
    output = Output(text='```json\n{"answer": " £12 "}\n```', latency=1.5, finish="length")
    assert transformed(root, output, *steps) == Output(text="£12", latency=1.5, finish="length")


def test_a_json_path_reads_the_structured_answer_where_there_is_one(root: Path) -> None:
    output = Output(text="{}", value={"answer": "£12"})
    assert transformed(root, output, {"json_path": "$.answer"}).text == "£12"


@pytest.mark.parametrize(
    ("text", "step", "message"),
    [
        ("  ", {"strip": True}, "transform: nothing is left of the answer"),
        ("It is £12.", {"json_path": "$.answer"}, "the answer is not JSON: expecting value at line 1, column 1"),
        ('{"reply": 1}', {"json_path": "$.answer"}, "transform: json_path $.answer: no match in the answer"),
        ('{"answer": null}', {"json_path": "$.answer"}, "transform: json_path $.answer: gave null"),
        ('{"answer": ""}', {"json_path": "$.answer"}, "transform: nothing is left of the answer"),
        ("It is £12.", {"regex": r"\$\d+"}, r"transform: regex \$\d+: no match in the answer"),
        ("It is £12.", {"regex": r"is(x)?"}, "transform: regex is(x)?: no match in the answer"),
        ("It is £12.", {"regex": r"x*"}, "transform: regex x*: no match in the answer"),
        ("abc", {"function": "steps.py:nothing"}, "transform: steps.py:nothing: gave null"),
        ("abc", {"function": "steps.py:blank"}, "transform: nothing is left of the answer"),
        ("abc", {"function": "steps.py:odd"}, "transform: steps.py:odd: gave what has no JSON form"),
        ("abc", {"function": "steps.py:broken"}, "transform: steps.py:broken: ZeroDivisionError: division by zero"),
    ],
)
def test_a_step_that_finds_nothing_fails_the_cell(root: Path, text: str, step: dict[str, Any], message: str) -> None:
    with pytest.raises(CellError) as caught:
        transformed(root, Output(text=text), step)
    assert message in caught.value.message
    assert caught.value.kind in (FailureKind.BAD_RESPONSE, FailureKind.EMPTY, FailureKind.EVALUATOR)


@settings(deadline=None)
@given(st.text())
def test_what_comes_out_is_never_empty(text: str) -> None:
    steps = [TransformStep(regex="[^,]*"), TransformStep(strip=True)]
    try:
        found = compile_transform(steps, Path())(Output(text=text))
    except CellError:
        return
    assert found.text.strip()


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_a_json_path_gives_back_the_text_that_was_put_in(text: str) -> None:
    transform = compile_transform(TransformStep(json_path="$.a"), Path())
    assert transform(Output(text=json.dumps({"a": text}))).text == text


def test_mistakes_are_told_at_once_with_their_lines(root: Path) -> None:
    document = parse_yaml(
        "name: s\ntransform:\n  - strip: true\n  - json_path: $.[\n  - function: steps.py:uper\n"
        "  - function: steps.py:later\n",
        "suites/s.yaml",
    )
    steps = [TransformStep(**step) for step in document.data["transform"]]
    with pytest.raises(ConfigError) as caught:
        compile_transform(steps, root, document)
    found = [str(mistake) for mistake in caught.value.mistakes]
    assert found[0].startswith("suites/s.yaml:4: json_path: '$.[' is not a JSON path: expected a shorthand selector")
    assert found[1:] == [
        "suites/s.yaml:5: steps.py has no function 'uper' (did you mean 'upper'?)",
        "suites/s.yaml:6: function: steps.py:later is async (a transform is a plain function of the text)",
    ]

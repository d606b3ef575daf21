"""Judges by name: what the package brings, what a workspace puts in its place, and what their prompts say of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.evaluators.judges.parts import BUILT_IN, GOOD, build, built_in, judged, model

from plimsoll.errors import ConfigError
from plimsoll.evaluators import builtin_evaluators, discover
from plimsoll.evaluators.judges.library import built_in_judges
from plimsoll.prompts import load_prompt
from plimsoll.types import Scored

MINE = """---
description: How kind the answer is.
judge: {form: score, range: [0, 10], spares: [praise]}
inputs:
  output: {type: string}
---
system:
Judge kindness.

user:
{{output}}
"""


def workspace(root: Path, **files: str) -> Path:
    folder = root / "evaluators"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.prompty").write_text(text, encoding="utf-8")
    return root


def test_the_built_in_judges_are_those_of_the_table_and_need_what_it_says() -> None:
    assert set(built_in_judges()) == set(BUILT_IN)
    requires = {name: set(built_in(name, model()).requires) for name in BUILT_IN}
    assert requires == {
        "groundedness": {"context"},
        "relevance": {"question"},
        "correctness": {"question", "expected"},
        "completeness": {"question", "expected"},
        "coherence": set(),
        "fluency": set(),
        "safety": {"question"},
        "instruction_following": {"instructions"},
        "rubric": {"question"},
        "preference": {"question", "old"},
    }
    shares = {"groundedness", "preference"}
    for name in BUILT_IN:
        (metric,) = built_in(name, model()).metrics
        assert (metric.name, metric.judged) == (name, True)
        assert (metric.low, metric.high) == ((0, 1) if name in shares else (1, 5))
        assert built_in(name, model()).reusable


def test_lists_say_what_a_front_matter_says() -> None:
    registry = builtin_evaluators()
    about = registry["groundedness"].about
    assert about.summary == "The share of the answer's claims that its sources support, each claim looked at by itself."
    assert (about.needs, about.gives, about.judged, about.source) == (("context",), "0 to 1", True, "built in")
    assert registry["relevance"].about.gives == "1 to 5"
    assert registry["rubric"].about.gives == "its range, 1 to 5 unless set"


def test_a_workspaces_file_is_a_judge_of_its_name_with_the_settings_that_its_front_matter_gives(tmp_path: Path) -> None:
    root = workspace(tmp_path, kindness=MINE)
    about = discover(root)["kindness"].about
    assert (about.summary, about.gives, about.source) == (
        "How kind the answer is.",
        "0 to 10",
        "evaluators/kindness.prompty",
    )
    judge = build("kindness", [model(GOOD)], root)
    assert (judge.scale.low, judge.scale.high, judge.spared) == (0.0, 10.0, frozenset({"praise"}))
    assert isinstance(judged(judge), Scored)
    by_path = build({"judge": "evaluators/kindness.prompty"}, [model()], root)
    assert by_path.identity() == build("kindness", [model()], root).identity()


def test_a_workspaces_judge_stands_in_for_the_built_in_one_of_its_name(tmp_path: Path) -> None:
    root = workspace(tmp_path, relevance=MINE)
    assert build("relevance", [model()], root).metrics[0].high == 10
    assert discover(root)["coherence"].about.source == "built in"


def test_a_judge_can_not_take_the_name_of_another_evaluator(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        discover(workspace(tmp_path, contains=MINE, judge=MINE))
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "evaluators/contains.prompty: there is an evaluator named 'contains' already (rename the file)",
        "evaluators/judge.prompty: there is an evaluator named 'judge' already (rename the file)",
    ]


def test_a_broken_judge_disturbs_only_who_uses_it(tmp_path: Path) -> None:
    root = workspace(tmp_path, broken="no front matter", odd="---\njudge: 5\n---\nsystem:\nx\n")
    (root / "evaluators" / "not a name.prompty").write_text(MINE, encoding="utf-8")
    registry = discover(root)
    assert registry["broken"].about.summary == "A judge: evaluators/broken.prompty"
    assert registry["odd"].about.gives == "its range, 1 to 5 unless set"
    assert "not a name" not in registry
    assert build("fluency", [model()], root).name == "fluency"
    with pytest.raises(ConfigError, match=r"evaluators/broken\.prompty:1: no front matter"):
        build("broken", [model()], root)


@pytest.mark.parametrize(
    ("front_matter", "message"),
    [
        ("judge: {form: vote}", "evaluators/odd.prompty:2: form: Input should be 'score', 'claims' or 'pair'"),
        ("judge: {fom: pair}", "evaluators/odd.prompty:2: unknown key 'fom' (did you mean 'form'?)"),
        (
            "judge: {spares: [prase]}",
            "evaluators/odd.prompty:2: spares: no canary 'prase' (did you mean 'praise'?)",
        ),
        ("judge: {range: [5, 1]}", "suites/s.yaml:7: range: 5 is not below 1"),
        ("judges: {form: pair}", "evaluators/odd.prompty:2: unknown key 'judges' (did you mean 'judge'?)"),
    ],
)
def test_mistakes_in_what_a_prompt_says_of_its_judge_are_told(tmp_path: Path, front_matter: str, message: str) -> None:
    root = workspace(tmp_path, odd=f"---\n{front_matter}\n---\nsystem:\nx\n")
    with pytest.raises(ConfigError) as caught:
        build("odd", [model()], root)
    assert str(caught.value) == message


def test_a_scale_that_the_prompts_words_describe_is_not_to_be_changed() -> None:
    with pytest.raises(ConfigError, match=r"relevance\.prompty says in words what each score from 1 to 5 means"):
        build({"relevance": {"range": [0, 10]}}, [model()])
    assert build({"relevance": {"range": [1, 5]}}, [model()]).scale.high == 5


def test_a_rubric_takes_its_criteria_and_scale_from_the_suite() -> None:
    scripted = model('{"reason": "r", "score": 7}')
    judge = built_in("rubric", scripted, name="tone", criteria="Warm, with {{ no }} slang.", range=[0, 10])
    found = judged(judge)
    assert isinstance(found, Scored)
    assert (judge.name, found.value) == ("tone", 7)
    asked = scripted.requests[0].messages[0]["content"]
    assert "Warm, with {{ no }} slang." in asked
    assert "a number from 0 to 10" in asked
    other = built_in("rubric", scripted, name="tone", criteria="Cold.", range=[0, 10])
    assert other.identity() != judge.identity()


def test_without_criteria_in_the_suite_the_case_gives_them() -> None:
    assert build("rubric", [model()]).requires == {"criteria", "question"}
    with pytest.raises(ConfigError, match=r"criteria: the built-in fluency\.prompty has no input 'criteria'"):
        build({"fluency": {"criteria": "x"}}, [model()])


def test_criteria_come_from_the_suite_or_from_a_field_and_not_from_both() -> None:
    with pytest.raises(ConfigError, match="criteria: both a text and a field are given for it"):
        build({"rubric": {"criteria": "x", "fields": {"criteria": "page"}}}, [model()])
    assert build({"rubric": {"fields": {"criteria": "page"}}}, [model()]).requires == {"page", "question"}


def test_only_a_judge_of_claims_takes_phrases_that_abstain() -> None:
    assert build({"groundedness": {"phrases": ["keine Ahnung"]}}, [model()]).name == "groundedness"
    with pytest.raises(ConfigError, match="phrases: the built-in fluency"):
        build({"fluency": {"phrases": ["keine Ahnung"]}}, [model()])


@pytest.mark.parametrize(
    "change",
    [
        {"repeats": 2},
        {"probabilities": "off"},
        {"parameters": {"temperature": 1}},
        {"range": [0, 5]},
        {"name": "other"},
    ],
)
def test_the_identity_follows_every_setting_that_a_score_depends_on(change: dict[str, Any]) -> None:
    first = built_in("rubric", model())
    assert built_in("rubric", model(), **change).identity() != first.identity()
    assert built_in("rubric", model(), pass_if=">= 4", sample=3, model="local").identity() == first.identity()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_prompt_sends_nothing_that_a_common_endpoint_refuses(name: str) -> None:
    prompt = load_prompt(built_in_judges()[name].path)
    assert set(prompt.parameters) == {"temperature", "max_tokens"}
    assert prompt.configuration == {"type": "openai"}


def test_finding_judges_reads_none_and_loads_no_template_engine(tmp_path: Path) -> None:
    root = workspace(tmp_path, broken="no front matter")
    code = (
        "import sys; from pathlib import Path; from plimsoll.evaluators import discover; "
        "registry = discover(Path(sys.argv[1])); assert 'broken' in registry; "
        "print('jinja2' in sys.modules or 'openai' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.long
@pytest.mark.promptflow
def test_promptflow_loads_every_built_in_prompt_and_asks_the_same(tmp_path: Path) -> None:
    values = {
        "question": "How much?",
        "context": "£30.",
        "expected": "£30",
        "instructions": "Be brief.",
        "criteria": "Kind.",
        "output": "It is £30.",
        "first": "£30.",
        "second": "£3.",
        "nonce": "0123456789abcdef",
        "lowest": "1",
        "highest": "5",
    }
    prompts = {name: load_prompt(factory.path) for name, factory in built_in_judges().items()}
    given = {name: {key: values[key] for key in prompt.inputs} for name, prompt in prompts.items()}
    requests = [{"path": str(prompt.path), "values": given[name]} for name, prompt in prompts.items()]
    oracle = Path(__file__).parents[2] / "prompts" / "promptflow_oracle.py"
    answered = tmp_path / "answers.json"
    home = {**os.environ, "HOME": str(tmp_path), "PF_HOME_DIRECTORY": str(tmp_path / "pf")}
    subprocess.run(
        [sys.executable, str(oracle), str(answered)],
        input=json.dumps(requests),
        text=True,
        check=True,
        env=home,
        capture_output=True,
    )
    for (name, prompt), answer in zip(prompts.items(), json.loads(answered.read_text(encoding="utf-8")), strict=True):
        assert answer.get("error") is None, (name, answer)
        assert answer["messages"] == list(prompt.render(given[name])), name

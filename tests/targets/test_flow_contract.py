"""promptflow's published flows run unmodified as a suite's targets, from a checkout, with their own sample data.

Those that are missing here need another service, the network, or packages of their own: docs/promptflow.md says which.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api import RunOptions, run_suite
from plimsoll.config import Workspace, read_yaml
from plimsoll.runs.observer import Silent
from plimsoll.targets.flow_definition import flow_files
from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.endpoint import Reply
from plimsoll.types import Output

CHECKOUT = os.environ.get("PLIMSOLL_PROMPTFLOW_CHECKOUT")
NO_CHECKOUT = "set PLIMSOLL_PROMPTFLOW_CHECKOUT to a checkout of microsoft/promptflow to run its published flows"

pytestmark = [
    pytest.mark.promptflow,
    pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)"),
    pytest.mark.skipif(not CHECKOUT, reason=NO_CHECKOUT),
]

DATA_FILES = ("data.jsonl", "samples.json", "test_data.jsonl", "math_data.jsonl", "sample.json")
WEATHER = {
    "id": "1",
    "type": "function",
    "function": {"name": "get_current_weather", "arguments": '{"location": "Rome"}'},
}


@dataclass(frozen=True)
class Example:
    """A published flow: what the model is to say, and what the first case's answer then is."""

    path: str
    answer: Any
    says: str | Reply | Callable[[dict[str, Any]], str] = "4"
    requests: int = 1
    inputs: dict[str, str] = field(default_factory=dict)
    or_else: Any = None
    """What else it may answer: its own code draws at random."""


EXAMPLES = [
    Example("flows/standard/basic", "4"),
    Example("flows/standard/basic-with-builtin-llm", "4"),
    Example("flows/standard/basic-with-connection", "4"),
    Example(
        "flows/standard/conditional-flow-for-if-else",
        "Prompt flow is a suite of development tools designed to streamline the end-to-end development cycle of "
        "LLM-based AI applications.",
        requests=0,
        or_else="I'm not familiar with your query: What is Prompt flow?.",
    ),
    Example(
        "flows/standard/conditional-flow-for-switch",
        "Your order is being mailed, please wait patiently.",
        says="order_search",
    ),
    Example(
        "flows/standard/maths-to-code",
        {"code": "print(5 + 3)", "answer": "8"},
        says='{"code": "print(5 + 3)"}',
        inputs={"math_question": "question"},
    ),
    Example("flows/standard/named-entity-recognition", ["finance manager", "CEO"], says="finance manager, CEO"),
    Example("flows/standard/question-simulation", "continue\ncontinue\ncontinue", says="continue", requests=4),
    Example("flows/chat/chat-basic", "4"),
    Example("flows/chat/chat-math-variant", 8, says='{"answer": 8}'),
    Example(
        "flows/chat/use_functions_with_chat_models",
        {"location": "Rome", "temperature": "72", "unit": "fahrenheit", "forecast": ["sunny", "windy"]},
        says=Reply(text=None, finish_reason="tool_calls", tool_calls=[WEATHER]),
    ),
    Example("flows/evaluation/eval-accuracy-maths-to-code", 0, requests=0),
    Example("flows/evaluation/eval-basic", "Incorrect", requests=0),
    Example("flows/evaluation/eval-chat-math", 1, requests=0),
    Example("flows/evaluation/eval-classification-accuracy", "Correct", requests=0),
    Example(
        "flows/evaluation/eval-entity-match-rate",
        {
            "answer": ["software engineer", "CEO"],
            "exact_match": 0,
            "ground_truth": ["CEO", "Software Engineer", "Finance Manager"],
            "partial_match": 1,
        },
        requests=0,
    ),
    Example("flows/evaluation/eval-groundedness", 4.0),
    Example(
        "flows/evaluation/eval-multi-turn-metrics",
        {"creativity": 4.0, "conversation_quality": 4.0, "answer_relevance": 4.0, "grounding": 4.0},
        says=lambda body: "4" if "entailed" in json.dumps(body["messages"]) else '{"score": 4.0}',
        requests=5,
    ),
    Example("flows/evaluation/eval-perceived-intelligence", 4.0),
    Example(
        "flows/evaluation/eval-qna-rag-metrics",
        {"gpt_groundedness": 4.0, "gpt_relevance": 4.0, "gpt_retrieval_score": 5.0},
        says="Quality score reasoning: good\nQuality score: 4/5",
        requests=3,
    ),
    Example(
        "flows/evaluation/eval-summarization",
        {"coherence": 2.0, "consistency": 2.0, "fluency": 2.0, "relevance": 2.0},
        says="2",
        requests=80,
    ),
    Example("flex-flows/basic", "4"),
    Example("flex-flows/chat-async-stream", "4"),
    Example("flex-flows/chat-basic", "4"),
    Example("flex-flows/chat-minimal", "4"),
    Example("flex-flows/chat-stream", "4"),
    Example(
        "flex-flows/eval-checklist",
        {"score": "4", "explanation": "fine"},
        says='{"score": "4", "explanation": "fine"}',
    ),
    Example(
        "flex-flows/eval-code-quality",
        {"correctness": 5, "readability": 4, "explanation": "ok"},
        says='{"correctness": 5, "readability": 4, "explanation": "ok"}',
    ),
]


def first_row(folder):
    """The flow's own sample: the first row of its data, else what its YAML gives as defaults."""
    for name in DATA_FILES:
        text = (folder / name).read_text(encoding="utf-8").strip() if (folder / name).is_file() else ""
        if text:
            row = json.loads(text) if name.endswith(".json") or "\n{" not in text else json.loads(text.splitlines()[0])
            return row[0] if isinstance(row, list) else row
    inputs = read_yaml(folder / "flow.dag.yaml").data["inputs"]
    return {name: given["default"] for name, given in inputs.items()}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """A workspace that holds the published examples, where their siblings are too."""
    root = tmp_path_factory.mktemp("published")
    shutil.copytree(Path(CHECKOUT or "") / "examples", root / "examples", symlinks=True)
    (root / "suites").mkdir()
    return Workspace.find(root)


def run(example: Example, workspace: Workspace) -> tuple[Output, ScriptedEndpoint]:
    """What `plimsoll run` makes of a suite with the example as its target and the first of its own rows as its case."""
    row = first_row(workspace.root / "examples" / example.path)
    (workspace.root / "cases.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    says = example.says
    with ScriptedEndpoint(says if callable(says) else lambda _body: says) as endpoint:
        suite = {
            "name": "published",
            "dataset": "cases.jsonl",
            "models": {"m": {"model": "local-model", "base_url": endpoint.base_url}},
            "targets": {"it": {"flow": f"examples/{example.path}", "model": "m", "inputs": example.inputs}},
            "evaluators": [{"regex": {"pattern": "."}}],
        }
        # JSON is YAML.
        (workspace.root / "suites" / "published.yaml").write_text(json.dumps(suite), encoding="utf-8")
        ran = run_suite(workspace, "published", RunOptions(reuse=False, track=False), Silent())
    (record,) = ran.report.cells
    assert isinstance(record.outcome, Output), record.outcome
    return record.outcome, endpoint


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.path)
def test_a_published_flow_runs_unmodified(example, workspace):
    before = {path: path.stat().st_mtime_ns for path in flow_files(workspace.root / "examples" / example.path)}
    output, endpoint = run(example, workspace)
    given = output.value if output.value is not None else output.text
    if isinstance(example.answer, dict) and output.value is None:
        given = {"answer": output.text, **output.extra}
    assert given == example.answer or (example.or_else is not None and given == example.or_else)
    assert output.usage.requests == len(endpoint.requests) == example.requests
    assert {request.json["model"] for request in endpoint.requests} <= {"local-model"}
    assert {request.path for request in endpoint.requests} <= {"/v1/chat/completions"}
    assert {path: path.stat().st_mtime_ns for path in before} == before

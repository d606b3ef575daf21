"""promptflow's published evaluation flows score answers unmodified, aggregation and all, from a checkout.

Each runs over rows of its own sample data, whose answer a target gives back. Those that are missing here need
embeddings or packages of their own: docs/promptflow.md says which.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.targets.test_flow_contract import NO_CHECKOUT, first_row

from plimsoll.api import RunOptions, SuiteRun, run_suite
from plimsoll.config import Workspace
from plimsoll.runs.observer import Silent
from plimsoll.targets.flow_definition import flow_files
from plimsoll.testing import ScriptedEndpoint

CHECKOUT = os.environ.get("PLIMSOLL_PROMPTFLOW_CHECKOUT")

pytestmark = [
    pytest.mark.promptflow,
    pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)"),
    pytest.mark.skipif(not CHECKOUT, reason=NO_CHECKOUT),
]

ONE_TO_FIVE = {"range": [1, 5]}
SIGNED = {"range": [-1, 1]}


@dataclass(frozen=True)
class Example:
    """A published evaluation flow: how a suite names it, and what it then makes of its own first two rows."""

    path: str
    answer: str
    """The column of its data that is the answer."""
    fills: str
    """The flow's input that the answer fills."""
    metrics: Mapping[str, Any]
    means: Mapping[str, Any]
    """Metric → its mean, or its labels."""
    figures: Mapping[str, float]
    says: str | Callable[[dict[str, Any]], str] = "4"
    settings: Mapping[str, Any] = field(default_factory=dict)
    structured: bool = False
    """The answer is a list or an object."""
    rows: int = 2


EXAMPLES = [
    Example(
        "flows/evaluation/eval-accuracy-maths-to-code",
        answer="answer",
        fills="prediction",
        metrics={"score": SIGNED},
        means={"it": 1.0},
        figures={"accuracy": 1, "error_rate": 0, "num_total": 2, "num_correct": 2, "num_exception": 0},
    ),
    Example(
        "flows/evaluation/eval-basic",
        answer="prediction",
        fills="prediction",
        metrics={"results": {"kind": "label", "labels": ["Correct", "Incorrect"]}},
        means={"it": {"Incorrect": 1}},
        figures={"results_num": 1},
        rows=1,
    ),
    Example(
        "flows/evaluation/eval-chat-math",
        answer="prediction",
        fills="prediction",
        metrics={"score": SIGNED},
        means={"it": 0.0},
        figures={"accuracy": 0.5, "error_rate": 0.5, "num_total": 2, "num_correct": 1, "num_exception": 1},
    ),
    Example(
        "flows/evaluation/eval-classification-accuracy",
        answer="prediction",
        fills="prediction",
        # Its YAML says that its only output is text: a label needs no declaration.
        metrics={},
        means={"it": {"Correct": 2}},
        figures={"accuracy": 1},
    ),
    Example(
        "flows/evaluation/eval-entity-match-rate",
        answer="entities",
        fills="entities",
        metrics={"match_cnt.exact_match": {"range": [0, 1]}, "match_cnt.partial_match": {"range": [0, 1]}},
        means={"it.match_cnt.exact_match": 0.5, "it.match_cnt.partial_match": 1.0},
        figures={"exact_match_rate": 0.5, "partial_match_rate": 1},
        structured=True,
    ),
    Example(
        "flows/evaluation/eval-groundedness",
        answer="answer",
        fills="answer",
        metrics={"groundedness": ONE_TO_FIVE},
        means={"it": 4.0},
        figures={"groundedness": 4, "count": 2},
        settings={"model": "m"},
    ),
    Example(
        "flows/evaluation/eval-multi-turn-metrics",
        answer="chat_history",
        fills="chat_history",
        metrics=dict.fromkeys(("creativity", "conversation_quality", "answer_relevance", "grounding"), ONE_TO_FIVE),
        means=dict.fromkeys(("it.creativity", "it.conversation_quality", "it.answer_relevance", "it.grounding"), 4.0),
        figures=dict.fromkeys(("creativity", "conversation_quality", "answer_relevance", "grounding"), 4.0),
        says=lambda body: "4" if "entailed" in json.dumps(body["messages"]) else '{"score": 4.0}',
        settings={
            "model": "m",
            "arguments": {"metrics": "creativity,conversation_quality,answer_relevance,grounding"},
        },
        structured=True,
        rows=1,
    ),
    Example(
        "flows/evaluation/eval-perceived-intelligence",
        answer="answer",
        fills="answer",
        metrics={"perceived_intelligence_score": {"range": [1, 10]}},
        means={"it": 4.0},
        figures={"perceived_intelligence_score": 4, "count": 2},
        settings={"model": "m"},
    ),
    Example(
        "flows/evaluation/eval-qna-rag-metrics",
        answer="answer",
        fills="answer",
        metrics=dict.fromkeys(("gpt_groundedness", "gpt_relevance"), ONE_TO_FIVE),
        means={"it.gpt_groundedness": 4.0, "it.gpt_relevance": 4.0},
        # The metric that is not asked for is NaN on every line, and is not logged.
        figures={"gpt_groundedness": 4, "gpt_relevance": 4},
        says="Quality score reasoning: good\nQuality score: 4/5",
        settings={"model": "m", "arguments": {"metrics": "gpt_groundedness,gpt_relevance"}},
        rows=1,
    ),
    Example(
        "flows/evaluation/eval-summarization",
        answer="summary",
        fills="summary",
        # Its YAML says that its outputs are numbers.
        metrics={},
        means={"it.coherence": 2.0, "it.consistency": 2.0, "it.fluency": 2.0, "it.relevance": 2.0},
        figures=dict.fromkeys(
            ("average_coherence", "average_consistency", "average_fluency", "average_relevance"), 2.0
        ),
        says="2",
        settings={"model": "m"},
        rows=1,
    ),
    Example(
        "flex-flows/eval-checklist",
        answer="answer",
        fills="answer",
        metrics={"correctness.score": ONE_TO_FIVE},
        means={"it": 4.0},
        figures={"average_correctness": 4, "total": 1},
        says='{"score": "4", "explanation": "fine"}',
        settings={"model": "m", "reason": "correctness.explanation"},
        rows=1,
    ),
    Example(
        "flex-flows/eval-code-quality",
        answer="code",
        fills="code",
        metrics={"correctness": ONE_TO_FIVE, "readability": ONE_TO_FIVE},
        means={"it.correctness": 5.0, "it.readability": 4.0},
        figures={"average_correctness": 5, "average_readability": 4, "total": 1},
        says='{"correctness": 5, "readability": 4, "explanation": "ok"}',
        settings={"model": "m", "reason": "explanation"},
        rows=1,
    ),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("published")
    shutil.copytree(Path(CHECKOUT or "") / "examples", root / "examples", symlinks=True)
    (root / "suites").mkdir()
    return Workspace.find(root)


def rows_of(example: Example, folder: Path) -> list[dict[str, Any]]:
    for name in ("data.jsonl", "test_data.jsonl"):
        if example.rows > 1 and (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
            return [json.loads(line) for line in lines[: example.rows]]
    return [first_row(folder)]


def run(example: Example, workspace: Workspace) -> SuiteRun:
    """What `plimsoll run` makes of a suite with the example as its only evaluator."""
    rows = rows_of(example, workspace.root / "examples" / example.path)
    given = [{"its_answer" if name == example.answer else name: value for name, value in row.items()} for row in rows]
    lines = "".join(json.dumps({"id": f"c{n}", **row}) + "\n" for n, row in enumerate(given))
    (workspace.root / "cases.jsonl").write_text(lines, encoding="utf-8")
    (workspace.root / "back.py").write_text("def answer(its_answer):\n    return its_answer\n", encoding="utf-8")
    says = example.says
    with ScriptedEndpoint(says if callable(says) else lambda _body: says) as endpoint:
        flow = {
            "flow": f"examples/{example.path}",
            "name": "it",
            "inputs": {example.fills: "value" if example.structured else "output"},
            "metrics": example.metrics,
            **example.settings,
        }
        suite = {
            "name": "published",
            "dataset": "cases.jsonl",
            "models": {"m": {"model": "local-model", "base_url": endpoint.base_url}},
            "targets": {"back": {"function": "back.py:answer"}},
            "evaluators": [{"flow": flow}],
        }
        # JSON is YAML.
        (workspace.root / "suites" / "published.yaml").write_text(json.dumps(suite), encoding="utf-8")
        return run_suite(workspace, "published", RunOptions(reuse=False, track=False), Silent())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.path)
def test_a_published_evaluation_flow_scores_and_aggregates_unmodified(example: Example, workspace: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in flow_files(workspace.root / "examples" / example.path)}
    ran = run(example, workspace)
    found = ran.summary.targets["back"]
    assert {name: metric.labels or metric.mean for name, metric in found.metrics.items()} == example.means
    aggregate = found.aggregates["it"]
    assert aggregate.failure is None, aggregate.failure
    assert aggregate.figures == example.figures
    assert (aggregate.ok, aggregate.failed, aggregate.skipped) == (example.rows, 0, 0)
    assert {metric.judged for metric in ran.report.metrics.values()} == {"model" in example.settings}
    assert {path: path.stat().st_mtime_ns for path in before} == before

"""A workspace with a judge whose model is a scripted endpoint, labels by rule, and figures by hand."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from plimsoll.calibration import Certificate, Figures, LabelsInfo, checks_of, outcome_of, sealed, statement_of
from plimsoll.calibration.comparison import Task
from plimsoll.calibration.figures import Agreement, CanaryFigure, Effort, Figure, People, Stability
from plimsoll.config import CalibrationPolicy, Workspace
from plimsoll.testing import Reply
from plimsoll.types import Decision

SUITE = """\
name: desk
dataset: datasets/desk.jsonl
models:
  main: {provider: openai, model: scripted, base_url: "${OPENAI_BASE_URL}", retries: 0, concurrency: 8}
targets:
  v1: {prompt: prompts/v1.jinja2, model: main}
evaluators:
  - judge: {prompt: evaluators/kind.prompty, name: kind, model: main, pass_if: ">= 4"}
gate:
  target: v1
  baseline: none
  judges: certified
  rules:
    - {metric: kind, at_least: 3}
"""
PROMPTY = """\
---
inputs:
  question: {type: string}
  output: {type: string}
  nonce: {type: string}
---
system:
Judge how kind the answer between the marks {{nonce}} is.

user:
Question: {{question}}
{{nonce}}
{{output}}
{{nonce}}
"""
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Bench:
    """What the endpoint answers: to an answer `answer N` the score that is set, to any other the lowest."""

    scores: dict[int, int] = field(default_factory=dict)
    replies: dict[int, Reply] = field(default_factory=dict)
    again: dict[int, Sequence[int]] = field(default_factory=dict)
    """Scores of an answer that is judged several times, in turn."""
    asked: list[str] = field(default_factory=list)
    fooled: bool = False
    """Whether what praises itself gets the best score."""

    def __call__(self, request: dict[str, Any]) -> str | Reply:
        # Where the first judgement was no use, the last message is not the question.
        text = "\n".join(message["content"] for message in request["messages"])
        found = re.search(r"answer (\d+)\b", text)
        self.asked.append(found[0] if found else "other")
        if not found:
            return judgement(5 if self.fooled and "supported" in text else 1)
        number = int(found[1])
        if number in self.replies:
            return self.replies[number]
        if number in self.again:
            times = self.asked.count(found[0]) - 1
            return judgement(self.again[number][times % len(self.again[number])])
        return judgement(self.scores.get(number, 1))


def judgement(score: int) -> str:
    return json.dumps({"reason": f"I say {score}.", "score": score})


def rows(labels: Sequence[Any], column: str = "label", **more: Any) -> list[dict[str, Any]]:
    return [
        {"question": f"question {n}", "output": f"answer {n} {'x' * (n % 7)}".strip(), column: label, **more}
        for n, label in enumerate(labels)
    ]


def write_labels(path: Path, given: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    return path


def write_workspace(root: Path, suite: str = SUITE, project: str = "") -> Workspace:
    files = {
        "suites/desk.yaml": suite,
        "prompts/v1.jinja2": "one {{ question }}",
        "evaluators/kind.prompty": PROMPTY,
        "datasets/desk.jsonl": "".join(
            json.dumps({"id": f"c{n}", "question": f"question {n}"}) + "\n" for n in range(12)
        ),
        "pyproject.toml": f"[tool.plimsoll]\nexperiment = 'desk'\n{project}",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Workspace.find(root)


def noisy_judge(truths: Sequence[bool], sensitivity: float, specificity: float, seed: int) -> dict[int, int]:
    """Scores by which the judge passes good answers at one rate and bad ones at another, drawn with a seed."""
    draw = random.Random(seed)
    passed = [draw.random() < sensitivity if truth else draw.random() >= specificity for truth in truths]
    return {n: draw.choice((4, 5)) if good else draw.choice((1, 2, 3)) for n, good in enumerate(passed)}


def figure(value: float, low: float | None, high: float | None, n: int = 200) -> Figure:
    return Figure(value=value, low=low, high=high, n=n, units=n, method="made up")


def figures(**changed: Any) -> Figures:
    """Those of a judge that may be believed."""
    agreement = Agreement(
        task=Task.VERDICT,
        compared=200,
        classes={"good": 100, "bad": 100},
        accuracy=figure(0.9, 0.85, 0.94),
        kappa=figure(0.8, 0.72, 0.87),
        sensitivity=figure(0.9, 0.82, 0.95, 100),
        specificity=figure(0.9, 0.82, 0.95, 100),
        informedness=figure(0.8, 0.7, 0.86),
    )
    made: dict[str, Any] = {
        "answers": 200,
        "scored": 200,
        "failed": 0,
        "skipped": 0,
        "agreement": agreement,
        "people": People(most=1, split=0),
        "stability": Stability(answers=30, repeats=3, failed=0, equal=1.0, alpha=None),
        "canaries": (CanaryFigure(name="empty", why="it says nothing", asked=5, low=5, failed=0),),
        "unassessed": 0,
        "length": None,
        "effort": Effort(judgements=265, requests=265, cost=None, seconds=0.5),
    }
    return Figures(**{**made, **changed})


def certificate(metric: str = "kind", judge_digest: str = "sha256:judge", **changed: Any) -> Certificate:
    """One that certifies, unless its figures say otherwise."""
    measured = changed.pop("figures", figures())
    policy = CalibrationPolicy()
    checks = checks_of(measured, policy)
    outcome = outcome_of(checks)
    made: dict[str, Any] = {
        "metric": metric,
        "judge": metric,
        "judge_digest": judge_digest,
        "models": ("scripted",),
        "labels": LabelsInfo(file="labels/kind.jsonl", digest="sha256:labels", answers=200),
        "threshold": ">= 4",
        "label_passes": None,
        "made": NOON,
        "expires": NOON + timedelta(days=90),
        "tool": "plimsoll 0",
        "policy": policy.model_dump(mode="json"),
        "figures": measured,
        "checks": checks,
        "certified": outcome is Decision.PASS,
        "statement": statement_of(measured, outcome, 0.95),
    }
    return sealed(Certificate(**{**made, **changed}))

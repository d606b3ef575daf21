"""A small workspace whose models are a scripted endpoint: two prompts, twelve cases, answers by a table."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.canonical import write_atomic
from plimsoll.config import Workspace
from plimsoll.testing import Reply

SUITE = """\
name: desk
dataset: datasets/desk.jsonl
models:
  main: {provider: openai, model: scripted, base_url: "${OPENAI_BASE_URL}", retries: 0, concurrency: 4}
targets:
  v1: {prompt: prompts/v1.jinja2, model: main}
  v2: {prompt: prompts/v2.jinja2, model: main}
evaluators:
  - exact_match
  - short
gate:
  target: v1
  rules:
    - {metric: exact_match, at_least: 0.5}
    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}
"""
SHORT = '''\
def short(output: str) -> bool:
    """At most three words."""
    return len(output.split()) <= 3
'''


@dataclass
class Desk:
    """What the endpoint answers: `answer N` to `question N`, but for what is told otherwise."""

    wrong: dict[str, set[int]] = field(default_factory=dict)
    """Prompt → the questions that it gets wrong."""
    replies: dict[int, Reply] = field(default_factory=dict)
    """Question → what is sent instead of an answer."""
    judgement: str | Reply = '{"reason": "it is so", "score": 4}'
    """What it says as a judge."""
    delay: float = 0.0
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(Prompt, question) → requests."""
    models: Counter[str] = field(default_factory=Counter)

    async def __call__(self, request: dict[str, Any]) -> str | Reply:
        if "response_format" in request:
            return self.judgement
        text = request["messages"][-1]["content"]
        prompt, number = text.split()[0], int(re.findall(r"question (\d+)", text)[-1])
        # As it stands when the request arrives: who waits for `asked` may then change it.
        reply = self.replies.get(number)
        self.asked[prompt, number] += 1
        self.models[request["model"]] += 1
        await asyncio.sleep(self.delay)
        if reply is not None:
            return reply
        return "no idea" if number in self.wrong.get(prompt, ()) else f"answer {number}"

    @property
    def requests(self) -> int:
        return self.asked.total()


def cases(amount: int = 12, **more: Any) -> list[dict[str, Any]]:
    """Rows of the dataset; `more` is added to each."""
    return [
        {
            "id": f"c{n}",
            "question": f"question {n}",
            "expected": f"answer {n}",
            "slices": ["even" if n % 2 == 0 else "odd"],
            **more,
        }
        for n in range(amount)
    ]


def write_cases(root: Path, rows: list[dict[str, Any]]) -> None:
    # Whole at once: a command that watches the file sees no half of it.
    write_atomic(root / "datasets" / "desk.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())


def write_workspace(
    root: Path, suite: str = SUITE, files: Mapping[str, str] | None = None, amount: int = 12
) -> Workspace:
    """Lay the workspace; `files` are further ones, or others in place of those that there are."""
    written = {
        "suites/desk.yaml": suite,
        "prompts/v1.jinja2": "one {{ question }}",
        "prompts/v2.jinja2": "two {{ question }}",
        "evaluators/short.py": SHORT,
        **(files or {}),
    }
    for name, text in written.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_cases(root, cases(amount))
    return Workspace.find(root)


def edit(root: Path, name: str, old: str, new: str) -> None:
    """Replace text in a file of the workspace."""
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} does not hold {old!r}"
    write_atomic(path, text.replace(old, new).encode())

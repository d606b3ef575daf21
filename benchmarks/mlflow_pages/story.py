"""A workspace with a few days of work in it: a first champion, a better prompt, a change that the gate refuses.

The cases and prompts are those of the reference suite. The model is scripted: how well it answers depends on the prompt
and on the case only, so that every picture of it shows the same figures.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plimsoll.testing.endpoint import Reply, ScriptedEndpoint

ROOT = Path(__file__).parents[2]
_SETTINGS = """\
[tool.plimsoll]
experiment = "support-desk"

[tool.plimsoll.promotion]
environments = ["staging"]

[tool.plimsoll.tracking]
traces = "all"
"""
_SUITE = """\
name: support-qa
description: Questions of guests, each answered from the help page that is given.
dataset: datasets/support-qa.jsonl

models:
  small: {model: scripted-small, temperature: 0, max_tokens: 60}
  large: {model: scripted-large, temperature: 0, max_tokens: 160}

targets:
  v1: {prompt: prompts/support-qa.v1.prompty, model: small}
  v2: {prompt: prompts/support-qa.v2.prompty, model: small}
  brief: {prompt: prompts/support-qa.brief.jinja2, model: small}

evaluators:
  - token_f1: {pass_if: ">= 0.2"}
  - contains: {ignore_case: true}
  - groundedness_overlap
  - abstention
  - is_brief
  - latency
  - tokens
  - judge: {prompt: evaluators/relevance.prompty, name: relevance, fields: {answer: output}, model: large}

gate:
  target: v2
  rules:
    - {metric: contains, at_least: 0.25}
    - {metric: token_f1, better_than: baseline}
    - {metric: contains, not_worse_than: baseline, margin: 0.05}
"""
_SKILL = {"v1": 0.5, "v2": 0.95, "brief": 0.6}


@contextmanager
def workspace(folder: Path) -> Iterator[dict[str, str]]:
    """Make the workspace, and serve its model; the environment for commands in it."""
    for name in ("prompts", "datasets", "evaluators"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "suites").mkdir()
    (folder / "suites" / "support-qa.yaml").write_text(_SUITE, encoding="utf-8")
    (folder / "pyproject.toml").write_text(_SETTINGS, encoding="utf-8")
    (folder / ".gitignore").write_text(".plimsoll/\n", encoding="utf-8")
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "The help desk's prompts")):
        author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        subprocess.run(["git", *author, *words], cwd=folder, check=True)
    with ScriptedEndpoint(_script(folder)) as endpoint:
        yield {**os.environ, "OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "not-a-key"}


def tell(folder: Path, environ: dict[str, str]) -> None:
    """What happened in it, one command after the other."""

    def plimsoll(*words: str, code: int = 0) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "plimsoll.cli.main", *words],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != code:
            raise RuntimeError(f"plimsoll {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        print(done.stdout + done.stderr)

    plimsoll("gate", "support-qa", "--target", "v1", "--first")
    plimsoll("promote", "support-qa", "--reason", "the first release", "--who", "Ann")
    plimsoll("gate", "support-qa", "--target", "v2")
    plimsoll("promote", "support-qa", "--reason", "answers from the page", "--who", "Ann")
    plimsoll("promote", "support-qa", "--alias", "staging", "--who", "Ann")
    plimsoll("gate", "support-qa", "--target", "brief", code=1)


def _script(folder: Path) -> Any:
    lines = (folder / "datasets" / "support-qa.jsonl").read_text(encoding="utf-8").splitlines()
    cases = {case["question"]: case for case in map(json.loads, lines)}

    def answer(request: dict[str, Any]) -> Reply:
        text = "\n".join(message["content"] for message in request["messages"])
        if "You grade" in text:
            return Reply(text=json.dumps(_grade(cases, text)), delay=0.05)
        case = next(case for question, case in reversed(cases.items()) if question in text)
        target = "v1" if "friendly" in text else "v2" if "Bikes" in text else "brief"
        return Reply(text=_answer(case, target), delay=0.2 + _draw(case["id"], target, "delay") * 0.5)

    return answer


def _draw(*words: str) -> float:
    """A number from 0 to 1 that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:6], "big") / 2**48


def _answer(case: dict[str, Any], target: str) -> str:
    sentences = re.split(r"(?<=[.!?])\s+", case["context"])
    if _draw(case["id"]) < _SKILL[target]:
        if "unanswerable" in case["slices"]:
            return "The help page does not say."
        holding = [sentence for sentence in sentences if case["expected"].lower() in sentence.lower()]
        said = holding[0] if holding else f"It is {case['expected']}."
        return f"Thanks for asking! {said} Have a lovely day on the water!" if target == "v1" else said
    if target == "v1":
        return f"Thanks for asking! {' '.join(sentences[:3])} Is there anything else that I can do for you?"
    return sentences[int(_draw(case["id"], target, "sentence") * len(sentences))]


def _grade(cases: dict[str, Any], text: str) -> dict[str, Any]:
    question, answer = (part.strip() for part in re.findall(r"<\w+ \w+>\n(.*?)\n</\w+ \w+>", text, re.DOTALL)[:2])
    case = cases[question]
    if answer == "The help page does not say.":
        return {"reason": "It says clearly that the answer is not known.", "score": 5}
    if case["expected"].lower() not in answer.lower():
        return {"reason": "It stays on the subject, but the question is not answered.", "score": 2}
    if answer.startswith("Thanks"):
        return {"reason": "It answers, and adds greetings that nobody asked for.", "score": 4}
    return {"reason": "It answers exactly what was asked.", "score": 5}

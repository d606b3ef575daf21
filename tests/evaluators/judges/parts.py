"""Judges for tests: built as a suite builds them, over a scripted model or a real endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.config import Document
from plimsoll.errors import CellError
from plimsoll.evaluators import BuildContext, build_evaluators, discover, score
from plimsoll.evaluators.judges.judge import Judge
from plimsoll.models.contract import ChatModel
from plimsoll.testing import ScriptedModel
from plimsoll.types import Case, ChatReply, ChatRequest, Output, Score

GOOD = '{"reason": "It answers.", "score": 4}'
OUTPUT = Output(text="A berth is £30.")
CASE = Case(
    id="c1",
    inputs={
        "question": "How much is a berth?",
        "context": "A berth costs £30 a night.",
        "instructions": "Answer in one sentence.",
        "old": "It depends.",
    },
    expected="£30",
)
BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "groundedness": {},
    "relevance": {},
    "correctness": {},
    "completeness": {},
    "coherence": {},
    "fluency": {},
    "safety": {},
    "instruction_following": {},
    "rubric": {"criteria": "It is friendly."},
    "preference": {"against": "old"},
}
"""Every built-in judge → the settings that it can't do without."""
NOWHERE = Path("/nonexistent")
"""A workspace without files."""


def model(*answers: str | ChatReply | CellError, name: str = "local") -> ScriptedModel:
    """One that gives these answers in turn."""
    waiting = list(answers)

    def answer(_request: ChatRequest) -> str | ChatReply:
        given = waiting.pop(0)
        if isinstance(given, CellError):
            raise given
        return given

    return ScriptedModel(answer, name=name)


def build(entry: Any, models: Sequence[ChatModel], root: Path = NOWHERE) -> Judge:
    """The judge that a suite's entry means."""
    context = BuildContext(root, {each.name: each for each in models})
    (judge,) = build_evaluators([entry], discover(root), context, Document("suites/s.yaml", None, {(): 7}))
    assert isinstance(judge, Judge)
    return judge


def built_in(which: str, asked: ChatModel, **more: Any) -> Judge:
    """A built-in judge with no more settings than it needs, and those given."""
    return build({which: {**BUILT_IN[which], **more}}, [asked])


async def judged_async(judge: Judge, case: Case = CASE, output: Output = OUTPUT) -> Score:
    """Its checked score."""
    (found,) = (await score(judge, case, output)).values()
    return found


def judged(judge: Judge, case: Case = CASE, output: Output = OUTPUT) -> Score:
    """Its checked score."""
    return asyncio.run(judged_async(judge, case, output))

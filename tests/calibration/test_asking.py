"""Asking: each question once, some at a time; what was answered is kept, what failed is asked again."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plimsoll.calibration import Kept, Question, ask, end_session, open_session
from plimsoll.errors import CellError, FailureKind, InfrastructureError
from plimsoll.runs.cache import CellCache
from plimsoll.testing import ScriptedModel
from plimsoll.types import Case, ChatRequest, Failed, Metric, Output, Scored, Usage


class Judge:
    """Gives the length of the answer, after asking its model."""

    name = "length"
    metrics = (Metric(name="length", judged=True),)
    requires: frozenset[str] = frozenset()
    reusable = True

    def __init__(self, model: ScriptedModel) -> None:
        self.models = (model,)

    def identity(self) -> dict[str, Any]:
        return {"judge": "length"}

    async def evaluate(self, case: Case, output: Output) -> Scored:
        reply = await self.models[0].chat(ChatRequest(messages=({"role": "user", "content": output.text},)))
        return Scored(value=float(len(reply.text)), usage=Usage(requests=1))


def questions(count: int) -> list[Question]:
    return [Question(f"q{n}", Case(id=f"c{n}", inputs={"n": n}), Output(text="x" * n)) for n in range(count)]


def echo(request: ChatRequest) -> str:
    return str(request.messages[0]["content"])


def test_every_question_is_answered_once_with_no_more_at_a_time_than_the_model_takes():
    inside, most = 0, 0

    async def answer(request: ChatRequest) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(3):
            await asyncio.sleep(0)
        inside -= 1
        return echo(request)

    model = ScriptedModel(answer, concurrency=4)
    heard: list[int] = []
    found = asyncio.run(ask(Judge(model), "length", questions(20), told=heard.append))
    assert {name: judged.score.value for name, judged in found.items() if isinstance(judged.score, Scored)} == {
        f"q{n}": float(n) for n in range(20)
    }
    assert len(model.requests) == 20
    assert most == 4
    assert heard == list(range(1, 21))


def test_what_was_answered_before_an_interruption_is_not_asked_again_but_what_failed_is(tmp_path: Path):
    times: Counter[str] = Counter()

    def answer(request: ChatRequest) -> str:
        text = echo(request)
        times[text] += 1
        if text == "xxx" and times[text] == 1:
            raise CellError(FailureKind.SERVER, "busy")
        if len(times) == 8 and times[text] == 1:
            raise KeyboardInterrupt
        return text

    judge = Judge(ScriptedModel(answer, concurrency=1))

    def session(token: str) -> dict[str, Any]:
        with CellCache(tmp_path / "cache.db") as cache:
            return asyncio.run(ask(judge, "length", questions(12), kept=Kept(cache, token)))

    with pytest.raises(KeyboardInterrupt):
        session("one")
    assert times.total() == 8
    found = session("one")
    assert len(found) == 12
    # Six were kept; the one that failed, the one in flight and the four that were left are asked.
    assert times.total() == 8 + 6
    assert [found[name].seconds is None for name in ("q0", "q3", "q7", "q11")] == [True, False, False, False]
    session("two")
    assert times.total() == 14 + 12


def test_repeats_of_one_answer_are_judgements_of_their_own(tmp_path: Path):
    lengths = iter(("x", "xx", "xxx"))
    judge = Judge(ScriptedModel(lambda _request: next(lengths), concurrency=1))
    same = [Question(f"repeat/0/{n}", Case(id="c", inputs={"n": 1}), Output(text="answer")) for n in range(3)]
    with CellCache(tmp_path / "cache.db") as cache:
        found = asyncio.run(ask(judge, "length", same, kept=Kept(cache, "one")))
    assert [judged.score.value for judged in found.values() if isinstance(judged.score, Scored)] == [1.0, 2.0, 3.0]


def test_a_model_that_is_down_ends_it_and_says_why():
    model = ScriptedModel(echo, concurrency=1)
    with pytest.raises(InfrastructureError, match="length can't be calibrated: the key is wrong"):
        asyncio.run(
            ask(
                Judge(model),
                "length",
                questions(9),
                down=lambda: "the key is wrong" if len(model.requests) > 4 else None,
            )
        )
    assert len(model.requests) == 5


def test_a_failed_judgement_is_an_answer_too():
    def refuse(_request: ChatRequest) -> str:
        raise CellError(FailureKind.REFUSED, "the filter")

    found = asyncio.run(ask(Judge(ScriptedModel(refuse)), "length", questions(2)))
    assert all(isinstance(judged.score, Failed) for judged in found.values())


def test_a_session_goes_on_for_the_same_judge_and_labels_until_it_ends_or_is_a_week_old(tmp_path: Path):
    path, now = tmp_path / "session.json", datetime(2026, 1, 1, tzinfo=UTC)
    first = open_session(path, "judge", "labels", now)
    assert open_session(path, "judge", "labels", now + timedelta(days=6)) == first
    tokens = {first.token}
    for judge, labels, later in (
        ("other", "labels", timedelta(1)),
        ("other", "more labels", timedelta(1)),
        ("other", "more labels", timedelta(9)),
    ):
        tokens.add(open_session(path, judge, labels, now + later).token)
    end_session(path)
    tokens.add(open_session(path, "other", "more labels", now + timedelta(9)).token)
    path.write_text("{", encoding="utf-8")
    tokens.add(open_session(path, "other", "more labels", now + timedelta(9)).token)
    assert len(tokens) == 6

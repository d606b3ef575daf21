"""Asking a judge many questions, some at once, each answered once: what an interrupted calibration was told is kept.

Answers are kept in the cell cache under the calibration's own session, never under the keys of runs: a certificate
tells how the judge is now, and each repeat has to be a judgement of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from plimsoll import canonical
from plimsoll.errors import InfrastructureError
from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.scoring import score
from plimsoll.evaluators.traits import models_of
from plimsoll.runs.cache import CellCache
from plimsoll.runs.identity import Keys
from plimsoll.runs.scrubbing import NOTHING, Scrub
from plimsoll.types import Case, Output, Score

_WITHOUT_MODEL = 16
"""Questions at once where the judge names no model whose limit would say."""


@dataclass(frozen=True, slots=True)
class Question:
    """One answer to be judged, once."""

    name: str
    """Unique in the calibration: which row, repeat or canary it is."""
    case: Case
    output: Output


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge said."""

    score: Score
    seconds: float | None
    """None where the answer was kept from a session that was interrupted."""


class Kept:
    """The answers of one session."""

    def __init__(self, cache: CellCache, session: str) -> None:
        """Over an open cache.

        Args:
            cache: The workspace's.
            session: Names the calibration: another one asks anew.
        """
        self._cache = cache
        self._session = session
        self._keys = Keys()

    def find(self, evaluator: Evaluator, question: Question) -> Mapping[str, Score] | None:
        """The scores of a question that was answered."""
        return self._cache.scores(self._key(evaluator, question))

    def keep(self, evaluator: Evaluator, question: Question, scores: Mapping[str, Score]) -> None:
        """Keep them, if each is a value: what failed is asked again."""
        name = f"calibration/{evaluator.name}/{question.name}"
        self._cache.keep_scores(self._key(evaluator, question), dict(scores), name, {"session": self._session})

    def _key(self, evaluator: Evaluator, question: Question) -> str:
        # The whole case, since an evaluator may read more of it than the key of a score sees.
        asked = self._keys.score(evaluator, question.case, question.output)
        return canonical.digest([self._session, question.name, question.case.fields(), asked])


async def ask(
    evaluator: Evaluator,
    metric: str,
    questions: Sequence[Question],
    *,
    kept: Kept | None = None,
    told: Callable[[int], None] = lambda _done: None,
    down: Callable[[], str | None] = lambda: None,
    scrub: Scrub = NOTHING,
) -> dict[str, Judged]:
    """The judge's answers, by the questions' names.

    Args:
        evaluator: The judge; whatever it does becomes a score.
        metric: Which of its metrics.
        questions: With names of their own.
        kept: Where answers are kept; None keeps none.
        told: Hears how many are done, after each.
        down: Why no question is worth asking any more; None while there is no reason.
        scrub: Takes the environment's keys out of what is kept and shown.

    Raises:
        InfrastructureError: the judge's model is down.
    """
    answers: dict[str, Judged] = {}
    waiting = iter(questions)
    async with asyncio.TaskGroup() as group:
        for _ in range(min(_at_once(evaluator), len(questions))):
            group.create_task(_work(evaluator, metric, waiting, answers, kept=kept, told=told, down=down, scrub=scrub))
    if len(answers) < len(questions):
        why = down() or "its model stopped answering"
        raise InfrastructureError(
            f"{evaluator.name} can't be calibrated: {why}",
            remedy="the same command goes on from here; what was answered is kept",
        )
    return answers


async def _work(
    evaluator: Evaluator,
    metric: str,
    waiting: Iterator[Question],
    answers: dict[str, Judged],
    *,
    kept: Kept | None,
    told: Callable[[int], None],
    down: Callable[[], str | None],
    scrub: Scrub,
) -> None:
    for question in waiting:
        scores = None if kept is None else kept.find(evaluator, question)
        seconds = None
        if scores is None:
            if down() is not None:
                return
            began = time.perf_counter()
            scores = scrub.scores(await score(evaluator, question.case, question.output))
            seconds = time.perf_counter() - began
            if kept is not None:
                kept.keep(evaluator, question, scores)
        answers[question.name] = Judged(scores[metric], seconds)
        told(len(answers))


def _at_once(evaluator: Evaluator) -> int:
    return max((model.concurrency for model in models_of(evaluator)), default=_WITHOUT_MODEL)

"""The engine: takes a plan's cells through generation and scoring, and journals each as it is finished.

Targets of one lane (usually: one model) share as many workers as the lane takes requests at once; each pulls its next
cell when it is free, so that nothing is queued ahead and cases are read as they are needed. An answer goes to scoring
as soon as it is there. A slow judge holds back neither the lanes nor the other evaluators: answers that have to wait
for it wait in the journal. A cell's failure is that cell's; a lane whose endpoint is plainly down is given up, and what
it still owed stays owed.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from plimsoll.errors import CellError, FailureKind, PlimsollError, boundary
from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.scoring import apply_pass_if, score, skipped, unscored
from plimsoll.runs.across import Answers, with_answers
from plimsoll.runs.cache import CellCache
from plimsoll.runs.identity import Keys, cell_name
from plimsoll.runs.index import JournalIndex
from plimsoll.runs.journal import Journal, OutputLine, ScoreLine
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import Plan
from plimsoll.runs.scrubbing import NOTHING, Scrub
from plimsoll.targets.contract import RunnableTarget
from plimsoll.targets.conversation import answer
from plimsoll.types import Case, CellId, CellRecord, Failed, Failure, Look, Outcome, Output, Score, Scored, Usage

SCORED_AT_ONCE = 32
"""Answers in scoring where nothing says how many a judge takes."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """An evaluator as the suite uses it: on which cases, and what passes."""

    evaluator: Evaluator
    applies: Callable[[Case], str | None] = lambda _case: None
    """None, or why the evaluator leaves this case out."""

    @property
    def waits(self) -> bool:
        """Whether it may wait for something else, a model or a thread, and so is worth a task of its own."""
        return inspect.iscoroutinefunction(self.evaluator.evaluate)


@dataclass(frozen=True, slots=True)
class Job:
    """All that an execution needs, already open."""

    plan: Plan
    cases: Mapping[str, Case]
    """The plan's cases, in its order: read through once for each lane."""
    targets: Mapping[str, RunnableTarget]
    scorers: Sequence[Scorer]
    transforms: Mapping[str, Callable[[Output], Output]]
    """Target → what is done to its outputs before scoring."""
    journal: Journal
    cache: CellCache
    observer: Observer
    done: JournalIndex
    """What earlier sessions of the run have finished."""
    reuse: bool = True
    """Take outputs and scores from the cache; they are kept there in any case."""
    not_before: float = -math.inf
    """Seconds since 1970: an output that was kept earlier is generated again; infinity takes none. Scores of an output
    that comes out the same are taken all the same."""
    owed: Callable[[int], bool] | None = None
    """Which cells, by number, this session may work on; None is all that are owed."""
    stop: Callable[[], str | None] = lambda: None
    """Asked before each cell: why no further one may begin (a spend cap is reached); None goes on."""
    down: Callable[[], str | None] = lambda: None
    """Asked before each cell: why an endpoint that scoring needs is plainly down; None as far as is known."""
    scrub: Scrub = NOTHING
    """Takes the environment's keys out of what is recorded."""
    scored_at_once: int = SCORED_AT_ONCE
    """Answers in scoring at the same time: at least as many as the judges take requests."""


@dataclass(slots=True)
class Tally:
    """What an execution did."""

    requests: int = 0
    given_up: dict[str, str] = field(default_factory=dict)
    """Lane → why it was given up."""
    stopped: str | None = None
    """Why no further cell was begun."""
    look: Look | None = None
    """Of a sequential run: where it was decided, or what it was on the way to."""
    due: int | None = None
    """Of a sequential run: cells that were due up to there."""

    @property
    def complete(self) -> bool:
        """No cell is left owed."""
        return not self.given_up and self.stopped is None


@dataclass(frozen=True, slots=True)
class _Answered:
    cell: CellId
    place: int
    case: Case
    key: str
    outcome: Outcome
    cached: bool
    started: float | None = None
    before: bool = False
    """An earlier session of the run finished it."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An answer that waits in the journal to be scored."""

    cell: CellId
    place: int
    position: int
    before: bool


class _Execution:
    def __init__(self, job: Job, tally: Tally) -> None:
        self.job = job
        self.tally = tally
        self._keys = Keys(job.plan.epoch)
        self._scoring: asyncio.Queue[_Answered | None] = asyncio.Queue(maxsize=2 * job.scored_at_once)
        self._waiting: deque[_Waiting] = deque()
        self._owed = job.owed or job.done.owes
        evaluators = [scorer.evaluator for scorer in job.scorers]
        self._answers: Answers[_Waiting] = Answers(evaluators, job.plan.targets, job.done)
        self._quick = [scorer for scorer in job.scorers if not scorer.waits]
        self._slow = [scorer for scorer in job.scorers if scorer.waits]

    async def run(self) -> None:
        lanes: dict[str, list[str]] = {}
        for name, target in self.job.targets.items():
            lanes.setdefault(target.lane, []).append(name)
        try:
            async with asyncio.TaskGroup() as group:
                scorers = [group.create_task(self._score_all()) for _ in range(self.job.scored_at_once)]
                lane_tasks = [group.create_task(self._run_lane(lane, names)) for lane, names in lanes.items()]
                await asyncio.gather(*lane_tasks)
                for _ in scorers:
                    await self._scoring.put(None)
        except BaseExceptionGroup as errors:
            # Several tasks may hit the same full disk: one of them tells the story.
            ours, _ = errors.split(PlimsollError)
            if ours is not None:
                raise _first(ours) from None
            raise

    async def _run_lane(self, lane: str, names: list[str]) -> None:
        cells = self._cells(names)
        async with asyncio.TaskGroup() as group:
            for _ in range(max(self.job.targets[name].concurrency for name in names)):
                group.create_task(self._work(lane, cells))

    def _cells(self, names: Sequence[str]) -> Iterator[tuple[CellId, int, Case]]:
        """The cells to work on, case by case, so that targets of one lane advance together."""
        repeats = range(max(1, self.job.plan.repeats))
        for number, case in enumerate(self.job.cases.values()):
            for name in names:
                for repeat in repeats:
                    place = self.job.done.number(name, number, repeat)
                    if self._owed(place):
                        yield CellId(name, case.id, repeat), place, case

    async def _work(self, lane: str, cells: Iterator[tuple[CellId, int, Case]]) -> None:
        for cell, place, case in cells:
            if self._has_ended(lane):
                return
            position = self.job.done.outcome(place) if self.job.done.has_output(place) else None
            if position is not None:
                answered = self._read(_Waiting(cell, place, position, before=True), case)
            else:
                answered = await self._generate(lane, cell, place, case)
                if isinstance(answered.outcome, Failure) and answered.outcome.kind is FailureKind.SPEND_CAP:
                    # Nothing was sent: the cell is owed as before.
                    self.tally.stopped = self.tally.stopped or self.job.stop()
                    return
                position = self.job.journal.append(_line_of(answered))
            for waiting in self._answers.arrived(cell, place, position):
                await self._hand_over(self._read(waiting, self.job.cases[waiting.cell.case]), waiting.position)
            await self._hand_over(answered, position)

    def _has_ended(self, lane: str) -> bool:
        if self.tally.stopped is None:
            self.tally.stopped = self.job.stop()
        down = self.job.down()
        if down is not None:
            self.tally.given_up[lane] = down
        return lane in self.tally.given_up or self.tally.stopped is not None

    async def _hand_over(self, answered: _Answered, position: int) -> None:
        """Have an answer scored; `position` is where it stands in the journal."""
        waiting = _Waiting(answered.cell, answered.place, position, answered.before)
        if self._answers.wait(waiting.cell, waiting.place, waiting):
            return
        if self._scoring.full():
            # Evaluators that wait for nothing catch up within one turn of the loop.
            await asyncio.sleep(0)
        if self._scoring.full():
            self._waiting.append(waiting)
        else:
            self._scoring.put_nowait(answered)

    def _read(self, waiting: _Waiting, case: Case) -> _Answered:
        line = self.job.journal.reader.output(waiting.position)
        outcome, started = line.outcome, line.started
        return _Answered(waiting.cell, waiting.place, case, line.key, outcome, line.cached, started, waiting.before)

    async def _generate(self, lane: str, cell: CellId, place: int, case: Case) -> _Answered:
        target = self.job.targets[cell.target]
        key, began = "", time.time()
        try:
            with boundary(FailureKind.TARGET, f"target {cell.target}"):
                generation = target.generation(case)
                if generation is not None:
                    key = self._keys.generation(generation, cell.repeat)
                    kept = self.job.cache.output(key, self.job.not_before) if self.job.reuse else None
                    if kept is not None:
                        return _Answered(cell, place, case, key, kept, cached=True)
                output = self.job.scrub.without(await answer(target, case))
        except CellError as error:
            self.tally.requests += error.requests
            if error.down:
                why = self.job.scrub.text(f"{error.message} ({error.remedy})")
                self.tally.given_up.setdefault(lane, why)
            failure = self.job.scrub.outcome(Failure.of(error))
            return _Answered(cell, place, case, key, failure, cached=False, started=began)
        self.tally.requests += output.usage.requests
        if key:
            parts = self._keys.generation_parts(generation or {}, cell.repeat)
            self.job.cache.keep_output(key, output, cell_name(self.job.plan.suite, cell), parts)
        # Not before the asking: a request may have waited for its turn.
        started = time.time() - (output.latency or 0.0)
        return _Answered(cell, place, case, key, output, cached=False, started=started)

    async def _score_all(self) -> None:
        while (answered := await self._next()) is not None:
            await self._score_cell(answered)

    async def _next(self) -> _Answered | None:
        if not self._waiting:
            found = await self._scoring.get()
            if found is not None or not self._waiting:
                return found
            # The lanes are done, and so is the queue: what waits in the journal is the last.
            await self._scoring.put(None)
        waiting = self._waiting.popleft()
        return self._read(waiting, self.job.cases[waiting.cell.case])

    async def _score_cell(self, answered: _Answered) -> None:
        asked = _asked_for(answered)
        given = [await self._score_one(answered, scorer, asked) for scorer in self._quick]
        given += await asyncio.gather(*(self._score_one(answered, scorer, asked) for scorer in self._slow))
        scores = {name: value for one in given for name, value in one.items()}
        self.job.observer.finished(
            CellRecord(
                cell=answered.cell,
                key=answered.key,
                outcome=answered.outcome,
                cached=answered.cached,
                started=answered.started,
                scores=scores,
            ),
            asked,
        )

    async def _score_one(self, answered: _Answered, scorer: Scorer, asked: list[Usage]) -> dict[str, Score]:
        evaluator = scorer.evaluator
        before = self.job.done.good_scores(answered.place, evaluator.name) if answered.before else None
        if before is not None:
            return self.job.journal.reader.scores(before).scores
        line = await self._scored(answered, scorer, asked)
        if any(
            isinstance(score, Failed) and score.failure.kind is FailureKind.SPEND_CAP for score in line.scores.values()
        ):
            # Nobody judged: the scores are owed as before.
            self.tally.stopped = self.tally.stopped or self.job.stop()
            return {}
        self.job.journal.append(line)
        return line.scores

    async def _scored(self, answered: _Answered, scorer: Scorer, asked: list[Usage]) -> ScoreLine:
        evaluator, case = scorer.evaluator, answered.case
        line = partial(ScoreLine, cell=answered.cell, evaluator=evaluator.name)
        reason = scorer.applies(case)
        if not isinstance(answered.outcome, Failure) and reason is not None:
            return line(key="", scores=skipped(evaluator, reason))
        output = self._transformed(answered.cell.target, answered.outcome)
        if isinstance(output, Failure):
            return line(key="", scores=unscored(evaluator, output))
        read = self._answers.reads[evaluator.name]
        if read:
            found = with_answers(read, answered.cell, case, self._others(answered, read))
            if not isinstance(found, Case):
                return line(key="", scores={metric.name: found for metric in evaluator.metrics})
            case = found
        key = self._keys.score(evaluator, case, output) if evaluator.reusable else ""
        kept = self.job.cache.scores(key) if key and self.job.reuse else None
        if kept is not None:
            return line(key=key, scores=apply_pass_if(evaluator, case, kept), cached=True)
        scores = self.job.scrub.scores(await score(evaluator, case, output))
        judges = (value.usage for value in scores.values() if isinstance(value, Scored | Failed))
        judged = [usage for usage in judges if usage.requests]
        self.tally.requests += sum(usage.requests for usage in judged)
        asked += judged
        if key:
            name = cell_name(self.job.plan.suite, answered.cell, evaluator.name)
            self.job.cache.keep_scores(key, scores, name, self._keys.score_parts(evaluator, case, output))
        return line(key=key, scores=scores)

    def _others(self, answered: _Answered, read: Collection[str]) -> dict[str, Outcome]:
        """What other targets answered to the case."""
        return {
            name: self._transformed(name, self.job.journal.reader.output(position).outcome)
            for name, position in self._answers.positions(answered.cell, answered.place).items()
            if name in read and position is not None
        }

    def _transformed(self, target: str, outcome: Outcome) -> Outcome:
        """What evaluators see of an outcome."""
        try:
            return outcome if isinstance(outcome, Failure) else self.job.transforms[target](outcome)
        except CellError as error:
            return self.job.scrub.outcome(Failure.of(error))


async def execute(job: Job, tally: Tally) -> None:
    """Work off a job's cells. Returns when each has an outcome, its lane was given up, or the job said stop.

    Args:
        job: What to do, with everything open.
        tally: Counted up as it goes, so that it is right even when this is cancelled.

    Raises:
        InfrastructureError: journal or cache can't be written; everything journalled before is kept.
    """
    await _Execution(job, tally).run()


def _line_of(answered: _Answered) -> OutputLine:
    return OutputLine(
        cell=answered.cell,
        key=answered.key,
        outcome=answered.outcome,
        cached=answered.cached,
        started=answered.started,
    )


def _asked_for(answered: _Answered) -> list[Usage]:
    """What the answer took of models in this session."""
    outcome = answered.outcome
    if isinstance(outcome, Failure) or answered.cached or answered.before or not outcome.usage.requests:
        return []
    return [outcome.usage]


def _first(errors: BaseExceptionGroup[PlimsollError]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

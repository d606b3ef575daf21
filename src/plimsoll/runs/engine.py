"""The engine: takes a plan's cells through generation and scoring, and journals each as it is finished.

Targets of one lane (usually: one model) share a bounded queue and as many workers as the lane takes requests at once.
An answer goes to scoring as soon as it is there; a slow judge holds back neither the lanes nor the other evaluators
until the small queue between them is full. A cell's failure is that cell's; a lane that does nothing but fail because
its endpoint can't be reached is given up, and what it still owed stays owed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from plimsoll.errors import CellError, FailureKind, PlimsollError, boundary
from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.scoring import apply_pass_if, score, skipped, unscored
from plimsoll.runs.cache import CellCache
from plimsoll.runs.identity import cell_name, generation_key, generation_parts, score_key, score_parts
from plimsoll.runs.journal import Journal, OutputLine, ScoreLine
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import Plan
from plimsoll.targets.contract import RunnableTarget
from plimsoll.types import Case, CellId, CellRecord, Failed, Failure, Outcome, Output, Score, Scored

_SCORING_WORKERS = 32
_GIVE_UP_AFTER = 10
_UNREACHABLE = frozenset({FailureKind.CONNECTION, FailureKind.AUTH, FailureKind.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Scorer:
    """An evaluator as the suite uses it: on which cases, and what passes."""

    evaluator: Evaluator
    applies: Callable[[Case], str | None] = lambda _case: None
    """None, or why the evaluator leaves this case out."""
    timeout: float = 120.0
    """Seconds for one output."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a resumed run has finished already."""

    outcomes: Mapping[CellId, OutputLine] = field(default_factory=dict)
    scores: Mapping[tuple[CellId, str], ScoreLine] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """All that an execution needs, already open."""

    plan: Plan
    cases: Iterable[Case]
    """Iterated once for each lane: must be the plan's cases, in its order, each time."""
    targets: Mapping[str, RunnableTarget]
    scorers: Callable[[Case], Sequence[Scorer]]
    transforms: Mapping[str, Callable[[Output], Output]]
    """Target → what is done to its outputs before scoring."""
    journal: Journal
    cache: CellCache
    observer: Observer
    reuse: bool = True
    """Take outputs and scores from the cache; they are kept there in any case."""
    owed: Callable[[CellId], bool] = lambda _cell: True
    """Which cells this session may work on."""
    stop: Callable[[], str | None] = lambda: None
    """Asked before each cell: why no further one may begin (a spend cap is reached); None goes on."""


@dataclass(slots=True)
class Tally:
    """What an execution did."""

    requests: int = 0
    given_up: dict[str, str] = field(default_factory=dict)
    """Lane → why it was given up."""
    stopped: str | None = None
    """Why no further cell was begun."""

    @property
    def complete(self) -> bool:
        """No cell is left owed."""
        return not self.given_up and self.stopped is None


@dataclass(frozen=True, slots=True)
class _Answered:
    cell: CellId
    case: Case
    key: str
    outcome: Outcome
    cached: bool
    before: bool = False
    """An earlier session of the run finished it."""


class _Execution:
    def __init__(self, job: Job, done: Done, tally: Tally) -> None:
        self.job = job
        self.done = done
        self.tally = tally
        self._scoring: asyncio.Queue[_Answered | None] = asyncio.Queue(maxsize=2 * _SCORING_WORKERS)
        self._strikes: dict[str, int] = {}

    async def run(self) -> None:
        lanes: dict[str, list[str]] = {}
        for name, target in self.job.targets.items():
            lanes.setdefault(target.lane, []).append(name)
        try:
            async with asyncio.TaskGroup() as group:
                scorers = [group.create_task(self._score_all()) for _ in range(_SCORING_WORKERS)]
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
        concurrency = max(self.job.targets[name].concurrency for name in names)
        queue: asyncio.Queue[tuple[CellId, Case] | None] = asyncio.Queue(maxsize=2 * concurrency)
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work(lane, queue)) for _ in range(concurrency)]
            for case in self.job.cases:
                for name in names:
                    for repeat in range(self.job.plan.repeats):
                        cell = CellId(name, case.id, repeat)
                        if self.job.owed(cell):
                            await queue.put((cell, case))
            for _ in workers:
                await queue.put(None)

    async def _work(self, lane: str, queue: asyncio.Queue[tuple[CellId, Case] | None]) -> None:
        while (item := await queue.get()) is not None:
            if lane in self.tally.given_up:
                continue
            cell, case = item
            before = self.done.outcomes.get(cell)
            if before is not None:
                answered = _Answered(cell, case, before.key, before.outcome, before.cached, before=True)
            else:
                answered = await self._generate(cell, case)
                self._count(lane, answered.outcome)
                self.job.journal.append(
                    OutputLine(cell=cell, key=answered.key, outcome=answered.outcome, cached=answered.cached)
                )
            await self._scoring.put(answered)

    def _count(self, lane: str, outcome: Outcome) -> None:
        if isinstance(outcome, Failure) and outcome.kind in _UNREACHABLE:
            self._strikes[lane] = self._strikes.get(lane, 0) + 1
            if self._strikes[lane] >= _GIVE_UP_AFTER:
                self.tally.given_up[lane] = f"{outcome.message} ({outcome.remedy})"
        else:
            # One answer shows that the endpoint is there: from then on every failure is the cell's own.
            self._strikes[lane] = -(10**9)

    async def _generate(self, cell: CellId, case: Case) -> _Answered:
        target = self.job.targets[cell.target]
        key = ""
        try:
            with boundary(FailureKind.TARGET, f"target {cell.target}"):
                generation = target.generation(case)
                if generation is not None:
                    key = generation_key(generation, cell.repeat, self.job.plan.epoch)
                    kept = self.job.cache.output(key) if self.job.reuse else None
                    if kept is not None:
                        return _Answered(cell, case, key, kept, cached=True)
                output = await target.run(case)
        except CellError as error:
            self.tally.requests += error.requests
            return _Answered(cell, case, key, Failure.of(error), cached=False)
        self.tally.requests += output.usage.requests
        if key:
            parts = generation_parts(generation or {}, cell.repeat, self.job.plan.epoch)
            self.job.cache.keep_output(key, output, cell_name(self.job.plan.suite, cell), parts)
        return _Answered(cell, case, key, output, cached=False)

    async def _score_all(self) -> None:
        while (answered := await self._scoring.get()) is not None:
            scorers = self.job.scorers(answered.case)
            given = await asyncio.gather(*(self._score_one(answered, scorer) for scorer in scorers))
            if answered.before and all(self._scored_before(answered, scorer) for scorer in scorers):
                continue
            scores = {name: value for one in given for name, value in one.items()}
            self.job.observer.finished(
                CellRecord(
                    cell=answered.cell,
                    key=answered.key,
                    outcome=answered.outcome,
                    cached=answered.cached,
                    scores=scores,
                )
            )

    def _scored_before(self, answered: _Answered, scorer: Scorer) -> bool:
        return (answered.cell, scorer.evaluator.name) in self.done.scores

    async def _score_one(self, answered: _Answered, scorer: Scorer) -> dict[str, Score]:
        before = self.done.scores.get((answered.cell, scorer.evaluator.name))
        if before is not None:
            return before.scores
        key, scores = await self._scores(answered, scorer)
        self.job.journal.append(ScoreLine(cell=answered.cell, evaluator=scorer.evaluator.name, key=key, scores=scores))
        return scores

    async def _scores(self, answered: _Answered, scorer: Scorer) -> tuple[str, dict[str, Score]]:
        evaluator, case = scorer.evaluator, answered.case
        if isinstance(answered.outcome, Failure):
            return "", unscored(evaluator, answered.outcome)
        reason = scorer.applies(case)
        if reason is not None:
            return "", skipped(evaluator, reason)
        try:
            output = self.job.transforms[answered.cell.target](answered.outcome)
        except CellError as error:
            return "", unscored(evaluator, Failure.of(error))
        key = score_key(evaluator, case, output) if evaluator.reusable else ""
        kept = self.job.cache.scores(key) if key and self.job.reuse else None
        if kept is not None:
            return key, apply_pass_if(evaluator, case, kept)
        scores = await score(evaluator, case, output, timeout=scorer.timeout)
        self.tally.requests += sum(
            value.usage.requests for value in scores.values() if isinstance(value, Scored | Failed)
        )
        if key:
            name = cell_name(self.job.plan.suite, answered.cell, evaluator.name)
            self.job.cache.keep_scores(key, scores, name, score_parts(evaluator, case, output))
        return key, scores


async def execute(job: Job, done: Done, tally: Tally) -> None:
    """Work off a job's cells. Returns when each has an outcome, or its lane was given up.

    Args:
        job: What to do, with everything open.
        done: What an earlier session of the run has finished.
        tally: Counted up as it goes, so that it is right even when this is cancelled.

    Raises:
        InfrastructureError: journal or cache can't be written; everything journalled before is kept.
    """
    await _Execution(job, done, tally).run()


def _first(errors: BaseExceptionGroup[PlimsollError]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

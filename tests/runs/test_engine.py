"""The engine: every cell ends with an answer or a classified failure, once; and what was done is not done again."""

import asyncio
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators import evaluator_info
from plimsoll.runs.cache import CellCache
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.engine import Job, Scorer, Tally, execute
from plimsoll.runs.index import index_journal
from plimsoll.runs.join import held, read_report
from plimsoll.runs.journal import EndLine, Journal
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, Plan, load_plan, save_plan
from plimsoll.types import Case, CellId, Failed, Failure, Metric, MetricKind, Output, Scored, Skipped, TargetInfo, Usage

CASES = [Case(id=f"c{n}", inputs={"n": n}, expected=str(n), digest=f"sha256:{n}") for n in range(12)]


@dataclass
class Target:
    """Answers with the case's number, unless told to fail."""

    name: str = "t"
    fails: dict[int, FailureKind] = field(default_factory=dict)
    lane: str = "lane"
    concurrency: int = 3
    known: bool = True
    running: int = 0
    peak: int = 0
    calls: Counter[int] = field(default_factory=Counter)

    @property
    def info(self):
        return TargetInfo(name=self.name, kind="function", digest=f"sha256:{self.name}")

    def generation(self, case):
        return {"target": self.name, "n": case.inputs["n"]} if self.known else None

    async def run(self, case):
        number = case.inputs["n"]
        self.calls[number] += 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(0.001)
            if number in self.fails:
                raise CellError(self.fails[number], f"no {number}", requests=1)
            return Output(text=str(number), usage=Usage(requests=1), latency=0.1)
        finally:
            self.running -= 1


@dataclass
class Exact:
    """Whether the answer is the expected one."""

    name: str = "exact"
    version: int = 1
    reusable: bool = True
    raises: bool = False
    calls: int = 0
    metrics = (Metric(name="exact", kind=MetricKind.BOOL),)
    requires = frozenset({"expected"})

    def identity(self):
        return {"name": self.name, "version": self.version}

    def evaluate(self, case, output):
        self.calls += 1
        if self.raises:
            raise RuntimeError("broken")
        return output.text == case.expected


def plan_of(targets, evaluators, repeats=1):
    return Plan(
        run="r1",
        suite="s",
        started="2026-01-01T00:00:00+00:00",
        settings={},
        dataset="d",
        dataset_digest="sha256:d",
        cases=len(CASES),
        cases_digest="sha256:x",
        targets={name: target.info for name, target in targets.items()},
        evaluators={one.name: evaluator_info(one) for one in evaluators},
        repeats=repeats,
    )


@contextmanager
def job_of(folder, targets, evaluators, *, observer=None, repeats=1, **options):
    named = {target.name: target for target in targets}
    plan = plan_of(named, evaluators, repeats)
    run = folder / "r1"
    if not run.exists():
        save_plan(plan, CASES, run)
    scorers = [one if isinstance(one, Scorer) else Scorer(one) for one in evaluators]
    transforms = options.pop("transforms", {name: (lambda output: output) for name in named})
    stored = StoredCases(run / CASES_FILE)
    with Journal(run) as journal, CellCache(folder / "cache.db") as cache:
        yield Job(
            plan=plan,
            cases=stored,
            targets=named,
            scorers=scorers,
            transforms=transforms,
            journal=journal,
            cache=cache,
            observer=observer or Silent(),
            done=index_journal(run / JOURNAL_FILE, plan, stored),
            **options,
        )


def index_of(folder):
    run = folder / "r1"
    return index_journal(run / JOURNAL_FILE, load_plan(run), StoredCases(run / CASES_FILE))


def failed_cells(folder):
    index = index_of(folder)
    return {place for place in range(index.size) if index.is_failed(place)}


def run(folder, targets, evaluators, **options):
    tally = Tally()
    with job_of(folder, targets, evaluators, **options) as job:
        asyncio.run(execute(job, tally))
        job.journal.append(EndLine(seconds=1.0, requests=tally.requests, complete=tally.complete))
    return tally, read_report(folder / "r1")


def test_every_planned_cell_is_answered_and_scored(tmp_path):
    tally, report = run(tmp_path, [Target("a"), Target("b", lane="other")], [Exact()], repeats=2)
    assert {record.cell for record in report.cells} == {
        CellId(target, case.id, repeat) for target in "ab" for case in CASES for repeat in range(2)
    }
    assert all(record.scores == {"exact": Scored(value=True, passed=True)} for record in report.cells)
    assert tally.requests == 2 * 12 * 2
    assert report.run.complete


def test_targets_of_one_lane_share_its_concurrency(tmp_path):
    class Sharing(Target):
        async def run(self, case):
            return await both.run(case)

    both = Target("a")
    run(tmp_path, [both, Sharing("b")], [Exact()])
    assert both.peak == 3


def test_a_failed_cell_is_classified_its_metrics_failed_and_the_run_goes_on(tmp_path):
    tally, report = run(tmp_path, [Target(fails={3: FailureKind.SERVER})], [Exact()])
    failed = [record for record in report.cells if isinstance(record.outcome, Failure)]
    assert [record.cell.case for record in failed] == ["c3"]
    assert failed[0].outcome.kind is FailureKind.SERVER
    assert isinstance(failed[0].scores["exact"], Failed)
    assert tally.requests == 12
    assert report.run.complete


def test_an_evaluator_that_raises_fails_its_metric_and_not_the_cell(tmp_path):
    _, report = run(tmp_path, [Target()], [Exact(raises=True)])
    assert all(isinstance(record.outcome, Output) for record in report.cells)
    assert all(isinstance(record.scores["exact"], Failed) for record in report.cells)


def test_the_second_run_takes_answers_and_scores_from_the_cache(tmp_path):
    run(tmp_path, [Target()], [Exact()])
    (tmp_path / "r1" / JOURNAL_FILE).unlink()
    target, evaluator = Target(), Exact()
    tally, report = run(tmp_path, [target], [evaluator])
    assert (tally.requests, target.calls.total(), evaluator.calls) == (0, 0, 0)
    assert all(record.cached and record.outcome.latency is None for record in report.cells)


def test_an_edited_evaluator_scores_again_and_generates_nothing(tmp_path):
    run(tmp_path, [Target()], [Exact()])
    (tmp_path / "r1" / JOURNAL_FILE).unlink()
    target, evaluator = Target(), Exact(version=2)
    run(tmp_path, [target], [evaluator])
    assert (target.calls.total(), evaluator.calls) == (0, 12)


def test_failures_are_never_taken_from_the_cache(tmp_path):
    run(tmp_path, [Target(fails={1: FailureKind.REFUSED})], [Exact()])
    (tmp_path / "r1" / JOURNAL_FILE).unlink()
    target = Target()
    _, report = run(tmp_path, [target], [Exact()])
    assert target.calls == {1: 1}
    assert all(isinstance(record.outcome, Output) for record in report.cells)


def test_answers_of_unknown_origin_are_generated_each_time(tmp_path):
    run(tmp_path, [Target(known=False)], [Exact()])
    (tmp_path / "r1" / JOURNAL_FILE).unlink()
    target = Target(known=False)
    run(tmp_path, [target], [Exact()])
    assert target.calls.total() == 12


def test_without_reuse_everything_is_generated_and_scored_again(tmp_path):
    run(tmp_path, [Target()], [Exact()])
    (tmp_path / "r1" / JOURNAL_FILE).unlink()
    target, evaluator = Target(), Exact()
    run(tmp_path, [target], [evaluator], reuse=False)
    assert (target.calls.total(), evaluator.calls) == (12, 12)


def test_a_resumed_run_owes_what_failed_and_what_was_not_finished(tmp_path):
    first = Target(fails={1: FailureKind.SERVER})
    run(tmp_path, [first], [Exact()], owed=lambda place: place < 8, reuse=False)
    second, evaluator = Target(), Exact()
    _, report = run(tmp_path, [second], [evaluator], reuse=False)
    assert sorted(second.calls) == [1, 8, 9, 10, 11]
    assert evaluator.calls == 5
    assert len(report.cells) == 12
    assert all(isinstance(record.outcome, Output) for record in report.cells)


def test_a_journal_cut_anywhere_resumes_to_the_same_report(tmp_path):
    whole = held(run(tmp_path, [Target()], [Exact()], reuse=False)[1])
    journal = tmp_path / "r1" / JOURNAL_FILE
    data = journal.read_bytes()
    for cut in range(0, len(data), 397):
        journal.write_bytes(data[:cut])
        _, report = run(tmp_path, [Target()], [Exact()], reuse=False)
        assert {r.cell: (r.outcome, r.scores) for r in report.cells} == {
            r.cell: (r.outcome, r.scores) for r in whole.cells
        }


def test_the_failed_cells_are_those_whose_newest_line_failed(tmp_path):
    run(tmp_path, [Target(fails={1: FailureKind.SERVER, 2: FailureKind.SERVER})], [Exact()], reuse=False)
    owed = failed_cells(tmp_path)
    assert owed == {index_of(tmp_path).place(CellId("t", case)) for case in ("c1", "c2")}
    run(tmp_path, [Target()], [Exact()], owed=owed.__contains__, reuse=False)
    assert failed_cells(tmp_path) == set()


def test_a_lane_whose_endpoint_is_down_is_given_up_and_the_others_go_on(tmp_path):
    class Down(Target):
        async def run(self, case):
            if case.inputs["n"] == 4:
                raise CellError(FailureKind.CONNECTION, "it is gone", remedy="start it", down=True)
            return await super().run(case)

    down, other = Down("a", lane="a", concurrency=1), Target("b", lane="b")
    tally, report = run(tmp_path, [down, other], [Exact()])
    assert (down.calls.total(), other.calls.total()) == (4, 12)
    assert tally.given_up == {"a": "it is gone (start it)"}
    assert not tally.complete
    assert not report.run.complete
    assert len(list(report.of_target("a"))) == 5


def test_cells_that_fail_one_by_one_give_up_nothing(tmp_path):
    target = Target(fails=dict.fromkeys(range(12), FailureKind.CONNECTION), concurrency=1)
    tally, report = run(tmp_path, [target], [Exact()])
    assert tally.complete
    assert len(report.cells) == 12


def test_a_reason_to_stop_leaves_the_rest_owed_and_a_resume_does_it(tmp_path):
    target = Target(concurrency=1)
    tally, report = run(
        tmp_path, [target], [Exact()], stop=lambda: "enough" if target.calls.total() >= 5 else None, reuse=False
    )
    assert tally.stopped == "enough"
    assert (len(report.cells), report.run.complete) == (5, False)
    assert all(record.scores for record in report.cells)
    _, report = run(tmp_path, [target], [Exact()], reuse=False)
    assert (target.calls.total(), report.run.complete) == (12, True)


def test_half_a_character_in_a_failures_words_ends_no_run(tmp_path):
    class Cut(Target):
        async def run(self, case):
            raise CellError(FailureKind.SERVER, "bad: \ud83d", remedy="again \ud83d")

    _, report = run(tmp_path, [Cut()], [Exact()])
    assert {record.outcome.message for record in report.cells} == {"bad: ?"}


def test_a_session_that_never_ended_makes_no_run_complete(tmp_path):
    _, report = run(tmp_path, [Target(fails={1: FailureKind.SERVER})], [Exact()], reuse=False)
    assert report.run.complete
    with job_of(tmp_path, [Target()], [Exact()], owed=failed_cells(tmp_path).__contains__, reuse=False) as job:
        asyncio.run(execute(job, Tally()))
    assert not read_report(tmp_path / "r1").run.complete


def test_nothing_more_is_generated_once_a_judges_endpoint_is_down(tmp_path):
    target = Target(concurrency=1)
    tally, report = run(
        tmp_path, [target], [Exact()], down=lambda: "the judge is gone" if target.calls.total() >= 3 else None
    )
    assert tally.given_up == {"lane": "the judge is gone"}
    assert (target.calls.total(), len(report.cells), report.run.complete) == (3, 3, False)


def test_a_slow_judge_does_not_hold_back_generation(tmp_path):
    """Far more answers than the scoring queue holds are there before the judge gives its first score."""

    class Judge(Exact):
        async def evaluate(self, case, output):
            await everything.wait()
            return output.text == case.expected

    class Counting(Target):
        async def run(self, case):
            try:
                return await super().run(case)
            finally:
                if self.calls.total() == 12 * 20:
                    everything.set()

    everything = asyncio.Event()
    _, report = run(tmp_path, [Counting()], [Judge()], repeats=20, scored_at_once=2, reuse=False)
    assert len(report.cells) == 240
    assert all(record.scores["exact"] == Scored(value=True, passed=True) for record in report.cells)


def test_slow_answers_do_not_hold_back_scoring(tmp_path):
    class OneAtATime(Target):
        async def run(self, case):
            before = case.inputs["n"] - 1
            while before not in scored and before >= 0:
                await asyncio.sleep(0.001)
            return await super().run(case)

    class Noting(Exact):
        def evaluate(self, case, output):
            scored.add(case.inputs["n"])
            return super().evaluate(case, output)

    scored: set[int] = set()
    run(tmp_path, [OneAtATime()], [Noting()])
    assert scored == set(range(12))


def test_a_case_that_an_evaluator_leaves_out_is_skipped_with_the_reason(tmp_path):
    scorer = Scorer(Exact(), lambda case: None if case.id == "c1" else "not sampled")
    evaluators = [scorer.evaluator]
    with job_of(tmp_path, [Target()], evaluators) as job:
        replaced = Job(**{**{f: getattr(job, f) for f in job.__slots__}, "scorers": [scorer]})
        asyncio.run(execute(replaced, Tally()))
    report = read_report(tmp_path / "r1")
    given = {record.cell.case: record.scores["exact"] for record in report.cells}
    assert isinstance(given.pop("c1"), Scored)
    assert set(given.values()) == {Skipped(reason="not sampled")}


def test_a_transform_that_finds_nothing_fails_the_score_and_keeps_the_answer(tmp_path):
    def nothing(_output):
        raise CellError(FailureKind.BAD_SCORE, "no match")

    _, report = run(tmp_path, [Target()], [Exact()], transforms={"t": nothing})
    assert all(isinstance(record.outcome, Output) for record in report.cells)
    assert all(isinstance(record.scores["exact"], Failed) for record in report.cells)


def test_a_target_that_raises_or_exits_is_a_failed_cell(tmp_path):
    class Bad(Target):
        async def run(self, case):
            raise SystemExit(0)

    _, report = run(tmp_path, [Bad()], [Exact()])
    assert {record.outcome.kind for record in report.cells} == {FailureKind.TARGET}


def test_an_interrupted_run_keeps_what_was_finished(tmp_path):
    class Slow(Target):
        async def run(self, case):
            if case.inputs["n"] >= 4:
                await asyncio.sleep(60)
            return await super().run(case)

    async def interrupt(job):
        task = asyncio.create_task(execute(job, Tally()))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with job_of(tmp_path, [Slow()], [Exact()]) as job:
        asyncio.run(interrupt(job))
    report = read_report(tmp_path / "r1")
    assert {record.cell.case for record in report.cells} == {"c0", "c1", "c2", "c3"}
    assert not report.run.complete


def test_a_score_that_was_given_again_is_no_failure_any_more(tmp_path):
    run(tmp_path, [Target()], [Exact(raises=True)], reuse=False)
    failed = failed_cells(tmp_path)
    assert len(failed) == 12
    target = Target()
    run(tmp_path, [target], [Exact()], owed=failed.__contains__, reuse=False)
    assert target.calls.total() == 0
    assert failed_cells(tmp_path) == set()

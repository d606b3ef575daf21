"""A made-up report with everything in it that a report can hold, for tests of whoever reads reports.

`example_report` promises: the same arguments give an equal report, on every platform; unless told otherwise it holds
answers of every kind (good, wrong, cut, refused, failed, never run, reused), scores of every kind, slices, groups, and
text that tries to break out of whatever shows it. No model, file or clock is touched.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from plimsoll.canonical import digest
from plimsoll.errors import FailureKind
from plimsoll.types import (
    Case,
    CellId,
    CellRecord,
    Decision,
    Direction,
    EvaluatorInfo,
    Failed,
    Failure,
    Flip,
    Metric,
    MetricKind,
    Output,
    Report,
    RuleResult,
    RunRecord,
    Score,
    Scored,
    Skipped,
    TargetInfo,
    Usage,
    Verdict,
)

HOSTILE_TEXTS = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>",
    "| cell | ``` \n```` <details open> **bold** [link](javascript:alert(1)) @everyone #1 <!-- ",
    "\x1b[31mred\x1b[0m \x1b]8;;https://example.org\x07click\x1b]8;;\x07 \x00 \x08 \x9b31m [red]markup[/red] {{ 7*7 }}",
    "right to left \u202eexe.txt\u202c, isolate \u2066inside\u2069, line\u2028end, \ufffe, tag \U000e0041",
    "]]> & &amp; \" ' \r\n second line\r third \t tab",
)
"""Text that breaks HTML, Markdown, terminals, text direction, XML, in this order, where it isn't escaped."""

_PLACES = ("Ostrava", "Lindholm", "Carrow", "Vesby", "Tarn Head", "Skarre", "Mellum", "Port Anning")
_EXAMPLE_METRICS = {
    "exact_match": Metric(name="exact_match", kind=MetricKind.BOOL),
    "token_f1": Metric(name="token_f1", low=0.0, high=1.0, pass_if=">= 0.6"),  # noqa: S106  # a condition
    "relevance": Metric(name="relevance", low=0.0, high=1.0, judged=True),
    "latency": Metric(name="latency", direction=Direction.LOWER, low=0.0, unit="s"),
    "tone": Metric(name="tone", kind=MetricKind.LABEL, labels=("formal", "friendly", "curt")),
}


def example_report(
    cases: int = 24,
    targets: Sequence[str] = ("v1", "v2", "port"),
    *,
    seed: int = 0,
    repeats: int = 1,
    flawless: bool = False,
    hostile: bool = True,
) -> Report:
    """A report of a ferry company's help desk.

    Args:
        cases: how many cases are planned.
        targets: their names; each later one answers better than the one before.
        seed: of every choice.
        repeats: of each case.
        flawless: every cell is finished and has an output and all its scores; answers may still be wrong.
        hostile: some questions, answers, reasons and error messages are `HOSTILE_TEXTS`.
    """
    draw = random.Random(seed)  # noqa: S311  # an example, no secret
    planned = [_case(number, draw, HOSTILE_TEXTS if hostile else ()) for number in range(cases)]
    records = []
    for place, target in enumerate(targets):
        skill = 0.35 + 0.5 * (place + 1) / len(targets)
        for case in planned:
            for repeat in range(repeats):
                record = _cell(CellId(target, case.id, repeat), case, skill, draw, flawless=flawless, hostile=hostile)
                # The last planned cell of the last target was never run: an interrupted run.
                if flawless or record.cell != CellId(targets[-1], planned[-1].id, repeats - 1):
                    records.append(record)
    return Report(
        run=_run(targets, planned, records, seed, repeats), cases={c.id: c for c in planned}, cells=(*records,)
    )


def example_verdict(report: Report, outcome: Decision = Decision.FAIL, *, target: str | None = None) -> Verdict:
    """A verdict over `report`: the last target against the first, with one rule for each of several outcomes."""
    names = list(report.run.targets)
    challenger = target or names[-1]
    flips = tuple(
        Flip(case=case, baseline=before, challenger=after)
        for (case, before, after) in zip(report.cases, (0.91, 0.75, 0.1), (0.125, 0.5, 0.8), strict=False)
    )
    good = RuleResult(
        metric="exact_match",
        rule="at least 0.4",
        outcome=Decision.PASS,
        reason="the lower confidence limit 0.47 reaches 0.4",
        estimate=0.667,
        low=0.467,
        high=0.82,
        n=24,
    )
    decisive = RuleResult(
        metric="token_f1",
        rule="not worse than baseline by more than 0.05",
        outcome=outcome,
        reason={
            Decision.PASS: "the lower confidence limit −0.01 stays above −0.05",
            Decision.FAIL: "worse by 0.12, and even the upper confidence limit −0.06 is below −0.05",
            Decision.INCONCLUSIVE: "the interval from −0.11 to 0.09 holds −0.05: too few cases to tell",
        }[outcome],
        estimate={Decision.PASS: 0.04, Decision.FAIL: -0.12, Decision.INCONCLUSIVE: -0.01}[outcome],
        low={Decision.PASS: -0.01, Decision.FAIL: -0.18, Decision.INCONCLUSIVE: -0.11}[outcome],
        high={Decision.PASS: 0.09, Decision.FAIL: -0.06, Decision.INCONCLUSIVE: 0.09}[outcome],
        n=22,
        missing=2,
        detectable=0.11,
        slice="fares",
        flipped=flips,
    )
    return Verdict(
        outcome=outcome,
        suite=report.run.suite,
        run=report.run.id,
        target=challenger,
        baseline=names[0],
        rules=(good, decisive),
        reasons=(f"token_f1 on fares: {decisive.reason}",),
        target_digest=report.run.targets[challenger].digest,
        baseline_digest=report.run.targets[names[0]].digest,
    )


def _case(number: int, draw: random.Random, hostile: Sequence[str]) -> Case:
    start, end = draw.sample(_PLACES, 2)
    hour, price = draw.randint(6, 21), draw.randint(4, 30)
    fare = number % 2 == 0
    question = (
        f"What does a single from {start} to {end} cost?" if fare else f"When does the first ferry leave {start}?"
    )
    expected = f"A single costs {price} crowns." if fare else f"The first ferry leaves {start} at {hour}:15."
    if number % 7 == 6 and hostile:
        question = hostile[number // 7 % len(hostile)]
    unanswerable = number % 12 == 11
    slices = ["fares" if fare else "times", *(["unanswerable"] if unanswerable else [])]
    return Case(
        id=f"ferry-{number + 1:03d}",
        inputs={"question": question, "context": f"{start} – {end}: single {price} crowns. First ferry {hour}:15."},
        expected=None if unanswerable else expected,
        group=f"route-{number // 3}",
        slices=tuple(slices),
        digest=digest([number, question, expected]),
        line=number + 1,
    )


def _cell(cell: CellId, case: Case, skill: float, draw: random.Random, *, flawless: bool, hostile: bool) -> CellRecord:
    fate, quality = draw.random(), draw.random()
    trick = draw.choice(HOSTILE_TEXTS) if hostile and draw.random() < 0.15 else None
    failure = None if flawless else _failure(fate, trick)
    if failure is not None:
        scores: dict[str, Score] = dict.fromkeys(_EXAMPLE_METRICS, Skipped(reason="no output to score"))
        return CellRecord(cell=cell, key=digest(str(cell)), outcome=failure, scores=scores)
    cached = not flawless and fate > 0.9
    output = _output(case, quality < skill, trick, draw, cached=cached)
    scored = _scores(case, output, draw, trick, flawless=flawless)
    return CellRecord(cell=cell, key=digest(str(cell)), outcome=output, cached=cached, scores=scored)


def _failure(fate: float, trick: str | None) -> Failure | None:
    if fate < 0.04:
        message = trick or "the model did not answer within 60 s"
        return Failure(kind=FailureKind.TIMEOUT, message=message, remedy=FailureKind.TIMEOUT.remedy)
    if fate < 0.06:
        message = "429: too many requests, limit 60 per minute"
        return Failure(kind=FailureKind.RATE_LIMIT, message=message, remedy=FailureKind.RATE_LIMIT.remedy)
    return None


def _output(case: Case, right: bool, trick: str | None, draw: random.Random, *, cached: bool) -> Output:
    reference = case.expected if isinstance(case.expected, str) else "I don't know."
    wrong = reference.replace("costs", "may cost about").replace("leaves", "departs from the quay at")
    text = reference if right else wrong.replace(":15", ":45").replace("0 ", "5 ")
    cut = not right and draw.random() < 0.2
    return Output(
        text=trick if trick and not right else text[:20] if cut else text,
        finish="length" if cut else "stop",
        usage=Usage(prompt_tokens=draw.randint(80, 160), completion_tokens=draw.randint(8, 40), requests=1),
        latency=None if cached else round(draw.uniform(0.4, 2.2), 3),
        model="example-model",
    )


def _scores(case: Case, output: Output, draw: random.Random, trick: str | None, *, flawless: bool) -> dict[str, Score]:
    tone = Scored(value=draw.choice(("formal", "friendly", "curt")))
    latency: Score = Skipped(reason="reused from the cache: its latency is unknown")
    if output.latency is not None:
        latency = Scored(value=output.latency)
    relevance: Score = Scored(value=round(draw.random(), 2), reason=trick or "it names what was asked for")
    if not flawless and draw.random() < 0.08:
        problem = Failure(
            kind=FailureKind.BAD_SCORE,
            message="the judge's answer holds no number: 'well done'",
            remedy=FailureKind.BAD_SCORE.remedy,
        )
        relevance = Failed(failure=problem, usage=Usage(prompt_tokens=90, completion_tokens=4, requests=1))
    if case.expected is None:
        reason = "the case has no field 'expected'"
        return {
            "exact_match": Skipped(reason=reason),
            "token_f1": Skipped(reason=reason),
            "relevance": relevance,
            "latency": latency,
            "tone": tone,
        }
    wanted, given = str(case.expected).split(), output.text.split()
    common = sum(min(wanted.count(word), given.count(word)) for word in set(wanted))
    f1 = round(2 * common / (len(wanted) + len(given)), 3)
    same = output.text == case.expected
    return {
        "exact_match": Scored(value=same, passed=same),
        "token_f1": Scored(value=f1, passed=f1 >= 0.6, reason=f"{common} of {len(wanted)} words"),
        "relevance": relevance,
        "latency": latency,
        "tone": tone,
    }


def _run(
    targets: Sequence[str], cases: Sequence[Case], records: Sequence[CellRecord], seed: int, repeats: int
) -> RunRecord:
    infos = {
        name: TargetInfo(
            name=name,
            kind=("prompt", "flow", "function")[place % 3],
            digest=digest(["target", name]),
            model="local" if place % 3 < 2 else None,
        )
        for place, name in enumerate(targets)
    }
    evaluators = {
        name: EvaluatorInfo(name=name, digest=digest(["evaluator", name]), metrics=(metric,))
        for name, metric in _EXAMPLE_METRICS.items()
    }
    return RunRecord(
        id="20260314-150926-c0ffee",
        suite="ferry-desk",
        started="2026-03-14T15:09:26Z",
        dataset="ferry-desk",
        dataset_digest=digest([case.digest for case in cases]),
        targets=infos,
        evaluators=evaluators,
        seconds=83.4,
        requests=sum(1 for record in records if not record.cached),
        complete=len(records) == len(cases) * len(targets) * repeats,
        git_commit="0123456789abcdef0123456789abcdef01234567",
        git_dirty=False,
        seed=seed,
        repeats=repeats,
        sample=len(cases),
    )

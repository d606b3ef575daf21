"""The cases of a report as rows: each with its answers, its scores, and how it stands; worst first.

A case stands as its worst answer does, so that nothing missing hides behind something that passed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import overload

from plimsoll.reports.model import AnswerView, CaseRow, ScoreView, Standing, TurnView
from plimsoll.reports.text import any_text, excerpt, number, one_line, plain
from plimsoll.types import (
    Case,
    CellId,
    CellRecord,
    Direction,
    Failed,
    Failure,
    Message,
    Metric,
    Output,
    Report,
    Score,
    Scored,
    Skipped,
    Turn,
    message_text,
)

TEXT_LIMIT = 4000
"""Characters of one answer or input that a view carries."""
SHORT_LIMIT = 160
NOT_SCORED = "not scored"
"""Of a metric that an answer was to have and nobody gave: a run that ends early leaves it owed."""
_TELLING = ("question", "query", "input", "text", "prompt", "message", "topic")
_ORDER = {standing: place for place, standing in enumerate(Standing)}


class CaseRows(Sequence[CaseRow]):
    """Every planned case, worst first; equally bad ones in the dataset's order.

    One pass over the cells finds the order; a row is made when it is asked for, so that a report of many cases holds
    numbers only.
    """

    def __init__(self, report: Report, limit: int = TEXT_LIMIT) -> None:
        """Find the order.

        Args:
            report: As it may be shown.
            limit: Characters of one answer or input that a row carries.
        """
        self._report, self._limit = report, limit
        self._find = report.finder()
        self._metrics = report.metrics
        self._names = list(report.cases)
        standings = _Standings(report, self._metrics)
        self._order = array("q", sorted(range(len(self._names)), key=standings.badness))
        self.standings = standings.counts()
        """How many cases stand how."""

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> CaseRow: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[CaseRow, ...]: ...
    def __getitem__(self, place: int | slice) -> CaseRow | tuple[CaseRow, ...]:
        if isinstance(place, slice):
            return tuple(self.row(number) for number in self._order[place])
        return self.row(self._order[place])

    @property
    def order(self) -> Sequence[int]:
        """The places in the dataset, from 0, in the order of the rows."""
        return self._order

    def row(self, number: int) -> CaseRow:
        """The row of the case at a place in the dataset, from 0."""
        case = self._report.cases[self._names[number]]
        run = self._report.run
        cells = [CellId(target, case.id, repeat) for target in run.targets for repeat in range(run.repeats)]
        return _case_row(
            number + 1,
            case,
            tuple(_answer(case, cell, self._find(cell), self._metrics, self._limit) for cell in cells),
            self._limit,
        )


class _Standings:
    """How each case stands, as numbers: its worst answer, how many are missing, how many did not pass."""

    def __init__(self, report: Report, metrics: Mapping[str, Metric]) -> None:
        cases, place_of = len(report.cases), report.numbering()
        planned = len(report.run.targets) * report.run.repeats
        self._planned = planned
        self._seen, self._missed, self._wrong = (array("I", [0]) * cases for _ in range(3))
        self._worst = bytearray([_ORDER[Standing.PASSED]]) * cases
        for record in report.cells:
            place = place_of(record.cell.case)
            if place is None or record.cell.target not in report.run.targets:
                continue
            standing = standing_of(record, metrics)
            self._seen[place] += 1
            self._missed[place] += standing is Standing.ERROR
            self._wrong[place] += standing is Standing.FAILED
            self._worst[place] = min(self._worst[place], _ORDER[standing])
        for place, seen in enumerate(self._seen):
            if seen < planned or not planned:
                self._worst[place] = min(self._worst[place], _ORDER[Standing.NOT_RUN])

    def badness(self, place: int) -> tuple[int, int, int]:
        """By standing; then most answers missing, then most that did not pass."""
        missing = self._missed[place] + self._planned - self._seen[place]
        return (self._worst[place], -missing, -self._wrong[place])

    def counts(self) -> dict[Standing, int]:
        return {standing: self._worst.count(code) for standing, code in _ORDER.items()}


def standing_of(record: CellRecord | None, metrics: Mapping[str, Metric]) -> Standing:
    """How one cell stands: passed only with a condition that held, and with no score that failed or is lacking."""
    if record is None:
        return Standing.NOT_RUN
    if record.is_failed or not metrics.keys() <= record.scores.keys():
        return Standing.ERROR
    passes = [
        passed for name, score in record.scores.items() if (passed := passes_by(score, metrics.get(name))) is not None
    ]
    if not passes:
        return Standing.UNJUDGED
    return Standing.PASSED if all(passes) else Standing.FAILED


def passes_by(score: Score, metric: Metric | None) -> bool | None:
    """Whether the score passes; a truth value without a condition passes when it is the better one of the two."""
    if not isinstance(score, Scored):
        return None
    if score.passed is None and isinstance(score.value, bool) and metric is not None:
        return score.value is (metric.direction is Direction.HIGHER)
    return score.passed


def short_input(case: Case) -> str:
    """The case on one line: its question where it has one, else its first text, else its last message."""
    named = next((case.inputs[name] for name in _TELLING if case.inputs.get(name)), None)
    found = named or next((value for value in case.inputs.values() if isinstance(value, str) and value), None)
    if found is None and case.turns:
        found = message_text(case.turns[0].message)
    if found is None and case.messages:
        found = case.messages[-1].get("content")
    return one_line(any_text(found if found is not None else case.inputs), SHORT_LIMIT)


def expected_text(case: Case, limit: int = TEXT_LIMIT) -> str | None:
    """The reference answer as text."""
    return None if case.expected is None else excerpt(any_text(case.expected), limit)


def answer_text(record: CellRecord, limit: int = TEXT_LIMIT) -> str:
    """The answer as text, with the tools that it called; the failure's message where there is none."""
    if isinstance(record.outcome, Failure):
        return excerpt(record.outcome.message, limit)
    calls = record.outcome.tool_calls
    text = record.outcome.whole_text + (f"\n[calls {any_text(list(calls))}]" if calls else "")
    return excerpt(text.strip("\n"), limit)


def told_answer(record: CellRecord | None) -> str | None:
    """The answer where it stands alone: a failure is called one; None where the cell was never run."""
    if record is None:
        return None
    text = answer_text(record)
    return f"(no answer, {record.outcome.kind}: {text})" if isinstance(record.outcome, Failure) else text


def score_text(score: Scored, metric: Metric | None) -> str:
    """A value as people read it."""
    if isinstance(score.value, bool):
        return "yes" if score.value else "no"
    if isinstance(score.value, str):
        return one_line(score.value, 60)
    return number(score.value, metric.unit if metric else "")


def _answer(
    case: Case, cell: CellId, record: CellRecord | None, metrics: Mapping[str, Metric], limit: int
) -> AnswerView:
    output = record.outcome if record and isinstance(record.outcome, Output) else None
    failure = record.outcome if record and isinstance(record.outcome, Failure) else None
    return AnswerView(
        target=plain(cell.target),
        repeat=cell.repeat,
        standing=standing_of(record, metrics),
        text=answer_text(record, limit) if record else "",
        finish=plain(output.finish) if output else "",
        cached=bool(record and record.cached),
        kind=failure.kind.value if failure else "",
        latency=output.latency if output else None,
        # Without an answer every score is skipped for that one reason: saying so again for each metric is noise.
        scores=tuple(_scores(record.scores, metrics)) if record and output else (),
        turns=tuple(_turns(case, output, record.scores, metrics, limit)) if record and output and output.turns else (),
    )


def _turns(
    case: Case, output: Output, scores: Mapping[str, Score], metrics: Mapping[str, Metric], limit: int
) -> Iterator[TurnView]:
    by_turn = {
        name: score.turns for name, score in scores.items() if isinstance(score, Scored | Failed) and score.turns
    }
    for place, (turn, answer) in enumerate(zip(case.turns, output.turns, strict=True)):
        yield TurnView(
            user=excerpt(_said(turn), limit),
            text=excerpt(answer.text.strip("\n"), limit),
            expected=None if turn.expected is None else excerpt(any_text(turn.expected), limit),
            scores=tuple(_score(name, turns[place], metrics.get(name)) for name, turns in by_turn.items()),
        )


def _scores(scores: Mapping[str, Score], metrics: Mapping[str, Metric]) -> Iterator[ScoreView]:
    """What there is, and what there should be: a reader of the former alone would not miss the latter."""
    yield from (_score(name, score, metrics.get(name)) for name, score in scores.items())
    for name in metrics:
        if name not in scores:
            yield ScoreView(metric=plain(name), state="failed", value="", passed=None, note=NOT_SCORED)


def _score(name: str, score: Score, metric: Metric | None) -> ScoreView:
    name = plain(name)
    match score:
        case Scored():
            reason = one_line(score.reason or "", 500)
            return ScoreView(
                metric=name,
                state="scored",
                value=score_text(score, metric),
                passed=passes_by(score, metric),
                note=reason,
            )
        case Failed():
            message = one_line(f"{score.failure.kind}: {score.failure.message}", 500)
            return ScoreView(metric=name, state="failed", value="", passed=None, note=message)
        case Skipped():
            return ScoreView(metric=name, state="skipped", value="", passed=None, note=one_line(score.reason, 500))


def _case_row(place: int, case: Case, answers: tuple[AnswerView, ...], limit: int) -> CaseRow:
    return CaseRow(
        id=plain(case.id),
        place=place,
        inputs=input_texts(case, limit),
        short=short_input(case),
        expected=expected_text(case, limit),
        slices=tuple(plain(name) for name in case.slices),
        group=None if case.group is None else plain(case.group),
        standing=min((answer.standing for answer in answers), key=_ORDER.__getitem__, default=Standing.NOT_RUN),
        answers=answers,
    )


def input_texts(case: Case, limit: int = TEXT_LIMIT) -> tuple[tuple[str, str], ...]:
    """What the case gives a target: its fields, messages and turns, by name."""
    fields = [(plain(name), excerpt(any_text(value), limit)) for name, value in case.inputs.items()]
    messages = message_texts(case.messages, limit)
    turns = [(f"turn {number}", _turn_text(turn, limit)) for number, turn in enumerate(case.turns, start=1)]
    return (*fields, *messages, *turns)


def message_texts(messages: Sequence[Message], limit: int = TEXT_LIMIT) -> tuple[tuple[str, str], ...]:
    """Role and text of each message."""
    return tuple((plain(str(m.get("role", "message"))), _message(m, limit)) for m in messages)


def _turn_text(turn: Turn, limit: int) -> str:
    fields = [f"{name}: {any_text(value)}" for name, value in turn.row().items() if name != "user"]
    return excerpt("\n".join([_said(turn), *fields]), limit)


def _said(turn: Turn) -> str:
    return any_text(turn.user)


def _message(message: Message, limit: int) -> str:
    content = message.get("content")
    return excerpt(any_text(content if content is not None else message), limit)

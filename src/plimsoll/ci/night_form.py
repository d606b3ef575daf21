"""What `plimsoll nightly --json` prints, with its JSON Schema made of the same types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plimsoll.ci.flaky import Flaky
from plimsoll.ci.moves import Move, Watched
from plimsoll.ci.night_report import SuiteNight, cause_words
from plimsoll.errors import ExitCode
from plimsoll.reports.jsonform import MistakeForm


class WatchedForm(Struct, frozen=True, kw_only=True):
    """A metric of a target tonight."""

    target: str
    metric: str
    nights: tuple[str, ...]
    """The days that are compared, oldest first."""
    means: tuple[float | None, ...]
    """On each of them."""
    left_out: tuple[str, ...]
    """Nights, cases and reasons, in words."""
    untold: str | None
    """Why it can't be told whether it moved."""


class AnswersForm(Struct, frozen=True, kw_only=True):
    """How alike answers are on two nights that follow each other: shares of cases with the very same answer."""

    same_across: float
    """From the last night before the change to the first after."""
    same_usually: float
    cases: int


class MoveForm(Struct, frozen=True, kw_only=True):
    """A metric that moved."""

    target: str
    metric: str
    worse: bool
    new: bool
    """It was not found on a night before."""
    before: float
    after: float
    low: float | None
    """Of the change, 95%."""
    high: float | None
    cases: int
    first_night: str
    after_night: str
    """The last night that is before it in any case, 95%."""
    by_night: str
    """The first one after it in any case."""
    first_run: str
    last_run_before: str
    first_commit: str | None
    last_commit_before: str | None
    commits: tuple[str, ...]
    """Between the last night surely before and the first surely after, newest first."""
    cause: str
    cause_words: str
    answers: AnswersForm | None


class FlakyForm(Struct, frozen=True, kw_only=True):
    """A case that goes either way."""

    case: str
    metric: str
    target: str
    reason: str


class ProblemForm(Struct, frozen=True, kw_only=True):
    """Why a suite was not measured, or can't be told."""

    exit_code: int
    message: str


class NightForm(Struct, frozen=True, kw_only=True):
    """A suite's night."""

    suite: str
    exit_code: int
    headline: str
    news: bool
    """Somebody is to be told: the issue is written, the webhook posted to."""
    run: str | None
    """Null where nothing was measured; so are the date and the commit."""
    date: str | None
    commit: str | None
    watched: tuple[WatchedForm, ...]
    moves: tuple[MoveForm, ...]
    back: tuple[str, ...]
    """What was worse the night before and is not any more."""
    flaky: tuple[FlakyForm, ...]
    problems: tuple[ProblemForm, ...]
    notes: tuple[str, ...]


class NightlyDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `plimsoll nightly --json` prints."""

    exit_code: int
    suites: tuple[NightForm, ...]
    mistakes: tuple[MistakeForm, ...] = ()
    """Why suites were not measured; absent where there are none."""


def night_document(
    nights: Sequence[SuiteNight], code: ExitCode, mistakes: Sequence[MistakeForm] = ()
) -> NightlyDocument:
    """All suites of a night."""
    return NightlyDocument(exit_code=int(code), suites=tuple(map(_suite, nights)), mistakes=tuple(mistakes))


def night_schema() -> dict[str, Any]:
    """Its JSON Schema (2020-12)."""
    return msgspec.json.schema(NightlyDocument)


def _suite(found: SuiteNight) -> NightForm:
    tonight = found.tonight
    return NightForm(
        suite=found.suite,
        exit_code=int(found.exit_code),
        headline=found.headline,
        news=found.news,
        run=None if tonight is None else tonight.run,
        date=None if tonight is None else tonight.date,
        commit=None if tonight is None else tonight.commit,
        watched=tuple(map(_watched, found.watched)),
        moves=tuple(_move(one, move, found) for one, move in found.moves),
        back=found.back,
        flaky=tuple(map(_flaky, found.flaky)),
        problems=tuple(ProblemForm(exit_code=int(each.code), message=each.words) for each in found.problems),
        notes=found.notes,
    )


def _flaky(one: Flaky) -> FlakyForm:
    return FlakyForm(case=one.case, metric=one.metric, target=one.target, reason=one.reason)


def _watched(one: Watched) -> WatchedForm:
    return WatchedForm(
        target=one.target,
        metric=one.metric.name,
        nights=tuple(night.date for night in one.nights),
        means=one.means,
        left_out=one.left_out,
        untold=one.why or None,
    )


def _move(one: Watched, move: Move, found: SuiteNight) -> MoveForm:
    split, answers = move.split, move.answers
    alike = None
    if answers is not None:
        alike = AnswersForm(same_across=answers.across, same_usually=answers.usual, cases=answers.cases)
    return MoveForm(
        target=one.target,
        metric=one.metric.name,
        worse=move.worse,
        new=move.new,
        before=split.before,
        after=split.after,
        low=split.low,
        high=split.high,
        cases=split.cases,
        first_night=move.first.date,
        after_night=move.surely_before.date,
        by_night=move.surely_after.date,
        first_run=move.first.run,
        last_run_before=move.before.run,
        first_commit=move.first.commit,
        last_commit_before=move.before.commit,
        commits=found.commits.get((one.target, one.metric.name), ()),
        cause=move.cause.value,
        cause_words=cause_words(move),
        answers=alike,
    )

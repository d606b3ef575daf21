"""What `nightly --json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plimsoll.ci.moves import Move, Watched
from plimsoll.ci.night_report import SuiteNight, cause_words
from plimsoll.errors import ExitCode


def night_document(nights: Sequence[SuiteNight], code: ExitCode) -> dict[str, Any]:
    """All suites of a night."""
    return {"exit_code": int(code), "suites": [_suite(found) for found in nights]}


def _suite(found: SuiteNight) -> dict[str, Any]:
    tonight = found.tonight
    return {
        "suite": found.suite,
        "exit_code": int(found.exit_code),
        "headline": found.headline,
        "run": tonight and tonight.run,
        "date": tonight and tonight.date,
        "watched": [_watched(one) for one in found.watched],
        "moves": [_move(one, move, found) for one, move in found.moves],
        "flaky": [
            {"case": one.case, "metric": one.metric, "target": one.target, "reason": one.reason} for one in found.flaky
        ],
        "problems": [{"exit_code": int(code), "message": words} for code, words in found.problems],
        "notes": list(found.notes),
    }


def _watched(one: Watched) -> dict[str, Any]:
    return {
        "target": one.target,
        "metric": one.metric.name,
        "nights": [night.date for night in one.nights],
        "means": list(one.means),
        "left_out": list(one.left_out),
        "untold": one.why or None,
    }


def _move(one: Watched, move: Move, found: SuiteNight) -> dict[str, Any]:
    split, answers = move.split, move.answers
    return {
        "target": one.target,
        "metric": one.metric.name,
        "worse": move.worse,
        "new": move.new,
        "before": split.before,
        "after": split.after,
        "low": split.low,
        "high": split.high,
        "cases": split.cases,
        "first_night": move.first.date,
        "after_night": move.surely_before.date,
        "by_night": move.surely_after.date,
        "first_run": move.first.run,
        "first_commit": move.first.commit,
        "last_commit_before": move.before.commit,
        "commits": list(found.commits.get((one.target, one.metric.name), ())),
        "cause": move.cause.value,
        "cause_words": cause_words(move),
        "answers": None
        if answers is None
        else {"same_across": answers.across, "same_usually": answers.usual, "cases": answers.cases},
    }

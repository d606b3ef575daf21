"""The quarantine as a gate applies it, out of a commit of the baseline's side, and as `validate` checks it.

What the working copy says is only reported: a change can't quarantine its own failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from plimsoll.api.git import file_at
from plimsoll.api.prepare import Prepared
from plimsoll.config import Document, parse_yaml, read_yaml
from plimsoll.config.quarantine import (
    MOST_DAYS,
    QuarantinedCase,
    quarantine_path,
    read_quarantine,
    too_far,
)
from plimsoll.errors import ConfigError, Mistake, Where, near_match
from plimsoll.types import Quarantined

_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a gate reads the quarantine."""

    commit: str | None
    """None where there is no commit of the baseline's side."""
    words: str
    """The commit, for people; or why there is none."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What a gate leaves out, and what there is to say of it."""

    entries: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()


def applied_quarantine(prepared: Prepared, origin: Origin, at: datetime) -> Quarantine:
    """The entries that hold, as they stand at the origin; all else is told in notes.

    Args:
        prepared: The suite.
        origin: Of the baseline's side.
        at: When.

    Raises:
        UsageError: git can't read the commit.
    """
    proposed, notes = _proposed(prepared)
    if origin.commit is None:
        if _working_file(prepared).is_file():
            notes = (f"no quarantine is applied: {origin.words}", *notes)
        return Quarantine(notes=(*notes, *_told_proposed(proposed)))
    path, today = quarantine_path(prepared.suite.name), at.astimezone(UTC).date()
    data = file_at(prepared.workspace.root, origin.commit, path)
    try:
        entries = () if data is None else read_quarantine(_parsed(data, f"{origin.words}:{path}"))
    except ConfigError as error:
        entries, notes = (), (f"the quarantine is not applied, for a mistake in it: {error.mistakes[0]}", *notes)
    holding = [entry for entry in entries if today <= entry.expires and not too_far(entry, today)]
    notes += tuple(_told(entry, today) for entry in entries if entry not in holding)
    notes += tuple(_told_proposed([entry for entry in proposed if entry not in entries]))
    return Quarantine(tuple(map(_value, holding)), notes)


def told_applied(entries: Iterable[Quarantined]) -> Iterator[str]:
    """What was left out, in a sentence for each entry."""
    for entry in entries:
        what = entry.case if entry.metric is None else f"{entry.case} for {entry.metric}"
        yield f"quarantined, not counted: {what}, until {entry.expires} ({entry.owner}: {entry.reason})"


def quarantine_mistakes(prepared: Prepared, today: date) -> Iterator[Mistake]:
    """Every mistake in the suite's file, each at its line."""
    if not _working_file(prepared).is_file():
        return
    try:
        document = _working(prepared)
        entries = read_quarantine(document)
    except ConfigError as error:
        yield from error.mistakes
        return
    metrics = {metric.name for info in prepared.evaluators.values() for metric in info.metrics}
    for place, entry in enumerate(entries):
        if too_far(entry, today):
            last = today + timedelta(days=MOST_DAYS)
            message = f"{entry.expires} is more than {MOST_DAYS} days ahead"
            yield document.mistake(("cases", place, "expires"), message, f"write {last} or earlier")
        if entry.metric is not None and entry.metric not in metrics:
            message = f"no evaluator of the suite gives the metric {entry.metric!r}"
            yield document.mistake(("cases", place, "metric"), message, near_match(entry.metric, metrics))


def quarantine_warnings(prepared: Prepared, today: date) -> Iterator[str]:
    """What its owner should see to: entries that have ended or soon will, and cases that are not there."""
    entries = working_entries(prepared)
    if not entries:
        return
    wanted = {entry.case for entry in entries}
    there = {case.id for case in prepared.dataset.cases() if case.id in wanted}
    shown = quarantine_path(prepared.suite.name)
    for entry in entries:
        if entry.case not in there:
            yield f"{shown}: the dataset has no case {entry.case!r}; remove its entry"
        elif entry.expires < today:
            yield f"{shown}: the quarantine of {entry.case} expired on {entry.expires}: the case counts"
        elif entry.expires - today < _SOON:
            yield f"{shown}: the quarantine of {entry.case} ends on {entry.expires}; then the case counts"


def working_entries(prepared: Prepared) -> tuple[QuarantinedCase, ...]:
    """The entries of the working copy, whether they hold or not; none where there is no such file.

    Raises:
        ConfigError: every mistake in it.
    """
    return read_quarantine(_working(prepared)) if _working_file(prepared).is_file() else ()


def _working_file(prepared: Prepared) -> Path:
    return prepared.workspace.root / quarantine_path(prepared.suite.name)


def _working(prepared: Prepared) -> Document:
    return read_yaml(_working_file(prepared), quarantine_path(prepared.suite.name))


def _proposed(prepared: Prepared) -> tuple[tuple[QuarantinedCase, ...], tuple[str, ...]]:
    """What the working copy says, and what is to be noted of it."""
    try:
        return working_entries(prepared), ()
    except ConfigError as error:
        return (), (f"the working copy's quarantine has a mistake: {error.mistakes[0]}",)


def _parsed(data: bytes, shown: str) -> Document:
    try:
        return parse_yaml(data.decode("utf-8-sig"), shown)
    except UnicodeDecodeError:
        raise ConfigError([Mistake("not valid UTF-8", Where(shown), "save the file as UTF-8")]) from None


def _told(entry: QuarantinedCase, today: date) -> str:
    if entry.expires < today:
        return f"the quarantine of {entry.case} expired on {entry.expires} ({entry.owner}): the case counts"
    return f"the quarantine of {entry.case} ends more than {MOST_DAYS} days ahead: it is not applied, the case counts"


def _told_proposed(entries: Iterable[QuarantinedCase]) -> Iterator[str]:
    for entry in entries:
        what = entry.case if entry.metric is None else f"{entry.case} for {entry.metric}"
        yield f"quarantine proposed here, not applied: {what} ({entry.owner}: {entry.reason})"


def _value(entry: QuarantinedCase) -> Quarantined:
    return Quarantined(
        case=entry.case,
        reason=entry.reason,
        owner=entry.owner,
        expires=entry.expires.isoformat(),
        metric=entry.metric,
    )

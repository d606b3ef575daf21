"""The quarantine: cases of a suite that are known to be flaky, each with a reason, an owner and an end.

One file for each suite, `quarantine/SUITE.yaml`, by the suite's own name. A gate reads it from the baseline's side.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from pydantic import Field

from plimsoll.config.document import Document, Strict, validate
from plimsoll.errors import ConfigError, Mistake

FOLDER = "quarantine"
MOST_DAYS = 90
"""An entry ends at most so many days from now: what is flaky for longer is to be mended or taken out."""


class QuarantinedCase(Strict):
    """A case that is not counted, for a time."""

    case: str = Field(min_length=1, description="Its id.")
    metric: str | None = Field(None, min_length=1, description="The only metric that it is about. Default: every one.")
    reason: str = Field(min_length=1, description="Why it can't be counted.")
    owner: str = Field(min_length=1, description="Who sees to it.")
    expires: date = Field(description="The last day on which it holds, UTC: YYYY-MM-DD, at most 90 days ahead.")


class QuarantineFile(Strict):
    """`quarantine/SUITE.yaml`."""

    cases: list[QuarantinedCase] = Field(description="Each case once, or once for each metric.")


def quarantine_path(suite: str) -> str:
    """Where a suite's quarantine lies, relative to the workspace."""
    return f"{FOLDER}/{suite}.yaml"


def read_quarantine(document: Document) -> tuple[QuarantinedCase, ...]:
    """The entries of a quarantine's file, in its order.

    Raises:
        ConfigError: every mistake in it; an end that is too far ahead is `too_far`'s to tell.
    """
    entries = tuple(validate(document, QuarantineFile).cases)
    twice = list(_repeated(entries, document))
    if twice:
        raise ConfigError(twice)
    return entries


def too_far(entry: QuarantinedCase, today: date) -> bool:
    """Whether an entry ends later than one may."""
    return entry.expires > today + timedelta(days=MOST_DAYS)


def _repeated(entries: tuple[QuarantinedCase, ...], document: Document) -> Iterator[Mistake]:
    seen: dict[str, list[tuple[str | None, int]]] = {}
    for place, entry in enumerate(entries):
        others = seen.setdefault(entry.case, [])
        # An entry for every metric covers one for a single metric too.
        clash = next((at for metric, at in others if None in (metric, entry.metric) or metric == entry.metric), None)
        if clash is not None:
            message = f"{entry.case!r} is quarantined already, on line {document.where(('cases', clash)).line}"
            yield document.mistake(("cases", place), message, "leave one of them out")
        others.append((entry.metric, place))

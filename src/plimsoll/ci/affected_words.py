"""What `plimsoll affected` tells people: how many suites and why, each line short enough for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from plimsoll.ci.affected import Affected, Effect
from plimsoll.reports.text import count, one_line

_WAYS = 2
"""Uses of a file that are told; the others are counted."""


def in_short(found: Affected, base: str, commit: str) -> str:
    """What is affected, in one line."""
    files, all_of = count(len(found.changed), "changed file"), len(found.suites)
    since = f"since {one_line(base)}" + ("" if commit.startswith(base) else f" ({commit[:8]})")
    if not found.changed:
        return f"no file changed {since}: no suite is affected"
    gone = f", {len(found.deleted)} deleted" if found.deleted else ""
    if not found.names:
        return f"{files} {since}: no suite is affected{gone}"
    return f"{files} {since}: {len(found.names)} of {count(all_of, 'suite')} affected{gone}"


def explained(found: Affected, width: int = 80) -> Iterator[str]:
    """Why, in lines of at most so many characters, but for a word that is longer."""
    for line in _lines(found):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        yield from textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _lines(found: Affected) -> Iterator[str]:
    for effect in found.suites:
        yield from _of_suite(effect)
    for name in found.deleted:
        yield f"{one_line(name)}: deleted"
    yield from _listed("unknown files, so every suite is affected", found.unknown)
    yield from _listed("of no influence", [f"{left.file}: {left.why}" for left in found.ignored])


def _of_suite(effect: Effect) -> Iterator[str]:
    if not effect.affected:
        yield f"{one_line(effect.suite)}: not affected"
        return
    yield f"{one_line(effect.suite)}: affected"
    yield from (f"  {one_line(reason)}" for reason in effect.reasons)
    for cause in effect.causes:
        more = len(cause.used_for) - _WAYS
        words = ", ".join(cause.used_for[:_WAYS]) + (f" and {more} more" if more > 0 else "")
        yield f"  {one_line(cause.file)}: {one_line(words)}"


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  {one_line(line)}" for line in lines)

"""`cache`: what the cell cache holds, making it smaller, and why cells would be reused or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from plimsoll.api.caching import (
    Explanation,
    Reused,
    cache_contents,
    cache_file,
    explain_suite,
    prune_cache,
)
from plimsoll.cli.console import print_place, print_result, to_stdout
from plimsoll.config import Workspace, parse_bytes, parse_seconds
from plimsoll.errors import UsageError
from plimsoll.reports.text import count, one_line

if TYPE_CHECKING:
    from plimsoll.runs.cache_contents import Share
    from plimsoll.runs.reuse import Reuse

_DAY = 86400
_UNUSED = timedelta(days=30)
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def show(*, as_json: bool) -> None:
    """Show what the cache holds."""
    workspace = Workspace.find()
    found, path = cache_contents(workspace), workspace.shown(cache_file(workspace))
    if as_json:
        print_result({"file": str(path), "contents": found})
        return
    console = to_stdout()
    print_place(console, "cell cache", path)
    if not found.suites:
        console.print("empty: a run fills it")
        return
    console.print(f"{size_text(found.size)}: {_kept(found.held)}")
    console.print(f"written {found.oldest} to {found.newest}; last used {found.used}", soft_wrap=True)
    for suite, share in found.suites.items():
        console.print(f"  {suite}: {_kept(share)}")


def prune(older_than: str | None, max_size: str | None, *, as_json: bool) -> None:
    """Make the cache smaller.

    Raises:
        UsageError: a bound is none.
    """
    unused = None if older_than is None else _days(older_than)
    most = None if max_size is None else _bytes(max_size)
    if unused is None and most is None:
        unused = _UNUSED
    workspace = Workspace.find()
    done = prune_cache(workspace, unused=unused, most=most)
    if as_json:
        print_result({"file": str(workspace.shown(cache_file(workspace))), "pruned": done})
        return
    console = to_stdout()
    console.print(f"removed {_kept(done.removed)}")
    freed = size_text(max(done.before - done.after, 0))
    console.print(f"freed {freed}: {size_text(done.before)} before, {size_text(done.after)} now")


def _kept(share: Share) -> str:
    return f"{count(share.outputs, 'answer')}, {count(share.scores, 'set of scores', 'sets of scores')}"


def explain(suite: str, target: str | None, case: str | None, *, as_json: bool) -> None:
    """Show what a run would take from the cache, and why not the rest."""
    found = explain_suite(Workspace.find(), suite, target=target, case=case)
    if as_json:
        print_result(found)
        return
    console = to_stdout()
    for line in _cells(found.cells) if case else _summary(found):
        console.print(line, soft_wrap=True)


def size_text(size: int) -> str:
    """Bytes as people read them; decimal units."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _summary(found: Explanation) -> Iterator[str]:
    yield f"suite {found.suite}, as its files are now:"
    yield from _sort("answers", found.answers)
    for name, scores in found.scores.items():
        yield from _sort(f"scores of {name}", scores)
    if any(reused.reasons for reused in (found.answers, *found.scores.values())):
        yield "One cell in full: --case ID"


def _sort(name: str, found: Reused) -> Iterator[str]:
    yield f"{name}: {found.reused:,} of {found.cells:,} reused"
    for reason in found.reasons:
        more = ", …" if reason.cells > len(reason.examples) else ""
        examples = ", ".join(one_line(example, 60) for example in reason.examples)
        yield f"  {reason.cells:,}  {one_line(reason.why)}  ({examples}{more})"


def _cells(cells: tuple[Reuse, ...]) -> Iterator[str]:
    for told in cells:
        who = f"  {told.evaluator}" if told.evaluator else one_line(str(told.cell))
        yield f"{who}: {'reused' if told.reused else one_line(told.why)}"
        if len(told.changes) > 1:
            for change in told.changes:
                yield f"      {one_line(str(change))}"


def _days(text: str) -> timedelta:
    try:
        seconds = parse_seconds(text)
    except ValueError as error:
        raise UsageError(f"--older-than: {error}") from None
    if seconds < _DAY:
        raise UsageError(
            f"--older-than {text!r} is less than a day, and the cache knows no more than the day of use",
            remedy="write for example 30d",
        )
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise UsageError(f"--older-than {text!r} is too long", remedy="write for example 30d") from None


def _bytes(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise UsageError(f"--max-size: {error}") from None

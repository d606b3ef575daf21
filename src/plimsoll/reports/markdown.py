"""The comment that a reviewer of a change reads: what was decided over each suite and why in its first line.

Promises that it fits a forge's comment, and says what was left out; that its first line is never better than the exit
code; and that a model's text can't take it over (`markdown_text`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from plimsoll.errors import ExitCode
from plimsoll.reports.markdown_parts import DETAILS, Detail, review_blocks
from plimsoll.reports.markdown_text import escape, escape_line
from plimsoll.reports.model import WORDS
from plimsoll.reports.review import UNAFFECTED, Review, worst_first, worst_of
from plimsoll.reports.text import clip, count

SIZE_LIMIT = 60_000
"""Characters; GitHub takes 65,536 in a comment, Azure DevOps 150,000, GitLab 1,000,000."""
COMMENT_KEY = "gate"
"""Of the comment over a change's suites."""
_LINE_LIMIT = 1000
"""Characters of the first line's reason."""
_BETWEEN = "\n\n"
_THE_REST = "The rest is too long for a comment; see the HTML report."
_LISTED = 100
"""Suites in the table of several."""
_MARKER = re.compile(r"[^A-Za-z0-9_./:,@=+-]|-(?=-)")
_COUNTED = {
    ExitCode.PASS: "passed",
    ExitCode.FAIL: "failed",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.USAGE: "could not be gated",
    ExitCode.INFRASTRUCTURE: "stopped by the infrastructure",
    ExitCode.INTERRUPTED: "interrupted",
}


def marker(key: str) -> str:
    """The line by which a comment is found again, hidden where it is shown.

    Args:
        key: Which of the comments of a pull request it is; equal keys are the same comment.
    """
    safe = _MARKER.sub(lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode()), key)
    return f"<!-- plimsoll:{safe} -->"


def carries(body: str, key: str) -> bool:
    """Whether a comment is the one of this key: by its own marker, and not by one that something in it quotes."""
    return marker(key) in (line.strip() for line in body.splitlines()[:2])


def render_comment(reviews: Sequence[Review], key: str = "", *, nothing: str = UNAFFECTED) -> str:
    """The comment over every suite that was gated, or was to be.

    Args:
        reviews: One for each suite; none where no suite was to be gated.
        key: For the marker on the second line; empty leaves it out.
        nothing: What to say where there are none.
    """
    first = [_first_line(reviews, nothing), *([marker(key)] if key else [])]
    return _fitted(first, lambda detail: _body(reviews, detail))


def _fitted(first: Sequence[str], blocks_at: Callable[[Detail], Iterator[str]]) -> str:
    """The text at the first amount of detail that fits; else without the last blocks, and it says so."""
    room = SIZE_LIMIT - sum(len(line) + 1 for line in first) - len(_THE_REST) - 2 * len(_BETWEEN)
    kept: list[str] = []
    for detail in DETAILS:
        kept, left = [], room
        for block in blocks_at(detail):
            left -= len(block) + len(_BETWEEN)
            if left < 0:
                break
            kept.append(block)
        else:
            return _joined(first, kept)
    return _joined(first, [*kept, _THE_REST])


def _joined(first: Sequence[str], blocks: Sequence[str]) -> str:
    return _BETWEEN.join(["\n".join(first), *blocks] if first else blocks).rstrip() + "\n"


def _first_line(reviews: Sequence[Review], nothing: str) -> str:
    if not reviews:
        return f"**PASS** {escape(nothing)}"
    if len(reviews) == 1:
        return line_of(reviews[0])
    ordered = worst_first(reviews)
    codes = [review.code for review in ordered]
    counts = ", ".join(f"{codes.count(code):,} {_COUNTED[code]}" for code in dict.fromkeys(codes))
    worst = [review for review in ordered if review.code is not ExitCode.PASS]
    why = f": {escape(worst[0].suite)}: {_why(worst[0])}" if worst else ""
    more = f"; and {len(worst) - 1:,} more" if len(worst) > 1 else ""
    return f"**{WORDS[worst_of(reviews)]}** {count(len(reviews), 'suite')}, {counts}{why}{more}"


def line_of(review: Review) -> str:
    """One suite's verdict and why."""
    return f"**{WORDS[review.code]}** {escape(review.suite)}: {_why(review)}"


def _why(review: Review, limit: int = _LINE_LIMIT) -> str:
    section = review.section
    if section is not None and review.as_decided:
        why = f": {escape(clip(section.reasons[0], limit))}" if section.reasons else ""
        return f"{escape(section.headline.split(':')[0])}{why}"
    told = review.problems[0].message if review.problems else review.code.meaning
    more = f" and {count(len(review.problems) - 1, 'other mistake')}" if len(review.problems) > 1 else ""
    return f"{escape(clip(told, limit))}{more} (exit code {int(review.code)})"


def _body(reviews: Sequence[Review], detail: Detail) -> Iterator[str]:
    if len(reviews) == 1:
        yield from review_blocks(reviews[0], detail)
        return
    ordered = worst_first(reviews)
    if ordered:
        yield _table_of_suites(ordered, detail)
    for review in ordered:
        yield f"### {escape_line(review.suite)}"
        yield line_of(review)
        yield from review_blocks(review, detail)


def _table_of_suites(ordered: Sequence[Review], detail: Detail) -> str:
    lines = ["| suite | result | why |", "|---|---|---|"]
    for review in ordered[:_LISTED]:
        result = WORDS[review.code].lower()
        told = result if review.code is ExitCode.PASS else f"**{result}**"
        lines.append(f"| {escape(review.suite)} | {told} | {_why(review, detail.reason)} |")
    if len(ordered) > _LISTED:
        lines.append(f"| … | | {len(ordered) - _LISTED:,} more |")
    return "\n".join(lines)

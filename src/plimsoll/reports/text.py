"""Text and figures as people read them, the same in every renderer.

Promises that `plain` leaves nothing in a model's text that could move a cursor, turn the reading direction, hide
characters, be refused by XML, or command the CI job whose log it stands in: such a character is shown by its code point
instead. What a renderer's own syntax gives meaning to (HTML, Markdown, rich markup) is that renderer's to escape.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069"  # direction, invisible operators
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # line separators, byte order mark, annotations
    "\U000e0000-\U000e007f"  # tag characters
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # no characters at all
    "]"
)
_COMMANDS = re.compile(
    r"#(?=#(?:vso)?\[)"
    r"|:(?=:(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher|save-state|set-env"
    r"|set-output|stop-commands|warning)\b[^\n]*?::)",
    re.IGNORECASE,
)
"""What a CI system takes for a command of the job, wherever it stands in a line of the log: Azure Pipelines; GitHub."""
_SPACES = re.compile(r"\s+")
NOTHING = "–"
"""Stands where a figure is unknown: never a zero, never empty."""


def plain(text: str) -> str:
    """`text` with every character that acts instead of being read replaced by its code point, as ⟨U+202E⟩."""
    text = _UNSAFE.sub(_code_point, text.replace("\r\n", "\n"))
    # Looking is cheaper than replacing, and most text has neither.
    return _COMMANDS.sub(_code_point, text) if "##" in text or "::" in text else text


def _code_point(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"


def one_line(text: str, limit: int | None = None) -> str:
    """`text`, plain, on one line, and cut to `limit` characters where one is given."""
    return clip(_SPACES.sub(" ", plain(text)).strip(), limit)


def clip(text: str, limit: int | None) -> str:
    """At most `limit` characters, of which the last is an ellipsis where some were cut."""
    if limit is None or len(text) <= limit:
        return text
    return text[: max(limit - 1, 0)].rstrip() + "…"


def excerpt(text: str, limit: int) -> str:
    """`text`, plain, in its own lines; where it is longer than `limit`, the beginning and how much was left out."""
    shown = plain(text[: limit + 1])
    if len(text) <= limit:
        return shown
    return f"{shown[:limit].rstrip()}\n… {len(text) - limit:,} more characters"


def apart(first: str, second: str, limit: int) -> tuple[str, str]:
    """Two texts, each on one line and at most `limit` characters, so that where they begin to differ is to be seen."""
    texts = one_line(first), one_line(second)
    same = next((place for place, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    # A third of the room for what stands before the difference.
    start = same - limit // 3 if max(map(len, texts)) > limit and same > limit // 2 else 0
    one, other = (clip(("…" if start else "") + text[start:], limit) for text in texts)
    return one, other


def any_text(value: Any) -> str:
    """A JSON value as text: strings as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def number(value: float | None, unit: str = "", *, signed: bool = False, precise: bool = False) -> str:
    """A figure with two decimals, or three where `precise`, and fewer as it grows; `NOTHING` where unknown.

    0.999 is never rounded to a full 1, and nothing but zero to 0. `signed` gives what is positive its plus.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    digits = _digits(abs(value), 3 if precise else 2)
    sign = "−" if value < 0 else "+" if signed and value > 0 else ""
    if unit == "USD":
        return f"{sign}${digits}"
    return f"{sign}{digits}" + (f" {unit}" if unit else "")


def _digits(size: float, decimals: int) -> str:
    if size == 0:
        return "0"
    if size >= 1e9 or size < 1e-4:
        return f"{size:.2g}"
    if size >= 100:
        return f"{size:,.0f}"
    if size < 1 <= round(size, decimals):
        return f"{math.floor(size * 1000) / 1000:.3f}"
    if size >= 0.01:
        return f"{size:.{1 if size >= 10 else decimals}f}"
    return f"{size:.{max(1 - math.floor(math.log10(size)), decimals)}f}"


def interval(
    low: float | None, high: float | None, unit: str = "", *, signed: bool = False, precise: bool = False
) -> str:
    """`0.49–0.74`; `−0.02 to +0.11` where a sign would run into the dash; `from 0.49` where only one limit is known."""
    lower = number(low, unit if high is None else "", signed=signed, precise=precise)
    upper = number(high, unit, signed=signed, precise=precise)
    if low is None:
        return NOTHING if high is None else f"up to {upper}"
    if high is None:
        return f"from {lower}"
    return f"{lower}–{upper}" if lower[0].isdigit() and upper[0].isdigit() else f"{lower} to {upper}"


def seconds(value: float) -> str:
    """`0.4 s`, `83 s`, `12 min 5 s`, `2 h 3 min`."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(amount: int, one: str, many: str | None = None) -> str:
    """`1 case`, `3 cases`, `12,000 cases`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def some(names: Sequence[str], most: int) -> str:
    """`a, b, c and 12 more`: the first few, and how many others there are."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left:,} more" if left > 0 else "")


def fold(parts: Sequence[str], width: int, between: str = " · ") -> str:
    """The parts side by side, broken into lines only between them."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(between) + len(part) <= width:
            lines[-1] += between + part
        else:
            lines.append(part)
    return "\n".join(lines)

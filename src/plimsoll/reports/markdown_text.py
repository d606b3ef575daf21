"""Text that is safe in Markdown: in a line, in a block of code, in a cell of an HTML table.

Promises that a model's text means only itself, wherever it stands: not in Markdown, not in HTML, and not to a forge,
which looks for mentions, issues, links, emoji and commands in what it was given.
"""

from __future__ import annotations

import html
import re

from plimsoll.reports.text import one_line, plain

_MEANING = re.compile(
    r"(?P<html>[<>]|&(?!\d))"
    # To GitLab a label, a snippet, `[issue:1]`, `*iteration:1`, an epic: by what follows.
    r"|(?P<both>[~$](?=[\w\"])|[\[*](?=\w+:))"
    r"|(?P<sign>[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"
    # A backslash does not stop a forge from seeing a mention, an issue's number or an address; a comment does.
    r"|(?P<reference>[@#]|[!%](?=[\w\"])|:(?=//)|:(?=[\w+-]+:)|\bwww(?=\.)|\bG[HL](?=-\d))"
    r"|(?P<epic>&)",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?P<sign>[-+=/])|(?P<reference>\d+(?=[.)](?:\s|$)))")
"""What makes a list, a heading, or a forge's command of a line that it begins."""
_CELL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&commat;", "#": "&num;", "\n": "<br>"})
"""Within `<code>`, where a forge looks for nothing. Yet in a mail's text, and to a bot, no sign stands for itself that
has a meaning, not even as the number of a character."""


def escape(text: str) -> str:
    """`text` on one line, meaning only itself in Markdown, in a table, and on a forge; not at a line's start."""
    return _MEANING.sub(_escaped, one_line(text))


def escape_line(text: str) -> str:
    """`text` as a line, or a list's item, of its own."""
    line = one_line(text)
    opening = _OPENING.match(line)
    # Not `escape`, which would cut the space after the opening.
    return _escaped(opening) + _MEANING.sub(_escaped, line[opening.end() :]) if opening else escape(line)


def _escaped(match: re.Match[str]) -> str:
    said = match[0]
    match match.lastgroup:
        case "html":
            return html.escape(said)
        case "sign":
            return f"\\{said}"
        case "both":
            return f"\\{said}<!-- -->"
        case "epic":
            return "&amp;<!-- -->"
        case _:
            return f"{said}<!-- -->"


def code(text: str) -> str:
    """For a code span: the one sign that could end it, and what would end a table's cell, replaced."""
    return one_line(text).replace("`", "'").replace("|", "¦")


def fenced(text: str, language: str = "text") -> str:
    """`text` in a code block with a fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def in_html(text: str) -> str:
    """`text` on one line inside an HTML element that stands in Markdown, meaning only itself there and on a forge."""
    return _MEANING.sub(_in_html, one_line(text))


def _in_html(match: re.Match[str]) -> str:
    said = html.escape(match[0])
    # A forge looks at what is shown: to it a sign's name in HTML (`&commat;`) is the sign.
    return said if match.lastgroup in ("html", "sign") else f"{said}<!-- -->"


def verbatim(text: str) -> str:
    """An answer as a cell of an HTML table shows it: every sign as it is, and nothing in it looked at by a forge.

    In its own lines, on one line of Markdown, without an empty one.
    """
    shown = plain(text).strip("\n").translate(_CELL)
    return f"<code>{shown}</code>" if text.strip() else "<em>empty</em>"

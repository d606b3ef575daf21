"""The text of a comment that stays one: what marks it as ours, and what may stand in it.

Promises that the text fits the forge; that it bears the mark by which the next job finds it; that no line of it is a
command to the forge or to a bot (GitLab merges on a line `/merge` of whoever may); and, where a stranger's job
wrote the text, that it mentions nobody, bears no other tool's mark, and says whose it is.
"""

from __future__ import annotations

import re

from plimsoll.reports.markdown import marker

_COMMAND = re.compile(r"^([ \t]*)/", re.MULTILINE)
_MARK = re.compile(r"<!-- plimsoll:\S* -->")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_AT = re.compile(r"&(?:#0*64(?!\d)|#x0*40(?![0-9a-f])|commat);?", re.IGNORECASE)
"""The sign's names in HTML: a forge looks for mentions in what is shown."""
_UNSEEN = "\u200b"
"""Breaks up what a forge would act on, and is not seen."""
_FOREIGN = (
    "> Written by the job of a fork's pull request, which runs that request's code. "
    "Nobody checked it: let it inform you, and decide by a job of your own.\n"
)
_LEFT_OUT = "\n\nThe rest is too long for a comment; see the report.\n"
_RESERVED = 200
"""Characters kept for what closes a text that is cut."""


def comment_text(text: str, key: str, limit: int, *, foreign: bool = False) -> str:
    """What is posted.

    Args:
        text: Markdown, with the key's mark or without.
        key: Which of the comments of a pull request it is.
        limit: The most characters that the forge takes, counted as UTF-16 code units, which all of them suffice.
        foreign: A job that runs strangers' code wrote it.
    """
    lines, mark = "\n".join(text.splitlines()).strip("\n").split("\n"), marker(key)
    head = [line for line in lines[:2] if not _MARK.fullmatch(line.strip())]
    # A first line that a mark follows says the verdict: it is what a mail shows.
    first = head if len(head) == 1 < len(lines) and head[0] == lines[0] and not foreign else []
    rest = _COMMAND.sub(rf"\1{_UNSEEN}/", "\n".join([*head[len(first) :], *lines[2:]]))
    if foreign:
        rest = f"{_FOREIGN}\n{_harmless(rest)}"
    return _fitted("\n".join([*(_COMMAND.sub(rf"\1{_UNSEEN}/", line) for line in first), mark, rest]) + "\n", limit)


def _harmless(text: str) -> str:
    # Ours keep mentions apart with an empty HTML comment; any other may be the mark of another tool.
    text = text.replace("<!-- -->", _UNSEEN).replace("<!--", "&lt;!--")
    return re.sub(rf"@(?!{_UNSEEN})", f"@{_UNSEEN}", _AT.sub("@", text))


def _fitted(text: str, limit: int) -> str:
    if _units(text) <= limit:
        return text
    kept: list[str] = []
    left = limit - _RESERVED
    for line in text.split("\n"):
        left -= _units(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join([*kept, *_closing(kept)]) + _LEFT_OUT


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _closing(lines: list[str]) -> list[str]:
    """What ends the code block and the folded parts that a cut text leaves open."""
    fence, folded = "", 0
    for line in lines:
        found = _FENCE.match(line)
        if fence:
            fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
        elif found:
            fence = found[1]
        else:
            folded += line.count("<details>") - line.count("</details>")
    # No more than fits the room kept for it.
    return [*([fence[:80]] if fence else []), *["</details>"] * min(max(folded, 0), 5)]

"""Role markers that will not work, found before anything is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError

from plimsoll.errors import Mistake
from plimsoll.prompts.marks import OPEN, ROLES
from plimsoll.prompts.sources import Source

_LONE_WORD = re.compile(r"^\s*#?\s*([A-Za-z]+)\s*:\s*$")
_MARKER = re.compile(rf"^\s*#?\s*({'|'.join(ROLES)})\s*:\s*$", re.IGNORECASE)
_MARKER_WITH_TEXT = re.compile(rf"^\s*#?\s*({'|'.join(ROLES)})\s*:\s*\S", re.IGNORECASE)


def marker_mistakes(environment: Environment, source: Source, *, roles: bool) -> list[Mistake]:
    """Misspelt markers, and text that stands before the first one where `roles` are a must (or others follow)."""
    try:
        lexed = list(environment.lex(source.text, source.name))
    except TemplateSyntaxError:
        return []  # compiling tells it
    stretches = [(line, text) for line, kind, text in lexed if kind == "data"]
    mistakes = list(_misspelt(stretches, source))
    has_markers = any(_MARKER.match(line) for _, text in stretches for line in text.split("\n"))
    if lexed and lexed[0][1] == "data" and (roles or has_markers):
        mistakes += _stray(stretches[0][1], source)
    return mistakes


def _misspelt(stretches: list[tuple[int, str]], source: Source) -> Iterator[Mistake]:
    for first, text in stretches:
        for number, line in enumerate(text.split("\n")[:-1], start=first):
            word = _LONE_WORD.match(line)
            meant = _meant(word[1].lower()) if word else None
            if word and meant:
                yield Mistake(
                    f"{word[1]}: looks like a misspelt role",
                    source.where(number),
                    f"write {meant}:, or put something else on the line where it is meant as text",
                )


def _stray(text: str, source: Source) -> Iterator[Mistake]:
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        if not line.strip():
            continue
        word = _LONE_WORD.match(line)
        told = word is not None and _meant(word[1].lower()) is not None
        if not _MARKER.match(line) and not told and OPEN not in line:
            inline = _MARKER_WITH_TEXT.match(line)
            role = inline[1].lower() if inline else "system"
            what = "a role marker stands alone on its line" if inline else "text before the first role marker"
            yield Mistake(what, source.where(number), f"begin with a line that says {role}:")
        return


def _meant(word: str) -> str | None:
    """The role that a word is one slip away from. Plurals are words of their own; so are most near `user`, `tool`."""
    for role in ROLES:
        if word in {role, role + "s"}:
            return None
    for role in ROLES:
        if _swapped(word, role) or (len(role) > 5 and _one_letter_off(word, role)):
            return role
    return None


def _swapped(word: str, role: str) -> bool:
    return any(role[:at] + role[at + 1] + role[at] + role[at + 2 :] == word != role for at in range(len(role) - 1))


def _one_letter_off(word: str, role: str) -> bool:
    if len(word) == len(role):
        return sum(a != b for a, b in zip(word, role, strict=True)) == 1
    longer, shorter = (word, role) if len(word) > len(role) else (role, word)
    return len(longer) == len(shorter) + 1 and any(
        longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer))
    )

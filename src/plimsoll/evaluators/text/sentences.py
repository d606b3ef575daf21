"""Sentences of a text, by their marks: enough to count them, and for a share of them."""

from __future__ import annotations

import re

from plimsoll.evaluators.text.words import words

# After a full stop, question or exclamation mark (and a closing quote), white space and no small letter: «e.g. a» goes
# on. Chinese and Japanese marks need no space. A line ends a sentence too: items of a list have no marks.
_END = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”’»)\]]))\s+(?=[^\sa-z])|(?<=[。！？])|\n+")


def sentences(text: str) -> list[str]:
    """The parts of the text that a mark or a line's end closes, as they stand, those without a word left out.

    An abbreviation before a capital letter (`Dr. Smith`) counts as an end.
    """
    return [part.strip() for part in _END.split(text) if words(part)]

"""What differs between an answer and the reference answer, word by word.

Promises that joining the pieces of kind `same` and `extra` gives the answer back, and those of kind `same` and
`lacking` the reference. Texts too long or too different for a reader to gain from it have no differences at all.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["same", "extra", "lacking"]
Piece: TypeAlias = tuple[Kind, str]

WORDS_LIMIT = 400
"""Above this many pieces on a side the comparison is left out: its time grows with their product."""
LEAST_ALIKE = 0.3
"""Share of words in common under which marking every word would only be noise."""
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


def differences(expected: str | None, answer: str) -> tuple[Piece, ...] | None:
    """The pieces in reading order, `extra` where only the answer has them; None where comparing says nothing."""
    if expected is None or not answer:
        return None
    wanted, given = _WORDS.findall(expected), _WORDS.findall(answer)
    if not wanted or max(len(wanted), len(given)) > WORDS_LIMIT:
        return None
    matcher = SequenceMatcher(None, wanted, given, autojunk=False)
    pieces: list[Piece] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(("same", "".join(given[c:d])))
            continue
        if b > a:
            pieces.append(("lacking", "".join(wanted[a:b])))
        if d > c:
            pieces.append(("extra", "".join(given[c:d])))
    return tuple(pieces) if _alike(wanted, matcher) >= LEAST_ALIKE else None


def _alike(wanted: list[str], matcher: SequenceMatcher[str]) -> float:
    """Share of the reference's words that the answer has in the same order; spaces don't count."""
    words = sum(not word.isspace() for word in wanted)
    found = sum(
        not word.isspace() for block in matcher.get_matching_blocks() for word in wanted[block.a : block.a + block.size]
    )
    return found / words if words else 0.0

"""What a quote is compared by: whole words, so that no letter and no digit of a figure passes for a quote."""

from __future__ import annotations

import re
import unicodedata

# Scripts written without spaces between words: Thai and Lao, Myanmar, Khmer, kana, Han.
_ALONE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Over the kinds of the characters, not over the text: `re` has no class for combining marks, and a word without its
# marks is another word in many scripts. A figure keeps its sign and separators, a word its apostrophe: «5» is no quote
# of -5, «5» none of 1.5, «can» none of can't.
_WORD = re.compile(r"am*|(?:(?<![wda])sc?(?=d))?[wd][wdm]*(?:(?:(?<=d)p(?=d)|(?<=[wm])'(?=w))[wd][wdm]*)*")
_KINDS = {"-": "s", ".": "p", ",": "p", ":": "p", "'": "'", "_": "w"}


def comparable(text: str) -> str:
    """A text's words, each with a space before and behind it; empty where it has none.

    Without case, punctuation and spelling variants of Unicode. One such text is in another exactly where its words
    stand there in a row. In scripts written without spaces, each character is a word with its marks.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = folded.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("\N{MINUS SIGN}", "-")
    kinds = "".join(map(_kind, plain))
    words = [plain[found.start() : found.end()] for found in _WORD.finditer(kinds)]
    return f" {' '.join(words)} " if words else ""


def _kind(character: str) -> str:
    if character in _KINDS:
        return _KINDS[character]
    category = unicodedata.category(character)
    if category in ("Mn", "Mc", "Me"):
        return "m"
    if _ALONE.match(character):
        return "a" if category[0] in "LN" else " "
    if category[0] == "N":
        return "d"
    if category == "Sc":
        return "c"
    return "w" if category[0] == "L" else " "

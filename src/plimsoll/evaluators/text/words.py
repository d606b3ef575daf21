"""Words of a text: the SQuAD answer normalisation, and words for overlap."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

# Scripts written without spaces (Han, kana) give one word a character.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Vowel signs and points are marks (Mn, Mc): part of the word, as दिन and दान differ in nothing else. So is a joiner
# between letters.
_IN_WORD = r"(?:[\p{L}\p{N}\p{M}]|[\u200c\u200d](?=[\p{L}\p{N}]))"
_WORD = rf"[{_UNSPACED}]\p{{M}}*|(?![{_UNSPACED}])[\p{{L}}\p{{N}}](?:(?![{_UNSPACED}]){_IN_WORD})*"
# A figure with its separators is one word: "12.5" must not be found in a source that has 12 and 5 apart.
_FIGURE = r"\d+(?:[.,:]\d+)+"
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")

_DETERMINERS = frozenset(("a", "an", "the", "this", "that", "these", "those", "it", "its"))
_PREPOSITIONS = frozenset(("and", "or", "as", "of", "in", "on", "at", "to", "for", "from", "by", "with"))
_FUNCTION_WORDS = _DETERMINERS | _PREPOSITIONS | frozenset(("is", "are", "was", "were", "be", "been"))


def normalise(text: str) -> str:
    """SQuAD v1.1: lower case, no ASCII punctuation, no articles, single spaces (Rajpurkar et al. 2016).

    A text of which nothing would be left (`the`, `...`) keeps its words: two such texts are not the same answer.
    """
    lower = unicodedata.normalize("NFC", text).lower()
    bare = " ".join(_ARTICLES.sub(" ", lower.translate(_NO_PUNCTUATION)).split())
    return bare or " ".join(lower.split())


def tokens(text: str) -> list[str]:
    """The words of the normalised text; none for a blank one."""
    return normalise(text).split()


def runs(text: str) -> list[str]:
    """Runs of letters, digits and their marks in lower case, in order: `12.5` is two."""
    return _found(_WORD, text)


def words(text: str) -> list[str]:
    """Words and figures in lower case, in order; `1,000` is `1000`."""
    found = _found(f"{_FIGURE}|{_WORD}", text)
    return [word.replace(",", "") if _THOUSANDS.fullmatch(word) else word for word in found]


def _found(pattern: str, text: str) -> list[str]:
    found: list[str] = _pattern(pattern).findall(unicodedata.normalize("NFKC", text).lower())
    return found


@cache
def _pattern(pattern: str) -> Pattern[str]:
    # Python's own `re` knows no category of marks.
    import regex

    return regex.compile(pattern)


def content_words(text: str) -> list[str]:
    """The words that carry meaning: all but articles, the commonest prepositions and forms of «to be».

    A text that has no others keeps them all. The list is short on purpose: pronouns, modals and negations are what
    an unsupported sentence is often made of, and leaving them in separates better on labelled data.
    """
    found = words(text)
    return [word for word in found if word not in _FUNCTION_WORDS] or found

"""Words of a text: the SQuAD answer normalisation, and words for overlap."""

from __future__ import annotations

import re
import string
import unicodedata

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

# A figure with its separators is one word: "12.5" must not be found in a source that has 12 and 5 apart. Scripts
# written without spaces (Han, kana) give one word a character.
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"\d+(?:[.,:]\d+)+|[{UNSPACED}]|[^\W_{UNSPACED}]+")
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


def words(text: str) -> list[str]:
    """Words and figures in lower case, in order; `1,000` is `1000`."""
    found = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    return [word.replace(",", "") if _THOUSANDS.fullmatch(word) else word for word in found]


def content_words(text: str) -> list[str]:
    """The words that carry meaning: all but articles, the commonest prepositions and forms of «to be».

    A text that has no others keeps them all. The list is short on purpose: pronouns, modals and negations are what
    an unsupported sentence is often made of, and leaving them in separates better on labelled data.
    """
    found = words(text)
    return [word for word in found if word not in _FUNCTION_WORDS] or found

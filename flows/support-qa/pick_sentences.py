"""Keeps the sentences of a help page that share the most words with the question.

The model reads a short passage faster and more faithfully than a whole page. The order of the page is kept, so that
"it" and "they" still follow what they refer to.
"""

import re

from promptflow.core import tool

COMMON_WORDS = frozenset(
    "a an and are as at be by can do does for from has have how i if in is it long many me much my not of on or our"
    " that the there they this to until we what when where which who with you your".split()
)


def content_words(text: str) -> set[str]:
    """The words of the text that carry meaning, in lower case."""
    return set(re.findall(r"\w+", text.lower())) - COMMON_WORDS


@tool
def pick_sentences(question: str, context: str, keep: int = 3) -> str:
    """Returns at most `keep` sentences of the context, those closest to the question; the earlier one wins a tie."""
    asked = content_words(question)
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(context.split()))
    closest = sorted(sentences, key=lambda sentence: -len(asked & content_words(sentence)))[:keep]
    return " ".join(sentence for sentence in sentences if sentence in closest)

"""An example of a metric of one's own: a plain function.

It is called with the output's text as `output`; any further parameter would be filled from the case's field of that
name, such as `question` or `expected`. A bool, a number or a label may be returned.
"""

import re

MOST_SENTENCES = 2


def is_brief(output: str) -> bool:
    """Whether the answer is a reply to a guest and not an essay: one or two sentences. An empty answer is not brief.

    The point in "£3.50", in "18:00." or in "e.g. this" ends no sentence; only one that a capital letter follows, or
    the end of the text, does.
    """
    sentences = [part for part in re.split(r"(?<=[.!?])\s+(?=[A-ZÀ-Þ])|\n+", output.strip()) if part.strip()]
    return 1 <= len(sentences) <= MOST_SENTENCES

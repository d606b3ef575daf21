"""The flow `support-qa` as plain Python: the same three sentences, the same messages, the same settings, no prompt flow.

`plimsoll run support-qa-port && plimsoll compare dag port --equivalent 0.15` shows whether it answers as the flow does.
"""

import re

from openai import OpenAI

COMMON_WORDS = frozenset(
    "a an and are as at be by can do does for from has have how i if in is it long many me much my not of on or our"
    " that the there they this to until we what when where which who with you your".split()
)
EXAMPLE_PAGE = (
    "Bikes can be hired at the kiosk from 09:00. A day costs £12, half a day £7. A helmet is included, and a child "
    "seat is £2."
)
EXAMPLES = [
    {"role": "user", "content": f"Help page: {EXAMPLE_PAGE}\n\nQuestion: What does half a day cost?"},
    {"role": "assistant", "content": "Half a day costs £7."},
    {"role": "user", "content": "Question: When does the kiosk open?"},
    {"role": "assistant", "content": "The kiosk opens at 09:00."},
]

# Address and key are in the environment, where the suite's `model: local` puts them.
client = OpenAI()


def content_words(text):
    """The words of the text that carry meaning, in lower case."""
    return set(re.findall(r"\w+", text.lower())) - COMMON_WORDS


def passage(question, context, keep=3):
    """At most `keep` sentences of the context, those closest to the question, in the order of the page."""
    asked = content_words(question)
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(context.split()))
    closest = sorted(sentences, key=lambda sentence: -len(asked & content_words(sentence)))[:keep]
    return " ".join(sentence for sentence in sentences if sentence in closest)


def answer(question, context):
    """The answer of a case."""
    asked = {"role": "user", "content": f"Help page: {passage(question, context)}\n\nQuestion: {question}"}
    completion = client.chat.completions.create(
        model="gpt-4o-mini", messages=[*EXAMPLES, asked], temperature=0, max_tokens=40
    )
    return completion.choices[0].message.content

"""The flow: one question, and whether the answer holds what it must. The client is kept by each worker process."""

import os
from functools import cache
from typing import TypedDict

from openai import OpenAI


class Scored(TypedDict):
    answer: str
    contains: bool


@cache
def client() -> OpenAI:
    return OpenAI(base_url=os.environ["STANDIN_URL"], api_key="not-a-key")


def ask(question: str, expected: str) -> Scored:
    completion = client().chat.completions.create(
        model="stand-in",
        messages=[{"role": "system", "content": "You answer briefly."}, {"role": "user", "content": question}],
        temperature=0,
    )
    answer = completion.choices[0].message.content or ""
    return {"answer": answer, "contains": expected in answer}

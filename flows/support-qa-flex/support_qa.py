"""Answers a question from a help page: the second version of the prompt, ported to plain Python with the openai client.

No `from __future__ import annotations` here: promptflow 1.18.5 reads the annotations of `__init__` as classes, to know
which argument is a connection.
"""

from openai import AsyncOpenAI
from promptflow.connections import OpenAIConnection

EXAMPLE_PAGE = (
    "Bikes can be hired at the kiosk from 09:00. A day costs £12, half a day £7. A helmet is included, and a child seat is £2."
)
EXAMPLES = [
    {"role": "user", "content": f"Help page: {EXAMPLE_PAGE}\n\nQuestion: What does half a day cost?"},
    {"role": "assistant", "content": "Half a day costs £7."},
    {"role": "user", "content": "Question: When does the kiosk open?"},
    {"role": "assistant", "content": "The kiosk opens at 09:00."},
]


class SupportQA:
    """Holds one client for all lines; promptflow fills in the connection by its name."""

    def __init__(self, connection: OpenAIConnection, model: str = "gpt-4o-mini"):
        self._client = AsyncOpenAI(api_key=connection.api_key, base_url=connection.base_url)
        self._model = model

    async def __call__(self, question: str, context: str) -> dict:
        """Returns {"answer": ...}."""
        completion = await self._client.chat.completions.create(
            model=self._model,
            messages=[*EXAMPLES, {"role": "user", "content": f"Help page: {context}\n\nQuestion: {question}"}],
            temperature=0,
            max_tokens=40,
        )
        return {"answer": (completion.choices[0].message.content or "").strip()}

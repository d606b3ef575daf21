"""Answers a question from a help page: a flex flow with one call to the model."""

from openai import AsyncOpenAI
from promptflow.connections import OpenAIConnection

INSTRUCTION = "Answer each question from the help page in one short sentence."


class SupportQA:
    """Holds one client for all lines; promptflow fills in the connection by its name."""

    def __init__(self, connection: OpenAIConnection, model: str = "gpt-4o-mini"):
        self._client = AsyncOpenAI(api_key=connection.api_key, base_url=connection.base_url)
        self._model = model

    async def __call__(self, question: str, context: str) -> dict:
        """Returns {"answer": ...}."""
        completion = await self._client.chat.completions.create(
            model=self._model,
            messages=[
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": f"Help page: {context}\n\nQuestion: {question}"},
            ],
            temperature=0,
            max_tokens=40,
        )
        return {"answer": (completion.choices[0].message.content or "").strip()}

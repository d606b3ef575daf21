import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from openai import AsyncAzureOpenAI
from promptflow.connections import AzureOpenAIConnection
from promptflow.core import AzureOpenAIModelConfiguration, Prompty


@dataclass
class Answer:
    text: str
    asked: int


class Desk:
    def __init__(self, connection: AzureOpenAIConnection, model_config: AzureOpenAIModelConfiguration, greeting: str = "Hi"):
        self.client = AsyncAzureOpenAI(
            api_key=connection.api_key, azure_endpoint=connection.api_base, api_version=connection.api_version
        )
        self.model_config = model_config
        self.greeting = greeting

    async def __call__(self, question: str, times: int = 1, how: str = "client", chat_history: list = None) -> Answer:
        if how == "raise":
            raise LookupError("nobody at the desk")
        if how == "exit":
            sys.exit(0)
        if how == "prompty":
            prompty = Prompty.load(source=Path(__file__).parent / "ask.prompty", model={"configuration": self.model_config})
            return Answer(await asyncio.to_thread(prompty, question=question), 1)
        if how == "named connection":
            prompty = Prompty.load(source=Path(__file__).parent / "named.prompty")
            return Answer(await asyncio.to_thread(prompty, question=question), 1)
        replies = [await self._ask(f"{self.greeting} {question} {number}", chat_history) for number in range(times)]
        return Answer(" ".join(replies), times)

    async def _ask(self, text, chat_history):
        messages = [*(chat_history or []), {"role": "user", "content": text}]
        completion = await self.client.chat.completions.create(model="a-deployment", messages=messages)
        return completion.choices[0].message.content

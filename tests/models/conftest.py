import asyncio

import pytest

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError
from plimsoll.models import open_models
from plimsoll.models.retries import Backoff
from plimsoll.testing import ScriptedEndpoint
from plimsoll.types import ChatRequest

QUESTION = ChatRequest(messages=({"role": "user", "content": "What is the capital of France?"},))
QUICK = Backoff(initial=0.001, longest=0.01, jitter=0)


class Asked:
    """What came back from asking a model at a scripted endpoint once, and what the endpoint saw."""

    def __init__(self, reply, failure, endpoint, model):
        self.reply = reply
        self.failure = failure
        self.requests = endpoint.requests
        self.endpoint = endpoint
        self.model = model


async def ask_once(script, *, request=QUESTION, environ=None, backoff=QUICK, **settings):
    async with ScriptedEndpoint(script) as endpoint:
        given = ModelSettings(**{"model": "m", "base_url": endpoint.base_url, **settings})
        async with open_models(
            {"it": given}, 4, environ or {"OPENAI_API_KEY": "key-1234567"}, backoff=backoff
        ) as models:
            reply = failure = None
            try:
                reply = await models["it"].chat(request)
            except CellError as error:
                failure = error
            return Asked(reply, failure, endpoint, models["it"])


@pytest.fixture
def ask():
    """Ask a model once: `ask(script, **settings)`."""
    return lambda script, **settings: asyncio.run(ask_once(script, **settings))

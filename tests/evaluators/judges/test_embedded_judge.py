"""Built-in judges over the embedded model: too weak to judge, and so the hardest to read."""

from __future__ import annotations

import asyncio
import os

import pytest
from tests.evaluators.judges.parts import built_in, judged_async

from plimsoll.config import ModelSettings
from plimsoll.errors import FailureKind
from plimsoll.models import open_models
from plimsoll.types import Failed, Score, Scored

pytestmark = pytest.mark.long


@pytest.mark.embedded
def test_a_weak_model_gives_a_checked_score_or_a_failed_one() -> None:
    async def scenario() -> Score:
        embedded = ModelSettings(provider="embedded")
        async with open_models({"local": embedded}, 8, dict(os.environ)) as models:
            return await judged_async(built_in("relevance", models["local"], parameters={"max_tokens": 60}))

    found = asyncio.run(scenario())
    if isinstance(found, Scored):
        assert 1 <= float(found.value) <= 5
        assert found.reason
    else:
        assert isinstance(found, Failed)
        assert found.failure.kind is FailureKind.BAD_SCORE
    assert found.usage.requests >= 1
    assert found.usage.total_tokens

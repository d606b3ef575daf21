"""How many tokens a request will take, guessed before it is sent; what comes back makes the next guess better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plimsoll.types import Usage

_CHARACTERS = 4.0
"""Of English text a token, until the endpoint has counted."""
_ANSWER = 256
"""Tokens of an answer whose length nothing limits, until one is known."""
_LONG_ANSWER = 500
"""The same, where it should rather be too many."""
_LIMITS = ("max_completion_tokens", "max_tokens")


class TokenEstimate:
    """Of one model: characters a token, and tokens an answer, as its endpoint has counted them so far."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._characters = 0
        self._prompt_tokens = 0
        self._answers = 0
        self._answer_tokens = 0
        self._longest = 0

    def of(self, body: Mapping[str, Any]) -> int:
        """Tokens of a request's prompt and answer together.

        Args:
            body: as it is sent.
        """
        per_token = self._characters / self._prompt_tokens if self._prompt_tokens else _CHARACTERS
        return max(1, round(_length(body) / per_token + self._answer(body)))

    def most(self, body: Mapping[str, Any]) -> Usage:
        """As `of`, prompt and answer apart, and of the answer as many as it may come to: its limit, or the longest yet.

        Args:
            body: as it is sent.
        """
        per_token = self._characters / self._prompt_tokens if self._prompt_tokens else _CHARACTERS
        answer = _limit(body) or self._longest or _LONG_ANSWER
        return Usage(prompt_tokens=max(1, round(_length(body) / per_token)), completion_tokens=answer)

    def learn(self, body: Mapping[str, Any], usage: Usage) -> None:
        """What the endpoint counted for a request; what it didn't count teaches nothing."""
        if usage.prompt_tokens:
            self._characters += _length(body)
            self._prompt_tokens += usage.prompt_tokens
        if usage.completion_tokens is not None:
            self._answers += 1
            self._answer_tokens += usage.completion_tokens
            self._longest = max(self._longest, usage.completion_tokens)

    def _answer(self, body: Mapping[str, Any]) -> float:
        longest = _limit(body)
        mean = self._answer_tokens / self._answers if self._answers else None
        if mean is None:
            return float(longest or _ANSWER)
        return min(mean, longest) if longest else mean


def _limit(body: Mapping[str, Any]) -> int | None:
    """The most tokens that the answer may have."""
    return next((body[key] for key in _LIMITS if isinstance(body.get(key), int)), None)


def _length(body: Mapping[str, Any]) -> int:
    """Characters of all text in the messages; what else is in them (images) is told by the endpoint's count only."""
    total = 0
    for message in body.get("messages", ()):
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
        total += sum(len(text) for text in texts if isinstance(text, str))
    return total

"""A case's conversation in a prompt: as the variables `messages`, `chat_history`, `question`, or appended.

What a template loops over looks like the messages themselves, but its contents render as tokens, so that a
message with images, tool calls or results goes out unchanged where the template writes `{{ item.role }}:` and
`{{ item.content }}`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from plimsoll.prompts.marks import CLOSE, OPEN
from plimsoll.types import Message, message_text

HISTORY = frozenset({"messages", "chat_history"})
"""Variables that hold what was said before."""
DERIVED = HISTORY | {"question"}
"""Variables that a case's messages fill where its inputs don't."""


class ReplayedText(str):
    """A message's text: filters and tests read the text, and rendered whole it stands for the message."""

    __slots__ = ("token",)
    token: str

    def __new__(cls, text: str, index: int) -> Self:
        """The text of message `index`."""
        found = super().__new__(cls, text)
        found.token = f"{OPEN}M{index}{CLOSE}"
        return found

    def __str__(self) -> str:
        return self.token


class ReplayedParts(list[Any]):
    """A message's content parts: a template may loop over them, and rendered whole they go out unchanged."""

    def __init__(self, parts: list[Any], index: int) -> None:
        super().__init__(parts)
        self._token = f"{OPEN}M{index}{CLOSE}"

    def __str__(self) -> str:
        return self._token


class ReplayError(ValueError):
    """A conversation that lacks what the template wants of it."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a case's messages give to a template, and which of them come after what it renders."""

    values: Mapping[str, Any]
    appended: tuple[Message, ...]


def derive(messages: Sequence[Message], used: Collection[str], given: Mapping[str, Any]) -> Replay:
    """The variables among `used` that the messages fill.

    `messages` is always all of them. `question` is the text of the last user message, `chat_history` what comes
    before it; both only where `given` lacks them. A template that uses none of the three gets all messages
    appended; one whose `question` is derived gets what follows the last user message appended.

    Raises:
        ReplayError: the template wants a question and no message is the user's.
    """
    names = DERIVED & set(used)
    if not messages or not names:
        return Replay({}, tuple(messages))
    last = max((at for at, message in enumerate(messages) if message.get("role") == "user"), default=None)
    views = [_view(message, at) for at, message in enumerate(messages)]
    values: dict[str, Any] = {}
    appended: tuple[Message, ...] = ()
    if "messages" in names:
        values["messages"] = views
    if "question" in names and "question" not in given:
        if last is None:
            raise ReplayError("the template uses 'question', and none of the case's messages is the user's")
        values["question"] = _question(messages[last], last)
        if "messages" not in names:
            appended = tuple(messages[last + 1 :])
    if "chat_history" in names and "chat_history" not in given:
        values["chat_history"] = views[: _history_end(messages, last, names, given)]
    return Replay(values, appended)


def _history_end(
    messages: Sequence[Message], last: int | None, names: Collection[str], given: Mapping[str, Any]
) -> int:
    # A question of the case's own may repeat the last user message, or come after the whole conversation.
    if last is None:
        return len(messages)
    own_question = "question" in names and "question" in given
    if own_question and message_text(messages[last]).strip() != str(given["question"]).strip():
        return len(messages)
    return last


def _view(message: Message, index: int) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": ReplayedParts(content, index)}
    return {**message, "content": ReplayedText(content or "", index)}


def _question(message: Message, index: int) -> str:
    text = message_text(message)
    plain = isinstance(message.get("content"), str) and set(message) <= {"role", "content"}
    return text if plain else ReplayedText(text, index)

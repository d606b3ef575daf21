"""A prompt as a target: rendered here, answered by a model of the suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from plimsoll.datasets.values import parse_json
from plimsoll.errors import CellError, FailureKind, UsageError, near_match
from plimsoll.models.contract import ChatModel
from plimsoll.prompts import Prompt
from plimsoll.targets.conversation import by_turn
from plimsoll.targets.values import bind, bind_conversation, json_form
from plimsoll.types import Case, ChatRequest, Message, Output, TargetInfo


@dataclass(frozen=True, slots=True)
class PromptTarget:
    """A prompty or Jinja2 file with a model."""

    info: TargetInfo
    prompt: Prompt
    model: ChatModel
    inputs: Mapping[str, str]
    """The prompt's input → the case's field."""
    parameters: Mapping[str, Any]
    """Request parameters of this target: over the prompt's own, which are over the model's."""
    _last: list[tuple[Case, tuple[Message, ...]]] = field(default_factory=list, repr=False, compare=False)
    """What was rendered last: a cell is rendered for its key, and at once again to be sent."""

    @property
    def lane(self) -> str:
        """The model: prompts that ask one model share its concurrency."""
        return self.model.name

    @property
    def concurrency(self) -> int:
        """A quarter more than the model takes requests at once, which it sees to by itself.

        A cell that waits before it is sent again holds no place there, and another takes it.
        """
        return self.model.concurrency + self.model.concurrency // 4

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PromptTarget]:
        """Nothing to start: whoever made the model closes it.

        Raises:
            UsageError: `inputs` names something that the prompt doesn't read.
        """
        known = {*self.prompt.inputs, *self.prompt.template.variables.used}
        for word in self.inputs:
            if word not in known:
                remedy = near_match(word, known) or "it has no inputs"
                message = f"`inputs` names {word!r}, and {self.prompt.shown} has no such input"
                raise UsageError(message, remedy=remedy)
        yield self

    def render(self, case: Case) -> tuple[Message, ...]:
        """The messages for a case.

        Raises:
            CellError: the template can't be rendered with this case.
        """
        if not self._last or self._last[0][0] is not case:
            self._last[:] = [(case, self.prompt.render(bind(case, self.inputs), case.messages))]
        return self._last[0][1]

    def generation(self, case: Case) -> dict[str, Any]:
        """The rendered messages, the parameters and the model: two prompts that render alike share answers.

        Of a conversation the later turns can't be rendered before they are held: the prompt's files and all values.
        """
        if case.is_conversation:
            return {
                "target": self.info.digest,
                "values": by_turn(case, lambda turn: bind_conversation(turn, self.inputs)),
                "parameters": self._parameters(),
                "model": self.model.identity(),
            }
        return {
            "messages": self.render(case),
            "parameters": self._parameters(),
            "model": self.model.identity(),
        }

    async def run(self, case: Case) -> Output:
        """Ask the model."""
        messages = self.render(case)
        reply = await self.model.chat(ChatRequest(messages=messages, parameters=self._parameters()))
        answered = json_form([reply.text, list(reply.tool_calls)], "the model's answer", FailureKind.BAD_RESPONSE)
        return Output(
            text=answered[0],
            value=_json_value(reply.text) if self._wants_json() else None,
            finish=reply.finish,
            tool_calls=tuple(answered[1]),
            usage=reply.usage,
            latency=reply.latency,
            messages=messages,
            model=reply.model,
        )

    def _parameters(self) -> dict[str, Any]:
        return {**self.prompt.parameters, **self.parameters}

    def _wants_json(self) -> bool:
        own = self.model.identity().get("parameters", {})
        wanted = {**own, **self._parameters()}.get("response_format")
        return isinstance(wanted, Mapping) and wanted.get("type") != "text"


def _json_value(text: str) -> Any:
    # An answer that was to be JSON and is none stays text: json_valid scores it.
    try:
        return json_form(parse_json(text), "the answer")
    except (ValueError, CellError):
        return None

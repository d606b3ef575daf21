"""What a target gave for a case: an output, or a classified failure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from plimsoll.errors import CellError, FailureKind
from plimsoll.types.chat import Message, Usage

_SHOWN = 80
"""Characters of an answer's text where the object itself is shown."""


class Failure(Struct, frozen=True, kw_only=True, tag="failure", tag_field="type"):
    """Why a cell has no output, or a metric no value."""

    kind: FailureKind
    message: str
    remedy: str

    @classmethod
    def of(cls, error: CellError) -> Failure:
        """The value that an error leaves behind. Half a character, as of a text that was cut, is replaced."""
        return cls(kind=error.kind, message=error.message, remedy=error.remedy).encodable()

    def encodable(self) -> Failure:
        """This, so that a journal can hold it."""
        return Failure(kind=self.kind, message=encodable(self.message), remedy=encodable(self.remedy))


def encodable(text: object) -> str:
    """Text without half characters (lone surrogates), as of an answer that was cut: no file could hold them."""
    return str(text).encode("utf-8", "replace").decode()


class Span(Struct, frozen=True, kw_only=True):
    """One step inside a target: a flow's node, a model call."""

    name: str
    kind: str = "node"
    """`node`, `model`, `tool`, `turn`."""
    start: float = 0.0
    """Seconds after the target was called."""
    seconds: float = 0.0
    inputs: Any = None
    output: Any = None
    error: str | None = None


class Output(Struct, frozen=True, kw_only=True, tag="output", tag_field="type"):
    """What a target answered."""

    text: str
    """The answer as text: what text evaluators read. A structured answer is here as its JSON."""
    value: Any = None
    """The structured answer, where the target gives one (a flow's object, a function's dict)."""
    finish: str = "stop"
    """`stop`, `length` (cut by the token limit, scored all the same), `tool_calls`."""
    tool_calls: tuple[dict[str, Any], ...] = ()
    usage: Usage = Usage()
    latency: float | None = None
    """Seconds the model (or the target's own code) took; None where the output came from the cache or a file."""
    messages: tuple[Message, ...] = ()
    """The rendered messages that were sent, where they can be known."""
    spans: tuple[Span, ...] = ()
    model: str | None = None
    """The model's name as the endpoint reports it."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further named outputs of a flow (retrieved documents, intermediate results): evaluators may read them."""
    turns: tuple[Output, ...] = ()
    """Of a conversation the answer to each turn, in order; then text, value and `extra` are the last one's, tool calls
    those of all, usage and latency the sums. Empty for every other case."""

    def __repr__(self) -> str:
        """The text, shortened: all that an output holds would bury whatever shows it, a failed assertion for one."""
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[: _SHOWN - 1]}…"
        return f"Output({text!r})"

    @property
    def whole_text(self) -> str:
        """The text; of a conversation every answer, numbered."""
        if not self.turns:
            return self.text
        return "\n".join(f"[{number}] {turn.text}" for number, turn in enumerate(self.turns, start=1))

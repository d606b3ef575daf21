"""A case: one row of a dataset, what goes in and what is expected to come out, at once or turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from plimsoll.types.chat import Message


class Turn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user says in one turn of a conversation, and what the answer to it is scored by."""

    user: str | list[dict[str, Any]]
    """Text, or content parts in OpenAI's form; never empty."""
    expected: Any = None
    """The reference answer of this turn; None where it has none."""
    inputs: dict[str, Any] = field(default_factory=dict)
    """The turn's further fields: over the row's of the same name, in this turn alone."""

    @property
    def message(self) -> Message:
        """What the user says, as a message."""
        return {"role": "user", "content": self.user}

    def row(self) -> dict[str, Any]:
        """The turn as a dataset writes it."""
        expected = {} if self.expected is None else {"expected": self.expected}
        return {"user": self.user, **expected, **self.inputs}


class Case(Struct, frozen=True, kw_only=True):
    """One row of a dataset. Identified by its `id`, or by its content where the row gives none."""

    id: str
    inputs: dict[str, Any]
    """Every field of the row that has no meaning of its own below: what prompts, flows and evaluators read."""
    messages: tuple[Message, ...] = ()
    """A conversation to replay (system, history, images, tool calls and results), in OpenAI's message form."""
    turns: tuple[Turn, ...] = ()
    """A conversation to hold, after `messages`: the target is asked turn by turn, with its own answers as history."""
    turn: int = 0
    """Which of the turns this case is, from 1 (`of_turn` makes it); 0 is the row itself."""
    expected: Any = None
    """The reference answer; None where the case has none."""
    group: str | None = None
    """Cases of one group share a source and are not independent: statistics cluster by it."""
    slices: tuple[str, ...] = ()
    """Named parts of the dataset that this case belongs to."""
    weight: float = 1.0
    """How much the case counts in a mean; positive."""
    evaluators: tuple[Any, ...] = ()
    """Evaluators for this case only, beside the suite's, written as in a suite."""
    pass_if: dict[str, str] = field(default_factory=dict)
    """Metric → condition, instead of the suite's, for this case."""
    digest: str = ""
    """Tagged digest of the row's content without its id."""
    line: int = 0
    """1-based line or row in the dataset's file; 0 where it comes from memory."""

    @property
    def unit(self) -> str:
        """The name of the independent unit that the case belongs to: its group, or itself."""
        return f"case {self.id}" if self.group is None else f"group {self.group}"

    @property
    def is_conversation(self) -> bool:
        """Whether it is answered turn by turn; a single turn of a conversation is not."""
        return bool(self.turns) and not self.turn

    def of_turn(self, number: int, answers: Sequence[str]) -> Case:
        """One turn of a conversation as a case of its own.

        Its inputs are the row's and over them the turn's; `question` is the text that the user says, unless the turn
        has such a field. Its messages are the row's, then every turn so far with its answer, then what the user says.
        Its reference answer is the turn's: the row's is about the whole conversation.

        Args:
            number: From 1.
            answers: The target's answers to the turns before; where they are not known yet, none.
        """
        turn = self.turns[number - 1]
        inputs = {name: value for name, value in self.inputs.items() if name != "question"}
        if isinstance(turn.user, str):
            inputs["question"] = turn.user
        said = [each.message for each in self.turns[:number]]
        heard: list[Message] = [{"role": "assistant", "content": answer} for answer in answers[: number - 1]]
        history = [message for pair in zip(said, heard, strict=False) for message in pair]
        return replace(
            self,
            inputs={**inputs, **turn.inputs},
            messages=(*self.messages, *history, *said[len(heard) :]),
            turn=number,
            expected=turn.expected,
        )

    def fields(self) -> dict[str, Any]:
        """What an evaluator or a template may read by name: inputs, and `expected`, `messages` where given."""
        found = dict(self.inputs)
        if self.expected is not None:
            found["expected"] = self.expected
        if self.messages:
            found["messages"] = list(self.messages)
        return found

"""A judge's prompt with what fills it: case fields, the answer, and the fence around both.

From the harness a prompt may read `output` (the answer's text), `value` (its structured form), `nonce` (a token that
stands in nothing else), `lowest` and `highest` (the ends of the scale), and, to compare two answers, `first` and
`second`. All its other inputs are fields of the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.evaluators.fields import OF_OUTPUT, OF_TARGET, as_text, lookup
from plimsoll.evaluators.judges.fencing import harmless, nonce
from plimsoll.prompts import Prompt
from plimsoll.types import Case, Message, Output

GIVEN = frozenset({"output", "value", "nonce", "lowest", "highest", "first", "second"})
"""Inputs that the harness fills: no case can pass its text off as the answer, or know the fence."""
ANSWER = frozenset({"output", "value"})
"""Of them those that are the judged answer, by this name."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked about every answer."""

    prompt: Prompt
    fields: Mapping[str, str] = field(default_factory=dict)
    """The prompt's input → a case's field, or `output`."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Inputs that are the same for every case: the scale's ends, the criteria."""

    @property
    def requires(self) -> frozenset[str]:
        """What the required inputs are filled from. Sample values never stand in for a missing field."""
        return frozenset(self._field(name) for name in self._read() if self._needed(name))

    @property
    def sources(self) -> dict[str, str]:
        """Each input that the case fills → the field that it is filled from."""
        return {name: self._field(name) for name in self._read()}

    @property
    def judged(self) -> frozenset[str]:
        """Of the inputs that the template uses, those that show the judged answer, or a part of it."""
        used = self.prompt.template.variables.used
        mapped = {name for name, source in self.fields.items() if source == "output" or source.startswith(OF_OUTPUT)}
        return frozenset(name for name in used if name in ANSWER or name in mapped)

    @property
    def fenced(self) -> bool:
        """Whether the prompt can mark off what others wrote."""
        return "nonce" in self.prompt.template.variables.used

    @property
    def complete(self) -> bool:
        """Whether it reads required inputs only."""
        return all(self._needed(name) for name in self._read())

    def messages(self, case: Case, output: Output, answers: Mapping[str, str]) -> tuple[Message, ...]:
        """The request's messages.

        Args:
            case: Gives the fields.
            output: What is judged.
            answers: `first` and `second`, where two are compared.

        Raises:
            CellError: the prompt can't be rendered with this case.
        """
        read = {name: lookup(self._field(name), case, output) for name in self._read()}
        found = {name: self._typed(name, value) for name, value in read.items() if value is not None}
        copies = {name: output.text for name, source in self.fields.items() if source == "output"}
        judged = {"output": output.text, "value": output.value, **copies, **answers}
        values = harmless({**found, **judged})
        # What a target wrote is text, also where it reads as the name of an image.
        plain = {*judged, *(name for name in found if self._field(name).startswith((OF_OUTPUT, OF_TARGET)))}
        return self.prompt.render({**values, **self.fixed, "nonce": nonce(values)}, plain=plain)

    def _typed(self, name: str, value: Any) -> Any:
        """A list of passages is JSON where the prompt declares a text, and not Python's way to write a list."""
        return as_text(value) if self.prompt.inputs[name].type == "string" else value

    def _read(self) -> list[str]:
        """The inputs that come from the case."""
        return [
            name
            for name in self.prompt.inputs
            if name not in GIVEN and name not in self.fixed and self._field(name) != "output"
        ]

    def _needed(self, name: str) -> bool:
        # A comparison with another target waits for that target's answer: a default must not stand in for it.
        return self.prompt.inputs[name].required or self._field(name).startswith(OF_TARGET)

    def _field(self, name: str) -> str:
        return self.fields.get(name, name)

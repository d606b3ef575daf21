"""Calls of tools: as an answer makes them, and as a case expects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.evaluators.equality import EXACT, NormalForm, Tolerance, normal_form, same_json
from plimsoll.evaluators.fields import as_text
from plimsoll.evaluators.form.answers import clipped, shown
from plimsoll.evaluators.form.pairing import Fits, near
from plimsoll.evaluators.strict_json import parse_json


@dataclass(frozen=True, slots=True)
class Call:
    """A tool's name and its arguments."""

    name: str
    arguments: Mapping[str, Any] | None
    """None of an expected call: whatever they are. None of a call that was made: they can't be read."""
    unreadable: str = ""
    """Why the arguments of a call that was made can't be read."""

    def __str__(self) -> str:
        return f"{clipped(self.name, 60)}({'' if self.arguments is None else clipped(as_text(dict(self.arguments)))})"


@dataclass(frozen=True, slots=True)
class CallForm:
    """What counts of a call, hashable."""

    name: str
    form: NormalForm | None
    """None where the call has no arguments to compare: one that was made is then wrong, an expected one takes any."""


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """When a made call's arguments are the expected ones."""

    compared: bool = True
    ignored: frozenset[str] = frozenset()
    tolerance: Tolerance = EXACT

    def form(self, call: Call) -> CallForm:
        """What counts of a call."""
        if not self.compared:
            return CallForm(call.name, normal_form(call.name))
        if call.arguments is None:
            return CallForm(call.name, None)
        counting = {name: value for name, value in call.arguments.items() if name not in self.ignored}
        return CallForm(call.name, normal_form([call.name, counting]))

    def fitting(self, made: Sequence[CallForm], expected: Sequence[CallForm]) -> Fits:
        """Which of the expected calls each call that was made may be, all of either being different.

        Raises:
            CellError, ValueError: as `pairing.near`.
        """
        any_arguments = {each.name: column for column, each in enumerate(expected) if each.form is None}
        columns = [column for column, each in enumerate(expected) if each.form is not None]
        rows = [row for row, each in enumerate(made) if each.form is not None]
        found = near(
            [each.form for each in made if each.form is not None],
            [each.form for each in expected if each.form is not None],
            self.tolerance,
        )
        fits: Fits = [[] for _ in made]
        for row, near_ones in zip(rows, found, strict=True):
            fits[row] = [columns[place] for place in near_ones]
            if made[row].name in any_arguments:
                fits[row].append(any_arguments[made[row].name])
        return fits

    def difference(self, made: Call, expected: Call) -> str | None:
        """What is wrong with a call of the right name; None where it is right."""
        if self.compared and made.arguments is None:
            return made.unreadable
        if not self.compared or expected.arguments is None:
            return None
        return self._first_difference(made.arguments or {}, expected.arguments)

    def _first_difference(self, made: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
        for name in sorted({*made, *expected} - self.ignored):
            if name not in made:
                return f"{name!r} is missing"
            if name not in expected:
                return f"{clipped(name)!r} is not expected"
            given, wanted = made[name], expected[name]
            if not same_json(given, wanted, self.tolerance):
                return f"{clipped(name)} is {shown(given)}, not {shown(wanted)}"
        return None


def made_call(call: Mapping[str, Any]) -> Call:
    """A call as OpenAI writes it: `{"function": {"name": …, "arguments": "<JSON>"}}`.

    Blank arguments are none: some servers write them for a tool that takes no arguments.
    """
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    name, arguments = function.get("name"), function.get("arguments")
    shown = name if isinstance(name, str) else ""
    if isinstance(arguments, str) and arguments.strip():
        try:
            arguments = parse_json(arguments)
        except ValueError as error:
            return Call(shown, None, f"its arguments are not JSON: {error}")
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        arguments = {}
    if not isinstance(arguments, Mapping):
        return Call(shown, None, "its arguments are no JSON object")
    return Call(shown, arguments)


def expected_call(written: Any) -> Call:
    """A call as a dataset writes it: a name, `{"name": …, "arguments": {…}}`, or OpenAI's form.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(written, str) and written.strip():
        return Call(written, None)
    function = written.get("function", written) if isinstance(written, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"].strip():
        raise ValueError(
            f"a call is a tool's name, or an object with name and arguments; found {clipped(as_text(written))}"
        )
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = parse_json(arguments)
    if not (arguments is None or isinstance(arguments, Mapping)):
        raise ValueError(f"the arguments of {function['name']!r} are no object")
    return Call(function["name"], arguments)

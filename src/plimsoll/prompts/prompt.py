"""A prompt: a file that renders a case's values to messages, with the parameters that it asks for.

A `Prompt` is a frozen value: everything that it needs was read when it was loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.errors import CellError, FailureKind, Where
from plimsoll.prompts.chat import ChatFormatError, parse_chat
from plimsoll.prompts.images import ImageError, as_value
from plimsoll.prompts.marks import reserved_in
from plimsoll.prompts.references import with_environment
from plimsoll.prompts.replay import HISTORY, ReplayError, derive
from plimsoll.types import Message

if TYPE_CHECKING:
    from plimsoll.prompts.template import ChatTemplate

_LISTS = frozenset({"list", "array"})
_OBJECTS = frozenset({"object", "dict"})


@dataclass(frozen=True, slots=True)
class PromptInput:
    """A variable that a case gives to a prompt."""

    name: str
    type: str | None = None
    """As a prompty declares it (`string`, `list`, `object`, …); None where nobody says."""
    default: Any = None
    required: bool = True
    """Nothing can be rendered without it: declared without a default, or used without a guard."""
    declared: bool = False
    """The front matter declares it; else it was found in the template."""
    line: int | None = None
    """Where the file declares it, or first uses it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompty or Jinja2 file, ready to render."""

    name: str
    path: Path
    shown: str
    """How messages name the file."""
    files: tuple[Path, ...]
    """Every file that it depends on: itself first, then included templates, images, referenced files, the sample."""
    inputs: Mapping[str, PromptInput]
    """Declared inputs of a prompty; of a bare template, the variables that it reads."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Request parameters of a prompty (temperature, response_format, tools, …), as they are sent."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """A prompty's own model, with `${env:NAME}` as written: `model_configuration` fills it."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the JSON answer that a prompty declares."""
    sample: Mapping[str, Any] | None = None
    """Values to try the prompt with. Never used for a case."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What else the front matter of a prompty says: `judge`, authors, tags, a version."""
    template: ChatTemplate = field(kw_only=True, repr=False, compare=False)
    needs_roles: bool = False
    """Text outside any message is a mistake, as in a prompty; else such a template is one user message."""

    @property
    def forgets(self) -> bool:
        """It takes of a conversation only what the user said last."""
        used = self.template.variables.used
        return "question" in used and not HISTORY & set(used)

    def render(
        self, values: Mapping[str, Any], messages: Sequence[Message] = (), *, plain: Collection[str] = ()
    ) -> tuple[Message, ...]:
        """The messages for a case's values, and for the conversation that it replays.

        The values named in `plain` are no images, even if they read as the name of one.

        `messages`, `chat_history` and `question` are derived from `messages` where the template uses them and
        `values` lacks them; a template that uses none of the three gets `messages` appended.

        Raises:
            CellError: of kind `template`, with file and line where they are known.
        """
        try:
            replay = derive(messages, self.template.variables.used, values)
            self._check_missing({**values, **replay.values})
            text = self.template.render(self._complete(values, replay.values, plain), values)
            rendered = parse_chat(text, messages, needs_roles=self.needs_roles)
        except (ChatFormatError, ReplayError) as error:
            raise self._error(str(error)) from None
        result = (*rendered, *replay.appended)
        if not result:
            raise self._error("renders to nothing, and the case has no messages")
        return result

    def model_configuration(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """The prompty's own model with its `${env:NAME}` filled from `environ`.

        Raises:
            UsageError: a variable is not set.
        """
        filled = with_environment(self.configuration, environ, f"{self.shown}: model.configuration")
        return dict(filled)

    def _complete(
        self, values: Mapping[str, Any], replayed: Mapping[str, Any], plain: Collection[str]
    ) -> dict[str, Any]:
        """What the template is rendered with: values, defaults, images read; nothing that it doesn't use."""
        complete = {}
        for name in self.template.variables.used:
            found = self.inputs.get(name)
            if name in replayed:
                complete[name] = self._without_marks(name, replayed[name], found)
            elif name in values:
                complete[name] = self._checked(name, values[name], found, image=name not in plain)
            elif found is not None and found.declared and not found.required:
                complete[name] = found.default
        return complete

    def _check_missing(self, values: Mapping[str, Any]) -> None:
        # An undeclared variable may be needed on one path only: rendering finds that out.
        missing = [
            found for found in self.inputs.values() if found.declared and found.required and found.name not in values
        ]
        if missing:
            names = ", ".join(repr(found.name) for found in missing)
            # Not «did you mean»: what is misspelled is the case's field as often as the prompt's.
            there = ", ".join(map(repr, sorted(values))) or "no inputs"
            raise self._error(
                f"no value for the input{'s' if len(missing) > 1 else ''} {names}",
                line=missing[0].line,
                remedy=f"the case has {there}",
            )

    def _without_marks(self, name: str, value: Any, found: PromptInput | None) -> Any:
        if reserved_in(value):
            line = found.line if found else None
            raise self._error(f"the input {name!r} holds a Unicode noncharacter (U+FDD0 to U+FDD3)", line=line)
        return value

    def _checked(self, name: str, value: Any, found: PromptInput | None, *, image: bool) -> Any:
        self._without_marks(name, value, found)
        line = found.line if found else None
        kind = found.type if found and found.declared else None
        if (kind in _LISTS and not isinstance(value, list | tuple)) or (
            kind in _OBJECTS and not isinstance(value, Mapping)
        ):
            raise self._error(
                f"the input {name!r} is declared as {kind}, and the case gives {type(value).__name__}", line=line
            )
        try:
            return as_value(value, self.path.parent) if image else value
        except ImageError as error:
            raise self._error(f"the input {name!r}: {error}", line=line) from None

    def _error(self, message: str, *, line: int | None = None, remedy: str | None = None) -> CellError:
        return CellError(FailureKind.TEMPLATE, f"{Where(self.shown, line)}: {message}", remedy=remedy)

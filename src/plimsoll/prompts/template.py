"""A Jinja2 template with all that it includes: compiled, checked, and rendered with the line of every mistake.

Templates run in Jinja's immutable sandbox, see undefined variables as errors, and reach files of their own
folder only. Everything is read when the template is loaded: rendering opens no template file, so what was
digested is what is rendered. Imports Jinja2: import this module only where a template is in hand.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.loaders import FunctionLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment

from plimsoll.errors import CellError, ConfigError, FailureKind, Mistake, boundary
from plimsoll.prompts import sources
from plimsoll.prompts.images import in_image_position
from plimsoll.prompts.lint import marker_mistakes
from plimsoll.prompts.marks import LINE, ends_before_role, mark_colon, mark_text, starts_after_role
from plimsoll.prompts.sources import IMAGE_FILTER, Source, SourceSet
from plimsoll.prompts.variables import Variables, variables_of

Renderer = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A template ready to render."""

    variables: Variables
    files: tuple[Path, ...]
    """Included templates and images, without the template's own file."""
    _main: Source
    _shown: Mapping[str, Source]
    _render: Renderer

    def render(self, values: Mapping[str, Any], known: Iterable[str] = ()) -> str:
        """The text, with the marks and tokens that `chat.parse_chat` reads.

        Args:
            values: The variables that the template uses.
            known: Names of all that the case gives, to say which was meant.

        Raises:
            CellError: the template fails with these values; says where.
        """
        try:
            with boundary(FailureKind.TEMPLATE, "rendering"):
                return self._render(values)
        except CellError as error:
            raise self._located(error, {*values, *known}) from error.__cause__

    def _located(self, error: CellError, known: Collection[str]) -> CellError:
        cause = error.__cause__
        if cause is None:
            return error
        where = self._main.where(None)
        for frame, line in traceback.walk_tb(cause.__traceback__):
            source = self._shown.get(frame.f_code.co_filename)
            where = source.where(line) if source else where
        detail = str(cause).strip() or type(cause).__name__
        remedy = None
        if isinstance(cause, UndefinedError) and cause.message:
            remedy = _remedy(cause.message, known)
        return CellError(FailureKind.TEMPLATE, f"{where}: {detail}", remedy=remedy)


def _remedy(message: str, known: Collection[str]) -> str | None:
    """A name that the case has, where one like it is undefined: either may be the one that is misspelled."""
    name = message.split("'")[1] if message.count("'") >= 2 else ""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"the case has {close[0]!r}" if close else None


def compile_template(text: str, path: Path, shown: Path | str, first_line: int = 1, *, roles: bool) -> ChatTemplate:
    """The template that `text` is, with what it includes from the folder of `path`.

    Args:
        text: The template.
        path: The file that it stands in.
        shown: How messages name that file.
        first_line: The line of the file on which the template begins.
        roles: Whether every text must belong to a message, as in a prompty.

    Raises:
        ConfigError: every mistake in any of the files.
    """
    environment = _Environment(path.parent)
    found = sources.collect(environment, text, path, shown, first_line)
    mistakes = [*found.mistakes, *_compile_mistakes(environment, found)]
    for source in found.sources.values():
        mistakes += marker_mistakes(environment, source, roles=roles and source is found.main)
    if mistakes:
        raise ConfigError(mistakes)
    variables = variables_of(found, environment)
    # From here on, lexing knows which names stand for what a case gives.
    environment.case_variables = variables.used
    environment.loader = FunctionLoader(partial(_load, found.sources))
    template = environment.get_template(found.main.name)
    return ChatTemplate(
        variables=variables,
        files=tuple(found.files),
        _main=found.main,
        _shown={str(source.shown): source for source in found.sources.values()},
        _render=template.render,
    )


def _load(known: Mapping[str, Source], name: str) -> tuple[str, str, Callable[[], bool]] | None:
    source = known.get(name)
    return (source.text, str(source.shown), lambda: True) if source else None


def _compile_mistakes(environment: ImmutableSandboxedEnvironment, found: SourceSet) -> Iterable[Mistake]:
    # Parsing finds broken syntax; unknown filters and tests are found only by compiling.
    for source in found.sources.values():
        try:
            environment.compile(source.text, source.name, str(source.shown))
        except TemplateSyntaxError as error:
            yield Mistake(error.message or "not a valid template", source.where(error.lineno))


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja as promptflow sets it up, with strict undefined variables and the marks of `marks`."""

    def __init__(self, folder: Path) -> None:
        self.case_variables: frozenset[str] = frozenset()
        super().__init__(
            trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined, extensions=[_MarkRoles]
        )
        # A prompt that renders differently each time has no identity.
        del self.filters["random"]
        del self.globals["lipsum"]
        self.filters[IMAGE_FILTER] = partial(in_image_position, folder=folder)


class _MarkRoles(Extension):
    """Marks role markers while the template is lexed: see `marks`."""

    def _case_variables(self) -> frozenset[str]:
        return self.environment.case_variables if isinstance(self.environment, _Environment) else frozenset()

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The tokens, with the template's own markers marked."""
        tokens = [
            Token(token.lineno, token.type, mark_text(token.value)) if token.type == "data" else token
            for token in stream
        ]
        opened = 0
        starts: set[int] = set()
        for at, token in enumerate(tokens):
            if token.type == "variable_begin":
                opened = at
            elif (
                token.type == "variable_end"
                and _stands_as_role(tokens, opened, at)
                and _may_be_role(tokens[opened + 1 : at], self._case_variables())
            ):
                starts.add(opened)
                after = tokens[at + 1]
                tokens[at + 1] = Token(after.lineno, "data", mark_colon(after.value))
        for at, token in enumerate(tokens):
            if at in starts:
                yield Token(token.lineno, "data", LINE)
            yield token


def _stands_as_role(tokens: list[Token], begin: int, end: int) -> bool:
    """Whether the expression between two tokens stands where a role would: `{{ item.role }}:` on its line."""
    if end + 1 >= len(tokens) or tokens[end + 1].type != "data" or not starts_after_role(tokens[end + 1].value):
        return False
    if begin == 0:
        return True
    before = tokens[begin - 1]
    return before.type == "block_end" or (before.type == "data" and ends_before_role(before.value))


def _may_be_role(expression: list[Token], case_variables: frozenset[str]) -> bool:
    """Whether an expression is one that names roles: anything but a variable of the case, unless called a role.

    Else a case whose `topic` is `system` would open a message where a template heads a paragraph `{{ topic }}:`.
    """
    names = {token.value for token in expression if token.type == "name"}
    if "if" in names or any(token.type in {"dot", "lbracket"} for token in expression):
        return True
    return all(name.lower().endswith("role") for name in names & case_variables)

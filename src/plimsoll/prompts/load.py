"""Loading a prompt file, by its suffix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.config import read_text
from plimsoll.errors import ConfigError, Mistake, Where, near_match
from plimsoll.prompts.front_matter import Head, read_front_matter, split
from plimsoll.prompts.prompt import Prompt, PromptInput
from plimsoll.prompts.replay import DERIVED
from plimsoll.prompts.tools import with_defaults

if TYPE_CHECKING:
    from plimsoll.prompts.template import ChatTemplate

JINJA_SUFFIXES = (".jinja2", ".j2", ".jinja")
PROMPT_SUFFIXES = (".prompty", *JINJA_SUFFIXES)
"""Suffixes that make a file a prompt."""


def load_prompt(path: Path, shown: Path | str | None = None, *, environ: Mapping[str, str] | None = None) -> Prompt:
    """Read a prompty or a Jinja2 template.

    Args:
        path: The file.
        shown: How messages name it; the path itself where nothing is given.
        environ: Where `${env:NAME}` is looked up; the process's environment where nothing is given.

    Raises:
        ConfigError: every mistake in the file and in what it includes, each with its line.
    """
    name = path if shown is None else shown
    suffix = path.suffix.lower()
    if suffix not in PROMPT_SUFFIXES:
        raise ConfigError(
            [Mistake(f"not a prompt file: {path.name}", Where(name), f"its name ends in {', '.join(PROMPT_SUFFIXES)}")]
        )
    text = read_text(path, name)
    if suffix == ".prompty":
        return _prompty(text, path, name, os.environ if environ is None else environ)
    return _bare(text, path, name)


def _bare(text: str, path: Path, shown: Path | str) -> Prompt:
    from plimsoll.prompts.template import compile_template

    template = compile_template(text, path, shown, roles=False)
    return Prompt(
        name=path.stem,
        path=path,
        shown=str(shown),
        files=(path, *template.files),
        inputs=_read(template),
        template=template,
    )


def _prompty(text: str, path: Path, shown: Path | str, environ: Mapping[str, str]) -> Prompt:
    from plimsoll.prompts.template import compile_template

    parts = split(text, shown)
    head: Head | None = None
    template: ChatTemplate | None = None
    mistakes: list[Mistake] = []
    try:
        head = read_front_matter(parts, path, shown, environ)
    except ConfigError as error:
        mistakes += error.mistakes
    try:
        template = compile_template(parts.template, path, shown, parts.template_line, roles=True)
    except ConfigError as error:
        mistakes += error.mistakes
    if head is None or template is None:
        raise ConfigError(mistakes)
    inputs = _declared(head) or _read(template)
    misspelt = _misspelt(inputs, template, shown)
    if misspelt:
        raise ConfigError(misspelt)
    matter = head.matter
    return Prompt(
        name=matter.name or path.stem,
        path=path,
        shown=str(shown),
        files=tuple(dict.fromkeys((path, *template.files, *head.files))),
        inputs=inputs,
        parameters=with_defaults(matter.model.parameters),
        configuration=matter.model.configuration,
        outputs=matter.outputs,
        sample=head.sample,
        metadata=matter.model_extra or {},
        template=template,
        needs_roles=True,
    )


def _declared(head: Head) -> dict[str, PromptInput]:
    """Inputs as the front matter declares them; where it doesn't, the sample's keys."""
    matter = head.matter
    declared = {
        name: PromptInput(
            name,
            section.type,
            section.default,
            required="default" not in section.model_fields_set,
            declared=True,
            line=head.document.where(("inputs", name)).line,
        )
        for name, section in matter.inputs.items()
    }
    if declared or not head.sample:
        return declared
    line = head.document.where(("sample",)).line
    return {
        name: PromptInput(name, _type_of(value), declared=True, line=head.document.lines.get(("sample", name), line))
        for name, value in head.sample.items()
    }


def _read(template: ChatTemplate) -> dict[str, PromptInput]:
    """Inputs as the template uses them."""
    variables = template.variables
    return {
        name: PromptInput(name, required=name in variables.required, line=variables.lines.get(name))
        for name in sorted(variables.used)
    }


def _type_of(value: Any) -> str:
    for kind, name in ((bool, "bool"), (int, "int"), (float, "double"), (str, "string"), (list, "list")):
        if isinstance(value, kind):
            return name
    return "object"


def _misspelt(inputs: Mapping[str, PromptInput], template: ChatTemplate, shown: Path | str) -> list[Mistake]:
    """Variables that are no declared input but almost one. Others are left to rendering: the case may give them."""
    variables = template.variables
    mistakes = []
    for name in sorted(variables.required - set(inputs) - DERIVED):
        close = near_match(name, inputs) or ""
        if close.startswith("did you mean"):
            what = f"the template uses {name!r}, which the front matter does not declare"
            mistakes.append(Mistake(what, Where(shown, variables.lines.get(name)), close))
    return mistakes

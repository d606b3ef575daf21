"""The files that a template is made of: itself, what it includes from its own folder, the images that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.loaders import split_template_path

from plimsoll.config import read_text
from plimsoll.errors import ConfigError, Mistake, Where, near_match
from plimsoll.prompts.images import ImageError, image_file, named_image
from plimsoll.prompts.marks import RESERVED

IMAGE_FILTER = "plimsoll_image"
"""The filter that an expression in image position goes through."""

_IMAGE = re.compile(r"!\[\s*image\s*\]\((?:\{\{(\s*[^\s{}]+\s*)\}\}|\s*([^\s(){}]+)\s*)\)")


@dataclass(frozen=True, slots=True)
class Source:
    """One template file, with its images put in place."""

    name: str
    """Its path in the folder, as other templates name it."""
    shown: Path | str
    text: str
    lines: tuple[int, ...]
    """Line of `text`, 0-based → line of the file, 1-based."""

    def where(self, line: int | None) -> Where:
        """The place in the file that a line of `text` comes from."""
        if line is None:
            return Where(self.shown)
        return Where(self.shown, self.lines[min(max(line, 1), len(self.lines)) - 1])


@dataclass(slots=True)
class SourceSet:
    """All files of a template, as far as they could be read, and every mistake met on the way."""

    folder: Path
    shown: Path | str
    """The main file, as messages name it."""
    sources: dict[str, Source] = field(default_factory=dict)
    """By name; the main file first."""
    trees: dict[str, nodes.Template] = field(default_factory=dict)
    referrers: dict[str, set[str]] = field(default_factory=dict)
    """Template → those that include it."""
    files: list[Path] = field(default_factory=list)
    """Included templates and images, each once."""
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def main(self) -> Source:
        """The file that was asked for."""
        return next(iter(self.sources.values()))

    def add(self, name: str, shown: Path | str, text: str, first_line: int = 1) -> Source:
        """Take in a file: `![image](…)` goes on a line of its own, as promptflow puts it."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        for number, reserved in enumerate(text.split("\n"), start=first_line):
            if RESERVED.search(reserved):
                self.mistakes.append(Mistake("holds a Unicode noncharacter (U+FDD0 to U+FDD3)", Where(shown, number)))
        line, at = first_line, 0
        lines, made = [line], []
        for match in _IMAGE.finditer(text):
            before = text[at : match.start()]
            lines += range(line + 1, line + 1 + before.count("\n"))
            line += before.count("\n")
            put = self._image(match, Where(shown, line))
            made += [before, put]
            lines += [line] * put.count("\n")
            line += match[0].count("\n")
            at = match.end()
        rest = text[at:]
        lines += range(line + 1, line + 1 + rest.count("\n"))
        source = Source(name, shown, "".join([*made, rest]), tuple(lines))
        self.sources[name] = source
        return source

    def _image(self, match: re.Match[str], where: Where) -> str:
        expression, target = match[1], match[2]
        if expression is not None:
            return f"\n{{{{({expression.strip().strip('-')})|{IMAGE_FILTER}}}}}\n"
        file = image_file(target, self.folder)
        try:
            image = named_image(target, self.folder)
        except ImageError as error:
            remedy = "a path is relative to the prompt's folder" if file else None
            self.mistakes.append(Mistake(str(error), where, remedy))
            return ""
        if file is not None:
            self._uses(file)
        return f"\n{image}\n"

    def include(self, name: str, where: Where, *, optional: bool) -> Source | None:
        """Read a file that a template names; None where it can't be, or needn't be there and isn't."""
        try:
            path = self.folder.joinpath(*split_template_path(name))
        except TemplateNotFound:
            path = self.folder.parent
        if not path.resolve().is_relative_to(self.folder.resolve()):
            outside = f"includes {name!r}, which is not inside the prompt's folder"
            self.mistakes.append(Mistake(outside, where, "keep it beside the prompt"))
            return None
        if not path.is_file():
            if not optional:
                there = [file.name for file in self.folder.iterdir() if file.is_file()]
                missing = f"includes {name!r}, which does not exist"
                self.mistakes.append(Mistake(missing, where, near_match(name, there)))
            return None
        beside = str(PurePosixPath(Path(self.shown).as_posix()).parent / name)
        try:
            text = read_text(path, beside)
        except ConfigError as error:
            self.mistakes += error.mistakes
            return None
        self._uses(path)
        return self.add(name, beside, text)

    def _uses(self, file: Path) -> None:
        if file not in self.files:
            self.files.append(file)


def collect(environment: Environment, text: str, path: Path, shown: Path | str, first_line: int) -> SourceSet:
    """Read a template and everything that it includes. Mistakes are gathered, not raised."""
    found = SourceSet(path.parent, shown)
    waiting = [found.add(path.name, shown, text, first_line)]
    while waiting:
        source = waiting.pop(0)
        try:
            tree = environment.parse(source.text, source.name, str(source.shown))
        except TemplateSyntaxError:
            continue  # compiling tells it
        found.trees[source.name] = tree
        for name, line, optional in _references(tree, source, found.mistakes):
            found.referrers.setdefault(name, set()).add(source.name)
            if name not in found.sources:
                further = found.include(name, source.where(line), optional=optional)
                waiting += [further] if further else []
    return found


def _references(tree: nodes.Template, source: Source, mistakes: list[Mistake]) -> Iterator[tuple[str, int, bool]]:
    """Name, line, and whether the file may be missing, of each template that `source` names."""
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        assert isinstance(node, nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport)
        named = node.template
        options = named.items if isinstance(named, nodes.List | nodes.Tuple) else [named]
        names = [str(option.value) for option in options if isinstance(option, nodes.Const)]
        if len(names) < len(options):
            what = f"{type(node).__name__.lower()} names its file by an expression, so its files can't be known"
            remedy = "write the name out, inside {% if %} where it depends"
            mistakes.append(Mistake(what, source.where(node.lineno), remedy))
            continue
        # Of several names Jinja takes the first that exists.
        optional = len(names) > 1 or bool(getattr(node, "ignore_missing", False))
        for name in names:
            yield name, node.lineno, optional

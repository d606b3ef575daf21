"""The files that each suite of a folder depends on, with what for; nothing of the folder is run.

The folder is the workspace, or its files as they were at a commit. `api.inputs` asks the same of one prepared suite,
whose code was loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.api.naming import Named, named_by, texts_of
from plimsoll.api.prepare import DATASETS
from plimsoll.api.scorers import particular_cases
from plimsoll.calibration import certificate_file
from plimsoll.ci.affected import Inputs
from plimsoll.config import Document, Suite, Workspace
from plimsoll.config.document import Place
from plimsoll.config.quarantine import quarantine_path
from plimsoll.datasets import open_dataset
from plimsoll.errors import ConfigError, PlimsollError
from plimsoll.evaluators.functions.source import FOLDER, functions_of
from plimsoll.prompts.load import PROMPT_SUFFIXES
from plimsoll.targets.code import source_files
from plimsoll.targets.imports import Imports

PROJECT = "pyproject.toml"
_SHARED = {PROJECT: "project settings", ".env": "environment"}
_OF_ALL = f"in {FOLDER}/, which every suite may use"
_MOST_LINKS = 40
"""As many as the system follows: more lead in a circle."""
_MODULE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):[A-Za-z_]\w*")
"""A function named by its module."""
_KINDS = {"prompt": "prompt", "flow": "flow", "function": "function", "recorded": "recorded answers"}


@dataclass(frozen=True, slots=True)
class SuiteFiles:
    """A suite of the folder."""

    name: str | None
    """None where its file can't be read."""
    path: Path
    inputs: Inputs


@dataclass(slots=True)
class _Ways:
    """Collects what files are used for."""

    root: Path
    found: dict[Path, list[str]] = field(default_factory=dict)
    problem: str | None = None
    """The first."""

    def add(self, path: Path, words: str) -> None:
        self.found.setdefault(path, []).append(words)

    def fails(self, problem: str | None) -> None:
        self.problem = self.problem or problem

    def inputs(self) -> Inputs:
        """By path relative to the folder; with every link on the way, and where these lead."""
        real, ways = self.root.resolve(), dict[str, list[str]]()
        for path, words in self.found.items():
            places = [(Path(os.path.normpath(path)), self.root), *((place, real) for place in _places(path, self.root))]
            for place, base in places:
                ways.setdefault(os.path.relpath(place, base).replace(os.sep, "/"), []).extend(words)
        return Inputs(ways, self.problem)


def _places(path: Path, root: Path) -> Iterator[Path]:
    """The links that a path goes through, and where it leads: git knows a link by its own name, and what it says."""
    inside = path.is_relative_to(root)
    here = root.resolve() if inside else Path(path.anchor)
    left = list(reversed((path.relative_to(root) if inside else path.relative_to(path.anchor)).parts))
    links = 0
    while left:
        step = left.pop()
        if step == "..":
            here = here.parent
        elif not (here / step).is_symlink() or links == _MOST_LINKS:
            here /= step
        else:
            yield here / step
            to, links = (here / step).readlink(), links + 1
            here = Path(to.anchor) if to.is_absolute() else here
            left += reversed(to.parts[1:] if to.is_absolute() else to.parts)
    yield here


def suites_of(workspace: Workspace, *, datasets: bool = True) -> tuple[SuiteFiles, ...]:
    """Every suite of a folder, by path.

    Args:
        workspace: The folder.
        datasets: Read the datasets too, for what single cases name. Without, nothing is known of that.
    """
    tracer = _Tracer(workspace, datasets)
    return tuple(tracer.suite(path) for path in workspace.suite_files())


class _Tracer:
    """What is the same for every suite is read once."""

    def __init__(self, workspace: Workspace, datasets: bool) -> None:
        self._workspace = workspace
        self._root = workspace.root
        self._datasets = datasets
        self._imports = Imports(workspace.root)
        self._code = source_files(f"{FOLDER}/all.py:all", workspace.root)
        self._evaluators = {path.stem: path for path in self._code if path.suffix == ".prompty"}
        self._prompts = {
            path: named_by(path.relative_to(self._root).as_posix(), self._root, ("prompt",))
            for path in self._code
            if path.suffix in PROMPT_SUFFIXES
        }
        self._problem: str | None = None
        try:
            self._evaluators |= {name: self._root / found.file for name, found in functions_of(self._root).items()}
        except ConfigError as error:
            self._problem = _first_line(error)

    def suite(self, path: Path) -> SuiteFiles:
        ways = _Ways(self._root)
        ways.add(path, "the suite itself")
        for name, words in _SHARED.items():
            ways.add(self._root / name, words)
        try:
            suite, document = self._workspace.load_suite(path)
        except ConfigError as error:
            ways.fails(_first_line(error))
            return SuiteFiles(None, path, ways.inputs())
        ways.add(self._root / quarantine_path(suite.name), "its quarantine")
        self._named(ways, document)
        self._dataset(ways, suite)
        self._certificates(ways, suite)
        self._shared_code(ways, document.data)
        self._imported(ways)
        ways.fails(self._problem)
        return SuiteFiles(suite.name, path, ways.inputs())

    def _named(self, ways: _Ways, document: Document) -> None:
        for place, text in texts_of(document.data):
            self._text(ways, text, place, _words(document.data, place))

    def _text(self, ways: _Ways, text: str, place: Place, words: str) -> None:
        found = named_by(text, self._root, place)
        for file in found.files:
            # What a prompt includes is told apart from the prompt.
            included = place[-1:] == ("prompt",) and file != self._root / text
            ways.add(file, f"{words}, which includes it" if included else words)
        module = _MODULE.fullmatch(text)
        for file in () if module is None else self._imports.module(module[1]):
            ways.add(file, words)
        if found.problem is not None:
            ways.fails(f"{words}: {found.problem}")

    def _dataset(self, ways: _Ways, suite: Suite) -> None:
        path = self._workspace.path(suite.dataset)
        ways.add(path, "dataset")
        ways.add(path.with_name(f"{path.stem}.card.yaml"), "the dataset's card")
        if not self._datasets:
            return
        try:
            copies = self._workspace.state / DATASETS
            dataset = open_dataset(path, suite.dataset, suite.defaults, copies=copies)
            for case in particular_cases(dataset, dataset.check()):
                for place, text in texts_of(case.evaluators):
                    self._text(ways, text, place, f"an evaluator of the case {case.id}")
        except (PlimsollError, OSError) as error:
            ways.fails(_first_line(error))

    def _shared_code(self, ways: _Ways, data: Mapping[str, Any]) -> None:
        named = {text for _, text in texts_of(data.get("evaluators"))} | {
            str(key) for entry in data.get("evaluators") or () if isinstance(entry, dict) for key in entry
        }
        own = {path: name for name, path in self._evaluators.items() if name in named}
        for path in self._code:
            words = f"evaluator {own[path]}" if path in own else _OF_ALL
            ways.add(path, words)
            prompt = self._prompts.get(path, Named())
            for file in (file for file in prompt.files if file != path):
                ways.add(file, f"{words}, which includes it")
            ways.fails(prompt.problem if path in own else None)

    def _certificates(self, ways: _Ways, suite: Suite) -> None:
        """What vouches for judges: of a rule's metric, and of an evaluator that is named as its metric is."""
        metrics = {rule.metric for rule in suite.gate.rules} if suite.gate is not None else set()
        metrics |= {_evaluator(entry) for entry in suite.evaluators}
        metrics |= {Path(text).stem for _, text in texts_of(suite.evaluators) if text.endswith(".prompty")}
        for metric in sorted(metrics):
            ways.add(certificate_file(self._root, metric), f"certificate of {metric}")

    def _imported(self, ways: _Ways) -> None:
        for found, importer in self._imports.reached(list(ways.found)):
            words = ways.found[importer][0].removesuffix(", which imports it")
            ways.add(found, f"{words}, which imports it")
        for path in self._imports.unreadable.keys() & ways.found.keys():
            ways.fails(f"{self._workspace.shown(path)}: {self._imports.unreadable[path]}")


def _words(data: Mapping[str, Any], place: Place) -> str:
    """What the text at a place of a suite is for."""
    kind = str(place[0]) if place else ""
    if kind == "targets" and len(place) > 1:
        what = _KINDS.get(str(place[-1]), str(place[2]) if len(place) > 2 else "setting")
        return f"{what} of target {place[1]}"
    if kind == "evaluators" and len(place) > 1:
        return f"evaluator {_evaluator(data['evaluators'][place[1]])}"
    return kind


def _evaluator(entry: Any) -> str:
    """An evaluator's name, as an entry of the suite gives it."""
    if not isinstance(entry, Mapping) or not entry:
        return str(entry)
    kind, settings = next(iter(entry.items()))
    return str(settings.get("name") or kind) if isinstance(settings, Mapping) else str(kind)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]

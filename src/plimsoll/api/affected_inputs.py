"""The files that each suite of a folder depends on, with what for; nothing of the folder is run.

The folder is the workspace, or its files as they were at a commit. `api.inputs` asks the same of one prepared suite,
whose code was loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.api.naming import named_by, texts_of
from plimsoll.api.prepare import DATASETS
from plimsoll.api.scorers import particular_cases
from plimsoll.ci.affected import Inputs
from plimsoll.config import Document, Suite, Workspace
from plimsoll.config.document import Place
from plimsoll.config.quarantine import quarantine_path
from plimsoll.datasets import open_dataset
from plimsoll.errors import ConfigError, PlimsollError
from plimsoll.evaluators.functions.source import FOLDER, functions_of
from plimsoll.targets.code import source_files
from plimsoll.targets.imports import Imports

PROJECT = "pyproject.toml"
_SHARED = {PROJECT: "project settings", ".env": "environment"}
_OF_ALL = f"in {FOLDER}/, which every suite may use"
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
        """By path relative to the folder; of a link also where it leads."""
        real, ways = self.root.resolve(), dict[str, list[str]]()
        for path, words in self.found.items():
            for place, base in ((Path(os.path.normpath(path)), self.root), (path.resolve(), real)):
                ways.setdefault(os.path.relpath(place, base).replace(os.sep, "/"), []).extend(words)
        return Inputs(ways, self.problem)


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
            ways.add(path, f"evaluator {own[path]}" if path in own else _OF_ALL)

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

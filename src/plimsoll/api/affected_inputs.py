"""The files that each suite of a folder depends on, with what for; nothing of the folder is run.

The folder is the workspace, or its files as they were at a commit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from plimsoll.api.naming import Named, named_by, texts_of
from plimsoll.api.prepare import DATASETS
from plimsoll.api.scorers import particular_cases
from plimsoll.calibration import certificate_file
from plimsoll.ci.affected import Inputs
from plimsoll.config import Document, Suite, Workspace
from plimsoll.config.document import Place
from plimsoll.config.quarantine import quarantine_path
from plimsoll.datasets import Dataset, Summary, open_dataset
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


class CaseText(NamedTuple):
    """A text of a single case's evaluators, which may name a file."""

    case: str
    place: Place
    text: str


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
        """By path relative to the folder."""
        real, ways = self.root.resolve(), dict[str, list[str]]()
        for path, words in self.found.items():
            own, *others = self._with_links(path)
            ways.setdefault(_relative(own, self.root), []).extend(words)
            for place in others:
                ways.setdefault(_relative(place, real), []).extend(words)
        return Inputs(ways, self.problem)

    def paths(self) -> Iterator[Path]:
        """The same as paths."""
        return (place for path in self.found for place in self._with_links(path))

    def _with_links(self, path: Path) -> Iterator[Path]:
        """A file, every link on the way to it, and where these lead."""
        yield Path(os.path.normpath(path))
        yield from _places(path, self.root)


def _relative(path: Path, to: Path) -> str:
    return os.path.relpath(path, to).replace(os.sep, "/")


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


def files_of(
    workspace: Workspace, path: Path, suite: Suite, document: Document, texts: Iterable[CaseText]
) -> frozenset[Path]:
    """Every file that the results of a suite that was read depend on; also those that are not there and would count.

    Args:
        workspace: The folder.
        path: The suite's file.
        suite: As it was read.
        document: The same, with its places.
        texts: What its single cases name.
    """
    return frozenset(_Tracer(workspace, datasets=False).ways(path, suite, document, texts).paths())


def case_texts(dataset: Dataset, found: Summary) -> Iterator[CaseText]:
    """What single cases of a dataset name.

    Raises:
        ConfigError: it can't be read any more.
    """
    for case in particular_cases(dataset, found):
        for place, text in texts_of(case.evaluators):
            yield CaseText(case.id, place, text)


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
        try:
            suite, document = self._workspace.load_suite(path)
        except ConfigError as error:
            ways = self._shared(path)
            ways.fails(_first_line(error))
            return SuiteFiles(None, path, ways.inputs())
        texts, problem = self._case_texts(suite)
        ways = self.ways(path, suite, document, texts)
        ways.fails(problem)
        return SuiteFiles(suite.name, path, ways.inputs())

    def ways(self, path: Path, suite: Suite, document: Document, texts: Iterable[CaseText]) -> _Ways:
        ways = self._shared(path)
        ways.add(self._root / quarantine_path(suite.name), "its quarantine")
        for place, text in texts_of(document.data):
            self._text(ways, text, place, _words(document.data, place))
        dataset = self._workspace.path(suite.dataset)
        ways.add(dataset, "dataset")
        ways.add(dataset.with_name(f"{dataset.stem}.card.yaml"), "the dataset's card")
        for case, place, text in texts:
            self._text(ways, text, place, f"an evaluator of the case {case}")
        self._certificates(ways, suite)
        self._shared_code(ways, document.data)
        self._imported(ways)
        ways.fails(self._problem)
        return ways

    def _shared(self, path: Path) -> _Ways:
        """What every suite depends on, whatever is in its file."""
        ways = _Ways(self._root)
        ways.add(path, "the suite itself")
        for name, words in _SHARED.items():
            ways.add(self._root / name, words)
        return ways

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

    def _case_texts(self, suite: Suite) -> tuple[tuple[CaseText, ...], str | None]:
        """What the suite's cases name; or why nobody can tell."""
        if not self._datasets:
            return (), None
        path, copies = self._workspace.path(suite.dataset), self._workspace.state / DATASETS
        try:
            dataset = open_dataset(path, suite.dataset, suite.defaults, copies=copies)
            return tuple(case_texts(dataset, dataset.check())), None
        except (PlimsollError, OSError) as error:
            return (), _first_line(error)

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

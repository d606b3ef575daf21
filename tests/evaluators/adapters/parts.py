"""Wrapped evaluators that stay open over a module's tests, with a real endpoint as the suite's model.

A library takes seconds to import: each evaluator's process is started once, and asked by every test that names it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from plimsoll.config import Document, ModelSettings
from plimsoll.evaluators import BuildContext, Evaluator, build_evaluators, discover, score
from plimsoll.evaluators.adapters.environment import installed_version, interpreter
from plimsoll.evaluators.adapters.factory import LIBRARIES
from plimsoll.evaluators.traits import closing
from plimsoll.models import open_models
from plimsoll.testing import Received, Reply, Script, ScriptedEndpoint
from plimsoll.types import Case, Output, Score, Scored

REPOSITORY = Path(__file__).parents[3]
VENVS = ".venvs"
"""In the repository: environments of libraries that have no place in ours; `make adapters` makes them."""


def environments() -> dict[str, str]:
    """Library → its environment, of those that are there."""
    found = {library.name: REPOSITORY / VENVS / library.name for library in LIBRARIES}
    return {name: str(place) for name, place in found.items() if place.is_dir()}


def needs(name: str) -> None:
    """Skip the module's tests where the library is not installed."""
    (library,) = (library for library in LIBRARIES if library.name == name)
    if installed_version(library.package, interpreter(name, environments(), REPOSITORY)) is None:
        pytest.skip(f"{library.package} is not installed; `make adapters` installs it", allow_module_level=True)


class Bench:
    """A workspace, an endpoint, and the evaluators that were asked for so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.answer: Script = lambda _: ""
        """What the model answers from now on."""
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._built: dict[str, Evaluator] = {}
        self._endpoint = ScriptedEndpoint(self._answered)
        self._context = BuildContext(root=root)

    @property
    def requests(self) -> list[Received]:
        """What the model was asked."""
        return self._endpoint.requests

    def open(self) -> None:
        self._runner.run(self._open())

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def build(self, entry: Mapping[str, Any]) -> Evaluator:
        """The evaluator of a suite's entry, the same one for the same entry."""
        key = json.dumps(entry, sort_keys=True)
        if key not in self._built:
            place = Document("suite.yaml", None, {(): 1})
            (self._built[key],) = build_evaluators([dict(entry)], discover(self.root), self._context, place)
            self._runner.run(self._stack.enter_async_context(closing([self._built[key]])))
        return self._built[key]

    def scores(
        self, entry: Mapping[str, Any], output: str | Output, answer: str | Reply | Script = "", **fields: Any
    ) -> dict[str, Score]:
        """The scores of one answer, checked as in a run.

        Args:
            entry: As a suite writes it.
            output: The target's answer.
            answer: What the model says, or a function of its request.
            fields: The case's.
        """
        evaluator = self.build(entry)
        self._say(answer)
        return self._runner.run(score(evaluator, _case(fields), _output(output)))

    def several(self, entry: Mapping[str, Any], outputs: list[str], answer: Script, **fields: Any) -> list[Score]:
        """The scores of several answers at once, of an evaluator with one metric."""
        evaluator = self.build(entry)
        self._say(answer)

        async def all_of_them() -> list[dict[str, Score]]:
            return await asyncio.gather(*(score(evaluator, _case(fields), _output(each)) for each in outputs))

        return [found for (found,) in (each.values() for each in self._runner.run(all_of_them()))]

    def score(self, entry: Mapping[str, Any], output: str | Output, answer: Any = "", **fields: Any) -> Score:
        """The score of an evaluator with one metric."""
        (found,) = self.scores(entry, output, answer, **fields).values()
        return found

    def value(self, entry: Mapping[str, Any], output: str | Output, answer: Any = "", **fields: Any) -> Any:
        """Its value, where it is one; else the failure's kind, as text."""
        found = self.score(entry, output, answer, **fields)
        return found.value if isinstance(found, Scored) else kind(found)

    def _answered(self, request: dict[str, Any]) -> Any:
        return self.answer(request)

    def _say(self, answer: str | Reply | Script) -> None:
        said: Any = answer
        self.answer = said if callable(answer) else lambda _: said

    async def _open(self) -> None:
        await self._stack.enter_async_context(self._endpoint)
        settings = ModelSettings(provider="openai", model="scripted", base_url=self._endpoint.base_url, retries=0)
        environ = {"OPENAI_API_KEY": "sk-of-the-suite-0123456789"}
        opened = open_models({"judge": settings}, 16, environ)
        models = await self._stack.enter_async_context(opened)
        state = self.root / ".plimsoll"
        self._context = BuildContext(root=self.root, models=models, environments=environments(), state=state)


def kind(found: Score) -> str:
    """A missing score's kind: the failure's, or `skipped`."""
    failure = getattr(found, "failure", None)
    return "skipped" if failure is None else str(failure.kind.value)


def message(found: Score) -> str:
    """A failed score's message."""
    return str(found.failure.message)  # type: ignore[union-attr]  # a test's own error where it is none


def _case(fields: Mapping[str, Any]) -> Case:
    left = dict(fields)
    return Case(id="case", expected=left.pop("expected", None), inputs=left)


def _output(given: str | Output) -> Output:
    return given if isinstance(given, Output) else Output(text=given)

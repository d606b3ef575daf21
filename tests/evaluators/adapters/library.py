"""One worker of a library for all tests of a module, with an endpoint that answers as a test says, in order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.evaluators.adapters.parts import REPOSITORY, environments

from plimsoll.evaluators.adapters.description import READY_TIMEOUT, WORKER
from plimsoll.evaluators.adapters.environment import interpreter, worker_environment
from plimsoll.testing import Received, Reply, ScriptedEndpoint
from plimsoll.workers import BackgroundWorker, WorkerCallError


class OneLibrary:
    """The worker, and the endpoint that its evaluators ask."""

    def __init__(
        self, name: str, worker: BackgroundWorker, endpoint: ScriptedEndpoint, home: Path, answers: list[Any]
    ) -> None:
        self.home = home
        """The worker's home and working directory."""
        self._name, self._worker, self._endpoint, self._answers = name, worker, endpoint, answers
        self._settings: dict[str, Any] = {}
        self._call("setup", {"library": name})

    @property
    def requests(self) -> list[Received]:
        """What the endpoint was asked."""
        return self._endpoint.requests

    def described(
        self, evaluator: str, *, metrics: Sequence[str] = (), fields: Sequence[str] = (), **arguments: Any
    ) -> Any:
        """What an evaluator needs and gives.

        Args:
            evaluator: As the library calls it.
            metrics: Those that the suite declares.
            fields: The parameters that the suite maps.
            arguments: For the constructor.
        """
        self._settings = {
            "evaluator": evaluator,
            "arguments": arguments,
            "metrics": list(metrics),
            "fields": list(fields),
            "model": True,
            "root": str(self.home),
        }
        return self._call("describe", {"library": self._name, "settings": self._settings})

    def refusal(self, evaluator: str, **arguments: Any) -> str:
        """Why the settings are refused, as the user is told."""
        with pytest.raises(WorkerCallError) as refused:
            self.described(evaluator, **arguments)
        assert refused.value.kind == "usage", refused.value.traceback
        return refused.value.message

    def judged(self, evaluator: str, values: Mapping[str, Any], *answers: Any, **arguments: Any) -> Any:
        """Its only metric's entry: value and reason, or why there is none.

        The endpoint gives the answers one after the other: text, a Reply, or what is written as JSON.
        """
        described = self.described(evaluator, **arguments)
        assert set(described["required"]) <= set(values), described
        given = {name: value for name, value in values.items() if name in described["required"]}
        self._answers[:] = answers
        try:
            (entry,) = self._run(given).values()
        except WorkerCallError as error:
            return {"failed": f"{error.kind}: {error.message}"}
        assert not self._answers, f"never asked for: {self._answers}"
        return entry

    def value(self, evaluator: str, values: Mapping[str, Any], *answers: Any, **arguments: Any) -> Any:
        """The value of its only metric."""
        return self.judged(evaluator, values, *answers, **arguments)["value"]

    def failure(self, evaluator: str, values: Mapping[str, Any], *answers: Any, **arguments: Any) -> str:
        """Why it gave no value."""
        return str(self.judged(evaluator, values, *answers, **arguments)["failed"])

    def _run(self, values: Mapping[str, Any]) -> Any:
        url = self._endpoint.base_url
        endpoint = {"base_url": url, "shared_url": url, "api_key": "sk-test", "model": "gpt-5-judge", "headers": {}}
        params = {"settings": self._settings, "values": dict(values), "endpoint": endpoint, "alone": False}
        return self._call("run", params)

    def _call(self, method: str, params: Any) -> Any:
        return self._worker.submit(method, params, timeout=READY_TIMEOUT).result()


@contextmanager
def one_library(name: str, home: Path) -> Iterator[OneLibrary]:
    """Start the worker of a library that is there."""
    python = interpreter(name, environments(), REPOSITORY)
    environ = worker_environment(os.environ, home, python)
    worker = BackgroundWorker(str(WORKER), python=python, env=environ, cwd=home, ready_timeout=READY_TIMEOUT)
    answers: list[Any] = []
    with ScriptedEndpoint(lambda _: _said(answers.pop(0))) as endpoint, worker:
        yield OneLibrary(name, worker, endpoint, home, answers)


def _said(answer: Any) -> str | Reply:
    return answer if isinstance(answer, str | Reply) else json.dumps(answer)

"""A Python function as a target: in our own process when it is given as an object, else in a worker of its own.

A function named in a suite is not trusted with our exit code: it may hang, crash the interpreter, or call `os._exit(0)`
and turn a gate green. So it runs beside us, is killed when a case takes too long, and is started again.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import CellError, FailureKind, boundary
from plimsoll.targets.process import TargetWorker
from plimsoll.targets.values import bind, output_of
from plimsoll.types import Case, Output, TargetInfo

WORKER_MODULE = "plimsoll.targets.function_worker"


async def call(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call a sync or async function with the values that it has parameters for; a sync one in a thread.

    Raises:
        CellError: a parameter without default has no value, or the function raised.
    """
    arguments = _arguments(function, values)
    with boundary(FailureKind.TARGET, getattr(function, "__name__", "function")):
        if inspect.iscoroutinefunction(function):
            return await function(**arguments)
        answer = await asyncio.to_thread(function, **arguments)
        return await answer if inspect.isawaitable(answer) else answer


def _arguments(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(values)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    missing = [p.name for p in named if p.default is p.empty and p.name not in values]
    if missing:
        raise CellError(
            FailureKind.MISSING_FIELD,
            f"the function needs {', '.join(missing)}; the case has {', '.join(sorted(values)) or 'nothing'}",
            remedy="map it under `inputs:` of the target, or give the parameter a default",
        )
    return {p.name: values[p.name] for p in named if p.name in values}


@dataclass(frozen=True, slots=True)
class CallableTarget:
    """A function object, called in our own process: for notebooks and tests."""

    info: TargetInfo
    function: Callable[..., Any]
    inputs: Mapping[str, str]
    pick: str | None = None
    timeout: float = 300.0
    concurrency: int = 16

    @property
    def lane(self) -> str:
        """Its own."""
        return f"target {self.info.name}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[CallableTarget]:
        """Nothing to start."""
        yield self

    def generation(self, case: Case) -> dict[str, Any] | None:  # noqa: ARG002  # the contract's signature
        """Nobody can know what an object's code depends on: its answers are never reused."""
        return None

    async def run(self, case: Case) -> Output:
        """Call the function with the case's fields."""
        values = bind(case, self.inputs)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout):
                answer = await call(self.function, values)
        except TimeoutError:
            raise CellError(FailureKind.TIMEOUT, f"no answer within {self.timeout:g} s") from None
        if isinstance(answer, Output):
            return answer
        return output_of(answer, pick=self.pick, latency=time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class FunctionTarget:
    """A function named in a suite, in a worker process of its own."""

    info: TargetInfo
    reference: str
    root: Path
    inputs: Mapping[str, str]
    pick: str | None
    timeout: float
    concurrency: int
    environment: Mapping[str, str]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_OpenFunction]:
        """Start the worker.

        Raises:
            UsageError: the function can't be loaded.
        """
        worker = TargetWorker(
            module=WORKER_MODULE,
            setup={"reference": self.reference, "root": str(self.root)},
            environment=self.environment,
            folder=self.root,
            timeout=self.timeout,
        )
        async with worker:
            yield _OpenFunction(self, worker)


@dataclass(frozen=True, slots=True)
class _OpenFunction:
    target: FunctionTarget
    worker: TargetWorker

    @property
    def info(self) -> TargetInfo:
        return self.target.info

    @property
    def lane(self) -> str:
        return f"target {self.target.info.name}"

    @property
    def concurrency(self) -> int:
        return self.target.concurrency

    def generation(self, case: Case) -> dict[str, Any]:
        return {"target": self.target.info.digest, "values": bind(case, self.target.inputs)}

    async def run(self, case: Case) -> Output:
        answer = await self.worker.run({"values": bind(case, self.target.inputs)})
        return output_of(answer["value"], pick=self.target.pick, latency=answer["seconds"])

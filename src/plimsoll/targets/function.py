"""A Python function as a target: in our own process when it is given as an object, else in a worker of its own.

A function named in a suite is not trusted with our exit code: it may hang, crash the interpreter, or call `os._exit(0)`
and turn a gate green. So it runs beside us, is killed when a case takes too long, and is started again.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.contract import ChatModel
from plimsoll.targets.calling import answer, check_signature
from plimsoll.targets.code import source_files
from plimsoll.targets.conversation import by_turn
from plimsoll.targets.function_model import AskingWorkers, asking_workers
from plimsoll.targets.process import TargetWorker
from plimsoll.targets.values import bind_conversation
from plimsoll.types import Case, Output, TargetInfo

WORKER_MODULE = "plimsoll.targets.function_worker"


@dataclass(frozen=True, slots=True)
class CallableTarget:
    """A function object, called in our own process: for notebooks and tests."""

    info: TargetInfo
    function: Callable[..., Any]
    inputs: Mapping[str, str]
    """The function's parameter → the case's field."""
    pick: str | None = None
    """The entry of a returned dict that is the answer."""
    timeout: float = 300.0
    """Seconds for one case. A sync function that takes longer is given up, and runs on until it returns."""
    concurrency: int = 16

    @property
    def lane(self) -> str:
        """Its own."""
        return f"target {self.info.name}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[CallableTarget]:
        """Nothing to start.

        Raises:
            UsageError: the function can't be called with fields by name.
        """
        check_signature(self.function, self.inputs)
        yield self

    def generation(self, case: Case) -> dict[str, Any] | None:  # noqa: ARG002  # the contract's signature
        """Nobody can know what an object's code depends on: its answers are never reused."""
        return None

    async def run(self, case: Case) -> Output:
        """Call the function with the case's fields."""
        # A copy, so that a function that changes its arguments changes no case.
        values = copy.deepcopy(bind_conversation(case, self.inputs))
        try:
            async with asyncio.timeout(self.timeout):
                return await answer(self.function, values, self.pick)
        except TimeoutError:
            raise CellError(FailureKind.TIMEOUT, f"no answer within {self.timeout:g} s") from None


@dataclass(frozen=True, slots=True)
class FunctionTarget:
    """A function named in a suite, in a worker process of its own."""

    info: TargetInfo
    reference: str
    """`file.py:name` or `package.module:name`."""
    root: Path
    """What the reference is relative to."""
    inputs: Mapping[str, str]
    """The function's parameter → the case's field."""
    pick: str | None
    """The entry of a returned dict that is the answer."""
    timeout: float
    """Seconds for one case; then the worker is killed."""
    concurrency: int
    environment: Mapping[str, str]
    """The worker's whole environment, but for the model."""
    model: ChatModel | None = None
    """What it reaches as OPENAI_BASE_URL and the like; None leaves these variables as they are."""

    @property
    def lane(self) -> str:
        """The model's, where it asks one: its cases wait for it as those of others do."""
        return f"target {self.info.name}" if self.model is None else self.model.name

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_OpenFunction]:
        """Start the worker.

        Raises:
            UsageError: the function can't be loaded, or can't be called with fields by name.
        """
        known = bool(source_files(self.reference, self.root))
        if self.model is None:
            async with self._worker(self.environment, start=True) as worker:
                yield _OpenFunction(self, worker, known)
            return
        async with asking_workers(
            self.model, self.environment, lambda env, start: self._worker(env, start=start)
        ) as some:
            yield _OpenFunction(self, some, known)

    def _worker(self, environment: Mapping[str, str], *, start: bool) -> TargetWorker:
        setup = {
            "reference": self.reference,
            "root": str(self.root),
            "mapped": list(self.inputs),
            "pick": self.pick,
        }
        return TargetWorker(
            module=WORKER_MODULE,
            setup=setup,
            environment=environment,
            folder=self.root,
            timeout=self.timeout,
            start=start,
        )


def generation(target: FunctionTarget, case: Case) -> dict[str, Any]:
    """What a function's answer depends on, where its code is the workspace's; nothing is started to know it."""
    values = by_turn(case, lambda turn: bind_conversation(turn, target.inputs))
    model = {} if target.model is None else {"model": target.model.identity()}
    return {"target": target.info.digest, "values": values, **model}


@dataclass(frozen=True, slots=True)
class _OpenFunction:
    target: FunctionTarget
    worker: TargetWorker | AskingWorkers
    known: bool
    """Its code is the workspace's, so that its digest says when it changed."""

    @property
    def info(self) -> TargetInfo:
        return self.target.info

    @property
    def lane(self) -> str:
        return self.target.lane

    @property
    def concurrency(self) -> int:
        return self.target.concurrency

    def generation(self, case: Case) -> dict[str, Any] | None:
        return generation(self.target, case) if self.known else None

    async def run(self, case: Case) -> Output:
        given = await self.worker.run({"values": bind_conversation(case, self.target.inputs)})
        return given if isinstance(given, Output) else msgspec.convert(given, Output)

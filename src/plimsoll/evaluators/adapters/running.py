"""A library while its evaluators run: its worker and the gateway to their model, from the first call to `aclose`.

A call that takes too long, without its waiting for the model, has its worker killed: it fails, and those beside it go
on in a new one. A failure of the model keeps its kind, whatever the library made of it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.evaluators.adapters.description import READY_TIMEOUT, WORKER
from plimsoll.evaluators.adapters.environment import worker_environment
from plimsoll.evaluators.traits import DEFAULT_TIMEOUT
from plimsoll.models.contract import ChatModel
from plimsoll.targets.process import TargetWorker
from plimsoll.types import Usage

if TYPE_CHECKING:
    from plimsoll.models.gateway import LineCalls, ModelGateway

_AT_ONCE = 16
"""Calls at once in one worker, each in a thread."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one call."""

    raw: Any
    """What the library's module gave; None where it failed."""
    usage: Usage
    failure: CellError | None = None


@dataclass(frozen=True, slots=True)
class _Started:
    worker: TargetWorker
    gateway: ModelGateway | None


@dataclass(slots=True)
class LibraryProcess:
    """The process of a library's evaluators that ask the same model; started by the first call."""

    library: str
    python: Path | None
    model: ChatModel | None
    alone: bool
    """One call at a time."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _started: _Started | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _permits: asyncio.Semaphore | None = None
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def call(self, settings: Mapping[str, Any], values: Mapping[str, Any], limit: float) -> Answered:
        """Score one output.

        Args:
            settings: The evaluator's, as `support.Settings`.
            values: For its parameters.
            limit: Seconds, without waiting for the model.

        Raises:
            UsageError: the library can't be loaded any more.
        """
        started = await self._start()
        assert self._permits is not None
        params = {"settings": dict(settings), "values": dict(values), "alone": self.alone, "endpoint": None}
        async with self._permits:
            if started.gateway is None:
                return await _unjudged(started.worker, params, limit)
            line = f"call-{next(self._numbers)}"
            calls = started.gateway.open_line(line)
            params["endpoint"] = self._endpoint(started.gateway, line)
            try:
                return await _judged(started.worker, params, limit, calls)
            finally:
                started.gateway.close_line(line)

    async def aclose(self) -> None:
        """End the worker, with all that it started, and the gateway. For all whose process it is: once is enough."""
        self._started = None
        await self._stack.aclose()

    async def _start(self) -> _Started:
        async with self._starting:
            if self._started is None:
                self._permits = asyncio.Semaphore(1 if self.alone else _AT_ONCE)
                self._started = await self._running()
            return self._started

    async def _running(self) -> _Started:
        gateway = None
        if self.model is not None:
            from plimsoll.models.gateway import ModelGateway

            gateway = await self._stack.enter_async_context(ModelGateway([self.model]))
        folder = tempfile.TemporaryDirectory(prefix="plimsoll-", ignore_cleanup_errors=True)
        home = Path(self._stack.enter_context(folder))
        worker = TargetWorker(
            module=str(WORKER),
            python=self.python,
            setup={"library": self.library},
            environment=worker_environment(os.environ, home, self.python),
            folder=home,
            timeout=DEFAULT_TIMEOUT,
            ready_timeout=READY_TIMEOUT,
            start=False,
            what=f"the library {self.library}",
            blamed=FailureKind.EVALUATOR,
        )
        return _Started(await self._stack.enter_async_context(worker), gateway)

    def _endpoint(self, gateway: ModelGateway, line: str) -> dict[str, Any]:
        from plimsoll.models.gateway import LINE_HEADER

        assert self.model is not None
        return {
            "base_url": gateway.line_url(0, line),
            "shared_url": gateway.openai_url(0),
            "headers": {LINE_HEADER: json.dumps({"root_run_id": line})},
            "api_key": gateway.key,
            "model": str(self.model.identity().get("model") or self.model.name),
        }


async def _unjudged(worker: TargetWorker, params: Mapping[str, Any], limit: float) -> Answered:
    try:
        return Answered(await worker.run(params, limit=limit), Usage())
    except CellError as error:
        return Answered(None, Usage(), error)


async def _judged(worker: TargetWorker, params: Mapping[str, Any], limit: float, calls: LineCalls) -> Answered:
    from plimsoll.targets.flow_answer import usage_of

    key = params["endpoint"]["api_key"]
    try:
        raw = await worker.run(params, limit=limit, waited=calls.waited)
    except CellError as error:
        return Answered(None, usage_of(calls), _failure(error, calls, key))
    except UsageError as error:
        raise UsageError(error.message.replace(key, "***"), remedy=error.remedy) from None
    return Answered(raw, usage_of(calls), _refused(calls))


def _failure(error: CellError, calls: LineCalls, key: str) -> CellError:
    """The model's failure where that is why the call failed, else the call's own."""
    message = error.message.replace(key, "***")
    of_model = calls.failure_in(message) or _refused(calls)
    if of_model is not None:
        return of_model
    return CellError(error.kind, message, remedy=error.remedy)


def _refused(calls: LineCalls) -> CellError | None:
    """The model's failure after which nothing that the library gives can be believed; None where it had what it asked.

    Libraries put a number in place of what a model did not answer. Only a request that the endpoint does not
    understand may be asked in another form, and counts for nothing where the last one was answered.
    """
    failed = [call for call in calls.calls if call.failure is not None]
    for call in failed:
        assert call.failure is not None
        if call.failure.kind is not FailureKind.INVALID_REQUEST:
            return call.failure
    last = max(calls.calls, key=lambda call: call.start + call.seconds, default=None)
    return None if last is None else last.failure

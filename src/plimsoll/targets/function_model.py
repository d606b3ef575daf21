"""A function that asks the suite's model: worker processes beside the gateway, each with an address of its own there.

The function finds the model where every OpenAI client looks for one, in the environment; so its requests go out with
the suite's retries, limits and credentials, and no key enters the process. An environment is a whole process's: so
that each request is known to be one case's, a process has one case at a time, and there are as many processes as the
model takes requests at once, up to a few. They start as they are needed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from plimsoll.errors import CellError
from plimsoll.models.contract import ChatModel
from plimsoll.targets.flow_connections import Endpoint
from plimsoll.targets.flow_environment import model_environment
from plimsoll.targets.process import TargetWorker
from plimsoll.types import Output, Usage

if TYPE_CHECKING:
    from plimsoll.models.gateway import LineCalls, ModelGateway

MOST_PROCESSES = 8
"""However many requests the model takes: each process holds what the function loads."""


class MakeWorker(Protocol):
    """Makes a process of the function, of its environment and whether it starts at once."""

    def __call__(self, environment: Mapping[str, str], *, start: bool) -> TargetWorker:
        """One that is not started."""


class _Place(NamedTuple):
    worker: TargetWorker
    line: str


class AskingWorkers:
    """The processes of a function that asks a model."""

    def __init__(self, gateway: ModelGateway, places: list[_Place]) -> None:
        """Workers whose first has been started, to see that the function can be called."""
        self._gateway = gateway
        # Last in, first out: no more processes start than there are cases at once.
        self._free: asyncio.LifoQueue[_Place] = asyncio.LifoQueue()
        for place in reversed(places):
            self._free.put_nowait(place)

    async def run(self, params: Mapping[str, Any]) -> Output:
        """Run one case in a process of its own.

        Raises:
            CellError: the function failed; with the model's own failure where that was why.
            UsageError: its code can't be loaded.
        """
        place = await self._free.get()
        calls, began = self._gateway.open_line(place.line), time.time()
        try:
            given = await place.worker.run(params, waited=calls.waited)
        except CellError as error:
            raise _failure(error, calls) from error
        finally:
            self._gateway.close_line(place.line)
            self._free.put_nowait(place)
        return _with_calls(msgspec.convert(given, Output), calls, began)


@asynccontextmanager
async def asking_workers(
    model: ChatModel, environ: Mapping[str, str], worker: MakeWorker
) -> AsyncIterator[AskingWorkers]:
    """Start the gateway and the first process, and end all of them with the block.

    Args:
        model: The suite's.
        environ: What else is in the processes' environment.
        worker: Makes a process.

    Raises:
        UsageError: the function can't be loaded, or can't be called with fields by name.
    """
    from plimsoll.models.gateway import API_VERSION, ModelGateway

    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(ModelGateway([model]))
        places = []
        for number in range(max(1, min(model.concurrency, MOST_PROCESSES))):
            line = f"process-{number}"
            endpoint = Endpoint(
                openai_url=gateway.line_url(0, line),
                azure_url=gateway.line_azure_url(0, line),
                key=gateway.key,
                api_version=API_VERSION,
                model=str(model.identity().get("model") or model.name),
            )
            process = worker(model_environment(environ, endpoint), start=not number)
            started = await stack.enter_async_context(process)
            places.append(_Place(started, line))
        yield AskingWorkers(gateway, places)


def _failure(error: CellError, calls: LineCalls) -> CellError:
    """The function's failure, of the model's kind where its message tells of the model's."""
    from plimsoll.targets.flow_answer import usage_of

    cause = calls.failure_in(error.message)
    requests = usage_of(calls).requests
    if cause is None:
        return CellError(error.kind, error.message, remedy=error.remedy, requests=requests)
    return CellError(cause.kind, cause.message, remedy=cause.remedy, requests=requests, down=cause.down)


def _with_calls(output: Output, calls: LineCalls, began: float) -> Output:
    """The output with what its requests took, unless the function said so itself.

    Raises:
        CellError: a request was refused because the run has to end, and the function went on without it.
    """
    from plimsoll.targets.flow_answer import call_spans, finish_of, model_of, refuse_failure, usage_of, waited

    refuse_failure({}, calls)
    if not calls.calls:
        return output
    latency = None if output.latency is None else max(0.0, output.latency - waited(calls.calls))
    return msgspec.structs.replace(
        output,
        usage=usage_of(calls) if output.usage == Usage() else output.usage,
        latency=latency,
        finish=finish_of(calls.calls) if output.finish == "stop" else output.finish,
        model=output.model or model_of(calls.calls),
        spans=(*output.spans, *call_spans(calls.calls, began)),
    )

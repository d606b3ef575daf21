"""A flow in its worker, beside the gateway to the suite's models: what targets and evaluators run a flow with.

promptflow takes seconds to import, writes to the home folder, starts services, and can end its whole process with exit
code 0: none of that may come near a gate. Worker and gateway start with the first line.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from plimsoll.errors import CellError, MissingExtraError, UsageError
from plimsoll.models.contract import ChatModel
from plimsoll.targets.flow_connections import Endpoint
from plimsoll.targets.flow_copy import DEFAULT_CONNECTION, write_copy
from plimsoll.targets.flow_definition import FlowDefinition
from plimsoll.targets.flow_environment import secret_values, worker_environment
from plimsoll.targets.flow_state import shared_state
from plimsoll.targets.process import TargetWorker

if TYPE_CHECKING:
    from plimsoll.models.failures import Secrets
    from plimsoll.models.gateway import LineCalls, ModelGateway

WORKER_MODULE = "plimsoll.targets.flow_worker"
PACKAGES = ("promptflow-core", "promptflow-tools")
_MOST = 64
"""Lines at once in one worker: each may hold as many threads as the flow has nodes side by side."""
_READY_TIMEOUT = 120.0
"""Importing promptflow takes 4 s of CPU; a machine may be busy, and a flow may load something large."""

ReadT = TypeVar("ReadT")


def require(packages: Sequence[str] = PACKAGES, feature: str = "a flow target") -> None:
    """See that packages are installed, without importing them.

    Raises:
        MissingExtraError: one is not.
    """
    for package in packages:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise MissingExtraError(feature, "promptflow") from None


@dataclass(frozen=True, slots=True)
class FlowSource:
    """A flow with all that it runs with."""

    flow: FlowDefinition
    variant: str | None
    """NODE.VARIANT; None takes each node's default."""
    connections: Mapping[str, ChatModel]
    """Connection name → the model that stands for it."""
    model: ChatModel | None
    """For every other connection, and for the environment."""
    init: Mapping[str, Any]
    """Arguments of a flex class."""
    environment: Mapping[str, str]
    timeout: float
    """Seconds for one line."""

    @property
    def models(self) -> dict[str, ChatModel]:
        """Every model by its connection, the one for all others among them."""
        default = {DEFAULT_CONNECTION: self.model} if self.model is not None else {}
        return {**default, **self.connections}

    @property
    def folder(self) -> Path:
        """The flow's own."""
        return Path(self.flow.document.file).parent


@dataclass(frozen=True, slots=True)
class _Running:
    """What the first line starts."""

    worker: TargetWorker
    gateway: ModelGateway
    secrets: Secrets
    folder: Path
    """The copy's."""


class FlowRunner:
    """Runs a flow's lines. What it has started ends with the block, or with `aclose`."""

    def __init__(self, source: FlowSource) -> None:
        """A runner that has started nothing."""
        self.source = source
        self._stack = AsyncExitStack()
        self._permits = asyncio.Semaphore(1 if shared_state(source.flow.files.values()) else _MOST)
        """Lines at once: one where the flow changes what its process shares."""
        self._running: _Running | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End what was started, if anything was."""
        await self._stack.aclose()
        self._running = None

    async def line(
        self, inputs: Mapping[str, Any], read: Callable[[Mapping[str, Any], LineCalls], ReadT], *, keep: bool = False
    ) -> ReadT:
        """Run one line.

        Args:
            inputs: By the flow's names.
            read: Makes something of what the worker said and of what the line asked of models.
            keep: The worker is to add what the flow's aggregation needs of this line, as `kept`.

        Returns:
            What `read` made.

        Raises:
            CellError: classified; a model's failure keeps its kind.
            UsageError: the flow can't be loaded.
        """
        return await self._call({"inputs": inputs, "keep": keep}, read)

    async def aggregate(self, kept: Sequence[str], read: Callable[[Mapping[str, Any], LineCalls], ReadT]) -> ReadT:
        """Run the flow's aggregation over what was kept of lines.

        Raises:
            CellError: it failed.
            UsageError: the flow can't be loaded.
        """
        return await self._call({"lines": list(kept)}, read)

    async def _call(self, params: Mapping[str, Any], read: Callable[[Mapping[str, Any], LineCalls], ReadT]) -> ReadT:
        from plimsoll.targets.flow_answer import usage_of

        running = await self._start()
        async with self._permits:
            line = f"line-{next(self._numbers)}"
            calls = running.gateway.open_line(line)
            try:
                return read(await running.worker.run({"line": line, **params}), calls)
            except CellError as error:
                raise CellError(
                    error.kind,
                    self._told(running, error.message),
                    remedy=self._told(running, error.remedy),
                    retry_after=error.retry_after,
                    requests=error.requests or usage_of(calls).requests,
                    down=error.down,
                ) from None
            except UsageError as error:
                raise UsageError(self._told(running, error.message), remedy=error.remedy) from None
            finally:
                running.gateway.close_line(line)

    def _told(self, running: _Running, text: str) -> str:
        """A message as it may be shown: without secrets, and with the flow's own folder instead of the copy's."""
        return running.secrets.scrub(text).replace(str(running.folder), str(self.source.folder))

    async def _start(self) -> _Running:
        async with self._starting:
            if self._running is None:
                self._running = await self._started()
            return self._running

    async def _started(self) -> _Running:
        from plimsoll.models.failures import Secrets
        from plimsoll.models.gateway import API_VERSION, ModelGateway

        source = self.source
        models = source.models
        gateway = await self._stack.enter_async_context(ModelGateway(list(models.values())))
        endpoints = {
            name: Endpoint(
                openai_url=gateway.openai_url(index),
                azure_url=gateway.azure_url(index),
                key=gateway.key,
                api_version=API_VERSION,
                model=_model_name(model),
            )
            for index, (name, model) in enumerate(models.items())
        }
        default = endpoints.get(DEFAULT_CONNECTION)
        folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="plimsoll-", ignore_cleanup_errors=True))
        )
        names = {name: endpoint.model for name, endpoint in endpoints.items()}
        written = write_copy(source.flow, folder, source.variant, names)
        worker = TargetWorker(
            module=WORKER_MODULE,
            setup={
                "flow": str(written),
                "connections": {name: asdict(endpoint) for name, endpoint in endpoints.items()},
                "default": asdict(default) if default else None,
                "init": dict(source.init),
            },
            environment=worker_environment(source.environment, folder / "promptflow", default),
            folder=written.parent,
            timeout=source.timeout,
            ready_timeout=_READY_TIMEOUT,
            start=False,
        )
        await self._stack.enter_async_context(worker)
        secrets = Secrets([*secret_values(source.environment), gateway.key])
        return _Running(worker, gateway, secrets, written.parent)


def _model_name(model: ChatModel) -> str:
    """The model's own name at its endpoint, for what the flow shows; the gateway knows it anyway."""
    return str(model.identity().get("model") or model.name)

"""A promptflow flow as a target: a DAG, a flex function or a flex class, unmodified, in a worker process of its own.

promptflow takes seconds to import, writes to the home folder, starts services, and can end its whole process with exit
code 0: none of that may come near a gate. The worker and the gateway to the suite's models start with the first case
that is not cached, while other targets already run; a flow that can't be loaded is then a `UsageError`, once.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import itertools
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.errors import CellError, MissingExtraError, UsageError, near_match
from plimsoll.models.contract import ChatModel
from plimsoll.targets.flow_chat import line_inputs
from plimsoll.targets.flow_connections import Endpoint
from plimsoll.targets.flow_copy import DEFAULT_CONNECTION, check_variant, write_copy
from plimsoll.targets.flow_definition import FlowDefinition, flow_files, read_flow
from plimsoll.targets.flow_environment import secret_values, worker_environment
from plimsoll.targets.flow_state import shared_state
from plimsoll.targets.process import TargetWorker
from plimsoll.types import Case, Output, TargetInfo

if TYPE_CHECKING:
    from plimsoll.models.failures import Secrets
    from plimsoll.targets.flow_gateway import FlowGateway

__all__ = ["FlowTarget", "flow_files"]

WORKER_MODULE = "plimsoll.targets.flow_worker"
PACKAGES = ("promptflow-core", "promptflow-tools")
_MOST = 64
"""Lines at once in one worker: each may hold as many threads as the flow has nodes side by side."""
_READY_TIMEOUT = 120.0
"""Importing promptflow takes 4 s of CPU; a machine may be busy, and a flow may load something large."""


@dataclass(frozen=True, slots=True)
class FlowTarget:
    """A flow, described."""

    info: TargetInfo
    flow: Path
    """Its folder or YAML."""
    inputs: Mapping[str, str]
    """The flow's input → the case's field."""
    pick: str | None
    """The output that is the answer; None takes a chat flow's marked one, the only one, or all."""
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
    """Seconds for one case."""
    concurrency: int
    lane: str

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_OpenFlow]:
        """Check what can be checked without starting anything.

        Raises:
            UsageError: promptflow is not installed; or there is no such flow, variant, input or output.
            ConfigError: mistakes in the flow's YAML.
        """
        require(PACKAGES)
        flow = read_flow(self.flow)
        _check(flow, self)
        alone = bool(shared_state(flow.files.values()))
        async with AsyncExitStack() as stack:
            yield _OpenFlow(self, flow, stack, asyncio.Semaphore(1 if alone else _MOST))


def require(packages: Sequence[str]) -> None:
    """See that packages are installed, without importing them.

    Raises:
        MissingExtraError: one is not.
    """
    for package in packages:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise MissingExtraError("a flow target", "promptflow") from None


def _check(flow: FlowDefinition, target: FlowTarget) -> None:
    if target.variant is not None:
        check_variant(flow, target.variant)
    if target.init and flow.kind == "dag":
        raise UsageError(f"target {target.info.name}: `init` is for flex classes, and this flow is a DAG")
    for name in target.inputs:
        if flow.inputs is not None and name not in flow.inputs:
            raise UsageError(f"{flow.document.file} has no input {name!r}", remedy=near_match(name, flow.inputs))
    if target.pick is not None and flow.outputs is not None and target.pick not in flow.outputs:
        remedy = near_match(target.pick, flow.outputs)
        raise UsageError(f"{flow.document.file} has no output {target.pick!r}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class _Running:
    """What the first case starts."""

    worker: TargetWorker
    gateway: FlowGateway
    secrets: Secrets
    folder: Path
    """The copy's."""

    def told(self, text: str, flow: Path) -> str:
        """A message as it may be shown: without secrets, and with the flow's own folder instead of the copy's."""
        return self.secrets.scrub(text).replace(str(self.folder), str(flow))


@dataclass(slots=True)
class _OpenFlow:
    target: FlowTarget
    flow: FlowDefinition
    stack: AsyncExitStack
    permits: asyncio.Semaphore
    """Lines at once: one where the flow changes what its process shares."""
    _running: _Running | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def info(self) -> TargetInfo:
        return self.target.info

    @property
    def lane(self) -> str:
        return self.target.lane

    @property
    def concurrency(self) -> int:
        return self.target.concurrency

    def generation(self, case: Case) -> dict[str, Any]:
        """The flow's files, variant and init (the target's digest), the models where they are now, and the inputs."""
        target = self.target
        return {
            "target": target.info.digest,
            "models": {name: model.identity() for name, model in _by_connection(target).items()},
            "values": line_inputs(self.flow, case, target.inputs),
        }

    async def run(self, case: Case) -> Output:
        """Run the flow for a case.

        Raises:
            CellError: classified; a model's failure keeps its kind.
            UsageError: the flow can't be loaded.
        """
        inputs = line_inputs(self.flow, case, self.target.inputs)
        running = await self._start()
        async with self.permits:
            return await self._line(running, inputs)

    async def _line(self, running: _Running, inputs: Mapping[str, Any]) -> Output:
        from plimsoll.targets.flow_answer import flow_output, usage_of

        line = f"line-{next(self._numbers)}"
        calls = running.gateway.open_line(line)
        try:
            answer = await running.worker.run({"line": line, "inputs": inputs})
            return flow_output(answer, calls, self.target.pick or self.flow.answer)
        except CellError as error:
            raise CellError(
                error.kind,
                running.told(error.message, self._folder),
                remedy=running.told(error.remedy, self._folder),
                retry_after=error.retry_after,
                requests=error.requests or usage_of(calls).requests,
                down=error.down,
            ) from None
        except UsageError as error:
            raise UsageError(running.told(error.message, self._folder), remedy=error.remedy) from None
        finally:
            running.gateway.close_line(line)

    @property
    def _folder(self) -> Path:
        return Path(self.flow.document.file).parent

    async def _start(self) -> _Running:
        async with self._starting:
            if self._running is None:
                self._running = await self._started()
            return self._running

    async def _started(self) -> _Running:
        from plimsoll.models.failures import Secrets
        from plimsoll.targets.flow_gateway import API_VERSION, FlowGateway

        target = self.target
        models = _by_connection(target)
        gateway = await self.stack.enter_async_context(FlowGateway(list(models.values())))
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
            self.stack.enter_context(tempfile.TemporaryDirectory(prefix="plimsoll-", ignore_cleanup_errors=True))
        )
        names = {name: endpoint.model for name, endpoint in endpoints.items()}
        written = write_copy(self.flow, folder, target.variant, names)
        worker = TargetWorker(
            module=WORKER_MODULE,
            setup={
                "flow": str(written),
                "connections": {name: asdict(endpoint) for name, endpoint in endpoints.items()},
                "default": asdict(default) if default else None,
                "init": dict(target.init),
            },
            environment=worker_environment(target.environment, folder / "promptflow", default),
            folder=written.parent,
            timeout=target.timeout,
            ready_timeout=_READY_TIMEOUT,
            start=False,
        )
        await self.stack.enter_async_context(worker)
        secrets = Secrets([*secret_values(target.environment), gateway.key])
        return _Running(worker, gateway, secrets, written.parent)


def _by_connection(target: FlowTarget) -> dict[str, ChatModel]:
    default = {DEFAULT_CONNECTION: target.model} if target.model is not None else {}
    return {**default, **target.connections}


def _model_name(model: ChatModel) -> str:
    """The model's own name at its endpoint, for what the flow shows; the gateway knows it anyway."""
    return str(model.identity().get("model") or model.name)

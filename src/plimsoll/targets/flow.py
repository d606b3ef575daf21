"""A promptflow flow as a target: a DAG, a flex function or a flex class, unmodified, in a worker process of its own.

The worker and the gateway to the suite's models start with the first case that is not cached, while other targets
already run; a flow that can't be loaded is then a `UsageError`, once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.errors import UsageError, near_match
from plimsoll.models.contract import ChatModel
from plimsoll.targets.conversation import by_turn
from plimsoll.targets.flow_chat import line_inputs
from plimsoll.targets.flow_copy import check_variant
from plimsoll.targets.flow_definition import FlowDefinition, flow_files, read_flow
from plimsoll.targets.flow_running import FlowRunner, FlowSource, require
from plimsoll.types import Case, Output, TargetInfo

if TYPE_CHECKING:
    from plimsoll.models.gateway import LineCalls

__all__ = ["FlowTarget", "flow_files"]


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
        require()
        flow = read_flow(self.flow)
        _check(flow, self)
        source = FlowSource(
            flow=flow,
            variant=self.variant,
            connections=self.connections,
            model=self.model,
            init=self.init,
            environment=self.environment,
            timeout=self.timeout,
        )
        async with FlowRunner(source) as runner:
            yield _OpenFlow(self, runner)


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
class _OpenFlow:
    target: FlowTarget
    runner: FlowRunner

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
            "models": {name: model.identity() for name, model in self.runner.source.models.items()},
            "values": by_turn(case, lambda turn: line_inputs(self.runner.source.flow, turn, target.inputs)),
        }

    async def run(self, case: Case) -> Output:
        """Run the flow for a case.

        Raises:
            CellError: classified; a model's failure keeps its kind.
            UsageError: the flow can't be loaded.
        """
        flow = self.runner.source.flow
        return await self.runner.line(line_inputs(flow, case, self.target.inputs), self._output)

    def _output(self, answer: Mapping[str, Any], calls: LineCalls) -> Output:
        from plimsoll.targets.flow_answer import flow_output

        return flow_output(answer, calls, self.target.pick or self.runner.source.flow.answer)

"""The worker of a flow, which loads one flow, runs a line for each case, and its aggregation over lines.

All lines run on one event loop in a thread of its own: the flow's async clients belong to one loop, a flow that blocks
it leaves the pipes served, and `sys.exit` in a node, which stops a loop, ends its line and nothing else. A line is
never cancelled: that makes promptflow end the process with exit code 0. Our parent kills it instead.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plimsoll.errors import UsageError
from plimsoll.targets.flow_aggregation import figures_of, kept_of
from plimsoll.targets.flow_connections import Connections, Endpoint
from plimsoll.targets.flow_signatures import entry_signatures
from plimsoll.workers import WorkerCallError
from plimsoll.workers.child import serve

_SHOWN = 10_000
"""Longest text that is kept of a node's inputs or output."""


class _Loop:
    """An event loop in a thread that outlives whatever runs on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="flow", daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # A node's sys.exit stops the loop; its task holds it as its error, and the others go on.
                continue

    async def call(self, work: Any) -> Any:
        """Run a coroutine there. `SystemExit` is an error like any."""
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_guarded(work), self._loop))
        except SystemExit as error:
            raise RuntimeError(f"sys.exit({error.code!r}) was called") from None


async def _guarded(work: Any) -> Any:
    try:
        return await work
    except SystemExit as error:
        raise RuntimeError(f"sys.exit({error.code!r}) was called") from None


class _Worker:
    def __init__(self) -> None:
        self._loop = _Loop()
        self._executor: Any = None

    async def setup(self, params: Any) -> None:
        """Load the flow."""
        try:
            self._executor = await self._loop.call(_load(params))
        except UsageError as error:
            raise WorkerCallError("usage", error.message, data={"remedy": error.remedy}) from error
        except Exception as error:
            message = f"the flow can't be loaded: {_told(error)}"
            raise WorkerCallError("usage", message, data={"remedy": _remedy(error)}) from error

    async def run(self, params: Any) -> dict[str, Any]:
        """Run one line: its output or its error, and the nodes that ran. Or, given `lines`, their aggregation."""
        if "lines" in params:
            return await self._aggregate(params)
        started, clock = time.time(), time.perf_counter()
        try:
            result = await self._loop.call(self._executor.exec_line_async(params["inputs"], run_id=params["line"]))
        except Exception as error:  # noqa: BLE001  # the boundary: whatever a flow raises is its line's failure
            return {"started": started, "nodes": [], "error": _told(error), "node": None}
        seconds = time.perf_counter() - clock
        answer = {"started": started, "seconds": seconds, "nodes": _nodes(result)}
        # A flex flow never raises, and leaves a coroutine where its output should be: only the status tells.
        if result.run_info.status.value != "Completed":
            node, message = _failure(result)
            return {**answer, "error": message, "node": node}
        try:
            found = {"output": _output(self._executor, result.output)}
            if params.get("keep"):
                found["kept"] = kept_of(self._executor, params["inputs"], result, found["output"])
        except (TypeError, ValueError) as error:
            return {**answer, "error": f"the flow's output has no JSON form: {error}", "node": None}
        return {**answer, **found}

    async def _aggregate(self, params: Any) -> dict[str, Any]:
        lines = [json.loads(line) for line in params["lines"]]
        try:
            return {"figures": await self._loop.call(figures_of(self._executor, lines, params["line"]))}
        except Exception as error:  # noqa: BLE001  # the boundary: whatever it raises is the aggregation's failure
            return {"error": _told(error), "node": None}


async def _load(params: Mapping[str, Any]) -> Any:
    from promptflow.core import _prompty_utils
    from promptflow.executor import FlowExecutor

    file = Path(params["flow"])
    default = params["default"]
    connections = Connections(
        {name: Endpoint(**endpoint) for name, endpoint in params["connections"].items()},
        Endpoint(**default) if default else None,
    )
    # A prompty in a flex flow may name a connection. promptflow would look for it in a key store in the home folder,
    # and offers no other way.
    _prompty_utils.get_connection_by_name = connections.as_value
    data = _read(file)
    init = None
    if "entry" in data:
        signatures = entry_signatures(file.parent, str(data["entry"]))
        given = params["init"] or (data.get("sample") or {}).get("init") or {}
        init, named = connections.of_class(given, signatures.init if signatures else {})
    else:
        named = connections.of_dag(data, file.parent, _package_types)
    return FlowExecutor.create(
        file,
        connections=named,
        working_dir=file.parent,
        raise_ex=False,
        init_kwargs=init,
        env_exporter_setup=False,
    )


def _read(file: Path) -> dict[str, Any]:
    from promptflow._utils.yaml_utils import load_yaml  # its reading is the one that counts

    with file.open(encoding="utf-8") as stream:
        data: dict[str, Any] = load_yaml(stream)
    return data


def _package_types(tool: str) -> dict[str, Sequence[str]]:
    from promptflow._core.tools_manager import ToolLoader  # the only reader of tools' definitions

    definition = ToolLoader(".", package_tool_keys=[tool]).load_package_tool(tool)
    return {
        name: [str(getattr(kind, "value", kind)) for kind in given.type] for name, given in definition.inputs.items()
    }


def _told(error: BaseException) -> str:
    told = " ".join(str(error).split()) or "no message"
    return told if type(error).__name__ in told or type(error) is RuntimeError else f"{type(error).__name__}: {told}"


def _remedy(error: BaseException) -> str | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError):
            return f"install what the flow's requirements name ({cause.name}) beside plimsoll"
        cause = cause.__cause__ or cause.__context__
    return None


def _failure(result: Any) -> tuple[str | None, str]:
    """The node that failed first, and what it said."""
    failed = [run for run in result.node_run_infos.values() if run.status.value == "Failed"]
    first = min(failed, key=lambda run: run.end_time, default=None)
    error = (first or result.run_info).error or {}
    return (first.node if first else None), str(error.get("message") or "the line failed without a message")


def _nodes(result: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": run.node,
            "start": _epoch(run.start_time),
            "seconds": max(0.0, _epoch(run.end_time) - _epoch(run.start_time)),
            "inputs": _shown({name: value for name, value in (run.inputs or {}).items() if not name.startswith("_")}),
            "output": _shown(run.output),
            "error": None if run.error is None else str(run.error.get("message", "")),
        }
        for run in result.node_run_infos.values()
        if run.status.value != "Bypassed" and run.start_time and run.end_time
    ]


def _epoch(moment: datetime) -> float:
    # promptflow's times are UTC without saying so.
    return moment.replace(tzinfo=UTC).timestamp()


def _output(executor: Any, value: Any) -> Any:
    from promptflow.tracing._utils import serialize  # how promptflow itself writes outputs

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    # An image becomes text in promptflow's own form of it.
    plain = executor._multimedia_processor.convert_multimedia_data_to_base64_dict(value)  # noqa: SLF001  # nothing public does it
    return json.loads(json.dumps(serialize(plain)))


def _shown(value: Any) -> Any:
    """A JSON value that can stand for `value` in a trace: cut where it is long, text where it has no JSON form."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}… ({len(value)} characters)"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return _shown(str(value))


def _import() -> None:
    import promptflow.executor  # noqa: F401  # seconds: once, before we say that we are ready
    from promptflow.tracing._integrations._openai_injector import inject_openai_api

    # What the first line would do otherwise, and count as its latency.
    inject_openai_api()
    # The flow's folder after all that: its json.py is no module of promptflow's.
    sys.path.insert(0, str(Path.cwd()))


def main() -> None:
    """Serve until the parent is gone."""
    worker = _Worker()
    serve({"setup": worker.setup, "run": worker.run}, prepare=_import)


if __name__ == "__main__":
    main()

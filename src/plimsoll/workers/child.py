"""The child's side of a worker: serve calls from the parent until it closes our stdin, then leave at once.

Plug-ins print, block, call `sys.exit` and start processes of their own. So the pipes are taken private before any of
their code runs, a thread watches stdin whatever the event loop does, and leaving is `os._exit` of the whole group.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias

from plimsoll.workers import wire
from plimsoll.workers.errors import WorkerCallError

Handler: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Takes the call's params (a JSON value), gives a JSON value."""

_CHUNK = 256 * 1024


def serve(handlers: Mapping[str, Handler], *, prepare: Callable[[], object] | None = None) -> NoReturn:
    """Serve calls until the parent is gone. Call it before anything that may print is imported.

    Args:
        handlers: method → async function of the params. What it raises, `SystemExit` too, is the call's error.
        prepare: called once the pipes are safe and before we are ready: heavy imports, opening a model.
    """
    pipes = _take_pipes()
    watcher = _Watcher(pipes.calls)
    watcher.start()
    if prepare is not None:
        prepare()
    asyncio.run(_serve(handlers, watcher, pipes))
    raise AssertionError("unreachable: only the watcher ends a worker")


class _Pipes:
    """The private ends of what were stdin and stdout."""

    def __init__(self, calls: int, answers: int) -> None:
        self.calls = calls
        self._answers = answers

    def send(self, line: bytes) -> None:
        """Write one message whole; the parent always reads, so this hardly ever waits."""
        left = memoryview(line)
        while left:
            left = left[os.write(self._answers, left) :]


def _take_pipes() -> _Pipes:
    # A dup is not inherited by processes that plug-ins start; they get an empty stdin, and stderr for stdout.
    pipes = _Pipes(os.dup(0), os.dup(1))
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        # Leaving by os._exit flushes nothing.
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper in a fresh interpreter
    return pipes


class _Watcher(threading.Thread):
    """Reads calls, and ends the process when there is nobody left to call."""

    def __init__(self, source: int) -> None:
        super().__init__(name="plimsoll-worker-stdin", daemon=True)
        self._source = source
        self._lock = threading.Lock()
        self._early: list[bytes] = []
        self._deliver: Callable[[bytes], object] | None = None

    def attach(self, deliver: Callable[[bytes], object]) -> None:
        """Deliver every line from now on, and those that came early."""
        with self._lock:
            for line in self._early:
                deliver(line)
            self._early.clear()
            self._deliver = deliver

    def run(self) -> None:
        lines = wire.LineBuffer()
        while chunk := self._read():
            for line in lines.feed(chunk):
                with self._lock:
                    (self._deliver or self._early.append)(line)
        _leave()

    def _read(self) -> bytes:
        try:
            return os.read(self._source, _CHUNK)
        except OSError:
            return b""


def _leave() -> NoReturn:
    if os.name == "posix" and os.getpgrp() == os.getpid():
        # What plug-ins started goes with us. This ends us too.
        with suppress(OSError):
            os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(0)


async def _serve(handlers: Mapping[str, Handler], watcher: _Watcher, pipes: _Pipes) -> None:
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()

    def begin(line: bytes) -> None:
        task = loop.create_task(_answer(handlers, line, pipes))
        running.add(task)
        task.add_done_callback(running.discard)

    watcher.attach(lambda line: loop.call_soon_threadsafe(begin, line))
    # On a line of its own, whatever was printed before the pipes were taken.
    pipes.send(b"\n" + wire.encode({wire.READY: os.getpid()}))
    await loop.create_future()


async def _answer(handlers: Mapping[str, Handler], line: bytes, pipes: _Pipes) -> None:
    call = wire.decode(line)
    if call is None:
        return
    try:
        result = await _handler(handlers, call["method"])(call["params"])
        reply = wire.encode({"id": call["id"], "result": result})
    except BaseException as error:  # noqa: BLE001  # the boundary: a plug-in's sys.exit or cancellation is its failure, not our end
        reply = wire.encode({"id": call["id"], "error": _error(error)})
    with suppress(OSError):
        # Nobody reads any more: the watcher is about to end us.
        pipes.send(reply)


def _handler(handlers: Mapping[str, Handler], method: str) -> Handler:
    if method not in handlers:
        raise WorkerCallError("UnknownMethod", f"the worker has no method {method!r}; it has {', '.join(handlers)}")
    return handlers[method]


def _error(error: BaseException) -> dict[str, Any]:
    if isinstance(error, WorkerCallError):
        return {"kind": error.kind, "message": error.message, "data": error.data, "traceback": error.traceback}
    trace = "".join(traceback.format_exception(error))
    return {
        "kind": type(error).__name__,
        "message": str(error).strip() or "no message",
        "data": None,
        "traceback": trace,
    }

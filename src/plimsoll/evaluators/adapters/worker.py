"""The process in which another library's evaluators run: `python worker.py`, in that library's environment.

Any Python from 3.10 will do, with the standard library and the wrapped library; plimsoll need not be installed there.
Each call runs in a thread of its own, so that one that blocks holds back no other, and makes the library's object anew.
"""

from __future__ import annotations

import sys

# The folder of this script, which Python puts first: no module of ours may stand in for one that is installed.
sys.path.pop(0)

import asyncio
import importlib
import inspect
import numbers
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def _plimsoll() -> Iterator[None]:
    """Single modules of plimsoll can be imported, without it: what its packages import at their top is not run.

    They are forgotten afterwards, so that code of the user's can import the whole where it is installed.
    """
    for name in ("plimsoll", "plimsoll.workers", "plimsoll.evaluators", "plimsoll.evaluators.adapters"):
        package = ModuleType(name)
        package.__path__ = [str(_ROOT.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "plimsoll"]:
            del sys.modules[name]


with _plimsoll():
    from plimsoll.workers.child import serve
    from plimsoll.workers.errors import WorkerCallError


class _Worker:
    """One library; its evaluators are told apart by the settings that come with each call."""

    def __init__(self) -> None:
        self._library: Any = None

    async def describe(self, params: Any) -> Any:
        """Describe an evaluator."""
        library = _module(params["library"])
        return await _usable(params["library"], lambda: library.describe(params["settings"]))

    async def setup(self, params: Any) -> None:
        """Import the library, so that no call's time is spent on it."""
        self._library = _module(params["library"])
        await _usable(params["library"], self._library.load)

    async def run(self, params: Any) -> Any:
        """Score one output."""
        endpoint = params["endpoint"]
        if endpoint is not None:
            address = endpoint["base_url" if params["alone"] else "shared_url"]
            os.environ.update(OPENAI_API_KEY=endpoint["api_key"], OPENAI_BASE_URL=address, OPENAI_API_BASE=address)
        return _plain(await _in_thread(lambda: self._evaluate(params["settings"], endpoint, params["values"])))

    def _evaluate(self, settings: Any, endpoint: Any, values: Any) -> Any:
        library = self._library
        if inspect.iscoroutinefunction(library.evaluate):

            async def whole() -> Any:
                return await library.evaluate(library.build(settings, endpoint), values)

            return asyncio.run(whole())
        return library.evaluate(library.build(settings, endpoint), values)


def _module(library: str) -> Any:
    with _plimsoll():
        return importlib.import_module(f"plimsoll.evaluators.adapters.libraries.{library}")


async def _usable(library: str, work: Callable[[], Any]) -> Any:
    try:
        return await _in_thread(work)
    except ValueError as error:
        raise WorkerCallError("usage", str(error)) from error
    except ImportError as error:
        raise WorkerCallError("usage", f"{library} can't be imported in {sys.prefix}: {error}") from error


async def _in_thread(work: Callable[[], Any]) -> Any:
    """Run it in a new thread: a pool's are few, and one that hangs would be missing from it."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  # the boundary: a library's sys.exit is this call's failure
            done.set_exception(RuntimeError(f"sys.exit({error})") if isinstance(error, SystemExit) else error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(done)


def _plain(value: Any) -> Any:
    """A JSON value, with numpy's numbers as Python's and enums as their values; never text for what is none."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Enum) or (type(value).__module__ == "numpy" and hasattr(value, "item")):
        return _plain(value.value if isinstance(value, Enum) else value.item())
    if value is None or isinstance(value, (bool, str, int)):
        return value
    return float(value) if isinstance(value, numbers.Real) else {"no JSON form": type(value).__name__}


if __name__ == "__main__":
    worker = _Worker()
    serve({"describe": worker.describe, "setup": worker.setup, "run": worker.run})

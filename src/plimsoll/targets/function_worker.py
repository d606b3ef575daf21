"""The worker of a function target: loads one function, and calls it for each case."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plimsoll.errors import CellError, UsageError
from plimsoll.targets.code import load_callable
from plimsoll.targets.function import call
from plimsoll.workers import WorkerCallError
from plimsoll.workers.child import serve


class _Worker:
    def __init__(self) -> None:
        self._function: Callable[..., Any] | None = None

    async def setup(self, params: Any) -> None:
        """Load the function."""
        try:
            self._function = load_callable(params["reference"], Path(params["root"]))
        except UsageError as error:
            raise WorkerCallError("usage", error.message, data={"remedy": error.remedy}) from error

    async def run(self, params: Any) -> dict[str, Any]:
        """Call it."""
        assert self._function is not None, "setup comes first"
        started = time.perf_counter()
        try:
            value = await call(self._function, params["values"])
        except CellError as error:
            data = {"kind": error.kind, "remedy": error.remedy}
            raise WorkerCallError("cell", error.message, data=data) from error
        return {"value": value, "seconds": time.perf_counter() - started}


def main() -> None:
    """Serve until the parent is gone."""
    worker = _Worker()
    serve({"setup": worker.setup, "run": worker.run})


if __name__ == "__main__":
    main()

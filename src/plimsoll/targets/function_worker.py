"""The worker of a function target: loads one function, and calls it for each case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from plimsoll.errors import CellError, UsageError
from plimsoll.targets.calling import answer, check_signature
from plimsoll.targets.code import load_callable
from plimsoll.workers import WorkerCallError
from plimsoll.workers.child import serve


class _Worker:
    def __init__(self) -> None:
        self._function: Callable[..., Any] | None = None
        self._pick: str | None = None

    async def setup(self, params: Any) -> None:
        """Load the function."""
        self._pick = params["pick"]
        try:
            self._function = load_callable(params["reference"], Path(params["root"]))
            check_signature(self._function, params["mapped"])
        except UsageError as error:
            raise WorkerCallError("usage", error.message, data={"remedy": error.remedy}) from error

    async def run(self, params: Any) -> Any:
        """Call it."""
        assert self._function is not None, "setup comes first"
        try:
            return msgspec.to_builtins(await answer(self._function, params["values"], self._pick))
        except CellError as error:
            data = {"kind": error.kind, "remedy": error.remedy}
            raise WorkerCallError("cell", error.message, data=data) from error


def main() -> None:
    """Serve until the parent is gone."""
    worker = _Worker()
    serve({"setup": worker.setup, "run": worker.run})


if __name__ == "__main__":
    main()
